"""What a saboteur is, and the roster of them all.

A saboteur is a copy of the names of ``refimpl`` with some of them replaced, so that one thing is
wrong as a library might get it wrong.
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
from spec.judge.subject import NAMES, Subject

Lib = Any

ANYTHING = "anything"
"""Stands in `also` for a mistake so broad that it may show in any family."""

TOGETHER = ("CMP-21",)
"""Rules that ask for everything at once, and so notice nearly every mistake."""

TOOLS = ("asking", "elsewhere", "first_sight", "fresh", "hooks", "later", "matrix", "narrow",
         "primitives", "quiet", "rare", "roster", "uncaught")
"""The modules of this package that are no chapter's."""


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
        The rules that are meant to catch it; it stands in the chapter of the first.
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
        families = {*self.also, *(broken[:3] for broken in self.breaks)}
        return rule in TOGETHER or ANYTHING in self.also or rule[:3] in families


SABOTEURS: dict[str, Saboteur] = {}


def saboteur(
    *breaks: str, also: str = "", roster: dict[str, Saboteur] = SABOTEURS
) -> Callable[[Callable[[Lib], None]], Callable[[Lib], None]]:
    """Register a function that spoils a namespace; its docstring is the story.

    Parameters
    ----------
    *breaks : str
        The rules that are meant to catch it.
    also : str
        Further families that may notice it, separated by spaces, or ANYTHING.
    roster : dict
        Where it is registered.
    """
    def register(spoil: Callable[[Lib], None]) -> Callable[[Lib], None]:
        name = spoil.__name__
        if name in roster:
            raise ValueError(f"two saboteurs are named {name}")
        story = " ".join((spoil.__doc__ or "").split())
        roster[name] = Saboteur(name, story, breaks, tuple(also.split()), spoil)
        return spoil

    return register


@cache
def all_saboteurs() -> tuple[Saboteur, ...]:
    """Every saboteur of the chapters, by name."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in TOOLS:
            importlib.import_module(f"tests.saboteurs.{module.name}")
    return tuple(SABOTEURS[name] for name in sorted(SABOTEURS))


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
