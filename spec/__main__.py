"""The entry of the command line: ``python -m spec``, or ``state-ad-spec`` where it is installed."""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from .chapters.rules import families
from .command import check
from .command.adapter import adapter
from .command.arguments import fault, parser
from .command.check import refuse
from .command.compare import compare
from .command.explain import explain
from .command.merge import merge
from .command.render import render
from .command.status import BROKEN, CRASHED, INCOMPLETE, KEPT, UNUSABLE
from .command.tell import say

__all__ = ["BROKEN", "CRASHED", "INCOMPLETE", "KEPT", "UNUSABLE", "main", "parser"]


UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Why something cannot be written, through no fault of the program; a line says so."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is one of :mod:`spec.command.status`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a library may say what it has no letters for
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run(parser().parse_args(argv))
        sys.stdout.flush()  # a full disk is noticed here, and not when nobody can tell any more
        return status
    except KeyboardInterrupt:  # once more, while the end of a run was told
        say("interrupted")
        return INCOMPLETE
    except OSError as error:
        if error.errno not in UNWRITABLE:
            traceback.print_exc()
        else:
            say(str(error))
        return CRASHED
    except Exception:  # a traceback alone would exit with 1, as broken rules do
        traceback.print_exc()
        return CRASHED


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was named."""
    if wrong := fault(arguments):
        return refuse(wrong)
    return COMMANDS[arguments.command](arguments)


def export(arguments: argparse.Namespace) -> int:
    """Print the rules as JSON."""
    print(json.dumps([asdict(family) for family in families().values()], indent=1))
    return KEPT


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "check": check.check, "run": check.run, "merge": merge, "compare": compare,
    "explain": explain, "render": render, "adapter": adapter,
    "export": export,
}


def script() -> int:
    """The installed command; modules of the working directory are found, as by ``python -m``.

    To be told to end is as an interrupt from the keyboard: what is known by then is reported.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    status = main()
    try:
        sys.stdout.flush()
    except OSError:  # what cannot be written is let go, or it would decide about the status
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


if __name__ == "__main__":
    sys.exit(script())
