"""The finite forms of a call: containers of states, ``argnums``, aux, names of keywords.

A form is a word; the functions here say what it stands for.  Rules walk the forms in full.
"""

from __future__ import annotations

from statistics import LinearRegression  # a named tuple that any script can import
from typing import Any, Final

from hypothesis import strategies as st

from spec.cases import Selection, selected_from_module, treefied_from_module
from spec.programs import Program, Ref

CONTAINERS: Final = (
    "one", "list", "tuple", "namedtuple", "dict", "keys", "nested", "none", "twice", "module",
    "treefy", "empty list", "empty dict", "empty tuple",
)
"""The forms of ``grad_states``."""

NOTHING: Final[dict[str, Any]] = {"empty list": [], "empty dict": {}, "empty tuple": ()}
"""The containers that hold no state."""

MODULAR: Final = ("module", "treefy")
"""The containers that are selected from a module."""

KEYS: Final = ("z", 3, None, ("a", 0), 1.5, "b", False)
"""Keys that no sorting can order."""


def selections(form: str, chosen: list[str], program: Program) -> Selection:
    """The container of a form over the chosen states; from a module, all its ParamStates."""
    if form in NOTHING:
        return Selection(NOTHING[form])
    refs = [Ref(state) for state in chosen]
    match form:
        case "one":
            return Selection(refs[0])
        case "list":
            return Selection(refs)
        case "tuple":
            return Selection(tuple(refs))
        case "namedtuple":
            return Selection(LinearRegression._make((refs[-1], refs[0])))
        case "dict":
            return Selection({f"k{9 - i}": ref for i, ref in enumerate(refs)})
        case "keys":
            return Selection(dict(zip(KEYS, [*refs, ()], strict=False)))
        case "nested":
            return Selection({"a": [refs[0], ()], "z": {1: tuple(refs[1:])}})
        case "none":
            return Selection([None, *refs, None])
        case "twice":
            return Selection((refs[0], refs, refs[0]))
        case "module":
            return selected_from_module(program, "lib.ParamState", ("ParamState",))
        case "treefy":
            return treefied_from_module(program, "lib.ParamState", ("ParamState",))
    raise ValueError(f"no container form {form!r}")


ARGNUMS: Final = ("int", "negative", "list", "tuple", "negatives", "empty")
"""The forms of ``argnums``."""


def argnums_forms(form: str, count: int) -> st.SearchStrategy[Any]:
    """Values of ``argnums`` of a form, for a call with ``count`` positional arguments."""
    several = st.lists(st.integers(0, count - 1), min_size=1, unique=True)
    match form:
        case "int":
            return st.integers(0, count - 1)
        case "negative":
            return st.integers(-count, -1)
        case "list":
            return several
        case "tuple":
            return several.map(tuple)
        case "negatives":
            return several.map(lambda indices: [indices[0] - count, *indices[1:]])
        case "empty":
            return st.sampled_from(([], ()))
    raise ValueError(f"no argnums form {form!r}")


AUXES: Final = {
    "array": "{0}",
    "dict": "{{'m': {0}}}",
    "number": "[2.5, 3]",
    "text": "('text', [{0}])",
    "none": "(None, {0})",
    "mixed": "{{'n': 3, 'm': ({0}, True)}}",
}
"""The forms of aux, as source with a place for an array."""

KEYWORDS: Final = (
    "fun", "func", "f", "target", "self", "cls", "args", "kwargs", "argnums", "grad_states",
    "has_aux", "return_value", "check_states", "transform", "transform_params", "states", "state",
    "value", "key", "name", "size", "x", "primals", "holomorphic", "allow_int", "tangent_size",
)
"""Names of keyword arguments that an implementation may use for parameters of its own."""
