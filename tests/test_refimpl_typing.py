"""What type checkers see of refimpl: this file is checked by ``mypy --strict``, and it also runs.

`assert_type` says what is known of a result. A comment ``type: ignore[...]`` stands where a call
must be rejected: mypy warns of one that it does not need. What is rejected also fails when it
runs, so that checkers promise no more than there is.
"""

from typing import Any, assert_type

import jax
import jax.numpy as jnp
import pytest

import refimpl
from refimpl import ParamState, State
from refimpl.graph import NestedDict
from refimpl.random import RandomState
from refimpl.transform import (
    GradientTransform,
    StateFinder,
    checkpoint,
    cond,
    for_loop,
    fwd_grad,
    grad,
    hessian,
    jacfwd,
    jit,
    jvp,
    scan,
    switch,
    vector_grad,
    vjp,
    while_loop,
)


def loss(x: float, steps: int = 1) -> jax.Array:
    return jnp.sin(x) * steps


def test_values_of_states() -> None:
    count, weight = State(3), ParamState(jnp.ones(2), name="w")
    assert_type(count.value, int)
    assert_type(weight.value, jax.Array)
    assert_type(weight, ParamState[jax.Array])
    count.value += 1
    count.value = "four"  # type: ignore[assignment]
    open_to_all: State = State(0.5)
    open_to_all.value = {"k": 3}
    assert_type(RandomState(0).value, jax.Array)


def test_misspelt_attributes() -> None:
    state = State(1.0)
    with pytest.raises(AttributeError):
        state.valeu = 2.0  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        State(1.0, "name", "tag")  # type: ignore[call-arg]


def test_members_called_with_a_function() -> None:
    slope = grad(loss)
    result: object = slope(1.0, steps=2)
    assert result == pytest.approx(2 * jnp.cos(1.0))
    with pytest.raises(TypeError):
        slope()  # type: ignore[call-arg]
    with pytest.raises((TypeError, ValueError)):
        slope("one")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        slope(1.0, stops=3)  # type: ignore[call-arg]


def test_members_as_decorators() -> None:
    weight = ParamState(jnp.array(2.0))

    @vector_grad(grad_states={"w": weight}, argnums=0)
    def scaled(x: float) -> jax.Array:
        return weight.value * x

    @hessian
    def cube(x: float) -> float:
        return x**3

    assert scaled(3.0) == ({"w": 3.0}, 2.0) and cube(2.0) == 12.0
    with pytest.raises(TypeError):
        scaled(3.0, 4.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        cube(y=3.0)  # type: ignore[call-arg]


def test_options_of_members() -> None:
    with pytest.raises(TypeError):
        grad(loss, has_axu=True)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        jacfwd(loss, allow_int=True)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        grad(loss, argnums="0")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        grad(loss, grad_states=3.0)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        fwd_grad(loss, tangent_size="3")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        grad("loss")  # type: ignore[call-overload]
    assert callable(fwd_grad(loss, tangent_size=3, key=0, has_aux=False))


def test_products() -> None:
    value, pull = vjp(loss, 1.0)
    assert pull(1.0) == jnp.cos(1.0)
    assert jvp(lambda x, fun: x * fun, (2.0,), (1.0,), fun=3.0) == (6.0, 3.0)
    assert_type(jvp(loss, (1.0,), (1.0,)), tuple[Any, ...])
    with pytest.raises(TypeError):
        vjp(loss, 1.0, grad_states=3.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        jvp(loss, 1.0, 1.0)  # type: ignore[arg-type]


def test_jit() -> None:
    compiled = jit(loss)
    assert_type(compiled(1.0, steps=2), jax.Array)
    with pytest.raises(TypeError):
        compiled()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        compiled(1.0, stops=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        jit("loss")  # type: ignore[call-overload]

    @jit(static_argnames="n")
    def power(x: float, n: int = 2) -> float:
        return x**n

    assert_type(power(3.0, n=3), float)
    assert power(3.0, n=3) == 27.0
    with pytest.raises(TypeError):
        power(3.0, m=3)  # type: ignore[call-arg]


def test_finders() -> None:
    finder = StateFinder(loss, usage="read")
    assert finder(1.0) == {}
    with pytest.raises(TypeError):
        finder(1.0, stops=3)  # type: ignore[call-arg]


def test_transforms_of_ones_own() -> None:
    made = GradientTransform(loss, jax.grad)
    assert made(1.0) == jnp.cos(1.0)
    with pytest.raises(TypeError):
        made(steps=3)  # type: ignore[call-arg]

    @GradientTransform(transform=jax.grad, argnums=0)
    def decorated(x: float) -> float:
        return x * x

    assert decorated(3.0) == 6.0


class Layer(refimpl.nn.Module):
    """A module with one state of each kind, and a method that is differentiated."""

    def __init__(self) -> None:
        self.w = ParamState(jnp.array(2.0))
        self.n = State(0)

    @grad
    def slope(self, x: float) -> float:
        return x * x

    @jit(static_argnums=0)
    def scaled(self, x: float) -> jax.Array:
        return self.w.value * x


def test_methods() -> None:
    layer = Layer()
    assert_type(layer.scaled(2.0), jax.Array)
    with pytest.raises(TypeError):
        layer.slope()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        layer.scaled(1.0, 2.0)  # type: ignore[call-arg]


def test_selections() -> None:
    layer = Layer()
    found = layer.states(ParamState)
    assert found == {("w",): layer.w}
    assert_type(found, dict[tuple[Any, ...], ParamState[Any]])
    every = refimpl.graph.states(layer)
    assert_type(every, dict[tuple[Any, ...], State[Any]])
    assert_type(refimpl.graph.treefy_states(layer, "tag"), NestedDict)
    one, two = refimpl.graph.states(layer, ParamState, ...)
    assert_type(one, dict[tuple[Any, ...], State[Any]])
    assert len(two) == 1
    with pytest.raises(TypeError):
        refimpl.graph.states(layer, 3)  # type: ignore[call-overload]


def test_many_values_at_once() -> None:
    layer = Layer()
    refimpl.update(layer.states(ParamState), refimpl.values({("w",): layer.w}))
    with pytest.raises(TypeError):
        refimpl.values(3)  # type: ignore[arg-type]
    assert_type(layer.state_dict(), dict[str, Any])


def test_random_numbers() -> None:
    assert_type(refimpl.random.normal(0.0, [1.0, 2.0], size=(3, 2)), jax.Array)
    with pytest.raises(TypeError):
        refimpl.random.uniform(0.0, 1.0, 3, seed=3)  # type: ignore[call-arg]


def double(x: jax.Array) -> jax.Array:
    return 2.0 * x


def add(total: jax.Array, x: jax.Array) -> tuple[jax.Array, int]:
    return total + x, 1


def test_control_flow() -> None:
    one, three = jnp.array(1.0), jnp.ones(3)
    assert_type(for_loop(double, three), jax.Array)
    assert_type(scan(add, one, three), tuple[jax.Array, int])
    assert_type(while_loop(lambda x: x < 5.0, double, one), jax.Array)
    assert_type(cond(True, double, double, one), jax.Array)
    assert_type(switch(0, [double, double], one), jax.Array)
    assert_type(checkpoint(double)(one), jax.Array)
    assert_type(checkpoint(prevent_cse=False)(double)(one), jax.Array)
    with pytest.raises(TypeError):
        checkpoint(double)()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        checkpoint(double, static=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        for_loop(double, three, lenght=3)  # type: ignore[call-arg]
