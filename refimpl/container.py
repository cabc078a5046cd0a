"""Containers of states: their values at once, read and written.

Such a container is what is handed to a transform as ``grad_states``: states in lists, tuples,
named tuples and dicts, to any depth (GST-01 to GST-12). `values` has the form of ``var_grads``,
so that an optimizer needs no loop::

    updates, memory = optimizer.update(grads, memory, values(weights))
    update(weights, optax.apply_updates(values(weights), updates))
"""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp

from .frames import transaction
from .state import State
from .summary import summary
from .tree import Build, split
from .typing import Container, Pytree

__all__ = ["misfits", "opened", "pairs", "scan", "update", "values", "write"]


def values(states: Container) -> Pytree:
    """The values of states, in a container like theirs.

    Raises
    ------
    TypeError
        If there is something else than states in the container.
    """
    found: dict[State, tuple[int, str]] = {}
    build = scan(states, "states", found)
    return build([state.value for state in found])


def update(states: Container, new: Pytree) -> None:
    """Write states, all or none.

    Parameters
    ----------
    states : State or container of State
        What to write.
    new : pytree
        A value for each state, in a container like that of the states. A state that has two
        places gets the value of the first.

    Raises
    ------
    TypeError
        If the containers differ.
    ValueError
        If values differ in structure, shape or dtype from what they replace; all are named.
    """
    found: dict[State, tuple[str, Any]] = {}
    for path, state, value in pairs(states, new, "states", "new"):
        found.setdefault(state, (path, value))
    wrong = [
        f"{path} ({state!r}): {text}"
        for state, (path, value) in found.items()
        for text in misfits(state.value, value)
    ]
    if wrong:
        raise ValueError("\n  ".join(["values do not fit their states:", *wrong]))
    write({state: value for state, (_, value) in found.items()})


def write(found: dict[State, Any]) -> None:
    """Set states, all or none."""
    with transaction():
        for state, value in found.items():
            state.value = value


def opened(node: object, path: str) -> tuple[list[Any], list[Any], Build]:
    """Keys and children of a container of states, and what puts such a container together.

    Raises
    ------
    TypeError
        If it is no container of a kind that JAX knows (ERR-04).
    """
    children, join = split(node) if isinstance(node, (list, tuple, dict)) else ([], None)
    if join is None:  # so it is for a subclass of list or tuple that JAX does not know
        raise TypeError(
            f"{path} must be a State, or a list, tuple, named tuple or dict of these, "
            f"got {summary(node)} of type {type(node).__name__}"
        )
    return list(node if isinstance(node, dict) else range(len(children))), children, join


def scan(node: object, path: str, found: dict[State, tuple[int, str]]) -> Build:
    """Collect the states of a container, each once, with its number and its first path.

    Returns
    -------
    callable
        Makes a like container of a list with something for each of the states. It holds none of
        them.

    Raises
    ------
    TypeError
        If there is something else than states in the container.
    """
    if isinstance(node, State):
        return itemgetter(found.setdefault(node, (len(found), path))[0])
    if node is None:
        return lambda _: None
    keys, children, join = opened(node, path)
    located = zip(keys, children, strict=True)
    builds = [scan(child, f"{path}[{key!r}]", found) for key, child in located]
    return lambda given: join([build(given) for build in builds])


def pairs(
    states: Container, others: Pytree, name: str, path: str
) -> Iterator[tuple[str, State, Any]]:
    """Each state with what stands in its place in a like container, and the path to that.

    Raises
    ------
    TypeError
        If the other container is not like that of the states.
    """
    if isinstance(states, State):
        yield path, states, others
        return
    if states is None and others is None:
        return
    keys, children = ([], []) if states is None else opened(states, name)[:2]
    if not _alike(states, others):
        raise TypeError(
            f"{path} must be a container like that of the states, {summary(states)}, "
            f"got {summary(others)}"
        )
    for key, child in zip(keys, children, strict=True):
        yield from pairs(child, others[key], f"{name}[{key!r}]", f"{path}[{key!r}]")


def _alike(states: Any, others: Any) -> bool:
    if not isinstance(others, type(states)):
        return False
    return set(states) == set(others) if isinstance(states, dict) else len(states) == len(others)


def misfits(old: Pytree, new: Pytree) -> list[str]:
    """How a value differs in structure, shape or dtype from the one that it replaces."""
    before: object = jax.tree.structure(old)
    if before != jax.tree.structure(new):
        return [f"expected {summary(old)}, got {summary(new)}"]
    located, leaves = jax.tree_util.tree_leaves_with_path(old), jax.tree.leaves(new)
    return [
        f"{'at ' + jax.tree_util.keystr(path) + ' ' if path else ''}"
        f"expected {_kind(leaf)}, got {_kind(other)}"
        for (path, leaf), other in zip(located, leaves, strict=True)
        if _kind(leaf) != _kind(other)
    ]


def _kind(leaf: Any) -> str:
    """Dtype and shape of a leaf; a Python number is like the array that JAX makes of it."""
    if isinstance(leaf, (bool, int, float, complex)):
        return f"{jnp.result_type(leaf)}[]"
    return summary(leaf) if hasattr(leaf, "dtype") else type(leaf).__name__
