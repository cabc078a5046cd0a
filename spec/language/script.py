"""What prints as a script, and running the text that a failure shows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any


class Script(ABC):
    """Something to run on a library that prints as a plain script.

    The script is not a rendering of the test: it *is* the test, since the text that a failure
    shows is the text that runs, on an implementation and on the model.

    Attributes
    ----------
    labels : frozenset of str
        The choices that made it, where they are counted; see :mod:`spec.language.labels`.
    """

    labels: frozenset[str] = frozenset()

    def __init_subclass__(cls) -> None:
        # A dataclass makes a representation of its own unless its class holds one already.
        cls.__repr__ = Script.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    @abstractmethod
    def lines(self) -> list[str]:
        """The whole script, without the header that imports the library."""

    def run(self, lib: Any, xp: Any, jax: Any = None) -> dict[str, Any]:
        """Run the script with the given library, array namespace and JAX; the names it defines."""
        return execute(self.lines(), lib, xp, jax)


def execute(lines: Iterable[str], lib: Any, xp: Any, jax: Any = None) -> dict[str, Any]:
    """Run script lines with the given library, array namespace and JAX; the names they define."""
    names: dict[str, Any] = {"lib": lib, "jnp": xp, "jax": jax}
    go_on(lines, names)
    return names


def go_on(lines: Iterable[str], names: dict[str, Any]) -> None:
    """Run further lines of a script, whose names so far are given and are added to."""
    exec(compile("\n".join(lines), "<case>", "exec"), names)  # noqa: S102
