"""Judging one aspect of what a case gave: row, sides, loss and aux, states.

Every aspect has a judge of its own, so that a failure points at its cause; the derivative's are
in :mod:`spec.judge.derivative`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language import returns, trees
from . import compare, difference
from .difference import Violation
from .observation import Observation, misplaced


def judge_row(seen: Observation) -> None:
    """The result has the row's structure, and every part stands in its own place."""
    row = seen.case.row
    if found := misplaced(row.result, seen.result, seen.name):
        raise Violation(found, f"{row.id}: expected {returns.show(row.result)}; {found}")
    for part, got in seen.parts.items():
        place = seen.place(part)
        if part in ("var", "arg"):
            found = compare.mirrors(seen.expected.side(part), got, place, strict=False)
        else:
            found = compare.same(_wanted(seen, part), got, place, dtypes=False)
        if found:
            raise Violation(found, f"{row.id}: {returns.PARTS[part]} stands at {place}; {found}")


def _wanted(seen: Observation, part: str) -> Any:
    return seen.expected.out if part == "loss" else seen.expected.aux


def judge_sides(seen: Observation, *, strict: bool = True) -> None:
    """Each side mirrors the container that was asked for, down to shapes and dtypes."""
    for side in seen.case.sides:
        want, got, place = seen.expected.side(side), seen.parts[side], seen.place(side)
        if found := compare.mirrors(want, got, place, strict=strict):
            raise Violation(found, f"{returns.PARTS[side]} at {found}")
        for slot, array, leaf in compare.paired(want, got, place):
            if array.dtype != slot.dtype:
                found = difference.of_dtype(leaf, slot.dtype, array.dtype)
                raise Violation(found, f"{found}; its input has dtype {slot.dtype}")


def judge_part(seen: Observation, part: str) -> None:
    """The loss, or aux, has the structure, dtypes and values of a plain call's."""
    found = compare.same(_wanted(seen, part), seen.parts[part], seen.place(part),
                         dtypes=seen.expected.dtypes_known)
    if found:
        raise Violation(found, f"{part} at {found}")


def judge_effects(seen: Observation, *, selected: bool | None = None) -> None:
    """Every state, or every selected or unselected one, holds what one plain call leaves."""
    chosen = seen.case.selection.states if seen.case.selection is not None else []
    for state, expected in seen.expected.after.items():
        if selected is not None and (state in chosen) != selected:
            continue
        found = compare.same(expected, seen.after[state], f"{state}.value",
                             dtypes=seen.expected.dtypes_known)
        if found:
            raise Violation(found, f"after the call, {found}")


def judge_leaf_types(expected: Any, got: Any, place: str) -> None:
    """Every leaf has the dtype that it has on NumPy, or the same Python type."""
    leaves = dict(trees.leaves(got))  # dicts may have another order
    for path, want in trees.leaves(expected):
        leaf = leaves[path]
        at = place + "".join(f"[{key!r}]" for key in path)
        if type(want) in (bool, int, float, complex):
            if type(leaf) is not type(want):
                raise Violation(difference.of_type(at, type(want), leaf))
        elif (dtype := np.asarray(leaf).dtype) != np.asarray(want).dtype:
            raise Violation(difference.of_dtype(at, np.asarray(want).dtype, dtype))
