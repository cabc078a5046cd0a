"""Drawing the cases of a generated check, and the search for a smaller failure.

A failure hides what stands behind it.  So after one was found and made small, what makes it up is
switched off and the same cases are gone through once more, those that are known without being
run; see :mod:`spec.run.suspects`.
"""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import Flaky, Unsatisfiable

from ..chapters.rules import registry
from ..judge.check import Check
from ..judge.difference import Difference, Inconclusive, Unreadable, Violation, raised
from ..judge.kinds import kind_of
from ..judge.stray import is_ours, strays
from ..judge.subject import Absent, Subject
from ..language.labels import covered
from ..language.pruning import smaller
from ..language.shares import counted
from .profiles import FEWEST, Profile
from .suspects import Suspects

FEW_LINES = 10
"""Lines of a script in which a reader sees at once what matters."""
MOST: Final = 3
"""Failures that are told of a point."""
PASSED_OVER: Final = 2
"""For every case that may be run, so many are drawn at the most whose cause is known already: to
draw takes time, too."""


class Found(NamedTuple):
    """A case that failed, how, and of which kind that is; see :mod:`spec.judge.kinds`."""

    case: Any
    violation: Violation
    kind: str

AGAIN: Final = 3
"""So many cases of a point that the oracles could not decide have others in their place."""


class _Enough(KeyboardInterrupt):
    """Ends a search at its limit: to go on drawing cases that are not run takes longest of all.

    It is an interrupt, since of any other exception Hypothesis keeps the case in the folder.
    """


