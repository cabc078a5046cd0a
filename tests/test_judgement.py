"""Decisions on derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from spec.expected.oracles import Decision, Estimate, judge


def known(value: Any, tol: float = 1e-12) -> Estimate:
    value = np.asarray(value)
    return Estimate(value, np.full(value.shape, tol))


@dataclass(frozen=True)
class Case:
    got: Any
    estimates: list[Estimate]
    decision: Decision
    index: tuple[int, ...] | None
    reason: str


CASES = {
    "equal": Case([1.0, 2.0], [known([1.0, 2.0])], Decision.PASS, (0,), "right"),
    "within": Case([1.0, 2 + 5e-13], [known([1.0, 2.0])], Decision.PASS, (1,), "right"),
    "outside": Case([1.0, 2 + 5e-12], [known([1.0, 2.0])], Decision.FAIL, (1,), "wrong"),
    "outside the sharper": Case(
        [1 + 1e-10], [known([1.0]), known([1.0], 1e-6)], Decision.FAIL, (0,), "wrong"
    ),
    "shape": Case([1.0], [known([1.0, 2.0])], Decision.FAIL, None, "shape (1,), expected (2,)"),
    "scalar for vector": Case(1.0, [known([1.0])], Decision.FAIL, None, "shape"),
    "objects": Case(np.array([None]), [known([1.0])], Decision.FAIL, None, "dtype object"),
    "empty": Case(np.zeros((0, 3)), [known(np.zeros((0, 3)))], Decision.PASS, None, "no entries"),
    "nan": Case([np.nan, 2.0], [known([1.0, 2.0])], Decision.FAIL, (0,), "wrong"),
    "inf": Case([1.0, -np.inf], [known([1.0, 2.0])], Decision.FAIL, (1,), "wrong"),
    "imaginary": Case([1 + 1j], [known([1.0])], Decision.FAIL, (0,), "wrong"),
    "disagreement": Case(
        [1.0], [known([1.0]), known([1 + 1e-9])], Decision.INCONCLUSIVE, (0,), "disagree"
    ),
    "disagreement before error": Case(
        [1.0, 7.0], [known([1.0, 2.0]), known([1.1, 2.0])], Decision.INCONCLUSIVE, (0,), "disagree"
    ),
    "wide": Case([1.0], [known([1.0], 1e-3)], Decision.INCONCLUSIVE, (0,), "certain"),
    "wide next to sharp": Case(
        [1.0], [known([1.0]), known([1.0], 1e-3)], Decision.INCONCLUSIVE, (0,), "certain"
    ),
    "error next to wide": Case(
        [3.0, 1.0],
        [Estimate(np.array([2.0, 1.0]), np.array([0.0, 1.0]))],
        Decision.FAIL,
        (0,),
        "wrong",
    ),
    "oracle nan": Case([np.nan], [known([np.nan])], Decision.INCONCLUSIVE, (0,), "certain"),
    "oracle inf": Case([np.inf], [known([np.inf])], Decision.INCONCLUSIVE, (0,), "certain"),
    "unbounded": Case([1.0], [known([1.0], np.inf)], Decision.INCONCLUSIVE, (0,), "certain"),
    "tiny against zero": Case([0.0], [known([1e-14])], Decision.INCONCLUSIVE, (0,), "too small"),
    "tiny and right": Case([1e-14], [known([1e-14])], Decision.PASS, (0,), "right"),
    "zero": Case([0.0], [known([0.0])], Decision.PASS, (0,), "right"),
    "zero, second oracle noisy": Case(
        [0.0], [known([0.0]), known([3e-13])], Decision.PASS, (0,), "right"
    ),
    "tiny, second oracle absorbs it": Case(
        [0.0], [known([1e-23]), known([0.0])], Decision.INCONCLUSIVE, (0,), "too small"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_judge_decides_by_the_stated_criteria(case: Case) -> None:
    judged = judge(case.got, *case.estimates)
    assert (judged.decision, judged.index) == (case.decision, case.index)
    assert case.reason in judged.reason
    assert str(judged).startswith(f"{case.decision.value}: ")


def test_a_failure_names_the_worst_entry_and_what_was_expected_there() -> None:
    got = np.array([[1.0, 2.0], [3.5, 4.1]])
    judged = judge(got, known([[1.0, 2.0], [3.0, 4.0]]))
    assert (judged.index, judged.got, judged.expected, judged.tol) == ((1, 0), 3.5, 3.0, 1e-12)
    assert "at (1, 0) got 3.5, expected 3.0 within 1e-12" in str(judged)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_a_short_dtype_passes_relative_to_the_largest_entry_only(dtype: Any) -> None:
    for size in (1e-3, 1.0, 1e3):
        oracle = known([size, 0.0])
        assert judge([1.0009 * size, 0.0], oracle, dtype=dtype).decision is Decision.PASS
        assert judge([size, 0.0009 * size], oracle, dtype=dtype).decision is Decision.PASS
        assert judge([1.0011 * size, 0.0], oracle, dtype=dtype).decision is not Decision.PASS
        too_much = size + 0.001 * (1 + size)
        assert judge([too_much, 0.0], oracle, dtype=dtype).decision is Decision.FAIL
    excused = judge([1.1e-3], known([1e-3]), dtype=dtype)
    assert excused.decision is Decision.INCONCLUSIVE


def test_judge_refuses_to_judge_by_nothing_or_by_unequal_shapes() -> None:
    with pytest.raises(ValueError, match="no estimates"):
        judge([1.0])
    with pytest.raises(ValueError, match="one shape"):
        judge([1.0], known([1.0]), known([1.0, 2.0]))
    with pytest.raises(ValueError, match="dtype is int64"):
        judge([1.0], known([1.0]), dtype=np.int64)
    with pytest.raises(ValueError, match="tol has shape"):
        Estimate(np.zeros(2), np.zeros(3))
