"""Causes that were found at a point, by what the cases that show them have in common.

What has failed once is known: to see it again says nothing, and hides what else is wrong.  A
cause is known by its kind, and by the features that every case has which failed so.  Where no
case that passed has all of these, they are taken for the cause, and cases that have them are not
run any more: it is switched off.
"""

from __future__ import annotations

from typing import Any

from ..judge.check import Filled
from ..language.labels import covered


def features(case: Any) -> frozenset[str]:
    """What was chosen for a case: its labels, or the parameters of a snippet."""
    if isinstance(case, Filled):
        return frozenset(f"{name} = {text}" for name, text in case.parameters.items())
    return frozenset(covered(case))


class Suspects:
    """What is known of the causes of a point.

    Attributes
    ----------
    off : set of str
        The kinds of failures that are found, and switched off.
    """

    def __init__(self) -> None:
        self.off: set[str] = set()
        self._shared: dict[str, frozenset[str]] = {}  # by kind, of all cases that failed so
        self._passed: list[frozenset[str]] = []

    def passed(self, case: Any) -> None:
        """A case did not fail, so what it has is no cause."""
        self._passed.append(features(case))

    def failed(self, case: Any, kind: str) -> None:
        """A case failed, so what it lacks is no cause of that kind."""
        mine = features(case)
        self._shared[kind] = self._shared.get(kind, mine) & mine

    def explain(self, case: Any) -> bool:
        """Whether a case has all that makes up a cause which is switched off."""
        mine = features(case)
        return any(cause <= mine for cause in map(self._shared.__getitem__, self.off)
                   if cause and not any(cause <= other for other in self._passed))
