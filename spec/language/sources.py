"""Strategies of source text, for the parameters of snippets that are drawn.

Numbers are short decimals of a small pool, and shapes few, so that compiled code is reused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .trees import literal
from .values import NUMBERS, Shape, arrays

Text = SearchStrategy[str]

NONZERO: Final = tuple(number for number in NUMBERS if number)
STATES: Final = ("lib.State", "lib.ParamState")


def written(drawn: SearchStrategy[Any]) -> Text:
    """The source of what is drawn."""
    return drawn.map(literal)


def one_of(texts: Iterable[str]) -> Text:
    """One of some texts, the plainest first."""
    return st.sampled_from(tuple(texts))


def number() -> Text:
    """A number that is not zero."""
    return written(st.sampled_from(NONZERO))


def numbers(count: int) -> Text:
    """A list of different numbers that are not zero."""
    return written(st.lists(st.sampled_from(NONZERO), min_size=count, max_size=count, unique=True))


def array(*shapes: Shape) -> Text:
    """An array of one of some shapes."""
    return written(st.sampled_from(shapes).flatmap(arrays))


def count(least: int, most: int) -> Text:
    """A whole number."""
    return written(st.integers(least, most))


def some_of(texts: Sequence[Any], least: int = 1, most: int | None = None) -> Text:
    """A list of some of these, which may repeat."""
    return written(st.lists(st.sampled_from(texts), min_size=least, max_size=most))


def order(size: int) -> Text:
    """The numbers below a size, in any order."""
    return written(st.permutations(range(size)))


LEAVES: Final = (
    "jnp.array([1.0, 2.0])", "jnp.array(1.5)", "jnp.array(1.5, jnp.float32)", "jnp.array([1, 2])",
    "jnp.array([True, False])", "jnp.array(1.0 + 2.0j)", "jnp.zeros((0, 3))", "0.5", "3", "True",
    "None", "jnp.ones((2, 1), jnp.float16)",
)
"""Leaves of a value that a state may hold, Python's own numbers among them."""


def value() -> Text:
    """A value of any structure that a state may hold."""
    return st.recursive(one_of(LEAVES), _containers, max_leaves=5)


def _containers(part: Text) -> Text:
    """Lists, tuples and dicts, whose keys are in no order, of some parts."""
    return st.lists(part, max_size=3).flatmap(lambda parts: one_of((
        f"[{', '.join(parts)}]",
        f"({''.join(f'{part}, ' for part in parts).rstrip()})",
        "{" + ", ".join(f"'{key}': {part}" for key, part in zip("bca", parts, strict=False)) + "}",
    )))
