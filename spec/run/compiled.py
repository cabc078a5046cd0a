"""What JAX has compiled in a worker: it keeps every program until it is told to forget."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any, Final

from ..judge.subject import Subject

HELD: Final = 1_500
"""Programs that are kept: each takes 0.4 to 1.3 megabytes, by the version of JAX."""


class Compilations:
    """The programs that JAX holds for an implementation on JAX; for any other, none.

    They are counted by what JAX tells of its work.  Where it tells nothing by the name that is
    known here, none is counted, and the lifetime of a worker bounds its memory alone.

    Parameters
    ----------
    subject : Subject
        The implementation.

    Attributes
    ----------
    count : int
        How many programs were made, or read from the folder that processes share, since they
        were last forgotten.
    """

    def __init__(self, subject: Subject) -> None:
        self.count = 0
        self._jax = subject.jax if subject.on_jax else None
        if self._jax is not None:
            monitoring = import_module("jax.monitoring")
            monitoring.register_event_duration_secs_listener(self._note)

    def _note(self, event: str, duration: float, **details: Any) -> None:
        self.count += "backend_compile" in event

    def bound(self) -> bool:
        """Let JAX forget its programs where they are too many; whether it did.

        Only between points, each of which is decided as if it were the first.
        """
        if self._jax is None or self.count < HELD:
            return False
        self._jax.clear_caches()
        gc.collect()
        self.count = 0
        return True
