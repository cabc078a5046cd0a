"""Kinds of failures: two of one kind have, as far as it shows, one cause."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection
from pathlib import PurePath
from types import FrameType
from typing import Final

from .difference import Violation, first_line, told
from .stray import BYSTANDERS

OURS: Final = __name__.partition(".")[0]
ENGINES: Final = BYSTANDERS | {"jax", "jaxlib"}
"""Packages that raise for whoever called them: the library, or the script itself."""
VARYING: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\[[^][]*\]|[-+]?\d[\d.e+-]*")
"""What differs in the words of a failure from case to case: names, shapes, figures."""


def kind_of(error: BaseException) -> str:
    """What names the kind of a failure.

    For an exception of the library it is the class and the line of the library that raised, or
    its words where that is no line of the library.  For a value that is not what it must be, it
    is the line of the check that found it: one lost write is a wrong value here, and a wrong
    dtype there.
    """
    _, difference = told(error)
    root = error.__cause__ if isinstance(error, Violation) and error.__cause__ else error
    if difference.expected == "no error":
        line = _raising(root, ENGINES | {OURS})
        return f"{type(root).__name__} {line or plain(first_line(root))}"
    return _raising(root)


def _raising(error: BaseException, but: Collection[str] = ()) -> str:
    """The innermost line that belongs to none of some packages; empty if there is no such line."""
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        if _package(frame) not in but:
            return f"{PurePath(frame.f_code.co_filename).name}:{line}"
    return ""


def _package(frame: FrameType) -> str:
    """The package whose code runs in a frame; that of a script has none."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def plain(words: str) -> str:
    """Words without what differs from case to case."""
    while (less := VARYING.sub("#", words)) != words:
        words = less
    return words
