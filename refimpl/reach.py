"""What a Python object holds: states that a function will use, tracers that must not be kept."""

import builtins
import contextlib
import gc
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from .frames import Frame
from .state import State
from .tree import split

_ENOUGH = 20_000
_PLAIN: frozenset[type] = frozenset((bool, int, float, complex, str, bytes, type(None)))
_LEAVES = (*_PLAIN, jax.Array, np.ndarray, np.generic)
_CONTAINERS = (list, tuple, set, frozenset, dict)
_SHARED = (types.ModuleType, type, types.CodeType, types.FrameType, types.TracebackType, Frame)
_BUILTINS = vars(builtins)
_FOREIGN = ("jax", "jaxlib", "numpy", "builtins")


def guess_states(*roots: Any, beside: tuple[type, ...] = ()) -> list[State]:
    """States that code reaches from here: by closure, globals, defaults, attributes, containers.

    Some may be missed, and some may not be used: that costs time, and is never wrong. Objects
    of the types `beside` are not looked into.
    """
    reached = _walk(roots, lambda node: () if isinstance(node, beside) else _held_by(node))
    return [node for node in reached if isinstance(node, State)]


def hides_tracer(value: Any) -> bool:
    """Whether an object that JAX does not know holds a tracer, which nothing would replace."""
    if isinstance(value, jax.Array):
        return False
    opaque = (leaf for leaf in _leaves(value) if not _is_leaf(leaf))
    reached = _walk(opaque, lambda node: () if _is_leaf(node) else _inside(node))
    return any(isinstance(node, Tracer) for node in reached)


def _walk(roots: Iterable[Any], inside: Callable[[Any], Iterable[Any]]) -> Iterator[Any]:
    """What is reached from here, nearest first; not through states, and not without end."""
    todo = deque(roots)
    seen: set[int] = set()
    while todo and len(seen) < _ENOUGH:
        node = todo.popleft()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            if not isinstance(node, State):
                todo.extend(held for held in inside(node) if type(held) not in _PLAIN)


def _leaves(node: Any) -> Iterator[Any]:
    children, join = split(node)  # as JAX fails on dicts whose keys cannot be sorted
    if join is None:
        yield node
    for child in children:
        yield from _leaves(child)


def _is_leaf(leaf: Any) -> bool:
    objects = isinstance(leaf, np.ndarray) and leaf.dtype.hasobject
    return isinstance(leaf, _LEAVES) and not objects


def _inside(node: Any) -> Iterable[Any]:
    """What Python's collector knows an object to hold, but for what many objects share."""
    if isinstance(node, np.ndarray):
        objects: list[Any] = node.ravel().tolist()
        return objects
    of_jax = str(type(node).__module__).startswith("jax") and not isinstance(node, partial)
    if isinstance(node, _CONTAINERS) or of_jax:
        return _held_by(node)
    if isinstance(node, _SHARED):
        return ()
    held = gc.get_referents(node)
    if isinstance(node, types.FunctionType):
        return [it for it in held if it is not node.__globals__ and it is not _BUILTINS]
    return held


def _held_by(node: Any) -> Iterable[Any]:
    if isinstance(node, _CONTAINERS):
        items = node.values() if isinstance(node, dict) else node
        return items if len(node) < _ENOUGH else ()
    if isinstance(node, types.MethodType):
        return node.__self__, node.__func__
    if isinstance(node, (types.ModuleType, type)) or _is_foreign(node):
        return ()
    attributes = getattr(node, "__dict__", {}).values()
    return (*attributes, *_used_by(node)) if isinstance(node, types.FunctionType) else attributes


def _is_foreign(node: Any) -> bool:
    name = getattr(node, "__name__" if isinstance(node, types.ModuleType) else "__module__", None)
    return isinstance(name, str) and name.partition(".")[0] in _FOREIGN


def _used_by(fun: types.FunctionType) -> Iterator[Any]:
    yield from fun.__defaults__ or ()
    yield from (fun.__kwdefaults__ or {}).values()
    names = {*_names(fun.__code__), *fun.__code__.co_freevars}
    spaces: dict[int, Mapping[str, Any]] = {0: fun.__globals__, 1: dict(_closed_over(fun))}
    todo = [0, 1]
    for number in todo:  # the function's own spaces, and those of modules and classes it names
        for name in sorted(names & spaces[number].keys()):
            held = spaces[number][name]
            if not isinstance(held, (types.ModuleType, type)):
                yield held
            elif id(held) not in spaces and not _is_foreign(held):
                spaces[id(held)] = vars(held)
                todo.append(id(held))


def _closed_over(fun: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(fun.__code__.co_freevars, fun.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            yield name, cell.cell_contents


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
