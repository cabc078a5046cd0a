"""Everything at once: one call that combines what the other rules ask for one by one."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from ...judge.aspects import judge_effects, judge_part, judge_row, judge_sides
from ...judge.check import generated
from ...judge.derivative import judge_values
from ...judge.observation import Observation, observe
from ...judge.stream import judge_stream
from ...judge.subject import Subject
from ...language.axes import EVERY, Calls
from ...language.cases import Case
from ...language.returns import SIDES
from ...language.transforms import Member
from ...language.values import SHAPES
from ...language.wishes import ORDINARY, Wish

SMALL = replace(ORDINARY, shapes=SHAPES[:1], most=2)
"""For second derivatives, whose oracles take the square of the number of inputs in calls."""


TAKERS = {
    "plain": (EVERY, ("scalar", "array")),
    "pytree": (EVERY.where(outputs="any"), ("tree", "wide", "ordered")),
}
"""Outputs of a function, and the members that take them."""


def everything(side: str, words: str) -> dict[str, Calls]:
    """Calls with every feature that a program and a call can have."""
    members, outputs = TAKERS[words]

    def asked(member: Member) -> Wish:
        return replace(ORDINARY if member.order == 1 else SMALL, outputs=outputs)

    return members.calls(asked, SIDES[side], f"{side} {{member}} {words}")


_points: dict[str, Calls] = {}
for _side, _words in product(SIDES, TAKERS):
    _points |= everything(_side, _words)


@generated("CMP-21", Calls.strategy, _points, wide=3)
def structure_values_and_effects_hold_together(subject: Subject, case: Case) -> None:
    """The row, both sides, loss and aux, the derivative, the states, and the random stream."""
    judge_together(subject, case)


def judge_together(subject: Subject, case: Case) -> None:
    """All that can be said of a call, and of the random stream after it.

    What fwd_grad draws for itself where it has no key is DER-35, which leaves open what comes next.
    """
    seen = observe(case, subject)
    judge_whole(seen)
    own = case.member == "fwd_grad" and "key" not in case.options
    if case.program.seed is not None and not own:
        judge_stream(subject, case)


def judge_whole(seen: Observation) -> None:
    """All that can be said of what a call gave."""
    judge_row(seen)
    judge_sides(seen)
    for part, present in (("loss", seen.case.row.return_value), ("aux", seen.case.row.has_aux)):
        if present:
            judge_part(seen, part)
    judge_effects(seen)
    if seen.case.transform.layout != "sample":
        judge_values(seen)
