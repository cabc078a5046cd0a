"""Sharing a run among processes that may die or hang; every point that is reached has a verdict.

The implementation is imported in workers alone. What a point's verdict is does not depend on how
many there are; in which order the verdicts come does.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import SimpleNamespace, TracebackType
from typing import Final

from ..chapters.rules import registry
from ..judge.check import Check, snippet_source
from ..judge.subject import Subject
from ..judge.verdict import Outcome, Verdict
from .implementation import NoDevice, Unusable
from .worker import Job, Ready, serve

CHUNK: Final = 4
"""Points that a worker is given at a time."""
LIFETIME: Final = 2_000
"""Cases after which a worker makes way for a new one: JAX keeps what it compiled for each of them,
and a long run would fill the memory."""
START = 120.0
"""Seconds that a worker may take to import the implementation, at the least."""
STARTS: Final = 3
"""How often in a row workers may fail to start before the run gives up."""


@dataclass(eq=False)
class Worker:
    """A process, and what it has been asked for.

    Attributes
    ----------
    process, connection
        The process and this end of the pipe to it.
    since : float
        When it began with what it does now.
    left : deque of int
        The points that it has not decided yet, the one in work first.
    cases : int
        How many cases it has judged.
    ready : bool
        Whether it has the implementation.
    """

    process: BaseProcess
    connection: Connection
    since: float
    left: deque[int] = field(default_factory=deque)
    cases: int = 0
    ready: bool = False

    @property
    def busy(self) -> bool:
        """Whether something is awaited."""
        return not self.ready or bool(self.left)

    def ending(self) -> str:
        """How the process ended, in words; it is ended if it has not."""
        self.process.join(1)
        alive = self.process.exitcode is None
        self.dismiss()
        status = self.process.exitcode
        if alive or status is None:
            return "the process closed its pipe"
        if status < 0:
            return f"the process ended by signal {signal.Signals(-status).name}"
        return f"the process ended with status {status}"

    def dismiss(self) -> None:
        """End the process, with those that the library has started from it."""
        self.connection.close()
        if hasattr(os, "killpg") and self.process.pid is not None:
            with suppress(OSError):  # it may be gone, or not so far yet that it is a group
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()


class Pool:
    """Workers that decide points of one run; a context manager that leaves none behind.

    Parameters
    ----------
    job : Job
        What all workers do.
    workers : int
        How many there are.
    timeout : float
        Seconds that a point may take.
    """

    def __init__(self, job: Job, workers: int, timeout: float) -> None:
        self._job, self._size, self._timeout = job, workers, timeout
        self._start = max(timeout, START)
        self._too_long = f"no result within {timeout:g} seconds"
        self._workers: list[Worker] = []
        self._failed_starts = 0
        self._ready: Ready | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while self._workers:
            self._workers.pop().dismiss()

    def open(self) -> Ready:
        """Start a worker and wait until it has the implementation.

        Raises
        ------
        Unusable, NoDevice
            If it cannot be checked, or not there.
        """
        worker = self._hire()
        if not worker.connection.poll(self._start):
            raise Unusable(f"importing {self._job.module!r} and its plainest uses took longer "
                           f"than {self._start:g} seconds")
        self._begin(worker)
        assert self._ready is not None
        return self._ready

    def decide(
        self, points: Sequence[tuple[Check, str]], until: float = float("inf")
    ) -> Iterator[tuple[int, Outcome]]:
        """Decide points, as long as the clock is before ``until``; yields indices and outcomes."""
        waiting = deque(range(len(points)))
        while waiting or any(worker.left for worker in self._workers):
            self._share(waiting, points)
            now = time.monotonic()
            if now >= until:
                return
            due = [self._due(worker) for worker in self._workers if worker.busy]
            heard = wait([worker.connection for worker in self._workers],
                         max(0.0, min([*due, until]) - now))
            for worker in list(self._workers):
                if worker.connection in heard:
                    yield from self._hear(worker, waiting, points)
                elif worker.busy and time.monotonic() > self._due(worker):
                    yield from self._lose(worker, waiting, points, self._too_long)

    def _due(self, worker: Worker) -> float:
        """When a worker must have said something."""
        return worker.since + (self._timeout if worker.ready else self._start)

    def _hire(self) -> Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self._job))
        process.start()
        theirs.close()  # so that the pipe closes when the process ends
        worker = Worker(process, ours, time.monotonic())
        self._workers.append(worker)
        return worker

    def _share(self, waiting: deque[int], points: Sequence[tuple[Check, str]]) -> None:
        """Give idle workers what is waiting, and hire as many as have something to do."""
        for worker in [w for w in self._workers if not w.busy]:
            if worker.cases > LIFETIME:
                self._workers.remove(worker)
                worker.dismiss()
            elif waiting:
                worker.left.extend(waiting.popleft() for _ in range(min(CHUNK, len(waiting))))
                worker.since = time.monotonic()
                with suppress(OSError):  # a worker that has died is noticed when it is listened to
                    worker.connection.send([(points[i][0].id, points[i][1]) for i in worker.left])
        starting = sum(not worker.ready for worker in self._workers)
        while len(self._workers) < self._size and starting * CHUNK < len(waiting):
            self._hire()
            starting += 1

    def _hear(
        self, worker: Worker, waiting: deque[int], points: Sequence[tuple[Check, str]]
    ) -> Iterator[tuple[int, Outcome]]:
        """What a worker says: that it is ready, an outcome, or by its silence that it died."""
        if not worker.ready:
            self._begin(worker)
            return
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._lose(worker, waiting, points, worker.ending())
            return
        worker.since = time.monotonic()
        worker.cases += outcome.examples
        yield worker.left.popleft(), outcome

    def _begin(self, worker: Worker) -> None:
        """Take the first word of a worker."""
        try:
            word = worker.connection.recv()
        except (EOFError, OSError):
            word = Unusable(f"importing {self._job.module!r}, or its plainest use: "
                            f"{worker.ending()}")
        if isinstance(word, Ready):
            worker.ready, self._ready, self._failed_starts = True, self._ready or word, 0
            return
        assert isinstance(word, (Unusable, NoDevice))
        self._workers.remove(worker)
        worker.dismiss()
        self._failed_start(word)

    def _failed_start(self, why: Unusable | NoDevice) -> None:
        """Count a worker that never got so far; the first one, or several in a row, end the run."""
        self._failed_starts += 1
        if self._ready is None or self._failed_starts >= STARTS:
            raise why

    def _lose(
        self, worker: Worker, waiting: deque[int], points: Sequence[tuple[Check, str]], why: str
    ) -> Iterator[tuple[int, Outcome]]:
        """Do without a worker: its point has failed, and what it had not begun waits again."""
        self._workers.remove(worker)
        worker.dismiss()
        if not worker.ready:
            self._failed_start(Unusable(f"importing {self._job.module!r}: {why}"))
        if worker.left:
            lost = worker.left.popleft()
            waiting.extendleft(reversed(worker.left))
            yield lost, self._lost(*points[lost], why)

    def _lost(self, check: Check, point: str, why: str) -> Outcome:
        """The outcome of a point that ended its worker."""
        script = ""
        if check.strategy is None:
            arrays = self._ready.arrays if self._ready else "jax.numpy"
            subject = Subject(self._job.module, SimpleNamespace(array_namespace=arrays))
            outcomes = registry()[check.rule].outcomes
            script = "\n".join(snippet_source(check, subject, check.cases[point], outcomes))
        return Outcome(check.rule, check.name, point, Verdict.FAIL, why,
                       expected="a result or an exception", actual=why, script=script)
