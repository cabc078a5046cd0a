"""Calls of a function over states that all start alike, and what each of them leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..expected.layout import Array
from ..judge import compare
from ..judge.difference import name_and_line
from ..language import trees
from .failures import WrongEffect

SEED = 0


@dataclass(frozen=True)
class Seen:
    """What a call returned, and what it left: the values of states, and the next random number."""

    result: Any
    after: list[Any]
    draw: Any


class Restarts:
    """Calls on one library, each from the same values of states and the same random stream.

    Used in a ``with``, after which every state holds what it held before, and the stream has moved
    on as by one split of its key.

    Parameters
    ----------
    lib : namespace
        The library.
    watched : dict of State
        The states by names for messages.
    """

    def __init__(self, lib: Any, watched: dict[str, Any]) -> None:
        self.watched = watched
        self.random = getattr(lib, "random", None)
        self.start = [state.value for state in watched.values()]

    def __enter__(self) -> Restarts:
        self._key = None if self.random is None else self.random.split_key()
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()
        if self.random is not None:
            self.random.seed(self._key)

    def _restore(self) -> None:
        for state, value in zip(self.watched.values(), self.start, strict=True):
            state.value = value

    def at(
        self, states: Sequence[Any], values: Iterable[Any], call: Callable[[], Any]
    ) -> Any:
        """What a call returns that starts with other values of some states."""
        self._restore()
        for state, value in zip(states, values, strict=True):
            state.value = value
        if self.random is not None:
            self.random.seed(SEED)
        return call()

    def seen(self, call: Callable[[], Any]) -> Seen:
        """What a call returns and leaves."""
        result = self.at((), (), call)
        after = [state.value for state in self.watched.values()]
        draw = None if self.random is None else np.asarray(self.random.normal(size=()))
        return Seen(result, after, draw)

    def compare(self, who: str, plain: Seen, other: Seen, result: Any) -> None:
        """Require of a transform the result of a plain call, and what it leaves.

        Raises
        ------
        WrongEffect
            If anything differs by more than rounding.
        """
        places = [(f"the result of {who}", plain.result, result)]
        places += [
            (f"{name}, after {who}", want, got)
            for name, want, got in zip(self.watched, plain.after, other.after, strict=True)
            if is_numbers(want)
        ]
        places += [(f"the random number drawn next, after {who}", plain.draw, other.draw)]
        for place, want, got in places:
            if found := compare.same(want, got, place):
                raise WrongEffect(f"{found.place}:\n  got       {found.actual}\n"
                                  f"  expected  {found.expected}, as by a plain call")


def is_numbers(value: Any) -> bool:
    """Whether a value can be compared: its leaves are numbers to NumPy, as some keys are not."""
    return all(compare.is_concrete(leaf) and np.asarray(leaf).dtype.kind in "biufc"
               for _, leaf in trees.leaves(value))


def flat(out: Any, what: str) -> Array:
    """The flat vector of an output.

    Raises
    ------
    TypeError
        If it holds anything but real numbers in double precision.
    """
    arrays = [np.asarray(leaf) for _, leaf in trees.leaves(out)]
    for array in arrays:
        if array.dtype != np.float64:
            raise TypeError(f"check_grads: {what} gives {array.dtype} for values in float64; "
                            "expected float64, without which differences are noise")
    return np.concatenate([np.ravel(array) for array in arrays]) if arrays else np.zeros(0)


def found_by(lib: Any, call: Callable[[], Any]) -> list[Any]:
    """The states that a call uses, found by the library's StateFinder if it has one.

    Raises
    ------
    TypeError
        If the finder raises.
    """
    finder = getattr(lib.transform, "StateFinder", None)
    if finder is None:
        return []
    try:
        return list(finder(call, return_type="list")())
    except Exception as error:
        raise TypeError(f"check_grads: StateFinder raised {name_and_line(error)}; the states "
                        "whose values are to be compared can be given: watch=[...]") from error
