"""How refimpl keeps values in frames: isolation, atomic failure, honest writes."""

import copy
import functools
import pickle
import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import ParamState, State, StateError
from refimpl.transform import (
    GradientTransform,
    StateFinder,
    fwd_grad,
    grad,
    hessian,
    jacfwd,
    jit,
)
from tests.members import MEMBERS, Call, each_member


@each_member
def test_a_write_takes_effect_once_and_leaves_no_tracer(call: Call) -> None:
    count = State(jnp.array(0.0))

    def f(x: Any) -> Any:
        count.value = count.value + x
        return x * x * count.value

    call(f, 3.0)
    assert not isinstance(count.value, jax.core.Tracer)
    assert count.value == 3.0


@each_member
def test_a_failure_leaves_every_state_the_very_same_object(call: Call) -> None:
    class Stop(Exception):
        pass

    state, stream = State(jnp.array(1.0)), refimpl.random.DEFAULT
    tangents = refimpl.random.TANGENTS
    before = state.value, stream.value, tangents.value

    def f(x: Any) -> Any:
        state.value = state.value * x
        refimpl.random.normal()
        raise Stop

    with pytest.raises(Stop):
        call(f, 2.0)
    assert state.value is before[0] and stream.value is before[1]
    assert tangents.value is before[2]


@each_member
def test_an_output_that_jax_refuses_changes_nothing(call: Call) -> None:
    state = State(1.0)

    def f(x: Any) -> Any:
        state.value = 2.0
        return "not a number"

    with pytest.raises(TypeError):
        call(f, 2.0)
    assert state.value == 1.0


def test_a_failure_after_the_run_changes_nothing() -> None:
    state = State(1.0)

    def f(x: Any) -> Any:
        state.value = state.value + x
        return x

    def late(fun: Any, *, argnums: int, has_aux: bool) -> Any:
        def run(selected: Any) -> Any:
            jax.grad(fun, argnums, has_aux)(selected)
            state.value = 5.0
            raise KeyError("late")

        return run

    with pytest.raises(KeyError, match="late"):
        GradientTransform(f, late)(2.0)
    assert state.value == 1.0


def test_nested_runs_settle_one_level_at_a_time() -> None:
    state, seen = State(2.0), []

    def inner(x: Any) -> Any:
        state.value = state.value * x
        return state.value

    def outer(x: Any) -> Any:
        slope = grad(inner)(x)
        seen.append(state.value)
        with pytest.raises(KeyError):
            grad(fails)(x)
        return slope * state.value  # 2 * 2x

    def fails(x: Any) -> Any:
        state.value = -1.0
        raise KeyError

    assert grad(outer)(3.0) == 4.0
    assert state.value == 6.0 and isinstance(seen[0], jax.core.Tracer)


