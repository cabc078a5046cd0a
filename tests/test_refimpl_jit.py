"""transform.jit: how often it traces, what a step costs in Python calls, and its options."""

import contextlib
import dataclasses
import gc
import itertools
import sys
import types
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import State
from refimpl.frames import Frame
from refimpl.transform import grad, hessian, jit


def python_calls(call: Any) -> int:
    """How many Python functions a call enters."""
    entered = 0

    def profile(frame: types.FrameType, event: str, argument: object) -> None:
        nonlocal entered
        entered += event == "call"

    call()
    call()
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return entered


@pytest.mark.parametrize("count", [1, 10, 200])
def test_a_steady_step_is_a_handful_of_python_calls(count: int) -> None:
    states = [State(jnp.ones(2)) for _ in range(count)]

    @jit
    def step(x: Any) -> None:
        for state in states:
            state.value = state.value * x

    assert python_calls(lambda: step(1.5)) <= 9  # the lambda is one of them; six ask JAX


def test_an_eager_gradient_costs_little_more_than_jax() -> None:
    states = [State(jnp.ones(2)) for _ in range(30)]

    def f(x: Any) -> Any:
        return sum(jnp.sum(state.value * x) for state in states)

    def pure(values: Any, x: Any) -> Any:
        return sum(jnp.sum(value * x) for value in values)

    ours, theirs = grad(f, states), jax.grad(pure)
    values = [state.value for state in states]
    assert python_calls(lambda: ours(1.5)) < 1.1 * python_calls(lambda: theirs(values, 1.5))


def test_traces() -> None:
    runs: list[str] = []
    a, b, out = State(jnp.array(1.0)), State(jnp.array(2.0)), State(0.0)

    @jit(static_argnums=0)
    def f(which: str, x: Any) -> Any:
        runs.append(which)
        out.value = (a if which == "a" else b).value * x
        return out.value + 0.0

    assert f("a", 2.0) == 2.0 and runs == ["a"]  # the states are found before the first run
    assert f("a", 3.0) == 3.0 and len(runs) == 1
    a.value = jnp.array(5.0)
    assert f("a", 3.0) == 15.0 and out.value == 15.0 and len(runs) == 1
    assert f("b", 3.0) == 6.0 and runs[1:] == ["b"]
    a.value = jnp.ones(2)
    assert f("a", 3.0).tolist() == [3.0, 3.0]


def test_a_state_beside_that_grows_costs_no_trace_at_each_call() -> None:
    """It can be reached from what the function knows, so that it is an input at first."""
    runs: list[tuple[int, ...]] = []
    model = types.SimpleNamespace(w=State(1.0), log=State([]), bias=State(jnp.array(4.0)))

    @jit
    def step(x: Any) -> Any:
        runs.append(jnp.shape(x))
        model.w.value = model.w.value * 2.0
        return jnp.sum(model.w.value * x) + (model.bias.value if jnp.ndim(x) else 0.0)

    def steps(x: Any) -> list[tuple[int, ...]]:
        """The traces for some steps."""
        runs.clear()
        for _ in range(5):
            w = model.w.value
            assert step(x) == 2.0 * w * jnp.sum(x) + 4.0 * jnp.ndim(x)
            model.log.value = [*model.log.value, jnp.array(w)]
        return list(runs)

    assert steps(1.0) == [()] * 3  # the second shows what it is for, and the third does without
    assert steps(2.0) == []
    assert steps(jnp.ones(2)) == [(2,)] * 4  # one meets the bias, and the log is back
    assert steps(jnp.ones(2)) == [] and steps(3.0) == [()] and steps(3.0) == []
    assert len(model.log.value) == 30


def test_a_state_beside_a_function_that_uses_none_costs_no_trace_at_each_call() -> None:
    runs, model = [0], types.SimpleNamespace(log=State([]), scale=2.0)

    @jit
    def double(x: Any) -> Any:
        runs[0] += 1
        return x * model.scale

    for _ in range(6):
        assert double(3.0) == 6.0
        model.log.value = [*model.log.value, jnp.array(1.0)]
    assert runs == [3]


def test_a_write_only_state_needs_no_second_trace() -> None:
    runs, out = [0], State(0.0)

    @jit
    def f(x: Any) -> None:
        runs[0] += 1
        out.value = x

    f(2.0)
    assert out.value == 2.0 and runs == [1]


