"""Histories: every list of moves is a script, and a wrong library is caught by a short one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import refimpl
from spec.chapters import all_checks
from spec.chapters.wrb.histories import history_agrees_with_plain_objects, snapshots
from spec.expected import model_transforms
from spec.judge.difference import Violation
from spec.judge.subject import Subject
from spec.judge.verdict import Verdict
from spec.language import histories
from spec.language.histories import HISTORY, Author, History
from spec.language.moves import (
    FEATURES,
    HOME_PLACES,
    SWITCHES,
    Build,
    CallFunction,
    CallTransform,
    CompileFunction,
    CompileTransform,
    Create,
    Define,
    Duplicate,
    EagerDraw,
    EagerWrite,
    FailingCall,
    Move,
    Replace,
    Switch,
    ThreadedCall,
    Turn,
)
from spec.run.decide import decide
from spec.run.profiles import Profile
from tests.saboteurs.hooks import Call, Cell, on_call, on_state, selected
from tests.saboteurs.roster import copy_of

RIGHT = Subject("refimpl", refimpl)
(CHECK,) = (c for c in all_checks() if c.function is history_agrees_with_plain_objects
            and c.rule == "WRB-26")
SEARCH = Profile("search", 60, 400)


# -- the scripts -------------------------------------------------------------------------------


@pytest.mark.parametrize("feature", FEATURES)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_history_runs_on_the_model(feature: str, data: st.DataObject) -> None:
    """To its end, with a snapshot for every step."""
    history = data.draw(histories.histories(feature))
    assert len(snapshots(RIGHT, history)) == len(history.steps)


MOVES: dict[str, tuple[str, list[Move]]] = {
    "module": ("m.w = lib.State(", [Create("m.w")]),
    "eager write": ("s1.value = jnp", [EagerWrite("s1")]),
    "state replaced": ("s0 = lib.ParamState(", [Replace("s0", "ParamState")]),
    "copy": (" = copy.copy(s0)", [Duplicate(how="copy"), Build(), CallTransform()]),
    "deep copy": ("m = copy.deepcopy(m)", [Duplicate("m.w", "pickle"), Build(), CallTransform()]),
    "pickle": ("pickle.loads(pickle.dumps(d0))", [Duplicate("d0", "pickle"), CallTransform()]),
    "call in a thread": ("Pool(1).submit(t", [Define(how="from both"), ThreadedCall()]),
    "transform kept": ("r4 = t2(jnp", [CallTransform(), CallTransform()]),
    "function called": ("= f1(jnp", [CallFunction()]),
    "closure turned": ("k = 0.5 - k", [Turn("k")]),
    "failed call": ("'raised'", [FailingCall(), FailingCall()]),
    "nested": ("y = y + jnp.sum(t", [Define(nests=True), Build(member="jacrev"), CallTransform()]),
    "compiled": ("lib.transform.jit(f", [CompileFunction(), Build(), CallTransform()]),
    "transform compiled": ("lib.transform.jit(t", [CompileTransform(), CallTransform()]),
    "array output": ("jnp.array([1.0, -2.0]) *", [Define(array=True), CallTransform()]),
    "draw in a function": ("y = y * lib.random", [Define(draws=True), CallTransform()]),
    "draw between calls": ("= lib.random.normal", [EagerDraw(), CallTransform()]),
}
"""For every label of a history, its mark in the script and moves that show it."""


@pytest.mark.parametrize("label", HISTORY.options)
def test_moves_do_what_their_labels_say(label: str) -> None:
    """The label is noted, its mark is in the script, and the right library passes."""
    mark, moves = MOVES[label]
    history = Author(random="draw" in label).write(moves)
    assert HISTORY.label(label) in history.labels
    assert mark in repr(history)
    history_agrees_with_plain_objects(RIGHT, history)


def test_a_plain_history_has_no_label() -> None:
    history = Author().write([Define(reads="s0", writes="s1", how="another shape"), Build(),
                              CallTransform()])
    assert not history.labels
    assert "s1.value = y * jnp.ones((3,))" in repr(history)


@pytest.mark.parametrize("turned", [Turn("flag"), Turn("k", 5, "array")])
def test_what_turns_is_called_before_and_after(turned: Turn) -> None:
    """A move whose needs are not met writes them first."""
    (before, change, after) = Author().write([turned]).steps[-3:]
    assert before.result and after.result and change.lines == (SWITCHES[turned.switch][1],)


@pytest.mark.parametrize("switch", SWITCHES)
def test_what_turns_is_what_a_transform_takes(switch: Switch) -> None:
    """So that a script has no function beside the one that matters."""
    function = Define(how="from both", on_flag=switch == "flag", scaled=switch == "k")
    for turned in SWITCHES:
        history = Author().write([function, Build(), Turn(turned)])
        assert repr(history).count("def f") == 1
        assert SWITCHES[switch][1] in repr(history)


@settings(max_examples=30)
@given(moves=FEATURES["world"].sure())
def test_a_history_about_the_world_needs_one_function(moves: tuple[Move, ...]) -> None:
    """The one that is drawn takes what is turned."""
    assert repr(Author().write(moves)).count("def f") == 1


@pytest.mark.parametrize("state", HOME_PLACES)
def test_every_place_for_states_is_reached(state: str) -> None:
    history = Author().write([Create(state), Replace(state)])
    assert repr(history).count(f"{state} = lib.State") == 2


@pytest.mark.parametrize("move", [
    Build(member="grad"), Build(member="hessian"),
], ids=repr)
def test_a_transform_without_a_derivative_is_left_out(move: Build) -> None:
    history = Author().write([Define(array=True), move])
    assert "lib.transform" not in repr(history)


# -- the model ---------------------------------------------------------------------------------


def test_model_transforms_differentiate() -> None:
    """A gradient by state and argument, a Hessian, and a gradient of a gradient."""
    lib = model_transforms.library(lambda seed, shapes: np.zeros(shapes[-1]))
    s = lib.State(np.array([0.5, 1.0]))

    def f(x: Any) -> Any:
        old = s.value
        s.value = 2.0 * old
        return np.sum(np.sin(old * x)) + x * x * s.value[0]

    def old_value() -> None:
        s.value = np.array([0.5, 1.0])

    x = np.array(0.7)
    (by_s,), by_x = lib.transform.grad(f, grad_states=[s], argnums=0)(x)
    np.testing.assert_allclose(by_s, x * np.cos(s.value / 2 * x) + [2 * x * x, 0], rtol=1e-12)
    np.testing.assert_allclose(s.value, [1.0, 2.0])
    old_value()
    hessian = lib.transform.hessian(f)(x)
    old_value()
    nested = lib.transform.grad(lambda y: lib.transform.grad(f)(y))(x)
    v = np.array([0.5, 1.0])
    expected = np.sum(-v * v * np.sin(v * x)) + 2.0
    np.testing.assert_allclose([by_x, hessian, nested], [
        np.sum(v * np.cos(v * x)) + 2 * x * 1.0, expected, expected], rtol=1e-10)


def test_model_takes_a_failure_back() -> None:
    lib = model_transforms.library(lambda seed, shapes: np.zeros(shapes[-1]))
    s = lib.State(np.array(1.0))

    def f(x: Any) -> Any:
        s.value = x
        lib.random.normal()
        raise ArithmeticError("planned")

    with pytest.raises(ArithmeticError, match="planned"):
        lib.transform.grad(f)(np.array(2.0))
    assert s.value == 1.0


# -- wrong libraries ---------------------------------------------------------------------------


def loses_writes(lib: Any) -> None:
    """A transform does not write back."""
    def hook(call: Call) -> Any:
        states = call.used()
        before = [state.value for state in states]
        result = call.proceed()
        for state, value in zip(states, before, strict=True):
            state.value = value
        return result

    on_call(lib, hook)


def keeps_the_writes_of_a_failure(lib: Any) -> None:
    """A call that fails leaves zeros in the selected states."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ArithmeticError:
            for state in selected(call):
                if not isinstance(state.value, dict):
                    state.value = jnp.zeros_like(state.value)
            raise

    on_call(lib, hook)


