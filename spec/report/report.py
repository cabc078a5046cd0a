"""The report on an implementation: what a run found, rule by rule."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from spec import __version__
from spec.chapters.rules import registry
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome, Verdict, verdict_of
from spec.run.decide import Profile
from spec.run.implementation import loaded_versions


@dataclass(frozen=True)
class Report:
    """The outcomes of a run on one implementation.

    Attributes
    ----------
    meta : mapping
        What was run: implementation, versions, platform, seed, profile.
    outcomes : tuple of Outcome
        What every check decided at every point of its axis.
    """

    meta: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]

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

    def kept(self) -> bool:
        """Whether no rule is broken; one of level OPEN is by an outcome that it does not permit."""
        return Verdict.FAIL not in self.verdicts().values()

    def observed(self) -> dict[str, str]:
        """For every rule of level OPEN, the permitted outcomes that were seen."""
        seen = {
            rule: sorted({outcome.seen for outcome in mine if outcome.seen})
            for rule, mine in self.by_rule().items()
        }
        return {rule: ", ".join(outcomes) for rule, outcomes in seen.items() if outcomes}

    def failures(self) -> list[list[Outcome]]:
        """The outcomes that are no pass, in the order of the specification; those of one check
        with one verdict together, the most telling first."""
        groups: dict[tuple[str, str, Verdict], list[Outcome]] = {}
        for outcome in chain.from_iterable(self.by_rule().values()):
            if outcome.verdict is not Verdict.PASS:
                key = outcome.rule, outcome.check, outcome.verdict
                groups.setdefault(key, []).append(outcome)
        return [telling(alike) for alike in groups.values()]


def telling(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The outcomes with the most frequent message first, and of these the shortest script."""
    found = list(outcomes)
    often = Counter(outcome.message for outcome in found)
    return sorted(found, key=lambda o: (-often[o.message], len(o.script)))


def metadata(subject: Subject, profile: Profile, seed: int) -> dict[str, Any]:
    """What a run was of and with."""
    return {
        "specification": __version__,
        "implementation": subject.name,
        "version": subject.version,
        "python": platform.python_version(),
        "platform": platform.system().lower(),
        "device": device(subject),
        "packages": loaded_versions(),
        "profile": profile.name,
        "examples": profile.examples,
        "seed": seed,
    }


def device(subject: Subject) -> str:
    """The kind of device that the implementation's arrays live on."""
    array = subject.xp.zeros(())
    devices = getattr(array, "devices", None)
    return str(next(iter(devices())).platform) if callable(devices) else "cpu"
