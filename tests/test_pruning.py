"""What can be left out of a script makes it shorter, and leaves it one that runs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

import refimpl
from spec.expected.expectation import Expectation
from spec.judge.check import Check
from spec.judge.difference import Violation, raised
from spec.judge.subject import Subject
from spec.language.cases import Case
from spec.language.histories import History, Step
from spec.language.programs import Assign, Exit, Line, Program, Var, Write
from spec.language.pruning import removable, smaller
from spec.language.returns import ROWS
from spec.language.strategies import cases
from spec.language.wishes import EVERYTHING
from spec.run.profiles import Profile
from spec.run.search import Found, Search
from tests.test_strategies import drawn

PROGRAM = Program(
    states=(Var("s0", 1.0), Var("s1", 2.0)), params=(),
    body=(Assign("t0", "s0.value"), Assign("t1", "2.0 * t0"), Write("s0", "3.0"),
          Assign("t0", "t0 + 1.0")),
    out="t0", early=Exit("False", "0.0"),
)
CASE = Case(PROGRAM, "grad", ROWS[0])


def test_what_is_read_stays() -> None:
    kept = [[s.source() for s in case.program.body] for case in smaller(CASE)]
    t0, t1, write, again = (s.source() for s in PROGRAM.body)
    assert [t0, t1, write] in kept, "the first assignment is there for who reads it"
    assert [t0, write, again] in kept and [t0, t1, again] in kept
    assert all(t0 in body for body in kept)


def test_early_returns_and_unused_states_go() -> None:
    programs = [case.program for case in smaller(CASE)]
    assert [p for p in programs if p.early is None and p.body == PROGRAM.body]
    assert {s.id for p in programs for s in p.states if len(p.states) == 1} == {"s0"}


def test_what_is_returned_beside_the_output_goes_and_so_does_the_form() -> None:
    program = replace(PROGRAM, aux="{'m': t0}", form="forwarded")
    programs = [less.program for less in smaller(replace(CASE, program=program))]
    assert [p for p in programs if p.aux == "None" and p.form == "forwarded"]
    assert [p for p in programs if p.form == "function" and p.aux == program.aux]


def test_steps_of_a_history_go() -> None:
    history = History((Step(("a = 1",)), Step(("b = a",), "b"), Step(("c = 2",))))
    assert [h.lines() for h in smaller(history)] == [["a = 1", "b = a"], ["a = 1", "c = 2"]]


def test_blocks_bind_what_stands_in_them() -> None:
    assert list(removable([["for k in range(2):", "    t = k"], ["use(t)"]])) == [1]


def test_what_stands_under_a_head_goes_with_it_or_stays() -> None:
    """Programs of control flow have a statement for every line."""
    lines = ("def lane(t):", "    y = 2.0 * t", "    return y", "z = 1.0")
    program = replace(PROGRAM, body=(*map(Line, lines), *PROGRAM.body))
    kept = [[s.source() for s in less.program.body]
            for less in smaller(replace(CASE, program=program))]
    assert kept and all(sum(line in body for line in lines[:3]) in (0, 3) for body in kept)
    assert any(lines[0] not in body for body in kept)


def test_what_a_function_binds_is_bound_for_nobody_else() -> None:
    lane = ["def lane(t):", "    y = 2.0 * t", "    return y"]
    assert list(removable([lane, ["y = lane(1.0)"], ["use(y)"]])) == [2]
    assert list(removable([["y = 1.0"], ["y = 2.0"], ["use(y)"]])) == [2, 1]


def test_a_smaller_failure_is_one_of_the_same_kind() -> None:
    """A script that is broken by what was left out fails, too, but not by the library."""
    def judge(subject: Subject, case: Case) -> None:
        lines = case.program.body
        raise raised(TypeError("no") if len(lines) > 2 else NameError("y"))

    check = Check("RET-01", "made", judge, {"": None}, lambda _: st.just(CASE))
    search = Search(check, Subject("refimpl", refimpl), "", Profile("look", 1, shrinks=9))
    with pytest.raises(Violation) as caught:
        judge(search.subject, CASE)
    case, violation, _ = search._pruned(Found(CASE, caught.value, ""))
    assert "TypeError" in violation.difference.actual
    assert len(case.program.body) == 3


@pytest.mark.parametrize("seed", range(2))
def test_what_is_left_of_drawn_cases_runs_on_the_model(seed: int) -> None:
    """Or nearly always: a structure may have been written that is read."""
    whole = drawn(cases(EVERYTHING), 60, seed)
    found = [(case, less) for case in whole for less in smaller(case)]
    broken = 0
    for case, less in found:
        assert len("\n".join(less.lines())) < len("\n".join(case.lines()))
        try:
            Expectation(less, [np.full(shape, 0.25) for shape in less.program.draws])
        except Exception:  # noqa: BLE001
            broken += 1
    assert len(found) > 60 and broken < len(found) / 20, broken
