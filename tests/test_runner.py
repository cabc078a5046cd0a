"""Running a check: seeds, points, and the folder of failing cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

import refimpl
from spec.judge.check import Check
from spec.judge.difference import Difference, Violation, told
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome, Verdict
from spec.run.decide import decide
from spec.run.profiles import Profile
from spec.run.search import seed_of

SUBJECT = Subject("refimpl", refimpl)
MANY = Profile("many", 300)
ONE = Profile("one", 1)


def refuse_large(subject: Subject, case: list[int]) -> None:
    """Fail for few of the cases."""
    if sum(case) > 2000:
        difference = Difference("", "", "at most 2000", str(sum(case)))
        raise Violation(difference, lines=["assert False"])


LARGE = Check("RET-01", "refuse_large", refuse_large, {"a": 1000, "b": 1000},
              lambda most: st.lists(st.integers(0, most)))


def at(point: str, profile: Profile, seed: int = 0) -> Outcome:
    return decide(LARGE, SUBJECT, point, profile, seed)


def test_a_failing_case_is_tried_first_the_next_time(tmp_path: Path) -> None:
    kept = str(tmp_path)
    found = at("a", replace(MANY, database=kept))
    assert found.verdict is Verdict.FAIL and found.examples > 1
    assert at("a", ONE, 1).verdict is Verdict.PASS, "one new case does not show it"
    assert at("a", replace(ONE, database=kept), 1).message == found.message
    assert at("b", replace(ONE, database=kept), 1).verdict is Verdict.PASS, "another point"


def test_without_a_folder_a_run_is_repeated_exactly() -> None:
    assert at("a", MANY).verdict is Verdict.FAIL
    assert at("a", MANY) == at("a", MANY)


def test_points_and_seeds_draw_apart() -> None:
    seeds = {seed_of(LARGE, point, seed) for point in "ab" for seed in range(3)}
    assert len(seeds) == 6


ONE_AND_TWO = Difference("result", "result == 1", "1", "2")


@pytest.mark.parametrize(("error", "words", "expected", "actual"), [
    (AssertionError({"expected": 1, "got": "2"}), "expected 1, got 2", "1", "2"),
    (AssertionError({"at": "s", "expected": [1], "got": None}), "s: expected [1], got None",
     "[1]", "None"),
    (AssertionError("it is 2"), "raised AssertionError: it is 2", "no error",
     "AssertionError: it is 2"),
    (AssertionError("at 0x7f0123456789"), "raised AssertionError: at 0x...", "no error",
     "AssertionError: at 0x..."),
    (Violation(ONE_AND_TWO), "result: expected 1, got 2", "1", "2"),
    (Violation(ONE_AND_TWO, "aux is wrong"), "aux is wrong", "1", "2"),
    (AssertionError(), "raised AssertionError", "no error", "AssertionError"),
    (KeyError("a"), "raised KeyError: 'a'", "no error", "KeyError: 'a'"),
])
def test_what_is_told_from_an_exception(
    error: Exception, words: str, expected: str, actual: str
) -> None:
    """An assertion of a check says what it expected and got; any other is the library's own."""
    message, difference = told(error)
    assert (message, difference.expected, difference.actual) == (words, expected, actual)
