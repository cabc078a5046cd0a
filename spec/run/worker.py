"""A process that decides points, one after another, for as long as it lives."""

from __future__ import annotations

import gc
import os
import platform
import signal
from collections.abc import Collection
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from .. import __version__
from ..chapters import all_checks
from ..judge.stray import hear_no_keyboard
from ..judge.subject import CLASSES, NAMES, Subject, covered
from . import smoke
from .compiled import Compilations
from .decide import decide
from .implementation import NoDevice, Unusable, leave_no_trace, load, loaded_versions
from .profiles import Profile


@dataclass(frozen=True)
class Job:
    """What all workers of a run do.

    Attributes
    ----------
    module : str
        The implementation, which only workers import.
    device : str or None
        Where JAX's arrays are to live.
    profile : Profile
        How much is drawn.
    seed : int
        Same seed, same cases.
    classes : tuple of str
        The classes of conformance that are asked for; all if empty.
    """

    module: str
    device: str | None
    profile: Profile
    seed: int
    classes: tuple[str, ...] = ()


def hidden(classes: Collection[str]) -> frozenset[str]:
    """The names of the interface that come with none of some classes; none if no class is given.
    """
    if not classes:
        return frozenset()
    return frozenset(NAMES) - {name for mine in covered(classes) for name in CLASSES[mine]}


@dataclass(frozen=True)
class Ready:
    """A worker has the implementation, and it passed the plainest uses.

    Attributes
    ----------
    meta : dict
        What is run, and with what.
    arrays : str
        The name of the array namespace.
    """

    meta: dict[str, Any]
    arrays: str


def serve(connection: Connection, job: Job) -> None:
    """Say that the implementation is there, or why not; then decide what is asked for."""
    _stand_alone(connection)
    _silence()
    leave_no_trace()
    try:
        subject = replace(load(job.module, job.device), hidden=hidden(job.classes))
        if faults := smoke.faults(subject):
            raise Unusable(f"{job.module} fails the plainest uses, so the adapter is wrong: "
                           f"{'; '.join(faults)}")
    except (NoDevice, Unusable) as error:
        connection.send(type(error)(str(error)))
        return
    connection.send(Ready(metadata(subject, job), subject.arrays))
    checks = {check.id: check for check in all_checks()}
    compiled = Compilations(subject)
    gc.freeze()  # what was imported lives as long as the worker: no collection need look at it
    try:
        while True:
            for check, point in connection.recv():
                connection.send(decide(checks[check], subject, point, job.profile, job.seed))
                compiled.bound()
    except (EOFError, OSError):  # nobody asks any more, or this is a child that the library forked
        pass
    finally:
        os._exit(0)  # whatever threads and exit handlers the library left


def _stand_alone(connection: Connection) -> None:
    """Be out of the keyboard's reach, which speaks to the parent alone, and be the only one at
    this end of the pipe: a library may fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hear_no_keyboard()
    if hasattr(os, "setsid"):
        os.setsid()  # what it starts can be ended with it
        os.register_at_fork(after_in_child=connection.close)


def _silence() -> None:
    """Let nothing that a library prints mix with the report."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def metadata(subject: Subject, job: Job) -> dict[str, Any]:
    """What a run was of and with."""
    return {
        "specification": __version__,
        "implementation": subject.name,
        "version": subject.version,
        "python": platform.python_version(),
        "platform": platform.system().lower(),
        "device": _device(subject),
        "packages": loaded_versions(),
        "profile": job.profile.name,
        "examples": job.profile.examples,
        "seed": job.seed,
        **({"classes": list(job.classes)} if job.classes else {}),
    }


def _device(subject: Subject) -> str:
    """The kind of device that the implementation's arrays live on."""
    array = subject.xp.zeros(())
    devices = getattr(array, "devices", None)
    return str(next(iter(devices())).platform) if callable(devices) else "cpu"
