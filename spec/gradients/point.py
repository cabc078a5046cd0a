"""The point of differentiation: states and arguments as one flat vector, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..expected.layout import Array, Segment, placed_after
from ..language import trees
from ..language.trees import Tree


@dataclass(frozen=True)
class Leaf:
    """An array: its source, a word on its owner, and its place in a flat vector."""

    place: str
    owner: str
    block: Segment

    @property
    def numbers(self) -> range:
        """The indices of its entries in the flat vector."""
        return range(self.block.where.start, self.block.where.stop)

    def entry(self, number: int) -> str:
        """The source of the entry at an index of the flat vector."""
        index = np.unravel_index(number - self.numbers.start, self.block.shape)
        return self.place + (f"[{', '.join(map(str, index))}]" if index else "")


class Point:
    """Where a function over states is differentiated.

    Parameters
    ----------
    grad_states : container of State
        The states.
    args : sequence
        All arguments.
    positions : sequence of int
        Those that are differentiated.

    Attributes
    ----------
    states : list of State
        Each once, in the order of the container.
    places : list of str
        Where their values are, as source.
    leaves : list of Leaf
        What is differentiated, array by array.
    vector : array
        The values of all leaves.
    """

    def __init__(self, grad_states: Tree, args: Sequence[Tree], positions: Sequence[int]) -> None:
        self.args, self.positions = tuple(args), tuple(positions)
        self.states: list[Any] = []
        self.places: list[str] = []
        self.leaves: list[Leaf] = []
        self.blocks: dict[str, list[Tree]] = {"var": [], "arg": []}
        self._values: list[Any] = []
        self._size = 0
        for path, state in trees.leaves(grad_states):
            if not any(state is other for other in self.states):
                self.states.append(state)
                self.places.append(f"grad_states{source(path)}.value")
                name = getattr(state, "name", None)
                self._add("var", self.places[-1], state.value,
                          f" (state {name!r})" if isinstance(name, str) else "")
        for position in self.positions:
            self._add("arg", f"args[{position}]", self.args[position], "")
        flat = [np.ravel(np.asarray(leaf)).astype(np.float64) for leaf in self._values]
        self.vector: Array = np.concatenate(flat) if flat else np.zeros(0)

    def _add(self, side: str, place: str, value: Tree, owner: str) -> None:
        """Append the leaves of a value."""
        for path, leaf in trees.leaves(value):
            kind = np.asarray(leaf).dtype
            if kind.kind != "f":
                raise TypeError(f"check_grads: {place}{source(path)}{owner} has dtype {kind}; "
                                "expected real floating numbers")
        blocks, self._size = placed_after(self._size, value)
        self.blocks[side].append(blocks)
        self.leaves += leaves_of(place, blocks, owner)
        self._values += [leaf for _, leaf in trees.leaves(value)]

    def values(self, vector: Array) -> tuple[list[Tree], list[Tree]]:
        """The values of the states, and all arguments, at a flat vector, in double precision."""
        originals = iter(self._values)

        def made(block: Segment) -> Any:
            return made_like(next(originals), vector[block.where].reshape(block.shape))

        states = [trees.map_leaves(made, blocks) for blocks in self.blocks["var"]]
        args = list(self.args)
        for position, blocks in zip(self.positions, self.blocks["arg"], strict=True):
            args[position] = trees.map_leaves(made, blocks)
        return states, args

    def sides(self, leaf: Callable[[Segment], Any]) -> dict[str, Any]:
        """What mirrors the states and the arguments that are differentiated, leaf by leaf."""
        states, args = ([trees.map_leaves(leaf, blocks) for blocks in self.blocks[side]]
                        for side in ("var", "arg"))
        return {**({"var": states} if states else {}), **({"arg": tuple(args)} if args else {})}


def leaves_of(place: str, blocks: Tree, owner: str = "") -> list[Leaf]:
    """The leaves of a value that stands at a place, from its blocks in a flat vector."""
    return [Leaf(place + source(path), owner, block) for path, block in trees.leaves(blocks)]


def source(path: trees.Path) -> str:
    """The source to append to a container's to reach what stands at a path."""
    return "".join(f"[{key!r}]" for key in path)


def made_like(leaf: Any, array: Array) -> Any:
    """A value in double precision of the array library that a leaf is of, on the same device.

    Raises
    ------
    TypeError
        If that library keeps no double precision.
    """
    if isinstance(leaf, float) and not isinstance(leaf, np.generic):
        return float(array)
    xp = leaf.__array_namespace__() if hasattr(leaf, "__array_namespace__") else np
    made = xp.asarray(array)
    if made.dtype != np.float64:
        raise TypeError(
            f"check_grads: the array library makes {made.dtype} of float64, in which differences "
            "are noise; expected double precision (for JAX, the option jax_enable_x64)")
    return made


def is_floating(value: Tree) -> bool:
    """Whether a value holds real floating numbers alone, and at least one array of them."""
    kinds = [np.asarray(leaf).dtype.kind for _, leaf in trees.leaves(value)]
    return bool(kinds) and set(kinds) == {"f"}
