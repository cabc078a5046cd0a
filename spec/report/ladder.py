"""The ladder: in which order a library that is on its way takes the rules.

The first rungs are chosen so that each stands on those before it: a state, a derivative by
arguments, by states, the effects of a call.  Then come the other rules, those that bind first.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from ..chapters.rules import Level, registry
from ..judge.subject import CLASSES
from ..judge.verdict import Verdict
from .causes import Cause, causes, wanting
from .report import Report

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
    """The first rule on the ladder that is broken; empty if none is."""
    verdicts = report.verdicts()
    return next((id_ for id_ in ladder() if verdicts.get(id_) is Verdict.FAIL), "")


def cause_of(report: Report, rule: str) -> Cause:
    """The cause by which a rule that is broken fails, that of most rules if there are several."""
    return next(cause for cause in causes(report) if rule in cause.rules
                and cause.shown.verdict is Verdict.FAIL)


def lacking(report: Report) -> tuple[str, int]:
    """The name to offer next, and how many rules need it: of core before other classes, and of
    these the one that most rules need; an empty name if none lacks."""
    lacks = wanting(report.outcomes)
    for names in CLASSES.values():
        if mine := [name for name in lacks if name in names]:
            return max(mine, key=lambda name: lacks[name]), max(lacks[name] for name in mine)
    return "", 0


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
        return (f"next: {sum(report.unreached.values())} points of {len(report.unreached)} rules "
                f"were not reached; go on with --resume, or allow more time")
    name, needed = lacking(report)
    if name:
        return f"next: offer {name}, which {needed} rules need, or leave it out for good"
    return "next: keep it so: write the results with --report FILE, and compare with --expect FILE"
