"""How large the numbers are that a function works with, read off the noise of its values.

A program that runs on NumPy shows its intermediates (:mod:`spec.expected.magnitude`).  A function
of somebody else's shows nothing but values, yet their last digits tell: over a distance so short
that a smooth function is a cubic polynomial there, what its values deviate from one is rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .differences import reaches
from .estimate import EPS, Function, evaluate, real_point

DISTANCE = 2.0**-14
DEGREE = 3
# Unevenly spaced: the rounding of even steps may itself go up evenly, and look like a slope.
OFFSETS = np.sqrt(np.arange(13)) - 2.0
# The polynomials, as an orthonormal basis.
POLYNOMIALS = np.linalg.qr(np.vander(OFFSETS, DEGREE + 1))[0]


def largest_number(f: Function, x: ArrayLike, v: ArrayLike) -> float:
    """Estimate the largest intermediate of a call of `f` near `x`, in 13 calls along `v`.

    It is what `largest` means to the differences, and at least 1.  A kink or a jump nearby looks
    like noise: the number is then huge, and what the differences find is inconclusive.
    """
    point, direction = real_point(x), real_point(v, "v")
    step = direction * (DISTANCE / (reaches(point, direction) or 1.0))
    values = np.stack([evaluate(f, point + offset * step) for offset in OFFSETS])
    with np.errstate(all="ignore"):
        moves = values - values[0]
        rest = moves - POLYNOMIALS @ (POLYNOMIALS.T @ moves)
        noise = np.sqrt(np.sum(np.abs(rest) ** 2, axis=0) / (len(OFFSETS) - DEGREE - 1))
        scale = EPS * (1 + np.max(np.abs(values), axis=0))
        return float(np.max(noise / scale, initial=1.0))
