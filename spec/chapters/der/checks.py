"""Values of derivatives, judged by oracles that share no code with an implementation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from spec.judge.check import generated
from spec.judge.observation import judge_row, judge_sides, judge_values, observe
from spec.judge.subject import Subject
from spec.language import trees
from spec.language.cases import Case
from spec.language.programs import Assign, Draw, Statement
from spec.language.returns import ROWS, Row
from spec.language.strategies import Wish, cases
from spec.language.transforms import FAMILY

PLAIN: dict[str, Row] = {
    "states": ROWS[4],
    "arguments": ROWS[0],
    "both": ROWS[8],
}
"""The rows without aux and value, by what is differentiated."""

PLAINEST = Wish()

EXACT = tuple(name for name, member in FAMILY.items() if member.layout != "sample")
DISTINCT = tuple(name for name in EXACT if not FAMILY[name].alias)
BLOCKS = tuple(name for name in DISTINCT if FAMILY[name].layout in ("jacobian", "hessian"))


def batched(wish: Wish) -> Wish:
    """The wish with fewer shapes and functions, for members that run the function on a batch.

    Every number of inputs is another batch size, for which everything is compiled anew.
    """
    return replace(wish, shapes=wish.shapes[:2], functions=wish.functions[:4], most=2)


@dataclass(frozen=True)
class Cell:
    """What is differentiated, by which member of the family."""

    member: str
    sides: str
    wish: Wish = Wish()

    def strategy(self) -> SearchStrategy[Case]:
        """Calls of the member that differentiate those sides."""
        wish = replace(self.wish, members=(self.member,), rows=(PLAIN[self.sides],))
        return cases(batched(wish) if FAMILY[self.member].mode != "reverse" else wish)


def cells(
    sides: str, wish: Wish = PLAINEST, members: tuple[str, ...] = EXACT
) -> dict[str, Cell]:
    """One cell for every member with exact values, or for those given."""
    return {member: Cell(member, sides, wish) for member in members}


def of_arrays(cell: Cell) -> SearchStrategy[Case]:
    """The cell's cases with an array for every Python number, which has a rule of its own."""
    def arrays(value: Any) -> Any:
        return trees.map_leaves(np.asarray, value)

    def replaced(case: Case) -> Case:
        states = tuple(replace(var, value=arrays(var.value)) for var in case.program.states)
        program = replace(case.program, states=states)
        return replace(case, program=program, args=tuple(arrays(arg) for arg in case.args))

    return cell.strategy().map(replaced)


@generated("DER-01", Cell.strategy, cells("arguments"))
def derivatives_of_arguments_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-02", Cell.strategy, cells("states"))
def derivatives_of_states_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-03", Cell.strategy, cells("both"))
def derivatives_of_both_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-04", of_arrays, cells("states", Wish(nested=True), DISTINCT))
def states_may_hold_any_structure(subject: Subject, case: Case) -> None:
    """Structure and values of the state's side."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("DER-05", of_arrays, cells("arguments", Wish(nested=True), DISTINCT))
def arguments_may_have_any_structure(subject: Subject, case: Case) -> None:
    """Structure and values of the argument's side."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("DER-06", Cell.strategy, cells("states", Wish(outputs=("tree",)), BLOCKS))
def blocks_of_structured_outputs_stand_in_the_output(subject: Subject, case: Case) -> None:
    """The structure of the output is outermost, and every block holds its derivative."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("DER-33", Cell.strategy, cells("both", Wish(outputs=("tree",)), BLOCKS))
def sides_stand_outside_of_the_output(subject: Subject, case: Case) -> None:
    """The pair is outermost; in each of its members, the structure of the output is."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("DER-07", Cell.strategy,
           {sides: Cell("vector_grad", sides, Wish(outputs=("tree",))) for sides in PLAIN})
def vector_grad_sums_every_entry_of_every_leaf(subject: Subject, case: Case) -> None:
    """The gradient of one sum over the whole output."""
    judge_values(observe(case, subject))


@generated("DER-08", Cell.strategy, cells("states", Wish(dtype="float32"), DISTINCT))
def single_precision_stays_single_and_right(subject: Subject, case: Case) -> None:
    """The dtype of every leaf, and values as close to float64 as float32 allows."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


def with_draws(cell: Cell) -> SearchStrategy[Case]:
    """The cell's cases that draw, the numbers widened: their dtype is the library's choice."""
    def widened(case: Case) -> Case:
        body: list[Statement] = []
        for statement in case.program.body:
            body.append(statement)
            if isinstance(statement, Draw):
                text = f"jnp.float64(1.0) * {statement.target}"
                body.append(Assign(statement.target, text))
        return replace(case, program=replace(case.program, body=tuple(body)))

    return cell.strategy().filter(lambda case: case.program.draws).map(widened)


@generated("DER-09", with_draws,
           cells("states", Wish(draws=True), ("grad", "jacfwd", "hessian")))
def random_draws_are_constants(subject: Subject, case: Case) -> None:
    """The derivative at the very numbers that one plain call draws."""
    judge_values(observe(case, subject))
