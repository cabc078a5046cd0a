"""Derivatives against differences of the function's own values, on the device under test."""

from __future__ import annotations

from hypothesis.strategies import SearchStrategy

from spec.cases import Case
from spec.checks import generated
from spec.checks.der import PLAIN
from spec.implementation import Subject
from spec.observe import judge_along_own_values, observe
from spec.strategies import Wish, cases
from spec.transforms import FAMILY

FIRST_ORDER = {
    name: name for name, member in FAMILY.items()
    if member.layout in ("gradient", "jacobian") and not member.alias
}


def drawn(member: str) -> SearchStrategy[Case]:
    """Calls of the member that differentiate states and arguments, with writes and draws."""
    return cases(Wish(members=(member,), rows=(PLAIN["both"],), writes=True, draws=True))


def needs(member: str) -> tuple[str, ...]:
    """The names that a member's cases use."""
    return (f"transform.{member}",)


@generated("DER-32", drawn, FIRST_ORDER, needs)
def derivatives_are_slopes_of_own_values(subject: Subject, case: Case) -> None:
    """Nothing but the function's own eager values is believed."""
    judge_along_own_values(observe(case, subject))
