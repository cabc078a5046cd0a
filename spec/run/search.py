"""Drawing the cases of a generated check, and the search for a smaller failure."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.database import DirectoryBasedExampleDatabase

from ..chapters.rules import registry
from ..judge.check import Check
from ..judge.difference import Difference, Inconclusive, Violation, raised
from ..judge.stray import is_ours, strays
from ..judge.subject import Absent, Subject
from ..language.labels import covered
from ..language.pruning import smaller
from ..language.shares import counted
from .profiles import Profile

FEW_LINES = 10
"""Lines of a script in which a reader sees at once what matters."""


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
        self.failed: dict[str, tuple[Any, Violation]] = {}  # in their order, by how a case prints
        self.reasons: Counter[str] = Counter()
        self.labels: set[str] = set()
        self.counted: list[frozenset[str]] = []
        self.seen: set[str] = set()

    def failure(self, seed: int) -> tuple[Any, Violation] | None:
        """Draw and judge; the smallest case that failed, if one did."""
        try:
            self._draw(seed)
        except (Violation, _Enough):
            # The failure seen last: the search goes from one to a smaller one.
            found = next(reversed(self.failed.values()))
            long = repr(found[0]).count("\n") >= FEW_LINES
            return self._pruned(*found) if long or self._ended() else found
        return None

    def _draw(self, seed: int) -> None:
        """Judge drawn cases; raises the violation of the smallest failing case."""
        assert self.check.strategy is not None
        settings: Any = hypothesis.settings(
            max_examples=self.profile.share(self.check),
            deadline=None,
            database=self._database(),
            derandomize=False,
            report_multiple_bugs=False,
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.differing_executors),
            print_blob=False,
            verbosity=hypothesis.Verbosity.quiet,
        )
        given: Any = hypothesis.given(self.check.strategy(self.check.cases[self.point]))
        judged = given(lambda case: self._judge(case))  # Hypothesis wants a function
        seeded = hypothesis.seed(seed_of(self.check, self.point, seed))(judged)
        settings(seeded)()  # in this order: a seed would take the database away again

    def _database(self) -> DirectoryBasedExampleDatabase | None:
        """Where failing cases of the point are kept: apart, as each point draws its own kind."""
        if not self.profile.database:
            return None
        name = f"{self.check.name}-{zlib.crc32(self.point.encode()):08x}"
        return DirectoryBasedExampleDatabase(Path(self.profile.database, self.check.rule, name))

    def _judge(self, case: Any) -> None:
        """Judge one case, or repeat what was found of it; ends the search at its limit."""
        key = repr(case)
        if self.failed:
            self.shrinks += 1
            if key in self.failed:  # the search may come back to any of them
                self.failed[key] = self.failed.pop(key)
                raise self.failed[key][1]
            if self._ended():
                raise _Enough
        self.examples += 1
        self.labels |= covered(case)
        self.counted += counted(case)
        asked = set(self.subject.asked)
        try:
            self._ask(case)
        except Violation as violation:
            self.failed[key] = case, violation
            raise
        except Absent as absent:  # another case may do without the name
            self.examples -= 1
            self.subject.asked.intersection_update(asked)  # what it looked up decides nothing
            absent.lines = absent.lines or case.lines()
            self.absent = self.absent or absent
        except Inconclusive as reason:
            self.undecided += 1
            self.reasons[str(reason)] += 1

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
        return self.shrinks > self.profile.search(self.check)

    def _pruned(self, case: Any, violation: Violation) -> tuple[Any, Violation]:
        """A failure without what it can do without, where the search has left something."""
        candidates = smaller(case)
        for _ in range(self.profile.search(self.check)):
            if (candidate := next(candidates, None)) is None:
                break
            try:
                self._ask(candidate)
            except Violation as found:
                if kind_of(found) == kind_of(violation):
                    case, violation, candidates = candidate, found, smaller(candidate)
            except strays():  # it makes no sense without what was left out
                continue
        return case, violation


def kind_of(violation: Violation) -> str:
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
