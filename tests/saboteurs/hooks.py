"""Hooks to make a right implementation wrong: where a transform is built, where it is called,
and where a state is read or written.

Nearly all that saboteurs do goes through the public names of ``refimpl``.  What no public name
tells, whether a transform is running and what a state holds, stands at the end.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax

import refimpl
from spec.language.transforms import FAMILY
from tests.saboteurs.roster import Lib

STREAM = refimpl.random.DEFAULT
"""The state of the random stream."""

# -- where a transform is built ----------------------------------------------------------------

Build = Callable[[Callable[..., Any], Any, dict[str, Any]], Any]
"""``(original, fun, options) -> transform``, with all options by keyword."""


def on_build(lib: Lib, build: Build, names: Sequence[str] = tuple(FAMILY)) -> None:
    """Build the named transforms, or jit, by a function."""
    for name in names:
        setattr(lib.transform, name, _built_by(build, getattr(lib.transform, name)))


def _built_by(build: Build, original: Callable[..., Any]) -> Callable[..., Any]:
    positions = list(inspect.signature(original).parameters)[1:]

    def make(fun: Any = None, *args: Any, **options: Any) -> Any:
        given = {**dict(zip(positions, args, strict=False)), **options}
        if fun is None:
            return lambda function: build(original, function, given)
        return build(original, fun, given)

    return make


def intercept(made: Any, run: Callable[..., Any]) -> Any:
    """The same object, whose calls go to ``run(proceed, *args, **kwargs)``."""
    class Intercepted(type(made)):  # type: ignore[misc]
        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            return run(super().__call__, *args, **kwargs)

    made.__class__ = Intercepted
    return made


def on_refusal(lib: Lib, answer: Callable[[Exception], Any]) -> None:
    """Let the refusals of members, when built and when called, be answered by a function."""
    def build(original: Any, fun: Any, options: dict[str, Any]) -> Any:
        try:
            made = original(fun, **options)
        except (TypeError, ValueError) as error:
            result = answer(error)
            return lambda *args, **kwargs: result
        return intercept(made, guarded)

    def guarded(proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return proceed(*args, **kwargs)
        except (TypeError, ValueError) as error:
            return answer(error)

    on_build(lib, build)


# -- where it is called ------------------------------------------------------------------------


@dataclass
class Call:
    """A call of a transform that a saboteur meddles with.

    Attributes
    ----------
    member : str
        The name of the transform, ``GradientTransform`` for a user's own.
    transform, fun, options
        The transform, the user's function, and the keyword arguments that made it.
    args, kwargs
        The arguments of the call.
    true_call : callable
        What the transform would do.
    """

    member: str
    transform: Any
    fun: Callable[..., Any]
    options: dict[str, Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    true_call: Callable[..., Any]

    def proceed(self, *args: Any, **kwargs: Any) -> Any:
        """The true call, with other arguments if any are given."""
        given = (args, kwargs) if args or kwargs else (self.args, self.kwargs)
        return self.true_call(*given[0], **given[1])

    def again(self, fun: Callable[..., Any] | None = None, **changes: Any) -> Any:
        """A true call of another function, or with other options."""
        options, target = {**self.options, **changes}, fun or self.fun
        if self.member == "GradientTransform":
            options["transform"] = self.transform.transform
        made = getattr(refimpl.transform, self.member)(target, **options)
        return made(*self.args, **self.kwargs)

    def used(self, usage: str = "write") -> list[refimpl.State]:
        """The states that a call of the function reads or writes; its failure is no matter."""
        find = refimpl.transform.StateFinder(self.fun, usage=usage, return_type="list")
        try:
            found: list[refimpl.State] = find(*self.args, **self.kwargs)
        except Exception:
            return []
        return found

    @property
    def memory(self) -> dict[str, Any]:
        """What the transform remembers from call to call."""
        remembered: dict[str, Any] = vars(self.transform)
        return remembered

    @property
    def states(self) -> bool:
        """Whether states are selected."""
        return self.options.get("grad_states") is not None

    @property
    def both(self) -> bool:
        """Whether states and arguments are selected."""
        return self.states and self.options.get("argnums") is not None

    @property
    def has_aux(self) -> bool:
        """Whether the function returns an aux."""
        return bool(self.options.get("has_aux"))

    @property
    def return_value(self) -> bool:
        """Whether the value is asked for."""
        return bool(self.options.get("return_value"))

    def grads(self, change: Callable[[Any], Any]) -> Any:
        """The true result with its derivative part changed."""
        result = self.proceed()
        if self.has_aux or self.return_value:
            return (change(result[0]), *result[1:])
        return change(result)

    def var_grads(self, change: Callable[[Any], Any]) -> Any:
        """The true result with ``var_grads`` changed, if there are any."""
        if not self.states:
            return self.proceed()
        return self.grads(lambda g: (change(g[0]), g[1]) if self.both else change(g))

    def arg_grads(self, change: Callable[[Any], Any]) -> Any:
        """The true result with ``arg_grads`` changed, if there are any."""
        if self.both:
            return self.grads(lambda g: (g[0], change(g[1])))
        return self.proceed() if self.states else self.grads(change)


Hook = Callable[[Call], Any]


def on_call(lib: Lib, hook: Hook, members: Sequence[str] = ()) -> None:
    """Send every call of the members (all of them, and users' own, if none is named) to a hook.

    Members may be jit and StateFinder, too, which are then functions and no classes.
    """
    for name in members or tuple(FAMILY):
        on_build(lib, partial(_hooked, hook, name), (name,))
    if not members:
        lib.transform.GradientTransform = _hooked_class(hook)


def _hooked(hook: Hook, name: str, original: Any, fun: Any, options: dict[str, Any]) -> Any:
    made = original(fun, **options)

    def run(proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        return hook(Call(name, made, fun, options, args, kwargs, proceed))

    return intercept(made, run)


def _hooked_class(hook: Hook) -> type:
    """The class that users give transforms of their own, with its calls sent to a hook."""
    positions = list(inspect.signature(refimpl.transform.GradientTransform).parameters)[2:]

    class GradientTransform(refimpl.transform.GradientTransform):
        def __init__(self, target: Any, transform: Any, *args: Any, **options: Any) -> None:
            super().__init__(target, transform, *args, **options)
            self.given = {**dict(zip(positions, args, strict=False)), **options}

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            return hook(Call("GradientTransform", self, self.target, self.given, args, kwargs,
                             super().__call__))

    return GradientTransform


def unless_writing(hook: Hook) -> Hook:
    """A hook for calls of functions that write nothing: the others are called truly."""
    return lambda call: call.proceed() if call.used("write") else hook(call)


def selected(call: Call) -> list[refimpl.State]:
    """The selected states, each once."""
    return states_in(call.options.get("grad_states"))


def written(call: Call, kind: type = refimpl.State) -> list[Any]:
    """The states of a kind that a call writes, the random stream left out."""
    return [s for s in call.used("write") if isinstance(s, kind) and s is not STREAM]


@contextmanager
def kept(states: Sequence[Any]) -> Iterator[None]:
    """Put back what the states hold."""
    before = [state.value for state in states]
    yield
    for state, value in zip(states, before, strict=True):
        state.value = value


# -- where a state is read or written ----------------------------------------------------------


class Cell:
    """A mixin of states whose reading and writing can be overridden one by one."""

    def read(self) -> Any:
        """The value."""
        return vars(refimpl.State)["value"].fget(self)

    def write(self, value: Any) -> None:
        """Set the value."""
        vars(refimpl.State)["value"].fset(self, value)

    @property
    def value(self) -> Any:
        """The value."""
        return self.read()

    @value.setter
    def value(self, value: Any) -> None:
        self.write(value)


def on_state(lib: Lib, mixin: type) -> None:
    """Let every class of states derive from a mixin first."""
    class State(mixin, refimpl.State):
        pass

    class ParamState(State, refimpl.ParamState):
        pass

    lib.State, lib.ParamState = State, ParamState


# -- where states are selected -----------------------------------------------------------------

Select = Callable[..., Any]
"""``(node, *filters) -> mapping or tuple of mappings``, as refimpl.graph.states."""


def on_selection(lib: Lib, hook: Select, treefy: bool = True) -> None:
    """Let modules, and treefy_states too, select states by a hook."""
    class Module(refimpl.nn.Module):
        def states(self, *filters: Any) -> Any:
            return hook(self, *filters)

    lib.nn.Module = Module
    if treefy:
        lib.graph.treefy_states = lambda node, *filters: on_each(nest, hook(node, *filters))


def on_each(change: Callable[[Any], Any], selection: Any) -> Any:
    """A selection, or each of several, changed."""
    return tuple(map(change, selection)) if isinstance(selection, tuple) else change(selection)


def nest(flat: Mapping[Any, Any]) -> Any:
    """Mappings that are nested by the parts of the paths."""
    root = refimpl.graph.NestedDict()
    for path, leaf in flat.items():
        node = root
        for key in path[:-1]:
            node = node.setdefault(key, refimpl.graph.NestedDict())
        node[path[-1]] = leaf
    return root


Convert = Callable[[Any], Callable[[Any, Any], Any] | None]


def on_filters(lib: Lib, convert: Convert) -> None:
    """Read filters by another function wherever they are read; None leaves one as it is."""
    room = refimpl.util.filter

    def to_predicate(filter: Any) -> Any:
        changed = convert(filter)
        if changed is not None:
            return changed
        if isinstance(filter, (list, tuple)):
            return room.Any(*map(to_predicate, filter))
        return room.to_predicate(filter)

    def select(node: Any, *filters: Any) -> Any:
        return refimpl.graph.states(node, *(
            f if f is ... or f is True else to_predicate(f) for f in filters
        ))

    on_selection(lib, select)
    lib.util.filter.to_predicate = to_predicate
    for name in ("Any", "All", "Not"):
        lib.util.filter.__dict__[name] = _composed(getattr(room, name), to_predicate)


def _composed(original: Callable[..., Any], to_predicate: Callable[[Any], Any]) -> Any:
    return lambda *filters: original(*map(to_predicate, filters))


# -- containers --------------------------------------------------------------------------------


def map_states(change: Callable[[refimpl.State], Any], node: Any) -> Any:
    """A like container with every state replaced."""
    if isinstance(node, refimpl.State):
        return change(node)
    if isinstance(node, Mapping):
        return {key: map_states(change, child) for key, child in node.items()}
    if isinstance(node, tuple) and hasattr(node, "_make"):
        return node._make([map_states(change, child) for child in node])
    if isinstance(node, (list, tuple)):
        return type(node)([map_states(change, child) for child in node])
    return node


def states_in(container: Any) -> list[refimpl.State]:
    """The states of a container, each once."""
    found: dict[refimpl.State, None] = {}
    map_states(found.setdefault, container)
    return list(found)


def map_leaves(change: Callable[[Any], Any], node: Any) -> Any:
    """A like tree with every leaf replaced; keys keep their order, which jax.tree sorts."""
    if isinstance(node, dict):
        made = copy.copy(node)
        made.update({key: map_leaves(change, child) for key, child in node.items()})
        return made
    if isinstance(node, tuple) and hasattr(node, "_make"):
        return node._make([map_leaves(change, child) for child in node])
    if isinstance(node, (list, tuple)):
        return type(node)([map_leaves(change, child) for child in node])
    return None if node is None else change(node)


def is_node(value: Any) -> bool:
    """Whether a value is a container that JAX was told of, and no list, tuple or dict."""
    plain = value is None or isinstance(value, (list, tuple)) or type(value) is dict
    return not plain and not jax.tree_util.all_leaves([value])


def map_nodes(change: Callable[[Any], Any], tree: Any) -> Any:
    """A tree with the outermost such containers changed."""
    return jax.tree.map(lambda it: change(it) if is_node(it) else it, tree, is_leaf=is_node)


def of_class(kind: type, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of a tree that changes the containers of a class, each of them outermost."""
    return partial(map_nodes, lambda it: change(it) if type(it) is kind else it)


def first_in_all(node: Any) -> Any:
    """A like container with its first leaf in the place of all."""
    leaves, treedef = jax.tree.flatten(node)
    return jax.tree.unflatten(treedef, leaves[:1] * len(leaves))


def created(lib: Lib) -> list[Any]:
    """The states that are made from now on, as they are made."""
    made: list[Any] = []

    class Noted(Cell):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    on_state(lib, Noted)
    return made


# -- the inside of the reference ---------------------------------------------------------------


def inside() -> bool:
    """Whether a transform is running in this thread."""
    return bool(refimpl.frames.stack.frames)


def frame() -> Any:
    """The frame of the innermost running transform, by identity; None outside."""
    frames = refimpl.frames.stack.frames
    return frames[-1] if frames else None


def under_jax() -> bool:
    """Whether a transform of JAX was entered since the innermost transform began."""
    innermost = frame()
    return innermost is not None and refimpl.frames.trace_now() != innermost.trace


def store(state: Any, value: Any) -> None:
    """Set what a state holds, past every refusal."""
    vars(state)["_value"] = value
