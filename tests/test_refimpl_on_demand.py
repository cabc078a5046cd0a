"""States made on demand, in a call of refimpl: they have a value whatever becomes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from refimpl import ParamState, State, StateError
from refimpl.nn import Module
from refimpl.transform import StateFinder, for_loop, grad, hessian, jacrev, jit, vmap


class Net(Module):
    """Makes its weight in the first call."""

    w: Any = None

    def __call__(self, x: Any) -> Any:
        if self.w is None:
            self.w = ParamState(jnp.ones(jnp.shape(x)))
        return x * self.w.value


class Hidden:
    """An object that JAX does not know."""

    def __init__(self, held: Any) -> None:
        self.held = held


FAILING: dict[str, Callable[[Net], Any]] = {
    "no scalar": lambda net: grad(net)(jnp.ones(2)),
    "no pair": lambda net: grad(net, has_aux=True)(jnp.ones(2)),
    "integers": lambda net: grad(lambda x: jnp.sum(net(x)).astype(int))(jnp.ones(2)),
    "untouched": lambda net: jacrev(net, State(1.0))(jnp.ones(2)),
    "hidden tracer": lambda net: grad(lambda x: (net(x).sum(), Hidden(x)), has_aux=True)(
        jnp.ones(2)),
    "second derivative": lambda net: hessian(lambda x: net(x).astype(int))(jnp.ones(2)),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_call_that_fails_after_the_function_leaves_them(name: str) -> None:
    net = Net()
    with pytest.raises((TypeError, ValueError, StateError)):
        FAILING[name](net)
    assert net(jnp.ones(2)).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("value", [[], {}, [jnp.array(0.0)]])
@pytest.mark.parametrize("fails", [False, True])
def test_the_first_value_is_not_what_is_changed_in_place_later(value: Any, fails: bool) -> None:
    made: list[State] = []

    def f(x: Any) -> Any:
        if not made:
            made.append(State(jax.tree.map(lambda leaf: leaf, value)))
        held = made[0].value
        held.append(x) if isinstance(held, list) else held.update(x=x)
        return 1 / 0 if fails else x

    if fails:
        with pytest.raises(ZeroDivisionError):
            grad(f)(1.0)
    else:
        StateFinder(f)(1.0)
    assert made[0].value == value


@pytest.mark.parametrize("within", [
    jit, lambda f: lambda x: vmap(f)(x[None]), lambda f: lambda x: for_loop(f, x[None])])
def test_a_finder_in_a_staged_function_leaves_what_it_made(within: Any) -> None:
    net = Net()

    def f(x: Any) -> Any:
        StateFinder(net)(x)
        return jnp.sum(net(x))

    if within is jit:
        assert within(f)(jnp.ones(2)) == 2.0 and net(jnp.ones(2)).tolist() == [1.0, 1.0]
    else:
        try:
            assert within(f)(jnp.ones(2)).tolist() == [2.0]
        except StateError as error:
            assert "created" in str(error)


def test_lanes_name_what_they_write_and_not_what_they_made() -> None:
    last, net = State(jnp.array(0.0), name="culprit"), Net()

    def f(x: Any) -> Any:
        last.value = x
        return net(x)

    with pytest.raises(ValueError, match="culprit"):
        vmap(f)(jnp.arange(3.0))


def test_a_finder_tells_of_an_error_that_its_evaluation_meets() -> None:
    net = Net()

    def fail(_: Any) -> Any:
        raise ValueError("planned")

    def f(x: Any) -> Any:
        return net(x) * jax.pure_callback(fail, jax.ShapeDtypeStruct((), jnp.float32), x)

    with pytest.raises(Exception, match="planned"):
        StateFinder(f)(jnp.array(1.0))


@pytest.mark.parametrize("inner", [jax.jit, jax.checkpoint, jax.grad, lambda f: jax.vmap(f)])
def test_a_finder_leaves_no_tracer_of_an_inner_transform(inner: Any) -> None:
    made: list[State] = []

    def g(y: Any) -> Any:
        if not made:
            made.append(State(y * 2.0))
        return jnp.sum(y * made[0].value)

    x = jnp.array(1.0) if inner is jax.grad else jnp.arange(3.0)
    with contextlib.suppress(StateError):
        StateFinder(lambda x: inner(g)(x))(x)
    with contextlib.suppress(StateError):
        assert g(x) == jnp.sum(x * x * 2.0)
    assert "Tracer" not in repr(vars(made[0])["_value"])
