"""Tools to make a deliberately wrong implementation out of a right one, in a few lines.

A saboteur starts from a copy of ``refimpl``'s names and replaces some of them, through the public
interface alone, so that what it breaks is what a real library could break.
"""

from __future__ import annotations

import copy
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import refimpl
import tests.saboteurs as package
from spec.judge.subject import NAMES, Subject
from spec.language.transforms import FAMILY

Lib = Any

TOGETHER = ("CMP-21",)
"""Rules that ask for everything at once, and so notice nearly every mistake."""


@dataclass(frozen=True)
class Saboteur:
    """A wrong implementation.

    Attributes
    ----------
    name : str
        What it does, as an identifier.
    story : str
        One sentence: the mistake, as a library would make it.
    breaks : tuple of str
        The rules that are meant to catch it.
    also : tuple of str
        Families, beside those of `breaks`, whose rules may notice it too.
    spoil : callable
        Changes a copy of the reference implementation's namespace in place.
    """

    name: str
    story: str
    breaks: tuple[str, ...]
    also: tuple[str, ...]
    spoil: Callable[[Lib], None]

    def subject(self) -> Subject:
        """The wrong implementation, ready to be checked."""
        lib = copy_of(refimpl)
        self.spoil(lib)
        return Subject(f"saboteur_{self.name}", lib)

    def changed(self) -> frozenset[str]:
        """The names that are not those of the reference implementation."""
        right, wrong = names_of(copy_of(refimpl)), names_of(self.subject().lib)
        return frozenset(name for name in right | wrong
                         if right.get(name) is not wrong.get(name))


    def is_related(self, rule: str) -> bool:
        """Whether a rule may notice the mistake without pointing away from its cause."""
        return rule in TOGETHER or rule[:3] in {*self.also, *(broken[:3] for broken in self.breaks)}


SABOTEURS: dict[str, Saboteur] = {}


def saboteur(
    *breaks: str, also: str = ""
) -> Callable[[Callable[[Lib], None]], Callable[[Lib], None]]:
    """Register a function that spoils a namespace; its docstring is the story.

    Parameters
    ----------
    *breaks : str
        The rules that are meant to catch it.
    also : str
        Further families that may notice it, separated by spaces.
    """
    def register(spoil: Callable[[Lib], None]) -> Callable[[Lib], None]:
        name = spoil.__name__
        if name in SABOTEURS:
            raise ValueError(f"two saboteurs are named {name}")
        story = " ".join((spoil.__doc__ or "").split())
        SABOTEURS[name] = Saboteur(name, story, breaks, tuple(also.split()), spoil)
        return spoil

    return register


def copy_of(module: ModuleType) -> Lib:
    """A namespace with the same names; replacing one leaves the module alone."""
    lib = SimpleNamespace(__version__=getattr(module, "__version__", "0"))
    rooms = {name.rpartition(".")[0] for name in NAMES}
    for room in sorted(rooms - {""}):
        source, target = module, lib
        for part in room.split("."):
            source = getattr(source, part)
            target.__dict__.setdefault(part, SimpleNamespace())
            target = getattr(target, part)
        target.__dict__.update(public(source))
    lib.__dict__.update({k: v for k, v in public(module).items() if k not in lib.__dict__})
    return lib


def names_of(lib: Lib, room: str = "") -> dict[str, Any]:
    """Everything in a namespace, by dotted name."""
    found: dict[str, Any] = {}
    for name, value in vars(lib).items():
        inside = isinstance(value, SimpleNamespace)
        found |= names_of(value, f"{room}{name}.") if inside else {room + name: value}
    return found


def public(module: ModuleType) -> Mapping[str, Any]:
    """The names of a module that are no modules themselves and not private."""
    return {
        name: value for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }


