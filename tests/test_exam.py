"""JAX sits the exam: its own functions keep every rule that says "as in JAX".

A suite that appeals to JAX and fails JAX has misread it.  The adapter and what is absent from it
are in :mod:`tests.adapters.purejax`.
"""

from collections import Counter
from functools import cache

import pytest

from spec.chapters import all_checks
from spec.chapters.rules import Authority, registry
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome, Verdict
from spec.run.decide import decide
from spec.run.implementation import load
from spec.run.profiles import Profile
from tests.adapters import purejax
from tests.day import slice_of

LOOK = Profile("look", 3, 0)
OF_JAX = [rule.id for rule in registry().values() if rule.authority is Authority.JAX]
DAYS = 14
"""In how many days JAX is asked every rule that is asked in its name."""
UNSEEN = {"DER-25"}
"""Rules of which no point can be asked: every one selects sides, which `jax.vjp` does not do."""


@cache
def subject() -> Subject:
    return load("tests.adapters.purejax")


def sat(rule: str) -> list[Outcome]:
    """What JAX does at every point of a rule."""
    return [decide(check, subject(), point, LOOK, 0)
            for check in all_checks() if check.rule == rule for point in check.cases]


@pytest.mark.parametrize("rule", slice_of(OF_JAX, DAYS))
def test_jax_keeps_what_is_asked_in_its_name(rule: str) -> None:
    outcomes = sat(rule)
    broken = [f"{o.check} at {o.point!r}: {o.message}" for o in outcomes
              if o.verdict not in (Verdict.PASS, Verdict.ABSENT)]
    assert not broken, "\n".join(broken)
    seen = Counter(outcome.verdict for outcome in outcomes)
    assert (seen[Verdict.PASS] == 0) == (rule in UNSEEN)


@pytest.mark.parametrize("rule", ["GST-05", "AUX-13", "ERR-22"])
def test_jax_fails_what_is_only_our_advice(rule: str) -> None:
    """So the exam can be failed, and these rules are rightly no MUST."""
    assert Verdict.FAIL in {outcome.verdict for outcome in sat(rule)}


def test_the_adapter_calls_jax() -> None:
    purejax.calls.clear()
    (check,) = (check for check in all_checks() if check.rule == "ARG-02")
    assert decide(check, subject(), "int grad", LOOK, 0).verdict is Verdict.PASS
    assert set(purejax.calls) == {"grad"}