class TestCreation:
    """States that are created while a transform runs."""

    def test_a_local_state_is_nobodys_business(self) -> None:
        def f(x: Any) -> Any:
            local = State(x)
            local.value = local.value * 2
            return local.value

        assert grad(f)(2.0) == 2.0 and jit(f)(3.0) == 6.0 and jax.jit(f)(3.0) == 6.0
        assert jax.vmap(jit(f))(jnp.ones(2)).tolist() == [2.0, 2.0]

    def test_an_inner_call_reads_and_writes_it(self) -> None:
        def f(x: Any) -> Any:
            local = State(x)

            def inner(y: Any) -> Any:
                local.value = local.value * y
                return local.value**2

            slope = grad(inner)(3.0)
            return slope + local.value

        assert jax.grad(lambda x: 6.0 * x**2 + 3.0 * x)(2.0) == 27.0
        assert grad(f)(2.0) == 27.0

    def test_a_state_without_a_value_says_so(self) -> None:
        kept: list[State] = []

        def f(x: Any) -> Any:
            kept.append(State(x, name="lost"))
            raise ArithmeticError

        with pytest.raises(ArithmeticError):
            grad(f)(2.0)
        assert "lost" in repr(kept[0])

    def test_one_without_a_name_says_so_too(self) -> None:
        kept: list[State] = []

        def f(x: Any) -> Any:
            kept.append(State(x))
            raise ArithmeticError

        with pytest.raises(ArithmeticError):
            grad(f)(2.0)
        assert repr(kept[0]) == "State <no value>"
        with pytest.raises(StateError, match="no value.*failed"):
            _ = kept[0].value
        with pytest.raises(StateError, match="no value.*failed"):
            copy.copy(kept[0])

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_state_made_on_demand_survives(self, fails: bool) -> None:
        """As the plain function would leave it when it fails, and a finder finds it."""
        slot: list[State] = []

        def f(x: Any) -> Any:
            if not slot:
                slot.append(State(jnp.zeros(())))
            slot[0].value = slot[0].value + x
            if fails:
                raise KeyError
            return slot[0].value

        if fails:
            with pytest.raises(KeyError):
                grad(lambda x: grad(f)(x))(1.0)
        else:
            assert StateFinder(f)(jnp.array(1.0)) == {} and len(slot) == 1
        assert slot[0].value == 0.0 and not isinstance(slot[0].value, jax.core.Tracer)

    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize("first", [
        pytest.param(lambda x: "a text", id="text"),
        pytest.param(lambda x: {"a": x * 2.0, "b": "a text"}, id="mixed"),
    ])  # fmt: skip
    def test_what_a_finder_makes_has_a_value(self, first: Any, fails: bool) -> None:
        """Also if the function fails on the abstract arrays that it is observed on first."""
        made: list[State] = []

        def f(x: Any) -> Any:
            if not made:
                made.append(State(first(x)))
            if fails and x < 0:
                return x
            return made[0].value and x

        StateFinder(f)(jnp.array(2.0))
        assert made[0].value == first(2.0)

    def test_a_kept_state_is_committed(self) -> None:
        kept: list[State] = []

        def f(x: Any) -> Any:
            kept.append(State(x * 3))
            return x

        grad(f)(2.0)
        assert kept[0].value == 6.0 and not isinstance(kept[0].value, jax.core.Tracer)
        kept[0].value = 1.0
        grad(grad(f))(2.0)
        assert kept[1].value == 6.0
        compiled = jit(f)
        compiled(2.0)
        assert kept[-1].value == 6.0
        kept[-1].value = 0.0
        compiled(3.0)
        assert kept[-1].value == 9.0

    @each_member
    def test_a_state_of_a_failed_call_has_no_value(self, call: Call) -> None:
        kept: list[State] = []

        def f(x: Any) -> Any:
            kept.append(State(x, name="lost"))
            raise KeyError

        with pytest.raises(KeyError):
            call(f, 2.0)
        with pytest.raises(StateError, match="lost"):
            _ = kept[-1].value

    def test_local_states_under_raw_transforms(self) -> None:
        def body(y: Any) -> Any:
            local = State(y)
            local.value = local.value + 1
            return local.value

        assert grad(lambda x: jax.vmap(body)(jnp.ones(3) * x).sum())(1.0) == 3.0

    def test_one_that_outlives_a_raw_transform_is_an_error(self) -> None:
        kept: list[State] = []

        def body(y: Any) -> Any:
            kept.append(State(y, name="outlives"))
            return y

        with pytest.raises(StateError, match="outlives"):
            grad(lambda x: jax.vmap(body)(jnp.ones(3) * x).sum())(1.0)

    def test_one_in_a_reference_cycle_does_not_outlive(self) -> None:
        def body(y: Any) -> Any:
            module = refimpl.nn.Module()
            module.me = module  # type: ignore[attr-defined]
            module.state = State(y)  # type: ignore[attr-defined]
            return y

        assert grad(lambda x: jax.vmap(body)(jnp.ones(3) * x).sum())(1.0) == 3.0


