"""Running a script or a case on an implementation, and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..expected.expectation import Expectation
from ..expected.layout import Array
from ..language import returns
from ..language.cases import Case
from ..language.script import Script
from . import difference
from .difference import Difference, Unreadable, raised
from .subject import Subject


def misplaced(structure: returns.Structure, got: Any, place: str) -> Difference | None:
    """The first place where a result does not have the tuples of a row."""
    if isinstance(structure, str):
        return None
    if type(got) is not tuple or len(got) != len(structure):
        return difference.of_size(place, tuple, len(structure), got)
    return next(filter(None, (
        misplaced(item, got[i], f"{place}[{i}]") for i, item in enumerate(structure)
    )), None)


@dataclass(frozen=True)
class Observation:
    """What an implementation did with a case.

    Attributes
    ----------
    case, subject : Case, Subject
        What was run on what.
    result : object
        What the call returned.
    after : mapping
        The value of every state after the call.
    names : mapping
        The names that the script defined.
    name : str
        The source that reaches the result.
    """

    case: Case
    subject: Subject
    result: Any
    after: dict[str, Any]
    names: dict[str, Any]
    name: str = "result"

    @cached_property
    def expected(self) -> Expectation:
        """What the case must give."""
        return expectation(self.case, self.subject)

    @cached_property
    def parts(self) -> dict[str, Any]:
        """The result taken apart by the row of the table.

        Raises
        ------
        Unreadable
            If the result does not have the row's structure, which the RET rules judge.
        """
        if found := misplaced(self.case.row.result, self.result, self.name):
            raise Unreadable(found, "the result")
        return returns.split(self.case.row.result, self.result)

    def place(self, part: str) -> str:
        """The source that reaches a part of the result, for example ``result[0][1]``."""
        return f"{self.name}{place_of(self.case.row.result, part) or ''}"


def place_of(structure: returns.Structure, part: str) -> str | None:
    """Source to append to a result of the structure to reach a part; None if it has none."""
    if isinstance(structure, str):
        return "" if structure == part else None
    for index, item in enumerate(structure):
        if (rest := place_of(item, part)) is not None:
            return f"[{index}]{rest}"
    return None


def run(script: Script, subject: Subject, by: str = "") -> dict[str, Any]:
    """The names that a script defines on an implementation.

    Raises
    ------
    Violation
        If the script raises.
    """
    try:
        return script.run(subject.lib, subject.xp, subject.foreign)
    except Exception as error:
        raise raised(error, by) from error


def observe(case: Case, subject: Subject) -> Observation:
    """Run a case on an implementation.

    Raises
    ------
    Violation
        If the script raises, or a state cannot be read after it.
    """
    names = run(case, subject, case.member)
    try:
        after = {var.id: names[var.id].value for var in case.program.states}
    except Exception as error:
        states = ", ".join(f"{var.id}.value" for var in case.program.states)
        raise raised(error, f"after the call, reading {states}", f"[{states}]") from error
    return Observation(case, subject, names["result"], after, names)


def expectation(case: Case, subject: Subject) -> Expectation:
    """What a case must give, with the implementation's own random numbers replayed."""
    draws: list[Array] = []
    if case.program.seed is not None:
        subject.lib.random.seed(case.program.seed)
        draws = [np.asarray(subject.lib.random.normal(size=s)) for s in case.program.draws]
    return Expectation(case, draws)
