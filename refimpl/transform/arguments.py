"""Arguments of a compiled function: which are static, and where they stand beside states."""

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

from ..graph import Node
from ..state import State


class _Same:
    """A module or state among static arguments; its states count, not what it says is equal."""

    def __init__(self, it: Any) -> None:
        self.it, self.number = ref(it), id(it)  # what was compiled for it shall not keep it alive

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.it() is other.it() is not None

    def __hash__(self) -> int:
        return self.number


OBJECTS = (State, Node)
"""What no array can stand for, so that it must be static."""


def wrap(argument: Any) -> Any:
    """A static argument as JAX shall compare it."""
    return _Same(argument) if isinstance(argument, OBJECTS) else argument


def unwrap(argument: Any) -> Any:
    """What was wrapped."""
    return argument.it() if isinstance(argument, _Same) else argument


def _parameters(fun: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(fun).parameters.values())
    except (ValueError, TypeError):  # not every callable has a signature
        return []


def static_parameters(
    fun: Callable[..., Any], options: dict[str, Any]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Positions and names of static arguments; as in JAX, either is found from the other."""
    numbers, names = options.get("static_argnums"), options.get("static_argnames")
    if numbers is None and names is None:
        return (), ()
    named = [p.name for p in _parameters(fun) if p.kind is p.POSITIONAL_OR_KEYWORD]
    if names is None:
        indices = _indices(numbers)
        return indices, tuple(named[i] for i in indices if -len(named) <= i < len(named))
    names = (names,) if isinstance(names, str) else tuple(names)
    if numbers is None:
        return tuple(named.index(name) for name in names if name in named), names
    return _indices(numbers), names


def _indices(wanted: Any) -> tuple[int, ...]:
    return tuple(map(operator.index, (wanted,) if hasattr(wanted, "__index__") else wanted))


def with_signature(pure: Callable[..., Any], fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the name of another, and its parameters after the states."""

    def named(values: Sequence[Any], /, *args: Any, **kwargs: Any) -> Any:
        return pure(values, *args, **kwargs)

    functools.update_wrapper(named, fun, updated=())
    del named.__dict__["__wrapped__"]
    parameters = _parameters(fun)
    if parameters:
        # JAX finds the positions of static and donated arguments by name here.
        name = "_states"
        while any(parameter.name == name for parameter in parameters):
            name += "_"
        first = inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY)
        named.__signature__ = inspect.Signature([first, *parameters])  # type: ignore[attr-defined]
    return named


def with_states(options: dict[str, Any], count: int) -> dict[str, Any]:
    """Options of `jax.jit` for a function of so many arguments, with one and a result more."""
    shifted = dict(options)
    for name in ("static_argnums", "donate_argnums"):
        if shifted.get(name) is not None:
            shifted[name] = tuple(index + (index >= 0) for index in _indices(shifted[name]))
    given = shifted.get("in_shardings")
    if given is not None:
        each = given if isinstance(given, (tuple, list)) else [given] * count
        shifted["in_shardings"] = (None, *each)
    if shifted.get("out_shardings") is not None:
        shifted["out_shardings"] = (shifted["out_shardings"], None)
    return shifted