RAW: dict[str, Callable[[Any], Any]] = {
    "jit": jax.jit,
    "grad": jax.grad,
    "vmap": lambda h: lambda x: jax.vmap(h)(jnp.ones(2) * x).sum(),
    "checkpoint": jax.checkpoint,
    "cond": lambda h: lambda x: jax.lax.cond(True, h, h, x),
    "scan": lambda h: lambda x: jax.lax.scan(lambda c, _: (h(c), None), x, length=2)[0],
    "fori_loop": lambda h: lambda x: jax.lax.fori_loop(0, 2, lambda _, c: h(c), x),
    "while_loop": lambda h: lambda x: jax.lax.while_loop(lambda c: c < 2, h, x),
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW.keys())
class TestHonestWrites:
    """Raw JAX transforms inside of the function."""

    @each_member
    def test_a_write_is_an_error_that_names_the_state(self, raw: Any, call: Call) -> None:
        state = State(jnp.array(0.0), name="culprit")
        before = state.value

        def f(x: Any) -> Any:
            def body(y: Any) -> Any:
                state.value = y
                return y * 1.0

            return raw(body)(x)

        with pytest.raises(StateError, match="culprit"):
            call(f, 1.5)
        with pytest.raises(StateError, match="culprit"):
            f(1.5)
        assert state.value is before

    def test_reads_and_writes_around_it_work(self, raw: Any) -> None:
        state, last = State(jnp.array(2.0)), State(jnp.array(0.0))

        def f(x: Any) -> Any:
            last.value = raw(lambda y: y * state.value)(x)
            return last.value

        jacfwd(f, [state])(1.5)
        assert last.value == f(1.5)


def test_a_write_across_an_outer_raw_transform_is_an_error() -> None:
    state = State(0.0, name="culprit")

    def f(x: Any) -> Any:
        state.value = x
        return x * x

    calls: list[Any] = [grad(f), jit(f), f]
    for call in calls:
        with pytest.raises(StateError, match="culprit"):
            jax.jit(call)(2.0)
        with pytest.raises(StateError, match="culprit"):
            jax.vmap(call)(jnp.ones(2))
    assert state.value == 0.0


def test_a_draw_across_an_outer_raw_transform_is_an_error_that_speaks_of_keys() -> None:
    calls: list[Any] = [fwd_grad(lambda x: x * x), lambda x: x * refimpl.random.normal()]
    for call in calls:
        with pytest.raises(StateError, match="not given a key"):
            jax.jit(call)(2.0)
    assert jax.jit(fwd_grad(lambda x: x * x, key=1))(2.0).shape == ()


def test_only_some_results_of_a_compiled_call_are_tracers() -> None:
    constant, batched = State(0.0), State(0.0, name="batched")

    @jit
    def f(x: Any) -> Any:
        constant.value, batched.value = 1.0, x
        return x

    with pytest.raises(StateError):
        jax.vmap(f)(jnp.ones(3))
    assert constant.value == 0.0 and batched.value == 0.0


def test_no_tracer_leaks() -> None:
    state, count = State(jnp.array(2.0)), State(0.0)

    def f(x: Any) -> Any:
        count.value = count.value + x
        return state.value * x * x

    with jax.checking_leaks():
        for call in MEMBERS.values():
            call(f, 2.0)
    assert count.value == 2.0 * len(MEMBERS)


def test_copies_are_states_of_their_own() -> None:
    state = ParamState(jnp.ones(2), name="w", tag="t", unit="mV")
    for made in (copy.deepcopy(state), copy.copy(state), pickle.loads(pickle.dumps(state))):
        made.value = 3.0
        assert (made.name, made.tag, vars(made)["unit"]) == ("w", {"t"}, "mV")
        assert type(made) is ParamState
    assert state.value.tolist() == [1.0, 1.0]


def test_a_copy_is_a_read() -> None:
    state = ParamState(jnp.array(2.0))
    for make in (copy.deepcopy, copy.copy):
        def f(x: Any, make: Any = make) -> Any:
            return make(state).value * x

        state.value = jnp.array(2.0)
        compiled = jit(f)
        assert compiled(3.0) == 6.0
        state.value = jnp.array(5.0)
        assert compiled(3.0) == 15.0 and grad(f, state)(3.0) == 3.0
        assert StateFinder(f)(3.0) == {0: state}


def test_a_state_shows_the_value_it_has_here() -> None:
    state, shown = State(1.0), []

    def f(x: Any) -> Any:
        state.value = 2.0
        shown.append(repr(state))
        return x

    grad(f)(3.0)
    assert shown == ["State 2.0"]


