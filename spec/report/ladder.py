"""The ladder: in which order a library that is on its way takes the rules.

The first rungs are chosen so that each stands on those before it: a state, a derivative by
arguments, by states, the effects of a call.  Then come the other rules, those that bind first.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from ..chapters.rules import Level, registry
from ..judge.subject import CLASSES
from ..judge.verdict import Outcome, Verdict, verdict_of
from .causes import Cause, causes, wanting
from .report import CLASS_OF, Report
from .words import amount

FIRST: Final = (
    "STA-01", "STA-06", "STA-02", "RET-01", "RET-03", "DER-01", "RET-05", "GST-01", "GST-02",
    "DER-02", "WRB-14", "WRB-01", "WRB-02", "WRB-07", "WRB-23", "WRB-04", "RET-07", "RET-02",
    "RET-06", "RET-09", "WRB-08", "WRB-15", "SEL-01", "GST-09",
)
"""The first rungs."""


@cache
def ladder() -> tuple[str, ...]:
    """All rules, in the order in which they are best taken."""
    levels = list(Level)
    rest = sorted((rule for rule in registry().values() if rule.id not in FIRST),
                  key=lambda rule: levels.index(rule.level))
    return *FIRST, *(rule.id for rule in rest)


def broken(report: Report) -> str:
    """The first rule on the ladder that is broken; empty if none is.

    Beyond the first rungs, of rules of one level that comes first whose failure needs no class but
    core, or else an early one, and of these the one whose failure needs fewest names.
    """
    def height(rule: str, mine: Iterable[Outcome]) -> tuple[int, ...]:
        if rule in FIRST:
            return (-1, FIRST.index(rule))
        failed = [outcome.needs for outcome in mine if outcome.verdict is Verdict.FAIL]
        easiest = min((_class_of(needs), len(needs)) for needs in failed)
        return list(Level).index(registry()[rule].level), *easiest, ladder().index(rule)

    heights = {rule: height(rule, mine) for rule, mine in report.by_rule().items()
               if verdict_of(mine) is Verdict.FAIL}
    return min(heights, key=heights.__getitem__, default="")


def _class_of(names: Iterable[str]) -> int:
    """The place of the last class that some names are of; that of core if they are of none."""
    return max((list(CLASSES).index(CLASS_OF.get(name, "core")) for name in names), default=0)


def cause_of(report: Report, rule: str) -> Cause:
    """The cause by which a rule that is broken fails, that of most rules if there are several."""
    return next(cause for cause in causes(report) if rule in cause.rules
                and cause.shown.verdict is Verdict.FAIL)


def lacking(report: Report) -> tuple[str, int]:
    """The name to offer next, and how many rules wait for it; an empty name if none lacks.

    It is the one for which the first point on the ladder waits, of those that need no class but
    core, or else an early one, and of these of those that wait for fewest names.
    """
    waiting = [outcome for outcome in report.outcomes
               if outcome.lacks and CLASS_OF.keys() >= {*outcome.lacks}]
    if not waiting:
        return "", 0
    first = min(waiting, key=lambda outcome: (_class_of(outcome.lacks), len(outcome.lacks),
                                              ladder().index(outcome.rule)))
    name = min(first.lacks, key=list(CLASS_OF).index)
    return name, wanting(report.outcomes)[name]


def next_step(report: Report, *, full: bool = False) -> str:
    """One line that says what to do now."""
    verdicts = report.verdicts()
    if rule := broken(report):
        cause = cause_of(report, rule)
        others = len(cause.rules) - 1
        same = f"; what it shows breaks {others} more" if others else ""
        how = "run its script by itself" if full else "--next shows it alone"
        return f"next: {rule} {registry()[rule].title}: {how}{same}"
    if Verdict.ERROR in verdicts.values():
        return "next: report the error, which is one of the checker and not of the library"
    if report.unreached:
        points = amount(sum(report.unreached.values()), "point")
        return (f"next: {points} of {amount(len(report.unreached), 'rule')} were not reached; "
                f"go on with --resume, or allow more time")
    name, needed = lacking(report)
    if name:
        wait = "rule needs" if needed == 1 else "rules need"
        return f"next: offer {name}, which {needed} {wait}, or leave it out for good"
    return "next: keep it so: write the results with --report FILE, and compare with --expect FILE"
