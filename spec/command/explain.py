"""``explain``: a rule, why it binds, and examples that keep it and that break it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from rich.console import Console

from ..chapters import all_checks
from ..chapters.rules import Authority, Rule, registry
from ..judge.check import Check, snippet_source
from ..judge.subject import Subject
from ..report import committed
from ..report.words import amount
from ..run.example import drawn
from . import status
from .check import refuse

RESULTS: Final = Path(__file__).parents[2] / "docs" / "results"
"""Committed results, which a checkout has and an installed package has not."""
BINDING: Final = {
    Authority.TUTORIAL: "the tutorial says so",
    Authority.JAX: "JAX does so where no state is involved",
    Authority.INVARIANT: "a function means the same called or differentiated, and nothing leaks",
    Authority.RECOMMENDED: "advice",
}


def explain(arguments: argparse.Namespace) -> int:
    """Print all that is known of a rule."""
    try:
        reports = [committed.read(file) for file in _files(arguments.report)]
    except (ValueError, OSError) as error:
        return refuse(str(error))
    rule = registry()[arguments.rule]
    checks = [check for check in all_checks() if check.rule == rule.id]
    console = Console()
    for part, script in ((_rule(rule), False), (_checks(checks), False), (_kept(checks), True),
                         (_broken(rule, reports), True)):
        console.print("\n".join(part), markup=False, highlight=False, soft_wrap=script)
        console.print()
    return status.KEPT


def _files(given: Path | None) -> list[Path]:
    """The reports to look in: the one that is given, or those that are committed here."""
    return [given] if given else sorted(RESULTS.glob("*-py3.*.json"), reverse=True)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"{rule.id} {rule.title}"
    yield f"{rule.level}, {rule.authority}: {BINDING[rule.authority]}; since {rule.since}"
    yield ""
    yield rule.statement
    if rule.outcomes:
        yield f"permitted: {', '.join(rule.outcomes)}"
    if rule.reason:
        yield f"why: {rule.reason}"
    if rule.fixed:
        yield f"not drawn: {rule.fixed}"
    quotes = {quote.source: quote.words for quote in rule.quotes}
    for source in rule.source:
        yield f"source: {source}" + (f": {quotes[source]!r}" if source in quotes else "")
    if rule.clauses:
        yield f"clause of the semantics: {', '.join(rule.clauses)}"
    for change in rule.changed:
        yield f"changed in {change.version}: {change.words}"


def _checks(checks: list[Check]) -> Iterator[str]:
    yield "decided by"
    for check in checks:
        kind = "drawn cases" if check.strategy else "a script"
        about = (check.shown.__doc__ or "").strip().split("\n")[0]
        yield f"  {check.name}: {kind}, at {amount(len(check.cases), 'point')}. {about}".rstrip()


def _kept(checks: list[Check]) -> Iterator[str]:
    """The shortest script of a snippet, which asserts what holds; else a case that is drawn."""
    lib = Subject("refimpl", SimpleNamespace(array_namespace="jax.numpy"))
    scripts = [(check, point, snippet_source(check, lib, check.cases[point],
                                             registry()[check.rule].outcomes))
               for check in checks if check.strategy is None for point in check.cases]
    if scripts:
        check, point, lines = min(scripts, key=lambda script: len("\n".join(script[2])))
        yield f"kept, where this script raises nothing ({check.name}, {point or 'one point'}):"
    else:
        check, point = checks[0], next(iter(checks[0].cases))
        lines = [*lib.header(), *drawn(check, point).lines()]
        yield (f"kept, where the statement holds after this case, which was drawn for it "
               f"({check.name}, {point or 'one point'}):")
    yield ""
    yield from lines


def _broken(rule: Rule, reports: list[dict[str, Any]]) -> Iterator[str]:
    """The shortest script of the reports that breaks the rule, and who else is known to."""
    found = [(data["meta"], failure) for data in reports for failure in data["failures"]
             if failure["rule"] == rule.id and failure["verdict"] in ("fail", "known")]
    if found:
        meta, failure = min(found, key=lambda one: (not one[1]["script"], len(one[1]["script"])))
        yield f"broken by {meta['implementation']} {meta['version']}: {failure['message']}"
        yield ""
        yield failure["script"]
    stories = list(_stories(rule))
    if stories:
        yield "\nbroken by an implementation of which this is true:" if found else (
            "broken by an implementation of which this is true:")
        yield from (f"  {story}" for story in stories)
    if not found and not stories:
        yield ("No example that breaks it is at hand: the reports that were looked in keep it. "
               "--report FILE looks in another." if reports else
               "No example that breaks it is at hand: --report FILE looks for one in a report.")


def _stories(rule: Rule) -> Iterator[str]:
    """What the deliberately wrong implementations that are meant to break the rule do."""
    file = RESULTS / "kill-matrix.json"
    if file.exists():
        for about in json.loads(file.read_text(encoding="utf-8"))["saboteurs"].values():
            if rule.id in about["breaks"]:
                yield about["story"]
