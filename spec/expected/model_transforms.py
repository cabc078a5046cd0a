"""The model library with transforms: what a call of each leaves, and its derivative, on NumPy.

A transform of the model runs its function once as it stands, for the effects, and then again
from the same start at complex points around it, for the derivative: by Cauchy's formula the
derivative is a mean over a circle.  A circle can be drawn around a complex point too, so
transforms nest.  Nothing is traced and nothing is cached, so there is little to get wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ..language import trees
from ..language.axes import DISTINCT
from ..language.returns import build, row
from . import model

Array = NDArray[Any]
POINTS: Final = 16
RADIUS: Final = 2.0**-5
"""The circle: for a function of slope s the formula errs by about (s / 32)^16 / 16!, and by
rounding errors times 32; both stay far below what is compared, for slopes up to a hundred."""


class World:
    """All states of a run of the model, and its random stream.

    Parameters
    ----------
    number : callable
        From a seed and the shapes drawn since to the number that the implementation draws last.
    """

    def __init__(self, number: Callable[[int, tuple[Any, ...]], Array]) -> None:
        self.states: list[model.State] = []
        self.seed = 0
        self.shapes: tuple[Any, ...] = ()
        self.number = number
        self.known: dict[Any, Array] = {}
        self.kinds: dict[str, type[model.State]] = {}
        self.depth = 0
        WORLDS[id(self)] = self

    def save(self) -> tuple[Any, ...]:
        """Everything that a call can change."""
        return [(state, state.value) for state in self.states], self.seed, self.shapes

    def load(self, saved: tuple[Any, ...]) -> None:
        """Back to what was saved."""
        values, self.seed, self.shapes = saved
        for state, value in values:
            state.value = value

    @contextmanager
    def inside(self) -> Iterator[None]:
        """While a derivative is taken."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def restart(self, seed: int) -> None:
        """Seed the stream."""
        self.seed, self.shapes = seed, ()

    def normal(self, size: tuple[int, ...] = ()) -> Array:
        """The next draw."""
        self.shapes = (*self.shapes, size)
        key = self.seed, self.shapes
        if key not in self.known:
            self.known[key] = self.number(*key)
        return self.known[key]


WORLDS: Final[WeakValueDictionary[int, World]] = WeakValueDictionary()
"""All worlds, by a number that a pickle can hold."""


def remade(world: int, kind: str, value: Any, name: str | None, tag: Any) -> model.State:
    """A state that a copy of another one is; it is one more of its world."""
    return WORLDS[world].kinds[kind](value, name, tag)


def library(number: Callable[[int, tuple[Any, ...]], Array]) -> SimpleNamespace:
    """A fresh model library whose transforms differentiate."""
    world = World(number)

    class State(model.State):
        def __init__(self, value: Any, name: str | None = None, tag: Any = None) -> None:
            super().__init__(value, name, tag)
            world.states.append(self)

        def __reduce__(self) -> Any:
            return remade, (id(world), type(self).__name__, self.value, self.name, self.tag)

    class ParamState(State):
        pass

    world.kinds.update(State=State, ParamState=ParamState)

    members = {name: _member(world, name) for name in DISTINCT}
    return SimpleNamespace(
        State=State, ParamState=ParamState, nn=SimpleNamespace(Module=model.Module),
        random=SimpleNamespace(seed=world.restart, normal=world.normal),
        transform=SimpleNamespace(jit=lambda f: f, **members),
    )


def _member(world: World, member: str) -> Callable[..., Any]:
    """A transform of the family: the five steps of a call, and what a failure leaves."""
    def transform(
        fun: Callable[..., Any], grad_states: Any = None, argnums: int | None = None,
        has_aux: bool = False, return_value: bool = False,
    ) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            start, sides = world.save(), _Sides(grad_states, argnums, args)  # 1, the point

            def flat(vector: Array) -> Array:
                world.load(start)
                got = fun(*sides.place(vector))
                return np.asarray(got[0] if has_aux else got)

            try:
                result = fun(*args)  # 3, as it stands
                end = world.save()
                out, aux = result if has_aux else (result, None)
                with world.inside():
                    parts = sides.derivative(flat, member)  # 2, from the same start
                if not world.depth:  # inside of another transform, all that is used may be complex
                    parts = {side: trees.map_leaves(np.real, part) for side, part in parts.items()}
                found = row(states=grad_states is not None, args="arg" in parts, has_aux=has_aux,
                            return_value=return_value)
                shaped = build(found.result, {**parts, "loss": out, "aux": aux})  # 4
            except BaseException:
                world.load(start)
                raise
            world.load(end)  # 5
            return shaped

        return call

    return transform


