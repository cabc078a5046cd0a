"""What the lines of the benchmark about states time: gradients, steps, first calls, finders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import jax
import jax.numpy as jnp

Array = Any
Work = Callable[[], Any]

RATE: Final = 0.01
X: Final = jnp.linspace(-1.0, 1.0, 16)
SIZES: Final = (784, 512, 512, 10)
"""Widths of the layers of a network."""
BATCH: Final = 128


def loss_of(weights: Sequence[Array], x: Array) -> Array:
    """A loss in which every weight takes part."""
    return sum(jnp.sum(jnp.tanh(weight * x)) for weight in weights)


def descend(weights: Sequence[Array], found: Sequence[Array]) -> list[Array]:
    """Weights a step down the gradient."""
    return [w - RATE * g for w, g in zip(weights, found, strict=True)]


def initial(count: int) -> list[Array]:
    """As many weights."""
    return [jnp.full((16,), 1.0 + 0.01 * i) for i in range(count)]


def pure_gradient(count: int, around: Callable[[Any], Any]) -> Work:
    """The gradient of all weights beside a counter, by hand; ``around`` may compile it."""
    gradient = around(jax.grad(lambda w, n, x: (loss_of(w, x), n + 1), has_aux=True))
    weights, counter = initial(count), [jnp.array(0)]

    def work() -> Any:
        found, counter[0] = gradient(weights, counter[0], X)
        return found

    return work


def stateful_gradient(count: int, compiled: bool, lib: Any) -> Work:
    """The same with a state for every weight and one for the counter."""
    weights, counter = [lib.State(w) for w in initial(count)], lib.State(jnp.array(0))

    def loss(x: Array) -> Array:
        counter.value = counter.value + 1
        return loss_of([w.value for w in weights], x)

    gradient = lib.transform.grad(loss, grad_states=weights)
    return partial(lib.transform.jit(gradient) if compiled else gradient, X)


def pure_inner(count: int) -> Work:
    """The gradient of a compiled loss, which is not compiled itself, by hand."""
    return partial(jax.grad(jax.jit(loss_of)), initial(count), X)


def stateful_inner(count: int, lib: Any) -> Work:
    """The same with a state for every weight."""
    weights = [lib.State(w) for w in initial(count)]
    loss = lib.transform.jit(lambda x: loss_of([w.value for w in weights], x))
    return partial(lib.transform.grad(loss, grad_states=weights), X)


def pure_update(loss: Callable[..., Array] = loss_of) -> Any:
    """A compiled step of gradient descent, by hand."""
    return jax.jit(lambda weights, x: descend(weights, jax.grad(loss)(weights, x)))


def stateful_update(weights: list[Any], lib: Any, loss: Callable[..., Array] = loss_of) -> Any:
    """The same with a state for every weight."""
    gradient = lib.transform.grad(lambda x: loss([w.value for w in weights], x),
                                  grad_states=weights)

    def update(x: Array) -> None:
        for weight, found in zip(weights, gradient(x), strict=True):
            weight.value = weight.value - RATE * found

    return lib.transform.jit(update)


def pure_step(
    weights: Callable[[], list[Array]], loss: Callable[..., Array], given: Callable[[], Array]
) -> Work:
    """Steps of gradient descent, by hand."""
    step, held, x = pure_update(loss), [weights()], given()

    def work() -> Any:
        held[0] = step(held[0], x)
        return held[0]

    return work


def stateful_step(
    weights: Callable[[], list[Array]],
    loss: Callable[..., Array],
    given: Callable[[], Array],
    lib: Any,
) -> Work:
    """The same with a state for every weight; they hold the result."""
    states, x = [lib.State(w) for w in weights()], given()
    step = stateful_update(states, lib, loss)

    def work() -> Any:
        step(x)
        return states

    return work


def pure_first(count: int) -> Work:
    """The first call of a step of gradient descent, made anew, by hand."""
    weights = initial(count)
    return lambda: pure_update()(weights, X)


def stateful_first(count: int, lib: Any) -> Work:
    """The same with a state for every weight."""
    weights = initial(count)
    states = [lib.State(w) for w in weights]

    def work() -> Any:
        for state, weight in zip(states, weights, strict=True):
            state.value = weight
        stateful_update(states, lib)(X)
        return states

    return work


def cube(weight: Array, x: Array) -> Array:
    """A vector of the size of its weight."""
    return jnp.sin(weight) ** 3 * x


def pure_matrix(member: str) -> Work:
    """A compiled Jacobian or Hessian, by hand."""
    function = (lambda w: jnp.sum(cube(w, X))) if member == "hessian" else partial(cube, x=X)
    return partial(jax.jit(getattr(jax, member)(function)), initial(1)[0])


def stateful_matrix(member: str, lib: Any) -> Work:
    """The same with respect to a state."""
    weight = lib.State(initial(1)[0])

    def function() -> Array:
        out = cube(weight.value, X)
        return jnp.sum(out) if member == "hessian" else out

    work: Work = lib.transform.jit(getattr(lib.transform, member)(function, grad_states=weight))
    return work


def pure_finding(count: int) -> Work:
    """Running a function on shapes, which is the least that finding its states takes, by hand."""
    weights = initial(count)

    def work() -> Any:
        jax.eval_shape(lambda w, x: loss_of(w, x), weights, X)
        return weights

    return work


def stateful_finding(count: int, lib: Any) -> Work:
    """Finding the states of a function."""
    weights = [lib.State(w) for w in initial(count)]

    def work() -> Any:
        finder = lib.transform.StateFinder(lambda x: loss_of([w.value for w in weights], x))
        return list(finder(X).values())

    return work


def layers() -> list[Array]:
    """The weights of a network, from wave to wave."""
    shapes = zip(SIZES, SIZES[1:], strict=False)
    return [jnp.sin(jnp.arange(1.0 * a * b)).reshape(a, b) / a**0.5 for a, b in shapes]


def network_loss(weights: Sequence[Array], x: Array) -> Array:
    """The mean of the squared outputs of a network."""
    for weight in weights[:-1]:
        x = jax.nn.relu(x @ weight)
    return jnp.mean((x @ weights[-1]) ** 2)


def examples() -> Array:
    """A batch of inputs for the network."""
    return jnp.cos(jnp.arange(1.0 * BATCH * SIZES[0])).reshape(BATCH, SIZES[0])
