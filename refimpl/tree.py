"""Walking containers one level at a time.

JAX's own tree functions sort the keys of dicts, and so fail on keys that cannot be compared.
What merely travels through a transform (aux, loss, written values) must come back unchanged
(AUX), so it is walked here; JAX is asked only about node types that it alone knows.
"""

import contextlib
import copy
import operator
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

Build = Callable[[Sequence[Any]], Any]


def split(node: Any) -> tuple[list[Any], Build | None]:
    """Children of a node and the function that puts such a node together again.

    The function is None for a leaf. It holds none of the children.
    """
    if node is None or isinstance(node, jax.Array):  # said first, as it is what there is most of
        return [], None
    if is_mapping(node):
        keys, empty = list(node), {} if type(node) is dict else copy.copy(node)
        empty.clear()

        def join(values: Sequence[Any]) -> Any:
            made = copy.copy(empty)
            for key, value in zip(keys, values, strict=True):
                made[key] = value  # as a Counter's `update` would count pairs
            return made

        return list(node.values()), join
    if isinstance(node, tuple) and hasattr(node, "_make"):
        return list(node), node._make
    if type(node) in (list, tuple):
        return list(node), type(node)
    children, treedef = jax.tree.flatten(node, is_leaf=lambda child: child is not node)
    if len(children) == 1 and children[0] is node:
        return [], None
    return children, partial(jax.tree.unflatten, treedef)


def is_mapping(node: Any) -> bool:
    """Whether it is a dict, and nothing but its items: no attributes, and no rules for them."""
    if not isinstance(node, dict):
        return False
    return type(node).__setitem__ in _SETS and not getattr(node, "__dict__", None)


_SETS = dict.__setitem__, OrderedDict.__setitem__

Copies = dict[int, tuple[Any, Any]]
"""What was copied, by the identity of the original: the original and its copy."""


def copy_containers(node: Any, copies: Copies | None = None) -> Any:
    """The same leaves in new containers; NumPy arrays are containers of their numbers here.

    What is one object in several places, also of several trees with the same `copies`, is one in
    the copy; a view of an array becomes a view of the copied array.
    """
    copies = {} if copies is None else copies
    if id(node) in copies:
        return copies[id(node)][1]
    if isinstance(node, np.ndarray):
        changes = node.flags.writeable or id(_whole(node)) in copies
        copied = _copy_array(node, copies) if changes else node
    else:
        children, join = split(node)
        if join is None:
            return node
        inside = [copy_containers(child, copies) for child in children]
        alike = type(node) is tuple and all(map(operator.is_, children, inside))
        copied = node if alike else join(inside)
    if copied is not node:
        copies[id(node)] = node, copied
    return copied


def content(node: Any) -> Any:
    """What is in a list, dict or array now, to be compared by `holds` later."""
    if isinstance(node, np.ndarray):
        return hash(node.tobytes())
    if isinstance(node, dict):
        return [*node, *node.values()]
    return list(node) if type(node) is list else []


def holds(node: Any, before: Any) -> bool:
    """Whether a list, dict or array still has that content: the very objects, and numbers."""
    now = content(node)
    if isinstance(node, np.ndarray):
        return bool(now == before)
    return len(now) == len(before) and all(map(operator.is_, now, before))


def _whole(array: Any) -> Any:
    """The array that an array is a view of, or itself."""
    return _whole(array.base) if isinstance(array.base, np.ndarray) else array


def _copy_array(array: Any, copies: Copies) -> Any:
    whole = _whole(array)
    flat = whole.flags.c_contiguous or whole.flags.f_contiguous
    flat = flat and whole.flags.writeable and not array.dtype.hasobject
    if whole is array or not flat or type(array) is not np.ndarray:
        return copy.copy(array)
    start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    base = copy_containers(whole, copies)
    view: Any = np.ndarray(array.shape, array.dtype, base, start, array.strides)
    view.flags.writeable = array.flags.writeable
    return view


