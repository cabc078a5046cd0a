"""Judging where a call leaves the random stream."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..language.cases import Case
from ..language.script import execute
from .difference import Difference, Violation, raised
from .subject import Subject

Array = NDArray[Any]

DRAW: Final = "lib.random.normal(size=())"
"""One more draw."""


def next_draw(random: Any, place: str = "the next draw") -> Array:
    """One more draw, from a stream that may hold what is traced no more.

    Raises
    ------
    Violation
        If nothing can be drawn.
    """
    try:
        return np.asarray(random.normal(size=()))
    except Exception as error:
        raise raised(error, place, f"[{DRAW}]") from error


def judge_stream(subject: Subject, case: Case) -> None:
    """The next draw is the one that follows a plain call of the same function."""
    def after(last: str) -> Array:
        names = execute([*case.setup(), last], subject.lib, subject.xp, subject.foreign)
        return next_draw(names["lib"].random)

    try:
        got = after(case.call())
    except Violation:
        raise
    except Exception as error:
        raise raised(error) from error
    plain = f"f({case.arguments()})"
    expected = after(plain)
    if got != expected:
        raise Violation(
            Difference("the next draw", f"got == {DRAW}", f"{expected} as after one plain call",
                       f"{got}"),
            lines=[*case.lines(), f"got = {DRAW}", f"lib.random.seed({case.program.seed})", plain],
        )
