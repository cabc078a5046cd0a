"""Return structure: the twelve rows, in full, for every member of the family."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from spec.judge.check import generated
from spec.judge.observation import judge_row, observe
from spec.judge.subject import Subject
from spec.language.cases import Case
from spec.language.returns import ROWS, Row
from spec.language.strategies import calm, cases
from spec.language.transforms import FAMILY


@dataclass(frozen=True)
class Cell:
    """A row for a member of the family."""

    row: Row
    member: str


def drawn(cell: Cell) -> SearchStrategy[Case]:
    """Calls of the member that fall under the row."""
    return cases(calm(members=(cell.member,), rows=(cell.row,), containers=("dict",),
                      argnums=("int", "tuple"), most=2))


def result_has_the_structure_of_the_row(subject: Subject, case: Case) -> None:
    """The result is the tuple of the table, with every part in its own place."""
    judge_row(observe(case, subject))


for _row in ROWS:
    _cells = {member: Cell(_row, member) for member in FAMILY}
    generated(_row.id, drawn, _cells)(result_has_the_structure_of_the_row)
