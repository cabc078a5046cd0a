"""Misuse: every row of :mod:`spec.chapters.err.misuse`, asked alone; and what is not refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import strategies as st

from ...judge.aspects import judge_sides
from ...judge.check import generated
from ...judge.derivative import judge_values
from ...judge.difference import Violation, told
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import EXACT, Calls, plain
from ...language.cases import Case, Selection
from ...language.labels import DrawFn
from ...language.programs import Ref, Var
from ...language.values import SHAPES, values
from ...language.wishes import calm
from . import misuse
from .misuse import Attempt

REFUSALS = tuple(dict.fromkeys(row.rule for row in misuse.MISUSES))


def by_id(scripts: Iterator[Attempt]) -> dict[str, Attempt]:
    """Scripts by row and member."""
    return {f"{script.row.id}, {script.member}": script for script in scripts}


def passes(subject: Subject, script: Attempt) -> None:
    """The script runs to its end."""
    try:
        script.run(subject.lib, subject.xp)
    except Exception as error:
        message, difference = told(error)
        raise Violation(difference, message) from error


def is_refused(subject: Subject, script: Attempt) -> None:
    """The refusal comes, as a source demands it."""
    passes(subject, script)


for _rule in REFUSALS:
    generated(_rule, st.just, by_id(misuse.scripts(_rule)))(is_refused)


@generated("ERR-20", st.just, by_id(misuse.unchanged()))
def states_are_as_they_were(subject: Subject, script: Attempt) -> None:
    """After a refusal, every state holds its value."""
    passes(subject, script)


@generated("ERR-21", st.just, by_id(misuse.helpful()))
def the_message_says_what_was_given(subject: Subject, script: Attempt) -> None:
    """The words of the row stand in the message."""
    passes(subject, script)


@generated("ERR-22", st.just, by_id(misuse.conventional()))
def the_class_is_the_conventional_one(subject: Subject, script: Attempt) -> None:
    """TypeError for a wrong type, ValueError for a wrong value."""
    passes(subject, script)


@st.composite
def with_an_idle_state(draw: DrawFn, drawn: st.SearchStrategy[Case]) -> Case:
    """One more state is selected, at any place, which the function does not touch."""
    case: Case = draw(drawn)
    assert case.selection is not None
    states = (*case.program.states, Var("idle", draw(values("array", shapes=SHAPES[:2]))))
    chosen = list(case.selection.tree)
    chosen.insert(draw(st.integers(0, len(chosen))), Ref("idle"))
    return replace(case, program=replace(case.program, states=states),
                   selection=Selection(chosen), options={"check_states": "False"})


@generated("ERR-23", Calls.strategy, EXACT.calls(calm(), plain("states"),
                                                 change=with_an_idle_state))
def an_untouched_state_has_zeros(subject: Subject, case: Case) -> None:
    """In its shape, and the others have their derivatives beside it."""
    seen = observe(case, subject)
    judge_sides(seen)
    judge_values(seen)
