"""A case of a generated check, for people who want to see one."""

from __future__ import annotations

from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase

from ..judge.check import Check


def drawn(check: Check, point: str) -> Any:
    """The plainest case that the check draws at a point of its axis; the same every time."""
    assert check.strategy is not None
    settings = hypothesis.settings(
        max_examples=100, database=None, derandomize=True, deadline=None,
        phases=(Phase.generate,), suppress_health_check=tuple(HealthCheck),
    )
    return hypothesis.find(check.strategy(check.cases[point]), lambda case: True,
                           settings=settings)
