"""The implementation under test, as checks see it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ..language.dtypes import BFLOAT16
from ..language.transforms import CONTROL, FAMILY

CLASSES: Final = {
    "basic": ("State", "ParamState", "transform.grad"),
    "core": (
        "nn.Module", "graph.treefy_states",
        *(f"transform.{n}" for n in FAMILY if n not in ("grad", "fwd_grad")),
        "transform.GradientTransform", "transform.StateFinder",
    ),
    "products": ("transform.vjp", "transform.jvp", "transform.fwd_grad"),
    "filters": tuple(
        f"util.filter.{n}"
        for n in (
            "to_predicate", "OfType", "WithTag", "PathContains", "Any", "All", "Not",
            "Everything", "Nothing",
        )
    ),
    "jit": ("transform.jit",),
    "random": tuple(
        f"random.{n}" for n in ("seed", "split_key", "normal", "uniform", "randn", "random")
    ),
    "control": tuple(f"transform.{n}" for n in CONTROL),
}
"""The classes of conformance, with the names that each adds, as dotted paths: core to those of
basic, and every other class to those of core."""

NAMES: Final = tuple(name for names in CLASSES.values() for name in names)
"""The adapter interface: every name that a rule may need."""



def covered(classes: Collection[str]) -> tuple[str, ...]:
    """The classes that come with some: basic stands alone, every other stands on core, which
    stands on basic."""
    lowest = ("basic",) if {*classes} == {"basic"} else ("basic", "core")
    return tuple(name for name in CLASSES if name in {*lowest, *classes})


PREFIXES: Final = frozenset(
    ".".join(parts[:count])
    for parts in (name.split(".") for name in NAMES) for count in range(1, len(parts))
)
"""The namespaces of the interface, as dotted paths."""


DTYPES: Final = (BFLOAT16,)
"""The dtypes of drawn programs that an array namespace may do without."""

_LOOKUP: Final = re.compile(r"\blib\.(\w+(?:\.\w+)*)")


class Absent(BaseException):
    """A check looked up a name of the interface that the implementation lacks.

    No exception of a library, so that no check takes it for one.

    Parameters
    ----------
    name : str
        The name.
    lines : sequence of str
        The script that looked it up, which may look up more.
    """

    def __init__(self, name: str, lines: Sequence[str] = ()) -> None:
        super().__init__(name)
        self.lines = lines


class Room:
    """A namespace of an implementation; an absent name of the interface raises Absent."""

    def __init__(
        self, room: Any, prefix: str = "", hidden: frozenset[str] = frozenset(),
        asked: set[str] | None = None,
    ) -> None:
        self._room, self._prefix, self._hidden = room, prefix, hidden
        self._asked = set() if asked is None else asked

    def __getattr__(self, name: str) -> Any:
        dotted = self._prefix + name
        value = getattr(self._room, name, None)
        if dotted in PREFIXES:
            return Room(value, f"{dotted}.", self._hidden, self._asked)
        if dotted in NAMES:
            self._asked.add(dotted)
        if dotted in self._hidden or (value is None and dotted in NAMES):
            raise Absent(dotted)
        return getattr(self._room, name) if value is None else value


class Arrays:
    """An array namespace that does without some dtype: what it lacks raises Absent."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name in DTYPES and not hasattr(self._module, name):
            raise Absent(name)
        return getattr(self._module, name)


class Lacking:
    """Stands for a package that an implementation does without: its names raise Absent."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> Any:
        raise Absent(self._package)


def lookup(namespace: Any, dotted: str) -> Any:
    """The attribute at a dotted path.

    Raises
    ------
    AttributeError
        If any part is absent.
    """
    for part in dotted.split("."):
        namespace = getattr(namespace, part)
    return namespace


def mentioned(lines: Iterable[str]) -> frozenset[str]:
    """The names of the interface that a script looks up."""
    found: set[str] = set()
    for path in _LOOKUP.findall("\n".join(lines)):
        parts = path.split(".")
        found.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return frozenset(found & {*NAMES})


@dataclass(frozen=True)
class Subject:
    """An implementation under test.

    Attributes
    ----------
    name : str
        The module's name as the user gave it; scripts import it.
    lib : namespace
        The module, or any object with the same attributes.
    hidden : frozenset of str
        Names of the interface that checks are not to use, as if it lacked them.
    """

    name: str
    lib: Any
    hidden: frozenset[str] = frozenset()

    @cached_property
    def missing(self) -> frozenset[str]:
        """The names of the interface that the implementation lacks."""
        def absent(name: str) -> bool:
            try:
                return lookup(self.lib, name) is None
            except AttributeError:
                return True

        return frozenset(name for name in NAMES if absent(name))

    def lacking(self, absent: Absent) -> list[str]:
        """The names that a check cannot do without: the one that it looked up first, then the
        others that its script looks up."""
        more = mentioned(absent.lines) & (self.missing | self.hidden)
        return [str(absent), *(name for name in NAMES if name in more and name != str(absent))]

    @property
    def version(self) -> str:
        """The module's own word on its version."""
        return str(getattr(self.lib, "__version__", "unknown"))

    @property
    def arrays(self) -> str:
        """The name of the array namespace; JAX's unless the module says otherwise."""
        stated = getattr(self.lib, "array_namespace", "jax.numpy")
        return stated if isinstance(stated, str) else str(stated.__name__)

    @cached_property
    def xp(self) -> Any:
        """The array namespace; a dtype that it lacks raises Absent."""
        module = importlib.import_module(self.arrays)
        return module if all(hasattr(module, name) for name in DTYPES) else Arrays(module)

    @property
    def on_jax(self) -> bool:
        """Whether the arrays are JAX's."""
        return self.arrays == "jax.numpy"

    @property
    def jax(self) -> Any:
        """JAX itself, for what only its own transforms can show.

        Raises
        ------
        Absent
            If the implementation is not built on JAX.
        """
        if not self.on_jax:
            raise Absent("jax")
        return importlib.import_module("jax")

    @property
    def foreign(self) -> Any:
        """JAX itself, for scripts; without JAX, what raises Absent where a script looks it up."""
        return self.jax if self.on_jax else Lacking("jax")

    def guarded(self, asked: set[str] | None = None) -> Subject:
        """The implementation as a check gets it: a name that it lacks raises Absent.

        Names of the interface that are looked up are added to a set, if one is given.
        """
        return Subject(self.name, Room(self.lib, hidden=self.hidden, asked=asked))

    @property
    def asked(self) -> set[str]:
        """The names of the interface that were looked up since the subject was guarded."""
        return self.lib._asked if isinstance(self.lib, Room) else set()

    def header(self) -> list[str]:
        """The first lines of a script for this implementation."""
        lines = [f"import {self.name} as lib"]
        if self.on_jax:
            return [*lines, "import jax, jax.numpy as jnp",
                    "jax.config.update('jax_enable_x64', True)"]
        return [*lines, f"import {self.arrays} as jnp"]
