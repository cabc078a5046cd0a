"""The lines about loops, lanes and checkpoints in the words of `flax.nnx`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import jax.numpy as jnp

from tests.benchmark_control import BATCH, DEPTH, MEMBERS, SEQUENCE, STEPS, WORK, matrix

Array = Any
Work = Callable[[], Any]


def module(nnx: Any, **parts: Any) -> Any:
    """A module with some attributes."""

    class Model(nnx.Module):
        def __init__(self) -> None:
            for name, part in parts.items():
                setattr(self, name, part)

    return Model()


def over(nnx: Any, step: Callable[..., Any]) -> Any:
    """A loop that carries a module."""
    carried = nnx.Carry, 0
    return nnx.scan(step, in_axes=carried, out_axes=carried)


def loop(nnx: Any) -> Work:
    """A compiled loop with a hidden value and a counter."""
    model = module(nnx, h=nnx.Variable(jnp.zeros(16)), n=nnx.Variable(jnp.zeros((), int)))

    def step(model: Any, x: Array) -> Any:
        model.n[...] = model.n[...] + 1
        model.h[...] = jnp.tanh(0.5 * model.h[...] + x)
        return model, model.h[...]

    return partial(nnx.jit(lambda model, xs: over(nnx, step)(model, xs)[1]), model,
                   matrix(STEPS, 16))


def recurrent(nnx: Any) -> Work:
    """The gradient of a recurrent network through time."""
    model = module(nnx, enter=nnx.Param(matrix(16, 32)), rec=nnx.Param(matrix(32, 32)),
                   out=nnx.Param(matrix(32, 1)), h=nnx.Variable(jnp.zeros((8, 32))))

    def step(model: Any, x: Array) -> Any:
        model.h[...] = jnp.tanh(x @ model.enter[...] + model.h[...] @ model.rec[...])
        return model, model.h[...] @ model.out[...]

    def loss(model: Any, xs: Array) -> Array:
        model.h[...] = jnp.zeros((8, 32))
        return jnp.mean(over(nnx, step)(model, xs)[1] ** 2)

    gradient = nnx.jit(nnx.grad(loss))

    def work() -> Any:
        found = gradient(model, SEQUENCE)
        return {"in": found.enter[...], "rec": found.rec[...], "out": found.out[...]}, model.h[...]

    return work


def ensemble(nnx: Any) -> Work:
    """The gradients of many small networks side by side."""
    model = module(nnx, a=nnx.Param(matrix(MEMBERS, 16, 256)),
                   b=nnx.Param(matrix(MEMBERS, 256, 1)))

    def loss(model: Any) -> Array:
        return jnp.mean((jnp.tanh(BATCH @ model.a[...]) @ model.b[...]) ** 2)

    return partial(nnx.jit(nnx.vmap(nnx.grad(loss))), model)


def stack(nnx: Any) -> Work:
    """The gradient of checkpointed layers that count their calls."""
    model = module(nnx, weights=nnx.List([nnx.Param(matrix(16, 16) + i) for i in range(DEPTH)]),
                   n=nnx.Variable(jnp.zeros((), int)))

    @nnx.remat
    def layer(weight: Any, n: Any, x: Array) -> Array:
        n[...] = n[...] + 1
        return jnp.tanh(x @ weight[...])

    def loss(model: Any, x: Array) -> Array:
        for weight in model.weights:
            x = layer(weight, model.n, x)
        return jnp.mean(x**2)

    return partial(nnx.jit(nnx.grad(loss)), model, BATCH)


FORMS: Final = dict(zip(WORK, (loop, recurrent, ensemble, stack), strict=True))
"""By name, as the other forms."""