def kept(body: Any) -> dict[str, Any]:
    """Functions that use one body at every call, which JAX remembers."""

    def carry(c: Any, _: Any) -> Any:
        return body(c), None

    checkpointed, helper = jax.checkpoint(body), jax.jit(body)
    return {
        "scan": lambda x: jax.lax.scan(carry, x, length=1)[0],
        "map": lambda x: jax.lax.map(body, x[None])[0],
        "cond": lambda x: jax.lax.cond(x > 0.0, body, body, x),
        "switch": lambda x: jax.lax.switch(1, [jnp.sin, body], x),
        "checkpoint": lambda x: checkpointed(x),
        "jit": lambda x: helper(x),
        "nested": lambda x: jax.lax.scan(lambda c, _: (checkpointed(c), None), x, length=1)[0],
    }


class TestKeptBodies:
    """Bodies made once that read a state, which JAX would go on to use with an old value."""

    @pytest.mark.parametrize("kind", kept(jnp.sin))
    def test_every_transform_meets_the_present_value(self, kind: str) -> None:
        w = ParamState(jnp.array(1.0))
        f = kept(lambda x: jnp.sin(w.value * x))[kind]
        by_state, by_argument, both = grad(f, w), grad(f), jit(grad(f))
        x = jnp.array(0.5)
        for value in (1.0, 2.0, 3.0):
            w.value = jnp.array(value)
            cosine = np.cos(value * 0.5)
            np.testing.assert_allclose(by_state(x), 0.5 * cosine, rtol=1e-6)
            for call in (by_argument, both, jacfwd(f)):
                np.testing.assert_allclose(call(x), value * cosine, rtol=1e-6)
            assert StateFinder(f)(x) == {0: w}

    @pytest.mark.parametrize("kind", kept(jnp.sin))
    @pytest.mark.parametrize("transform", [grad, hessian, jit, StateFinder])
    def test_the_plain_function_is_not_spoiled(self, kind: str, transform: Any) -> None:
        w = ParamState(jnp.array(1.0))
        f, x = kept(lambda x: jnp.sin(w.value * x))[kind], jnp.array(0.5)
        for _ in range(2):
            transform(f)(x)
        w.value = jnp.array(2.0)
        np.testing.assert_allclose(f(x), np.sin(1.0), rtol=1e-6)

    def test_a_write_between_two_uses(self) -> None:
        w = ParamState(jnp.array(2.0))
        block = jax.checkpoint(lambda x: w.value * x)

        def f(x: Any) -> Any:
            y = block(x)
            w.value = w.value + 1.0
            return block(y)

        for call in (grad(f), jit(grad(f)), grad(jit(f))):
            w.value = jnp.array(2.0)
            assert float(call(1.0)) == 6.0 and w.value == 3.0

    def test_inside_of_an_inner_transform(self) -> None:
        w = ParamState(jnp.array(2.0))

        def body(c: Any, _: Any) -> Any:
            return grad(lambda y: w.value * y**2)(c), None

        f = grad(lambda x: jax.lax.scan(body, x, length=1)[0])
        for value in (2.0, 3.0):
            w.value = jnp.array(value)
            assert float(f(1.0)) == 2.0 * value

    def test_what_reads_nothing_there_runs_once_and_in_the_context_of_the_caller(self) -> None:
        w, runs = ParamState(jnp.array(2.0)), [0]

        def f(x: Any) -> Any:
            runs[0] += 1
            return w.value * jax.lax.scan(lambda c, _: (c * 2.0, None), x, length=2)[0]

        assert grad(f)(1.0) == 8.0 and runs == [1]


def test_aux_prints_alike_however_it_is_compiled() -> None:
    def f(x: Any) -> Any:
        return x * x, {"z": 1.0, "a": [{"y": x, "b": 2}], ("k",): 0, 3: 1}, {"z": x, "a": {}}

    def with_aux(x: Any) -> Any:
        return f(x)[0], f(x)[2]

    eager, compiled = grad(with_aux, has_aux=True)(2.0), grad(jit(with_aux), has_aux=True)(2.0)
    assert list(eager[1]) == list(compiled[1]) == ["a", "z"]
    aux = grad(lambda x: f(x)[:2], has_aux=True)(2.0)[1]
    assert list(aux) == ["z", "a", ("k",), 3] and list(aux["a"][0]) == ["b", "y"]


