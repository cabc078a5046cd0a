"""Judging where a call leaves the random stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..language.cases import Case
from ..language.script import execute
from .difference import Difference, Violation, raised
from .subject import Subject


def judge_stream(subject: Subject, case: Case) -> None:
    """The next draw is the one that follows a plain call of the same function."""
    draw = "lib.random.normal(size=())"

    def next_draw(last: str) -> Any:
        names = execute([*case.setup(), last], subject.lib, subject.xp, subject.foreign)
        try:
            return np.asarray(names["lib"].random.normal(size=()))
        except Exception as error:
            raise raised(error, "the next draw", f"[{draw}]") from error

    try:
        got = next_draw(case.call())
    except Violation:
        raise
    except Exception as error:
        raise raised(error) from error
    plain = f"f({case.arguments()})"
    expected = next_draw(plain)
    if got != expected:
        raise Violation(
            Difference("the next draw", f"got == {draw}", f"{expected} as after one plain call",
                       f"{got}"),
            lines=[*case.lines(), f"got = {draw}", f"lib.random.seed({case.program.seed})", plain],
        )
