"""Return structure: the twelve rows, in full, for every member of the family."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from spec.cases import Case
from spec.checks import generated
from spec.implementation import Subject
from spec.observe import judge_row, observe
from spec.returns import ROWS, Row
from spec.strategies import calm, cases
from spec.transforms import FAMILY


@dataclass(frozen=True)
class Cell:
    """A row for a member of the family."""

    row: Row
    member: str


def needs(cell: Cell) -> tuple[str, ...]:
    """The names that a cell's cases use."""
    return (f"transform.{cell.member}",)


def drawn(cell: Cell) -> SearchStrategy[Case]:
    """Calls of the member that fall under the row."""
    return cases(calm(members=(cell.member,), rows=(cell.row,), containers=("dict",),
                      argnums=("int", "tuple"), most=2))


def result_has_the_structure_of_the_row(subject: Subject, case: Case) -> None:
    """The result is the tuple of the table, with every part in its own place."""
    judge_row(observe(case, subject))


for _row in ROWS:
    _cells = {member: Cell(_row, member) for member in FAMILY}
    generated(_row.id, drawn, _cells, needs)(result_has_the_structure_of_the_row)
