"""Slices of a test suite by the day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.day import VARIABLE, slice_of, today


def test_every_item_has_its_turn_in_as_many_days_as_there_are_slices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items, seen = list(range(23)), list[int]()
    for day in range(7):
        monkeypatch.setenv(VARIABLE, (date(2024, 2, 27) + timedelta(day)).isoformat())
        seen += slice_of(items, 7)
    assert sorted(seen) == items


def test_the_day_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2024-02-29")
    assert today() == date(2024, 2, 29)


def test_a_word_that_is_no_date_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tuesday")
    with pytest.raises(ValueError, match="SPEC_DAY must be a date.*'tuesday'"):
        today()
