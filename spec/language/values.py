"""Values to draw: arrays of few shapes, Python numbers, and containers of arrays.

Shapes come from a small pool, so that compiled code is reused.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .dtypes import dtype_of
from .trees import NAMED, Tree

Shape = tuple[int, ...]

SHAPES: Final[tuple[Shape, ...]] = ((), (3,), (2, 3))
LARGE: Final[tuple[Shape, ...]] = ((6,), (2, 2, 2), (1, 2, 1, 2))
"""Shapes of long axes and of many, for a part of the programs."""
NO_ENTRIES: Final[Shape] = (0,)
NUMBERS: Final = tuple(k / 4 for k in (4, 2, 6, 3, 1, 5, 7, -4, -2, -6, -3, -1, -5, -7, 0))


def arrays(shape: Shape, dtype: str = "float64") -> SearchStrategy[Any]:
    """Arrays of a shape with short decimals."""
    size = int(np.prod(shape))
    numbers = st.lists(st.sampled_from(NUMBERS), min_size=size, max_size=size)
    return numbers.map(lambda values: np.array(values, dtype_of(dtype)).reshape(shape))


KINDS: Final[dict[str, Callable[[SearchStrategy[Any], SearchStrategy[Any]], Any]]] = {
    "array": lambda some, none: some,
    "dict": lambda some, none: st.fixed_dictionaries({"b": some, "a": some}),
    "tuple": lambda some, none: st.tuples(some, some),
    "list": lambda some, none: st.tuples(some).map(list),
    "wide": lambda some, none: st.fixed_dictionaries({10: some, 2: some, 9: some, 1: some}),
    "named": lambda some, none: st.builds(NAMED, some, some),
    "ordered": lambda some, none: st.tuples(some, some).map(
        lambda two: OrderedDict(b=two[0], a=two[1])),
    "default": lambda some, none: st.tuples(some, some).map(
        lambda two: defaultdict(list, b=two[0], a=two[1])),
    "number": lambda some, none: st.sampled_from(NUMBERS),
    "deep": lambda some, none: st.fixed_dictionaries(
        {"u": st.tuples(some, st.none()).map(list), "t": st.tuples(some)}),
    "empty": lambda some, none: st.fixed_dictionaries({"e": none, "a": some}),
    "zero": lambda some, none: none,
}
"""The kinds of floating value, of arrays with some entries and arrays with none: ``wide`` has more
keys than two, which are integers that come in another order as text, ``named`` is a named tuple
that any script can import, ``ordered`` and ``default`` are dicts of other classes that JAX knows,
``deep`` a container in a container, with a None beside an array, and
``empty`` holds an array of no entries beside another.
"""

CONTAINERS_OF_ARRAYS: Final = ("dict", "tuple", "list", "wide", "named", "ordered", "default",
                               "deep", "empty")
"""The kinds of value that are pytrees."""


@cache
def values(
    kind: str, dtype: str = "float64", shapes: tuple[Shape, ...] = SHAPES
) -> SearchStrategy[Tree]:
    """Floating values of a kind; a Python number is float64 whatever the dtype."""
    some = st.sampled_from(shapes).flatmap(lambda shape: arrays(shape, dtype))
    strategy: SearchStrategy[Tree] = KINDS[kind](some, arrays(NO_ENTRIES, dtype))
    return strategy


@st.composite
def discrete(
    draw: Any, dtype: str = "float64", shapes: tuple[Shape, ...] = SHAPES
) -> Tree:
    """A value that holds integers and booleans beside a floating array."""
    leaf = draw(values("array", dtype, shapes))
    counts = np.array(draw(st.lists(st.integers(-3, 3), min_size=3, max_size=3)))
    flag = draw(st.booleans())
    return draw(st.sampled_from((
        {"w": leaf, "n": counts}, [leaf, flag, np.array([flag, not flag])], (counts, leaf, 2),
    )))