def test_effects_of_a_cached_trace_are_known_exactly() -> None:
    read, written, other = State(1.0), State(1.0), State(1.0)

    @jit(static_argnums=0)
    def f(both: bool, x: Any) -> Any:
        written.value = x
        return x * read.value * (other.value if both else 1.0)

    f(True, 2.0)
    f(False, 2.0)
    finder = refimpl.transform.StateFinder(f, usage="both", return_type="list")
    assert finder(False, jnp.array(2.0)) == {"read": [read], "write": [written]}
    with pytest.raises(ValueError, match="neither reads nor writes"):
        grad(f, {"o": other})(False, 2.0)


def test_values_of_every_kind() -> None:
    tree: State = State({"b": (1.5, jnp.ones(2)), "a": None})

    @jit
    def f(x: Any) -> Any:
        tree.value = {"b": (tree.value["b"][0] * x, tree.value["b"][1]), "a": None}
        return tree.value["b"][0]

    assert f(2.0) == 3.0 and f(2.0) == 6.0
    assert set(tree.value) == {"a", "b"} and tree.value["a"] is None
    text = State("text", name="caption")
    with pytest.raises(TypeError, match="caption"):
        jit(lambda: [text.value])()


def test_options_mean_what_they_mean_in_jax() -> None:
    state = State(jnp.ones(2))

    def f(x: Any, mode: str, k: int = 2) -> Any:
        state.value = state.value * k
        return x * state.value if mode == "double" else x

    for options in ({"static_argnums": 1}, {"static_argnames": ("mode", "k")}):
        compiled = jit(f, **options)
        assert compiled(1.0, "double").shape == (2,) and compiled(1.0, "other").shape == ()
    assert jit(f, static_argnames=("mode", "k"))(1.0, mode="double", k=3).shape == (2,)
    donated = jnp.ones(3)
    jit(lambda x: x * state.value[0], donate_argnums=0)(donated)
    assert donated.is_deleted()
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    placed = jit(lambda x: x * state.value[0], in_shardings=(place,), out_shardings=place)
    assert placed(jnp.ones(3)).sharding == place
    alike = jit(f, in_shardings=place, static_argnums=1)
    assert alike(jnp.ones(2), "double").sharding == place
    any_number: Any = jit(lambda x, y=1.0: x * state.value[0] + y, in_shardings=place)
    assert any_number(0.0, 2.0) == 2.0 and any_number(0.0) == 1.0
    assert jit(lambda _states, n: _states * n, static_argnames="n")(2.0, n=3) == 6.0
    with pytest.raises(TypeError):
        jit(f, no_such_option=1)
    with pytest.raises(TypeError, match="callable"):
        jit(3)  # type: ignore[call-overload]


def test_methods() -> None:
    class Counter:
        def __init__(self) -> None:
            self.count = State(0.0)

        @jit(static_argnums=0)
        def add(self, x: Any) -> Any:
            self.count.value = self.count.value + x
            return x

    counter = Counter()
    counter.add(1.0)
    counter.add(2.0)
    assert counter.count.value == 3.0


def test_failing_traces_leave_it_usable() -> None:
    state, fail = State(1.0), [True]

    @jit
    def f(x: Any) -> Any:
        state.value = state.value * x
        if fail[0]:
            raise KeyError("mine")
        return x

    with pytest.raises(KeyError, match="mine"):
        f(2.0)
    assert state.value == 1.0
    fail[0] = False
    f(2.0)
    assert state.value == 2.0


def test_compiled_in_compiled_and_without_compiling() -> None:
    state = State(1.0)

    @jit
    def inner(x: Any) -> Any:
        state.value = state.value + x
        return state.value * x

    outer = jit(lambda x: inner(x) + inner(x))
    assert outer(1.0) == 2.0 + 3.0 and state.value == 3.0
    assert outer(1.0) == 4.0 + 5.0 and state.value == 5.0
    with jax.disable_jit():
        assert outer(1.0) == 6.0 + 7.0 and state.value == 7.0


