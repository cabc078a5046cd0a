"""How far a run is: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from ..chapters.rules import registry
from ..judge.verdict import Outcome

PAUSE: Final = 10.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """Says what was decided last; a context manager.

    Parameters
    ----------
    console : Console
        Where to say it.
    total, done : int
        How many points there are, and how many were known before.
    """

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console, self._total, self._done = console, total, done
        self._spoken = time.monotonic()
        self._bar = Bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                        TimeElapsedColumn(), console=console, transient=True,
                        disable=not console.is_terminal)
        self._task = self._bar.add_task("checking", total=total, completed=done)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def advance(self, outcome: Outcome) -> None:
        """One more point is decided."""
        self._done += 1
        words = f"{outcome.rule} {registry()[outcome.rule].title}"
        self._bar.update(self._task, advance=1, description=words)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._spoken > PAUSE:
            self._spoken = now
            self._console.print(f"{self._done} of {self._total} points, {words}", markup=False,
                                highlight=False, soft_wrap=True)
