"""Asking a rule whether it catches a saboteur: at which point of which check, after how many cases.

A rule is decided at its points in order until the first failure.  A point that looks up none of
the names that a saboteur changed does there what it does on the reference, so it is left out:
what a point looks up is recorded on the reference.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import refimpl
from spec.chapters import all_checks
from spec.chapters.rules import Level, registry
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Verdict
from spec.language.transforms import FAMILY
from spec.run.decide import decide
from spec.run.profiles import PROFILES, Profile
from tests.saboteurs.roster import Saboteur

QUICK = replace(PROFILES["quick"], shrinks=0)
GLANCE = Profile("glance", 2, 0)
ONE = Profile("one", 1, 0)


@dataclass(frozen=True)
class Catch:
    """Where a rule caught a saboteur first.

    Attributes
    ----------
    check, point, message, script : str
        The check, the point of its axis, what it said, and the script that shows it.
    examples : int
        How many examples of generated checks were drawn until then; 0 if none was needed.
    seed : int
        The seed of the run.
    """

    check: str
    point: str
    examples: int
    message: str
    script: str
    seed: int


def caught(
    saboteur: Saboteur, rule: str, seed: int = 0, profile: Profile = QUICK, most: int | None = None
) -> Catch | None:
    """Where a rule catches a saboteur first, in at most so many points of each of its checks."""
    subject, changed, examples = saboteur.subject(), saboteur.changed(), 0
    for check in checks_of(rule):
        points = [p for p in check.cases if concerns(check, p, changed)]
        for point in points if most is None else spread(points, most):
            if most is not None and not changed & looked_up(check, point, profile, seed):
                continue
            outcome = decide(check, subject, point, profile, seed)
            examples += outcome.examples if check.strategy is not None else 0
            if outcome.verdict is Verdict.FAIL:
                return Catch(check.name, point, examples, outcome.message, outcome.script, seed)
    return None


def caught_at(saboteur: Saboteur, rule: str, name: str, point: str, seed: int) -> Catch | None:
    """What one point of one check says of a saboteur; None, if there is no such point now."""
    for check in checks_of(rule):
        if check.name == name and point in check.cases:
            outcome = decide(check, saboteur.subject(), point, QUICK, seed)
            if outcome.verdict is Verdict.FAIL:
                return Catch(name, point, outcome.examples, outcome.message, outcome.script, seed)
    return None


def shows(script: str, lib: object) -> bool:
    """Whether a script about a saboteur fails on a library, in names of its own."""
    first, _, rest = script.partition("\n")
    if not (first.startswith("import saboteur_") and first.endswith(" as lib")):
        raise ValueError(f"expected a script that imports a saboteur first, got {first!r}")
    try:
        with warnings.catch_warnings(action="ignore"):
            exec(compile(rest, "<script>", "exec"), {"lib": lib})  # noqa: S102
    except Exception:
        return True
    return False


def concerns(check: Check, point: str, changed: frozenset[str]) -> bool:
    """Whether a point may be about what was changed, by the transforms that its cases look up."""
    family = {f"transform.{name}" for name in FAMILY}
    asked = looked_up(check, point, ONE, 0) & family
    return not asked or bool(asked & changed) or not changed <= family


_LOOKED_UP: dict[tuple[str, str, Profile, int], frozenset[str]] = {}


def looked_up(check: Check, point: str, profile: Profile, seed: int) -> frozenset[str]:
    """The names that a check looks up at a point on the reference, which must not fail there.

    The same seed draws the same examples, so that a saboteur that changes none of these names
    does here what the reference does.
    """
    key = (check.id, point, profile, seed)
    if key not in _LOOKED_UP:
        outcome = decide(check, Subject("refimpl", refimpl), point, profile, seed)
        if outcome.verdict is Verdict.FAIL:
            raise RuntimeError(f"the reference fails {check.id} at {point!r}: {outcome.message}")
        _LOOKED_UP[key] = outcome.needs
    return _LOOKED_UP[key]


def spread(points: Sequence[str], most: int) -> list[str]:
    """At most so many of the points, from the first to the last."""
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


@cache
def checks_of(rule: str) -> tuple[Check, ...]:
    """The checks of a rule, the cheap ones first."""
    found = (check for check in all_checks() if check.rule == rule)
    return tuple(sorted(found, key=lambda check: check.strategy is not None))


def rules() -> list[str]:
    """The rules that have checks."""
    return sorted({check.rule for check in all_checks()})


def binding() -> list[str]:
    """The rules that every implementation must or should keep."""
    levels = (Level.MUST, Level.SHOULD)
    return [rule for rule in rules() if registry()[rule].level in levels]
