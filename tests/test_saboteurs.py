"""Every rule catches the wrong implementations that it is meant to catch, in a quick run.

Every saboteur is asked for where it was caught last; a slice of them, which rotates by the day,
is asked for by all rules that are meant to catch it, and another is shrunk.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import refimpl
from spec.chapters.rules import Level, registry
from spec.judge.verdict import Outcome, Verdict
from spec.run.decide import decide
from spec.run.implementation import load
from spec.run.profiles import PROFILES
from tests.day import slice_of
from tests.saboteurs import matrix
from tests.saboteurs.asking import (
    ONE,
    Catch,
    binding,
    caught,
    caught_at,
    checks_of,
    concerns,
    looked_up,
    shows,
)
from tests.saboteurs.rare import FRESH
from tests.saboteurs.roster import Saboteur, all_saboteurs, copy_of, names_of
from tests.saboteurs.uncaught import UNCAUGHT

SABOTEURS = {saboteur.name: saboteur for saboteur in all_saboteurs()}
MEANT = [(saboteur, rule) for saboteur in SABOTEURS.values() for rule in saboteur.breaks]
COMMITTED = json.loads(matrix.HOME.read_text())
KNOWN = {name: at for name, at in COMMITTED["at"].items() if name in SABOTEURS}
"""Where saboteurs were caught last: check, point, seed and examples by rule."""
DRAWN = [(SABOTEURS[name], rule) for name, at in KNOWN.items()
         for rule, (*_, examples) in at.items()
         if examples and registry()[rule].level is not Level.OPEN]
"""The saboteurs that need drawn examples, by rule."""
FORTNIGHT, MONTH, SEASON = 14, 28, 90
"""In how many days all is done that a run does in slices."""
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Let processes share what is compiled, which is most of the time that saboteurs take."""
    load("refimpl")


def named(value: Saboteur | str) -> str:
    """How a parameter is called in the name of a test."""
    return value if isinstance(value, str) else value.name


def quickest(saboteur: Saboteur) -> str:
    """The rule that took fewest examples to catch it."""
    at = KNOWN.get(saboteur.name, {})
    return min(at, key=lambda rule: at[rule][-1], default=saboteur.breaks[0])


def caught_last(saboteur: Saboteur) -> Catch:
    """By the quickest rule; checks that have changed may catch it elsewhere."""
    at, rule = KNOWN.get(saboteur.name, {}), quickest(saboteur)
    last = caught_at(saboteur, rule, *at[rule][:3]) if rule in at else None
    catch = last or caught(saboteur, rule)
    assert catch, f"{saboteur.story} {rule} did not notice"
    return catch


def assert_right(script: str, saboteur: Saboteur) -> None:
    """A script fails on the saboteur, and not on the reference."""
    assert shows(script, saboteur.subject().lib), f"it does not fail\n{script}"
    assert not shows(script, refimpl), f"the reference fails, too\n{script}"


@pytest.mark.parametrize("name", slice_of(list(SABOTEURS), FORTNIGHT))
def test_saboteur_is_caught_where_it_was_caught_last(name: str) -> None:
    """And by a script that is right."""
    assert_right(caught_last(SABOTEURS[name]).script, SABOTEURS[name])


OTHERS = [(saboteur, rule) for saboteur, rule in MEANT if rule != quickest(saboteur)]
"""What is not asked above already."""


@pytest.mark.parametrize(("saboteur", "rule"), slice_of(OTHERS, MONTH), ids=named)
def test_saboteur_is_caught_by_every_rule_it_breaks(saboteur: Saboteur, rule: str) -> None:
    """In a quick run, and by a script that is right."""
    catch = caught(saboteur, rule)
    assert catch, f"{saboteur.story} {rule} did not notice"
    assert_right(catch.script, saboteur)


def shows_alone(script: str, make: str) -> bool:
    """Whether a script fails on a library that a line makes, in an interpreter of its own."""
    lines = [make, *script.splitlines()[1:]]
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, cwd=ROOT).returncode != 0


