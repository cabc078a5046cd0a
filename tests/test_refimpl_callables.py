"""What can be handed to a transform: whatever a call of runs, and nothing else."""

import dataclasses
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from refimpl import State
from refimpl.transform import (
    GradientTransform,
    StateFinder,
    checkpoint,
    cond,
    for_loop,
    grad,
    jit,
    jvp,
    scan,
    switch,
    vjp,
    vmap,
    while_loop,
)
from tests.members import MEMBERS, Call

W, COUNT = State(jnp.array(3.0)), State(jnp.array(0))


def square(x: Any) -> Any:
    """The function that all of the callables below are."""
    COUNT.value = COUNT.value + 1
    return W.value * x * x


class Slotted:
    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state

    def __call__(self, x: Any) -> Any:
        COUNT.value = COUNT.value + 1
        return self.state.value * x * x


@dataclasses.dataclass
class Data:
    state: State

    def __call__(self, x: Any) -> Any:
        return square(x)

    def method(self, x: Any) -> Any:
        return square(x)

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return square(x)

    @staticmethod
    def static(x: Any) -> Any:
        return square(x)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    state: State

    def __call__(self, x: Any) -> Any:
        return square(x)

    def method(self, x: Any) -> Any:
        return square(x)


def scaled(scale: Any, x: Any, *, twice: bool) -> Any:
    return square(x) * scale if twice else x


@functools.wraps(square)
def wrapped(*args: Any) -> Any:
    return square(*args)


CALLABLES: dict[str, Callable[[Any], Any]] = {
    "slots": Slotted(W),
    "dataclass": Data(W),
    "frozen": Frozen(W),
    "method": Data(W).method,
    "method of slots": Frozen(W).method,
    "classmethod": Data.of_class,
    "staticmethod": Data.static,
    "partial": functools.partial(scaled, 1.0, twice=True),
    "partial of a partial": functools.partial(functools.partial(scaled, 1.0), twice=True),
    "wrapped": wrapped,
}


X = jnp.array(2.0)
TWICE = {"hessian", "grad of grad"}
RESULTS: dict[str, tuple[Call, float]] = {
    **{
        name: (call, 6.0 if name in TWICE else 12.0)
        for name, call in MEMBERS.items()
        if name != "fwd_grad"  # its result hangs on a direction
    },
    "jvp": (lambda f, x: MEMBERS["jvp"](f, x)[1], 12.0),
    "grad of a state": (lambda f, x: grad(f, W)(x), 4.0),
    "own": (lambda f, x: GradientTransform(f, jax.grad)(x), 12.0),
    "vmap": (lambda f, x: vmap(f)(x[None])[0], 12.0),
    "checkpoint": (lambda f, x: grad(checkpoint(f))(x), 12.0),
    "for_loop": (lambda f, x: for_loop(f, x[None])[0], 12.0),
    "scan": (lambda f, x: scan(lambda c, y: (f(c), y), x, None, length=1)[0], 12.0),
    "cond": (lambda f, x: cond(jnp.array(True), f, f, x), 12.0),
    "switch": (lambda f, x: switch(jnp.array(1), [f, f], x), 12.0),
    "while_loop": (lambda f, x: while_loop(lambda y: y < 12.0, f, x), 12.0),
}


@pytest.mark.parametrize("name", CALLABLES)
@pytest.mark.parametrize("way", RESULTS)
def test_every_callable_works(way: str, name: str) -> None:
    call, expected = RESULTS[way]
    before = int(COUNT.value)
    assert float(call(CALLABLES[name], X)) == expected
    assert int(COUNT.value) == before + 1
    assert set(StateFinder(CALLABLES[name], return_type="list")(X)) == {COUNT, W}


def test_a_decorator_under_those_of_methods() -> None:
    class Made:
        __slots__ = ("w",)

        def __init__(self) -> None:
            self.w = W

        @classmethod
        @grad
        def of_class(cls, x: Any) -> Any:
            return x

        @staticmethod
        @grad
        def static(x: Any) -> Any:
            return square(x)

    layer: Any = Made
    assert float(layer.static(X)) == float(layer().static(X)) == 12.0
    with pytest.raises(TypeError, match="argument 0"):  # it is the class
        layer.of_class(X)


async def coroutine(*_: Any) -> Any:
    return X


def generator(*_: Any) -> Iterator[Any]:
    yield X


async def generates_later(*_: Any) -> AsyncIterator[Any]:
    yield X


class Waits:
    async def __call__(self, *_: Any) -> Any:
        return X


LATE: list[Any] = [
    coroutine, generator, generates_later, Waits(), functools.partial(coroutine, 1.0)
]  # fmt: skip
TAKES: dict[str, Callable[[Any], Any]] = {
    "target": lambda f: grad(f),
    "transform": lambda f: GradientTransform(square, f),
    "target ": lambda f: vjp(f, X),
    "target  ": lambda f: jvp(f, (X,), (X,)),
    "fun": lambda f: jit(f),
    "fun ": lambda f: checkpoint(f),
    "fn": lambda f: vmap(f),
    "fn ": lambda f: StateFinder(f),
    "f": lambda f: for_loop(f, X[None]),
    "f ": lambda f: scan(f, X, X[None]),
    "true_fun": lambda f: cond(True, f, square, X),
    "false_fun": lambda f: cond(True, square, f, X),
    "branches[1]": lambda f: switch(0, [square, f], X),
    "cond_fun": lambda f: while_loop(f, square, X),
    "body_fun": lambda f: while_loop(lambda x: x < 1.0, f, X),
}


@pytest.mark.parametrize("given", [*LATE, 3], ids=lambda given: str(given).split(" at ")[0])
@pytest.mark.parametrize("argument", TAKES)
def test_what_a_call_does_not_run_is_refused(argument: str, given: Any) -> None:
    before = int(COUNT.value)
    with pytest.raises(TypeError) as caught:
        TAKES[argument](given)
    assert str(caught.value).startswith(f"{argument.strip()} must be callable")
    assert repr(given) in str(caught.value) and int(COUNT.value) == before


def test_what_runs_an_async_function_is_no_such_function() -> None:
    @functools.wraps(coroutine)
    def runs(x: Any) -> Any:
        return square(x)

    assert float(grad(runs)(X)) == float(jit(runs)(X)) == 12.0


def test_a_callable_that_answers_every_question() -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            if name == "__wrapped__":
                return self
            raise AttributeError(name)

        def __call__(self, x: Any) -> Any:
            return x * x

    assert grad(Anything())(3.0) == 6.0
