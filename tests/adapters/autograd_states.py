"""A second reference, not on JAX but on autograd, which differentiates NumPy: class core.

The frames of the semantics, in the plainest form: a frame holds the values that states have inside
of a call, and how they were used.  A derivative is taken of a function from one flat vector to
another, which runs the user's function in a frame; what else the run leaves waits there until all
has succeeded.
"""

from __future__ import annotations

import copy
import functools
import operator
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from types import SimpleNamespace
from typing import Any

import autograd.numpy as anp
import autograd.tracer
import numpy as np
from autograd.core import make_vjp
from autograd.tracer import isbox

from tests.adapters.autograd_selection import Cell, Module, predicate, treefy_states

__version__ = "1"
array_namespace = "autograd.numpy"
Function = Callable[..., Any]
FLOAT0 = np.dtype([("float0", np.void, 0)])


class TraceStack(threading.local):
    """Autograd's count of the traces that are open, for each thread and right after a failure."""

    top = -1

    @contextmanager
    def new_trace(self) -> Iterator[int]:
        self.top += 1
        try:
            yield self.top
        finally:
            self.top -= 1


class Here(threading.local):
    """The frames of a thread, the innermost last."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []


traces, here = TraceStack(), Here()
autograd.tracer.trace_stack = traces

# -- trees -----------------------------------------------------------------------------------------


def tree_map(function: Function, tree: Any) -> Any:
    """A container of the same type with other leaves; None is a container."""
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        items = {key: tree_map(function, child) for key, child in tree.items()}
        if not isinstance(tree, dict):
            return type(tree)(items)  # type: ignore[call-arg]
        made = copy.copy(tree)
        for key, child in items.items():
            dict.__setitem__(made, key, child)  # whatever the class makes of its items
        return made
    if isinstance(tree, (list, tuple)):
        children = [tree_map(function, child) for child in tree]
        return type(tree)(*children) if hasattr(tree, "_fields") else type(tree)(children)
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves, in the order of the containers."""
    found: list[Any] = []
    tree_map(found.append, tree)
    return found


def named(tree: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The leaves with their places, for messages."""
    if isinstance(tree, (Mapping, list, tuple)):
        items = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
        for key, child in items:
            yield from named(child, f"{place}[{key!r}]")
    elif tree is not None:
        yield place, tree


def lowered(tree: Any, to: int) -> Any:
    """A tree without the boxes of the traces above a level."""
    def lower(leaf: Any) -> Any:
        if any(isbox(part) for part in getattr(leaf, "__dict__", {}).values()):
            raise TypeError(f"a {type(leaf).__name__} holds a traced value, which would stay behind"
                            "; expected arrays, and containers of them")
        while isbox(leaf) and leaf._trace > to:
            leaf = leaf._value
        return leaf

    return tree_map(lower, tree)


def locked(leaf: Any) -> Any:
    """A leaf; of an array a view that cannot be written, since nobody would see such a write."""
    if type(leaf) is not np.ndarray:
        return leaf
    view = leaf.view()
    view.flags.writeable = False
    return view


def same(one: Any, other: Any) -> bool:
    """Whether a leaf is another, or a view of all of it."""
    arrays = type(one) is np.ndarray and type(other) is np.ndarray
    return one is other or (arrays and (one.ctypes.data, one.shape, one.strides, one.dtype) == (
        other.ctypes.data, other.shape, other.strides, other.dtype))


def differ(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Whether leaves are not those that they were."""
    return len(some) != len(others) or not all(map(same, some, others))


# -- states ----------------------------------------------------------------------------------------


class State(Cell):
    """A mutable cell with an identity."""

    def __init__(self, value: Any, name: str | None = None, *, tag: Any = None) -> None:
        self.name, self.tag = name, tag
        self.begin(value)

    def begin(self, value: Any) -> None:
        """Hold a first value, in the call that is running."""
        self.stored = value
        if here.frames:
            here.frames[-1].values[self] = value
            here.frames[-1].born[self] = tree_map(locked, value)  # which may be changed in place

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "stored": self.value}

    def __setstate__(self, held: dict[str, Any]) -> None:
        vars(self).update(held)
        self.begin(held["stored"])

    @property
    def value(self) -> Any:
        """What it holds, seen from the innermost frame."""
        if not here.frames:
            return self.stored
        frame = here.frames[-1]
        frame.used.setdefault(self, False)
        if self not in frame.values:  # its own containers, as they may be changed in place
            held = self.peek()
            frame.held[self] = leaves(held)
            frame.values[self] = tree_map(locked, held)
        return frame.values[self]

    @value.setter
    def value(self, value: Any) -> None:
        level = here.frames[-1].level if here.frames else -1
        if any(isbox(leaf) and leaf._trace > level for leaf in leaves(value)):
            raise RuntimeError(f"{self!r} is written under a transform of autograd's own, which "
                               "would leave a traced value; use transform.grad instead")
        if here.frames:
            here.frames[-1].used[self] = True
            here.frames[-1].values[self] = value
        else:
            self.stored = value

    def peek(self) -> Any:
        """What it holds; no use of it."""
        return next((frame.values[self] for frame in reversed(here.frames) if self in frame.values),
                    self.stored)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name or self.stored!r})"


