"""Derivatives that share no code with what they judge.

The functions under differentiation are plain NumPy callables of one flat vector that return one
flat vector; `spec.expected.expectation` leads there from the trees of a case, and back.

==================  =====================================================  ==================
`complex_step`      Jacobian, exact to rounding, analytic programs only    n calls
`central`           Jacobian, any smooth function                          6 n + 1 calls
`directional`       one direction of it                                    7 calls
`second`            second derivatives, analytic programs only             6 n^2 + n calls
`second_values`     one bilinear form of them, from values alone           13 calls
`hessian_values`    all of them, from values alone                         13 per pair
`holomorphic`       complex derivative of a holomorphic function           12 n + 2 calls
`wirtinger`         JAX's gradient of a real function of complex numbers   12 n + 3 calls
`largest_number`    what the differences are told as `largest`             13 calls
==================  =====================================================  ==================

`judge` compares a derivative with one or more estimates. Points where a function is not smooth
belong in tables, not here: a kink in the first or second derivative exactly at the point is
recognised and inconclusive for `central` and `directional`; `second_values` sees only the former.
"""

from .complexstep import complex_step, second
from .differences import (
    central,
    directional,
    hessian_values,
    holomorphic,
    second_values,
    wirtinger,
)
from .estimate import Array, Estimate, Function
from .judgement import Decision, Judgement, judge
from .noise import largest_number

__all__ = [
    "Array",
    "Decision",
    "Estimate",
    "Function",
    "Judgement",
    "central",
    "complex_step",
    "directional",
    "hessian_values",
    "holomorphic",
    "judge",
    "largest_number",
    "second",
    "second_values",
    "wirtinger",
]
