"""The report on a terminal: a table of the rules, and a script for every rule that is broken."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..chapters.rules import registry
from ..judge.verdict import Outcome, Verdict, verdict_of
from ..language.shares import FAMILIES, FLOORS
from . import coverage
from .report import Report, ways
from .words import amount, classes_of

STYLE = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.ERROR: "bold magenta",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.KNOWN: "yellow",
    Verdict.ABSENT: "dim",
}


def show(report: Report, console: Console, *, passes: bool = True) -> None:
    """Print the table of rules, then a script for every rule that is broken."""
    table = Table(expand=True)
    for column in ("rule", "level"):
        table.add_column(column, no_wrap=True)
    table.add_column("statement", ratio=1)
    table.add_column("verdict", no_wrap=True)
    verdicts, observed, rules = report.verdicts(), report.observed(), report.by_rule()
    for id_, verdict in verdicts.items():
        rule = registry()[id_]
        if passes or verdict is not Verdict.PASS:
            words = f"[{STYLE[verdict]}]{verdict}[/]"
            words += f"\n{escape(observed[id_])}" if id_ in observed else ""
            words += absences(rules[id_])
            words += f"\n{report.unreached[id_]} not reached" if id_ in report.unreached else ""
            table.add_row(id_, str(rule.level), escape(rule.statement), words)
    console.print(table)
    for id_, mine in report.by_rule().items():
        if verdicts[id_] not in (Verdict.PASS, Verdict.KNOWN, Verdict.ABSENT):
            show_failure(id_, mine, console)
    console.print(totals(report))


def absences(outcomes: list[Outcome]) -> str:
    """How many points of a rule that was judged could not be, for want of names."""
    absent = [outcome.verdict for outcome in outcomes].count(Verdict.ABSENT)
    return f"\n[dim]{absent} absent[/]" if 0 < absent < len(outcomes) else ""


def show_failure(rule: str, outcomes: list[Outcome], console: Console) -> None:
    """Print why a rule is not kept, and a script for every way in which it is not."""
    verdict = verdict_of(outcomes)
    console.rule(f"[{STYLE[verdict]}]{rule} {verdict}[/]", align="left")
    console.print(escape(registry()[rule].statement))
    mine = (outcome for outcome in outcomes if outcome.verdict is verdict)
    for alike in ways(mine, lambda outcome: outcome.kind):
        if where := points(alike, judged(outcomes)):
            console.print(escape(where), style="italic")
        console.print(escape("\n".join(contrast(alike[0]))), soft_wrap=True)
        if alike[0].script:
            console.print()
            console.print(alike[0].script, markup=False, highlight=False, soft_wrap=True)
        console.print()


def points(bad: list[Outcome], judged: int = 0) -> str:
    """The points of the axes where a rule fails, as far as a line holds them, and how many they
    are of those that were judged, if that is told."""
    found = [outcome.point for outcome in bad if outcome.point]
    if not found:
        return ""
    many = f"at {len(found)} of {amount(judged, 'point')}: " if judged else ""
    return many + ", ".join(found[:6]) + (f" and {len(found) - 6} more" if len(found) > 6 else "")


def judged(outcomes: Iterable[Outcome]) -> int:
    """At how many points a rule was judged."""
    return sum(outcome.verdict is not Verdict.ABSENT for outcome in outcomes)


def contrast(outcome: Outcome) -> list[str]:
    """The case, what should have been and what was, a line each; else the message."""
    if not outcome.expected:
        return [f"{'case:':<10}{outcome.id}", outcome.message]
    told = {"case": outcome.id, "at": outcome.place, "expected": outcome.expected,
            "got": outcome.actual}
    return [f"{word + ':':<10}{text}" for word, text in told.items() if text]


def show_coverage(report: Report, console: Console) -> None:
    """Print, for every axis, how many cells the run covered, and which it did not; and shares."""
    table = Table(title="coverage", title_justify="left", expand=True)
    table.add_column("axis", no_wrap=True)
    table.add_column("covered", no_wrap=True)
    table.add_column("not covered", ratio=1)
    for axis, cells in coverage.of(report).items():
        empty = [cell for cell, hit in cells.items() if not hit]
        table.add_row(axis, f"{len(cells) - len(empty)} of {len(cells)}", escape(", ".join(empty)))
    console.print(table)
    parts = Table(title=f"shares of what was drawn for {', '.join(FAMILIES)}",
                  title_justify="left")
    for heading in ("calls that", "share", "floor"):
        parts.add_column(heading, no_wrap=True)
    for name, share in coverage.shares_of(report).items():
        parts.add_row(name, f"{float(share):.0%}", f"{float(FLOORS[name]):.0%}")
    console.print(parts)


def totals(report: Report) -> str:
    """The last line: how many rules have which verdict, and how many cases none."""
    verdicts = list(report.verdicts().values())
    counts = [f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts]
    undecided = sum(outcome.undecided for outcome in report.outcomes)
    cases = sum(outcome.examples for outcome in report.outcomes)
    left = f"; {undecided} of {amount(cases, 'case')} undecided" if undecided else ""
    unreached = sum(report.unreached.values())
    left += f"; {amount(unreached, 'point')} not reached" if unreached else ""
    which = f" of class {classes_of(report.meta)}" if "classes" in report.meta else ""
    return f"{amount(len(verdicts), 'rule')}{which}: {', '.join(counts) or 'none decided'}{left}"
