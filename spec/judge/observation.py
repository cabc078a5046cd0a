"""Running a case on an implementation, and judging one aspect of what came of it.

Every aspect has a judge of its own (structure of the result, structure of a side, values,
effects), so that a failure points at its cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spec.expected import oracles
from spec.expected.expectation import Expectation
from spec.expected.layout import Array, Slot
from spec.judge import compare
from spec.judge.check import Inconclusive, Violation, first_line
from spec.judge.compare import Mismatch
from spec.judge.subject import Subject
from spec.language import returns, trees
from spec.language.cases import Case
from spec.language.script import execute


@dataclass(frozen=True)
class Observation:
    """What an implementation did with a case.

    Attributes
    ----------
    case, subject : Case, Subject
        What was run on what.
    result : object
        What the call returned.
    after : mapping
        The value of every state after the call.
    names : mapping
        The names that the script defined.
    """

    case: Case
    subject: Subject
    result: Any
    after: dict[str, Any]
    names: dict[str, Any]

    @cached_property
    def expected(self) -> Expectation:
        """What the case must give."""
        return expectation(self.case, self.subject)

    @cached_property
    def parts(self) -> dict[str, Any]:
        """The result taken apart by the row of the table.

        Raises
        ------
        Inconclusive
            If the result does not have the row's structure, which the RET rules judge.
        """
        try:
            return returns.split(self.case.row.result, self.result)
        except ValueError as error:
            raise Inconclusive(f"the result cannot be read: {error}") from error


def observe(case: Case, subject: Subject) -> Observation:
    """Run a case on an implementation.

    Raises
    ------
    Violation
        If the script raises, or a state cannot be read after it.
    """
    try:
        names = case.run(subject.lib, subject.xp)
    except Exception as error:
        message = f"{case.member} raised {type(error).__name__}: {first_line(error)}"
        raise Violation(message) from error
    try:
        after = {var.id: names[var.id].value for var in case.program.states}
    except Exception as error:
        states = ", ".join(f"{var.id}.value" for var in case.program.states)
        raise Violation(f"after the call, reading {states} raised {type(error).__name__}: "
                        f"{first_line(error)}", f"[{states}]") from error
    return Observation(case, subject, names["result"], after, names)


def expectation(case: Case, subject: Subject) -> Expectation:
    """What a case must give, with the implementation's own random numbers replayed."""
    draws: list[Array] = []
    if case.program.seed is not None:
        subject.lib.random.seed(case.program.seed)
        draws = [np.asarray(subject.lib.random.normal(size=s)) for s in case.program.draws]
    return Expectation(case, draws)


def place_of(row: returns.Row, part: str) -> str:
    """Source to append to ``result`` to reach a part, for example ``[0][1]``."""
    def find(structure: returns.Structure) -> str | None:
        if isinstance(structure, str):
            return "" if structure == part else None
        for index, item in enumerate(structure):
            rest = find(item)
            if rest is not None:
                return f"[{index}]{rest}"
        return None

    return find(row.result) or ""


def judge_row(seen: Observation) -> None:
    """The result has the row's structure, and every part stands in its own place."""
    row = seen.case.row
    try:
        parts = returns.split(row.result, seen.result)
    except ValueError as error:
        claim = _shape_claim(row.result, "result")
        raise Violation(f"{row.id}: {error}", claim) from error
    for part in parts:
        _require_part(seen, part, parts[part])


def _shape_claim(structure: returns.Structure, name: str) -> str:
    if isinstance(structure, str):
        return ""
    claims = [f"type({name}) is tuple and len({name}) == {len(structure)}"]
    claims += [_shape_claim(item, f"{name}[{i}]") for i, item in enumerate(structure)]
    return " and ".join(claim for claim in claims if claim)


def _require_part(seen: Observation, part: str, got: Any) -> None:
    place = place_of(seen.case.row, part)
    try:
        if part in ("var", "arg"):
            compare.match(seen.expected.side(part), got, strict=False)
        else:
            want = seen.expected.out if part == "loss" else seen.expected.aux
            compare.same(want, got, dtypes=False)
    except Mismatch as mismatch:
        raise Violation(
            f"{seen.case.row.id}: {returns.PARTS[part]} stands at result{place}; {mismatch}",
            mismatch_claim(f"result{place}", mismatch),
        ) from mismatch


def mismatch_claim(name: str, mismatch: Mismatch) -> str:
    """An expression that is false where a mismatch was seen."""
    where = name + mismatch.place
    wanted = mismatch.expected
    if wanted == "a concrete value":
        return f"jnp.ravel({where}).tolist() is not None"
    if wanted.startswith("an array of shape "):
        return f"jnp.shape({where}) == {wanted.removeprefix('an array of shape ')}"
    if wanted.startswith("dtype "):
        return f"jnp.asarray({where}).dtype == {wanted.removeprefix('dtype ')!r}"
    if wanted.startswith("shape "):
        return f"jnp.shape({where}) == {wanted.removeprefix('shape ')}"
    if wanted.startswith("keys "):
        return f"list({where}.keys()) == {wanted.removeprefix('keys ')}"
    if wanted.startswith("jnp.array(") or _is_number(wanted):
        return f"jnp.allclose({where}, {wanted})"
    if wanted.startswith("a ") and wanted.removeprefix("a ").isidentifier():
        return f"type({where}) is {wanted.removeprefix('a ')}"
    if wanted == "None":
        return f"{where} is None"
    if wanted.startswith(("'", '"', "True", "False")):
        return f"{where} == {wanted}"
    if " with keys " in wanted:
        kind, _, keys = wanted.partition(" with keys ")
        return f"type({where}).__name__ == {kind!r} and set({where}) == set({keys})"
    if " of " in wanted:
        kind, _, size = wanted.partition(" of ")
        return f"type({where}).__name__ == {kind!r} and len({where}) == {size}"
    return f"{where} == {wanted!r}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def judge_sides(seen: Observation, *, strict: bool = True) -> None:
    """Each side mirrors the container that was asked for, down to shapes and dtypes."""
    for side in seen.case.sides:
        name = f"result{place_of(seen.case.row, side)}"
        try:
            pairs = compare.match(seen.expected.side(side), seen.parts[side], strict=strict)
        except Mismatch as mismatch:
            message = f"{returns.PARTS[side]} at {name}: {mismatch}"
            raise Violation(message, mismatch_claim(name, mismatch)) from mismatch
        for slot, array, place in pairs:
            if array.dtype != slot.dtype:
                raise Violation(
                    f"{name}{place}: expected dtype {slot.dtype} as its input, got {array.dtype}",
                    f"{name}{place}.dtype == {slot.dtype.name!r}",
                )