@dataclass
class Call:
    """A call of a transform that a saboteur meddles with.

    ``member`` is the name of the transform (``GradientTransform`` for a user's own), ``options``
    its keyword arguments, ``proceed`` makes the true call.
    """

    member: str
    transform: Any
    options: dict[str, Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def proceed(self, *args: Any, **kwargs: Any) -> Any:
        """The true call, with other arguments if any are given."""
        given = (args, kwargs) if args or kwargs else (self.args, self.kwargs)
        return refimpl.transform.GradientTransform.__call__(self.transform, *given[0], **given[1])

    @property
    def fun(self) -> Callable[..., Any]:
        """The user's function."""
        function: Callable[..., Any] = self.transform.target
        return function

    def again(self, fun: Callable[..., Any] | None = None, **changes: Any) -> Any:
        """A true call of another function, or with other options."""
        options, target = {**self.options, **changes}, fun or self.fun
        if self.member == "GradientTransform":
            made = refimpl.transform.GradientTransform(target, self.transform.transform, **options)
        else:
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


def meddle(lib: Lib, hook: Hook, members: tuple[str, ...] = ()) -> None:
    """Send every call of the members (all of them, and users' own, if none is named) to a hook."""
    base = lib.transform.GradientTransform

    class GradientTransform(base):  # type: ignore[misc, valid-type]
        member = "GradientTransform"

        def __init__(self, target: Any, transform: Any, *args: Any, **options: Any) -> None:
            super().__init__(target, transform, *args, **options)
            self.options = {**dict(zip(POSITIONAL, args, strict=False)), **options}

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            return hook(Call(self.member, self, self.options, args, kwargs))

    def spoiled(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def member(fun: Any = None, grad_states: Any = None, argnums: Any = None,
                   **more: Any) -> Any:
            options = {"grad_states": grad_states, "argnums": argnums, **more}
            if fun is None:
                return lambda function: member(function, **options)
            made = original(fun, **options)
            made.__class__ = GradientTransform
            made.member, made.options = name, options
            return made

        return member

    for name in members or tuple(FAMILY):
        setattr(lib.transform, name, spoiled(name, getattr(lib.transform, name)))
    if not members:
        lib.transform.GradientTransform = GradientTransform


POSITIONAL = ("grad_states", "argnums", "return_value", "has_aux", "transform_params")


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


def meddle_states(lib: Lib, mixin: type) -> None:
    """Let every class of states derive from a mixin first."""
    class State(mixin, refimpl.State):
        pass

    class ParamState(State, refimpl.ParamState):
        pass

    lib.State, lib.ParamState = State, ParamState


Select = Callable[..., Any]
"""``(node, *filters) -> mapping or tuple of mappings``, as refimpl.graph.states."""


def meddle_selection(lib: Lib, hook: Select, treefy: bool = True) -> None:
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


def meddle_filters(lib: Lib, convert: Convert) -> None:
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

    meddle_selection(lib, select)
    lib.util.filter.to_predicate = to_predicate
    for name in ("Any", "All", "Not"):
        lib.util.filter.__dict__[name] = _composed(getattr(room, name), to_predicate)


def _composed(original: Callable[..., Any], to_predicate: Callable[[Any], Any]) -> Any:
    return lambda *filters: original(*map(to_predicate, filters))


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


def selected(call: Call) -> list[refimpl.State]:
    """The selected states, each once."""
    found: dict[refimpl.State, None] = {}
    map_states(found.setdefault, call.options.get("grad_states"))
    return list(found)


def change_transform(lib: Lib, change: Callable[[Any], Any], members: tuple[str, ...]) -> None:
    """Replace members by functions made from them."""
    for name in members:
        setattr(lib.transform, name, change(getattr(lib.transform, name)))


@cache
def all_saboteurs() -> tuple[Saboteur, ...]:
    """Every saboteur, by name."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in ("craft", "matrix"):
            importlib.import_module(f"tests.saboteurs.{module.name}")
    return tuple(SABOTEURS[name] for name in sorted(SABOTEURS))
