"""What stays alive: nothing grows from call to call, and what is dropped is freed."""

import contextlib
import gc
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import refimpl
from refimpl import ParamState, State, transform
from refimpl.transform import StateFinder, for_loop, grad, jit, jvp, vjp

Call = Callable[[Any], Any]


def calls() -> dict[str, Call]:
    """Calls that read, write, draw, make states and fail, in every way that could leave a trace.

    What is written depends on what is differentiated: of an operation on constants, JAX keeps a
    weak reference each time (in every call of `jax.hessian`, too).
    """
    w, n = ParamState(jnp.ones(3)), State(jnp.zeros(()))

    def f(x: Any) -> Any:
        n.value = jnp.sum(w.value * x)
        return jnp.sum(w.value * x)

    def draws(x: Any) -> Any:
        return jnp.sum(w.value * x * refimpl.random.normal(size=(3,)))

    def makes(x: Any) -> Any:
        return jnp.sum(State(w.value * x).value)

    def branches(x: Any) -> Any:
        return w.value * x if jnp.sum(w.value) > 0 else x

    def fails(x: Any) -> Any:
        n.value = jnp.sum(w.value * x)
        raise KeyError

    def caught(call: Call) -> Call:
        def run(x: Any) -> None:
            with contextlib.suppress(KeyError):
                call(x)

        return run

    step = jit(f)
    return {
        "plain": f,
        "grad": grad(f, w),
        "grad made anew": lambda x: grad(lambda y: f(y), w)(x),
        "jacobian": transform.jacrev(f, w),
        "vjp": lambda x: vjp(f, x, grad_states=w)[1](1.0),
        "jvp": lambda x: jvp(f, (x,), (x,)),
        "finder": StateFinder(f),
        "finder of branches": StateFinder(branches),
        "failure": caught(grad(fails, w)),
        "state made": grad(makes, w),
        "jit": step,
        "jit of grad": jit(grad(f, w)),
        "grad of jit": grad(step, w),
        "grad of jit, made anew": lambda x: grad(step, w)(x),
        "grad of jit, inside": grad(lambda x: step(x), w),
        "jit of a loop": jit(lambda x: for_loop(f, jnp.stack([x, x]))),
        "jit of draws": jit(draws),
        "jit of a state made": jit(makes),
        "failure in jit": caught(jit(fails)),
    }


def kinds_of_objects() -> Counter[str]:
    gc.collect()
    kinds = Counter(f"{type(o).__module__}.{type(o).__qualname__}" for o in gc.get_objects())
    return kinds + Counter(arrays=len(jax.live_arrays()))


def growth(work: Callable[[], Any], rounds: int = 6) -> dict[str, int]:
    """Objects and arrays by kind, of which there is one more after each or every second round.

    What grows but once, as a cache does, grows in one of two measurements.
    """
    for _ in range(5):
        work()
    counts = [kinds_of_objects()]
    for _ in range(2):
        for _ in range(rounds):
            work()
        counts.append(kinds_of_objects())
    grown = {kind: min(counts[2][kind] - counts[1][kind], counts[1][kind] - counts[0][kind])
             for kind in counts[2]}
    return {kind: count for kind, count in grown.items()
            if count >= rounds / 2 and kind != "collections.Counter"}


def test_nothing_grows() -> None:
    x, every = jnp.ones(3), calls()
    assert growth(lambda: [call(x) for call in every.values()]) == {}


def test_nothing_grows_without_compilation() -> None:
    x, every = jnp.ones(3), calls()
    names = ("grad", "jit", "jit of grad", "grad of jit", "grad of jit, inside", "failure in jit")
    with jax.disable_jit():
        assert growth(lambda: [every[name](x) for name in names]) == {}


def test_hundreds_of_steps_leave_what_one_leaves() -> None:
    every, x = calls(), jnp.ones(3)
    steps = [every[name] for name in ("jit", "jit of grad", "jit of draws", "jit of a state made")]

    def hundreds() -> None:
        for _ in range(300):
            for step in steps:
                step(x)

    hundreds()
    assert growth(hundreds, 3) == {}


