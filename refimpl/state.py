"""State and the usual kinds of state.

The kinds differ in nothing but their class, which filters can select by (FLT, GST).
"""

from collections.abc import Iterable
from typing import Any

from . import frames
from .frames import UNSET, stack

__all__ = [
    "BatchState",
    "HiddenState",
    "LongTermState",
    "ParamState",
    "ShortTermState",
    "State",
]


class State:
    """A mutable cell that holds a pytree and that transforms know about.

    Parameters
    ----------
    value : pytree
        The first value: an array, a Python number, or any pytree of these.
    name : str, optional
        Used in messages, and by filters of found states.
    tag : str or iterable of str, optional
        Labels for selecting states with a string filter.
    **metadata
        Kept as attributes.
    """

    _value: Any
    _home: Any

    def __init__(
        self,
        value: Any,
        name: str | None = None,
        *,
        tag: str | Iterable[str] | None = None,
        **metadata: Any,
    ) -> None:
        self.name = name
        self.tag = {tag} if isinstance(tag, str) else set(tag) if tag is not None else None
        vars(self).update(metadata)
        frames.create(self, value)

    @property
    def value(self) -> Any:
        """The current value; inside a transform, the one of the running call."""
        if stack.frames:
            return stack.frames[-1].read(self)
        if self._value is UNSET:
            return frames.lookup(self)
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        frames.assign(self, value)

    def label(self) -> str:
        """The state in words, for messages."""
        return f"{type(self).__name__} {self.name!r}" if self.name else repr(self)

    def __repr__(self) -> str:
        named = f", name={self.name!r}" if self.name else ""
        return f"{type(self).__name__}({frames.current(self)!r}{named})"

    def __getstate__(self) -> dict[str, Any]:
        # A copy or a pickle reads the value, and is a new state where it is made.
        return {**vars(self), "_value": self.value, "_home": None}

    def __setstate__(self, content: dict[str, Any]) -> None:
        vars(self).update(content)
        frames.create(self, content["_value"])


class ShortTermState(State):
    """Changes from step to step and is reset between sequences."""


class LongTermState(State):
    """Lives as long as its module."""


class HiddenState(ShortTermState):
    """The hidden state of a recurrent cell."""


class ParamState(LongTermState):
    """A trainable parameter."""


class BatchState(LongTermState):
    """A statistic over batches."""
