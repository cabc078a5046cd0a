"""Between trees of arrays and the flat vectors that the oracles differentiate."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .estimate import Array

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Leaf:
    """One differentiable leaf: where it sits in the tree and in the vector."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int

    @property
    def stop(self) -> int:
        """The position after the last entry."""
        return self.start + math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Flat:
    """A tree's differentiable entries as one vector, and the way back.

    `vector` is float64, or complex128 if any leaf is complex.
    """

    tree: Any
    vector: Array
    leaves: tuple[Leaf, ...]

    def unflatten(self, vector: ArrayLike) -> Any:
        """Put a vector's entries in the tree's places; integers and all else stay as they are.

        Leaves are float64, or complex128 if the vector is complex, whatever their dtype was: the
        oracles work in double precision, and the complex step needs complex leaves.
        """
        entries = np.asarray(vector)
        if entries.shape != self.vector.shape:
            raise ValueError(
                f"unflatten: vector has shape {entries.shape}; expected {self.vector.shape}"
            )
        remaining = iter(self.leaves)

        def put(leaf: Any) -> Any:
            if not _is_differentiable(leaf):
                return leaf
            place = next(remaining)
            values = entries[place.start : place.stop].reshape(place.shape)
            return values.item() if isinstance(leaf, (float, complex)) else values.copy()

        return _rebuild(self.tree, put)

    def locate(self, index: int) -> tuple[Path, tuple[int, ...]]:
        """Return the path of the leaf that holds entry `index`, and the place within it."""
        for leaf in self.leaves:
            if leaf.start <= index < leaf.stop:
                place = np.unravel_index(index - leaf.start, leaf.shape)
                return leaf.path, tuple(int(i) for i in place)
        raise IndexError(f"locate: index {index} is outside a vector of {self.vector.size}")


def flatten(tree: Any) -> Flat:
    """Collect the float and complex leaves of a tree in one vector, in the order of the tree.

    Dictionaries (in insertion order), lists, tuples, namedtuples and None are nodes; everything
    else is a leaf. Integer and boolean leaves, and leaves that are not numbers, stay in the tree.
    """
    leaves: list[Leaf] = []
    pieces: list[Array] = []
    position = 0
    for path, leaf in _walk(tree, ()):
        if _is_differentiable(leaf):
            values = np.asarray(leaf)
            leaves.append(Leaf(path, values.shape, values.dtype, position))
            wide = np.complex128 if values.dtype.kind == "c" else np.float64
            pieces.append(values.astype(wide).ravel())
            position += values.size
    vector = np.concatenate(pieces) if pieces else np.zeros(0)
    return Flat(tree, vector, tuple(leaves))


def _is_differentiable(leaf: Any) -> bool:
    if isinstance(leaf, (float, complex)):
        return True
    dtype = getattr(leaf, "dtype", None)
    # bfloat16 and its kin are void to NumPy and known by name only.
    return isinstance(dtype, np.dtype) and (dtype.kind in "fc" or dtype.name.startswith("bfloat"))


def _walk(tree: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(tree, dict):
        for key, child in tree.items():
            yield from _walk(child, (*path, key))
    elif isinstance(tree, (list, tuple)):
        for index, child in enumerate(tree):
            yield from _walk(child, (*path, index))
    elif tree is not None:
        yield path, tree


def _rebuild(tree: Any, put: Callable[[Any], Any]) -> Any:
    """Copy the nodes of a tree and pass every leaf through `put`, in the order of `_walk`."""
    if isinstance(tree, dict):
        node = copy.copy(tree)
        for key, child in tree.items():
            node[key] = _rebuild(child, put)
        return node
    if isinstance(tree, (list, tuple)):
        children = [_rebuild(child, put) for child in tree]
        if hasattr(tree, "_fields"):
            return type(tree)(*children)
        return type(tree)(children)
    return None if tree is None else put(tree)
