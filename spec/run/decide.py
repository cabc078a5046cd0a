"""Running checks on an implementation and turning what happens into verdicts."""

from __future__ import annotations

import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.database import DirectoryBasedExampleDatabase

from ..chapters import all_checks
from ..chapters.rules import registry
from ..judge.check import Check, bindings, snippet_source
from ..judge.difference import (
    Difference,
    Inconclusive,
    Violation,
    lasting,
    name_and_line,
    raised,
    told,
)
from ..judge.stray import is_ours, strays
from ..judge.subject import Absent, Subject
from ..judge.verdict import Outcome, Verdict
from ..language.labels import covered
from ..language.pruning import smaller
from ..language.shares import counted


@dataclass(frozen=True)
class Profile:
    """How much is drawn.

    Attributes
    ----------
    name : str
        The name on the command line.
    examples : int
        Cases for every point of a generated check, at the least.
    shrinks : int
        After a failure, how many cases may be run in search of a smaller one.
    database : str
        A folder where failing cases are kept, and tried first the next time; empty for none,
        so that a run depends on its seed alone.
    together : int
        Cases for all points of a check together, at the least. What its points have in common
        is drawn in each of them, so that a check with many needs fewer for each.
    """

    name: str
    examples: int
    shrinks: int = 60
    database: str = ""
    together: int = 0

    def share(self, check: Check) -> int:
        """How many cases every point of a generated check is given."""
        if not self.together:
            return self.examples
        return max(self.examples, -(-self.together // len(check.cases)), check.wide)

    def search(self, check: Check) -> int:
        """How many cases may be run in search of a smaller failure of a point.

        A check that fails at many points shows the shortest script of all, so each may be brief.
        """
        if not self.together:
            return self.shrinks
        return min(self.shrinks, max(FEWEST, 10 * self.together // len(check.cases)))


class _Enough(KeyboardInterrupt):
    """Ends a search at its limit: to go on drawing cases that are not run takes longest of all.

    It is an interrupt, since of any other exception Hypothesis keeps the case in the folder.
    """


FEWEST = 20
"""Cases in search of a smaller failure, for a point of a check that has very many."""

PROFILES = {p.name: p for p in (
    Profile("quick", 2, together=24), Profile("standard", 20, 300), Profile("thorough", 1000, 3000)
)}


@dataclass
class _Tally:
    """What a run of generated examples counted, and its failures by how their cases print."""

    examples: int = 0
    undecided: int = 0
    shrinks: int = 0
    absent: str = ""
    failed: dict[str, tuple[Any, Violation]] = field(default_factory=dict)  # in their order
    reasons: Counter[str] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    counted: list[frozenset[str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def smallest(self) -> tuple[Any, Violation]:
        """The failure seen last: the search goes from one to a smaller one."""
        return next(reversed(self.failed.values()))

    def outcome(self, check: Check, point: str, verdict: Verdict, message: str = "") -> Outcome:
        """What was decided, with what was counted on the way."""
        return Outcome(check.rule, check.name, point, verdict, message, examples=self.examples,
                       undecided=self.undecided, labels=frozenset(self.labels),
                       counted=tuple(self.counted), seen=", ".join(sorted(self.seen)))


def decide(check: Check, subject: Subject, point: str, profile: Profile, seed: int) -> Outcome:
    """Run a check at one point of its axis; whatever the library does, there is a verdict."""
    settings = Settings(subject)
    asked: set[str] = set()
    try:
        outcome = _decide(check, subject.guarded(asked), point, profile, seed)
    except Absent as absent:
        outcome = Outcome(check.rule, check.name, point, Verdict.ABSENT, f"needs {absent}",
                          examples=0)
    except strays() as error:
        outcome = Outcome(check.rule, check.name, point, Verdict.ERROR, _harness_error(error),
                          examples=0)
    outcome = replace(outcome, needs=frozenset(asked))
    changed = settings.restored()
    if changed and outcome.verdict is not Verdict.FAIL:
        left = f"jax.config.{changed[0]} changed"
        return _failed(outcome, f"after the call: {left}",
                       Difference("", "", "the configuration of JAX as before", left), [])
    return outcome


def _decide(check: Check, subject: Subject, point: str, profile: Profile, seed: int) -> Outcome:
    if check.strategy is None:
        return _decide_snippet(check, subject, point)
    return _decide_generated(check, subject, point, profile, seed)


def _decide_snippet(check: Check, subject: Subject, point: str) -> Outcome:
    decided = Outcome(check.rule, check.name, point, Verdict.PASS)
    permitted = registry()[check.rule].outcomes
    try:
        with _quiet():
            seen = check.function(**bindings(check, subject, check.cases[point]))
        return replace(decided, seen=among(permitted, seen) if permitted else "")
    except Inconclusive as error:
        return replace(decided, verdict=Verdict.INCONCLUSIVE, message=str(error))
    except strays() as error:
        message, difference = told(error)
    script = snippet_source(check, subject, check.cases[point], permitted)
    return _failed(decided, message, difference, script)


def _failed(outcome: Outcome, message: str, difference: Difference, script: list[str]) -> Outcome:
    """An outcome that is a failure."""
    return replace(outcome, verdict=Verdict.FAIL, message=message, place=difference.place,
                   expected=lasting(difference.expected), actual=lasting(difference.actual),
                   script="\n".join(script))


class Settings:
    """The configuration of JAX, which no point may leave to the next other than it found it."""

    def __init__(self, subject: Subject) -> None:
        self._config = subject.jax.config if subject.on_jax else None
        self._before = dict(self._config.values) if self._config else {}

    def restored(self) -> list[str]:
        """Put back what was changed, and name it."""
        if self._config is None:
            return []
        now = self._config.values
        changed = [name for name, value in self._before.items() if now[name] is not value
                   and now[name] != value]
        for name in changed:
            self._config.update(name, self._before[name])
        return changed


@contextmanager
def _quiet() -> Iterator[None]:
    """Let no warning of the library under test reach the user or fail a rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decide_generated(
    check: Check, subject: Subject, point: str, profile: Profile, seed: int
) -> Outcome:
    assert check.strategy is not None
    tally, permitted = _Tally(), registry()[check.rule].outcomes

    def judge(case: Any) -> None:
        key = repr(case)
        if tally.failed:
            tally.shrinks += 1
            if key in tally.failed:  # the search may come back to any of them
                tally.failed[key] = tally.failed.pop(key)
                raise tally.failed[key][1]
            if tally.shrinks > profile.search(check):
                raise _Enough
        tally.examples += 1
        tally.labels |= covered(case)
        tally.counted += counted(case)
        try:
            with _quiet():
                seen = check.function(subject, case)
            if permitted:
                tally.seen.add(among(permitted, seen))
        except Violation as violation:
            tally.failed[key] = case, violation
            raise
        except Absent as absent:  # another case may do without the name
            tally.examples -= 1
            tally.absent = str(absent)
        except Inconclusive as reason:
            tally.undecided += 1
            tally.reasons[str(reason)] += 1
        except strays() as error:
            if is_ours(error):
                raise
            found = raised(error)  # from what is looked at after the call, for example
            tally.failed[key] = case, found
            raise found from error

    try:
        _search(judge, check, point, profile, seed)
    except (Violation, _Enough):
        case, violation = tally.smallest()
        if tally.shrinks > profile.search(check):
            case, violation = _pruned(check, subject, case, violation)
        message, difference = told(violation)
        return _failed(tally.outcome(check, point, Verdict.FAIL), message, difference,
                       case_source(case, subject, violation))
    except strays() as error:  # no fault of the library, and no success either
        return tally.outcome(check, point, Verdict.ERROR, _harness_error(error))
    if tally.absent and not tally.examples:
        raise Absent(tally.absent)
    if 2 * tally.undecided > tally.examples:
        reasons = "; ".join(reason for reason, _ in tally.reasons.most_common(2))
        return tally.outcome(check, point, Verdict.INCONCLUSIVE, reasons)
    return tally.outcome(check, point, Verdict.PASS)


def _pruned(
    check: Check, subject: Subject, case: Any, violation: Violation
) -> tuple[Any, Violation]:
    """A failure whose search was ended, without what it can do without."""
    candidates = smaller(case)
    for _ in range(FEWEST):
        if (candidate := next(candidates, None)) is None:
            break
        try:
            with _quiet():
                check.function(subject, candidate)
        except Violation as found:
            case, violation, candidates = candidate, found, smaller(candidate)
        except strays():  # it makes no sense without what was left out
            continue
    return case, violation


def among(permitted: Collection[str], seen: Any) -> str:
    """The outcome that a check of a rule of level OPEN saw, if it is permitted.

    Raises
    ------
    Violation
        If it is not; the script of a drawn case has it under the name ``seen``.
    """
    if seen in permitted:
        return str(seen)
    told_of = ", ".join(permitted)
    raise Violation(
        Difference("", f"seen in {tuple(permitted)!r}", f"one of {told_of}", repr(seen)),
        f"saw {seen!r}; permitted are {told_of}")


def seed_of(check: Check, point: str, seed: int) -> int:
    """The seed of a check at a point of its axis, in a run with a seed; else all draw alike."""
    return zlib.crc32(f"{seed} {check.id} {point}".encode())


def _search(
    judge: Callable[[Any], None], check: Check, point: str, profile: Profile, seed: int
) -> None:
    """Judge drawn cases; raises the violation of the smallest failing case."""
    assert check.strategy is not None
    settings: Any = hypothesis.settings(
        max_examples=profile.share(check),
        deadline=None,
        database=_database(profile, check, point),
        derandomize=False,
        report_multiple_bugs=False,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.differing_executors),
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    given: Any = hypothesis.given(check.strategy(check.cases[point]))
    seeded = hypothesis.seed(seed_of(check, point, seed))(given(judge))
    settings(seeded)()  # in this order: a seed would take the database away again


def _database(profile: Profile, check: Check, point: str) -> DirectoryBasedExampleDatabase | None:
    """Where failing cases of a check at a point are kept: apart, as each draws its own kind."""
    if not profile.database:
        return None
    name = f"{check.name}-{zlib.crc32(point.encode()):08x}"
    return DirectoryBasedExampleDatabase(Path(profile.database, check.rule, name))


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
