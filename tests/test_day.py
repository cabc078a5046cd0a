"""Slices of a test suite by the day."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.day import DAYS, EVERY, TOGETHER, VARIABLE, slice_of, today, turns


def test_every_item_has_its_turn_in_as_many_days_as_there_are_slices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items, seen = list(range(23)), list[int]()
    for day in range(7):
        monkeypatch.setenv(VARIABLE, (date(2024, 2, 27) + timedelta(day)).isoformat())
        seen += slice_of(items, 7)
    assert sorted(seen) == items


def test_every_test_has_its_turn_in_four_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ["tests/test_day.py", *DAYS, *TOGETHER] * 5
    tests = [(file, "") for file in files]
    seen = [False] * len(files)
    for day in range(28):
        monkeypatch.setenv(VARIABLE, (date(2024, 2, 27) + timedelta(day)).isoformat())
        chosen = turns(tests)
        assert all(now for now, file in zip(chosen, files, strict=True) if file == files[0])
        of_file = {(file, now) for now, file in zip(chosen, files, strict=True)}
        assert not any({(file, True), (file, False)} <= of_file for file in TOGETHER)
        seen = [now or before for now, before in zip(chosen, seen, strict=True)]
    assert all(seen)


def test_every_check_is_asked_every_other_day(monkeypatch: pytest.MonkeyPatch) -> None:
    file, days = max(DAYS.items(), key=lambda item: item[1])
    tests = [(file, check) for check in "A" + 5 * "B" + 90 * "C"]
    for day in range(0, days, 2):
        asked = Counter[str]()
        for other in (0, 1):
            monkeypatch.setenv(VARIABLE, (date(2024, 2, 27) + timedelta(day + other)).isoformat())
            chosen = zip(tests, turns(tests), strict=True)
            asked.update(check for (_, check), now in chosen if now)
        assert asked["A"] == asked["B"] == 1 and 6 <= asked["C"] <= 8


def test_files_that_share_what_is_costly_have_days_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for day in range(max(TOGETHER.values())):
        monkeypatch.setenv(VARIABLE, (date(2024, 2, 27) + timedelta(day)).isoformat())
        assert sum(turns([(file, "") for file in TOGETHER])) <= 1


def test_files_that_take_days_are_there() -> None:
    root = Path(__file__).parents[1]
    assert [file for file in (*DAYS, *TOGETHER) if not (root / file).is_file()] == []


def test_every_day_is_all_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, EVERY)
    assert slice_of([1, 2, 3], 3) == [1, 2, 3]
    assert all(turns([(file, "") for file in DAYS]))


def test_the_day_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "2024-02-29")
    assert today() == date(2024, 2, 29)


def test_a_word_that_is_no_date_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tuesday")
    with pytest.raises(ValueError, match="SPEC_DAY must be a date.*'tuesday'"):
        today()
