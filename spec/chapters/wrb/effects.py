"""Write-back and effects of successful calls: the write-back table, and generated programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from ...judge import difference
from ...judge.aspects import judge_effects, judge_leaf_types, judge_part
from ...judge.check import generated
from ...judge.compare import is_concrete
from ...judge.derivative import judge_values
from ...judge.difference import Violation
from ...judge.observation import Observation, observe
from ...judge.stream import judge_stream
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import (
    EVERY,
    EXACT,
    FIRST_ORDER,
    REPRESENTATIVES,
    Calls,
    Change,
    Members,
    plain,
    rows,
)
from ...language.cases import Case, Selection
from ...language.programs import Assign, Param, Program, Ref, Var, Write
from ...language.values import SHAPES
from ...language.wishes import CALM, Wish
from .table import ROLES, Call, Cell, call, cells, with_key

# Rules that share a wish judge the same programs, so that each is compiled once; and few states
# mean few sizes of Jacobians, for each of which forward mode is compiled anew.
WRITING = Wish(writes=True, rows=plain("states"), most=2, functions=CALM,
               shapes=SHAPES[:1], outputs=("scalar",))
FREEING = replace(WRITING, fewest=2)  # so that another state is still selected
LONG = replace(WRITING, steps=(3, 8), flow=True, models=True, functions=("jnp.sin({0})",))
TELLING = replace(LONG, rows=rows("states", has_aux=True, return_value=True))
DRAWING = replace(WRITING, writes=False, draws=True, most=1)
SPREADING = replace(DRAWING, rows=rows("states", return_value=True), outputs=("tree", "wide"))
EMPTY = replace(WRITING, outputs=("no entries",))
REPEATED = replace(WRITING, containers=("twice", "often"))
CONTAINING = replace(WRITING, most=1, kinds=(
    "dict", "tuple", "list", "wide", "named", "ordered", "default", "deep"))
ANYTHING = replace(WRITING, rows=plain("arguments"), scratch=True, models=True,
                   steps=(1, 4))


def freed(case: Case) -> Case:
    """The case with one of the states that it writes no longer among those it selects."""
    assert case.selection is not None
    first = case.program.writes[0]
    kept = [ref for ref in case.selection.tree if ref.state != first]
    return replace(case, selection=Selection(kept))


def that_write(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases in which a state is written."""
    return drawn.filter(lambda case: bool(case.program.writes))


