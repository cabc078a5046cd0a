"""What a library may throw at a checker, and who is to blame for an exception."""

from __future__ import annotations

import sys
import traceback
from typing import Final

BYSTANDERS: Final = frozenset({"", "hypothesis", "numpy", *sys.stdlib_module_names})
"""Packages that raise because of what they were given: whoever called them is to blame."""


_caught: list[type[BaseException]] = [Exception, SystemExit, GeneratorExit]


def strays() -> tuple[type[BaseException], ...]:
    """The exceptions that a library may raise and that shall not end a run."""
    return tuple(_caught)


def hear_no_keyboard() -> None:
    """Say that the keyboard cannot interrupt this process, so that what looks like an interrupt
    comes from the library, whatever it does to the handling of signals."""
    _caught.append(KeyboardInterrupt)


def is_ours(error: BaseException) -> bool:
    """Whether an exception is a fault of the checker: no library stands between it and the raise.

    The innermost frame that belongs to no bystander decides.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in BYSTANDERS:
            return package == __name__.partition(".")[0]
    return True
