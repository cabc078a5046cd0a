"""The quick profile reaches every cell that is counted, or says why it cannot."""

from __future__ import annotations

from functools import cache
from typing import Any

import hypothesis
import pytest
from hypothesis import Phase

from spec.checks import Check, all_checks
from spec.coverage import AXES, empty_cells, features, table
from spec.runner import PROFILES

UNREACHABLE: dict[str, str] = {}
"""Cells that no case can reach, with the reason."""


def drawn(check: Check, point: str) -> set[str]:
    """The features of the cases that the quick profile draws for a point of a check."""
    assert check.strategy is not None
    found: set[str] = set()

    def collect(case: Any) -> None:
        found.update(features(case))

    settings: Any = hypothesis.settings(
        max_examples=PROFILES["quick"].examples, phases=[Phase.generate], database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    given: Any = hypothesis.given(check.strategy(check.cases[point]))
    hypothesis.seed(0)(settings(given(collect)))()
    return found


@cache
def covered() -> frozenset[str]:
    """The features of every case that the quick profile draws, of any check."""
    checks = [check for check in all_checks() if check.strategy is not None]
    return frozenset().union(*(drawn(c, point) for c in checks for point in c.cases))


def test_no_cell_is_empty_without_a_reason() -> None:
    assert sorted(set(empty_cells(covered())) - UNREACHABLE.keys()) == []


def test_no_reason_is_stale() -> None:
    assert sorted(UNREACHABLE.keys() & covered()) == []


@pytest.mark.parametrize("axis", AXES)
def test_an_uncovered_axis_shows_as_empty(axis: str) -> None:
    """The negative control: with nothing covered, every cell of the axis is empty."""
    assert not any(table(())[axis].values())
    assert {f"{axis}: {cell}" for cell in AXES[axis]} <= set(empty_cells(()))
