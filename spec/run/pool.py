"""Sharing a run among processes; the outcomes and their order do not depend on how many."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome
from spec.run.decide import Profile, decide
from spec.run.implementation import load

CHUNK = 4
"""Points that a process is given at a time."""
LIFETIME = 20_000
"""Cases after which a process makes way for a new one: JAX keeps what it compiled for each of them,
and a long run would fill the memory."""


def decisions(
    subject: Subject, points: list[tuple[Check, str]], profile: Profile, seed: int, workers: int
) -> Iterator[Outcome]:
    """Decide all points, in this process or in several."""
    if workers <= 1:
        yield from (decide(c, subject, point, profile, seed) for c, point in points)
        return
    tasks = [(subject.name, c.id, point, profile, seed) for c, point in points]
    chunks = max(1, LIFETIME // (CHUNK * profile.examples))
    with ProcessPoolExecutor(workers, get_context("spawn"), max_tasks_per_child=chunks) as pool:
        yield from pool.map(decide_by_name, tasks, chunksize=CHUNK)


def decide_by_name(task: tuple[str, str, str, Profile, int]) -> Outcome:
    """Decide one point in a process of its own."""
    module, check_id, point, profile, seed = task
    subject = load(module)
    (found,) = (c for c in all_checks() if c.id == check_id)
    return decide(found, subject, point, profile, seed)
