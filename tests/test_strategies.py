"""The generator: every case is a valid script on the model, and the finite forms are reached."""

from __future__ import annotations

import ast
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase

from spec.expected.expectation import Expectation
from spec.language import trees
from spec.language.bodies import FLOW, METHOD, PLACE
from spec.language.call_forms import ARGNUMS, AUXES, CONTAINERS, MODULAR, NOTHING
from spec.language.cases import Case
from spec.language.operations import OPERATIONS, giving
from spec.language.programs import Block, Invoke, Method, Program, Ref, Var, Write, walk
from spec.language.pruning import smaller
from spec.language.returns import ROWS
from spec.language.strategies import cases
from spec.language.transforms import FAMILY
from spec.language.values import KINDS, LARGE, SHAPES, discrete, values
from spec.language.wishes import CALM, EVERYTHING, Wish, calm

LONGEST = 60
"""No case prints more lines: six states, a module with as many parts and two methods, a body of
three statements, and an early return."""

def drawn(strategy: Any, count: int = 100, seed: int = 0) -> list[Any]:
    """What a strategy draws with a seed."""
    found: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=count, database=None, phases=[Phase.generate],
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


@pytest.fixture(scope="module")
def many() -> list[Case]:
    """Cases with every feature that a wish can ask for."""
    return drawn(cases(EVERYTHING), 400)


def expectation(case: Case) -> Expectation:
    """The case on the model, with numbers of no meaning as its draws."""
    return Expectation(case, [np.full(shape, 0.25) for shape in case.program.draws])


def test_every_case_runs_on_the_model(many: list[Case]) -> None:
    for case in many:
        seen = expectation(case)
        out = [leaf for _, leaf in trees.leaves(seen.out)]
        assert out and all(np.all(np.isfinite(leaf)) for leaf in out), repr(case)
        assert set(seen.parts()) == set(case.sides), repr(case)


def test_every_case_prints_as_a_short_script(many: list[Case]) -> None:
    for case in many:
        ast.parse(repr(case))
        assert len(case.lines()) <= LONGEST, repr(case)
        assert repr(case).splitlines() == case.lines()
        assert case.lines()[-1].startswith("result = "), repr(case)


def test_scalar_transforms_get_scalar_outputs(many: list[Case]) -> None:
    scalars = [case for case in many if case.transform.outputs == "scalar"]
    assert scalars
    assert {np.shape(expectation(case).out) for case in scalars} == {()}


def test_writes_keep_the_structure_and_kind_of_a_value(many: list[Case]) -> None:
    def kinds(value: Any) -> list[Any]:
        return [(path, np.shape(leaf), trees.is_inexact(leaf))
                for path, leaf in trees.leaves(value)]

    written = [case for case in many if case.program.writes]
    assert written
    for case in written:
        after, scratch = expectation(case).after, case.program.states[-1].id
        for state in {*case.program.writes} - {scratch}:
            assert kinds(after[state]) == kinds(case.program.value_of(state)), repr(case)


def test_operations_run_alike_and_keep_their_shape() -> None:
    given = {shape: np.linspace(-0.75, 1.0, int(np.prod(shape))).reshape(shape)
             for shape in (*SHAPES, *LARGE)}
    for one in OPERATIONS:
        text = one.text.format(*(f"a{i}" for i in range(len(one.arguments))))
        values = {f"a{i}": given[shape] for i, shape in enumerate(one.arguments)}
        on_numpy, on_jax = (eval(text, {"jnp": xp} | {
            name: xp.asarray(value) for name, value in values.items()}) for xp in (np, jnp))
        assert np.shape(on_numpy) == one.result, text
        np.testing.assert_allclose(on_jax, on_numpy, rtol=1e-12, err_msg=text)


def test_every_shape_has_every_kind_of_operation_that_it_can_have() -> None:
    kinds = {shape: {one.kind for one in giving(shape, SHAPES)} for shape in SHAPES}
    assert kinds[3,] | kinds[()] == kinds[2, 3] | {"index"}, f"{kinds}"
    assert all(kinds.values()) and giving((0,), SHAPES) == []


