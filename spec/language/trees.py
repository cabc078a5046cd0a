"""Values as trees: nested dicts, lists, tuples and None over arrays and Python numbers.

The trees of this package are its own: they keep the order of a mapping's keys as given, and a
mapping may have keys of any kind.  :func:`literal` prints a tree as the source that builds it.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from statistics import LinearRegression
from typing import Any, Final

import numpy as np

from .dtypes import kind_of, widened

Path = tuple[Any, ...]
Tree = Any

NAMED: Final = LinearRegression
"""A named tuple, of two fields, that any script can import."""
IMPORTED: Final[tuple[type, ...]] = (NAMED, OrderedDict, defaultdict)
"""The containers that a script has to import."""


def is_namedtuple(tree: Tree) -> bool:
    """Whether the tree is an instance of a named tuple."""
    return isinstance(tree, tuple) and hasattr(tree, "_fields")


def items(tree: Tree) -> list[tuple[Any, Tree]] | None:
    """Keys and children of a container in its own order, or None for a leaf.

    ``None`` is an empty container, as it is in JAX.
    """
    if tree is None:
        return []
    if isinstance(tree, Mapping):
        return list(tree.items())
    if isinstance(tree, (list, tuple)):
        return list(enumerate(tree))
    return None


def rebuild(tree: Tree, children: list[Tree]) -> Tree:
    """A container like ``tree`` with other children."""
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        made = copy(tree) if isinstance(tree, dict) else {}
        made.update(zip(tree, children, strict=True))
        return made
    if is_namedtuple(tree):
        return type(tree)(*children)
    return type(tree)(children)


def map_leaves(function: Callable[[Any], Any], tree: Tree) -> Tree:
    """The tree with every leaf replaced by the function of it."""
    nodes = items(tree)
    if nodes is None:
        return function(tree)
    return rebuild(tree, [map_leaves(function, child) for _, child in nodes])


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Paths and leaves, depth first, in the order of the containers."""
    nodes = items(tree)
    if nodes is None:
        yield path, tree
        return
    for key, child in nodes:
        yield from leaves(child, (*path, key))


def is_inexact(leaf: Any) -> bool:
    """Whether a leaf holds floating or complex numbers, so that it can be differentiated."""
    return kind_of(np.asarray(leaf).dtype) in "fc"


def literal(tree: Tree, xp: str = "jnp") -> str:
    """The source of an expression that builds the tree, arrays with the namespace ``xp``."""
    if tree is not None and (children := items(tree)) is not None:
        return source_like(tree, [literal(child, xp) for _, child in children])
    if isinstance(tree, (np.ndarray, np.generic)):
        return _array_literal(np.asarray(tree), xp)
    if isinstance(tree, (float, complex)) and not np.isfinite(tree):
        return _infinite_literal(tree)
    return repr(tree)


def source_like(tree: Tree, parts: Sequence[str]) -> str:
    """The source of a container like ``tree`` whose children have the sources ``parts``."""
    if isinstance(tree, Mapping):
        text = "{" + ", ".join(f"{k!r}: {part}" for k, part in zip(tree, parts, strict=True)) + "}"
        if isinstance(tree, defaultdict):
            return f"defaultdict({getattr(tree.default_factory, '__name__', None)}, {text})"
        return f"OrderedDict({text})" if isinstance(tree, OrderedDict) else text
    if isinstance(tree, list):
        return f"[{', '.join(parts)}]"
    if is_namedtuple(tree):
        return f"{type(tree).__name__}({', '.join(parts)})"
    return f"({''.join(f'{part}, ' for part in parts).rstrip()})"


def imports(texts: Iterable[str]) -> list[str]:
    """The lines that import the containers which some source names."""
    texts = list(texts)
    return [f"from {kind.__module__} import {kind.__name__}" for kind in IMPORTED
            if any(f"{kind.__name__}(" in text for text in texts)]


def _infinite_literal(number: complex) -> str:
    """The source of a number that Python prints as a name, such as nan."""
    if isinstance(number, float):
        return f"float('{number}')"
    return f"complex({literal(number.real)}, {literal(number.imag)})"


def _array_literal(array: np.ndarray[Any, Any], xp: str) -> str:
    plain = (np.float64,) if array.size == 0 else (np.float64, np.int64, np.bool_, np.complex128)
    dtype = "" if array.dtype in plain else f", dtype={xp}.{array.dtype.name}"
    if array.size == 0:
        return f"{xp}.zeros({array.shape}{dtype})"
    return f"{xp}.array({literal(widened(array).tolist())}{dtype})"
