"""Derivatives against differences of the function's own values, on the device under test."""

from __future__ import annotations

from ...judge.check import generated
from ...judge.derivative import judge_along_own_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import FIRST_ORDER, Calls, plain
from ...language.cases import Case
from ...language.wishes import Wish


@generated("DER-02", Calls.strategy,
           FIRST_ORDER.calls(Wish(writes=True, draws=True), plain("both")))
def derivatives_are_slopes_of_own_values(subject: Subject, case: Case) -> None:
    """Nothing but the function's own eager values is believed."""
    judge_along_own_values(observe(case, subject))