def test_operations_of_scalars_ask_for_scalars_alone() -> None:
    assert {one.arguments for one in giving((), SHAPES[:1])} <= {((),), ((), ())}


@pytest.mark.parametrize("sign", [
    "class Model(", "class Base(", "= m(", "self.", " m.", "for k in", "if jnp.ndim(",
    "else:", "    if s",
])
def test_bodies_hold_what_they_may_hold(sign: str, many: list[Case]) -> None:
    assert any(sign in repr(case) for case in many), f"no case has {sign!r}"


def test_labels_of_bodies_are_what_is_printed(many: list[Case]) -> None:
    for case in many:
        text, early = repr(case), case.program.early is not None
        assert (FLOW.label("early return") in case.labels) == early, text
        assert (FLOW.label("for") in case.labels) == ("for k in" in text), text
        assert (METHOD.label("none") in case.labels) == (not case.program.methods), text
        if METHOD.label("__call__") in case.labels:
            assert "def __call__" in text, text
        if PLACE.label("self") in case.labels:
            assert "self." in text, text


def test_a_program_without_flow_is_straight() -> None:
    for case in drawn(cases(calm(writes=True)), 20):
        assert {FLOW.label("straight"), METHOD.label("none")} <= case.labels, repr(case)


def test_writes_in_blocks_and_methods_count() -> None:
    inner = Write("s1", "1.0", "self.w")
    method = Method("__call__", "v", (inner,), "v")
    body = (Block("if True:", (Write("s0", "2.0"),), (Invoke("t0", "m", "1.0", method),)),)
    program = Program((Var("s0", 1.0), Var("s1", 1.0)), (), body, "t0")
    assert program.writes == ["s0", "s1"]
    assert list(walk(body))[1:] == [*body[0].body, *body[0].otherwise, inner]


def test_bystanders_hold_discrete_leaves_and_are_never_selected(many: list[Case]) -> None:
    for case in many:
        bystander, scratch = case.program.states[-2:]
        selected = case.selection.states if case.selection else []
        assert not {bystander.id, scratch.id} & {*selected}, repr(case)
        assert not all(trees.is_inexact(leaf) for _, leaf in trees.leaves(bystander.value))


def test_calls_leave_and_give_defaults(many: list[Case]) -> None:
    optional = [
        (param.id in case.kwargs) for case in many for param in case.program.params
        if param.has_default
    ]
    assert {True, False} == set(optional)


def forms() -> Iterator[Any]:
    """Every finite form with the wish that asks for it alone, and the cell that it covers."""
    states, both = ROWS[4], ROWS[8]
    for form in CONTAINERS:
        wish = calm(containers=(form,), rows=(states,), fewest=2)
        yield pytest.param(wish, f"container: {form}", id=f"container {form}")
    for form in ARGNUMS:
        wish = calm(argnums=(form,), rows=(both,))
        yield pytest.param(wish, f"argnums: {form}", id=f"argnums {form}")
    for form in AUXES:
        wish = calm(auxes=(form,), rows=(ROWS[1],))
        yield pytest.param(wish, f"aux: {form}", id=f"aux {form}")
    for member in FAMILY:
        for row in ROWS:
            cell = f"{row.id} {member}"
            wish = calm(members=(member,), rows=(row,))
            yield pytest.param(wish, f"row x transform: {cell}", id=cell)


@pytest.mark.parametrize(("wish", "cell"), list(forms()))
def test_a_form_that_is_asked_for_is_all_that_is_drawn(wish: Wish, cell: str) -> None:
    for case in drawn(cases(wish), 5):
        assert cell in case.labels, f"{cell} is not among {case.labels} of\n{case!r}"


def test_numbers_of_states_are_all_reached() -> None:
    wish = calm(most=6, rows=(ROWS[0], ROWS[4]))
    counts = {len(case.program.states) for case in drawn(cases(wish), 200)}
    assert counts == set(range(7))


