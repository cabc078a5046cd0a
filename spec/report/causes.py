"""Causes: what is behind several failures at once, as far as the same words show it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ..chapters.rules import registry
from ..judge.verdict import Outcome, Verdict
from .report import Report

NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class Cause:
    """Failures of which the most telling outcomes say the same.

    Attributes
    ----------
    words : str
        What they say, in a line.
    groups : tuple of tuple of Outcome
        The failing outcomes, those of one check together, the most telling first.
    """

    words: str
    groups: tuple[tuple[Outcome, ...], ...]

    @property
    def rules(self) -> list[str]:
        """The rules that fail by it, in the order of the specification."""
        return list(dict.fromkeys(alike[0].rule for alike in self.groups))

    @property
    def points(self) -> int:
        """At how many points."""
        return sum(map(len, self.groups))

    @property
    def shown(self) -> Outcome:
        """The outcome with the shortest script, if any has one."""
        return self.shown_for()

    def shown_for(self, rule: str = "") -> Outcome:
        """That of a rule, if one is named."""
        firsts = [alike[0] for alike in self.groups if rule in ("", alike[0].rule)]
        return min(firsts, key=lambda outcome: (not outcome.script, len(outcome.script)))


def causes(report: Report) -> list[Cause]:
    """The causes of all that is neither kept, known nor absent, those of most rules first."""
    found: dict[tuple[str, ...], list[tuple[Outcome, ...]]] = {}
    for alike in report.failures():
        if alike[0].verdict not in (Verdict.ABSENT, Verdict.KNOWN):
            found.setdefault(_key(alike[0]), []).append(tuple(alike))
    made = [Cause(said(groups[0][0]), tuple(groups)) for groups in found.values()]
    return sorted(made, key=lambda cause: -len(cause.rules))


def said(outcome: Outcome) -> str:
    """What an outcome says, in a line that does not name the place."""
    if _raises(outcome):
        return f"raised {_error(outcome)}"
    definite = outcome.expected not in ("", registry()[outcome.rule].statement)
    told = f"expected {outcome.expected}, got {outcome.actual}"
    return " ".join((told if definite else outcome.message).split())


def _key(outcome: Outcome) -> tuple[str, ...]:
    if _raises(outcome):
        return str(outcome.verdict), NUMBERS.sub("#", _error(outcome))
    return str(outcome.verdict), outcome.expected, outcome.actual or outcome.message


def _raises(outcome: Outcome) -> bool:
    return outcome.expected == "no error"


def _error(outcome: Outcome) -> str:
    """The exception without the name of what raised it."""
    return re.sub(r"^(\S+ )?raised ", "", outcome.actual)


def wanting(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """The names that the implementation lacks, with how many rules need each, if only for some of
    the cases that they draw."""
    pairs = {(name, outcome.rule) for outcome in outcomes
             for name in (*outcome.lacks, *outcome.narrowed)}
    return dict(Counter(name for name, _ in sorted(pairs)).most_common())
