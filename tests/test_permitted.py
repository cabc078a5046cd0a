"""Libraries that choose otherwise where the rules leave it open keep what binds."""

from __future__ import annotations

from typing import Any

import pytest

import refimpl
from spec.chapters import all_checks
from spec.chapters.rules import Level, registry
from spec.judge.subject import Subject
from spec.judge.verdict import Verdict
from spec.run.decide import decide
from spec.run.profiles import Profile
from tests.saboteurs.hooks import Call, on_call
from tests.saboteurs.roster import copy_of

FEW = Profile("few", 6, 0)


def takes_its_direction_from_the_stream() -> Any:
    """`refimpl`, but that `fwd_grad` without a key draws its direction as f draws its numbers."""
    lib = copy_of(refimpl)

    def hook(call: Call) -> Any:
        result = call.proceed()
        if call.options.get("key") is None:
            lib.random.split_key()
        return result

    on_call(lib, hook, ("fwd_grad",))
    return lib


def draws() -> list[Any]:
    """Points of the checks that look at the stream after a call of fwd_grad, or may."""
    return [pytest.param(check, point, id=f"{check.id}[{point}]") for check in all_checks()
            if check.rule in ("WRB-05", "WRB-14", "CMP-21", "DER-35", "DER-36")
            for point in check.cases if "fwd_grad" in point or check.rule.startswith("DER")]


@pytest.mark.parametrize(("check", "point"), draws())
def test_fwd_grad_may_advance_the_stream(check: Any, point: str) -> None:
    assert registry()[check.rule].level is not Level.OPEN or check.rule == "DER-35"
    subject = Subject("refimpl", takes_its_direction_from_the_stream())
    outcome = decide(check, subject, point, FEW, 0)
    assert outcome.verdict is Verdict.PASS, outcome.message
