"""A second reference: what is specified can be built on something else than JAX.

The implementation in :mod:`tests.adapters.autograd_states` differentiates with autograd, and keeps
every rule of class core that can be asked of a library that is not built on JAX.
"""

from functools import cache

import pytest

pytest.importorskip("autograd", reason="autograd is not installed")

from spec.chapters import all_checks
from spec.chapters.rules import registry
from spec.judge.subject import CLASSES, Subject
from spec.judge.verdict import Outcome, Verdict
from spec.language.dtypes import BFLOAT16
from spec.report.causes import wanting
from spec.run.decide import decide
from spec.run.implementation import load
from spec.run.profiles import PROFILES, Profile
from tests.day import slice_of

LOOK = Profile("look", 1, 0)
DAYS = 10
"""In how many days every rule is asked."""
CORE = {*CLASSES["basic"], *CLASSES["core"]}
LACKING = {"jax", BFLOAT16, *set().union(*CLASSES.values()) - CORE}
RULES = [rule for rule in registry() if not rule.startswith("CTL")]


@cache
def subject() -> Subject:
    return load("tests.adapters.autograd_states")


def asked(rule: str) -> list[Outcome]:
    """What the reference does at every point of a rule."""
    return [decide(check, subject(), point, LOOK, 0)
            for check in all_checks() if check.rule == rule for point in check.cases]


@pytest.mark.parametrize("rule", slice_of(RULES, DAYS))
def test_the_reference_on_autograd_keeps_core(rule: str) -> None:
    outcomes = asked(rule)
    broken = [f"{o.check} at {o.point!r}: {o.message}" for o in outcomes
              if o.verdict not in (Verdict.PASS, Verdict.ABSENT)]
    assert not broken, "\n".join(broken)
    assert {name for outcome in outcomes for name in outcome.lacks} <= LACKING


def test_a_dtype_that_it_lacks_narrows_what_is_drawn() -> None:
    """It is named as lacking, and the other dtypes are judged."""
    check = next(check for check in all_checks() if check.rule == "GST-18")
    outcomes = [decide(check, subject(), point, PROFILES["quick"], 0) for point in check.cases]
    judged = [outcome for outcome in outcomes if outcome.verdict is Verdict.PASS]
    assert judged and all(outcome.narrowed == (BFLOAT16,) for outcome in judged)
    assert wanting(judged) == {BFLOAT16: 1}


def test_the_reference_has_the_names_of_core_and_no_others() -> None:
    assert subject().missing == set().union(*CLASSES.values()) - CORE
    assert not subject().on_jax


def test_its_passes_mean_something(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.adapters import autograd_states as lib

    right = lib.jacobian
    monkeypatch.setattr(lib, "jacobian", lambda function, vector: 2.0 * right(function, vector))
    assert {outcome.verdict for outcome in asked("DER-07")} == {Verdict.FAIL}
