"""The quick profile reaches every cell that is counted."""

from __future__ import annotations

import json

import pytest

from spec.report.coverage import AXES, empty_cells, table
from tests import power


def test_every_cell_is_within_reach_of_a_quick_run() -> None:
    assert power.weak(json.loads(power.HOME.read_text())) == []


def test_committed_power_is_about_these_cells() -> None:
    """A cell may be newer than the file, which has not measured it yet."""
    expected = json.loads(power.HOME.read_text())["expected"]
    assert expected.keys() <= AXES.keys()
    for axis, cells in expected.items():
        assert cells and set(cells) <= set(AXES[axis]), axis


def test_a_cell_out_of_reach_is_weak() -> None:
    assert power.weak({"fewest": {"a": {"b": 1, "c": 0, "d": 2}}}) == [
        "a: b comes 1 times in a run", "a: c comes 0 times in a run"]


@pytest.mark.parametrize("axis", AXES)
def test_an_uncovered_axis_shows_as_empty(axis: str) -> None:
    """The negative control: with nothing covered, every cell of the axis is empty."""
    assert not any(table(())[axis].values())
    assert {f"{axis}: {cell}" for cell in AXES[axis]} <= set(empty_cells(()))
