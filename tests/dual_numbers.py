"""Random smooth programs, and their true derivatives by forward mode on dual numbers.

The programs are tame in the sense of the oracles: nonlinearities of bounded slope, which keeps
finite differences honest. The dual numbers share nothing with the oracles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# -- dual numbers ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Dual:
    """A value and its derivative along one direction; both may be dual again."""

    value: Any
    slope: Any

    def __add__(self, other: Any) -> Dual:
        other = dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other: Any) -> Dual:
        other = dual(other)
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __truediv__(self, other: Any) -> Dual:
        other = dual(other)
        quotient = self.value / other.value
        return Dual(quotient, (self.slope - quotient * other.slope) / other.value)

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __sub__(self, other: Any) -> Dual:
        return self + -dual(other)

    __radd__, __rmul__ = __add__, __mul__


def dual(a: Any) -> Dual:
    """A constant, unless it is dual already."""
    return a if isinstance(a, Dual) else Dual(a, 0.0)


SMOOTH: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "sin": (np.sin, lambda a: apply("cos", a)),
    "cos": (np.cos, lambda a: -apply("sin", a)),
    "tanh": (np.tanh, lambda a: 1.0 + -(apply("tanh", a) * apply("tanh", a))),
    "bell": (lambda a: np.exp(-(a * a)), lambda a: -2.0 * (a * apply("bell", a))),
    "cone": (lambda a: np.sqrt(1 + a * a), lambda a: a / apply("cone", a)),
    "log": (lambda a: np.log1p(a * a), lambda a: 2.0 * (a * apply("pole", a))),
    "pole": (
        lambda a: 1 / (1 + a * a),
        lambda a: -2.0 * (a * (apply("pole", a) * apply("pole", a))),
    ),
    "atan": (np.arctan, lambda a: apply("pole", a)),
}


def apply(name: str, a: Any) -> Any:
    """A smooth function of a number or of a dual number."""
    function, derivative = SMOOTH[name]
    return (
        Dual(apply(name, a.value), derivative(a.value) * a.slope)
        if isinstance(a, Dual)
        else function(a)
    )


# -- tame programs ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """Straight-line code: each step appends a value, the last `outputs` values are returned."""

    point: Array
    steps: list[tuple[str, int, int, float]]
    outputs: int

    def run(self, entries: list[Any]) -> list[Any]:
        values = list(entries)
        for name, i, j, weight in self.steps:
            a, b = values[i], values[j]
            if name == "add":
                values.append(a + b)
            elif name == "sub":
                values.append(a - b)
            elif name == "mul":
                values.append(a * b)
            elif name == "linear":
                values.append(weight * a + b)
            else:
                values.append(apply(name, a))
        return values[-self.outputs :]

    def __call__(self, x: Array) -> Array:
        return np.array(self.run(list(x)))

    def jacobian(self) -> Array:
        """Of shape (outputs, n)."""
        return np.array([slopes(self.run(seeded(self.point, u))) for u in self._units()]).T

    def hessian(self) -> Array:
        """Of shape (outputs, n, n), by dual numbers of dual numbers."""
        rows = [
            [slopes(slopes(self.run(seeded(seeded(self.point, u), v)))) for u in self._units()]
            for v in self._units()
        ]
        return np.array(rows).transpose(2, 0, 1)

    def _units(self) -> Array:
        return np.eye(self.point.size, dtype=self.point.dtype)


def seeded(entries: Any, direction: Array) -> list[Any]:
    """Dual numbers that move along a direction."""
    return [Dual(a, s) for a, s in zip(entries, direction, strict=True)]


def slopes(results: list[Any]) -> list[Any]:
    """The derivatives of the results; a result that is not dual is a constant."""
    return [dual(r).slope for r in results]


def tame(seed: int) -> Program:
    """A random program of 2 to 8 steps in 1 to 4 variables with up to 3 outputs."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 5))
    names = [*SMOOTH, "add", "sub", "mul", "linear", "linear"]
    steps = []
    for count in range(size, size + int(rng.integers(2, 9))):
        # Mostly recent values, so that programs are deep rather than wide.
        i, j = (max(0, count - 1 - int(rng.geometric(0.4) - 1)), int(rng.integers(count)))
        steps.append((names[rng.integers(len(names))], i, j, float(rng.uniform(-3, 3))))
    return Program(rng.uniform(-3, 3, size), steps, int(rng.integers(1, 4)))
