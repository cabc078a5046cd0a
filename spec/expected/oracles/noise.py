"""How large the numbers are that a function works with, read off the noise of its values.

A program that runs on NumPy shows its intermediates (:mod:`spec.expected.magnitude`).  A function
of somebody else's shows nothing but values, yet their last digits tell: a sixth difference of
closely spaced values is nothing but their rounding, since what a smooth function contributes to it
is the sixth power of the spacing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .differences import reaches
from .estimate import EPS, Function, evaluate, real_point

SPACING = 2.0**-16
POINTS = range(-6, 7)
# The variance of a sixth difference, in that of one value: the sum of the squared binomials.
VARIANCE = 924


def largest_number(f: Function, x: ArrayLike, v: ArrayLike) -> float:
    """Estimate the largest intermediate of a call of `f` near `x`, in 13 calls along `v`.

    It is what `largest` means to the differences, and at least 1.  A kink or a jump nearby looks
    like noise: the number is then huge, and what the differences find is inconclusive.
    """
    point, direction = real_point(x), real_point(v, "v")
    step = direction * (SPACING / (reaches(point, direction) or 1.0))
    values = np.stack([evaluate(f, point + k * step) for k in POINTS])
    with np.errstate(all="ignore"):
        noise = np.sqrt(np.mean(np.abs(np.diff(values, 6, axis=0)) ** 2, axis=0) / VARIANCE)
        scale = EPS * (1 + np.max(np.abs(values), axis=0))
        return float(np.max(noise / scale, initial=1.0))
