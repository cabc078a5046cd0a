"""State-aware transforms of functions."""

from .compile import jit
from .family import grad, hessian, jacfwd, jacobian, jacrev, vector_grad
from .finder import StateFinder
from .gradient import GradientTransform
from .products import fwd_grad, jvp, vjp

__all__ = [
    "GradientTransform",
    "StateFinder",
    "fwd_grad",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "vector_grad",
    "vjp",
]