def judge_values(seen: Observation) -> None:
    """Each side holds the derivative that the oracles find."""
    _judge_slots(seen.expected, _slots(seen))


def _slots(seen: Observation) -> list[tuple[Slot, Array, str]]:
    """The leaves of the returned derivative, with the blocks they hold and their places."""
    slots: list[tuple[Slot, Array, str]] = []
    for side in seen.case.sides:
        try:
            pairs = compare.match(seen.expected.side(side), seen.parts[side], strict=False)
        except Mismatch as mismatch:
            raise Inconclusive(f"{returns.PARTS[side]} cannot be read: {mismatch}") from mismatch
        name = f"result{place_of(seen.case.row, side)}"
        slots += [(slot, array, name + place) for slot, array, place in pairs]
    return slots


def judge_along_own_values(seen: Observation) -> None:
    """The derivative is the slope of the function's own values, on the device they live on."""
    expected = seen.expected
    flat = expected.estimates[0].value.copy()
    for slot, array, _ in _slots(seen):
        flat[slot.index] = array.reshape(flat[slot.index].shape)
    direction = np.cos(1.0 + np.arange(expected.size))  # no entry is small, no two are equal
    slope = oracles.directional(_own_function(seen), expected.point(), direction,
                                largest=expected.magnitude.largest)
    judgement = oracles.judge(flat @ direction, slope)
    if judgement.verdict is oracles.Verdict.INCONCLUSIVE:
        raise Inconclusive(f"the differences cannot decide: {judgement.reason}")
    if judgement.verdict is oracles.Verdict.FAIL:
        raise Violation(f"along a direction: expected {judgement.expected} by differences of the "
                        f"function's own values, got {judgement.got}")


def _own_function(seen: Observation) -> Callable[[Array], Array]:
    """The function on the implementation's own arrays, as a function of one flat vector."""
    case, subject, expected = seen.case, seen.subject, seen.expected
    names = execute(case.setup(), subject.lib, subject.xp)
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


def _judge_slots(expected: Expectation, slots: list[tuple[Slot, Array, str]]) -> None:
    """Judge the derivative as a whole, since its largest entry is the scale of its rounding."""
    best = expected.estimates[0].value
    flat = best.copy()
    for slot, array, _ in slots:
        flat[slot.index] = array.reshape(flat[slot.index].shape)
    coarsest = max((slot.dtype for slot, _, _ in slots), key=_eps, default=best.dtype)
    judgement = oracles.judge(flat, *expected.estimates, dtype=coarsest)
    if judgement.verdict is oracles.Verdict.INCONCLUSIVE:
        raise Inconclusive(f"the oracles cannot decide: {judgement.reason}")
    if judgement.verdict is oracles.Verdict.PASS:
        return
    name, want = next(
        (name, best[slot.index].reshape(slot.shape).astype(slot.dtype))
        for slot, _, name in slots
        if _holds(slot, best.shape, judgement.index)
    )
    rtol = 1e-4 if _eps(coarsest) > _eps(best.dtype) else 1e-8
    raise Violation(
        f"an entry of {name}: expected {judgement.expected}, got {judgement.got}",
        f"jnp.allclose({name}, {trees.literal(want)}, {rtol}, {rtol})",
    )


def _eps(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0


def _holds(slot: Slot, shape: tuple[int, ...], index: tuple[int, ...] | None) -> bool:
    """Whether a slot holds the entry of the flat derivative at the index."""
    ranges = [range(size)[part] for part, size in zip(slot.index, shape, strict=True)]
    return index is None or all(i in r for i, r in zip(index, ranges, strict=True))


def judge_part(seen: Observation, part: str) -> None:
    """The loss, or aux, has the structure, dtypes and values of a plain call's."""
    name = f"result{place_of(seen.case.row, part)}"
    try:
        compare.same(seen.expected.out if part == "loss" else seen.expected.aux, seen.parts[part],
                      dtypes=seen.expected.dtypes_known)
    except Mismatch as mismatch:
        raise Violation(f"{part} at {name}: {mismatch}", mismatch_claim(name, mismatch)) \
            from mismatch


def judge_effects(seen: Observation, *, selected: bool | None = None) -> None:
    """Every state, or every selected or unselected one, holds what one plain call leaves."""
    chosen = seen.case.selection.states if seen.case.selection is not None else []
    for state, expected in seen.expected.after.items():
        if selected is not None and (state in chosen) != selected:
            continue
        try:
            compare.same(expected, seen.after[state], dtypes=seen.expected.dtypes_known)
        except Mismatch as mismatch:
            name = f"{state}.value"
            raise Violation(f"{name} after the call: {mismatch}",
                            mismatch_claim(name, mismatch)) from mismatch