@pytest.mark.parametrize("name", slice_of(list(SABOTEURS), SEASON))
def test_a_script_needs_nothing_but_the_library(name: str) -> None:
    """In an interpreter of its own the same holds."""
    script = caught_last(SABOTEURS[name]).script
    wrong = ("from tests.saboteurs.roster import all_saboteurs as every; "
             f"lib = next(s for s in every() if s.name == {name!r}).subject().lib")
    assert shows_alone(script, wrong)
    assert not shows_alone(script, "import refimpl as lib")


def test_every_binding_rule_has_a_saboteur() -> None:
    assert set(binding()) <= {rule for _, rule in MEANT}


@pytest.mark.parametrize("saboteur", [*SABOTEURS.values(), *FRESH.values()], ids=named)
def test_saboteur_says_what_it_does(saboteur: Saboteur) -> None:
    assert saboteur.story.endswith("."), "a story is a sentence"
    assert saboteur.breaks, "a saboteur is meant for a rule"
    assert set(saboteur.breaks) <= set(registry())
    assert saboteur.changed(), "a saboteur changes something"


def test_fresh_saboteurs_have_names_of_their_own() -> None:
    assert not set(FRESH) & set(SABOTEURS)


def test_uncaught_saboteurs_are_wrong_all_the_same() -> None:
    """That no other is uncaught is asserted by tox -e saboteurs, which asks whole families."""
    assert set(UNCAUGHT) <= set(FRESH)
    for name, script in UNCAUGHT.items():
        header = f"import saboteur_{name} as lib\nimport jax, jax.numpy as jnp\n"
        assert_right(header + script, FRESH[name])


@pytest.mark.parametrize("name", SABOTEURS)
def test_saboteur_stands_in_the_chapter_of_what_it_breaks(name: str) -> None:
    saboteur = SABOTEURS[name]
    module = saboteur.spoil.__module__.rpartition(".")[2]
    assert module.partition("_")[0] == saboteur.breaks[0][:3].lower()


def test_saboteurs_leave_the_reference_alone() -> None:
    before = names_of(copy_of(refimpl))
    for saboteur in SABOTEURS.values():
        saboteur.subject()
    after = names_of(copy_of(refimpl))
    assert all(after[name] is before[name] for name in before)


def test_committed_matrix_is_valid() -> None:
    """It may be older than a saboteur or a rule, which is then not asked yet."""
    for rule, counts in COMMITTED["caught"].items():
        assert all(0 <= hits <= runs for hits, runs in counts.values()), rule
        assert set(counts) <= set(COMMITTED["saboteurs"]), rule
    assert {name for name, about in COMMITTED["saboteurs"].items()
            for rule in about["breaks"] if not COMMITTED["caught"].get(rule, {}).get(name)} == set()


def test_what_a_point_looks_up_is_recorded() -> None:
    (check, *_) = checks_of("RET-01")
    for point in check.cases:
        family = {name for name in looked_up(check, point, ONE, 0) if name.startswith("transform")}
        assert family == {f"transform.{point.split()[0]}"}


def shrunk(saboteur: Saboteur, rule: str) -> str:
    """The script of a failure of a rule's generated checks: of the one seen last, if it is there
    yet, else of the first."""
    subject, changed = saboteur.subject(), saboteur.changed()
    name, last, seed, _ = KNOWN[saboteur.name][rule]

    def at(point: str, seed: int) -> Outcome:
        return decide(check, subject, point, PROFILES["quick"], seed)

    for check in sorted(checks_of(rule), key=lambda check: check.name != name):
        if check.strategy is None:
            continue
        known = [(last, seed)] if check.name == name and last in check.cases else []
        for point, run in [*known, *((p, 0) for p in check.cases if concerns(check, p, changed))]:
            if (outcome := at(point, run)).verdict is Verdict.FAIL:
                return outcome.script
    raise AssertionError(f"{rule} did not notice {saboteur.name}")


@pytest.mark.parametrize(("saboteur", "rule"), slice_of(DRAWN, SEASON), ids=named)
def test_planted_defect_shrinks_to_a_short_program(saboteur: Saboteur, rule: str) -> None:
    tree = ast.parse(shrunk(saboteur, rule))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    steps = [[s for s in f.body if not isinstance(s, ast.Return)] for f in functions]
    most = 7 if rule.startswith("CTL") else 3  # two bodies are defined, and called
    assert max(map(len, steps), default=0) <= most
