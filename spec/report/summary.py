"""The report for a person: what was run, what is kept, why the rest is not, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ..chapters.rules import Authority, Level, registry
from ..judge.verdict import Verdict
from . import ladder
from .causes import Cause, causes, wanting
from .report import Report
from .terminal import STYLE, contrast, judged, points, totals
from .words import amount, classes_of, filled

FEW: Final = 12
"""Rules that are all named, kept or not."""
SCRIPTS: Final = 3
"""Causes that are shown with a script; the others have a line each."""


def show_header(meta: Mapping[str, Any], rules: int, count: int, console: Console) -> None:
    """Say what is run, on what and with what, before it is run."""
    packages = [f"{name} {meta['packages'][name]}" for name in ("jax", "numpy")
                if name in meta["packages"]]
    on = [f"{meta['implementation']} {meta['version']} on the {meta['device']}: "
          f"specification {meta['specification']}", f"Python {meta['python']}", *packages]
    classes = [f"those of class {classes_of(meta)} alone"] if "classes" in meta else []
    asked = [f"{amount(rules, 'rule')} at {amount(count, 'point')}", *classes,
             f"profile {meta['profile']}", f"seed {meta['seed']}"]
    for items, style in ((on, "bold"), (asked, None)):
        console.print(filled(items, console.width), markup=False, highlight=False, style=style)


def show_summary(report: Report, console: Console) -> None:
    """Print the verdicts by level and authority, then the causes of what is not kept."""
    _show_verdicts(report, console)
    _show_classes(report, console)
    lacks = wanting(report.outcomes)
    if lacks:
        names = ", ".join(f"{name} ({count})" for name, count in lacks.items())
        console.print(Text(f"\nabsent, with how many rules need it: {names}"))
    _show_known(report, console)
    found = causes(report)
    for number, cause in enumerate(found[:SCRIPTS], 1):
        _show_cause(report, cause, console, f"{number}. ")
    if others := found[SCRIPTS:]:
        console.print()
    for number, cause in enumerate(others, SCRIPTS + 1):
        console.print(Text(f"{number}. {_where(cause)}: {cause.words}"), no_wrap=True,
                      overflow="ellipsis")
    console.print()
    console.print(totals(report), highlight=False)


def _show_verdicts(report: Report, console: Console) -> None:
    """The verdicts of each level and authority, and the titles of the rules that are not kept."""
    verdicts = report.verdicts()
    for level in Level:
        for authority in Authority:
            mine = {id_: verdict for id_, verdict in verdicts.items()
                    if (registry()[id_].level, registry()[id_].authority) == (level, authority)}
            if mine:
                counts = ", ".join(f"{list(mine.values()).count(v)} {v}" for v in Verdict
                                   if v in mine.values())
                console.print(Text(f"\n{level}, {authority}: {counts}", style="bold"))
            for verdict in Verdict:
                named = [id_ for id_, found in mine.items() if found is verdict]
                if named and (verdict is not Verdict.PASS or len(verdicts) <= FEW):
                    line = Text(f"{verdict} ", style=STYLE[verdict])
                    line.append(", ".join(map(_titled, named)), style="default")
                    console.print(Padding(line, (0, 0, 0, 2)))


def _show_classes(report: Report, console: Console) -> None:
    """In a line, how many MUST of each class are kept of those that could be judged."""
    told = []
    for name, rules in report.by_class().items():
        must = [verdict for rule, verdict in rules.items()
                if registry()[rule].level is Level.MUST and verdict is not Verdict.ABSENT]
        if must:
            told.append(f"{name} {must.count(Verdict.PASS)} of {len(must)}")
    if told:
        console.print(Text(f"\nMUST kept by class: {', '.join(told)}"))


def _show_known(report: Report, console: Console) -> None:
    """For every rule with failures that are known, a line that says why."""
    reasons = dict.fromkeys((outcome.rule, outcome.known) for outcome in report.outcomes
                            if outcome.verdict is Verdict.KNOWN)
    if reasons:
        console.print("\nknown")
    for rule, because in reasons:
        console.print(Text(f"  {rule} {because}"), no_wrap=True, overflow="ellipsis")


def _titled(id_: str) -> str:
    return f"{id_} {registry()[id_].title}"


def _where(cause: Cause) -> str:
    """The first rule that fails by a cause, and how many more."""
    more = len(cause.rules) - 1
    return cause.rules[0] + (f" and {more} more" if more else "")


def _show_cause(
    report: Report, cause: Cause, console: Console, number: str = "", rule: str = ""
) -> None:
    """Print a cause in full: the rules that fail by it, and a script that shows it, of one of them
    if it is named."""
    shown = cause.shown_for(rule)
    count = judged(report.by_rule()[shown.rule])
    console.print()
    style = STYLE[shown.verdict]
    console.rule(Text(f"{number}{shown.rule} {shown.verdict}", style=style), align="left")
    others = [id_ for id_ in cause.rules if id_ != shown.rule]
    also = f" The same: {', '.join(others)}." if others else ""
    console.print(Text(registry()[shown.rule].statement + also))
    (alike,) = [list(group) for group in cause.groups if group[0] is shown]
    if where := points(alike, count):
        console.print(Text(where, style="italic"), no_wrap=True, overflow="ellipsis")
    console.print(Text("\n".join(contrast(shown))), soft_wrap=True)
    if shown.script:
        console.print()
        console.print(shown.script, markup=False, highlight=False, soft_wrap=True)


def show_next(report: Report, console: Console) -> None:
    """Print the first rule on the ladder that is broken, with what breaks it, and the counts."""
    if rule := ladder.broken(report):
        _show_cause(report, ladder.cause_of(report, rule), console, rule=rule)
    _show_classes(report, console)
    console.print()
    console.print(totals(report), highlight=False)
