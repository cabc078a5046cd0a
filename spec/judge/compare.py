"""Comparing what an implementation returned with what was expected, place by place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spec.expected.layout import AnyMapping, AnyOrder, Array, Slot
from spec.language import trees


class Mismatch(Exception):
    """A place where a value does not have the expected structure.

    ``place`` is source to append to the name of the value, ``expected`` and ``got`` are words.
    """

    def __init__(self, place: str, expected: str, got: str) -> None:
        super().__init__(f"at {place or 'the top'}: expected {expected}, got {got}")
        self.place, self.expected, self.got = place, expected, got


def describe(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, Mapping):
        return f"{type(value).__name__} with keys {list(value)!r}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} of {len(value)}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"array of shape {tuple(value.shape)} and dtype {value.dtype}"
    return f"{type(value).__name__} {value!r}"


def match(expected: Any, got: Any, *, strict: bool = True, place: str = "") -> list[Any]:
    """Pair every Slot of the expected structure with the array found in its place.

    Parameters
    ----------
    expected : tree
        Containers, AnyMapping nodes, None, and Slot leaves.
    got : object
        What the implementation returned.
    strict : bool
        Whether container types and the order of keys count; if not, lists and tuples are
        alike, and so are all mappings.

    Returns
    -------
    list of (Slot, array, str)
        The leaves in the order of the expected structure, with their places.

    Raises
    ------
    Mismatch
        At the first place that differs.
    """
    if isinstance(expected, Slot):
        return [_leaf(expected, got, place)]
    if isinstance(expected, AnyMapping):
        return _mapping(expected.items, got, strict, place)
    if isinstance(expected, AnyOrder):
        if strict and type(got) is not dict:
            raise Mismatch(place, "a dict", describe(got))
        return _mapping(expected.items, got, strict, place, ordered=False)
    if isinstance(expected, Mapping):
        if strict and type(got) is not type(expected):
            raise Mismatch(place, f"a {type(expected).__name__}", describe(got))
        return _mapping(expected, got, strict, place)
    if expected is None:
        if got is not None:
            raise Mismatch(place, "None", describe(got))
        return []
    return _sequence(expected, got, strict, place)


def concrete(value: Any, place: str) -> Array:
    """The value as a NumPy array, which what still depends on a trace cannot become.

    Raises
    ------
    Mismatch
        If it cannot.
    """
    try:
        return np.asarray(value)
    except Exception as error:
        raise Mismatch(place, "a concrete value", f"a {type(value).__name__}") from error


def _leaf(slot: Slot, got: Any, place: str) -> tuple[Slot, Array, str]:
    if isinstance(got, (Mapping, list, tuple)) or got is None:
        raise Mismatch(place, f"an array of shape {slot.shape}", describe(got))
    array = concrete(got, place)
    if array.dtype == object or array.shape != slot.shape:
        raise Mismatch(place, f"an array of shape {slot.shape}", describe(got))
    return slot, array, place


def _mapping(
    expected: Mapping[Any, Any], got: Any, strict: bool, place: str, ordered: bool = True
) -> list[Any]:
    if not isinstance(got, Mapping) and not hasattr(got, "keys"):
        raise Mismatch(place, f"a mapping with keys {list(expected)!r}", describe(got))
    keys = list(got.keys())
    same = keys == list(expected) if strict and ordered else set(keys) == set(expected)
    if not same:
        raise Mismatch(place, f"keys {list(expected)!r}", f"keys {keys!r}")
    return [
        pair
        for key, child in expected.items()
        for pair in match(child, got[key], strict=strict, place=f"{place}[{key!r}]")
    ]


def _sequence(expected: Any, got: Any, strict: bool, place: str) -> list[Any]:
    alike = type(got) is type(expected) if strict else isinstance(got, (list, tuple))
    if not alike or len(got) != len(expected):
        raise Mismatch(place, describe(expected), describe(got))
    return [
        pair
        for index, child in enumerate(expected)
        for pair in match(child, got[index], strict=strict, place=f"{place}[{index}]")
    ]


def same(
    expected: Any, got: Any, place: str = "", rtol: float = 1e-12, *, dtypes: bool = True
) -> None:
    """Require two values to have one structure and equal leaves, up to rounding.

    Parameters
    ----------
    expected, got : tree
        What is wanted, and what there is.
    place : str
        Source to append to the name of the value.
    rtol : float
        The tolerance, relative and absolute, where the expected dtype allows no more.
    dtypes : bool
        Whether floating leaves have the dtype of the expected ones; if not, a leaf need be no
        more exact than its own dtype.

    Raises
    ------
    Mismatch
        At the first place that differs.
    """
    nodes = trees.items(expected)
    if nodes is None:
        return _same_leaf(expected, got, place, rtol, dtypes)
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(expected):
            raise Mismatch(place, describe(expected), describe(got))
    elif type(got) is not type(expected) or (expected is not None and len(got) != len(expected)):
        raise Mismatch(place, describe(expected), describe(got))
    for key, child in nodes:
        same(child, got[key], f"{place}[{key!r}]", rtol, dtypes=dtypes)
    return None


def _same_leaf(expected: Any, got: Any, place: str, rtol: float, dtypes: bool) -> None:
    if isinstance(expected, str) or expected is Ellipsis:
        if got != expected:
            raise Mismatch(place, repr(expected), describe(got))
        return
    if isinstance(got, (Mapping, list, tuple, str)) or got is None:
        raise Mismatch(place, trees.literal(expected), describe(got))
    want, have = np.asarray(expected), concrete(got, place)
    if want.dtype == object or have.dtype == object:
        if got is not expected:
            raise Mismatch(place, repr(expected), repr(got))
        return
    if want.shape != have.shape:
        raise Mismatch(place, f"shape {want.shape}", f"shape {have.shape}")
    if dtypes and want.dtype != have.dtype and {want.dtype.kind, have.dtype.kind} & set("fc"):
        raise Mismatch(place, f"dtype {want.dtype}", f"dtype {have.dtype}")
    if have.dtype.kind in "fc":  # a result is no more exact than its own dtype
        rtol = max(rtol, 64 * float(np.finfo(have.dtype).eps))
    if not np.allclose(want, have, rtol=rtol, atol=rtol, equal_nan=True):
        raise Mismatch(place, trees.literal(want), trees.literal(have))
