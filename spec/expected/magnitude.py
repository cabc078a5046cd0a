"""NumPy that notes how large the numbers are that a program works with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language.dtypes import BFLOAT16, dtype_of, kind_of


class Magnitude:
    """NumPy's names; while it is open, it notes the largest number that a function meets.

    Attributes
    ----------
    largest : float
        The largest absolute value of an argument or a result, at least 1.
    open : bool
        Whether numbers are noted.
    """

    def __init__(self) -> None:
        self.largest, self.open = 1.0, True

    def __getattr__(self, name: str) -> Any:
        value = dtype_of(name).type if name == BFLOAT16 else getattr(np, name)
        if not self.open or not callable(value) or isinstance(value, type):
            return value

        def noted(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            for number in (*args, result):
                self.note(number)
            return result

        return noted

    def note(self, number: Any) -> None:
        """Take an array or a number into account; of anything else, nothing."""
        if isinstance(number, (int, float, complex, np.ndarray, np.generic)):
            array = np.asarray(number)
            if kind_of(array.dtype) in "iufc":
                self.largest = max(self.largest, float(np.max(np.abs(array), initial=0.0)))
