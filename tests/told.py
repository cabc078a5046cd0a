"""Runs whose outcomes are given: the command line without a library and without a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from spec.judge.check import Check
from spec.judge.subject import NAMES
from spec.judge.verdict import Outcome, Verdict

META = {"specification": "0.1.0", "implementation": "told", "version": "1.2", "python": "3.13.0",
        "platform": "linux", "device": "cpu", "packages": {"numpy": "2.0", "jax": "0.10.1"},
        "profile": "quick", "examples": 2, "seed": 0}

Answer = Callable[[Check, str], Outcome]


def kept(check: Check, point: str) -> Outcome:
    """The outcome of a point where the rule is kept; it needs what its point is named for."""
    return Outcome(check.rule, check.name, point, Verdict.PASS,
                   needs=frozenset({f"transform.{point}"} & {*NAMES}))


def broken(check: Check, point: str, message: str = "raised TypeError: no") -> Outcome:
    """The outcome of a point where the library raises."""
    return Outcome(check.rule, check.name, point, Verdict.FAIL, message, "", "no error",
                   message.removeprefix("raised "), f"import told as lib\nlib({point!r})")


def tell(monkeypatch: pytest.MonkeyPatch, answer: Answer, **meta: Any) -> list[tuple[str, str]]:
    """Let every run from now on have the outcomes that a function gives; the points it is asked."""
    asked: list[tuple[str, str]] = []

    class Pool:
        def __init__(self, job: object, workers: int, timeout: float) -> None: ...

        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *error: object) -> None: ...

        def open(self) -> SimpleNamespace:
            return SimpleNamespace(meta={**META, **meta})

        def decide(
            self, points: Sequence[tuple[Check, str]], until: float
        ) -> Iterator[tuple[int, Outcome]]:
            for i, (check, point) in enumerate(points):
                asked.append((check.id, point))
                yield i, answer(check, point)

    monkeypatch.setattr("spec.command.check.Pool", Pool)
    return asked
