"""Comparing what an implementation returned with what was expected, place by place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from ..expected.layout import AnyMapping, Array, Slot
from ..language import trees
from ..language.dtypes import eps_of, is_half, kind_of, widened
from . import difference
from .difference import Difference

COMPUTED: Final = 64
ROUNDED: Final = 2
"""How many units of the eps of its dtype a value may be off: where the program computes in that
dtype, and in half precision, where it only rounds what it computed in float64."""


def mirrors(expected: Any, got: Any, place: str, *, strict: bool = True) -> Difference | None:
    """The first place where a value does not have the expected structure.

    Parameters
    ----------
    expected : tree
        Containers, AnyMapping nodes, None, and Slot leaves.
    got : object
        What the implementation returned.
    place : str
        The source that reaches it.
    strict : bool
        Whether container types count, and the order of keys but for those of dicts and default
        dicts, which is open;
        if not, lists and tuples are alike, and so are all mappings.
    """
    if isinstance(expected, Slot):
        return _slot(expected, got, place)
    if found := _node(expected, got, place, strict):
        return found
    return next(filter(None, (
        mirrors(child, got[key], f"{place}[{key!r}]", strict=strict)
        for key, child in _children(expected)
    )), None)


def paired(expected: Any, got: Any, place: str) -> list[tuple[Slot, Array, str]]:
    """The leaves of a value that mirrors the expected structure: block, array, place."""
    if isinstance(expected, Slot):
        return [(expected, np.asarray(got), place)]
    return [
        leaf for key, child in _children(expected)
        for leaf in paired(child, got[key], f"{place}[{key!r}]")
    ]


def _children(expected: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(expected, AnyMapping):
        return expected.items.items()
    return trees.items(expected) or ()


def _slot(slot: Slot, got: Any, place: str) -> Difference | None:
    if isinstance(got, (Mapping, list, tuple)) or got is None:
        return difference.of_kind(place, f"an array of shape {slot.shape}", got)
    if not is_concrete(got):
        return difference.of_trace(place, got)
    array = np.asarray(got)
    if array.dtype == object:
        return difference.of_kind(place, f"an array of shape {slot.shape}", got)
    return None if array.shape == slot.shape else difference.of_shape(place, slot.shape, got)


def _node(expected: Any, got: Any, place: str, strict: bool) -> Difference | None:
    if expected is None:
        return None if got is None else difference.of_symbol(place, None, got)
    if isinstance(expected, (list, tuple)):
        alike = type(got) is type(expected) if strict else isinstance(got, (list, tuple))
        if alike and len(got) == len(expected):
            return None
        return difference.of_size(place, type(expected) if strict else None, len(expected), got)
    kind = type(expected)
    if strict and kind is not AnyMapping and type(got) is not kind:
        return difference.of_type(place, kind, got)
    if strict and kind is defaultdict and got.default_factory is not expected.default_factory:
        return difference.of_factory(place, expected.default_factory, got.default_factory)
    keys = [key for key, _ in _children(expected)]
    return _keys(keys, got, place, ordered=strict and kind not in (dict, defaultdict))


def _keys(keys: list[Any], got: Any, place: str, *, ordered: bool) -> Difference | None:
    if hasattr(got, "keys"):
        there = list(got.keys())
        if there == keys if ordered else set(there) == set(keys):
            return None
    return difference.of_keys(place, keys, got, ordered=ordered)


def is_concrete(value: Any) -> bool:
    """Whether a value can become a NumPy array, which what depends on a trace cannot."""
    try:
        np.asarray(value)
    except Exception:
        return False
    return True


def same(
    expected: Any, got: Any, place: str, rtol: float = 1e-12, *, dtypes: bool = True
) -> Difference | None:
    """The first place where two values differ in structure, or by more than rounding.

    Parameters
    ----------
    expected, got : tree
        What is wanted, and what there is.
    place : str
        The source that reaches what there is.
    rtol : float
        The tolerance, relative and absolute, where the dtype allows no more.
    dtypes : bool
        Whether floating leaves have the dtype of the expected ones, and flags are flags; if not,
        a leaf need be no more exact than its own dtype.
    """
    nodes = trees.items(expected)
    if nodes is None:
        return _same_leaf(expected, got, place, rtol, dtypes)
    if found := _same_node(expected, got, place):
        return found
    return next(filter(None, (
        same(child, got[key], f"{place}[{key!r}]", rtol, dtypes=dtypes) for key, child in nodes
    )), None)


def _same_node(expected: Any, got: Any, place: str) -> Difference | None:
    if type(expected) is dict:
        return _keys(list(expected), got, place, ordered=False)
    return _node(expected, got, place, strict=True)


def _same_leaf(
    expected: Any, got: Any, place: str, rtol: float, dtypes: bool
) -> Difference | None:
    want = np.asarray(expected)
    if kind_of(want.dtype) not in "biufc":
        same_symbol = type(got) is type(expected) and got == expected
        return None if same_symbol else difference.of_symbol(place, expected, got)
    if isinstance(got, (Mapping, list, tuple, str)) or got is None:
        return difference.of_kind(place, trees.literal(expected), got)
    if not is_concrete(got):
        return difference.of_trace(place, got)
    have = np.asarray(got)
    if have.dtype == object:
        return difference.of_kind(place, trees.literal(expected), got)
    return _same_array(want, have, place, rtol, dtypes)


def _same_array(
    want: Array, have: Array, place: str, rtol: float, dtypes: bool
) -> Difference | None:
    if want.shape != have.shape:
        return difference.of_shape(place, want.shape, have)
    kinds = {kind_of(want.dtype), kind_of(have.dtype)}
    if dtypes and want.dtype != have.dtype and kinds & {*"bfc"}:
        return difference.of_dtype(place, want.dtype, have.dtype)
    if kind_of(have.dtype) in "fc":  # a result is no more exact than its own dtype
        rtol = max(rtol, (ROUNDED if is_half(have.dtype) else COMPUTED) * eps_of(have.dtype))
    if np.allclose(widened(have), widened(want), rtol=rtol, atol=rtol, equal_nan=True):
        return None
    return difference.of_value(place, want, have, rtol)