def put_back(copies: Copies) -> tuple[Callable[[Any], Any], list[Callable[[], Any]]]:
    """How to make in the originals the changes that their copies underwent.

    Returns
    -------
    back : callable
        Gives for a tree the same tree with originals in the places of their copies.
    actions : list of callable
        What changes the content of lists, dicts and arrays; written in C, all of them. Nodes of
        other types cannot be changed from outside: a changed one is replaced.
    """
    originals = {id(copied): original for original, copied in copies.values()}
    done: dict[int, tuple[Any, Any]] = {}  # with the node, or another could have its id

    def back(node: Any) -> Any:
        if id(node) not in done:
            done[id(node)] = node, find(node)
        return done[id(node)][1]

    def find(node: Any) -> Any:
        original = originals.get(id(node), node)
        if isinstance(node, np.ndarray) and _form(original) != _form(node):
            return node
        children, join = ([], None) if isinstance(node, np.ndarray) else split(node)
        if join is None or (original is not node and _is_open(node)):
            return original
        inside = [back(child) for child in children]
        if original is not node and same_leaves(original, join(inside)):
            return original
        if all(map(operator.is_, children, inside)):
            return node
        return _refill(node, inside) if _is_open(node) else join(inside)

    actions: list[Callable[[], Any]] = []
    for original, copied in copies.values():
        if isinstance(original, np.ndarray):
            alike = same_leaves(original, copied) or _form(original) != _form(copied)
            if original.flags.writeable and not alike:
                actions.append(partial(original.__setitem__, ..., copied))
        elif type(original) is list:
            inside = list(map(back, copied))
            if not holds(original, inside):
                actions.append(partial(original.__setitem__, slice(None), inside))
        elif isinstance(original, dict):
            mapping = {key: back(value) for key, value in copied.items()}
            if not holds(original, content(mapping)):
                actions.append(original.clear)  # and set one by one, as `update` may be its own
                actions += [partial(operator.setitem, original, *pair) for pair in mapping.items()]
    return back, actions


def _form(array: Any) -> Any:
    return array.dtype, array.shape


def _is_open(node: Any) -> bool:
    """Whether the content of a container can be changed from outside."""
    return type(node) is list or isinstance(node, dict)


def _refill(node: Any, content: Sequence[Any]) -> Any:
    """The same list or dict, with as much other content."""
    if isinstance(node, dict):
        for key, child in zip(list(node), content, strict=True):
            dict.__setitem__(node, key, child)
    else:
        node[:] = content
    return node


def same_leaves(a: Any, b: Any) -> bool:
    """Whether a tree and its copy by `copy_containers` are still alike."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        # By bytes, as NaN differs from itself.
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, (bool, int, float, complex, str, bytes)):  # made anew by a node's flattening
        return bool(a == b or (a != a and b != b))
    children, join = split(a)
    if join is None or (isinstance(a, dict) and list(a) != list(b)):
        return False
    others, rejoin = split(b)
    if len(children) != len(others) or _static(join) != _static(rejoin):
        return False
    return all(map(same_leaves, children, others))


def _static(join: Build | None) -> Any:
    """What a node of a type that JAX alone knows holds beside its children: static fields."""
    return join.args[0].node_data() if isinstance(join, partial) else None


def pack(node: Any, tracers: list[Any], own: Collection[int] = ()) -> Build:
    """Move the tracers of a tree to a list; the result rebuilds the tree from that list.

    A part without tracers comes back as the very same object, and so does a list or dict whose
    id is in `own`, with other content. Any other that stands in several places is made once.
    """
    return _pack(node, tracers, own, {}) or (lambda _: node)


def _pack(
    node: Any, tracers: list[Any], own: Collection[int], done: dict[int, tuple[Any, Build | None]]
) -> Build | None:
    if isinstance(node, Tracer):
        tracers.append(node)
        return itemgetter(len(tracers) - 1)
    if id(node) in done:
        return done[id(node)][1]
    children, join = split(node)
    builds = [_pack(child, tracers, own, done) for child in children]
    if join is None or not any(builds):
        if _is_open(node):
            done[id(node)] = node, None
        return None
    parts = [build or _always(child) for build, child in zip(builds, children, strict=True)]
    make = partial(_refill, node) if id(node) in own and _is_open(node) else join

    def build(leaves: Sequence[Any]) -> Any:  # it holds no tracer, which would be kept alive
        return make([part(leaves) for part in parts])

    if not _is_open(node):
        return build
    done[id(node)] = node, _once(build)
    return done[id(node)][1]


def _always(node: Any) -> Build:
    return lambda _: node


def _once(build: Build) -> Build:
    """Give the same object again, for the same leaves."""
    made: list[Any] = []

    def again(leaves: Sequence[Any]) -> Any:
        if not made or made[0] is not leaves:
            made[:] = leaves, build(leaves)
        return made[1]

    return again


def tracers_in(node: Any) -> list[Any]:
    """The tracers of JAX transforms in a tree."""
    found: list[Any] = []
    pack(node, found)
    return found


def in_order_of_jax(node: Any) -> Any:
    """The tree with plain dicts in the order of keys in which JAX returns them."""
    children, join = split(node)
    if join is None:
        return node
    inside = list(map(in_order_of_jax, children))
    if type(node) is dict:
        with contextlib.suppress(TypeError):  # keys that cannot be compared stay as they are
            ordered = dict(sorted(zip(node, inside, strict=True), key=itemgetter(0)))
            if list(ordered) != list(node):
                return ordered
    return node if all(map(operator.is_, children, inside)) else join(inside)