class _Sides:
    """What is differentiated: the values of states and an argument, as one flat vector."""

    def __init__(self, grad_states: Any, argnums: int | None, args: tuple[Any, ...]) -> None:
        self.args = args
        self.trees = {} if grad_states is None else {"var": grad_states}
        self.argnum = 0 if argnums is None else argnums
        if grad_states is None or argnums is not None:
            self.trees["arg"] = self.argnum
        self.blocks: dict[Any, Any] = {}
        self.leaves: list[Array] = []
        self.size = 0
        for tree in self.trees.values():
            trees.map_leaves(self._add, tree)

    def _add(self, key: Any) -> None:
        if key not in self.blocks:
            value = self.args[key] if isinstance(key, int) else key.value
            self.blocks[key] = trees.map_leaves(self._block, value)

    def _block(self, leaf: Any) -> _Block:
        array = np.asarray(leaf)
        where = slice(self.size, self.size + array.size)
        self.size += array.size
        self.leaves.append(np.ravel(array))
        return _Block(where, array.shape)

    def place(self, vector: Array) -> list[Any]:
        """Set the states to a point; the arguments there."""
        args = list(self.args)
        for key, blocks in self.blocks.items():
            value = trees.map_leaves(lambda b: vector[b.where].reshape(b.shape), blocks)
            if isinstance(key, int):
                args[key] = value
            else:
                key.value = value
        return args

    def derivative(self, flat: Callable[[Array], Array], member: str) -> dict[str, Any]:
        """The sides of the derivative by name."""
        if member == "vector_grad":
            return self._split(contour(lambda v: np.sum(flat(v)), self.point()), self._leaf)
        if member != "hessian":
            return self._split(contour(flat, self.point()), self._leaf)
        second = contour(lambda v: contour(flat, v), self.point())

        def columns(block: _Block, array: Array) -> Any:
            rows = array[..., block.where, :]
            shaped = rows.reshape(rows.shape[:-2] + block.shape + rows.shape[-1:])
            inner = self._split(shaped, self._leaf)
            return inner[next(iter(inner))] if len(inner) == 1 else tuple(inner.values())

        return self._split(second, columns)

    def point(self) -> Array:
        """The flat vector at the start."""
        return np.concatenate(self.leaves) if self.leaves else np.zeros(0)

    def _split(self, array: Array, leaf: Callable[[Any, Array], Any]) -> dict[str, Any]:
        def of(key: Any) -> Any:
            return trees.map_leaves(lambda block: leaf(block, array), self.blocks[key])

        return {side: trees.map_leaves(of, tree) for side, tree in self.trees.items()}

    @staticmethod
    def _leaf(block: _Block, array: Array) -> Array:
        part = array[..., block.where]
        return part.reshape(part.shape[:-1] + block.shape)


class _Block:
    """A leaf's place in the flat vector, and its shape."""

    def __init__(self, where: slice, shape: tuple[int, ...]) -> None:
        self.where, self.shape = where, shape


def contour(f: Callable[[Array], Array], point: Array) -> Array:
    """The derivative of an analytic function, complex, with the input's index last."""
    circle = np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    columns = []
    for index in range(point.size):
        moved = np.repeat(point.astype(complex)[None], POINTS, axis=0)
        moved[:, index] += RADIUS * circle
        values = np.stack([f(vector) for vector in moved], axis=-1)
        columns.append(np.mean(values / circle, axis=-1) / RADIUS)
    return np.stack(columns, axis=-1) if columns else np.zeros((*np.shape(f(point)), 0))