def test_at_least_so_many_states_are_selected() -> None:
    forms = tuple(form for form in CONTAINERS if form not in NOTHING and form != "one")
    wish = calm(containers=forms, rows=(ROWS[4],), fewest=2, most=6)
    for case in drawn(cases(wish), 100):
        assert case.selection is not None
        assert len(case.selection.states) >= 2, repr(case)


def test_several_states_are_written() -> None:
    wish = calm(writes=True, most=6)
    assert max(len(case.program.writes) for case in drawn(cases(wish), 200)) >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_value(kind: str) -> None:
    for value in drawn(values(kind), 10):
        leaves = [leaf for _, leaf in trees.leaves(value)]
        assert leaves and all(trees.is_inexact(leaf) for leaf in leaves)
        expected = {"dict": dict, "wide": dict, "deep": dict, "empty": dict, "tuple": tuple,
                    "list": list, "named": trees.NAMED, "ordered": OrderedDict,
                    "default": defaultdict, "number": float}.get(kind, np.ndarray)
        assert type(value) is expected, f"a value of kind {kind} is {value!r}"
        has_zero_size = any(np.size(leaf) == 0 for leaf in leaves)
        assert has_zero_size == (kind in ("empty", "zero"))


def test_single_precision_stays_single_on_the_model() -> None:
    wish = replace(EVERYTHING, dtypes=("float32",), auxes=("array",), bystanders=False, draws=False)
    for case in drawn(cases(wish), 100):
        dtypes = {np.asarray(leaf).dtype for _, leaf in trees.leaves(expectation(case).out)}
        assert dtypes == {np.dtype(np.float32)}, repr(case)


def test_discrete_values_hold_something_to_read() -> None:
    for value in drawn(discrete(), 20):
        kinds = {trees.is_inexact(leaf) for _, leaf in trees.leaves(value)}
        assert kinds == {True, False}, f"{value!r}"


def test_calm_cases_keep_to_few_functions_and_shapes() -> None:
    for case in drawn(cases(calm(writes=True)), 50):
        assert "tanh" not in repr(case) and "exp" not in repr(case), repr(case)
        shapes = {np.shape(var.value) for var in case.program.states}
        assert shapes <= set(SHAPES[:2]), repr(case)
    assert len(CALM) == 2


def test_same_seed_same_cases_other_seed_others() -> None:
    strategy = cases(EVERYTHING)
    first, again, other = (
        [repr(case) for case in drawn(strategy, 20, seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert len(set(first) & set(other)) < len(first) // 2


@pytest.mark.parametrize("seed", range(2))
def test_failures_shrink_to_small_programs(seed: int) -> None:
    """To one statement by the search, and to the states that it needs by leaving out the rest.

    A search that began with long values may run out of tries before it has few states.
    """
    wish = replace(EVERYTHING, rows=(ROWS[4],), containers=("list", "nested", "module"))
    found = hypothesis.find(
        cases(wish), lambda case: len(case.program.writes) > 0, random=Random(seed),
        settings=hypothesis.settings(database=None, max_examples=500),
    )
    assert len(found.program.body) == 1, repr(found)
    while less := next((case for case in smaller(found) if case.program.writes), None):
        found = less
    assert len(found.program.states) <= 2 and found.program.module is None, repr(found)


@pytest.mark.parametrize("form", MODULAR)
def test_selections_from_modules_say_their_paths(form: str) -> None:
    wish = calm(containers=(form,), rows=(ROWS[4],), fewest=2)
    for case in drawn(cases(wish), 20):
        assert case.selection is not None
        paths = [path for path, leaf in trees.leaves(case.selection.tree) if isinstance(leaf, Ref)]
        flat = [path[0] if form == "module" else path for path in paths]
        assert len(flat) == len(set(flat)) == len(case.selection.states), repr(case)
        assert all(isinstance(path, tuple) for path in flat), repr(case)
