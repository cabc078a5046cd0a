"""Derivatives from function values alone: central differences with an embedded error estimate.

Every direction is first scaled so that it moves no coordinate by more than that coordinate's
*reach*, max(1, |x_i|) rounded down to a power of two; the power of two makes nearly all stencil
points exact. Along the scaled direction the step is a constant, and with the values g_k at
x + k h w

    tol = 2 |D6 - D4| + 8 eps (M (1 + G) + L) / h + kink,
    G = max |g_k|,   L = max |g_k+1 - g_k| / h

D6 and D4 are the sixth- and fourth-order differences from the same points. G stands for rounding
of the values, L for rounding of the arguments times the slope, and M, `largest`, for intermediates
that the values do not show: the sine of 1000 is known to 1000 eps only. It is 1 where the caller
does not know better. `kink` is zero for smooth functions, see `_kink`.

Limits: a function that oscillates within a step (sin(1000 x)) is aliased and both orders agree on
a wrong value, so functions must be tame by construction; large intermediates that cancel
((1e4 + a) - 1e4) make noise that the formula sees through `largest` alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .estimate import EPS, Array, Estimate, Function, complex_point, evaluate, real_point

STEP = 2.0**-10
SECOND_STEP = 2.0**-7
# Differences between one-sided derivatives of a smooth function stay below this share of 1 + |D|:
# the leading term is h^3 f''''/2 = 5e-10 f''''.
KINK_LIMIT = 1e-6

# Weights of g_k - g_-k, and of g_k + g_-k - 2 g_0, for k = 1, 2, 3. Subtracting first makes the
# derivative of a constant exactly zero.
_FIRST_6 = np.array([45, -9, 1]) / 60
_FIRST_4 = np.array([8, -1, 0]) / 12
_SECOND_6 = np.array([270, -27, 2]) / 180
_SECOND_4 = np.array([16, -1, 0]) / 12
# The same weights give the gap between right and left slopes from the even part, and between
# right and left curvatures from the odd part.
_SLOPE_GAP = np.array([18, -9, 2]) / 6
_CURVATURE_GAP = np.array([-5, 4, -1])


def central(
    f: Function, x: ArrayLike, directions: ArrayLike | None = None, *, largest: float = 1.0
) -> Estimate:
    """Estimate the Jacobian of `f` at `x` by sixth-order central differences.

    Parameters
    ----------
    f
        Maps a float64 vector of size n to a flat vector of size m. Called 6 times per column,
        and once at `x`.
    x
        The point, a real vector of size n.
    directions
        An (n, k) array of columns; the result is then J @ directions. Default: the identity.
    largest
        The largest intermediate of a call of `f`, at least 1.

    Returns
    -------
    Estimate
        Of shape (m, n), or (m, k).
    """
    point = real_point(x)
    columns = np.eye(point.size) if directions is None else np.asarray(directions)
    if columns.dtype.kind == "c":
        raise TypeError("directions is complex; expected real columns")
    if columns.ndim != 2 or columns.shape[0] != point.size:
        raise ValueError(
            f"directions has shape {columns.shape}; expected ({point.size}, k) for an x of "
            f"size {point.size}"
        )
    return first_differences(f, point, columns, largest)


def directional(
    f: Function, x: ArrayLike, v: ArrayLike, *, largest: float = 1.0
) -> Estimate:
    """Estimate the derivative of `f` at `x` along `v` with 7 calls, whatever the size of `x`."""
    direction = real_point(v, "v")
    if direction.shape != np.shape(x):
        raise ValueError(f"v has shape {direction.shape}; expected {np.shape(x)}")
    estimate = central(f, x, direction[:, None], largest=largest)
    return Estimate(estimate.value[:, 0], estimate.tol[:, 0])


def second_values(
    f: Function, x: ArrayLike, u: ArrayLike, v: ArrayLike, *, largest: float = 1.0
) -> Estimate:
    """Estimate u' H v for every output of `f` from its values alone.

    Sixth-order second differences along u + v and u - v (polarisation), with the fourth-order
    ones from the same points as error estimate. It shares nothing with first derivatives, which
    makes it the independent check of `second`.
    """
    point = real_point(x)
    left, right = real_point(u, "u"), real_point(v, "v")
    for name, direction in (("u", left), ("v", right)):
        if direction.shape != point.shape:
            raise ValueError(f"{name} has shape {direction.shape}; expected {point.shape}")
    centre = evaluate(f, point)
    left_size, right_size = reaches(point, left), reaches(point, right)
    # Equal sizes keep the two squares comparable, so that their difference loses no digits.
    left, right = left / (left_size or 1.0), right / (right_size or 1.0)
    plus = _curvature(f, point, left + right, centre, largest)
    minus = _curvature(f, point, left - right, centre, largest)
    factor = left_size * right_size / 4
    with np.errstate(all="ignore"):
        return Estimate(factor * (plus.value - minus.value), factor * (plus.tol + minus.tol))


def hessian_values(f: Function, x: ArrayLike, *, largest: float = 1.0) -> Estimate:
    """Estimate the full (m, n, n) second derivative from values alone, entry by entry."""
    point = real_point(x)
    size = point.size
    shape = (evaluate(f, point).size, size, size)
    value, tol = np.zeros(shape), np.zeros(shape)
    unit = np.eye(size)
    for row in range(size):
        for column in range(row + 1):
            entry = second_values(f, point, unit[row], unit[column], largest=largest)
            value[:, row, column] = value[:, column, row] = entry.value
            tol[:, row, column] = tol[:, column, row] = entry.tol
    return Estimate(value, tol)


def holomorphic(f: Function, z: ArrayLike) -> Estimate:
    """Estimate the complex derivative (m, n) of a holomorphic `f` at complex `z`.

    Differences along the real axis and along the imaginary axis must give the same number; where
    they do not (conj, abs, real), `f` has no complex derivative and the tolerance says so.
    """
    point = complex_point(z)
    unit = np.eye(point.size)
    across = first_differences(f, point, unit)
    upward = first_differences(f, point, 1j * unit)
    with np.errstate(all="ignore"):
        rotated = -1j * upward.value
        defect = np.abs(across.value - rotated)
        tol = np.maximum(np.maximum(across.tol, upward.tol), defect)
        return Estimate((across.value + rotated) / 2, tol)


def wirtinger(f: Function, z: ArrayLike) -> Estimate:
    """Estimate df/dx - i df/dy, of shape (m, n), of a real-valued `f` at z = x + i y.

    This is JAX's convention for gradients of real functions of complex arguments: the derivative
    along v is Re(gradient * v), without a conjugate. Other libraries use the conjugate.
    """
    point = complex_point(z)
    if evaluate(f, point).dtype.kind == "c":
        raise TypeError("f returned complex values; expected a real-valued function")
    unit = np.eye(point.size)
    across = first_differences(f, point, unit)
    upward = first_differences(f, point, 1j * unit)
    with np.errstate(all="ignore"):
        return Estimate(across.value - 1j * upward.value, np.hypot(across.tol, upward.tol))


def first_differences(
    f: Function, point: Array, columns: Array, largest: float = 1.0
) -> Estimate:
    """Differentiate along every column; real or complex point, columns and values."""
    centre = evaluate(f, point)
    shape = (centre.size, columns.shape[1])
    value, tol = np.zeros(shape, centre.dtype), np.zeros(shape)
    for index in range(columns.shape[1]):
        slope = _slope(f, point, columns[:, index], centre, largest)
        value[:, index], tol[:, index] = slope.value, slope.tol
    return Estimate(value, tol)


def _slope(
    f: Function, point: Array, direction: Array, centre: Array, largest: float
) -> Estimate:
    size = reaches(point, direction)
    values = _stencil(f, point, direction / (size or 1.0), centre, STEP)
    with np.errstate(all="ignore"):
        odd, even = _parts(values)
        value = _FIRST_6 @ odd / STEP
        embedded = 2 * np.abs(value - _FIRST_4 @ odd / STEP)
        tol = embedded + _noise(values, STEP, largest) / STEP + _kink(odd, even, value)
        return Estimate(size * value, size * tol)


def _curvature(
    f: Function, point: Array, direction: Array, centre: Array, largest: float
) -> Estimate:
    size = reaches(point, direction)
    values = _stencil(f, point, direction / (size or 1.0), centre, SECOND_STEP)
    with np.errstate(all="ignore"):
        _, even = _parts(values)
        value = _SECOND_6 @ even / SECOND_STEP**2
        embedded = 2 * np.abs(value - _SECOND_4 @ even / SECOND_STEP**2)
        tol = embedded + _noise(values, SECOND_STEP, largest) / SECOND_STEP**2
        return Estimate(size**2 * value, size**2 * tol)


def _parts(values: Array) -> tuple[Array, Array]:
    """g_k - g_-k and g_k + g_-k - 2 g_0 for k = 1, 2, 3."""
    right, centre, left = values[4:], values[3], values[2::-1]
    return right - left, (right - centre) + (left - centre)


def reaches(point: Array, direction: Array) -> float:
    """How many times its reach the most moved coordinate moves along `direction`."""
    reach = np.exp2(np.floor(np.log2(np.maximum(1.0, np.abs(point)))))
    return float(np.max(np.abs(direction) / reach, initial=0.0))


def _stencil(f: Function, point: Array, direction: Array, centre: Array, step: float) -> Array:
    values = [
        centre if k == 0 else evaluate(f, point + (k * step) * direction) for k in range(-3, 4)
    ]
    sizes = sorted({v.size for v in values})
    if len(sizes) > 1:
        raise ValueError(f"f returned vectors of sizes {sizes}; expected one size at all points")
    return np.stack(values)


def _noise(values: Array, step: float, largest: float) -> Array:
    size = np.max(np.abs(values), axis=0)
    steepest = np.max(np.abs(np.diff(values, axis=0)), axis=0) / step
    noise: Array = 8 * EPS * (largest * (1 + size) + steepest)
    return noise


def _kink(odd: Array, even: Array, slope: Array) -> Array:
    """What a kink exactly at the point adds to the tolerance.

    A symmetric stencil is consistent at every order around a kink in its centre, so D6 - D4 is
    blind to it. One-sided slopes see |a| and max at a tie, one-sided curvatures see relu(a)**2.
    """
    gap = (np.abs(_SLOPE_GAP @ even) + np.abs(_CURVATURE_GAP @ odd)) / STEP
    kink: Array = np.where(gap > KINK_LIMIT * (1 + np.abs(slope)), gap, 0.0)
    return kink
