"""What a library may throw at a checker, and who is to blame for an exception."""

from __future__ import annotations

import signal
import sys
import traceback
from typing import Final

BYSTANDERS: Final = frozenset({"", "hypothesis", "numpy", *sys.stdlib_module_names})
"""Packages that raise because of what they were given: whoever called them is to blame."""


def strays() -> tuple[type[BaseException], ...]:
    """The exceptions that a library may raise and that shall not end a run.

    An interrupt from the keyboard is one of them only where the keyboard cannot interrupt: in a
    worker, which ignores the signal.
    """
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    found = (Exception, SystemExit, GeneratorExit)
    return (*found, KeyboardInterrupt) if deaf else found


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