class TestGradientOfCompiled:
    """T(jit(f)) is compiled as a whole."""

    def test_runs_no_python_in_steady_state(self) -> None:
        runs, state, count = [0], State(jnp.array(2.0)), State(0.0)

        @jit
        def f(x: Any) -> Any:
            runs[0] += 1
            count.value = count.value + 1.0
            return state.value**2 * x, {"z": x, "a": state.value}

        both = grad(f, {"s": state}, 0, has_aux=True, return_value=True)
        for _ in range(3):
            grads, loss, aux = both(3.0)
            assert grads == ({"s": 12.0}, 4.0) and loss == 12.0 and aux == {"z": 3.0, "a": 2.0}
        assert count.value == 3.0 and runs[0] == 1
        state.value = jnp.array(1.0)
        assert both(3.0)[0] == ({"s": 6.0}, 1.0) and runs[0] == 1

    def test_order_of_a_mapping_survives(self) -> None:
        states = {"b": State(1.0), 1: State(2.0), ("a",): State(3.0)}
        f = jit(lambda: states["b"].value * states[1].value * states["a",].value)
        assert list(grad(f, states)().items()) == [("b", 6.0), (1, 3.0), (("a",), 2.0)]
        assert grad(f, states)() == grad(f.fun, states)()

    def test_static_arguments_and_hessian(self) -> None:
        state = State(jnp.array([1.0, 2.0]))
        f = jit(lambda k, x: jnp.sum(state.value**k) * x, static_argnums=0)
        rows = hessian(f, state, 1)(3, 2.0)
        np.testing.assert_allclose(rows[0][0], [[12.0, 0.0], [0.0, 24.0]])
        np.testing.assert_allclose(rows[0][1], rows[1][0])


def repeated(body: Any) -> dict[str, Any]:
    """Functions inside of which JAX traces the body once, and remembers it."""

    def carry(x: Any, _: Any) -> Any:
        return body(x), None

    return {
        "while_loop": lambda x: jax.lax.while_loop(lambda y: y < 2.0 * x, body, x),
        "scan": lambda x: jax.lax.scan(carry, x, length=2)[0],
        "cond": lambda x: jax.lax.cond(True, body, jnp.sin, x),
        "checkpoint": jax.checkpoint(body),
        "jit": jax.jit(body),
    }


class TestWhatJaxRemembers:
    """Functions made outside of the compiled one, which JAX does not trace at every use."""

    each_kind = pytest.mark.parametrize("kind", repeated(jnp.sin))

    @each_kind
    def test_reads_the_present_value(self, kind: str) -> None:
        state, other = State(jnp.array(2.0)), State(jnp.array(1.0))
        body = repeated(lambda x: x * state.value)[kind]
        compiled = jit(lambda x: body(x) * other.value)
        for value in (2.0, 3.0, 4.0):
            state.value = jnp.array(value)
            fresh = repeated(lambda x: x * state.value)[kind]
            for x in (jnp.float32(1.5), jnp.float16(1.5)):
                assert compiled(x) == fresh(x)
            other.value = jnp.ones(int(value))  # another trace, which must not meet the first
            assert compiled(1.5).tolist() == [float(fresh(1.5))] * int(value)
            other.value = jnp.array(1.0)

    @pytest.mark.parametrize("kind", ["scan", "cond", "checkpoint", "jit"])
    def test_has_derivatives(self, kind: str) -> None:
        state = State(jnp.array(2.0))
        body = repeated(lambda x: jnp.sin(x * state.value))[kind]
        inside, outside = jit(grad(body, state)), grad(jit(body), state)
        for value in (0.5, 0.75):
            state.value = jnp.array(value)
            want = grad(repeated(lambda x: jnp.sin(x * state.value))[kind], state)(1.5)
            np.testing.assert_allclose(inside(1.5), want, rtol=1e-6)
            np.testing.assert_allclose(outside(1.5), want, rtol=1e-6)

    def test_many_states_take_one_trace(self) -> None:
        states, runs = [State(jnp.array(float(i))) for i in range(40)], [0]
        body = jax.checkpoint(lambda x: sum(state.value for state in states) * x)

        @jit
        def f(x: Any) -> Any:
            runs[0] += 1
            return body(x)

        assert f(2.0) == 2.0 * 780.0 and runs == [1]
        states[0].value = jnp.array(20.0)
        assert f(2.0) == 2.0 * 800.0 and runs == [1]


class Slot:
    """A place for a state that a function creates when it needs it."""

    state: Any = None


