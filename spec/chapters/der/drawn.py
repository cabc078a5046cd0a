"""Values of derivatives, judged by oracles that share no code with an implementation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from hypothesis.strategies import SearchStrategy

from ...judge.aspects import judge_row, judge_sides
from ...judge.check import generated
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import (
    DISTINCT,
    EXACT,
    REPRESENTATIVES,
    Calls,
    Change,
    Members,
    as_drawn,
    plain,
)
from ...language.cases import Case
from ...language.programs import Assign, Draw, Statement
from ...language.returns import SIDES
from ...language.transforms import Member
from ...language.values import LARGE, SHAPES
from ...language.wishes import CALM, Wish

PLAINEST: Final = Wish(operations=True, large=True)
BLOCKS: Final = DISTINCT.where(layout=("jacobian", "hessian"))

def differentiating(
    side: str, wish: Wish = PLAINEST, members: Members = EXACT, change: Change = as_drawn,
    id: str = "{member}",
) -> dict[str, Calls]:
    """Calls of every member that differentiate a side, or both.

    A member of forward mode runs the function on a batch.  Every number of inputs is another
    batch size, for which everything is compiled anew; so it gets fewer shapes and functions.
    """
    batched = replace(wish, shapes=wish.shapes[:2], functions=wish.functions[:4], most=2,
                      large=False)

    def asked(member: Member) -> Wish:
        return wish if member.mode == "reverse" else batched

    return members.calls(asked, plain(side), id, change)


def of_arrays(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases with an array for every Python number, which has a rule of its own."""
    def arrays(value: Any) -> Any:
        return trees.map_leaves(np.asarray, value)

    def replaced(case: Case) -> Case:
        states = tuple(replace(var, value=arrays(var.value)) for var in case.program.states)
        program = replace(case.program, states=states)
        return replace(case, program=program, args=tuple(arrays(arg) for arg in case.args))

    return drawn.map(replaced)


MANY_ROWS: Final = Wish(shapes=LARGE[:1], functions=CALM, outputs=("long",), most=1, steps=(0, 1),
                        arguments=(0, 1))
"""Outputs of more entries than anybody writes out."""


def many_rows(side: str) -> dict[str, Calls]:
    """Calls of the members that give a row for every entry of the output."""
    return differentiating(
        side, MANY_ROWS, EXACT.where(layout="jacobian"), id="{member}, many rows")


@generated("DER-01", Calls.strategy, differentiating("arguments") | many_rows("arguments"))
def derivatives_of_arguments_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-02", Calls.strategy, differentiating("states") | many_rows("states"))
def derivatives_of_states_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


def of_all_arguments(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases with every argument differentiated, where any is."""
    def all_of(case: Case) -> Case:
        asked = case.argnums is not None
        return replace(case, argnums=tuple(range(len(case.args)))) if asked else case

    return drawn.map(all_of)


SEVERAL: Final = Wish(("hessian",), operations=True, shapes=SHAPES[1:2], outputs=("scalar",),
                      argnums=("tuple",), arguments=(2, 3), fewest=2, steps=(2, 4),
                      functions=("{0}", "jnp.sin({0})", "jnp.tanh({0})"), kinds=("array",))


def blocks_of_several() -> dict[str, Calls]:
    """Hessians by several arguments, or states, whose blocks are no symmetric matrices."""
    return {side: Calls(replace(SEVERAL, rows=plain(side)), of_all_arguments)
            for side in ("arguments", "states")}


@generated("DER-13", Calls.strategy,
           blocks_of_several() | differentiating("both", members=EXACT.where(order=2)))
@generated("DER-02", Calls.strategy, differentiating("both", members=EXACT.where(order=1)))
def derivatives_of_both_are_right(subject: Subject, case: Case) -> None:
    """Against the complex step and central differences."""
    judge_values(observe(case, subject))


@generated("DER-04", Calls.strategy,
           differentiating("states", Wish(nested=True), DISTINCT, of_arrays))
def states_may_hold_any_structure(subject: Subject, case: Case) -> None:
    """Structure and values of the state's side."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("ARG-07", Calls.strategy,
           differentiating("arguments", Wish(nested=True), DISTINCT, of_arrays))
def arguments_may_have_any_structure(subject: Subject, case: Case) -> None:
    """Structure and values of the argument's side."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


OF_TREES: Final = Wish(outputs=("tree", "ordered"))


@generated("DER-06", Calls.strategy, differentiating("states", OF_TREES, BLOCKS))
def blocks_of_structured_outputs_stand_in_the_output(subject: Subject, case: Case) -> None:
    """The structure of the output is outermost, and every block holds its derivative."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("DER-06", Calls.strategy, differentiating("both", OF_TREES, BLOCKS))
def sides_stand_outside_of_the_output(subject: Subject, case: Case) -> None:
    """The pair is outermost; in each of its members, the structure of the output is."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_sides(seen, strict=False)
    judge_values(seen)


@generated("DER-07", Calls.strategy, {
    side: Calls(Wish(("vector_grad",), plain(side), outputs=("tree", "wide", "ordered")))
    for side in SIDES
})
def vector_grad_sums_every_entry_of_every_leaf(subject: Subject, case: Case) -> None:
    """The gradient of one sum over the whole output."""
    judge_values(observe(case, subject))


HALF: Final = Wish(dtypes=("float16", "bfloat16"), functions=CALM, steps=(0, 1))
"""Short functions: half precision leaves little of long ones."""


@generated("DER-08", Calls.strategy,
           differentiating("states", HALF, DISTINCT.where(mode="reverse"), id="{member} half")
           | differentiating("states", Wish(dtypes=("float32",)), DISTINCT))
def short_dtypes_are_kept_and_right(subject: Subject, case: Case) -> None:
    """The dtype of every leaf, and values as close to float64 as a short dtype allows."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    judge_values(seen)


def that_draw_wide(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases that draw, the numbers widened: their dtype is the library's choice."""
    def widened(case: Case) -> Case:
        body: list[Statement] = []
        for statement in case.program.body:
            body.append(statement)
            if isinstance(statement, Draw):
                text = f"jnp.float64(1.0) * {statement.target}"
                body.append(Assign(statement.target, text))
        return replace(case, program=replace(case.program, body=tuple(body)))

    return drawn.filter(lambda case: case.program.draws).map(widened)


@generated("DER-09", Calls.strategy,
           differentiating("states", Wish(draws=True), REPRESENTATIVES, that_draw_wide))
def random_draws_are_constants(subject: Subject, case: Case) -> None:
    """The derivative at the very numbers that one plain call draws."""
    judge_values(observe(case, subject))
