"""Tools to make a deliberately wrong implementation out of a right one, in a few lines.

A saboteur starts from a copy of ``refimpl``'s names and replaces some of them, through the public
interface alone, so that what it breaks is what a real library could break.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import refimpl
import tests.saboteurs as package
from spec.implementation import NAMES, Subject
from spec.transforms import FAMILY

Lib = Any


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
    spoil : callable
        Changes a copy of the reference implementation's namespace in place.
    """

    name: str
    story: str
    breaks: tuple[str, ...]
    spoil: Callable[[Lib], None]

    def subject(self) -> Subject:
        """The wrong implementation, ready to be checked."""
        lib = copy_of(refimpl)
        self.spoil(lib)
        return Subject(f"saboteur_{self.name}", lib)


SABOTEURS: dict[str, Saboteur] = {}


def saboteur(*breaks: str) -> Callable[[Callable[[Lib], None]], Callable[[Lib], None]]:
    """Register a function that spoils a namespace; its docstring is the story."""
    def register(spoil: Callable[[Lib], None]) -> Callable[[Lib], None]:
        name = spoil.__name__
        if name in SABOTEURS:
            raise ValueError(f"two saboteurs are named {name}")
        story = (spoil.__doc__ or "").strip()
        SABOTEURS[name] = Saboteur(name, story, breaks, spoil)
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
            self.options = options

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            call = Call(self.member, self, self.options, args, kwargs)
            return hook(call) if not members or self.member in members else call.proceed()

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

    for name in FAMILY:
        setattr(lib.transform, name, spoiled(name, getattr(lib.transform, name)))
    lib.transform.GradientTransform = GradientTransform


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
