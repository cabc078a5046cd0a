"""``merge``: one report from the journals of the parts of a run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ..chapters import all_checks
from ..report import journal
from ..report.journal import Kept
from ..report.report import Report
from ..report.summary import show_header
from ..run import selection
from ..run.decide import plan
from .check import place, refuse
from .standard import Standard
from .tell import say, tell


def merge(arguments: argparse.Namespace) -> int:
    """Join what the parts of a run decided, and print it as the run would have."""
    try:
        parts = [journal.read(file) for file in arguments.journals]
        whole = joined(arguments.journals, parts)
        points = plan(check for check in all_checks() if check.id in whole.checks)
        standard = Standard.of(arguments, whole.meta, {check.rule for check, _ in points})
    except (ValueError, OSError) as error:
        return refuse(str(error))
    mine, found = selection.asked(points, whole.outcomes, whole.meta.get("classes", ()))
    report = Report(whole.meta, found, selection.unreached(mine, found))
    show_header(whole.meta, len({c.rule for c, _ in points}), len(points), Console())
    file = place(arguments.report, whole.meta)
    if file and report.unreached:
        say(f"{file} is left as it was: these journals are not the whole run")
    return tell(report, arguments, file, standard)


def joined(files: Sequence[Path], parts: Sequence[Kept]) -> Kept:
    """The parts as one.

    Raises
    ------
    ValueError
        If they are not of the same run.
    """
    first = parts[0]
    for file, part in zip(files[1:], parts[1:], strict=True):
        for key, value in first.meta.items():
            if part.meta.get(key) != value:
                raise ValueError(f"{files[0]} and {file} are of different runs: {key} is {value} "
                                 f"and {part.meta.get(key)}")
        if part.checks != first.checks:
            raise ValueError(f"{files[0]} and {file} are of runs of different checks")
    return Kept(first.meta, first.checks, tuple(o for part in parts for o in part.outcomes))
