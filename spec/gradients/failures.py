"""What a gradient check raises: assertions, which any test runner shows as failures."""

from __future__ import annotations


class WrongDerivative(AssertionError):
    """A derivative is not the slope of the function's own values.

    Attributes
    ----------
    place : str
        The entry of a state's value or of an argument, as source: ``grad_states['w'].value[1, 0]``.
    got, expected : float
        What the library's transform gives there, and what the differences give.
    tolerance : float
        How far from the truth the differences may be, by their own estimate.
    """

    def __init__(
        self, message: str, place: str, got: float, expected: float, tolerance: float
    ) -> None:
        super().__init__(message)
        self.place, self.got, self.expected, self.tolerance = place, got, expected, tolerance


class WrongEffect(AssertionError):
    """A transform returns a value, or leaves a state or the random stream, unlike a plain call."""


class Undecided(AssertionError):
    """The differences do not tell whether a derivative is right, so nothing has been checked."""
