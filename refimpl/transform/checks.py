"""What can be called, and what can be the key of a dict."""

import inspect
from collections.abc import Callable
from typing import Any

import jax

from ..typing import P, R

_LATE = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction


def expect_function(given: Callable[P, R] | None, name: str) -> Callable[P, R]:
    """The argument of this name, if a call of it runs it; else raise TypeError."""
    if not callable(given) or any(late(given) or late(type(given).__call__) for late in _LATE):
        raise TypeError(
            f"{name} must be callable, and neither a generator function nor one that is defined "
            f"with async, as a call of these runs nothing; got {given!r}"
        )
    return given


def is_hashable(key: Any) -> bool:
    """Whether a dict can have it for a key."""
    try:
        hash(key)
    except TypeError:  # a tuple that holds a list says that it is Hashable, and is not
        return False
    return True


def odd_leaves(value: Any) -> list[Any]:
    """What JAX cannot take for an array in a value; the value itself if it cannot look into it."""
    try:
        leaves = jax.tree.leaves(value)
    except (TypeError, ValueError):  # the keys of a dict cannot be sorted
        return [value]
    return [leaf for leaf in leaves if not _is_number(leaf)]


def _is_number(leaf: Any) -> bool:
    try:
        jax.typeof(leaf)
    except Exception:  # also what an object of the user's raises when it is asked
        return False
    return True
