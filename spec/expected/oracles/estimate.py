"""What every oracle returns, and how every oracle calls the function it differentiates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Function = Callable[[Array], Any]

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Estimate:
    """A derivative and how far from the truth each of its entries may be.

    Parameters
    ----------
    value
        The estimated derivative, real or complex. Outputs come first, inputs after.
    tol
        For every entry the largest error the oracle's own formula admits. It is infinite or NaN
        where the oracle knows nothing.
    """

    value: Array
    tol: Array

    def __post_init__(self) -> None:
        if self.value.shape != self.tol.shape:
            raise ValueError(
                f"Estimate: tol has shape {self.tol.shape}, expected that of value, "
                f"{self.value.shape}"
            )

    def along(self, v: ArrayLike) -> Estimate:
        """Contract the last axis: the derivative along `v`."""
        v = np.asarray(v)
        with np.errstate(all="ignore"):
            return Estimate(self.value @ v, self.tol @ np.abs(v))

    def against(self, u: ArrayLike) -> Estimate:
        """Contract the first axis: the derivative of the output combination `u @ f`."""
        u = np.asarray(u)
        with np.errstate(all="ignore"):
            value = np.tensordot(u, self.value, axes=1)
            return Estimate(value, np.tensordot(np.abs(u), self.tol, axes=1))


def real_point(x: ArrayLike, name: str = "x") -> NDArray[np.float64]:
    """Return `x` as a finite float64 vector, or raise an error that names it."""
    point = np.asarray(x)
    if point.dtype.kind == "c":
        raise TypeError(
            f"{name} is complex; expected a real vector (for complex points see holomorphic "
            f"and wirtinger)"
        )
    return np.asarray(_vector(point, name), dtype=np.float64)


def complex_point(z: ArrayLike, name: str = "z") -> NDArray[np.complex128]:
    """Return `z` as a finite complex128 vector, or raise an error that names it."""
    return np.asarray(_vector(np.asarray(z), name), dtype=np.complex128)


def _vector(point: Array, name: str) -> Array:
    if point.ndim != 1:
        raise ValueError(f"{name} has shape {point.shape}; expected a flat vector")
    if point.dtype.kind not in "biufc":
        raise TypeError(f"{name} has dtype {point.dtype}; expected numbers")
    if not np.all(np.isfinite(point)):
        raise ValueError(f"{name} is not finite: {point}")
    return point


def evaluate(f: Function, point: Array) -> Array:
    """Call `f` on its own copy of `point` and return its own copy of the flat result.

    Single precision is refused: differences of float32 values are noise, and a tolerance derived
    for float64 would call that noise a wrong derivative.
    """
    with np.errstate(all="ignore"):
        result = np.array(f(point.copy()))
    if result.ndim != 1:
        raise ValueError(f"f returned shape {result.shape}; expected a flat vector")
    if result.dtype.kind in "biu":
        return result.astype(np.float64)
    if result.dtype not in (np.dtype(np.float64), np.dtype(np.complex128)):
        raise TypeError(f"f returned dtype {result.dtype}; expected float64 or complex128")
    return result
