"""An example of every rule: a small script that keeps it, and what a wrong library does with it.

    python -m tests.saboteurs.examples [--write] [RULE ...]

The script is the one that a saboteur fails which is meant to break the rule; on the reference it
raises nothing, which is seen to before it is kept. A process makes a few examples only: a saboteur
may well spoil the reference for what runs after it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import refimpl
from spec.chapters.rules import registry
from spec.judge.verdict import Outcome, Verdict
from spec.run.decide import decide
from spec.run.implementation import load
from spec.run.profiles import PROFILES
from tests.saboteurs import matrix
from tests.saboteurs.asking import checks_of, concerns, shows
from tests.saboteurs.roster import Saboteur, all_saboteurs

HOME = Path(__file__).parents[2] / "docs" / "results" / "examples.json"
REFERENCE = "import refimpl as lib\n"
"""The first line of every example."""
MOST = 2
"""So many saboteurs of a rule are asked for the shortest script."""
FEW = 8
"""So many rules have their examples from one process."""


def failure(saboteur: Saboteur, rule: str, known: Sequence[Any]) -> Outcome | None:
    """How a rule fails on a saboteur, shrunk: where it did last, or at the first point it does."""
    changed = saboteur.changed()
    tries = [(check, point, seed) for check in checks_of(rule)
             for name, point, seed in [tuple(known[:3])] if name == check.name
             and point in check.cases] if known else []
    tries += [(check, point, 0) for check in checks_of(rule) for point in check.cases
              if concerns(check, point, changed)]
    subject, profile = saboteur.subject(), PROFILES["quick"]
    return next((outcome for check, point, seed in tries
                 if (outcome := decide(check, subject, point, profile, seed)).verdict
                 is Verdict.FAIL), None)


def examples(rules: Sequence[str]) -> list[dict[str, str] | None]:
    """The examples of a few rules, made in a process of their own."""
    load("refimpl")
    at = json.loads(matrix.HOME.read_text(encoding="utf-8"))["at"]
    return [example(rule, at) for rule in rules]


def example(rule: str, at: dict[str, dict[str, Any]]) -> dict[str, str] | None:
    """The shortest example of a rule that its saboteurs give, if one does."""
    found = []
    for saboteur in [one for one in all_saboteurs() if rule in one.breaks][:MOST]:
        outcome = failure(saboteur, rule, at.get(saboteur.name, {}).get(rule, ()))
        if outcome is None:
            continue
        if not shows(outcome.script, refimpl):
            script = REFERENCE + outcome.script.partition("\n")[2]
            found.append({
                "saboteur": saboteur.name, "script": script, "message": outcome.message,
                "place": outcome.place, "expected": outcome.expected, "actual": outcome.actual})
    return min(found, key=lambda one: (one["script"].count("\n"), len(one["script"])), default=None)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the examples that are named, or all; 0 if every one could be made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rules", nargs="*", metavar="RULE")
    parser.add_argument("--write", action="store_true", help="keep them in docs/results")
    arguments = parser.parse_args(argv)
    made = json.loads(HOME.read_text(encoding="utf-8")) if HOME.exists() else {}
    meant = [rule for rule in registry() if any(rule in one.breaks for one in all_saboteurs())]
    wanted, missing = arguments.rules or meant, []
    parts = [wanted[start:start + FEW] for start in range(0, len(wanted), FEW)]
    spawn = multiprocessing.get_context("spawn")
    # Not that of concurrent.futures, which hangs on Python 3.11 when its processes are replaced.
    with spawn.Pool(2, maxtasksperchild=1) as pool:
        for part, found in zip(parts, pool.imap(examples, parts), strict=True):
            for rule, one in zip(part, found, strict=True):
                print(f"{rule}: " + (f"from {one['saboteur']}" if one else "none"), flush=True)
                if one:
                    made[rule] = one
                else:
                    missing.append(rule)
    if arguments.write:
        kept = {rule: made[rule] for rule in registry() if rule in made}
        HOME.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