def keeps_old_results(lib: Any) -> None:
    """A second call of a transform answers with the result of the first."""
    def hook(call: Call) -> Any:
        known = vars(call.transform)
        result = call.proceed()
        return known.setdefault("kept", result)

    on_call(lib, hook)


def ignores_new_shapes(lib: Any) -> None:
    """A write of another shape is dropped."""
    class Stiff(Cell):
        def write(self, value: Any) -> None:
            if jnp.shape(self.read()) == jnp.shape(value) or isinstance(value, dict):
                super().write(value)

    on_state(lib, Stiff)


WRONG: dict[Callable[[Any], None], str] = {
    loses_writes: "writes",
    keeps_the_writes_of_a_failure: "failures",
    keeps_old_results: "values",
    ignores_new_shapes: "values",
}


@pytest.mark.parametrize("spoil", WRONG, ids=lambda spoil: spoil.__name__)
def test_wrong_library_is_caught_by_a_short_script(spoil: Callable[[Any], None]) -> None:
    """The script fails as it is printed, on the wrong library and not on the right one."""
    lib = copy_of(refimpl)
    spoil(lib)
    found = decide(CHECK, Subject("wrong", lib), WRONG[spoil], SEARCH, 0)
    assert found.verdict is Verdict.FAIL, found.message
    lines = found.script.splitlines()[3:]
    assert len(lines) <= 18, found.script
    with pytest.raises(AssertionError):
        exec("\n".join(lines), {"lib": lib, "jnp": jnp})
    exec("\n".join(lines), {"lib": refimpl, "jnp": jnp})


def test_script_stops_where_it_went_wrong() -> None:
    lib = copy_of(refimpl)
    loses_writes(lib)
    history: History = Author().write([
        Define(reads="s0", writes="s1", how="from both"), Build(), CallTransform(),
        CallTransform()])
    with pytest.raises(Violation) as raised:
        history_agrees_with_plain_objects(Subject("wrong", lib), history)
    assert raised.value.lines == history.until(len(history.steps) - 1)
