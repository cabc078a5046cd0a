"""``check``: run the rules on an implementation, whatever it does, and say what was found."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from ..judge.check import Check
from ..judge.verdict import Outcome
from ..report import committed, journal
from ..report.journal import Journal, Kept
from ..report.progress import Progress
from ..report.report import Report
from ..report.summary import show_header
from ..run import selection
from ..run.decide import plan
from ..run.implementation import NoDevice, Unusable
from ..run.pool import Pool
from ..run.profiles import PROFILES, Profile
from ..run.worker import Job
from . import status
from .standard import Standard
from .tell import say, tell

Points = list[tuple[Check, str]]

PATIENCE = {"quick": 300.0}
"""Seconds that a point may take by default, by profile."""
LONG_PATIENCE = 3600.0
"""Seconds that a point may take by default where many cases are drawn."""


def check(arguments: argparse.Namespace) -> int:
    """Check one implementation and print what was found."""
    checks = selection.checks(arguments.rules or selection.rules(()), arguments.level,
                              arguments.authority, arguments.classes)
    if not checks:
        return refuse("no rule is of that level, authority and class among those chosen")
    return decide(arguments, checks, selection.shard(plan(checks), *arguments.shard))


def run(arguments: argparse.Namespace) -> int:
    """Decide one case, as a run of its profile and seed does."""
    return decide(arguments, [arguments.case[0]], [arguments.case])


def decide(arguments: argparse.Namespace, checks: Sequence[Check], points: Points) -> int:
    """Decide points, all or a part of those of some checks, and tell what was found."""
    timeout = arguments.timeout or PATIENCE.get(arguments.profile, LONG_PATIENCE)
    job = Job(arguments.module, arguments.device, profile(arguments), arguments.seed,
              arguments.classes)
    until = time.monotonic() + arguments.budget
    with Pool(job, arguments.workers, timeout) as pool:
        try:
            meta = pool.open().meta
            file = unclaimed(place(arguments.report, meta))
            kept = earlier(file, meta, checks) if arguments.resume else ()
            standard = Standard.of(arguments, meta, {c.rule for c in checks})
            log = begun(file, Kept(meta, ids(checks), kept), resumed=arguments.resume)
        except NoDevice as error:
            say(f"skipped, nothing was checked: {error}")
            return status.INCOMPLETE
        except (Unusable, ValueError, OSError) as error:
            return refuse(str(error))
        except KeyboardInterrupt:
            say("interrupted, nothing was checked")
            return status.INCOMPLETE
        show_header(meta, len({c.rule for c, _ in points}), len(points), Console())
        try:
            outcomes = gather(pool, points, until, log, kept)
        except Exception:
            unfinished(file)
            raise
    mine, found = selection.asked(points, outcomes, arguments.classes)
    part = {} if arguments.shard == (1, 1) else {"part": "{}/{}".format(*arguments.shard)}
    report = Report({**meta, **part}, found, selection.unreached(mine, found))
    try:
        result = tell(report, arguments, file, standard)
    except OSError:  # what was to be written could not be
        unfinished(file)
        raise
    if report.unreached:
        unfinished(file)
    elif file and arguments.shard == (1, 1):
        journal.beside(file).unlink(missing_ok=True)  # the report has it all
    return result


def unfinished(file: Path | None) -> None:
    """Say where the outcomes of a run are that has no report, and how it is gone on with."""
    if file:
        say(f"{file} is left as it was; {journal.beside(file)} holds what was decided: "
            f"the same command with --resume goes on from there")


def begun(file: Path | None, kept: Kept, *, resumed: bool) -> Journal | None:
    """The journal beside a report, begun with what is known already; None without a report.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if not file:
        return None
    if not resumed:
        put_aside(journal.beside(file))
    return Journal(journal.beside(file), kept)


def put_aside(old: Path) -> None:
    """Keep the journal of a run that did not end, which may have taken long, when another begins.
    """
    if old.exists():
        kept = old.replace(old.with_name(f"{old.name}.before"))
        say(f"{old} was of an earlier run and is now {kept}; to go on with that, move it back and "
            f"add --resume")


def refuse(why: str) -> int:
    """Say why nothing was run."""
    say(why)
    return status.UNUSABLE


def profile(arguments: argparse.Namespace) -> Profile:
    """How much is drawn."""
    database = arguments.database and os.path.abspath(arguments.database)  # a worker may move
    named = replace(PROFILES[arguments.profile], database=database)
    if arguments.max_examples:
        return replace(named, examples=arguments.max_examples, together=0)
    return named


def place(report: Path | None, meta: Mapping[str, Any]) -> Path | None:
    """The file of a report, which has the name of what was run in a folder."""
    return report / committed.file_name(meta) if report and report.is_dir() else report


def unclaimed(file: Path | None) -> Path | None:
    """The file of a report, if no other run is about to write it.

    Raises
    ------
    ValueError
        If one is.
    """
    if file and journal.in_use(journal.beside(file)):
        raise ValueError(f"{journal.beside(file)} is being written by another run: wait for it, "
                         f"or give this one a --report of its own")
    return file


def ids(checks: Iterable[Check]) -> tuple[str, ...]:
    """The ids of checks."""
    return tuple(check.id for check in checks)


def earlier(
    file: Path | None, meta: Mapping[str, Any], checks: Iterable[Check]
) -> tuple[Outcome, ...]:
    """What the journal of a run that ended too soon holds of a run of the same.

    Raises
    ------
    ValueError
        If it is of another run.
    """
    assert file is not None
    if not journal.beside(file).exists():
        return ()
    kept = journal.read(journal.beside(file))
    for key, value in meta.items():
        if kept.meta.get(key) != value:
            raise ValueError(f"{journal.beside(file)} is of another run: its {key} is "
                             f"{kept.meta.get(key)}, and that of this one {value}")
    mine = set(ids(checks))
    return tuple(o for o in kept.outcomes if f"{o.rule}/{o.check}" in mine)


def gather(
    pool: Pool, points: Points, until: float, log: Journal | None, kept: Iterable[Outcome]
) -> list[Outcome]:
    """Decide what is not known yet, and keep each outcome as it comes; an interrupt ends it."""
    outcomes = list(kept)
    done = {(f"{o.rule}/{o.check}", o.point) for o in outcomes}
    todo = [(check, point) for check, point in points if (check.id, point) not in done]
    with ExitStack() as stack:
        if log:
            stack.enter_context(log)
        progress = stack.enter_context(Progress(Console(stderr=True), len(points), len(done)))
        try:
            for _, outcome in pool.decide(todo, until):
                outcomes.append(outcome)
                progress.advance(outcome)
                log = noted(log, outcome)
        except KeyboardInterrupt:
            say("interrupted")
        except (Unusable, NoDevice) as error:
            say(f"given up: {error}")
    return outcomes


def noted(log: Journal | None, outcome: Outcome) -> Journal | None:
    """Keep an outcome; the journal, or None once it takes no more, without which the run goes on.
    """
    if log is None:
        return None
    try:
        log.add(outcome)
    except OSError as error:
        say(f"{error}: the run goes on, and what it decides from here on is not kept there")
        return None
    return log
