"""What a run is held against, besides the rules: a committed report, and known failures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..report import committed, document
from ..report.report import Report
from ..report.words import spoken
from ..run import known, known_file
from ..run.known import Known
from . import status


@dataclass(frozen=True)
class Standard:
    """What a run is held against.

    Attributes
    ----------
    asked : set of str
        The rules that were asked for.
    expected : tuple of Path and mapping, optional
        A committed report.
    known_file : Path, optional
        The file of known failures.
    known : tuple of Known
        What it holds.
    update : bool
        Whether the file is to be written.
    """

    asked: Set[str]
    expected: tuple[Path, Mapping[str, Any]] | None = None
    known_file: Path | None = None
    known: tuple[Known, ...] = ()
    update: bool = False

    @classmethod
    def of(
        cls, arguments: argparse.Namespace, meta: Mapping[str, Any], asked: Set[str]
    ) -> Standard:
        """What the arguments name, for a run of this.

        Raises
        ------
        ValueError
            If a file is not what it should be, or of another implementation.
        OSError
            If a file is not there.
        """
        expected = _expected(arguments.expect, meta) if arguments.expect else None
        file = arguments.known
        entries = known.read(file, meta) if file and file.exists() else ()
        return cls(asked, expected, file, entries, arguments.update_known)

    def marked(self, report: Report) -> tuple[Report, list[str]]:
        """The report with the failures that are known, and what is not as the file says."""
        if not self.known_file:
            return report, []
        entries = self.known
        if self.update and not report.unreached:
            entries = tuple(known_file.updated(entries, report.outcomes, report.meta, self.asked))
            told = known_file.text(report.meta["implementation"], entries)
            document.write_text(told, self.known_file)
        found, news = known.judge(entries, report.outcomes, report.meta, self.asked)
        whole = not report.unreached  # else an entry may be true of what was not reached
        return Report(report.meta, found, report.unreached), news if whole else []

    def compared(self, report: Report) -> tuple[list[str], int]:
        """What to say of the report and the committed one, and the exit status."""
        assert self.expected is not None
        file, data = self.expected
        if report.unreached:
            return [f"not compared with {file}: the run is not complete"], status.of(report)
        different = committed.differences(document.document(report), data, self.asked)
        if different:
            lines = [f"differs from {file}: {line}" for line in different]
            return [*lines, f"if that is right, write it again: --report {file}"], status.BROKEN
        result = status.undecided(report)
        return ([f"as expected: every verdict is that of {file}"],
                result if result == status.CRASHED else status.KEPT)


def _expected(place: Path, meta: Mapping[str, Any]) -> tuple[Path, Mapping[str, Any]]:
    """The committed report for a run of this."""
    file = committed.committed(place, meta)
    data = committed.read(file)
    if (other := data["meta"]["implementation"]) != meta["implementation"]:
        raise ValueError(f"{file} is a report on {other}, and this is a run of "
                         f"{meta['implementation']}")
    if part := data["meta"].get("part"):
        raise ValueError(f"{file} is a report on the part {part} of a run: merge the parts")
    if (classes := data["meta"].get("classes")) != meta.get("classes"):
        raise ValueError(f"{file} is of the classes {_listed(classes)}, and this is a run of "
                         f"{_listed(meta.get('classes'))}")
    return file, data


def _listed(classes: Sequence[str] | None) -> str:
    return "all" if classes is None else " and ".join(spoken(classes))
