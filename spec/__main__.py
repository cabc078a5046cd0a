"""The command line: ``python -m spec check MODULE``, ``python -m spec export``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from spec.chapters import all_checks
from spec.chapters.rules import families
from spec.judge.check import Check
from spec.judge.verdict import Outcome
from spec.report import committed, document
from spec.report.report import Report, metadata
from spec.report.terminal import show, show_coverage
from spec.run import smoke
from spec.run.decide import PROFILES, plan
from spec.run.implementation import DEVICES, NoDevice, Unusable, load
from spec.run.pool import decisions

BROKEN, UNUSABLE, CRASHED = 1, 2, 3
"""Exit statuses: a rule is broken; nothing could be checked; the checker itself failed."""


def parser() -> argparse.ArgumentParser:
    """The arguments of the command line."""
    top = argparse.ArgumentParser(prog="python -m spec", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="check an implementation against the rules")
    check.add_argument("module", help="the module to check, e.g. refimpl or brainstate")
    check.add_argument("--profile", choices=PROFILES, default="quick")
    check.add_argument("--max-examples", type=positive,
                       help="cases for every point of a generated check")
    check.add_argument("--seed", type=int, default=0, help="same seed, same cases (default 0)")
    check.add_argument("--database", default="", metavar="DIR",
                       help="keep failing cases in this folder, and try those in it first")
    check.add_argument("--rules", default="", help="only these, e.g. RET,DER-01")
    check.add_argument("--workers", type=positive, default=os.cpu_count() or 1,
                       help="processes to share the work (default: one a core)")
    check.add_argument("--device", choices=DEVICES,
                       help="where JAX's arrays live; a run without that device is skipped")
    check.add_argument("--expect", type=Path,
                       help="succeed if the verdicts are those of this committed report; in a "
                            "folder, of the one for this implementation and version")
    check.add_argument("--coverage", action="store_true", help="show what the run covered")
    check.add_argument("--confirm", action="store_true",
                       help="run the script of every check that failed in a fresh interpreter")
    check.add_argument("--report", type=Path,
                       help="write the results as JSON to this file, or into this folder under "
                            "the name of what was run")
    check.add_argument("--failures", action="store_true", help="leave passing rules out")
    commands.add_parser("export", help="print all rules as JSON")
    return top


def positive(text: str) -> int:
    """A number of things, at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    The exit status is 0 if every rule is kept, 1 if one is broken, 2 if nothing could be
    checked, and 3 if the checker itself failed.
    """
    try:
        return run(parser().parse_args(argv))
    except Exception:  # a traceback alone would exit with 1, as broken rules do
        traceback.print_exc()
        return CRASHED


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was named."""
    if arguments.command == "export":
        print(json.dumps([asdict(family) for family in families().values()], indent=1))
        return 0
    return check(arguments)


def check(arguments: argparse.Namespace) -> int:
    """Check one implementation and print what was found."""
    errors = Console(stderr=True)
    profile = replace(PROFILES[arguments.profile], database=arguments.database)
    if arguments.max_examples:
        profile = replace(profile, examples=arguments.max_examples, together=0)
    try:
        subject = load(arguments.module, arguments.device)
    except NoDevice as error:
        errors.print(f"spec: skipped, nothing was checked: {error}", markup=False, soft_wrap=True)
        return 0
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
    if arguments.coverage:
        show_coverage(report, Console())
    unconfirmed = confirm(report, errors) if arguments.confirm else []
    if arguments.report:
        named = arguments.report / committed.file_name(report.meta)
        document.write(report, named if arguments.report.is_dir() else arguments.report)
    if arguments.expect:
        return compare(report, arguments.expect) or (BROKEN if unconfirmed else 0)
    return 0 if report.kept() and not unconfirmed else BROKEN


def compare(report: Report, place: Path) -> int:
    """Say where the verdicts differ from committed ones; 0 if nowhere."""
    try:
        file = committed.committed(place, report)
    except FileNotFoundError as error:
        print(error)
        return UNUSABLE
    different = committed.differences(report, committed.read(file))
    for line in different:
        print(f"differs from {file}: {line}")
    if not different:
        print(f"as expected: every verdict is that of {file}")
    return BROKEN if different else 0


def confirm(report: Report, console: Console) -> list[Outcome]:
    """Run the script of every check that failed; the outcomes whose scripts show no failure."""
    failed = [alike[0] for alike in report.failures() if alike[0].script]
    shown = track(failed, "confirming", console=console, transient=True)
    silent = [outcome for outcome in shown if run_alone(outcome.script) == 0]
    for outcome in silent:
        console.print(f"not confirmed by its script: {outcome.rule} {outcome.check} "
                      f"{outcome.point}", markup=False)
    console.print(f"{len(failed) - len(silent)} of {len(failed)} scripts show their failure")
    return silent


def run_alone(script: str) -> int:
    """The exit status of a script in an interpreter of its own."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True).returncode


def choose(rules: str) -> list[Check]:
    """The checks of the rules and families that are named; all if none is."""
    wanted = tuple(filter(None, rules.split(",")))
    return [c for c in all_checks() if not wanted or c.rule.startswith(wanted)]


if __name__ == "__main__":
    sys.exit(main())
