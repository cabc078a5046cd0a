"""The adapter of flax.nnx is usable, and says honestly what nnx does otherwise."""

import pytest

pytest.importorskip("flax", reason="flax is not installed")

from spec.chapters import all_checks
from spec.judge.verdict import Verdict
from spec.run.decide import decide
from spec.run.implementation import load
from spec.run.profiles import Profile
from spec.run.smoke import faults


def verdicts(rule: str) -> set[Verdict]:
    """What nnx does, at every point of a rule."""
    subject = load("tests.adapters.flax_nnx")
    return {decide(check, subject, point, Profile("look", 1, 0), 0).verdict
            for check in all_checks() if check.rule == rule for point in check.cases}


def test_the_plainest_uses_work() -> None:
    assert faults(load("tests.adapters.flax_nnx")) == []


@pytest.mark.parametrize("rule", ["STA-02", "SEL-05", "FLT-06", "GST-15", "RET-04"])
def test_nnx_keeps_what_it_knows(rule: str) -> None:
    assert verdicts(rule) <= {Verdict.PASS, Verdict.ABSENT}
    assert Verdict.PASS in verdicts(rule)


def test_nnx_writes_nothing_that_a_function_closes_over() -> None:
    assert Verdict.FAIL in verdicts("WRB-14")
