"""Running checks on an implementation and turning what happens into verdicts."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..chapters import all_checks
from ..chapters.rules import registry
from ..judge.check import Check, bindings, snippet_source
from ..judge.difference import (
    Difference,
    Inconclusive,
    Unreadable,
    Violation,
    lasting,
    name_and_line,
    told,
)
from ..judge.kinds import kind_of
from ..judge.stray import strays
from ..judge.subject import Absent, Subject
from ..judge.verdict import Failure, Outcome, Verdict, needing
from .profiles import Profile
from .search import Found, Search, among, quiet
from .surroundings import Surroundings


def decide(check: Check, subject: Subject, point: str, profile: Profile, seed: int) -> Outcome:
    """Run a check at one point of its axis; whatever the library does, there is a verdict."""
    surroundings = Surroundings(subject)
    asked: set[str] = set()
    try:
        outcome = _decide(check, subject.guarded(asked), point, profile, seed)
    except Absent as absent:
        outcome = Outcome(check.rule, check.name, point, Verdict.ABSENT,
                          needing(subject.lacking(absent)), examples=0)
    except strays() as error:
        outcome = Outcome(check.rule, check.name, point, Verdict.ERROR, _harness_error(error),
                          examples=0)
    outcome = replace(outcome, needs=frozenset(asked))
    changed = surroundings.restored()
    if changed and outcome.verdict is not Verdict.FAIL:
        left = f"{changed[0]} changed"
        return outcome.failing(_failure(f"after the call: {left}", left,
                                        Difference("", "", f"{changed[0]} as before", left), []))
    return outcome


def _decide(check: Check, subject: Subject, point: str, profile: Profile, seed: int) -> Outcome:
    if check.strategy is None:
        return _decide_snippet(check, subject, point)
    return _decide_generated(check, subject, point, profile, seed)


def _decide_snippet(check: Check, subject: Subject, point: str) -> Outcome:
    decided = Outcome(check.rule, check.name, point, Verdict.PASS)
    permitted = registry()[check.rule].outcomes
    try:
        with quiet():
            seen = check.function(**bindings(check, subject, check.cases[point]))
        return replace(decided, seen=among(permitted, seen) if permitted else "")
    except Absent as absent:
        absent.lines = snippet_source(check, subject, check.cases[point], permitted)
        raise
    except Unreadable as error:
        (message, difference), kind = told(error.violation), kind_of(error.violation)
    except Inconclusive as error:
        return replace(decided, verdict=Verdict.INCONCLUSIVE, message=str(error))
    except strays() as error:
        (message, difference), kind = told(error), kind_of(error)
    script = snippet_source(check, subject, check.cases[point], permitted)
    return decided.failing(_failure(message, kind, difference, script))


def _failure(message: str, kind: str, difference: Difference, script: list[str]) -> Failure:
    """What is told of a failure."""
    return Failure(message, kind, difference.place, lasting(difference.expected),
                   lasting(difference.actual), "\n".join(script))


def _decide_generated(
    check: Check, subject: Subject, point: str, profile: Profile, seed: int
) -> Outcome:
    search = Search(check, subject, point, profile)
    try:
        found = search.failures(seed)
    except strays() as error:  # no fault of the library, and no success either
        return _counted(search, Verdict.ERROR, _harness_error(error))
    if found:
        return _counted(search, Verdict.FAIL).failing(*(_shown(one, subject) for one in found))
    if illegible := search.illegible():
        return _counted(search, Verdict.FAIL).failing(_shown(illegible, subject))
    if search.absent and not search.examples:
        raise search.absent
    if 2 * search.undecided > search.examples:
        reasons = "; ".join(reason for reason, _ in search.reasons.most_common(2))
        return _counted(search, Verdict.INCONCLUSIVE, reasons)
    narrowed = needing([str(search.absent)]) if search.absent else ""
    return _counted(search, Verdict.PASS, narrowed)


def _shown(found: Found, subject: Subject) -> Failure:
    """What is told of a drawn case that failed."""
    message, difference = told(found.violation)
    return _failure(message, found.kind, difference,
                    case_source(found.case, subject, found.violation))


def _counted(search: Search, verdict: Verdict, message: str = "") -> Outcome:
    """What was decided, with what was counted on the way."""
    return Outcome(search.check.rule, search.check.name, search.point, verdict, message,
                   examples=search.examples, undecided=search.undecided,
                   labels=frozenset(search.labels), counted=tuple(search.counted),
                   seen=", ".join(sorted(search.seen)))


def _harness_error(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (f"the checker itself failed: raised {name_and_line(error)} "
            f"({frame.name}, line {frame.lineno})")


def case_source(case: Any, subject: Subject, violation: Violation) -> list[str]:
    """The script of a failing case: it raises, or its last line asserts what does not hold."""
    claim = [f"assert {violation.difference.claim}"] if violation.difference.claim else []
    return [*subject.header(), *(violation.lines or case.lines()), *claim]


def plan(checks: Iterable[Check] | None = None) -> list[tuple[Check, str]]:
    """All checks with all points of their axes, in the order of the specification."""
    return [(c, point) for c in (all_checks() if checks is None else checks) for point in c.cases]


def run(
    subject: Subject, profile: Profile, seed: int, checks: Iterable[Check] | None = None
) -> Iterator[Outcome]:
    """Decide every planned check, one after another."""
    for check, point in plan(checks):
        yield decide(check, subject, point, profile, seed)
