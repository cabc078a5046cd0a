"""What is to be known about a dtype, of bfloat16 too, which NumPy does not know by itself.

NumPy's bfloat16 is that of the package ``ml_dtypes``: the one that JAX gives its arrays when they
become NumPy's, so that values and dtypes can be compared.  It is imported where bfloat16 is asked
for, and not before.  To NumPy it is of no kind and has no ``finfo``.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BFLOAT16: Final = "bfloat16"


def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of a name."""
    if name != BFLOAT16:
        return np.dtype(name)
    import ml_dtypes

    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found


def kind_of(dtype: np.dtype[Any]) -> str:
    """The letter of NumPy for the kind of a dtype; that of bfloat16 is floating."""
    return "f" if dtype.name == BFLOAT16 else dtype.kind


def eps_of(dtype: np.dtype[Any]) -> float:
    """The distance from 1 to the next number of a floating or complex dtype."""
    return 2.0**-7 if dtype.name == BFLOAT16 else float(np.finfo(dtype).eps)


def is_half(dtype: np.dtype[Any]) -> bool:
    """Whether a dtype is floating, and of half precision or less."""
    return kind_of(dtype) == "f" and dtype.itemsize <= np.dtype(np.float16).itemsize


def widened(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in a dtype that all of NumPy knows."""
    return array.astype(np.float32) if array.dtype.name == BFLOAT16 else array