class TestCreation:
    """A trace that leaves states behind describes one call only."""

    def test_a_state_created_on_demand(self) -> None:
        slot, runs = Slot(), [0]

        @jit
        def step(x: Any) -> Any:
            runs[0] += 1
            if slot.state is None:
                slot.state = State(jnp.zeros(()))
            slot.state.value = slot.state.value + x
            return slot.state.value

        assert [step(1.0) for _ in range(4)] == [1.0, 2.0, 3.0, 4.0]
        assert runs == [2]  # one trace created it, one reads it
        slot.state.value = slot.state.value + 6.0
        assert step(1.0) == 11.0 and runs == [2]

    @pytest.mark.parametrize("way", ["jit", "jit of grad", "grad of jit", "jit of jit"])
    def test_from_a_state_that_is_not_known_yet(self, way: str) -> None:
        """As a lazy optimiser does."""

        def trajectory(wrap: Any) -> list[list[float]]:
            weight, slot = State(jnp.array(2.0)), Slot()

            def step(x: Any) -> Any:
                if slot.state is None:
                    slot.state = State(jnp.zeros_like(weight.value))
                slot.state.value = slot.state.value + x * weight.value
                loss = slot.state.value * weight.value
                weight.value = weight.value + 1.0
                return loss

            call = wrap(step, weight)
            return [
                [float(call(1.5)), float(weight.value), float(slot.state.value)] for _ in range(4)
            ]

        compiled, plain = {
            "jit": (lambda f, _: jit(f), lambda f, _: f),
            "jit of grad": (lambda f, w: jit(grad(f, w)), grad),
            "grad of jit": (lambda f, w: grad(jit(f), w), grad),
            "jit of jit": (lambda f, _: jit(lambda x: jit(f)(x)), lambda f, _: f),
        }[way]
        assert trajectory(compiled) == trajectory(plain)

    def test_a_new_state_at_every_call(self) -> None:
        kept: list[State] = []
        compiled = jit(lambda x: kept.append(State(x * 3.0)))
        for x in (1.0, 2.0, 3.0):
            compiled(x)
        assert [state.value for state in kept] == [3.0, 6.0, 9.0]

    def test_local_states_cost_no_traces(self) -> None:
        scale, runs = State(jnp.array(2.0)), [0]

        @jit
        def f(x: Any) -> Any:
            runs[0] += 1
            module: Any = refimpl.nn.Module()
            module.me, module.state = module, State(x)
            inner = jit(lambda y: y * module.state.value * scale.value)
            return inner(x) + module.state.value

        for x in (1.0, 2.0, 3.0):
            assert f(x) == 2.0 * x * x + x
        assert runs == [1]


class Scaled(refimpl.nn.Module):
    """All instances share one compiled function."""

    def __init__(self, weight: Any) -> None:
        self.weight = State(weight, name="weight")

    @jit(static_argnums=0)
    def __call__(self, x: Any) -> Any:
        return self.weight.value * x


class TestStatesWithoutAValue:
    """States of calls that failed, which other compiled functions came to know."""

    def test_disturb_no_other_call(self) -> None:
        good, made = Scaled(jnp.array(3.0)), []

        def bad(x: Any) -> Any:
            made.append(Scaled(x))
            made[-1](x)
            raise KeyError

        assert good(1.0) == 3.0
        for _ in range(3):
            with pytest.raises(KeyError):
                grad(bad)(2.0)
            assert good(1.0) == 3.0
            assert jit(lambda x: good(x))(1.0) == 3.0
        with pytest.raises(refimpl.StateError, match="weight"):
            made[-1](2.0)

    def test_created_beside_an_unknown_state(self) -> None:
        scale = State(jnp.array(5.0))
        compiled = jit(lambda x: Scaled(x)(x) * scale.value)
        assert compiled(2.0) == 20.0 and compiled(3.0) == 45.0
        scale.value = jnp.array(7.0)
        assert compiled(2.0) == 28.0


def test_positions_may_be_numpy_integers() -> None:
    for position in (np.int64(1), (np.int64(-1),), [1]):
        compiled = jit(lambda x, mode: x if mode == "same" else -x, static_argnums=position)
        assert compiled(2.0, "same") == 2.0 and compiled(2.0, "other") == -2.0


def test_runs_as_often_as_called_without_compiling() -> None:
    state, body = State(jnp.array(2.0)), jax.checkpoint(jnp.sin)
    with jax.disable_jit():
        compiled = jit(lambda x: body(x) * state.value)
        for value in (2.0, 3.0):
            state.value = jnp.array(value)
            np.testing.assert_allclose(compiled(1.0), np.sin(1.0) * value, rtol=1e-6)


