"""The command line: ``python -m spec check MODULE``, ``python -m spec export``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from spec import smoke
from spec.checks import Check, all_checks
from spec.implementation import Unusable, load
from spec.parallel import decisions
from spec.report import Report, metadata, show
from spec.rules import families
from spec.runner import PROFILES, plan

BROKEN, UNUSABLE = 1, 2


def parser() -> argparse.ArgumentParser:
    """The arguments of the command line."""
    top = argparse.ArgumentParser(prog="python -m spec", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="check an implementation against the rules")
    check.add_argument("module", help="the module to check, e.g. refimpl or brainstate")
    check.add_argument("--profile", choices=PROFILES, default="quick")
    check.add_argument("--max-examples", type=int, help="examples for every generated check")
    check.add_argument("--seed", type=int, default=0, help="same seed, same cases (default 0)")
    check.add_argument("--rules", default="", help="only these, e.g. RET,DER-01")
    check.add_argument("--workers", type=int, default=1, help="processes to share the work")
    check.add_argument("--report", type=Path, help="write the results as JSON to this file")
    check.add_argument("--failures", action="store_true", help="leave passing rules out")
    commands.add_parser("export", help="print all rules as JSON")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0 if every binding rule is kept."""
    arguments = parser().parse_args(argv)
    if arguments.command == "export":
        print(json.dumps([asdict(family) for family in families().values()], indent=1))
        return 0
    return check(arguments)


def check(arguments: argparse.Namespace) -> int:
    """Check one implementation and print what was found."""
    errors = Console(stderr=True)
    profile = PROFILES[arguments.profile]
    if arguments.max_examples:
        profile = replace(profile, examples=arguments.max_examples)
    try:
        subject = load(arguments.module)
    except Unusable as error:
        errors.print(f"spec: {error}", markup=False, soft_wrap=True)
        return UNUSABLE
    if faults := smoke.faults(subject):
        errors.print(f"spec: {arguments.module} fails the plainest uses, so the adapter is "
                     f"wrong: {'; '.join(faults)}", markup=False, soft_wrap=True)
        return UNUSABLE
    chosen = choose(arguments.rules)
    if not chosen:
        errors.print(f"spec: --rules {arguments.rules!r} names no rule", markup=False)
        return UNUSABLE
    points = plan(chosen)
    work = decisions(subject, points, profile, arguments.seed, arguments.workers)
    outcomes = tuple(track(work, "checking", total=len(points), console=errors, transient=True))
    report = Report(metadata(subject, profile, arguments.seed), outcomes)
    show(report, Console(), passes=not arguments.failures)
    if arguments.report:
        arguments.report.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    return 0 if report.kept() else BROKEN


def choose(rules: str) -> list[Check]:
    """The checks of the rules and families that are named; all if none is."""
    wanted = tuple(filter(None, rules.split(",")))
    return [c for c in all_checks() if not wanted or c.rule.startswith(wanted)]


if __name__ == "__main__":
    sys.exit(main())
