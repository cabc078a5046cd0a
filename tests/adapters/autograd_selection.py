"""Modules, selections of their states, and filters, for the reference on autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[Any, ...]
Predicate = Callable[[Path, Any], bool]


class Cell:
    """What a selection looks for."""


class Module:
    """An object whose attributes hold states and other modules."""

    def states(self, *filters: Any) -> Any:
        """The states below, by their paths."""
        return selected(self, filters)


class NestedDict(dict[Any, Any]):
    """States, nested by the parts of their paths."""

    def to_flat(self) -> dict[Path, Any]:
        """The states by their paths."""
        flat: dict[Path, Any] = {}
        for key, child in self.items():
            more = child.to_flat() if isinstance(child, NestedDict) else {(): child}
            flat |= {(key, *path): state for path, state in more.items()}
        return flat


def treefy_states(node: Any, /, *filters: Any) -> Any:
    """Selects as `states` does, nested by the parts of the paths."""
    found = selected(node, filters)
    return tuple(map(nested, found)) if isinstance(found, tuple) else nested(found)


def nested(flat: dict[Path, Any]) -> NestedDict:
    """Nests states by the parts of their paths."""
    tree = NestedDict()
    for path, state in flat.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, NestedDict())
        node[path[-1]] = state
    return tree


def selected(node: Any, filters: tuple[Any, ...]) -> Any:
    """One mapping for each filter; each state in the first that matches."""
    if any(filter is ... or filter is True for filter in filters[:-1]):
        raise ValueError("... and True match all that is left; expected them last")
    predicates = [predicate(filter) for filter in filters or (...,)]
    found: list[dict[Path, Any]] = [{} for _ in predicates]
    for path, state in walk(node, (), set()):
        for matches, states in zip(predicates, found, strict=True):
            if matches(path, state):
                states[path] = state
                break
    return tuple(found) if len(filters) > 1 else found[0]


def walk(node: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, Any]]:
    """Every state once, depth first."""
    if id(node) in seen:
        return
    if isinstance(node, Cell):
        seen.add(id(node))
        yield path, node
        return
    children: Any = ()
    if isinstance(node, dict):
        children = node.items()
        if all(isinstance(key, type(next(iter(node)))) for key in node):
            children = sorted(children, key=lambda pair: pair[0])
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    elif isinstance(node, Module):
        children = sorted(vars(node).items())
    if children:
        seen.add(id(node))
    for key, child in children:
        yield from walk(child, (*path, key), seen)


def predicate(filter: Any) -> Predicate:
    """The predicate that a filter stands for."""
    if filter is ... or filter is True:
        return lambda path, state: True
    if filter is None or filter is False:
        return lambda path, state: False
    if isinstance(filter, type):
        return lambda path, state: isinstance(state, filter)
    if isinstance(filter, str):
        def tagged(path: Path, state: Any) -> bool:
            tag = state.tag
            return tag == filter if isinstance(tag, str) else filter in (tag or ())

        return tagged
    if isinstance(filter, (list, tuple)):
        parts = [predicate(part) for part in filter]
        return lambda path, state: any(part(path, state) for part in parts)
    if callable(filter):
        return lambda path, state: bool(filter(path, state))
    raise TypeError(f"expected a filter, got {filter!r}")
