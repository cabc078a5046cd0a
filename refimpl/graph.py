"""Finding the states below a module or any other object (SEL-01 to SEL-17).

Attributes are visited by name, sequences by index, dicts by key (sorted if the keys can be
compared), depth first. What is reachable in several ways is found once, under its first path.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, overload

import jax

from .state import State
from .typing import Filter, Path
from .util.filter import to_predicate

__all__ = ["NestedDict", "Node", "states", "treefy_states"]

S = TypeVar("S", bound=State)


class Node:
    """Base class of objects whose attributes are looked into."""


@jax.tree_util.register_pytree_with_keys_class
class NestedDict(dict[Any, Any]):
    """A mapping of mappings; paths to its leaves are the paths to states."""

    def to_flat(self) -> dict[Path, Any]:
        """The same leaves in one mapping with paths as keys."""
        flat: dict[Path, Any] = {}
        ahead: list[tuple[Path, Any]] = [((), self)]
        while ahead:
            path, node = ahead.pop()
            if isinstance(node, NestedDict):
                ahead += [((*path, key), value) for key, value in reversed(node.items())]
            else:
                flat[path] = node
        return flat

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Path]:
        """What JAX takes the mapping apart with."""
        return [(jax.tree_util.DictKey(k), v) for k, v in self.items()], tuple(self)

    @classmethod
    def tree_unflatten(cls, keys: Path, children: Sequence[Any]) -> "NestedDict":
        """What JAX puts a mapping together with."""
        return cls(zip(keys, children, strict=True))


@overload
def states(node: object, filter: type[S], /) -> dict[Path, S]: ...
@overload
def states(node: object, filter: Filter = ..., /) -> dict[Path, State]: ...
@overload
def states(
    node: object, first: Filter, second: Filter, /, *filters: Filter
) -> tuple[dict[Path, State], ...]: ...


def states(node: object, /, *filters: Any) -> Any:
    """The states below an object, in a dict with paths as keys.

    Parameters
    ----------
    node : object
        A module, or a container or other object with states or modules in it.
    *filters : filter
        None: all states, in one dict. One: those it selects. Several: a tuple of as many dicts,
        each state in that of the first filter that selects it, or in none. ``...`` or True
        takes the rest, so it can only come last.

    Raises
    ------
    TypeError
        If a filter is none.
    ValueError
        If ``...`` or True is not the last filter.

    Notes
    -----
    Rules: SEL-01 to SEL-12, FLT-01 to FLT-11, ERR-12, ERR-13.
    """
    for filter in filters[:-1]:
        if filter is ... or filter is True:
            raise ValueError("... and True take all that is left, so they must be the last filter")
    predicates = [to_predicate(filter) for filter in filters or (...,)]
    found: list[dict[Path, State]] = [{} for _ in predicates]
    for path, state in _walk(node):
        index = next((i for i, selects in enumerate(predicates) if selects(path, state)), None)
        if index is not None:
            found[index][path] = state
    return tuple(found) if len(filters) > 1 else found[0]


@overload
def treefy_states(node: object, filter: Filter = ..., /) -> NestedDict: ...
@overload
def treefy_states(
    node: object, first: Filter, second: Filter, /, *filters: Filter
) -> tuple[NestedDict, ...]: ...


def treefy_states(node: object, /, *filters: Any) -> Any:
    """What `states` returns, as nested mappings instead of flat ones.

    Raises
    ------
    TypeError
        If the object is itself a state, or a filter is none.
    ValueError
        If ``...`` or True is not the last filter.

    Notes
    -----
    Rules: SEL-14 to SEL-16, GST-10.
    """
    if isinstance(node, State):
        raise TypeError(f"the path to {node!r} itself is empty; there is nothing to nest")
    found: Any = states(node, *filters)
    return tuple(map(_nest, found)) if isinstance(found, tuple) else _nest(found)


def _nest(flat: dict[Path, State]) -> NestedDict:
    nested = NestedDict()
    for path, state in flat.items():
        node = nested
        for key in path[:-1]:
            node = node.setdefault(key, NestedDict())
        node[path[-1]] = state
    return nested


def _walk(root: object) -> Iterator[tuple[Path, State]]:
    """Every state once, depth first; a loop, as what is nested deep must not exhaust Python."""
    seen: set[int] = set()
    ahead: list[tuple[Path, Any]] = [((), root)]
    while ahead:
        path, node = ahead.pop()
        children = _children(node, root=not path)
        if id(node) in seen or (children is None and not isinstance(node, State)):
            continue
        seen.add(id(node))
        if isinstance(node, State):
            yield path, node
        for key, child in reversed(children or ()):
            ahead.append(((*path, key), child))


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