class ParamState(State):
    """A trainable state."""


class Frame:
    """What a call sees, and does: the values of states, and whether it wrote them."""

    def __init__(self, bound: Mapping[State, Any]) -> None:
        self.values = dict(bound)
        self.held: dict[State, list[Any]] = {}
        self.bound = {state: leaves(value) for state, value in bound.items()}
        self.used: dict[State, bool] = {}
        self.born: dict[State, Any] = {}
        self.heirs: list[list[Frame]] = []

    def __enter__(self) -> Frame:
        self.level = traces.top
        here.frames.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        here.frames.pop()
        for frames in self.heirs:
            frames.remove(self)
        for state in self.used if here.frames else ():
            here.frames[-1].used.setdefault(state, False)

    def writes(self) -> dict[State, Any]:
        """The states whose values are others than at the start."""
        def changed(state: State) -> bool:
            before = self.bound.get(state) or leaves(state.peek())
            return differ(before, leaves(self.values[state]))

        for state, before in self.held.items():
            if differ(before, leaves(state.peek())):
                raise RuntimeError(f"{state!r} holds what was changed by another name in the "
                                   "course of the call; change it by the state's value")
        return {state: self.values[state] for state, written in self.used.items()
                if state in self.values and state not in self.born and (written or changed(state))}

    def deliver(self, to: int, values: Mapping[State, Any]) -> None:
        """Give the states that were made in the call what they are to hold, outside."""
        for state in self.born:
            state.stored = lowered(values[state], to)
            if here.frames:
                here.frames[-1].values[state] = here.frames[-1].born[state] = state.stored


def commit(writes: Mapping[State, Any]) -> None:
    """Write all or none, wherever it is stopped."""
    before = {state: state.peek() for state in writes}
    try:
        for state, value in writes.items():
            state.value = value
    except BaseException:
        for state, value in before.items():
            state.value = value
        raise


# -- threads ---------------------------------------------------------------------------------------


def inherited(run: Function) -> Function:
    """A function that runs in the frames of the thread that hands it over, as far as they last."""
    frames, top = list(here.frames), traces.top
    for frame in frames:
        frame.heirs.append(frames)

    def run_there(*args: Any, **kwargs: Any) -> Any:
        own = here.frames, traces.top
        here.frames, traces.top = frames, top if frames else -1
        try:
            return run(*args, **kwargs)
        finally:
            here.frames, traces.top = own

    return run_there


def start(self: Thread) -> None:
    """Start a thread, in the frames of who does."""
    if here.frames:
        self.run = inherited(self.run)  # type: ignore[method-assign]
    _start(self)


def submit(self: Any, work: Function, /, *args: Any, **kwargs: Any) -> Any:
    """Hand work to a pool, whose thread may have begun in other frames."""
    return _submit(self, inherited(work), *args, **kwargs)


_start, _submit = Thread.start, ThreadPoolExecutor.submit
Thread.start, ThreadPoolExecutor.submit = start, submit  # type: ignore[method-assign]


# -- derivatives -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A leaf at its place in a flat vector."""

    where: slice
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def blocks_of(trees: Sequence[Any]) -> tuple[list[Any], int]:
    """The blocks of trees that lie one after another in a flat vector, and its length."""
    size = 0

    def block(leaf: Any) -> Block:
        nonlocal size
        array = np.asarray(lowered(leaf, -1))
        if array.dtype.kind not in "biufc":
            raise TypeError(f"expected arrays of numbers, got a {type(leaf).__name__}")
        size += array.size
        return Block(slice(size - array.size, size), array.shape, array.dtype)

    return [tree_map(block, tree) for tree in trees], size


