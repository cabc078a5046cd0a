"""Judging a flat derivative by differences of what a function gives, entry by entry if need be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..expected import oracles
from ..expected.layout import Array
from .failures import Undecided, WrongDerivative
from .point import Leaf, Point

CLOSER = 8.0
"""How many times closer than the first the points are that must agree that a slope is wrong."""


class Slopes:
    """The slopes of a function at a point, by differences.

    One direction through each leaf decides whether its derivative is right; only where it is wrong
    are entries looked at, by halves.

    Parameters
    ----------
    function : callable
        From the point's flat vector to a flat vector.
    point : Point
        Where.
    what : sequence of str
        What the entries of the output are, for messages.
    """

    def __init__(
        self, function: Callable[[Array], Array], point: Point, what: Sequence[str]
    ) -> None:
        self.function, self.point, self.what = function, point, what
        self.weights = np.cos(1.0 + np.arange(point.vector.size))  # none small, no two equal
        self.largest = oracles.largest_number(function, point.vector, self.weights)
        self.dtype = max((leaf.block.dtype for leaf in point.leaves), key=_eps)
        self.columns = np.stack([self._along(np.array(leaf.numbers, int)) for leaf in point.leaves],
                                axis=1)
        self.estimate = self._estimate(self.columns)

    def judge(self, who: str, derivative: Array) -> None:
        """Require that a derivative of shape (outputs, inputs) is the slope.

        Raises
        ------
        WrongDerivative
            If it is not: the message names the entry, both numbers and the tolerance.
        Undecided
            If the differences cannot tell.
        """
        given = derivative @ self.columns
        judged = oracles.judge(given, self.estimate, dtype=self.dtype)
        if judged.decision is oracles.Decision.PASS:
            return
        assert judged.index is not None, "shapes are equal, and there are entries"
        row, column = judged.index
        leaf, reason = self.point.leaves[column], judged.reason
        if judged.decision is oracles.Decision.FAIL:
            # Or else the function turns within a step, or is too flat for its digits.
            closer = self._estimate(self.columns[:, [column]], row, CLOSER)
            again = oracles.judge(given[[row]][:, [column]], closer, dtype=self.dtype)
            if again.decision is not oracles.Decision.FAIL:
                reason = "differences from closer points do not say the same"
                judged = replace(judged, decision=oracles.Decision.INCONCLUSIVE)
        if judged.decision is oracles.Decision.INCONCLUSIVE:
            raise Undecided(
                f"{who}, {self.what[row]}along {leaf.place}{leaf.owner}: {reason}\n"
                f"  got       {judged.got!r}\n  expected  {judged.expected!r}\n"
                f"  tolerance {judged.tol:.2g}\n"
                "Is there a kink or a jump near this point, or are digits lost by cancellation?")
        self._blame(who, derivative[row], row, leaf)

    def _blame(self, who: str, derivative: Array, row: int, leaf: Leaf) -> None:
        """Raise for the entry of a leaf that is most wrong, or for the smallest part that is."""
        part = np.array(leaf.numbers, int)
        found = self._judged(derivative, row, part)
        while part.size > 1:
            halves = {judged: half for half in np.array_split(part, 2)
                      if (judged := self._judged(derivative, row, half)).decision
                      is oracles.Decision.FAIL}
            if not halves:
                break
            found = max(halves, key=lambda judged: abs(judged.got - judged.expected) / judged.tol)
            part = halves[found]
        if part.size == 1:
            place = leaf.entry(int(part[0]))
        else:
            place = f"{leaf.place}, along a direction through {part.size} entries"
        raise WrongDerivative(
            f"{who} is wrong, {self.what[row]}with respect to {place}{leaf.owner}:\n"
            f"  got       {found.got!r}\n  expected  {found.expected!r}, by differences\n"
            f"  tolerance {found.tol:.2g}",
            place, float(found.got.real), float(found.expected.real), found.tol)

    def _judged(self, derivative: Array, row: int, part: Array) -> oracles.Judgement:
        direction = self._along(part)
        estimate = self._estimate(direction[:, None], row)
        return oracles.judge(derivative[None, :] @ direction[:, None], estimate, dtype=self.dtype)

    def _estimate(
        self, columns: Array, row: int | None = None, closer: float = 1.0
    ) -> oracles.Estimate:
        """The slopes along some columns, for one output or all, from points that may be closer."""
        rows = slice(None) if row is None else slice(row, row + 1)
        start = self.point.vector

        def function(vector: Array) -> Array:
            return self.function(start + (vector - start) / closer)[rows]

        found = oracles.central(function, start, columns, largest=self.largest)
        return oracles.Estimate(closer * found.value, closer * found.tol)

    def _along(self, part: Array) -> Array:
        """A direction through some entries; an entry alone has its own unit."""
        direction: Array = np.zeros(self.weights.shape)
        direction[part] = self.weights[part] if part.size > 1 else 1.0
        return direction


def _eps(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps)
