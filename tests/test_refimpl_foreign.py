"""What JAX has beside its transforms, over functions that read or write states."""

from collections.abc import Callable
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import pytest
from jax.experimental import checkify

from refimpl import State, StateError
from refimpl.transform import cond, for_loop, grad, jit, switch, while_loop

X = jnp.array(2.0)


def in_custom_vmap(f: Any) -> Any:
    mapped = jax.custom_batching.custom_vmap(lambda x: f(x))
    mapped.def_vmap(lambda size, batched, x: (jax.vmap(f)(x), True))
    return jax.vmap(mapped)(X[None])[0]


FOREIGN: dict[str, Callable[[Any], Any]] = {
    "checkify": lambda f: checkify.checkify(f)(X)[1],
    "export": lambda f: jax.export.export(jax.jit(lambda x: f(x)))(X).call(X),
    "linearize": lambda f: jax.linearize(f, X)[0],
    "custom_vmap": in_custom_vmap,
}


@pytest.mark.parametrize("way", FOREIGN)
@pytest.mark.parametrize("inner", [lambda f: f, grad, jit], ids=["plain", "grad", "jit"])
def test_reads_are_right_and_writes_refused_by_name(way: str, inner: Any) -> None:
    w, n = State(jnp.array(3.0)), State(jnp.array(0.0), name="count")

    def f(x: Any) -> Any:
        return w.value * x

    def counted(x: Any) -> Any:
        n.value = n.value + 1.0
        return f(x)

    expected = 3.0 if inner is grad else 6.0
    for value in (1.0, 2.0):
        w.value = jnp.array(3.0 * value)
        assert float(FOREIGN[way](inner(f))) == expected * value
    with pytest.raises(StateError, match="'count'"):
        FOREIGN[way](inner(counted))
    assert float(n.value) == 0.0


def test_a_key_that_a_body_splits_or_overwrites() -> None:
    key, last = State(jax.random.key(0)), State(jax.random.key(1))

    def step(x: Any) -> Any:
        key.value, drawn = jax.random.split(key.value)
        last.value = jax.random.fold_in(jax.random.key(7), 1)
        return jax.random.normal(drawn) + 0.0 * x

    ways: list[Callable[[], Any]] = [
        lambda: for_loop(step, X[None])[0],
        lambda: cond(jnp.array(True), step, lambda x: x, X),
        lambda: switch(jnp.array(1), [lambda x: x, step], X),
        lambda: while_loop(lambda x: x == 9.0, step, jnp.array(9.0)),
        lambda: jit(step)(X),
    ]
    for way in ways:
        expected, drawn = jax.random.split(key.value)
        assert float(way()) == pytest.approx(float(jax.random.normal(drawn)))
        assert jnp.array_equal(jax.random.key_data(key.value), jax.random.key_data(expected))
        assert last.value.dtype == key.value.dtype
