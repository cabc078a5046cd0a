"""Verdicts: what is known about a rule, a check, or a check at one point of its axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What is known about a rule, a check, or a check at one point of its axis."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    """The check itself broke: a fault of the checker, and never a success."""
    INCONCLUSIVE = "inconclusive"
    KNOWN = "known"
    """A failure that is known, with the reason; see :mod:`spec.run.known`."""
    ABSENT = "absent"


SEVERITY = (
    Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.KNOWN, Verdict.PASS, Verdict.ABSENT
)
"""From the verdict that decides for a rule first to the one that decides last.

A rule is not implemented where nothing of it could be judged; otherwise what could be judged
decides, and the report counts the rest.
"""


@dataclass(frozen=True)
class Failure:
    """One way in which a check fails at a point.

    Attributes
    ----------
    message : str
        What was seen, in a sentence.
    kind : str
        Failures of one kind have, as far as it shows, one cause; see :mod:`spec.judge.kinds`.
    place, expected, actual, script : str
        As of an outcome.
    """

    message: str
    kind: str = ""
    place: str = ""
    expected: str = ""
    actual: str = ""
    script: str = ""

    @classmethod
    def of(cls, outcome: Outcome) -> Failure:
        """What an outcome tells of."""
        return cls(**{field.name: getattr(outcome, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Outcome:
    """A check at one point of its axis, decided.

    Attributes
    ----------
    rule, check, point : str
        What was decided.
    verdict : Verdict
        The decision.
    message : str
        Why, where it is not a pass; of a pass, what some cases were left out for.
    place, expected, actual : str
        Where the implementation differs, what should have been there and what was; empty where
        nothing was compared.
    script : str
        A script that shows the failure with nothing but the implementation.
    examples : int
        How many cases were judged.
    undecided : int
        How many of them the oracles could not decide.
    known : str
        Why a failure that is known is one.
    seen : str
        For a rule of level OPEN, which of the permitted outcomes the implementation shows.
    needs : frozenset of str
        The names of the interface that were looked up.
    labels : frozenset of str
        What the cases that ran covered; see :mod:`spec.language.labels`.
    counted : tuple of frozenset
        The shares that every drawn case counts for; see :mod:`spec.language.shares`.
    kind : str
        The kind of the failure that is told.
    number : int
        Which failure of the point is told; the one that was found first is 1.
    further : tuple of Failure
        Those that were found behind it.
    """

    rule: str
    check: str
    point: str
    verdict: Verdict
    message: str = ""
    place: str = ""
    expected: str = ""
    actual: str = ""
    script: str = ""
    examples: int = 1
    undecided: int = 0
    known: str = ""
    seen: str = ""
    needs: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    counted: tuple[frozenset[str], ...] = ()
    kind: str = ""
    number: int = 1
    further: tuple[Failure, ...] = ()

    def failing(self, first: Failure, *further: Failure) -> Outcome:
        """The outcome with what fails."""
        return replace(self, verdict=Verdict.FAIL, **vars(first), further=further)

    def each(self) -> tuple[Outcome, ...]:
        """For every failure that was found, an outcome that tells of it alone."""
        return replace(self, further=()), *(
            replace(self, **vars(failure), number=self.number + after, further=())
            for after, failure in enumerate(self.further, 1))

    @property
    def lacks(self) -> tuple[str, ...]:
        """The names for want of which the point is absent, the one looked up first first."""
        return lacked(self.message) if self.verdict is Verdict.ABSENT else ()

    @property
    def narrowed(self) -> tuple[str, ...]:
        """The names for want of which some of the cases that were drawn were left out, of a point
        that passes without them."""
        left_out = self.verdict is Verdict.PASS and self.message.startswith(NEEDS)
        return lacked(self.message) if left_out else ()

    @property
    def id(self) -> str:
        """The id of the case: what a person says who wants it once more."""
        return case_id(self.rule, self.check, self.point)

    @property
    def name(self) -> str:
        """What names the failure that is told in a report."""
        return failure_name(self.id, self.number)


NEEDS: Final = "needs "


def needing(names: Iterable[str]) -> str:
    """What is said of a point that is absent for want of some names."""
    return f"{NEEDS}{', '.join(names)}"


def lacked(message: str) -> tuple[str, ...]:
    """The names that a point is said to want."""
    return tuple(message.removeprefix(NEEDS).split(", "))


def case_id(rule: str, check: str, point: str) -> str:
    """What names a check at a point of its axis, for a person who wants it once more."""
    return f"{rule}/{check}[{point}]" if point else f"{rule}/{check}"


def failure_name(case: str, number: int) -> str:
    """What names a failure in a report: the id of the case, and which of several it is."""
    return f"{case} #{number}" if number > 1 else case


def verdict_of(outcomes: Iterable[Outcome]) -> Verdict:
    """The verdict of a rule from the outcomes of its checks."""
    seen = {outcome.verdict for outcome in outcomes}
    return next(verdict for verdict in SEVERITY if verdict in seen)


def worst(verdict: str) -> int:
    """How far down the list of severity a verdict stands; what decides first is 0."""
    return SEVERITY.index(Verdict(verdict))
