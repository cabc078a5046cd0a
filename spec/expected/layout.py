"""Where the blocks of a flat derivative stand in the structure that a transform returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..language import trees
from ..language.trees import Tree

Array = NDArray[Any]


@dataclass(frozen=True)
class Slot:
    """A leaf of an expected derivative: the block of the flat derivative that it holds.

    ``index`` selects from the flat derivative (rows of the output, then columns of the input,
    then columns again for second order); ``shape`` and ``dtype`` are those of the leaf.
    """

    index: tuple[slice, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class AnyMapping:
    """An expected node that any mapping with these keys, in this order, satisfies."""

    items: dict[Any, Any]


def as_mapping(function: Callable[[Any], Any], tree: Tree) -> Any:
    """A selection with other leaves, in which every dict stands for any mapping with its keys."""
    if isinstance(tree, Mapping):
        return AnyMapping({key: as_mapping(function, child) for key, child in tree.items()})
    return trees.map_leaves(function, tree)


@dataclass(frozen=True)
class Segment:
    """A leaf at its place in a flat vector."""

    where: slice
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def placed_after(start: int, value: Tree) -> tuple[Tree, int]:
    """The blocks of a value's leaves in a flat vector, from an index on, and where they end."""
    end = start

    def block(leaf: Any) -> Segment:
        nonlocal end
        array = np.asarray(leaf)
        end += array.size
        return Segment(slice(end - array.size, end), array.shape, array.dtype)

    return trees.map_leaves(block, value), end
