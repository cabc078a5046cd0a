"""The report on an implementation: what a run found, rule by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from ..chapters.basic import BASIC
from ..chapters.rules import registry
from ..judge.subject import CLASSES, covered
from ..judge.verdict import Outcome, Verdict, verdict_of

CLASS_OF: Final = {name: title for title, names in CLASSES.items() for name in names}
"""The class of every name of the interface."""


@dataclass(frozen=True)
class Report:
    """The outcomes of a run on one implementation.

    Attributes
    ----------
    meta : mapping
        What was run: implementation, versions, platform, seed, profile.
    outcomes : tuple of Outcome
        What every check decided at every point of its axis.
    unreached : mapping
        For every rule with planned points that have no verdict, how many these are.
    """

    meta: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    unreached: Mapping[str, int] = field(default_factory=dict)

    def by_rule(self) -> dict[str, list[Outcome]]:
        """The outcomes of every rule that has any, in the order of the specification."""
        rules: dict[str, list[Outcome]] = {}
        for rule in registry():
            mine = [outcome for outcome in self.outcomes if outcome.rule == rule]
            if mine:
                rules[rule] = mine
        return rules

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of every rule."""
        return {rule: verdict_of(mine) for rule, mine in self.by_rule().items()}

    def by_class(self) -> dict[str, dict[str, Verdict]]:
        """For every class of conformance that was asked for, the verdicts of its rules."""
        asked = covered(self.meta.get("classes", CLASSES))
        found: dict[str, dict[str, list[Outcome]]] = {name: {} for name in asked}
        for mine in self.by_rule().values():
            for outcome in mine:
                for name in classes_at(outcome) & found.keys():
                    found[name].setdefault(outcome.rule, []).append(outcome)
        return {name: {rule: verdict_of(mine) for rule, mine in rules.items()}
                for name, rules in found.items() if rules}

    def observed(self) -> dict[str, str]:
        """For every rule of level OPEN, the permitted outcomes that were seen."""
        seen = {
            rule: sorted({outcome.seen for outcome in mine if outcome.seen})
            for rule, mine in self.by_rule().items()
        }
        return {rule: ", ".join(outcomes) for rule, outcomes in seen.items() if outcomes}

    def failures(self) -> list[list[Outcome]]:
        """The failures of all outcomes that are no pass, in the order of the specification; those
        of one check with one verdict and of one kind together, the most telling first."""
        return ways(chain.from_iterable(self.by_rule().values()))


def _check_and_kind(outcome: Outcome) -> Hashable:
    return outcome.rule, outcome.check, outcome.verdict, outcome.kind


def ways(
    outcomes: Iterable[Outcome], alike: Callable[[Outcome], Hashable] = _check_and_kind
) -> list[list[Outcome]]:
    """The failures of outcomes, those together that are alike; unless it is said otherwise, those
    of one check with one verdict and of one kind."""
    groups: dict[Hashable, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict is not Verdict.PASS:
            for one in outcome.each():
                groups.setdefault(alike(one), []).append(one)
    return [telling(group) for group in groups.values()]


def classes_at(outcome: Outcome) -> set[str]:
    """The classes that a point is of: those beyond core of which it needs names, or else core.

    A point of core is of basic, too, if its rule is, and it needs no transform but grad.
    """
    if beyond := {CLASS_OF[name] for name in outcome.needs} - {"basic", "core"}:
        return beyond
    others = {name for name in CLASSES["core"] if name.startswith("transform.")}
    basic = outcome.rule in BASIC and others.isdisjoint(outcome.needs)
    return {"basic", "core"} if basic else {"core"}


def telling(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes with the most frequent message first, and of these the shortest script."""
    found = list(outcomes)
    often = Counter(outcome.message for outcome in found)
    return sorted(found, key=lambda o: (-often[o.message], len(o.script)))
