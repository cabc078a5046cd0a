"""Finding the states below a module or any other object (SEL).

Attributes are visited by name, sequences by index, dicts by key (sorted if the keys can be
compared), depth first. What is reachable in several ways is found once, under its first path.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax

from .state import State
from .util.filter import Predicate, to_predicate

__all__ = ["NestedDict", "Node", "states", "treefy_states"]

Path = tuple[Any, ...]


class Node:
    """Base class of objects whose attributes are looked into."""


@jax.tree_util.register_pytree_with_keys_class
class NestedDict(dict[Any, Any]):
    """A mapping of mappings; paths to its leaves are the paths to states."""

    def to_flat(self) -> dict[Path, Any]:
        """The same leaves in one mapping with paths as keys."""
        flat: dict[Path, Any] = {}
        for key, value in self.items():
            below = value.to_flat() if isinstance(value, NestedDict) else {(): value}
            flat.update({(key, *path): leaf for path, leaf in below.items()})
        return flat

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Path]:
        return [(jax.tree_util.DictKey(k), v) for k, v in self.items()], tuple(self)

    @classmethod
    def tree_unflatten(cls, keys: Path, children: Sequence[Any]) -> "NestedDict":
        return cls(zip(keys, children, strict=True))


def states(node: Any, /, *filters: Any) -> Any:
    """The states below an object, in a dict with paths as keys.

    Parameters
    ----------
    node : object
        A module, or a container or other object with states or modules in it.
    *filters : filter
        None: all states, in one dict. One: those it selects. Several: a tuple of as many dicts,
        each state in that of the first filter that selects it, or in none. ``...`` or True
        takes the rest, so it can only come last.
    """
    for filter in filters[:-1]:
        if filter is ... or filter is True:
            raise ValueError("... and True take all that is left, so they must be the last filter")
    predicates = [to_predicate(filter) for filter in filters or (...,)]
    found: list[dict[Path, State]] = [{} for _ in predicates]
    for path, state in _walk(node, (), set()):
        index = _first(predicates, path, state)
        if index is not None:
            found[index][path] = state
    return tuple(found) if len(filters) > 1 else found[0]


def treefy_states(node: Any, /, *filters: Any) -> Any:
    """What `states` returns, as nested mappings instead of flat ones."""
    if isinstance(node, State):
        raise TypeError(f"the path to {node.label()} itself is empty; there is nothing to nest")
    found = states(node, *filters)
    return tuple(map(_nest, found)) if isinstance(found, tuple) else _nest(found)


def _first(predicates: list[Predicate], path: Path, state: State) -> int | None:
    return next((i for i, predicate in enumerate(predicates) if predicate(path, state)), None)


def _nest(flat: dict[Path, State]) -> NestedDict:
    nested = NestedDict()
    for path, state in flat.items():
        node = nested
        for key in path[:-1]:
            node = node.setdefault(key, NestedDict())
        node[path[-1]] = state
    return nested


def _walk(node: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, State]]:
    children = _children(node, root=not path)
    if id(node) in seen or (children is None and not isinstance(node, State)):
        return
    seen.add(id(node))
    if isinstance(node, State):
        yield path, node
        return
    for key, child in children or ():
        yield from _walk(child, (*path, key), seen)


def _children(node: Any, root: bool) -> list[tuple[Any, Any]] | None:
    """Keys and values of a node that may have states below it; None for anything else."""
    if isinstance(node, State):
        return None
    if isinstance(node, dict):
        try:
            return sorted(node.items(), key=lambda item: item[0])
        except TypeError:
            return list(node.items())
    if isinstance(node, (list, tuple)):
        return list(enumerate(node))
    if isinstance(node, Node) or (root and hasattr(node, "__dict__")):
        return sorted(vars(node).items())
    return None