@pytest.mark.parametrize("wrap", [
    lambda f, w: f, lambda f, w: grad(f, w), lambda f, w: jit(grad(f, w)),
    lambda f, w: grad(jit(f), w), lambda f, w: StateFinder(jit(f)),
    lambda f, w: transform.jacrev(lambda x: jit(f)(x), w),
])  # fmt: skip
def test_what_is_dropped_is_freed(wrap: Any) -> None:
    """A compiled function, its states, their first and last values, and what a call returned."""
    alive: list[weakref.ref[Any]] = []

    def work() -> None:
        w, n = ParamState(jnp.ones(1000)), State(jnp.zeros(1000))

        def f(x: Any) -> Any:
            n.value = n.value + x
            return jnp.sum(w.value * n.value)

        call = jit(wrap(f, w)) if wrap(f, w) is f else wrap(f, w)
        alive.extend(map(weakref.ref, (call, f, w, n, w.value, n.value)))
        for _ in range(3):
            call(2.0)
        alive.append(weakref.ref(n.value))

    work()
    gc.collect()
    assert [made() for made in alive] == [None] * 7


class Model(refimpl.nn.Module):
    """What is made anew for each experiment, with a method that is compiled for all of them."""

    def __init__(self, scale: float) -> None:
        self.w, self.n = ParamState(jnp.full(1000, scale)), State(jnp.zeros(()))

    @jit
    def step(self, x: Any) -> Any:
        self.n.value = self.n.value + 1.0
        return jnp.sum(self.w.value * x)


called = jit(lambda model, x: Model.step(model, x))
"""A compiled function that outlives the models it is called with."""


@pytest.mark.parametrize("call", [
    lambda m: m.step(2.0), lambda m: called(m, 2.0), lambda m: called(model=m, x=2.0),
])  # fmt: skip
def test_what_is_compiled_for_a_model_goes_with_it(call: Any) -> None:
    """A method belongs to the class, which stays; the models that it was called on do not."""
    alive: list[weakref.ref[Any]] = []
    for scale in (1.0, 2.0, 3.0):
        model = Model(scale)
        assert [float(call(model)), float(call(model))] == [2000.0 * scale] * 2
        assert float(model.n.value) == 2.0
        alive.extend(map(weakref.ref, (model, model.w, model.n, model.w.value)))
    del model
    gc.collect()
    assert [made() for made in alive] == [None] * 12


class Layer:
    """What several models have, so that the same code writes other states each time."""

    def __init__(self) -> None:
        self.w, self.h = ParamState(jnp.ones(1000)), State(jnp.zeros(()))

    def step(self, x: Any) -> Any:
        self.h.value = self.h.value + jnp.sum(self.w.value) * x
        return self.h.value

    def skip(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize("call", [
    lambda layer: for_loop(layer.step, jnp.ones(3)),
    lambda layer: transform.while_loop(lambda x: x < 9.0, layer.step, 1.0),
    lambda layer: transform.cond(True, layer.step, layer.skip, 1.0),
    lambda layer: transform.cond(True, layer.skip, layer.step, 1.0),
])  # fmt: skip
def test_no_trace_that_was_given_up_keeps_values(call: Any) -> None:
    """But for the one that shows that the code is shared."""

    def work() -> list[weakref.ref[Any]]:
        layers = [Layer() for _ in range(3)]
        for layer in layers:
            call(layer)
        return [weakref.ref(layer.w.value) for layer in layers]

    first, alive = work(), work()
    gc.collect()
    assert [made() for made in alive] == [None] * 3
    assert [made() for made in first].count(None) >= 2


def test_jax_finds_no_leak() -> None:
    layers = [Layer(), Layer()]
    with jax.checking_leaks():
        for layer in layers:
            grads = grad(lambda layer=layer: jnp.sum(for_loop(layer.step, jnp.ones(3))), layer.w)()
            assert grads.shape == (1000,)


@pytest.mark.parametrize("call", [
    lambda f, w, apply: apply(vjp(f, 2.0, grad_states=w)[1]),
    lambda f, w, apply: transform.GradientTransform(f, compiling, w)(2.0),
    lambda f, w, apply: jax.jit(grad(transform.checkpoint(f), {"w": w}))(2.0),
])  # fmt: skip
def test_what_jax_keeps_holds_no_states(call: Any) -> None:
    """A function of the user's lives on and has met a pull, or JAX has met what a run left."""
    apply = jax.jit(lambda pull: pull(1.0))

    def work() -> list[weakref.ref[Any]]:
        w = ParamState(jnp.ones(1000))

        def f(x: Any) -> Any:
            return jnp.sum(w.value * x)

        call(f, w, apply)
        return [weakref.ref(w), weakref.ref(w.value)]

    alive = work()
    gc.collect()
    assert [made() for made in alive] == [None, None]


def compiling(fun: Any, *, argnums: int, has_aux: bool) -> Any:
    """A user's transform that compiles a part of itself."""
    return lambda selected: jax.jit(lambda it: jax.grad(fun, has_aux=has_aux)(it))(selected)