class Search:
    """The cases of a generated check at a point: what was counted, and what failed.

    Parameters
    ----------
    check : Check
        A check that draws.
    subject : Subject
        The library.
    point : str
        The point of the check's axis.
    profile : Profile
        How much is drawn, and how long a smaller failure is searched for.
    """

    def __init__(self, check: Check, subject: Subject, point: str, profile: Profile) -> None:
        self.check, self.subject, self.point, self.profile = check, subject, point, profile
        self.permitted = registry()[check.rule].outcomes
        self.examples = self.undecided = self.shrinks = 0
        self.absent: Absent | None = None
        self.failed: dict[str, Found] = {}  # by how a case prints
        self.passed: set[str] = set()
        self.unsure: set[str] = set()  # where there was no verdict
        self.counts: dict[str, bool] = {}  # of the round: else another is drawn in its place
        self.unreadable: list[Found] = []  # what is judged does not stand where it can be read
        self.latest: Found | None = None  # of the round: the search goes from one to a smaller one
        self.suspects = Suspects()
        self.round = self.passed_over = 0
        self.reasons: Counter[str] = Counter()
        self.labels: set[str] = set()
        self.counted: list[frozenset[str]] = []
        self.seen: set[str] = set()
        # Hypothesis begins with the simplest case, nearly the same at every point of a check;
        # it is asked at the first.  A folder begins with what failed before.
        self.skipped = self.simplest = point != next(iter(check.cases)) and not profile.database

    def failures(self, seed: int) -> list[Found]:
        """Draw and judge; the smallest case that failed, if one did, and then of other kinds."""
        found: list[Found] = []
        most = MOST if self.profile.goes_on(self.check, self.point, seed) else 1
        for number in range(most):
            self.round = number
            try:
                one = self._failure(seed)
            except strays():
                if not found:
                    raise
                break  # of what stands behind a failure nothing is known, which is no success
            if one is None:
                break
            found.append(one)
            self.suspects.off.add(one.kind)
        return found

    def illegible(self) -> Found | None:
        """The shortest case with nothing to judge, where most of them are so."""
        if 2 * len(self.unreadable) <= self.examples:
            return None
        return min(self.unreadable, key=lambda found: len(repr(found.case)))

    def _failure(self, seed: int) -> Found | None:
        """One round: the smallest case that failed in a way that is not known, if one did."""
        self.latest, self.shrinks, self.passed_over = None, 0, 0
        try:
            self._draw(seed)
            if self.skipped and not self.examples:  # no other case can be had
                self._draw(seed)
        except (Violation, _Enough, Flaky):  # a library that fails may do so in another way
            if self.latest is None:
                raise
            long = repr(self.latest.case).count("\n") >= FEW_LINES
            return self._pruned(self.latest) if long or self._ended() else self.latest
        except Unsatisfiable:
            if not self.round:
                raise
        return None  # nothing failed, or the cause of every case that was drawn is known

    def _draw(self, seed: int) -> None:
        """Judge drawn cases; raises the violation of the smallest failing case."""
        assert self.check.strategy is not None
        self.counts = {}
        settings: Any = hypothesis.settings(
            max_examples=self.profile.share(self.check),
            deadline=None,
            database=self._database(),
            derandomize=False,
            report_multiple_bugs=False,
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.differing_executors,
                                   HealthCheck.filter_too_much),
            print_blob=False,
            verbosity=hypothesis.Verbosity.quiet,
        )
        given: Any = hypothesis.given(self.check.strategy(self.check.cases[self.point]))
        judged = given(lambda case: self._judge(case))  # Hypothesis wants a function
        seeded = hypothesis.seed(seed_of(self.check, self.point, seed))(judged)
        try:
            settings(seeded)()  # in this order: a seed would take the database away again
        except Unsatisfiable:  # there were none but those that were left out
            if not (self.skipped or self.undecided):
                raise

    def _database(self) -> DirectoryBasedExampleDatabase | None:
        """Where failing cases of the point are kept: apart, as each point draws its own kind, and
        a round looks for what the ones before it have not found."""
        if not self.profile.database:
            return None
        name = f"{self.check.name}-{zlib.crc32(self.point.encode()):08x}"
        name += f"-{self.round + 1}" if self.round else ""
        return DirectoryBasedExampleDatabase(Path(self.profile.database, self.check.rule, name))

    def _judge(self, case: Any) -> None:
        """Judge one case, or repeat what was found of it; ends the search at its limit.

        Whether a case counts is decided once in a round: the search may come back to any of them,
        and Hypothesis takes a case of two answers for a fault of the test.
        """
        key = repr(case)
        self.shrinks += self.latest is not None
        if key in self.failed:
            self._fail(self.failed[key])
        if self.latest and self._ended():
            raise _Enough
        if key not in self.counts:
            self.counts[key] = self._settled(key, case)
        if not self.counts[key]:
            hypothesis.reject()

    def _settled(self, key: str, case: Any) -> bool:
        """Whether a case that is met for the first time counts; else another is drawn for it."""
        if self.simplest:
            self.simplest = False
            return False
        first = not self.round and not self.latest
        if not first and (key in self.failed or key in self.passed):
            return True
        if not first and self.suspects.explain(case):
            self.passed_over += 1
            return bool(self.latest) or self.passed_over > PASSED_OVER * self.profile.share(
                self.check)
        self._run(key, case)
        return key not in self.unsure or len(self.unsure) > AGAIN

    def _fail(self, found: Found) -> None:
        """Raise a violation, if it is of the kind that is looked for."""
        wanted = found.kind not in self.suspects.off
        if self.round and self.latest:
            wanted = found.kind == self.latest.kind
        if wanted:
            self.latest = found
            raise found.violation

    def _run(self, key: str, case: Any) -> None:
        """Judge a case that is new, and count what it covers."""
        self.examples += 1
        self.labels |= covered(case)
        self.counted += counted(case)
        asked = set(self.subject.asked)
        try:
            self._ask(case)
        except Violation as violation:
            self.failed[key] = found = Found(case, violation, kind_of(violation))
            self.suspects.failed(case, found.kind)
            self._fail(found)
            return
        except Absent as absent:  # another case may do without the name
            self.examples -= 1
            self.subject.asked.intersection_update(asked)  # what it looked up decides nothing
            absent.lines = absent.lines or case.lines()
            self.absent = self.absent or absent
        except Unreadable as reason:
            self.unreadable.append(Found(case, reason.violation, kind_of(reason.violation)))
            self.unsure.add(key)
        except Inconclusive as reason:
            self.undecided += 1
            self.unsure.add(key)
            self.reasons[str(reason)] += 1
        else:
            self.suspects.passed(case)
        self.passed.add(key)

    def _ask(self, case: Any) -> None:
        """Run the check on a case; whatever the library raises is a violation."""
        try:
            with quiet():
                seen = self.check.function(self.subject, case)
        except (Violation, Absent, Inconclusive):
            raise
        except strays() as error:
            if is_ours(error):
                raise
            raise raised(error) from error  # from what is looked at after the call, for example
        if self.permitted:
            self.seen.add(among(self.permitted, seen))

    def _ended(self) -> bool:
        """Whether there is no time left for a smaller failure."""
        return self.shrinks > self._patience()

    def _patience(self) -> int:
        """How many cases may be run in search of a smaller failure, in this round."""
        first = self.profile.search(self.check)
        return max(min(FEWEST, first), first // 3) if self.round else first

    def _pruned(self, found: Found) -> Found:
        """A failure without what it can do without, where the search has left something."""
        candidates = smaller(found.case)
        for _ in range(self._patience()):
            if (candidate := next(candidates, None)) is None:
                break
            try:
                self._ask(candidate)
            except Violation as violation:
                less = Found(candidate, violation, kind_of(violation))
                if self._alike(less, found):
                    self.suspects.failed(candidate, less.kind)
                    found, candidates = less, smaller(candidate)
            except strays():  # it makes no sense without what was left out
                continue
        return found

    def _alike(self, less: Found, found: Found) -> bool:
        """Whether what is left of a failing case fails as it did."""
        if self.round:
            return less.kind == found.kind
        return exception_of(less.violation) == exception_of(found.violation)


def exception_of(violation: Violation) -> str:
    """The exception that was raised; empty where something else was seen."""
    told = violation.difference
    return told.actual.partition(":")[0] if told.expected == "no error" else ""


def seed_of(check: Check, point: str, seed: int) -> int:
    """The seed of a check at a point of its axis, in a run with a seed; else all draw alike."""
    return zlib.crc32(f"{seed} {check.id} {point}".encode())


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


@contextmanager
def quiet() -> Iterator[None]:
    """Let no warning of the library under test reach the user or fail a rule."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
