"""The ladder: in which order a library that is on its way takes the rules.

The first rungs are class basic, in which each rule stands on those before it.  Then come the other
rules, those that bind first.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from ..chapters.basic import BASIC
from ..chapters.rules import Level, registry
from ..judge.subject import CLASSES
from ..judge.verdict import Outcome, Verdict, verdict_of
from .causes import Cause, causes, wanting
from .report import CLASS_OF, Report
from .words import amount

FIRST: Final = (*BASIC, "SEL-01", "GST-09")
"""The first rungs: class basic, then what a module has."""


@cache
def ladder() -> tuple[str, ...]:
    """All rules, in the order in which they are best taken."""
    levels = list(Level)
    rest = sorted((rule for rule in registry().values() if rule.id not in FIRST),
                  key=lambda rule: levels.index(rule.level))
    return *FIRST, *(rule.id for rule in rest)


def broken(report: Report) -> str:
    """The first rule on the ladder that is broken; empty if none is.

    Beyond the first rungs, of rules of one level that comes first whose failure needs an early
    class, and of these the one whose failure needs fewest names.
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
    """The place of the last class that some names are of; the first if they are of none."""
    return max((list(CLASSES).index(CLASS_OF.get(name, "basic")) for name in names), default=0)


def cause_of(report: Report, rule: str) -> Cause:
    """The cause by which a rule that is broken fails, that of most rules if there are several."""
    return next(cause for cause in causes(report) if rule in cause.rules
                and cause.shown.verdict is Verdict.FAIL)


def lacking(report: Report) -> str:
    """The name to offer next; empty if none lacks.

    It is the one for which the first point on the ladder waits, of those that need an early class,
    and of these of those that wait for fewest names.
    """
    waiting = [outcome for outcome in report.outcomes
               if outcome.lacks and CLASS_OF.keys() >= {*outcome.lacks}]
    if not waiting:
        return ""
    first = min(waiting, key=lambda outcome: (_class_of(outcome.lacks), len(outcome.lacks),
                                              ladder().index(outcome.rule)))
    return min(first.lacks, key=list(CLASS_OF).index)


def gained(report: Report, name: str) -> tuple[int, int]:
    """How many rules that nothing was judged of wait for a name alone, and how many more use it."""
    wait = {outcome.rule for outcome in report.outcomes if outcome.lacks == (name,)}
    wait -= {outcome.rule for outcome in report.outcomes if outcome.verdict is not Verdict.ABSENT}
    return len(wait), wanting(report.outcomes)[name] - len(wait)


def next_step(report: Report, *, full: bool = False) -> str:
    """One line that says what to do now; once class basic is kept, and core is not, that it is."""
    step, of_core = _step(report, full)
    return f"class basic is green; core next: {step}" if of_core and basic_is_kept(report) else (
        f"next: {step}")


def basic_is_kept(report: Report) -> bool:
    """Whether every rule of class basic was judged, and is kept."""
    verdicts = report.by_class().get("basic", {})
    return all(verdicts.get(rule) is Verdict.PASS for rule in BASIC)


def _step(report: Report, full: bool) -> tuple[str, bool]:
    """What to do now, and whether it is what class core wants."""
    verdicts = report.verdicts()
    if rule := broken(report):
        cause = cause_of(report, rule)
        others = len(cause.rules) - 1
        same = f"; what it shows breaks {others} more" if others else ""
        shown = full or len(causes(report)) == 1
        how = f"run its script by itself, then --rules {rule}" if shown else "--next shows it alone"
        of_core = (registry()[rule].level is Level.MUST
                   and report.by_class().get("core", {}).get(rule) is Verdict.FAIL)
        return f"{rule} {registry()[rule].title}: {how}{same}", of_core
    if Verdict.ERROR in verdicts.values():
        return "report the error, which is one of the checker and not of the library", False
    if report.unreached:
        points = amount(sum(report.unreached.values()), "point")
        return (f"{points} of {amount(len(report.unreached), 'rule')} were not reached; "
                f"go on with --resume, or allow more time"), False
    if name := lacking(report):
        wait, more = gained(report, name)
        use = [f"{amount(wait, 'rule')} wait{'s' if wait == 1 else ''} for"] if wait else []
        use += [f"{f'{more} more' if wait else amount(more, 'rule')} would use"] if more else []
        return (f"offer {name}, which {' and '.join(use)}, or leave it out for good",
                CLASS_OF[name] == "core")
    if tuple(report.meta.get("classes", ())) == ("basic",):
        return "check again without --class", True
    return "keep it so: write the results with --report FILE, and compare with --expect FILE", False