def hidden(states: list[State]) -> Any:
    """A function that reads states which nobody can guess: through an iterator."""
    iterator = itertools.cycle(states)
    return lambda: next(iterator)


class TestFirstCall:
    """The states are guessed; the trace is repeated only for what was missed."""

    def test_what_was_missed_costs_one_more_trace(self) -> None:
        state, runs = State(jnp.array(2.0)), [0]
        get = hidden([state])

        @jit
        def f(x: Any) -> Any:
            runs[0] += 1
            return get().value * x

        assert f(3.0) == 6.0 and runs == [2]
        state.value = jnp.array(5.0)
        assert f(3.0) == 15.0 and runs == [2]

    def test_what_a_later_trace_meets_becomes_an_input(self) -> None:
        known, other, runs = State(jnp.array(2.0)), State(jnp.array(7.0)), [0]
        get = hidden([other])

        @jit
        def f(x: Any) -> Any:
            runs[0] += 1
            return known.value * x if x.ndim == 0 else get().value * x

        assert f(3.0) == 6.0 and runs == [1]
        assert f(jnp.ones(2)).tolist() == [7.0, 7.0]
        other.value = jnp.array(8.0)
        assert f(jnp.ones(2)).tolist() == [8.0, 8.0]
        count = runs[0]
        other.value = jnp.array(9.0)
        assert f(jnp.ones(2)).tolist() == [9.0, 9.0] and f(3.0) == 6.0 and runs[0] <= count + 1

    def test_a_guess_that_is_far_too_long_is_dropped(self) -> None:
        model = [State(jnp.ones(2)) for _ in range(100)]
        compiled = jit(lambda x: model[3].value * x)
        compiled(2.0)
        (version,) = compiled._versions.values()
        assert version.inputs == (model[3],)

    def test_real_effects_happen_once(self) -> None:
        state, seen = State(jnp.array(2.0)), []
        get = hidden([state])

        @jit
        def f(x: Any) -> Any:
            jax.debug.callback(lambda y: seen.append(float(y)), get().value * x)
            return x

        f(3.0)
        jax.effects_barrier()
        assert seen == [6.0]

    def test_states_of_classes_modules_and_bound_objects_are_guessed(self) -> None:
        class Place:
            held = State(jnp.array(2.0))

        class Model:
            def __init__(self) -> None:
                self.parts = {"w": [State(jnp.array(3.0))]}

            def loss(self, x: Any) -> Any:
                return self.parts["w"][0].value * x * Place.held.value + refimpl.random.uniform()

        runs, model = [0], Model()

        def counted(x: Any, loss: Any = model.loss) -> Any:
            runs[0] += 1
            return loss(x)

        jit(counted)(1.0)
        assert runs == [1]


def stale_rule() -> tuple[State, Any]:
    """A state that only the rule of a custom derivative reads, and a function with that rule."""
    slope = State(jnp.array(1.0), name="slope")

    @jax.custom_jvp
    def spike(x: Any) -> Any:
        return x

    spike.defjvp(lambda primals, tangents: (primals[0], tangents[0] * slope.value))
    return slope, lambda x: spike(x) * 2.0


@pytest.mark.parametrize("way", [
    lambda f: grad(f), lambda f: grad(jit(f)), lambda f: jit(grad(f)),
    lambda f: grad(lambda x: jit(f)(x)), lambda f: jit(grad(lambda x: jit(f)(x))),
    lambda f: jax.grad(jit(f)), lambda f: grad(jit(f, keep_unused=True)),
    lambda f: lambda x: refimpl.transform.vjp(jit(f), x)[1](jnp.ones(())),
    lambda f: refimpl.transform.jacrev(lambda x: jit(f)(x)),
    lambda f: grad(lambda x: jax.checkpoint(f)(x)),
])  # fmt: skip
def test_custom_rules_read_the_present_value(way: Any) -> None:
    slope, f = stale_rule()
    call = way(f)
    for value in (1.0, 5.0, 0.5):
        slope.value = jnp.array(value)
        assert float(call(jnp.array(1.0))) == 2.0 * value


