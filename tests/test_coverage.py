"""The quick profile reaches every cell that is counted, or says why it cannot."""

from __future__ import annotations

import json
from functools import cache

import pytest

from spec.report.coverage import AXES, empty_cells, table
from tests import power

UNREACHABLE: dict[str, str] = {}
"""Cells that no case can reach, with the reason."""


@cache
def covered() -> frozenset[str]:
    """The features of every case that the quick profile draws, of any check."""
    return frozenset().union(*power.every(0))


def test_no_cell_is_empty_without_a_reason() -> None:
    assert sorted(set(empty_cells(covered())) - UNREACHABLE.keys()) == []


def test_no_reason_is_stale() -> None:
    assert sorted(UNREACHABLE.keys() & covered()) == []


def test_every_cell_is_within_reach_of_a_quick_run() -> None:
    assert power.weak(json.loads(power.HOME.read_text())) == []


def test_committed_power_is_about_these_cells() -> None:
    expected = json.loads(power.HOME.read_text())["expected"]
    assert {axis: tuple(cells) for axis, cells in expected.items()} == dict(AXES)


def test_a_cell_out_of_reach_is_weak() -> None:
    assert power.weak({"cases": 100, "expected": {"a": {"b": 26.0, "c": None, "d": 25.0}}}) == [
        "a: b takes 26.0 cases", "a: c takes None cases"]


@pytest.mark.parametrize("axis", AXES)
def test_an_uncovered_axis_shows_as_empty(axis: str) -> None:
    """The negative control: with nothing covered, every cell of the axis is empty."""
    assert not any(table(())[axis].values())
    assert {f"{axis}: {cell}" for cell in AXES[axis]} <= set(empty_cells(()))
