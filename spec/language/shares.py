"""What programs are made of in the main: shares of drawn calls and histories, each with a floor.

Coverage says that something was drawn once; a share says that it is drawn often enough to meet
the rest.  The floors are about the rules that judge whole calls: CMP-21, WRB and GST.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from typing import Any, Final

from .bodies import FLOW, METHOD
from .cases import Case
from .foreign import FOREIGN
from .histories import HISTORY, History
from .operations import OPERATION
from .programs import Fail, Write, walk

FAMILIES: Final = ("CMP-21", "WRB", "GST")
"""The rules, or families of them, whose draws the floors are about."""


def writes(case: Case) -> int:
    """How many statements write a state."""
    return sum(isinstance(statement, Write) for statement in walk(case.program.body))


def selected(case: Case) -> int:
    """How many states and arguments are differentiated."""
    states = len(case.selection.states) if case.selection is not None else 0
    return states + (len(case.positions) if "arg" in case.sides else 0)


CALL, HISTORY_OF_CALLS = "a call", "a history"
"""What is drawn, each with shares of its own."""


def _shows(axis: str, *nothing: str) -> Callable[[Case], bool]:
    """Whether a choice was made on the way to a case, and came out as something."""
    none = {f"{axis}: {option}" for option in nothing}
    return lambda case: any(
        label.startswith(f"{axis}: ") and label not in none for label in case.labels)


def _has(label: str) -> Callable[[Any], bool]:
    """Whether a case carries a label."""
    return lambda case: label in case.labels


SHARES: Final[Mapping[str, tuple[Fraction, Callable[[Case], bool]]]] = {
    "write a state": (Fraction(1, 2), lambda case: writes(case) >= 1),
    "write twice": (Fraction(1, 4), lambda case: writes(case) >= 2),
    "differentiate three or more": (Fraction(1, 4), lambda case: selected(case) >= 3),
    "have a module": (Fraction(1, 4), lambda case: case.program.module is not None),
    "call a method": (Fraction(1, 20), _shows(METHOD.name, "none")),
    "loop": (Fraction(1, 10), _has(FLOW.label("for"))),
    "branch": (Fraction(1, 10), _shows(FLOW.name, "straight", "for")),
    "fail": (Fraction(1, 10), lambda case: any(
        isinstance(statement, Fail) for statement in walk(case.program.body))),
    "hold an operation": (Fraction(1, 10), _shows(OPERATION.name)),
    "give JAX a body": (Fraction(1, 40), _shows(FOREIGN.name)),
}
"""The shares of calls that are measured: the floor of each, and the cases that count for it."""

OF_HISTORIES: Final[Mapping[str, tuple[Fraction, Callable[[History], bool]]]] = {
    "nest a transform": (Fraction(1, 10), _has(HISTORY.label("nested"))),
    "fail and go on": (Fraction(1, 10), _has(HISTORY.label("failed call"))),
    "compile": (Fraction(1, 10), lambda case: bool(
        {HISTORY.label("compiled"), HISTORY.label("transform compiled")} & case.labels)),
}
"""The shares of histories, likewise."""

FLOORS: Final = {name: floor for kind in (SHARES, OF_HISTORIES)
                 for name, (floor, _) in kind.items()}
"""The least of every share."""


def is_drawn(case: Any) -> bool:
    """Whether a case was drawn; those of a table carry no choices."""
    return isinstance(case, Case) and any(label.startswith("dtype: ") for label in case.labels)


def counted(case: Any) -> tuple[frozenset[str], ...]:
    """The shares that a case counts for, with what it is, if it was drawn; else nothing."""
    if isinstance(case, History):
        held = (name for name, (_, holds) in OF_HISTORIES.items() if holds(case))
        return (frozenset([HISTORY_OF_CALLS, *held]),)
    if not is_drawn(case):
        return ()
    return (frozenset([CALL, *(name for name, (_, holds) in SHARES.items() if holds(case))]),)


def shares(drawn: Collection[frozenset[str]]) -> dict[str, Fraction]:
    """The share of the drawn calls, or histories, that count for each; of none, zero."""
    found: dict[str, Fraction] = {}
    for kind, names in ((CALL, SHARES), (HISTORY_OF_CALLS, OF_HISTORIES)):
        alike = [one for one in drawn if kind in one]
        found |= {name: Fraction(sum(name in one for one in alike), max(len(alike), 1))
                  for name in names}
    return found


def below(measured: Mapping[str, Fraction]) -> list[str]:
    """The shares that are under their floors."""
    return [f"{float(measured[name]):.0%} {name}; expected at least {float(floor):.0%}"
            for name, floor in FLOORS.items() if measured[name] < floor]
