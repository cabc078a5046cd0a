"""A model of the state system on NumPy: values only, no derivatives, nothing clever.

It offers the names that a program uses, so that one and the same program text runs on an
implementation and on this model.  Random draws are replayed from a record, since the numbers
of a stream are the implementation's own business.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from . import model_control
from .journal import Journaled


class State(Journaled):
    """A mutable value."""

    def __init__(self, value: Any, name: str | None = None, tag: Any = None) -> None:
        super().__init__(value)
        self.name = name
        self.tag = tag


class ParamState(State):
    """A trainable value."""


class Module:
    """A node that holds states and other nodes in its attributes."""


class Replay:
    """A random stream that hands out recorded draws, in order."""

    def __init__(self) -> None:
        self.record: list[Any] = []
        self.position = 0

    def seed(self, seed: int) -> None:
        """Start again."""
        self.position = 0

    def normal(self, size: tuple[int, ...] | None = None) -> Any:
        """The next draw."""
        self.position += 1
        return self.record[self.position - 1]


def library() -> SimpleNamespace:
    """A fresh model library with its own random stream."""
    return SimpleNamespace(
        State=State, ParamState=ParamState, nn=SimpleNamespace(Module=Module), random=Replay(),
        transform=model_control.library(),
    )
