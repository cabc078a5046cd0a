"""The lines of the benchmark in the words of `flax.nnx`, whose states are parts of an argument."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from tests.benchmark_states import RATE, X, initial, loss_of

Array = Any
Work = Callable[[], Any]


def model_of(weights: list[Array], nnx: Any) -> Any:
    """A module that holds weights and a counter."""

    class Model(nnx.Module):
        def __init__(self) -> None:
            self.weights = nnx.List([nnx.Param(weight) for weight in weights])
            self.counter = nnx.Variable(jnp.array(0))

    return Model()


def values(model: Any) -> list[Array]:
    """The weights of a module."""
    return [weight[...] for weight in model.weights]


class Result:
    """What a module holds after a call, read only when it is asked for."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @property
    def value(self) -> list[Array]:
        """The weights."""
        return values(self.model)


def gradient(count: int, compiled: bool, nnx: Any) -> Work:
    """The gradient of all weights beside a counter."""

    def loss(model: Any, x: Array) -> Array:
        model.counter[...] = model.counter[...] + 1
        return loss_of(values(model), x)

    found = nnx.grad(loss)
    return partial(nnx.jit(found) if compiled else found, model_of(initial(count), nnx), X)


def inner(count: int, nnx: Any) -> Work:
    """The gradient of a compiled loss."""
    loss = nnx.jit(lambda model, x: loss_of(values(model), x))
    return partial(nnx.grad(loss), model_of(initial(count), nnx), X)


def make_update(nnx: Any, loss: Callable[..., Array] = loss_of) -> Any:
    """A compiled step of gradient descent."""

    def update(model: Any, x: Array) -> None:
        found = nnx.grad(lambda model, x: loss(values(model), x))(model, x)
        for weight, slope in zip(model.weights, jax.tree.leaves(found), strict=True):
            weight[...] = weight[...] - RATE * slope

    return nnx.jit(update)


def step(
    weights: Callable[[], list[Array]],
    loss: Callable[..., Array],
    given: Callable[[], Array],
    nnx: Any,
) -> Work:
    """Steps of gradient descent; the module holds the result."""
    model, update, x = model_of(weights(), nnx), make_update(nnx, loss), given()

    def work() -> Any:
        update(model, x)
        return Result(model)

    return work


def first(count: int, nnx: Any) -> Work:
    """The first call of a step of gradient descent, made anew."""
    weights = initial(count)
    model = model_of(weights, nnx)

    def work() -> Any:
        for held, weight in zip(model.weights, weights, strict=True):
            held[...] = weight
        make_update(nnx)(model, X)
        return Result(model)

    return work
