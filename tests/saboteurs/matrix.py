"""The kill matrix: which rules catch which saboteurs, and after how many examples.

A rule is decided at its points in order until the first failure.  Rules that are meant to catch
a saboteur are walked in full; of the others a few points are taken, which shows whether a report
would point away from the cause.  A point that looks up none of the names that a saboteur changed
cannot notice it, so it is left out: what a point looks up is recorded on the reference.

    python -m tests.saboteurs.matrix [--write | --check] [--seeds N] [--full]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import refimpl
from spec.chapters import all_checks
from spec.chapters.rules import Level, registry
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Verdict
from spec.language.transforms import FAMILY
from spec.run.decide import PROFILES, Profile, decide
from spec.run.implementation import load
from tests.saboteurs.roster import Saboteur, all_saboteurs, copy_of

HOME = Path(__file__).parents[2] / "docs" / "results" / "kill-matrix.json"
QUICK = replace(PROFILES["quick"], shrinks=0)
GLANCE = Profile("glance", 2, 0)
ONE = Profile("one", 1, 0)
POINTS = 2
"""Points of a check that are taken where the rule is not meant to catch a saboteur."""


@dataclass(frozen=True)
class Catch:
    """Where a rule caught a saboteur first.

    Attributes
    ----------
    check, point, message, script : str
        The check, the point of its axis, what it said, and the script that shows it.
    examples : int
        How many examples of generated checks were drawn until then; 0 if none was needed.
    """

    check: str
    point: str
    examples: int
    message: str
    script: str


class Recorder:
    """A namespace that notes which names are looked up."""

    def __init__(self, room: Any, prefix: str = "", seen: set[str] | None = None) -> None:
        self._room, self._prefix = room, prefix
        self._seen: set[str] = set() if seen is None else seen

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._room, name)
        if isinstance(value, SimpleNamespace):
            return Recorder(value, f"{self._prefix}{name}.", self._seen)
        self._seen.add(self._prefix + name)
        return value


_LOOKED_UP: dict[tuple[str, str, Profile, int], frozenset[str]] = {}


def looked_up(check: Check, point: str, profile: Profile, seed: int) -> frozenset[str]:
    """The names that a check looks up at a point on the reference, which must not fail there.

    The same seed draws the same examples, so that a saboteur that changes none of these names
    does here what the reference does.
    """
    key = (check.id, point, profile, seed)
    if key not in _LOOKED_UP:
        seen: set[str] = set()
        subject = Subject("refimpl", Recorder(copy_of(refimpl), seen=seen))
        assert not subject.missing
        seen.clear()
        outcome = decide(check, subject, point, profile, seed)
        if outcome.verdict is Verdict.FAIL:
            raise RuntimeError(f"the reference fails {check.id} at {point!r}: {outcome.message}")
        _LOOKED_UP[key] = frozenset(seen)
    return _LOOKED_UP[key]


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
                return Catch(check.name, point, examples, outcome.message, outcome.script)
    return None


def concerns(check: Check, point: str, changed: frozenset[str]) -> bool:
    """Whether a point may be about what was changed, by the transforms that its cases look up."""
    family = {f"transform.{name}" for name in FAMILY}
    asked = looked_up(check, point, ONE, 0) & family
    return not asked or bool(asked & changed) or not changed <= family


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


def column(
    rule: str, names: Sequence[str], seeds: int = 1, full: bool = False
) -> dict[str, list[Catch]]:
    """The saboteurs that a rule catches: those it is meant to catch in every one of the seeds.

    Rules that are merely related, and may notice, are asked in a full matrix alone.
    """
    load("refimpl")  # in double precision, with compiled operations kept between processes
    found = {}
    for saboteur in all_saboteurs():
        if saboteur.name not in names:
            continue
        if rule in saboteur.breaks:
            hits = every_seed(saboteur, rule, seeds)
        elif full or not saboteur.is_related(rule):
            hits = [caught(saboteur, rule, 0, GLANCE, POINTS)]
        else:
            continue
        if None not in hits:
            found[saboteur.name] = [hit for hit in hits if hit is not None]
    return found


def every_seed(saboteur: Saboteur, rule: str, seeds: int) -> list[Catch | None]:
    """Where a rule catches a saboteur in each of so many runs; one, if nothing is drawn until
    then."""
    first = caught(saboteur, rule)
    if first is None or not first.examples:
        return [first]
    return [first, *(caught(saboteur, rule, seed) for seed in range(1, seeds))]


Columns = Mapping[str, Mapping[str, Sequence[Catch]]]
"""What every rule catches, by the name of the saboteur."""


def matrix(
    names: Sequence[str], wanted: Sequence[str], seeds: int = 1, full: bool = False,
    workers: int = 2,
) -> dict[str, dict[str, list[Catch]]]:
    """What every rule catches, shared among processes."""
    one = partial(column, names=names, seeds=seeds, full=full)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        found = {}
        for rule, hits in zip(wanted, pool.map(one, wanted), strict=True):
            found[rule] = hits
            print(rule, len(hits), file=sys.stderr, flush=True)
        return found


def document(columns: Columns) -> dict[str, Any]:
    """The matrix as it is committed."""
    return {
        "saboteurs": {
            s.name: {
                "story": s.story,
                "breaks": sorted(s.breaks),
                "caught_by": [rule for rule, found in columns.items() if s.name in found],
                "examples": power(s, columns),
            }
            for s in all_saboteurs()
        },
        "rules": {rule: sorted(found) for rule, found in columns.items()},
    }


def power(saboteur: Saboteur, columns: Columns) -> dict[str, float]:
    """The mean number of examples until a hit, by rule, where examples were drawn at all."""
    means = {
        rule: sum(hit.examples for hit in hits) / len(hits)
        for rule in sorted(saboteur.breaks) if (hits := columns.get(rule, {}).get(saboteur.name))
    }
    return {rule: round(mean, 1) for rule, mean in means.items() if mean}


def lasting(text: str) -> Any:
    """What a run must reproduce of a matrix: all but the numbers of examples."""
    content = json.loads(text)
    for entry in content["saboteurs"].values():
        entry.pop("examples")
    return content


def complaints(columns: Columns) -> Iterator[str]:
    """What is wrong with a matrix, a line each."""
    for s in all_saboteurs():
        for rule in s.breaks:
            if s.name not in columns.get(rule, {}):
                yield f"{s.name} is meant to break {rule} and does not"
        for rule, found in columns.items():
            if s.name in found and rule not in s.breaks and not s.is_related(rule):
                why = found[s.name][0].message
                yield f"{s.name} is caught by {rule}, which is unrelated: {why}"
    for rule in binding():
        if not any(rule in s.breaks for s in all_saboteurs()):
            yield f"{rule} has no saboteur"


def main(argv: Iterable[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the committed matrix")
    parser.add_argument("--check", action="store_true", help="compare with the committed matrix")
    parser.add_argument("--seeds", type=int, default=1, help="in how many runs out of how many")
    parser.add_argument("--full", action="store_true", help="ask related rules, too")
    parser.add_argument("--only", nargs="*", default=None, help="families, rules or saboteurs")
    given = parser.parse_args(None if argv is None else list(argv))
    names = [s.name for s in all_saboteurs()]
    wanted = rules()
    if given.only is not None:
        wanted = [r for r in wanted if r in given.only or r[:3] in given.only] or wanted
        names = [n for n in names if n in given.only] or names
    columns = matrix(names, wanted, given.seeds, given.full)
    if given.only is not None:
        for rule, found in columns.items():
            print(rule, {n: (c[0].point, c[0].examples) for n, c in found.items()})
        return 0
    faults = list(complaints(columns))
    print("\n".join(faults))
    text = json.dumps(document(columns), indent=1) + "\n"
    if given.write:
        HOME.write_text(text)
    elif given.check and lasting(HOME.read_text()) != lasting(text):
        faults.append("the committed matrix differs")
        print(f"{HOME.name} is out of date: python -m tests.saboteurs.matrix --write")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
