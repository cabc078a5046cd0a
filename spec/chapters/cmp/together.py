"""Everything at once: one call that combines what the other rules ask for one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis.strategies import SearchStrategy

from spec.chapters.wrb.checks import judge_stream
from spec.judge.check import generated
from spec.judge.observation import (
    judge_effects,
    judge_part,
    judge_row,
    judge_sides,
    judge_values,
    observe,
)
from spec.judge.subject import Subject
from spec.language.cases import Case
from spec.language.returns import ROWS, Row
from spec.language.strategies import ORDINARY, SHAPES, cases
from spec.language.transforms import FAMILY

SMALL = replace(ORDINARY, shapes=SHAPES[:1], most=2)
"""For second derivatives, whose oracles take the square of the number of inputs in calls."""


@dataclass(frozen=True)
class Point:
    """A member of the family, the sides that it differentiates, and the outputs it is given."""

    member: str
    rows: tuple[Row, ...]
    outputs: tuple[str, ...]

    def strategy(self) -> SearchStrategy[Case]:
        """Calls with every feature that a program and a call can have."""
        wish = SMALL if FAMILY[self.member].layout == "hessian" else ORDINARY
        return cases(replace(wish, members=(self.member,), rows=self.rows, outputs=self.outputs))


SIDES = {"arguments": ROWS[:4], "states": ROWS[4:8], "both": ROWS[8:]}
POINTS = {
    f"{sides} {member} {words}": Point(member, rows, outputs)
    for sides, rows in SIDES.items() for member in FAMILY
    for words, outputs in (("plain", ("scalar", "array")), ("pytree", ("tree",)))
    if words == "plain" or FAMILY[member].outputs == "any"
}


@generated("CMP-21", Point.strategy, POINTS)
def structure_values_and_effects_hold_together(subject: Subject, case: Case) -> None:
    """The row, both sides, loss and aux, the derivative, the states, and the random stream."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_sides(seen)
    for part, present in (("loss", case.row.return_value), ("aux", case.row.has_aux)):
        if present:
            judge_part(seen, part)
    judge_effects(seen)
    if case.program.seed is not None:
        judge_stream(subject, case)
    if case.transform.layout != "sample":
        judge_values(seen)
