"""Exit statuses: what a program that calls this one is told."""

from __future__ import annotations

from typing import Final

from ..judge.verdict import Verdict
from ..report.report import Report

KEPT: Final = 0
"""Every rule that was asked for is kept, as far as the names that it needs are there."""
BROKEN: Final = 1
"""A rule is broken; with ``--expect``, a verdict is not the committed one; with ``--known``, a
failure is not as it is known."""
UNUSABLE: Final = 2
"""Nothing was run: the arguments, or the module, cannot be used."""
CRASHED: Final = 3
"""The checker itself failed, in a check or as a whole."""
INCOMPLETE: Final = 4
"""Not everything that was asked for is decided."""


def of(report: Report) -> int:
    """The status of a run by itself."""
    verdicts = set(report.verdicts().values())
    if Verdict.FAIL in verdicts:
        return BROKEN
    return undecided(report)


def undecided(report: Report) -> int:
    """The status of a run whose broken rules are no news."""
    verdicts = set(report.verdicts().values())
    if Verdict.ERROR in verdicts:
        return CRASHED
    judged = verdicts & {Verdict.PASS, Verdict.FAIL, Verdict.KNOWN}
    if report.unreached or Verdict.INCONCLUSIVE in verdicts or not judged:
        return INCOMPLETE
    return KEPT
