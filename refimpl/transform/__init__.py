"""State-aware transforms of functions."""

from .branches import cond, switch
from .checkpoint import checkpoint
from .compile import Jitted as Jitted  # what jit returns, for annotations
from .compile import jit
from .family import grad, hessian, jacfwd, jacobian, jacrev, vector_grad
from .finder import StateFinder
from .gradient import GradientTransform
from .lanes import vmap
from .loops import for_loop, scan, while_loop
from .products import fwd_grad, jvp, vjp

__all__ = [
    "GradientTransform",
    "StateFinder",
    "checkpoint",
    "cond",
    "for_loop",
    "fwd_grad",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "scan",
    "switch",
    "vector_grad",
    "vjp",
    "vmap",
    "while_loop",
]