class Box:
    """An object that JAX does not know."""

    def __init__(self, held: Any) -> None:
        self.held = held


class Slotted:
    """One without a dict, and with a private name."""

    __slots__ = "__held"

    def __init__(self, held: Any) -> None:
        self.__held = held


class Below(Slotted):
    """One that inherits its only slot."""

    __slots__ = ()


@pytest.mark.parametrize("hide", [
    Box, lambda x: [Box({"a": [x]})], lambda x: lambda: x, Slotted, Below,
    lambda x: types.SimpleNamespace(deep=Box(x)), lambda x: lambda y=x: y,
    lambda x: lambda *, y=x: y, lambda x: functools.partial(jnp.add, x), lambda x: [x].append,
    ValueError, lambda x: types.MappingProxyType({"a": x}), lambda x: property(lambda _: x),
    lambda x: jax.jit(lambda y: y * x), lambda x: Box(jax.tree_util.Partial(jnp.add, x)),
])  # fmt: skip
def test_an_object_that_hides_a_tracer_is_refused(hide: Any) -> None:
    state, before = State[Any](None, name="culprit"), Box(1.0)

    def writes(x: Any) -> Any:
        state.value = hide(x * x)
        return x

    state.value = before
    with pytest.raises(StateError, match="culprit"):
        grad(writes)(2.0)
    assert state.value is before
    with pytest.raises(StateError, match="aux"):
        grad(lambda x: (x, hide(x)), has_aux=True)(2.0)
    odd = {1: 0, "a": 0, None: Box(0)}
    assert grad(lambda x: (x, odd), has_aux=True)(2.0)[1] is odd
    concrete = hide(3.0)  # as all that an object shares with others is left alone, too
    assert grad(lambda x: (x, concrete), has_aux=True)(2.0)[1] is not None


def test_a_tracer_is_not_stored_outside_of_all_frames() -> None:
    state = State(jnp.array(0.0), name="culprit")
    escaped: list[Any] = []

    def lets_escape(x: Any) -> Any:
        escaped.append(x)
        return x

    jax.grad(lets_escape)(1.0)
    with pytest.raises(StateError, match="culprit"):
        state.value = escaped[0]
    with pytest.raises(StateError, match="culprit"):
        state.value = {"a": escaped}  # type: ignore[assignment]
    assert state.value == 0.0


def test_what_is_nested_too_deeply_is_named() -> None:
    nested: Any = State(jnp.array(1.0))
    value: Any = 1.0
    for _ in range(20_000):
        nested, value = [nested], [value]
    with pytest.raises(RecursionError, match="grad_states is nested"):
        grad(lambda x: x, nested)
    state = State(value, name="culprit")
    with pytest.raises(RecursionError, match="'culprit'.*nested"):
        grad(lambda x: (state.value, x)[1])(1.0)
    with pytest.raises(RecursionError, match="aux.*nested"):
        grad(lambda x: (x, value), has_aux=True)(1.0)
    state.value = 1.0
    assert grad(lambda x: state.value * x)(2.0) == 1.0


class Answering:
    """An object with an answer to most questions, and an error for all others."""

    def __init__(self, **known: Any) -> None:
        self.__dict__["known"] = known

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["known"][name]


def test_an_object_is_not_asked_what_it_holds() -> None:
    held = Answering(lr=1)
    assert grad(lambda x: (x * x, held), has_aux=True)(2.0)[1] is held
    state, flag = State[Any](held), False
    assert jit(lambda x: state.value if flag else x)(2.0) == 2.0
    odd = type("Odd", (), {"__module__": None})()
    assert grad(lambda x: (x * x, odd), has_aux=True)(2.0)[1] is odd


def test_a_tracer_behind_much_else_is_found() -> None:
    rows = [[i] for i in range(30_000)]
    with pytest.raises(StateError, match="aux"):
        grad(lambda x: (x * x, types.SimpleNamespace(rows=rows, box=Box(x))), has_aux=True)(3.0)
