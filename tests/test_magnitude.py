"""NumPy that notes how large the numbers are that a program works with."""

import numpy as np

from spec.expected import oracles
from spec.expected.magnitude import Magnitude


def test_the_largest_argument_or_result_is_noted_while_open() -> None:
    magnitude = Magnitude()
    assert magnitude.largest == 1.0
    assert magnitude.sum(magnitude.array([3.0, -7.0])) == -4.0 and magnitude.largest == 7.0
    assert magnitude.sin(40.0) == np.sin(40.0) and magnitude.largest == 40.0
    magnitude.open = False
    magnitude.sin(1e6)
    assert magnitude.largest == 40.0


def test_what_is_no_number_is_not_noted() -> None:
    magnitude = Magnitude()
    assert magnitude.float32 is np.float32 and magnitude.pi == np.pi
    assert magnitude.zeros((3,), dtype="float32").dtype == np.float32
    assert magnitude.array([]).size == 0 and magnitude.largest == 1.0


def phase(v: oracles.Array) -> oracles.Array:
    """A sine of a large number: its rounding is not in the size of the values."""
    return np.sin(v[:1] + 1e6) - np.sin(v[:1] + 1e6 + 0.25)


def test_hidden_rounding_widens_the_tolerance() -> None:
    point = np.array([0.3])
    exact = np.cos(1e6 + 0.3) - np.cos(1e6 + 0.55)
    blind, told = oracles.central(phase, point), oracles.central(phase, point, largest=1e6)
    assert told.value == blind.value and told.tol > 1e4 * blind.tol
    assert abs(told.value - exact) < 0.5 * told.tol
    tight = oracles.complex_step(phase, point, largest=1e6)
    assert abs(tight.value - exact) < tight.tol
