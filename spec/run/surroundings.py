"""What surrounds a point, and is to be for the next one as it was for this one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from ..judge.stray import strays
from ..judge.subject import Subject, lookup

SEED: Final = "random.seed"


class Surroundings:
    """The configuration of JAX, the working directory, and where things are printed, as they are
    when this is made.

    The random stream of the library begins anew, so that no point goes on with what another left
    there, which may be no key.

    Parameters
    ----------
    subject : Subject
        The implementation, which may be one on JAX.
    """

    def __init__(self, subject: Subject) -> None:
        self._config = subject.jax.config if subject.on_jax else None
        self._before = dict(self._config.values) if self._config else {}
        self._folder = _working_directory()
        self._printed = {name: getattr(sys, name) for name in ("stdout", "stderr")}
        _seed(subject)

    def restored(self) -> list[str]:
        """Put back what was changed, and name it."""
        return [*self._configuration(), *self._directory(), *self._printing()]

    def _configuration(self) -> list[str]:
        if self._config is None:
            return []
        now = self._config.values
        changed = [name for name, value in self._before.items() if now[name] is not value
                   and now[name] != value]
        for name in changed:
            self._config.update(name, self._before[name])
        return [f"jax.config.{name}" for name in changed]

    def _directory(self) -> Iterator[str]:
        if _working_directory() != self._folder:
            with suppress(OSError):  # it may have been removed
                os.chdir(self._folder)
            yield "the working directory"

    def _printing(self) -> Iterator[str]:
        for name, stream in self._printed.items():
            closed = getattr(stream, "closed", False)
            if closed or getattr(sys, name) is not stream:
                setattr(sys, name, open(os.devnull, "w") if closed else stream)
                yield f"sys.{name}"


def _seed(subject: Subject) -> None:
    """Begin the library's random stream anew; whether that works is for the rules to judge."""
    if SEED not in subject.hidden:
        with suppress(*strays()):  # it may have no such name, either
            lookup(subject.lib, SEED)(0)


def _working_directory() -> str:
    """The working directory; empty where there is none any more."""
    try:
        return os.getcwd()
    except OSError:
        return ""
