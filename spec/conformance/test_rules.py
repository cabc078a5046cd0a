"""One test for every check at every point of its axis; the id starts with the rule's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ..chapters.rules import registry
from ..judge.check import Check
from ..judge.subject import Subject
from ..judge.verdict import Verdict
from ..run import known
from ..run.decide import decide, plan
from ..run.known import Known
from ..run.profiles import Profile

POINTS = [
    pytest.param(check, point, id=f"{check.id}[{point}]" if point else check.id)
    for check, point in plan()
]


@pytest.mark.parametrize(("check", "point"), POINTS)
def test_rule(
    check: Check, point: str, subject: Subject, rules_profile: Profile, rules_seed: int,
    known_failures: Sequence[Known], request: pytest.FixtureRequest,
) -> None:
    """The implementation keeps the rule."""
    outcome = decide(check, subject, point, rules_profile, rules_seed)
    outcome, news = known.at_point(known_failures, outcome)
    # Not by record_property, which warns of the kind of JUnit file that is the default.
    request.node.user_properties.extend([("rule", check.rule), ("verdict", str(outcome.verdict))])
    if news:
        pytest.fail(news, pytrace=False)
    if outcome.verdict is Verdict.ABSENT:
        pytest.skip(f"{subject.name} {outcome.message}")
    if outcome.verdict is Verdict.KNOWN:
        pytest.xfail(f"{outcome.known}: {outcome.message}")
    if outcome.verdict is not Verdict.PASS:
        statement = registry()[check.rule].statement
        seen = "\n\n".join(f"{one.message}\n\n{one.script}" for one in outcome.each())
        pytest.fail(f"{check.rule} {outcome.verdict}: {statement}\n{seen}", pytrace=False)
