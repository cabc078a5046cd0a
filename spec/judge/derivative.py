"""Judging the derivative that a case gave: by the oracles, and by the function's own values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..expected import oracles
from ..expected.layout import Array, Slot
from ..language import returns, trees
from ..language.dtypes import eps_of, kind_of
from ..language.script import execute
from . import compare, difference
from .difference import Difference, Inconclusive, Unreadable, Violation
from .observation import Observation


def judge_values(seen: Observation) -> None:
    """Each side holds the derivative that the oracles find.

    It is judged as a whole, since its largest entry is the scale of its rounding.
    """
    estimates = seen.expected.estimates
    slots, best = _slots(seen), estimates[0].value
    coarsest = max((slot.dtype for slot, _, _ in slots), key=_eps, default=best.dtype)
    decided = decide(_flat(slots, best), estimates, dtype=coarsest)
    if decided is None:
        return
    assert decided.index is not None, "what mirrors the expected structure has entries to name"
    places = [place + entry for slot, _, place in slots
              if (entry := _entry(slot, best.shape, decided.index)) is not None]
    # Where several slots hold one block, the last one is that of the flat derivative.
    raise Violation(difference.of_entry(places[-1], decided))


def decide(
    got: Array, estimates: Sequence[oracles.Estimate], *, dtype: Any = np.float64
) -> oracles.Judgement | None:
    """What the oracles say against a derivative; None if nothing.

    Raises
    ------
    Inconclusive
        If they cannot decide.
    """
    judgement = oracles.judge(got, *estimates, dtype=dtype)
    if judgement.decision is oracles.Decision.INCONCLUSIVE:
        raise Inconclusive(f"the oracles cannot decide: {judgement.reason}")
    return judgement if judgement.decision is oracles.Decision.FAIL else None


def _slots(seen: Observation) -> list[tuple[Slot, Array, str]]:
    """The leaves of the returned derivative, with the blocks they hold and their places."""
    slots: list[tuple[Slot, Array, str]] = []
    for side in seen.case.sides:
        want, got, place = seen.expected.side(side), seen.parts[side], seen.place(side)
        if found := compare.mirrors(want, got, place, strict=False):
            raise Unreadable(found, returns.PARTS[side])
        slots += compare.paired(want, got, place)
    return slots


def _flat(slots: list[tuple[Slot, Array, str]], best: Array) -> Array:
    """The returned derivative in the order of the oracles'."""
    flat = best.copy()
    for slot, array, _ in slots:
        flat[slot.index] = array.reshape(flat[slot.index].shape)
    return flat


def _eps(dtype: np.dtype[Any]) -> float:
    return eps_of(dtype) if kind_of(dtype) in "fc" else 0.0


def _entry(slot: Slot, shape: tuple[int, ...], index: tuple[int, ...]) -> str | None:
    """Source to append to a slot's place to reach an entry of the flat derivative, if it is there.
    """
    ranges = [range(size)[part] for part, size in zip(slot.index, shape, strict=True)]
    if not all(i in r for i, r in zip(index, ranges, strict=True)):
        return None
    local = [r.index(i) for i, r in zip(index, ranges, strict=True)]
    number = int(np.ravel_multi_index(local, [len(r) for r in ranges]))
    entry = tuple(int(i) for i in np.unravel_index(number, slot.shape))
    return f"[{', '.join(map(str, entry))}]" if entry else ""


def judge_along_own_values(seen: Observation) -> None:
    """The derivative is the slope of the function's own values, on the device they live on."""
    expected = seen.expected
    flat = _flat(_slots(seen), expected.estimates[0].value)
    direction = np.cos(1.0 + np.arange(expected.size))  # no entry is small, no two are equal
    slope = oracles.directional(_own_function(seen), expected.point(), direction,
                                largest=expected.magnitude.largest)
    if decided := decide(flat @ direction, (slope,)):
        with suppress(Inconclusive):
            judge_values(seen)  # names the entry, where the oracles on NumPy see it too
        raise Violation(Difference("along a direction", "", f"the slope {decided.expected} of the "
                                   "function's own values", f"{decided.got}"))


def _own_function(seen: Observation) -> Callable[[Array], Array]:
    """The function on the implementation's own arrays, as a function of one flat vector."""
    case, subject, expected = seen.case, seen.subject, seen.expected
    names = execute(case.setup(), subject.lib, subject.xp, subject.foreign)
    given = [eval(trees.literal(arg), names) for arg in case.args]
    start = {var.id: names[var.id].value for var in case.program.states}

    def function(vector: Array) -> Array:
        states, args = expected.placed(vector)
        if case.program.seed is not None:
            subject.lib.random.seed(case.program.seed)
        for name, value in start.items():
            moved = states.get(name)
            names[name].value = value if moved is None else trees.map_leaves(
                subject.xp.asarray, moved)
        moved_args = [
            trees.map_leaves(subject.xp.asarray, args[i]) if i in args else arg
            for i, arg in enumerate(given)
        ]
        result = names["f"](*moved_args, **case.kwargs)
        out = result[0] if case.row.has_aux else result
        return expected.flat(trees.map_leaves(np.asarray, out))

    return function
