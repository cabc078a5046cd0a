"""One test for every check at every point of its axis; the id starts with the rule's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..chapters.rules import registry
from ..judge.check import Check
from ..judge.subject import Subject
from ..judge.verdict import Verdict
from ..run.decide import Profile, decide, plan

POINTS = [
    pytest.param(check, point, id=f"{check.id}[{point}]" if point else check.id)
    for check, point in plan()
]


@pytest.mark.parametrize(("check", "point"), POINTS)
def test_rule(
    check: Check, point: str, subject: Subject, rules_profile: Profile, rules_seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    """The implementation keeps the rule."""
    outcome = decide(check, subject, point, rules_profile, rules_seed)
    record_property("rule", check.rule)
    record_property("verdict", str(outcome.verdict))
    if outcome.verdict is Verdict.ABSENT:
        pytest.skip(f"{subject.name} {outcome.message}")
    if outcome.verdict is not Verdict.PASS:
        statement = registry()[check.rule].statement
        pytest.fail(f"{check.rule} {outcome.verdict}: {statement}\n{outcome.message}\n\n"
                    f"{outcome.script}", pytrace=False)
