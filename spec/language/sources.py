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


def complex_number() -> Text:
    """A complex number, neither part of which is zero."""
    return st.tuples(number(), number()).map(lambda parts: f"complex({', '.join(parts)})")


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


def list_of(text: Text, least: int, most: int) -> Text:
    """A list of some texts."""
    several = st.lists(text, min_size=least, max_size=most)
    return several.map(lambda texts: f"[{', '.join(texts)}]")


def tree_of(*leaves: str) -> Text:
    """A container of some leaves, of any depth."""
    return containers(st.recursive(one_of(leaves), containers, max_leaves=4))


def tree_beside(*leaves: str) -> Text:
    """A container of these leaves side by side, in any order, and maybe of containers of some."""
    others = st.lists(tree_of(*leaves), max_size=4 - len(leaves))
    return others.flatmap(lambda trees: st.permutations([*leaves, *trees])).flatmap(container_of)


def order(size: int) -> Text:
    """The numbers below a size, in any order."""
    return written(st.permutations(range(size)))


CONTENTS: Final = (
    "jnp.array([1.0, 2.0])", "jnp.array(1.5)", "jnp.array(1.5, jnp.float32)", "jnp.array([1, 2])",
    "jnp.array([True, False])", "jnp.array(1.0 + 2.0j)", "jnp.zeros((0, 3))", "0.5", "3", "True",
    "None", "jnp.ones((2, 1), jnp.float16)", "jnp.array([0.5, -1.5], jnp.bfloat16)",
)
"""Leaves of a value that a state may hold, Python's own numbers among them."""


def value() -> Text:
    """A value of any structure that a state may hold."""
    return st.recursive(one_of(CONTENTS), containers, max_leaves=5)


def containers(part: Text) -> Text:
    """Lists, tuples and dicts, whose keys are in no order, of some parts."""
    return st.lists(part, max_size=3).flatmap(container_of)


def container_of(parts: Sequence[str]) -> Text:
    """A list, tuple or dict of these parts, four at the most."""
    return one_of((
        f"[{', '.join(parts)}]",
        f"({''.join(f'{part}, ' for part in parts).rstrip()})",
        *("{" + ", ".join(f"{key!r}: {part}" for key, part in zip(keys, parts, strict=False)) + "}"
          for keys in ("bcad", (10, 2, 9, 1))),
    ))


_CLASS: Final = (
    "(lambda Own, flat: jax.tree_util.register_pytree_node(Own, flat, lambda _, parts: Own(*parts))"
    " or Own)(type('Own', (), {{'__init__': lambda own, *parts: setattr(own, 'parts', parts)}}), "
    "lambda own: ({0}, None))"
)
OTHER_NODES: Final = {name: {"make": text} for name, text in {
    "an ordered dict": "lambda p, q: __import__('collections').OrderedDict(b=p, a=q)",
    "a default dict": "lambda p, q: __import__('collections').defaultdict(list, b=p, a=q)",
    "a class of one's own": _CLASS.format("own.parts"),
    "a class with parts made anew": _CLASS.format("jax.tree.map(lambda it: it, own.parts)"),
}.items()}
"""Containers of two parts that JAX knows, or is told of, beside lists, tuples, dicts and named
tuples, as points of a parameter: what makes one."""

# -- functions of which everything is known --------------------------------------------------------

_AMPLITUDES, _RATES = (1.0, -0.5, 2.0, 0.75), (1.0, 0.5, -1.0, 1.5)
TERMS: Final[Text] = written(st.lists(
    st.tuples(st.sampled_from(_AMPLITUDES), st.sampled_from(_RATES), st.sampled_from(_RATES),
              st.sampled_from((0.25, 0.0, 1.0))), min_size=1, max_size=3))
FEW_TERMS: Final[Text] = one_of(("[(1.0, 0.5, -1.0, 0.25)]", "[(2.0, -1.0, 1.5, 0.0)]"))
WAVE: Final = (
    "lambda v, x, i=0, j=0: sum(a * b ** i * c ** j * jnp.sin("
    "b * v + c * x + d + 1.5707963267948966 * (i + j)) for a, b, c, d in terms)"
)


def waves(terms: Text = TERMS) -> dict[str, Text]:
    """Two parameters: ``terms``, and the sum ``h(v, x)`` of as many sines.

    ``h(v, x, i, j)`` is its derivative, i times by v and j times by x, in closed form.  What JAX
    compiles holds the terms, so that where it compiles each time there are few to draw.
    """
    return {"terms": terms, "h": st.just(WAVE)}


_FACTORS = st.tuples(st.integers(0, 2), st.sampled_from((0.5, -1.0, 2.0)))
WRITES_OF_THREE: Final[Text] = written(st.lists(
    st.builds(lambda i, jk: (i, *jk), st.integers(0, 2), _FACTORS), min_size=1, max_size=4))
"""Writes of three states, as triples: the state ``i`` becomes ``k`` times the state ``j``, plus an
argument."""

WRITES_OF_ALL: Final[Text] = written(st.builds(
    lambda order, factors: [(i, *jk) for i, jk in zip(order, factors, strict=True)],
    st.permutations(range(3)), st.tuples(_FACTORS, _FACTORS, _FACTORS)))
"""The same with one write of each."""

MOVE: Final = "lambda s, x: [setattr(s[i], 'value', k * s[j].value + x) for i, j, k in moves]"

CHOSEN: Final[Text] = written(st.lists(
    st.integers(0, 2), min_size=1, max_size=3, unique=True))
"""Some of three states, in any order."""


def moving() -> dict[str, Text]:
    """Parameters: values of three states on entry, and ``move(s, x)``, which writes them."""
    return {"moves": WRITES_OF_THREE, "move": st.just(MOVE), "start": numbers(3)}
