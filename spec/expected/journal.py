"""Cells of the model that can say which of them were written, and what they held before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_OPEN: list[dict[Journaled, Any]] = []


class Journaled:
    """A mutable value whose writes are noted while a journal is open."""

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def value(self) -> Any:
        """What it holds."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        for before in _OPEN:
            before.setdefault(self, self._value)
        self._value = value


@contextmanager
def journal() -> Iterator[dict[Journaled, Any]]:
    """Note the cells that are written, with what they held before."""
    before: dict[Journaled, Any] = {}
    _OPEN.append(before)
    try:
        yield before
    finally:
        _OPEN.pop()
