"""Derivatives against differences of the function's own values, on the device under test."""

from __future__ import annotations

from spec.judge.check import generated
from spec.judge.derivative import judge_along_own_values
from spec.judge.observation import observe
from spec.judge.subject import Subject
from spec.language.axes import FIRST_ORDER, Calls, plain
from spec.language.cases import Case
from spec.language.wishes import Wish


@generated("DER-02", Calls.strategy,
           FIRST_ORDER.calls(Wish(writes=True, draws=True), plain("both")))
def derivatives_are_slopes_of_own_values(subject: Subject, case: Case) -> None:
    """Nothing but the function's own eager values is believed."""
    judge_along_own_values(observe(case, subject))