def that_write_unselected(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases in which a state is written, without it among those that are selected."""
    return that_write(drawn).map(freed)


def that_draw(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases in which a number is drawn."""
    return drawn.filter(lambda case: bool(case.program.draws))


def tabled(chosen: Sequence[Cell], members: Sequence[str] = EVERY) -> dict[str, Calls]:
    """Every cell for every member."""
    return {
        f"{member} | {cell.role} | {cell.pattern.id}": Calls(fixed=call(cell, member))
        for cell in chosen for member in members
    }


def generated_for(
    wish: Wish, members: Members = EVERY, change: Change = that_write
) -> dict[str, Calls]:
    """Generated calls of every member."""
    return members.calls(wish, id="{member} | generated", change=change)


def rule(identifier: str, points: dict[str, Calls]) -> Callable[..., Any]:
    """A check of a rule at these points."""
    return generated(identifier, Calls.strategy, points)


UNSELECTED_WRITES = cells("unselected", success=True, writes=True, container=False)
SELECTED_WRITES = cells("selected", success=True, writes=True, container=False)
FED = cells("argument", success=True)
KEPT = cells("selected", "unselected", "untouched", "argument", success=True, writes=False)


@rule("WRB-01", tabled(UNSELECTED_WRITES) | generated_for(FREEING, change=that_write_unselected))
def written_states_are_as_after_a_plain_call(subject: Subject, case: Case) -> None:
    """Every unselected state, by the table and in generated programs."""
    judge_effects(observe(case, subject), selected=False)


@rule("WRB-02", tabled(SELECTED_WRITES) | generated_for(WRITING) | EVERY.where(outputs="any").calls(
    EMPTY, id="{member} | an output of no entries", change=that_write)
      | EVERY.calls(REPEATED, id="{member} | in several places", change=that_write))
def selected_written_states_are_as_after_a_plain_call(subject: Subject, case: Case) -> None:
    """Every selected state, by the table and in generated programs."""
    judge_effects(observe(case, subject), selected=True)


@rule("WRB-03", tabled(FED, EXACT))
def state_passed_as_an_argument_is_a_constant(subject: Subject, case: Case) -> None:
    """The derivative with respect to the argument, and what the state holds."""
    seen = observe(case, subject)
    judge_values(seen)
    judge_effects(seen)


READABLE: dict[str, Any] = {
    "Python number": 0.5, "integers": np.array([1, 2]), "single": np.array(0.5, np.float32),
    "boolean": np.array(True), "container": {"b": (np.array(0.5), 2), "a": [None]},
}


def bystander(member: str, value: Any) -> Calls:
    """A call that reads a state of a value without selecting it."""
    place = "s0.value['b'][0]" if isinstance(value, dict) else "s0.value"
    program = Program((Var("s0", value),), (Param("x0"),), (), f"jnp.sin(x0) * jnp.sum({place})")
    return Calls(fixed=Call(program, member, plain("arguments")[0], args=(np.array(0.75),)))


READING = {f"{m} | reads a {kind}": bystander(m, v) for m in EVERY for kind, v in READABLE.items()}


@rule("WRB-04", tabled(KEPT) | READING)
def states_that_are_not_written_are_kept(subject: Subject, case: Case) -> None:
    """Value, structure, dtypes, and Python numbers as Python numbers."""
    judge_states(observe(case, subject))


def judge_states(seen: Observation) -> None:
    """Every state has the value of a plain call, and every leaf of it the type."""
    judge_effects(seen)
    for state, expected in seen.expected.after.items():
        judge_leaf_types(expected, seen.after[state], f"{state}.value")


STREAM = cells("random stream", success=True)


@generated("WRB-05", with_key, tabled(STREAM) | generated_for(DRAWING, change=that_draw)
           | EVERY.where(outputs="any", layout="gradient").calls(
               SPREADING, id="{member} | several outputs", change=that_draw))
def stream_is_as_after_a_plain_call(subject: Subject, case: Case) -> None:
    """By the table, where f may draw nothing at all, and in generated programs."""
    judge_stream(subject, case)


AT_ENTRY = [
    cell for cell in cells(*ROLES, success=True, writes=True, container=False)
    if cell.point == "entry"
]


@rule("WRB-07", tabled(AT_ENTRY, EXACT) | generated_for(WRITING, EXACT))
def derivative_is_taken_at_the_value_on_entry(subject: Subject, case: Case) -> None:
    """Against the oracles, by the table and in generated programs."""
    judge_values(observe(case, subject))


NEW = "{'b': (x0, s0.value['a'][0]), 'a': [s0.value['b'][1] * x0]}"


def whole(member: str) -> Calls:
    """A call that reads and writes a container without selecting it."""
    value = {"b": (np.array(0.25), np.array(0.5)), "a": [np.array(1.5)]}
    out = "jnp.sin(s0.value['a'][0])"
    program = Program((Var("s0", value),), (Param("x0"),), (Write("s0", NEW),), out)
    return Calls(fixed=Call(program, member, plain("arguments")[0], args=(np.array(0.75),)))


UNSELECTED_CONTAINERS = {f"{member} | unselected": whole(member) for member in EVERY}
SELECTED_CONTAINERS = generated_for(CONTAINING, FIRST_ORDER)


@rule("WRB-01", UNSELECTED_CONTAINERS)
@rule("WRB-02", SELECTED_CONTAINERS)
def written_containers_arrive_whole(subject: Subject, case: Case) -> None:
    """Structure and leaves of every state."""
    judge_effects(observe(case, subject))


KINDS_OF_ARRAY: dict[str, tuple[Any, str]] = {
    "a narrower dtype": (np.array(0.5), "jnp.array(0.25, dtype=jnp.float32)"),
    "a wider dtype": (np.array(0.5, np.float32), "jnp.array(0.25)"),
    "integers": (np.array(0.5), "jnp.array([1, 2])"),
    "a larger shape": (np.array(0.5), "x0 * jnp.ones((3,))"),
    "a smaller shape": (np.ones(3), "jnp.sum(s0.value)"),
    "an array for a number": (0.5, "jnp.array([0.25, 0.5])"),
}
STRUCTURES: dict[str, tuple[Any, str]] = {
    "a container for an array": (np.array(0.5), "{'new': s0.value, 'x': [x0]}"),
    "an array for a container": ({"a": np.array(0.5)}, "s0.value['a'] * x0"),
    "more keys": ({"a": np.array(0.5)}, "{**s0.value, 'b': x0}"),
    "None for an array": (np.array(0.5), "None"),
}
"""What a write changes about a value: the value on entry, and the source of what is written."""


def changing(value: Any, new: str, member: str, selected: bool) -> Calls:
    """A call of a function that reads a state and then changes the kind of its value."""
    read = "s0.value['a']" if isinstance(value, dict) else "s0.value"
    body = (Assign("t0", f"jnp.sum({read})"), Write("s0", new))
    program = Program((Var("s0", value),), (Param("x0"),), body, "jnp.sin(x0 * t0)")
    selection = Selection([Ref("s0")]) if selected else None
    (row,) = plain("states" if selected else "arguments")
    return Calls(fixed=Call(program, member, row, selection, args=(np.array(0.75),)))


def changes(kinds: dict[str, tuple[Any, str]]) -> dict[str, Calls]:
    """Every change, of an unselected state for every member, of a selected one for three."""
    return {
        f"{member} | {'selected' if selected else 'unselected'} | {kind}":
            changing(*change, member, selected)
        for kind, change in kinds.items() for selected in (False, True)
        for member in (REPRESENTATIVES if selected else EVERY)
    }


@rule("WRB-11", changes(KINDS_OF_ARRAY))
def writes_may_change_shape_and_dtype(subject: Subject, case: Case) -> None:
    """Shape and dtype of the state's new value."""
    judge_states(observe(case, subject))


@rule("WRB-27", changes(STRUCTURES))
def writes_may_change_the_structure(subject: Subject, case: Case) -> None:
    """Structure and leaves of the state's new value."""
    judge_effects(observe(case, subject))


def that_write_anything(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases that write the state that nobody reads."""
    return drawn.filter(lambda case: case.program.states[-1].id in case.program.writes)


@rule("WRB-27", generated_for(ANYTHING, change=that_write_anything))
def anything_written_arrives_as_it_is(subject: Subject, case: Case) -> None:
    """Values of any structure, dtype and Python type."""
    judge_states(observe(case, subject))


@rule("WRB-14", generated_for(TELLING))
def loss_aux_and_states_agree(subject: Subject, case: Case) -> None:
    """Loss, aux and states against one plain call on NumPy."""
    seen = observe(case, subject)
    judge_part(seen, "loss")
    judge_part(seen, "aux")
    judge_effects(seen)


@rule("WRB-23", generated_for(TELLING))
def no_tracer_stays_behind(subject: Subject, case: Case) -> None:
    """Every leaf of the result and of the states converts to NumPy."""
    seen = observe(case, subject)
    held = {f"{state}.value": value for state, value in seen.after.items()}
    for name, value in {"result": seen.result, **held}.items():
        for path, leaf in trees.leaves(value):
            place = name + "".join(f"[{key!r}]" for key in path)
            if not is_concrete(leaf):
                raise Violation(difference.of_trace(place, leaf))
            if np.asarray(leaf).dtype == object:
                raise Violation(difference.of_kind(place, "a concrete value", leaf))
