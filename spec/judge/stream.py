"""Judging where a call leaves the random stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.judge.check import Violation, first_line
from spec.judge.subject import Subject
from spec.language.cases import Case
from spec.language.script import execute


def judge_stream(subject: Subject, case: Case) -> None:
    """The next draw is the one that follows a plain call of the same function."""
    def next_draw(last: str) -> Any:
        names = execute([*case.setup(), last], subject.lib, subject.xp)
        return np.asarray(names["lib"].random.normal(size=()))

    try:
        got = next_draw(case.call())
    except Exception as error:
        raise Violation(f"raised {type(error).__name__}: {first_line(error)}") from error
    expected = next_draw(f"f({case.arguments()})")
    if got != expected:
        raise Violation(
            f"the next draw: expected {expected} as after one plain call, got {got}",
            f"jnp.allclose(lib.random.normal(size=()), {float(expected)})",
        )
