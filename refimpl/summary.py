"""Values in a few words, for messages and reprs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_DEPTH, _WIDTH = 3, 4


def summary(value: Any, depth: int = _DEPTH) -> str:
    """What a value is, without the numbers of its arrays: ``{'w': float32[16], 'n': 3}``."""
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    if value is None or isinstance(value, (bool, int, float, complex, str)):
        shown = repr(value)
        return shown if len(shown) <= 24 else f"{shown[:20]}..."
    name = type(value).__name__
    if not isinstance(value, (dict, list, tuple)):
        return name
    if not depth or len(value) > _WIDTH:
        return f"{name} of {len(value)}"
    children = value.values() if isinstance(value, dict) else value
    inside = [summary(child, depth - 1) for child in children]
    if isinstance(value, dict):
        inside = [f"{key!r}: {child}" for key, child in zip(value, inside, strict=True)]
    opening, closing = _BRACKETS.get(type(value), (f"{name}(", ")"))
    return opening + ", ".join(inside) + closing


_BRACKETS: dict[type, tuple[str, str]] = {dict: ("{", "}"), list: ("[", "]"), tuple: ("(", ")")}


@contextmanager
def expect_shallow(what: object) -> Iterator[None]:
    """Say by name what is nested deeper than Python can walk."""
    try:
        yield
    except RecursionError:
        raise RecursionError(f"{what} is nested too deeply for Python") from None
