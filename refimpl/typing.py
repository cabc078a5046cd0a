"""The words of the signatures of this library."""

from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import numpy as np

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, TypeVar

    from .state import State

    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any)
    T = TypeVar("T", default=Any)
else:  # Python's own know no default before 3.13
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")
    T = TypeVar("T")

Pytree: TypeAlias = Any
"""A leaf, or containers of any kind that JAX knows, to any depth; types cannot say more."""

Array: TypeAlias = jax.Array

ArrayLike: TypeAlias = jax.typing.ArrayLike | Sequence[Any]
"""What `jax.numpy.asarray` makes an array of."""

DType: TypeAlias = jax.typing.DTypeLike

Key: TypeAlias = jax.Array
"""A key of `jax.random`, of either make."""

Seed: TypeAlias = int | jax.Array | np.ndarray[Any, Any]
"""A number, or a key, to begin a stream with."""

Size: TypeAlias = int | Sequence[int] | None
"""A shape as NumPy takes it; None is that of the parameters."""

Function: TypeAlias = Callable[..., Any]

Path: TypeAlias = tuple[Any, ...]
"""Attribute names, indices and keys that lead to a state."""

Predicate: TypeAlias = Callable[[Path, Any], bool]
"""Whether to select a value, by its path and itself."""

Filter: TypeAlias = "str | type | bool | EllipsisType | None | Predicate | Sequence[Filter]"
"""What `refimpl.util.filter.to_predicate` makes a predicate of."""

Container: TypeAlias = "State[Any] | Sequence[Container] | Mapping[Any, Container] | None"
"""States in lists, tuples, named tuples and dicts, to any depth."""

Argnums: TypeAlias = int | Sequence[int] | None
"""One position, several, or none."""
