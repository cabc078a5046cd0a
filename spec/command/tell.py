"""What every command that has a report does with it: show it, write it, compare it."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from ..judge.verdict import Outcome, Verdict
from ..report import document, formats
from ..report.ladder import next_step
from ..report.report import Report
from ..report.summary import show_next, show_summary
from ..report.terminal import show, show_coverage
from ..report.words import amount
from . import status
from .standard import Standard


def say(words: str) -> None:
    """Tell the user something that is no result, in a line."""
    console = Console(stderr=True)
    console.print(f"spec: {words}", markup=False, highlight=False, soft_wrap=True)


def tell(
    report: Report, arguments: argparse.Namespace, file: Path | None, standard: Standard
) -> int:
    """Show a report, write it if it is complete, and hold it against a standard; the exit status.
    """
    report, news = standard.marked(report)
    unwritten = None if report.unreached else write(report, file, arguments)
    console = Console()
    full = arguments.full or arguments.failures
    if arguments.next:
        show_next(report, console)
    elif full:
        show(report, console, passes=not arguments.failures)
    else:
        show_summary(report, console)
    if arguments.coverage:
        show_coverage(report, console)
    unconfirmed = confirm(report, Console(stderr=True)) if arguments.confirm else []
    lines = [f"differs from {standard.known_file}: {line}" for line in news]
    if news:
        lines.append("if that is right, let --update-known write it again")
    elif standard.update and not report.unreached:
        rules = {outcome.rule for outcome in report.outcomes if outcome.verdict is Verdict.KNOWN}
        lines.append(f"{standard.known_file} knows of failures of {amount(len(rules), 'rule')}")
    result = status.of(report)
    if standard.expected:
        more, result = standard.compared(report)
        lines += more
    elif not news:
        lines.append(next_step(report, full=full or arguments.next))
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if unwritten:
        raise unwritten  # now that what it would hold is told
    return result or (status.BROKEN if unconfirmed or news else status.KEPT)


def write(report: Report, file: Path | None, arguments: argparse.Namespace) -> OSError | None:
    """Write a complete report in every format that was asked for, from the same data; what went
    wrong with that, if anything did."""
    data = document.document(report)
    try:
        if file:
            document.write(data, file)
        formats.write(data, vars(arguments))
    except OSError as error:
        return error
    return None


def confirm(report: Report, console: Console) -> list[Outcome]:
    """Run the script of every check that failed; the outcomes whose scripts show no failure."""
    failed = [alike[0] for alike in report.failures() if alike[0].script]
    shown = track(failed, "confirming", console=console, transient=True)
    silent = [outcome for outcome in shown if run_alone(outcome.script) == 0]
    for outcome in silent:
        say(f"not confirmed by its script: {outcome.rule} {outcome.check} {outcome.point}")
    shown_by = len(failed) - len(silent)
    console.print(f"{shown_by} of {amount(len(failed), 'script')} show the failure")
    return silent


def run_alone(script: str) -> int:
    """The exit status of a script in an interpreter of its own; one that hangs shows a failure."""
    try:
        return subprocess.run([sys.executable, "-c", script], capture_output=True,
                              timeout=600).returncode
    except subprocess.TimeoutExpired:
        return status.BROKEN