class TestReadsAreFacts:
    """What was read in a frame that was dropped is an input of the compiled function."""

    def test_in_a_failed_inner_transform(self) -> None:
        read, used = State(jnp.array(2.0)), State(jnp.array(1.0))
        get = hidden([read])

        def f(x: Any) -> Any:
            box = []

            def fails(y: Any) -> Any:
                box.append(get().value)
                raise KeyError

            with contextlib.suppress(KeyError):
                grad(fails)(x)
            return x * box[0] * used.value

        calls: list[Any] = [jit(f), grad(jit(f), used), jit(grad(f, used))]
        for value in (2.0, 5.0):
            read.value = jnp.array(value)
            assert [float(call(1.0)) for call in calls] == [value] * 3

    def test_in_a_finder(self) -> None:
        a, b = State(jnp.array(2.0)), State(jnp.array(3.0))
        get = hidden([a])

        def f(x: Any) -> Any:
            box = []
            refimpl.transform.StateFinder(lambda: box.append(get().value))()
            return x * b.value * (box[0] if isinstance(box[0], jax.Array) else 1.0)

        finder = refimpl.transform.StateFinder(f, return_type="list")
        assert set(finder(jnp.array(1.0))) == {b}  # an observation is no read of its observer
        with Frame() as frame:
            f(jnp.array(1.0))
        assert set(frame.fetched) == {a, b}


class TestMemory:
    """Nothing stays alive that JAX does not hold on to without states, too."""

    def test_first_values_are_freed(self) -> None:
        alive = []
        for _ in range(3):
            state = State(jnp.ones(1000))
            get = hidden([state])
            alive.append(weakref.ref(state.value))

            def add(get: Any = get) -> None:
                state = get()
                state.value = state.value + 1.0

            step: Any = jit(add)
            step()
            step()
        del state, get, add, step
        jax.clear_caches()
        gc.collect()
        assert [made() for made in alive] == [None] * 3


class Cell(refimpl.nn.Module):
    """A module with a compiled method."""

    def __init__(self, weight: float) -> None:
        self.weight, self.count = State(jnp.array(weight)), State(jnp.array(0))

    @jit
    def step(self, x: Any) -> Any:
        self.count.value += 1
        return self.weight.value * x


class TestObjects:
    """Modules and states as arguments, and methods."""

    def test_a_method_serves_every_instance(self) -> None:
        a, b = Cell(2.0), Cell(5.0)
        assert [float(cell.step(3.0)) for cell in (a, b, a)] == [6.0, 15.0, 6.0]
        assert a.count.value == 2 and b.count.value == 1

    def test_a_module_or_a_state_is_an_argument(self) -> None:
        cell, runs = Cell(2.0), [0]

        @jit
        def loss(model: Any, weight: Any, x: Any) -> Any:
            runs[0] += 1
            model.count.value += 1
            return model.weight.value * x + weight.value

        for count in (1, 2, 3):
            assert loss(cell, cell.weight, 3.0) == 8.0 and cell.count.value == count
        assert runs == [1]

    def test_a_new_instance_compiles_no_other_again(self) -> None:
        runs = [0]

        @jit(static_argnums=0)
        def f(model: Cell, x: Any) -> Any:
            runs[0] += 1
            return model.step(x)

        cells = [Cell(float(i)) for i in range(5)]
        for _ in range(2):
            assert [float(f(cell, 2.0)) for cell in cells] == [0.0, 2.0, 4.0, 6.0, 8.0]
        assert runs == [5]


def test_a_transform_made_anew_is_compiled_once() -> None:
    w, runs = State(jnp.array(2.0)), [0]

    @jit
    def loss(x: Any) -> Any:
        runs[0] += 1
        return w.value**2 * x

    for _ in range(3):
        assert grad(loss, [w])(3.0) == [12.0]
        assert grad(loss, {"w": w}, 0)(3.0) == ({"w": 12.0}, 4.0)
        assert hessian(loss, w)(3.0) == 6.0
    assert runs[0] <= 6  # the Hessian runs the function more than once
    assert len(loss.wholes) == 3


def test_names_of_jax_jit() -> None:
    w, runs = State(jnp.array(2.0)), [0]

    @jit
    def f(x: Any) -> Any:
        runs[0] += 1
        w.value = w.value + 1.0
        return {"y": w.value * x}

    assert f.eval_shape(jnp.ones(3))["y"].shape == (3,) and w.value == 2.0
    assert f.lower(jnp.ones(3)).compile() is not None and f.trace(jnp.ones(3)).jaxpr
    assert f(jnp.ones(3))["y"].tolist() == [3.0] * 3 and runs == [1]
    f.clear_cache()
    assert f(jnp.ones(3))["y"].tolist() == [4.0] * 3 and runs == [2]


