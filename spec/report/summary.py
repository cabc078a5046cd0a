"""Reports: what a run found, as a terminal table and as JSON."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spec import __version__
from spec.chapters.rules import registry
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome, Verdict, verdict_of
from spec.language import coverage
from spec.run.decide import Profile
from spec.run.implementation import loaded_versions

STYLE = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.ABSENT: "dim",
}


CONTRAST = re.compile(r"(?:^|: )expected (?P<expected>.+?), (?:got|left|not) (?P<actual>.+)$")
"""How a message tells what was expected from what was seen."""

RAISED = re.compile(r"\braised [A-Z]\w+")
"""How a message says that the implementation raised what it should not have."""


@dataclass(frozen=True)
class Report:
    """The outcomes of a run on one implementation.

    Attributes
    ----------
    meta : mapping
        What was run: implementation, versions, platform, seed, profile.
    outcomes : tuple of Outcome
        What every check decided at every point of its axis.
    """

    meta: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]

    def by_rule(self) -> dict[str, list[Outcome]]:
        """The outcomes of every rule that has any, in the order of the specification."""
        rules: dict[str, list[Outcome]] = {}
        for rule in registry():
            mine = [outcome for outcome in self.outcomes if outcome.rule == rule]
            if mine:
                rules[rule] = mine
        return rules

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of every rule."""
        return {rule: verdict_of(mine) for rule, mine in self.by_rule().items()}

    def kept(self) -> bool:
        """Whether no rule is broken; one of level OPEN is by an outcome that it does not permit."""
        return Verdict.FAIL not in self.verdicts().values()

    def observed(self) -> dict[str, str]:
        """For every rule of level OPEN, the permitted outcomes that were seen."""
        seen = {
            rule: sorted({outcome.seen for outcome in mine if outcome.seen})
            for rule, mine in self.by_rule().items()
        }
        return {rule: ", ".join(outcomes) for rule, outcomes in seen.items() if outcomes}

    def failures(self) -> list[list[Outcome]]:
        """The outcomes that are no pass, in the order of the specification; those of one check
        with one verdict together, the most telling first."""
        groups: dict[tuple[str, str, Verdict], list[Outcome]] = {}
        for outcome in chain.from_iterable(self.by_rule().values()):
            if outcome.verdict is not Verdict.PASS:
                key = outcome.rule, outcome.check, outcome.verdict
                groups.setdefault(key, []).append(outcome)
        return [telling(alike) for alike in groups.values()]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON data; see ``spec/report/report.schema.json``."""
        return {
            "meta": dict(self.meta),
            "rules": {rule: str(verdict) for rule, verdict in self.verdicts().items()},
            "observed": self.observed(),
            "failures": [failure(alike) for alike in self.failures()],
            "coverage": coverage.table(f for o in self.outcomes for f in o.features),
            "examples": sum(outcome.examples for outcome in self.outcomes),
            "undecided": sum(outcome.undecided for outcome in self.outcomes),
        }


def failure(alike: list[Outcome]) -> dict[str, Any]:
    """Outcomes of one check that are no pass, as JSON data: the first in full, and what the
    others say."""
    outcome = alike[0]
    return {
        "rule": outcome.rule,
        "check": outcome.check,
        "case": outcome.point,
        "verdict": str(outcome.verdict),
        "message": outcome.message,
        **contrast(outcome),
        "script": outcome.script,
        "also": [{"case": other.point, "message": other.message} for other in alike[1:]],
    }


def contrast(outcome: Outcome) -> dict[str, str]:
    """What should have been and what was; where the message does not tell them apart, what the
    rule demands and what the message says."""
    if told := CONTRAST.search(outcome.message):
        return told.groupdict()
    wanted = "no error" if RAISED.search(outcome.message) else registry()[outcome.rule].statement
    return {"expected": wanted, "actual": outcome.message}


def metadata(subject: Subject, profile: Profile, seed: int) -> dict[str, Any]:
    """What a run was of and with."""
    return {
        "specification": __version__,
        "implementation": subject.name,
        "version": subject.version,
        "python": platform.python_version(),
        "platform": platform.system().lower(),
        "device": device(subject),
        "packages": loaded_versions(),
        "profile": profile.name,
        "examples": profile.examples,
        "seed": seed,
    }


def device(subject: Subject) -> str:
    """The kind of device that the implementation's arrays live on."""
    array = subject.xp.zeros(())
    devices = getattr(array, "devices", None)
    return str(next(iter(devices())).platform) if callable(devices) else "cpu"


def telling(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes with the most frequent message first, and of these the shortest script."""
    found = list(outcomes)
    often = Counter(outcome.message for outcome in found)
    return sorted(found, key=lambda o: (-often[o.message], len(o.script)))


def summary(bad: list[Outcome]) -> str:
    """Where a rule fails, in a few words: the points of the axes and the first message."""
    points = [o.point for o in bad if o.point]
    where = ", ".join(points[:6]) + (f" and {len(points) - 6} more" if len(points) > 6 else "")
    return f"{where}: {bad[0].message}" if where else bad[0].message


def show(report: Report, console: Console, *, passes: bool = True) -> None:
    """Print the table of rules, then a script for every rule that is broken."""
    table = Table(title=f"{report.meta['implementation']} {report.meta['version']}",
                  title_justify="left", expand=True)
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
            table.add_row(id_, str(rule.level), escape(rule.statement), words)
    console.print(table)
    for id_, mine in report.by_rule().items():
        if verdicts[id_] is not Verdict.PASS:
            show_failure(id_, mine, console)
    console.print(totals(report))


def absences(outcomes: list[Outcome]) -> str:
    """How many points of a rule that was judged could not be, for want of names."""
    absent = [outcome.verdict for outcome in outcomes].count(Verdict.ABSENT)
    return f"\n[dim]{absent} absent[/]" if 0 < absent < len(outcomes) else ""


def show_failure(rule: str, outcomes: list[Outcome], console: Console) -> None:
    """Print why a rule is not kept, and a script that shows it."""
    verdict = verdict_of(outcomes)
    mine = telling(outcome for outcome in outcomes if outcome.verdict is verdict)
    console.rule(f"[{STYLE[verdict]}]{rule} {verdict}[/]", align="left")
    console.print(escape(registry()[rule].statement))
    console.print(escape(summary(mine)), style="italic")
    if mine[0].script:
        console.print()
        console.print(mine[0].script, markup=False, highlight=False, soft_wrap=True)
    console.print()


def show_coverage(report: Report, console: Console) -> None:
    """Print, for every axis, how many cells the run covered, and which it did not."""
    table = Table(title="coverage", title_justify="left", expand=True)
    table.add_column("axis", no_wrap=True)
    table.add_column("covered", no_wrap=True)
    table.add_column("not covered", ratio=1)
    for axis, cells in coverage.table(f for o in report.outcomes for f in o.features).items():
        empty = [cell for cell, hit in cells.items() if not hit]
        table.add_row(axis, f"{len(cells) - len(empty)} of {len(cells)}", escape(", ".join(empty)))
    console.print(table)


def totals(report: Report) -> str:
    """The last line: how many rules have which verdict, and how many cases none."""
    verdicts = list(report.verdicts().values())
    counts = [f"{verdicts.count(v)} {v}" for v in Verdict if v in verdicts]
    undecided = sum(outcome.undecided for outcome in report.outcomes)
    cases = sum(outcome.examples for outcome in report.outcomes)
    left = f"; {undecided} of {cases} cases undecided" if undecided else ""
    return f"{len(verdicts)} rules: {', '.join(counts)}{left}"