def raveled(trees: Any) -> Any:
    """The flat vector of all leaves."""
    flat = [anp.reshape(leaf, (-1,)) for leaf in leaves(trees)]
    return anp.concatenate(flat) if flat else np.zeros(0)


def unraveled(vector: Any, block: Block) -> Any:
    """The leaf that a flat vector holds at a block."""
    piece = anp.reshape(vector[block.where], block.shape)
    if block.dtype.kind in "biuf" and piece.dtype.kind == "c":
        piece = anp.real(piece)
    return piece if piece.dtype == block.dtype else piece.astype(block.dtype)


def jacobian(function: Function, vector: Any) -> Any:
    """The Jacobian of a function of flat vectors, row by row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an output that is independent of the input is no fault
        pullback, out = make_vjp(function, vector)
        basis = np.eye(anp.size(out), dtype=out.dtype)
        rows = [pullback(row) for row in basis]
    return anp.stack(rows) if rows else np.zeros((0, anp.size(vector)))


class Blocks:
    """A derivative as one array, outputs first; it knows where its blocks stand in a result."""

    def __init__(self, whole: Any, inputs: list[Any], output: Any) -> None:
        self.whole, self.inputs, self.output = whole, inputs, output

    def by_side(self, arrange: Function) -> tuple[Any, ...]:
        """The sides of a result; `arrange` makes them of one tree for each input."""
        def of(out: Block) -> tuple[Any, ...]:
            def row(block: Block) -> Any:
                if self.whole.ndim == 2:
                    part = self.whole[out.where, block.where]
                    return _block(part, out.shape + block.shape, block.dtype)
                columns = arrange([tree_map(lambda c: _block(
                    self.whole[out.where, block.where, c.where],
                    out.shape + block.shape + c.shape, c.dtype), tree) for tree in self.inputs])
                return columns[0] if len(columns) == 1 else columns

            return tuple(arrange([tree_map(row, tree) for tree in self.inputs]))

        def side(number: int) -> Any:
            return tree_map(lambda out: of(out)[number], self.output)

        return tuple(map(side, range(len(arrange(self.inputs)))))


def _block(part: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "biu":
        return np.zeros(shape, FLOAT0)
    return unraveled(anp.reshape(part, (-1,)), Block(slice(None), shape, dtype))


def on_jacobian(name: str, order: int, reduce: str) -> Function:
    """The transform of a member, based on the Jacobian of a function of flat vectors."""
    def base(fun: Function, *, argnums: int, has_aux: bool, holomorphic: bool = False,
             allow_int: bool = False) -> Function:
        def run(point: list[Any]) -> tuple[Blocks, Any]:
            runs: list[Any] = []
            inputs, _ = blocks_of(point)
            check_inputs(point, name, holomorphic)

            def flat(vector: Any) -> Any:
                out, more = fun([tree_map(lambda b: unraveled(vector, b), tree)
                                 for tree in inputs])
                check_output(out, name, reduce, holomorphic)
                runs[:] = [blocks_of([out])[0][0], more]
                whole = raveled(out)
                return anp.reshape(anp.sum(whole), (1,)) if reduce == "sum" else whole

            vector = raveled(point)
            whole = jacobian(flat, vector)
            if order == 2:
                shape = (*np.shape(whole), np.size(vector))
                whole = anp.reshape(jacobian(
                    lambda v: anp.reshape(jacobian(flat, v), (-1,)), vector), shape)
            one = Block(slice(0, 1), (), whole.dtype)
            return Blocks(whole, inputs, one if reduce else runs[0]), runs[1]

        return run

    return base


def member(name: str, order: int = 1, reduce: str = "", options: Sequence[str] = ()) -> Function:
    """A member of the family: a function that makes a GradientTransform."""
    base = on_jacobian(name, order, reduce)

    def make(fun: Function | None = None, /, grad_states: Any = None, argnums: Any = None, *,
             has_aux: bool = False, return_value: bool = False, check_states: bool = True,
             **given: bool) -> Any:
        if unknown := [option for option in given if option not in options]:
            raise TypeError(f"{name} has no option {unknown[0]!r}; expected {list(options)}")
        words = dict(grad_states=grad_states, argnums=argnums, has_aux=has_aux,
                     return_value=return_value, check_states=check_states)
        if fun is None:
            return lambda function: make(function, **words, **given)
        return GradientTransform(fun, base, **words, transform_params=given)

    return make


def check_inputs(point: list[Any], name: str, holomorphic: bool) -> None:
    """Refuse complex leaves where real ones are due, and the other way round."""
    for leaf in leaves(point):
        kind = np.asarray(lowered(leaf, -1)).dtype.kind
        if holomorphic != (kind == "c") and (holomorphic or name in ("jacfwd", "hessian")):
            raise TypeError(f"{name}: {leaf!r} does not fit holomorphic={holomorphic}")


def check_output(out: Any, name: str, reduce: str, holomorphic: bool) -> None:
    """Refuse outputs that have no derivative."""
    arrays = [np.asarray(lowered(leaf, -1)) for leaf in leaves(out)]
    if any(array.dtype.kind != ("c" if holomorphic else "f") for array in arrays):
        raise TypeError(f"{name} with holomorphic={holomorphic} takes no output of dtypes "
                        f"{[str(array.dtype) for array in arrays]}")
    single = len(arrays) == 1 and arrays[0].shape == () and not isinstance(out, (Mapping, Sequence))
    if reduce == "scalar" and not single:
        raise TypeError(f"{name} takes a function of scalar output; expected one number, got "
                        f"shapes {[array.shape for array in arrays]}")


def indices(argnums: Any) -> tuple[bool, list[int]]:
    """Whether it is one index, and the indices."""
    bare = isinstance(argnums, str) or hasattr(argnums, "__index__") or not hasattr(
        argnums, "__iter__")
    try:
        return bare, [operator.index(index) for index in ([argnums] if bare else argnums)]
    except TypeError as error:
        raise TypeError(f"argnums is {argnums!r}; expected an index, or several") from error


class GradientTransform:
    """The call of a transform that respects states.

    A user's transform is given a function of one argument, the list of the values of the selected
    states and of the selected arguments, and returns gradients that mirror it.
    """

    def __init__(self, target: Function, /, transform: Function, grad_states: Any = None,
                 argnums: Any = None, *, return_value: bool = False, has_aux: bool = False,
                 transform_params: Mapping[str, Any] | None = None,
                 check_states: bool = True) -> None:
        for given in (target, transform):
            if not callable(given):
                raise TypeError(f"expected a function to transform, got {given!r}")
        functools.update_wrapper(self, target, updated=())
        self.target, self.transform, self.grad_states = target, transform, grad_states
        self.return_value, self.has_aux, self.check_states = return_value, has_aux, check_states
        self.params = dict(transform_params or {})
        self.places = [(place, state) for place, state in named(grad_states, "grad_states")]
        if wrong := [place for place, state in self.places if not isinstance(state, State)]:
            raise TypeError(f"{wrong[0]} is no state; grad_states, given {grad_states!r}, expected "
                            "states and containers of them")
        self.states = list(dict.fromkeys(state for _, state in self.places))
        self.bare, self.given = indices(0 if argnums is None else argnums)
        self.with_args = argnums is not None or grad_states is None

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Read, differentiate, shape, commit."""
        positions, level = self.positions(len(args)), traces.top
        point = [state.peek() for state in self.states] + [args[i] for i in positions]
        held = {state: leaves(state.peek()) for state in self.states}
        if not self.params.get("allow_int"):
            self.check_floating(args, positions)

        def lifted(values: list[Any]) -> tuple[Any, Any]:
            everything = list(args)
            for index, value in zip(positions, values[len(self.states):], strict=True):
                everything[index] = value
            frame = Frame(dict(zip(self.states, values, strict=False)))
            frame.held.update(held)
            try:
                with frame:
                    result = self.target(*everything, **kwargs)
                    out, aux = self.pair(result) if self.has_aux else (result, None)
                return out, (frame, out, aux)
            finally:
                frames.append(frame)

        frames: list[Frame] = []
        try:
            made = self.transform(lifted, argnums=0, has_aux=True, **self.params)(point)
            if not isinstance(made, tuple) or len(made) != 2:
                raise TypeError(f"the transform {self.transform!r} returned {made!r}; expected "
                                "(grads, aux)")
            grads, (frame, out, aux) = made
            writes, loss, aux = lowered((frame.writes(), out, aux), level)
            sides = self.sides(grads)
            self.check_used(frame)
        finally:
            for frame in frames:
                frame.deliver(level, frame.values)
        commit(writes)
        first = sides[0] if len(sides) == 1 else sides
        extra = ((loss,) if self.return_value else ()) + ((aux,) if self.has_aux else ())
        return (first, *extra) if extra else first

    def positions(self, count: int) -> list[int]:
        """The selected arguments, counted from the start."""
        given = self.given if self.with_args else []
        if wrong := [index for index in given if not -count <= index < count]:
            raise ValueError(f"argnums holds {wrong[0]}, and there are {count} arguments")
        found = [index % count for index in given]
        if len(set(found)) < len(found):
            raise ValueError(f"argnums names an argument twice: {given}")
        return found

    def check_floating(self, args: tuple[Any, ...], positions: list[int]) -> None:
        """Refuse leaves of integers and booleans."""
        selected = [(f"{place}.value", state.peek()) for place, state in self.places]
        selected += [(f"argument {index}", args[index]) for index in positions]
        for start, value in selected:
            for place, leaf in named(value, start):
                if np.asarray(lowered(leaf, -1)).dtype.kind in "biu":
                    raise TypeError(f"{place} is of integers or booleans; expected floats, or "
                                    "allow_int=True")

    def pair(self, result: Any) -> tuple[Any, Any]:
        """The output and the aux."""
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"has_aux is given, and the function returned {result!r}; expected a "
                            "pair (output, aux)")
        return result[0], result[1]

    def sides(self, grads: Any) -> tuple[Any, ...]:
        """The gradients as the containers on both sides."""
        if isinstance(grads, Blocks):
            return grads.by_side(self.arranged)
        return self.arranged(grads)

    def arranged(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """One value for each input, in the containers of the selection."""
        states = dict(zip(self.states, values, strict=False))
        args = tuple(values[len(self.states):])
        var = (tree_map(states.__getitem__, self.grad_states),) if self.grad_states is not None \
            else ()
        return var + ((args[0] if self.bare else args,) if self.with_args else ())

    def check_used(self, frame: Frame) -> None:
        """Refuse selected states that the function has not touched."""
        missed = [state for state in self.states if state not in frame.used]
        if missed and self.check_states:
            raise ValueError(f"the function uses none of the values of {missed}; expected that it "
                             "does, or check_states=False")


class StateFinder:
    """The states that a call uses, in the order of first use; the call has no effect."""

    def __init__(self, fn: Function, /, filter: Any = ..., *, usage: str = "all",
                 return_type: str = "dict", key_fn: Function | None = None) -> None:
        kinds: dict[str, type] = {"dict": dict, "list": list, "tuple": tuple}
        if usage not in ("all", "read", "write", "both") or return_type not in kinds:
            raise ValueError(f"usage={usage!r}, return_type={return_type!r}; expected 'all', "
                             "'read', 'write' or 'both', and 'dict', 'list' or 'tuple'")
        self.fn, self.matches, self.usage = fn, predicate(... if filter is None else filter), usage
        self.kind, self.key_fn = kinds[return_type], key_fn or (lambda index, state: index)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """The states of a call with these arguments."""
        frame = Frame({})
        try:
            with frame:
                self.fn(*args, **kwargs)
            writes = frame.writes()
        finally:
            frame.deliver(traces.top, frame.born)  # as if they had only been made
        used = {state: state in writes for state in frame.used if self.matches((), state)}
        read, write = ([s for s, w in used.items() if w is wanted] for wanted in (False, True))
        found = {"all": list(used), "read": read, "write": write}
        if self.usage == "both":
            return {usage: self.contained(found[usage]) for usage in ("read", "write")}
        return self.contained(found[self.usage])

    def contained(self, states: list[State]) -> Any:
        """The states in a container of the type that was asked for."""
        if self.kind is not dict:
            return self.kind(states)
        found: dict[Any, State] = {}
        for index, state in enumerate(states):
            key = self.key_fn(index, state)
            taken = any(key == other for other in found)
            found[f"{key}_{index}" if taken or not hashable(key) else key] = state
        return found


def hashable(key: Any) -> bool:
    """Whether a key can be hashed, and all that it holds."""
    try:
        hash(key)
    except TypeError:
        return False
    return True


BOTH = ("holomorphic", "allow_int")
jacrev = member("jacrev", options=BOTH)
transform = SimpleNamespace(
    grad=member("grad", reduce="scalar", options=BOTH), vector_grad=member("vector_grad", 1, "sum"),
    jacrev=jacrev, jacobian=jacrev, jacfwd=member("jacfwd", options=BOTH[:1]),
    hessian=member("hessian", 2, options=BOTH[:1]), GradientTransform=GradientTransform,
    StateFinder=StateFinder,
)
nn, graph = SimpleNamespace(Module=Module), SimpleNamespace(treefy_states=treefy_states)
