"""Walking containers one level at a time.

JAX's own tree functions sort the keys of dicts, and so fail on keys that cannot be compared.
What merely travels through a transform (aux, loss, written values) must come back unchanged
(AUX), so it is walked here; JAX is asked only about node types that it alone knows.
"""

import copy
import functools
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

__all__ = ["Build", "copy_containers", "pack", "same_leaves", "split"]

Build = Callable[[Sequence[Any]], Any]


def split(node: Any) -> tuple[list[Any], Build | None]:
    """Children of a node and the function that puts such a node together again.

    The function is None for a leaf. It holds none of the children.
    """
    if isinstance(node, dict):
        keys, empty = list(node), copy.copy(node)
        empty.clear()

        def join(values: Sequence[Any]) -> Any:
            made = copy.copy(empty)
            made.update(zip(keys, values, strict=True))
            return made

        return list(node.values()), join
    if isinstance(node, tuple) and hasattr(node, "_make"):
        return list(node), node._make
    if type(node) in (list, tuple):
        return list(node), type(node)
    children, treedef = jax.tree.flatten(node, is_leaf=lambda child: child is not node)
    if len(children) == 1 and children[0] is node:
        return [], None
    return children, functools.partial(jax.tree.unflatten, treedef)


def copy_containers(node: Any) -> Any:
    """The same leaves in new containers; NumPy arrays are containers of their numbers here."""
    if isinstance(node, np.ndarray):
        return copy.copy(node) if node.flags.writeable else node
    children, join = split(node)
    return node if join is None else join([copy_containers(child) for child in children])


def same_leaves(a: Any, b: Any) -> bool:
    """Whether a tree and its copy by `copy_containers` are still alike."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        # By bytes, as NaN differs from itself.
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    children, join = split(a)
    if join is None or (isinstance(a, dict) and list(a) != list(b)):
        return False
    others, rejoin = split(b)
    if len(children) != len(others) or _static(join) != _static(rejoin):
        return False
    return all(map(same_leaves, children, others))


def _static(join: Build | None) -> Any:
    """What a node of a type that JAX alone knows holds beside its children: static fields."""
    return join.args[0].node_data() if isinstance(join, functools.partial) else None


def pack(node: Any, tracers: list[Any]) -> Build:
    """Move the tracers of a tree to a list; the result rebuilds the tree from that list.

    A part without tracers comes back as the very same object.
    """
    if isinstance(node, Tracer):
        tracers.append(node)
        return itemgetter(len(tracers) - 1)
    count = len(tracers)
    children, join = split(node)
    builds = [pack(child, tracers) for child in children]
    if join is None or len(tracers) == count:
        return lambda _: node
    return lambda leaves: join([build(leaves) for build in builds])
