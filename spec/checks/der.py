"""Values of derivatives, judged by oracles that share no code with an implementation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis.strategies import SearchStrategy

from spec.cases import Case
from spec.checks import generated
from spec.implementation import Subject
from spec.observe import judge_values, observe
from spec.returns import ROWS, Row
from spec.strategies import Wish, cases
from spec.transforms import FAMILY

PLAIN: dict[str, Row] = {
    "states": ROWS[4],
    "arguments": ROWS[0],
    "both": ROWS[8],
}
"""The rows without aux and value, by what is differentiated."""

PLAINEST = Wish()

EXACT = tuple(name for name, member in FAMILY.items() if member.layout != "sample")


@dataclass(frozen=True)
class Cell:
    """What is differentiated, by which member of the family."""

    member: str
    sides: str
    wish: Wish = Wish()

    def strategy(self) -> SearchStrategy[Case]:
        """Calls of the member that differentiate those sides."""
        return cases(replace(self.wish, members=(self.member,), rows=(PLAIN[self.sides],)))


def needs(cell: Cell) -> tuple[str, ...]:
    """The names that a cell's cases use."""
    return (f"transform.{cell.member}",)


def cells(sides: str, wish: Wish = PLAINEST) -> dict[str, Cell]:
    """One cell for every member of the family with exact values."""
    return {member: Cell(member, sides, wish) for member in EXACT}


@generated("DER-01", Cell.strategy, cells("arguments"), needs)
def derivatives_of_arguments_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-02", Cell.strategy, cells("states"), needs)
def derivatives_of_states_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-03", Cell.strategy, cells("both"), needs)
def derivatives_of_both_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))
