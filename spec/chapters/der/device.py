"""Derivatives against differences of the function's own values, on the device under test."""

from __future__ import annotations

from hypothesis.strategies import SearchStrategy

from spec.chapters.der.checks import PLAIN
from spec.judge.check import generated
from spec.judge.observation import judge_along_own_values, observe
from spec.judge.subject import Subject
from spec.language.cases import Case
from spec.language.strategies import Wish, cases
from spec.language.transforms import FAMILY

FIRST_ORDER = {
    name: name for name, member in FAMILY.items()
    if member.layout in ("gradient", "jacobian") and not member.alias
}


def drawn(member: str) -> SearchStrategy[Case]:
    """Calls of the member that differentiate states and arguments, with writes and draws."""
    return cases(Wish(members=(member,), rows=(PLAIN["both"],), writes=True, draws=True))


@generated("DER-32", drawn, FIRST_ORDER)
def derivatives_are_slopes_of_own_values(subject: Subject, case: Case) -> None:
    """Nothing but the function's own eager values is believed."""
    judge_along_own_values(observe(case, subject))
