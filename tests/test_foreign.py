"""Drawn programs that apply JAX's functions: they mean the same on NumPy, print and shrink."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

import refimpl
from spec.chapters.cmp.bodies import MADE_ONCE, SURELY, Twice, bodies_within_the_function
from spec.expected import model_jax
from spec.judge import compare
from spec.judge.subject import Absent, Subject
from spec.language.cases import Case
from spec.language.foreign import FOREIGN, MADE, ONCE, ONCE_OF_STATES, WAYS, WITHIN
from spec.language.programs import Traced, walk
from spec.language.pruning import smaller
from spec.language.script import execute
from spec.language.strategies import cases
from spec.language.values import SHAPES
from spec.language.wishes import CALM, ORDINARY, Wish
from tests.test_strategies import drawn, expectation

WISH = replace(ORDINARY, jax=tuple(WAYS), made=SURELY, members=("grad", "jacrev"), most=3,
               shapes=SHAPES[:1], steps=(0, 2), functions=CALM)


@pytest.fixture(scope="module")
def many() -> list[Case]:
    """Programs that apply all of JAX's functions."""
    return drawn(cases(WISH), 200)


def traced(case: Case) -> list[Traced]:
    """The statements that apply a function of JAX."""
    return [one for one in walk(case.program.body) if isinstance(one, Traced)]


def test_what_is_chosen_is_labelled(many: list[Case]) -> None:
    found = {label for case in many for label in case.labels}
    assert {*map(FOREIGN.label, WAYS), *map(MADE.label, SURELY),
            *map(WITHIN.label, WITHIN.options)} <= found


def test_bodies_made_once_stand_before_the_function(many: list[Case]) -> None:
    for case in many:
        lines = case.lines()
        function = next(i for i, line in enumerate(lines)
                        if line.strip().startswith(("def f(", "class F:", "def whole(")))
        for one in traced(case):
            head = next(line for line in one.definition if line.startswith("def "))
            places = [i for i, line in enumerate(lines) if line.strip() == head]
            assert len(places) == 1 and (places[0] < function) == one.once, repr(case)


@pytest.mark.parametrize("seed", range(6))
def test_programs_give_on_numpy_what_they_give_on_jax(seed: int) -> None:
    """And write the same: the model unrolls what JAX traces."""
    case = drawn(cases(replace(WISH, draws=False)), 3, seed)[-1]
    want = expectation(case)
    names = execute(case.setup(), refimpl, jax.numpy, jax)
    got = eval(f"f({case.arguments()})", names)
    out = (want.out, want.aux) if case.row.has_aux else want.out
    assert compare.same(out, got, "out", dtypes=False) is None, repr(case)
    for state, value in want.after.items():
        assert compare.same(value, names[state].value, state, dtypes=False) is None, repr(case)


def test_a_part_that_nothing_reads_is_left_out_with_its_body(many: list[Case]) -> None:
    for case in many:
        for shorter in smaller(case):
            bodies = {line for one in traced(shorter) for line in one.definition}
            assert all(line in shorter.program.setup() for one in traced(shorter) if one.once
                       for line in one.definition)
            assert all(line not in shorter.lines() for one in traced(case) if one.once
                       for line in one.definition if line not in bodies), repr(shorter)


def test_a_library_without_jax_lacks_what_they_show() -> None:
    lib: Any = SimpleNamespace(**{**vars(refimpl), "array_namespace": "numpy"})
    (case,) = drawn(cases(Wish(("grad",), jax=("scan",), made=(ONCE,), functions=("{0}",),
                               shapes=SHAPES[:1], steps=(0, 0))), 1)
    with pytest.raises(Absent, match="jax"):
        bodies_within_the_function(Subject("without", lib), case)


def test_states_are_given_other_values_before_the_last_call() -> None:
    (case,) = drawn(cases(MADE_ONCE), 1)
    lines = repr(Twice(**vars(case))).splitlines()
    assert MADE.label(ONCE_OF_STATES) in case.labels
    assert [line for line in lines if ".value = v_s0" in line]
    assert lines[-1].startswith("result = g(")


def test_the_model_unrolls() -> None:
    lib, xs = model_jax.library(), np.array([1.0, 2.0, 3.0])
    end, ys = lib.lax.scan(lambda c, x: (c * 2.0 + x, c), np.array(0.0), xs, reverse=True)
    assert end == 17.0 and ys.tolist() == [8.0, 3.0, 0.0]
    assert lib.lax.fori_loop(1, 4, lambda k, v: v + k, 0.5) == 6.5
    assert lib.vmap(lambda v, x: v * x, in_axes=(None, 0))(2.0, xs).tolist() == [2.0, 4.0, 6.0]
    assert lib.vmap(np.add)(xs, xs).tolist() == [2.0, 4.0, 6.0]
    assert lib.lax.switch(np.array(5), [np.sin, np.negative], 1.0) == -1.0
