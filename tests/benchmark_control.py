"""What the lines of the benchmark about control flow time: loops, lanes and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp

Array = Any
Work = Callable[[], Any]

STEPS: Final = 1000
SEQUENCE: Final = jnp.sin(jnp.arange(50 * 8 * 16.0)).reshape(50, 8, 16)
"""Steps, batch, features."""
BATCH: Final = SEQUENCE[0]
DEPTH: Final = 8
MEMBERS: Final = 16


def matrix(*shape: int) -> Array:
    """Weights that keep values in bounds."""
    return jnp.sin(jnp.arange(float(jnp.prod(jnp.array(shape))))).reshape(shape) / shape[-1]


def again(make: Callable[..., Work]) -> Callable[..., Work]:
    """Work whose every call is a first one: all functions are made, traced and compiled anew."""
    return lambda *given: lambda: make(*given)()


def pure_loop() -> Work:
    """A compiled loop with a hidden value and a counter, by hand."""

    def step(carry: Any, x: Array) -> Any:
        h, n = carry
        h = jnp.tanh(0.5 * h + x)
        return (h, n + 1), h

    loop = jax.jit(partial(jax.lax.scan, step))
    held = [(jnp.zeros(16), jnp.zeros((), int))]
    xs = matrix(STEPS, 16)

    def work() -> Any:
        held[0], found = loop(held[0], xs)
        return found

    return work


def stateful_loop(lib: Any) -> Work:
    """The same with two states."""
    h, n = lib.State(jnp.zeros(16)), lib.State(jnp.zeros((), int))

    def step(x: Array) -> Array:
        n.value = n.value + 1
        h.value = jnp.tanh(0.5 * h.value + x)
        return h.value

    return partial(lib.transform.jit(lambda xs: lib.transform.for_loop(step, xs)),
                   matrix(STEPS, 16))


def pure_recurrent() -> Work:
    """The gradient of a recurrent network through time, compiled, by hand."""
    weights = {"in": matrix(16, 32), "rec": matrix(32, 32), "out": matrix(32, 1)}

    def loss(weights: Any, xs: Array) -> Any:
        def step(h: Array, x: Array) -> Any:
            h = jnp.tanh(x @ weights["in"] + h @ weights["rec"])
            return h, h @ weights["out"]

        h, ys = jax.lax.scan(step, jnp.zeros((8, 32)), xs)
        return jnp.mean(ys**2), h

    return partial(jax.jit(jax.grad(loss, has_aux=True)), weights, SEQUENCE)


def stateful_recurrent(lib: Any) -> Work:
    """The same with weights and hidden values in states."""
    weights = {"in": lib.ParamState(matrix(16, 32)), "rec": lib.ParamState(matrix(32, 32)),
               "out": lib.ParamState(matrix(32, 1))}
    h = lib.State(jnp.zeros((8, 32)))

    def step(x: Array) -> Array:
        h.value = jnp.tanh(x @ weights["in"].value + h.value @ weights["rec"].value)
        return h.value @ weights["out"].value

    def loss(xs: Array) -> Array:
        h.value = jnp.zeros((8, 32))
        return jnp.mean(lib.transform.for_loop(step, xs) ** 2)

    gradient = lib.transform.jit(lib.transform.grad(loss, grad_states=weights))

    def work() -> Any:
        return gradient(SEQUENCE), h.value

    return work


def pure_ensemble() -> Work:
    """The gradients of many small networks side by side, compiled, by hand."""
    weights = {"a": matrix(MEMBERS, 16, 256), "b": matrix(MEMBERS, 256, 1)}

    def loss(weights: Any) -> Array:
        return jnp.mean((jnp.tanh(BATCH @ weights["a"]) @ weights["b"]) ** 2)

    return partial(jax.jit(jax.vmap(jax.grad(loss))), weights)


def stateful_ensemble(lib: Any) -> Work:
    """The same with an axis for the members in every state."""
    weights = {"a": lib.ParamState(matrix(MEMBERS, 16, 256)),
               "b": lib.ParamState(matrix(MEMBERS, 256, 1))}

    def loss() -> Array:
        hidden = jnp.tanh(BATCH @ weights["a"].value)
        return jnp.mean((hidden @ weights["b"].value) ** 2)

    gradient = lib.transform.grad(loss, grad_states=weights)
    mapped = lib.transform.vmap(lambda _: gradient(), in_states=list(weights.values()))
    work: Work = partial(lib.transform.jit(mapped), jnp.zeros(MEMBERS))
    return work


def pure_stack() -> Work:
    """The gradient of checkpointed layers that count their calls, compiled, by hand."""
    weights = [matrix(16, 16) + i for i in range(DEPTH)]

    @jax.checkpoint
    def layer(weight: Array, n: Array, x: Array) -> Any:
        return jnp.tanh(x @ weight), n + 1

    def loss(weights: list[Array], n: Array, x: Array) -> Any:
        for weight in weights:
            x, n = layer(weight, n, x)
        return jnp.mean(x**2), n

    gradient, held = jax.jit(jax.grad(loss, has_aux=True)), [jnp.zeros((), int)]

    def work() -> Any:
        found, held[0] = gradient(weights, held[0], BATCH)
        return found

    return work


def stateful_stack(lib: Any) -> Work:
    """The same with a state for every weight and one for the counter."""
    weights = [lib.ParamState(matrix(16, 16) + i) for i in range(DEPTH)]
    n = lib.State(jnp.zeros((), int))

    def layer(weight: Any, x: Array) -> Array:
        n.value = n.value + 1
        return jnp.tanh(x @ weight.value)

    blocks = [lib.transform.checkpoint(partial(layer, weight)) for weight in weights]

    def loss(x: Array) -> Array:
        for block in blocks:
            x = block(x)
        return jnp.mean(x**2)

    return partial(lib.transform.jit(lib.transform.grad(loss, grad_states=weights)), BATCH)


WORK: Final = {
    f"loop of {STEPS} steps": (pure_loop, stateful_loop),
    "recurrent network through time": (pure_recurrent, stateful_recurrent),
    f"ensemble of {MEMBERS} in lanes": (pure_ensemble, stateful_ensemble),
    f"stack of {DEPTH} checkpoints": (pure_stack, stateful_stack),
}
"""By name, the two forms of each."""