@dataclasses.dataclass
class Scale(refimpl.nn.Module):
    """A module whose class says that it is equal to others, and cannot be hashed."""

    by: State

    @jit
    def step(self, x: Any) -> Any:
        self.by.value = self.by.value * 2.0
        return self.by.value * x


class Sized(Scale):
    """Equal to all of its size, of which there is one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sized)

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize("kind", [Scale, Sized])
@pytest.mark.parametrize("call", [
    lambda module: module.step(3.0),
    lambda module: jit(lambda x, module: module.by.value * x)(3.0, module=module),
    jit(lambda module, x=3.0: module.by.value * x),
    jit(lambda module, x=3.0: module.by.value * x, static_argnums=0),
    jit(lambda x, module: module.by.value * x, static_argnums=-1).__get__(3.0),
])  # fmt: skip
def test_a_module_is_itself_whatever_it_is_equal_to(kind: Any, call: Any) -> None:
    one, two = kind(State(1.0)), kind(State(10.0))
    for _ in range(2):
        for module in (one, two):
            assert call(module) == 3.0 * module.by.value


def test_an_argument_is_now_a_state_and_now_an_array() -> None:
    twice = jit(lambda x: 2.0 * (x.value if isinstance(x, State) else x))
    state = State(5.0)
    given: list[Any] = [1.0, state, 3.0, state]
    assert [float(twice(x)) for x in given] == [2.0, 10.0, 6.0, 10.0]
    assert twice.eval_shape(state).shape == twice.eval_shape(1.0).shape == ()
    with pytest.raises(TypeError, match="in a container"):
        twice([state])


@pytest.mark.parametrize("value", ["text", [1.0, "text"], object()])
def test_a_state_that_is_in_reach_and_not_used_may_hold_anything(value: Any) -> None:
    idle, total = State[Any](jnp.array(1.0), name="idle"), State(jnp.array(2.0))

    def step(x: Any, use: bool = False) -> Any:
        total.value = total.value + x
        return idle.value if use else total.value

    compiled = jit(step, static_argnames="use")
    assert float(compiled(1.0)) == 3.0
    idle.value = value
    assert [float(compiled(1.0)), float(compiled(1.0))] == [4.0, 5.0]
    with pytest.raises(TypeError, match="'idle' .* holds a"):
        compiled(1.0, use=True)
    assert float(total.value) == 5.0


@pytest.mark.parametrize("odd", [
    np.array(["cat"]), 2**70, {1: "a", "b": 2}, np.str_("x"), np.datetime64("2020"),
], ids=repr)  # fmt: skip
def test_a_state_that_is_not_used_may_hold_anything(odd: Any) -> None:
    w, meta = State(jnp.array(2.0)), State[Any](0)
    used = [w, meta]
    step = jit(lambda x: used[0].value * x)
    for meta.value in (odd, 1, odd):
        assert step(3.0) == 6.0
    with pytest.raises(TypeError, match="jit needs states that hold arrays and numbers"):
        jit(lambda x: (meta.value, x)[1])(3.0)


def test_a_call_in_which_jax_finds_a_nan_has_failed() -> None:
    n, s = State(jnp.array(0)), State(jnp.array(jnp.nan))

    @jit
    def step() -> Any:
        n.value += 1
        return s.value

    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        step()
    assert n.value == 0


def test_states_in_a_container_among_the_arguments_are_told_of() -> None:
    s, x = State(jnp.array(2.0), name="culprit"), 1.0
    containers: list[Any] = [[s], {"b": [1.0, s]}]
    for container in containers:
        with pytest.raises(TypeError, match="'culprit'.*in a container.*argument of its own"):
            jit(lambda held, x: x)(container, x)
        with pytest.raises(TypeError, match="'culprit'.*in a container.*argument of its own"):
            jit(lambda x, held: x)(x, held=container)
    compiled = jit(lambda held: 0)
    compiled([1.0])
    with pytest.raises(TypeError, match="'culprit'.*in a container.*argument of its own"):
        compiled([s])
    assert jit(lambda held, x: held[0].value * x, static_argnums=0)((s,), x) == 2.0
