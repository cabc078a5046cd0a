"""What every command that has a report does with it: show it, write it, compare it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from spec.command import status
from spec.judge.verdict import Outcome
from spec.report import committed, document
from spec.report.report import Report
from spec.report.summary import next_step, show_summary
from spec.report.terminal import show, show_coverage


@dataclass(frozen=True)
class Expected:
    """A committed report that a run is compared with.

    Attributes
    ----------
    file : Path
        Where it is.
    data : mapping
        What it says.
    """

    file: Path
    data: Mapping[str, Any]

    @classmethod
    def of(cls, place: Path, meta: Mapping[str, Any]) -> Expected:
        """The committed report for a run of this.

        Raises
        ------
        ValueError
            If the file is no report, or one of another implementation.
        FileNotFoundError
            If the folder holds none of this version.
        """
        file = committed.committed(place, meta)
        data = committed.read(file)
        if (other := data["meta"]["implementation"]) != meta["implementation"]:
            raise ValueError(f"{file} is a report on {other}, and this is a run of "
                             f"{meta['implementation']}")
        return cls(file, data)


def say(words: str) -> None:
    """Tell the user something that is no result, in a line."""
    console = Console(stderr=True)
    console.print(f"spec: {words}", markup=False, highlight=False, soft_wrap=True)


def tell(
    report: Report, arguments: argparse.Namespace, file: Path | None, expected: Expected | None,
    asked: Set[str],
) -> int:
    """Show a report, write it if it is complete, and compare it; the exit status."""
    if file and not report.unreached:
        document.write(report, file)
    console = Console()
    full = arguments.full or arguments.failures
    if full:
        show(report, console, passes=not arguments.failures)
    else:
        show_summary(report, console)
    if arguments.coverage:
        show_coverage(report, console)
    unconfirmed = confirm(report, Console(stderr=True)) if arguments.confirm else []
    if expected is None:
        result = status.of(report)
        console.print(next_step(report, full), markup=False, highlight=False, soft_wrap=True)
    else:
        result = compare(report, expected, asked)
    return result or (status.BROKEN if unconfirmed else status.KEPT)


def compare(report: Report, expected: Expected, asked: Set[str]) -> int:
    """Say where the verdicts differ from committed ones; 0 if nowhere."""
    if report.unreached:
        print(f"not compared with {expected.file}: the run is not complete")
        return status.of(report)
    different = committed.differences(report, expected.data, asked)
    for line in different:
        print(f"differs from {expected.file}: {line}")
    if different:
        return status.BROKEN
    print(f"as expected: every verdict is that of {expected.file}")
    result = status.undecided(report)
    return result if result == status.CRASHED else status.KEPT


def confirm(report: Report, console: Console) -> list[Outcome]:
    """Run the script of every check that failed; the outcomes whose scripts show no failure."""
    failed = [alike[0] for alike in report.failures() if alike[0].script]
    shown = track(failed, "confirming", console=console, transient=True)
    silent = [outcome for outcome in shown if run_alone(outcome.script) == 0]
    for outcome in silent:
        say(f"not confirmed by its script: {outcome.rule} {outcome.check} {outcome.point}")
    console.print(f"{len(failed) - len(silent)} of {len(failed)} scripts show their failure")
    return silent


def run_alone(script: str) -> int:
    """The exit status of a script in an interpreter of its own; one that hangs shows a failure."""
    try:
        return subprocess.run([sys.executable, "-c", script], capture_output=True,
                              timeout=600).returncode
    except subprocess.TimeoutExpired:
        return status.BROKEN
