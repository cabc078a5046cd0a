"""The outcomes of a run as they come: a file of JSON lines, readable however the run ends.

The first line says what is run; every other is an outcome.  A last line that was cut off is not
read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..judge.verdict import Failure, Outcome, Verdict


@dataclass(frozen=True)
class Kept:
    """What a journal holds.

    Attributes
    ----------
    meta : mapping
        What was run.
    checks : tuple of str
        The checks that the whole run is about, of which a shard does a part.
    outcomes : tuple of Outcome
        What was decided, in the order in which it came.
    """

    meta: Mapping[str, Any]
    checks: tuple[str, ...]
    outcomes: tuple[Outcome, ...]


class Journal:
    """A journal that is written; each outcome is in the file as soon as it is added."""

    def __init__(self, file: Path, kept: Kept) -> None:
        """Begin the journal anew with what is known already.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self.file = file
        fresh = file.with_name(f"{file.name}.part")
        self._stream = fresh.open("w", encoding="utf-8")
        _hold(self._stream)
        try:
            self._line({"meta": dict(kept.meta), "checks": list(kept.checks)})
            for outcome in kept.outcomes:
                self.add(outcome)
            fresh.replace(file)  # the stream goes on in the file under its new name
        except OSError:
            self.close()
            fresh.unlink(missing_ok=True)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; what a full disk does not take is lost, and was told of when it was added."""
        with suppress(OSError):
            self._stream.close()

    def add(self, outcome: Outcome) -> None:
        """Write an outcome."""
        self._line({**asdict(outcome), "needs": sorted(outcome.needs),
                    "labels": sorted(outcome.labels),
                    "counted": [sorted(one) for one in outcome.counted]})

    def _line(self, data: Mapping[str, Any]) -> None:
        try:
            self._stream.write(f"{json.dumps(data)}\n")
            self._stream.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.file)) from error


def _hold(stream: IO[str]) -> bool:
    """Keep a file for this process as long as the stream is open; False if another has it.

    Where the system or the file system knows no locks, nobody else is assumed to have it.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def in_use(file: Path) -> bool:
    """Whether another run writes a journal just now."""
    if not file.exists():
        return False
    with file.open(encoding="utf-8") as stream:
        return not _hold(stream)


def beside(report: Path) -> Path:
    """Where the journal of a report is."""
    return report.with_suffix(".jsonl")


def read(file: Path) -> Kept:
    """Read a journal.

    Raises
    ------
    ValueError
        If the file is no journal.
    """
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    try:
        head, *rest = map(json.loads, lines)
        outcomes = [Outcome(**{**line, "verdict": Verdict(line["verdict"]),
                               "needs": frozenset(line["needs"]),
                               "labels": frozenset(line["labels"]),
                               "counted": tuple(map(frozenset, line["counted"])),
                               "further": tuple(Failure(**one)
                                                for one in line.get("further", ()))})
                    for line in rest]
        return Kept(head["meta"], tuple(head["checks"]), tuple(outcomes))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file} is no journal of a run: {error}") from error
