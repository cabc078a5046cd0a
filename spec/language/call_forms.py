"""The finite forms of a call: containers of states, ``argnums``, outputs, aux, keywords.

A form is a word; the functions here say what it stands for.  Rules walk the forms in full.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from .cases import Selection, selected_from_module, treefied_from_module
from .programs import Program, Ref
from .trees import NAMED, Tree
from .values import Shape

KEYS: Final = ("z", 3, None, ("a", 0), 1.5, "b", False)
"""Keys of which no two neighbours can be sorted together."""

PLAIN: Final[dict[str, Callable[[list[Any]], Tree]]] = {
    "one": lambda states: states[0],
    "list": list,
    "tuple": tuple,
    "namedtuple": lambda states: NAMED._make((states[-1], states[0])),
    "dict": lambda states: {f"k{9 - i}": state for i, state in enumerate(states)},
    "keys": lambda states: dict(zip(KEYS[:len(states) + 1], [*states, ()], strict=True)),
    "nested": lambda states: {"a": [states[0], ()], "z": {1: tuple(states[1:])}},
    "none": lambda states: [None, *states, None],
    "twice": lambda states: (states[0], states, states[0]),
    "often": lambda states: [states[0], *states, {10: states[-1], 9: states[0]}, states[0]],
}
"""The containers that are made of the chosen states."""

MODULAR: Final[dict[str, Callable[[Program, str, tuple[str, ...]], Selection]]] = {
    "module": selected_from_module,
    "treefy": treefied_from_module,
}
"""The containers that are selected from a module."""

NOTHING: Final[dict[str, Any]] = {"empty list": [], "empty dict": {}, "empty tuple": ()}
"""The containers that hold no state."""

CONTAINERS: Final = (*PLAIN, *MODULAR, *NOTHING)
"""The forms of ``grad_states``."""

MAPPINGS: Final = ("dict", "keys", "nested", *MODULAR, "empty dict")
"""The containers whose outermost is a mapping."""


def selections(form: str, chosen: list[str], program: Program) -> Selection:
    """The container of a form over the chosen states; from a module, all its ParamStates."""
    if form in NOTHING:
        return Selection(NOTHING[form])
    if form in MODULAR:
        return MODULAR[form](program, "lib.ParamState", ("ParamState",))
    return Selection(PLAIN[form]([Ref(state) for state in chosen]))


def _several(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, count - 1), min_size=1, unique=True)


INDICES: Final[dict[str, Callable[[int], st.SearchStrategy[Any]]]] = {
    "int": lambda count: st.integers(0, count - 1),
    "negative": lambda count: st.integers(-count, -1),
    "list": _several,
    "tuple": lambda count: _several(count).map(tuple),
    "negatives": lambda count: _several(count).map(
        lambda indices: [indices[0] - count, *indices[1:]]),
}
"""Values of ``argnums`` by their form, for a call with so many positional arguments."""

ARGNUMS: Final = tuple(INDICES)
"""The forms of ``argnums``."""


def argnums_forms(form: str, count: int) -> st.SearchStrategy[Any]:
    """Values of ``argnums`` of a form, for a call with ``count`` positional arguments."""
    return INDICES[form](count)


OUTPUTS: Final[dict[str, tuple[str, tuple[Shape, ...]]]] = {
    "scalar": ("{0}", ((),)),
    "array": ("{0}", ((3,),)),
    "long": ("{0}", ((6,),)),
    "tree": ("{{'p': {0}, 'q': [{1}]}}", ((3,), ())),
    "wide": ("[{0}, {{'d': {1}, 'b': {2}}}, {3}]", ((), (3,), (), (3,))),
    "ordered": ("OrderedDict(p={0}, d={1})", ((3,), ())),
    "no entries": ("jnp.ravel({0})[:0]", ((),)),
}
"""The kinds of output, as source with places for arrays, and their shapes."""

AUXES: Final = {
    "array": "{0}",
    "dict": "{{'m': {0}}}",
    "number": "[2.5, 3, 10000000000]",
    "text": "('text', [{0}])",
    "none": "(None, {0})",
    "nothing": "None",
    "empty": "{{'e': []}}",
    "mixed": "{{'n': 3, 'm': ({0}, True)}}",
    "free": "{0}",
}
"""The forms of aux, as source with a place for an array; in ``free``, for any value at all."""

KEYWORDS: Final = (
    "fun", "func", "f", "target", "self", "cls", "args", "kwargs", "argnums", "grad_states",
    "has_aux", "return_value", "check_states", "transform", "transform_params", "states", "state",
    "value", "key", "name", "size", "x", "primals", "holomorphic", "allow_int", "tangent_size",
)
"""Names of keyword arguments that an implementation may use for parameters of its own."""
