"""A derivative as a library's transform gives it, as one flat array."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..expected.layout import Array, Segment, Slot
from ..judge import compare
from ..language import returns, trees
from .failures import WrongDerivative
from .point import Point

NAN = float("nan")


def jacobian_slots(point: Point, outputs: Any) -> dict[str, Any]:
    """Where the blocks of the first derivative stand, with the output's structure outermost."""
    def of(out: Segment) -> dict[str, Any]:
        return point.sides(lambda b: Slot((out.where, b.where), out.shape + b.shape, b.dtype))

    return _by_side(of, outputs)


def hessian_slots(point: Point, outputs: Any) -> dict[str, Any]:
    """Where the blocks of the second derivative stand: rows, and in each leaf its columns."""
    def of(out: Segment) -> dict[str, Any]:
        def row(b: Segment) -> Any:
            columns = tuple(point.sides(lambda c: Slot(
                (out.where, b.where, c.where), out.shape + b.shape + c.shape, c.dtype)).values())
            return columns[0] if len(columns) == 1 else columns

        return point.sides(row)

    return _by_side(of, outputs)


def _by_side(of: Callable[[Segment], dict[str, Any]], outputs: Any) -> dict[str, Any]:
    none = Segment(slice(0, 0), (), np.dtype(float))
    return {side: trees.map_leaves(partial(_part, of, side), outputs) for side in of(none)}


def _part(of: Callable[[Segment], dict[str, Any]], side: str, out: Segment) -> Any:
    return of(out)[side]


def gathered(
    who: str, slots: dict[str, Any], result: Any, shape: tuple[int, ...], has_aux: bool
) -> tuple[Array, Any]:
    """The derivative in a call's result as one array, and what the function returned.

    The array has the shortest dtype of the derivative's leaves.

    Raises
    ------
    WrongDerivative
        If the result has another structure.
    """
    row = returns.row(states="var" in slots, args="arg" in slots, has_aux=has_aux,
                      return_value=True)
    try:
        parts = returns.split(row.result, result)
    except ValueError as error:
        raise WrongDerivative(f"the result of {who}: {error}", "", NAN, NAN, NAN) from error
    pairs = []
    for side, expected in slots.items():
        place = returns.PARTS[side]
        if found := compare.mirrors(expected, parts[side], place, strict=False):
            raise WrongDerivative(f"{found.place} of {who}: got {found.actual}, expected "
                                  f"{found.expected}", found.place, NAN, NAN, NAN)
        pairs += compare.paired(expected, parts[side], place)
    whole = np.zeros(shape, min((array.dtype for _, array, _ in pairs), key=lambda d: d.itemsize))
    for slot, array, _ in pairs:
        whole[slot.index] = array.reshape(whole[slot.index].shape)
    return whole, (parts["loss"], parts["aux"]) if has_aux else parts["loss"]
