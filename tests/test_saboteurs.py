"""Every rule catches the wrong implementations that it is meant to catch, in a quick run."""

import ast
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import refimpl
from spec.chapters.rules import registry
from spec.judge.verdict import Verdict
from spec.run.decide import PROFILES, decide
from tests.saboteurs import matrix
from tests.saboteurs.roster import Saboteur, all_saboteurs, copy_of, names_of

SABOTEURS = {saboteur.name: saboteur for saboteur in all_saboteurs()}
EVERY = 8
"""Of the pairs of a saboteur and a rule that draws cases, every eighth is shrunk."""
DAYS = 90
"""In how many days the scripts of all saboteurs run in an interpreter of their own."""
ROOT = Path(__file__).parent.parent
COMMITTED = json.loads(matrix.HOME.read_text())


def cases_of_a_quick_run(rule: str, changed: frozenset[str]) -> int:
    """How many cases a rule draws for what was changed."""
    return sum(
        matrix.QUICK.share(check) * matrix.concerns(check, point, changed)
        for check in matrix.checks_of(rule) if check.strategy is not None for point in check.cases
    )


def shows(script: str, lib: object) -> bool:
    """Whether a script fails on a library, in names of its own."""
    first, _, rest = script.partition("\n")
    assert first.startswith("import saboteur_") and first.endswith(" as lib")
    try:
        with warnings.catch_warnings(action="ignore"):
            exec(compile(rest, "<script>", "exec"), {"lib": lib})  # noqa: S102
    except Exception:
        return True
    return False


def shows_alone(script: str, make: str) -> bool:
    """Whether a script fails on a library that a line makes, in an interpreter of its own."""
    lines = [make, *script.splitlines()[1:]]
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, cwd=ROOT).returncode != 0


@pytest.mark.parametrize("name", SABOTEURS)
def test_saboteur_is_caught_by_every_rule_it_breaks(name: str) -> None:
    """And by a script that is right: it fails on the saboteur, and not on the reference."""
    saboteur = SABOTEURS[name]
    catches = {rule: matrix.caught(saboteur, rule) for rule in saboteur.breaks}
    missed = [rule for rule, catch in catches.items() if catch is None]
    assert not missed, f"{saboteur.story} {', '.join(missed)} did not notice"
    scripts = {rule: catch.script for rule, catch in catches.items() if catch is not None}
    for rule, script in scripts.items():
        assert shows(script, saboteur.subject().lib), f"{rule}: it does not fail\n{script}"
        assert not shows(script, refimpl), f"{rule}: the reference fails, too\n{script}"


@pytest.mark.parametrize("name", list(SABOTEURS)[date.today().toordinal() % DAYS::DAYS])
def test_a_script_needs_nothing_but_the_library(name: str) -> None:
    """Of a few saboteurs, others every day: in an interpreter of its own, the same holds."""
    saboteur = SABOTEURS[name]
    catch = matrix.caught(saboteur, saboteur.breaks[0])
    assert catch is not None
    wrong = ("from tests.saboteurs.roster import all_saboteurs as every; "
             f"lib = next(s for s in every() if s.name == {name!r}).subject().lib")
    assert shows_alone(catch.script, wrong)
    assert not shows_alone(catch.script, "import refimpl as lib")


def test_every_binding_rule_has_a_saboteur() -> None:
    broken = {rule for saboteur in SABOTEURS.values() for rule in saboteur.breaks}
    assert set(matrix.binding()) <= broken


@pytest.mark.parametrize("name", SABOTEURS)
def test_saboteur_says_what_it_does(name: str) -> None:
    saboteur = SABOTEURS[name]
    assert saboteur.story.endswith("."), "a story is a sentence"
    assert saboteur.breaks, "a saboteur is meant for a rule"
    assert set(saboteur.breaks) <= set(registry())
    assert saboteur.changed(), "a saboteur changes something"


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


def test_committed_matrix_is_about_these_saboteurs() -> None:
    stories = {name: entry["story"] for name, entry in COMMITTED["saboteurs"].items()}
    assert stories == {name: saboteur.story for name, saboteur in SABOTEURS.items()}
    assert set(COMMITTED["rules"]) == set(matrix.rules())


def measured() -> Iterator[tuple[Saboteur, str, float]]:
    """The saboteurs that need drawn examples, by rule, with the mean number until a hit."""
    for name, entry in COMMITTED["saboteurs"].items():
        for rule, mean in entry["examples"].items():
            yield SABOTEURS[name], rule, mean


def shrunk(saboteur: Saboteur, rule: str) -> str:
    """The script of the first failure of a rule's generated checks."""
    subject, changed = saboteur.subject(), saboteur.changed()
    for check in matrix.checks_of(rule):
        points = check.cases if check.strategy is not None else ()
        for point in (p for p in points if matrix.concerns(check, p, changed)):
            outcome = decide(check, subject, point, PROFILES["quick"], 0)
            if outcome.verdict is Verdict.FAIL:
                return outcome.script
    raise AssertionError(f"{rule} did not notice {saboteur.name}")


@pytest.mark.parametrize(
    ("saboteur", "rule"), [(s, rule) for s, rule, _ in measured()][::EVERY],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_planted_defect_shrinks_to_a_short_program(saboteur: Saboteur, rule: str) -> None:
    tree = ast.parse(shrunk(saboteur, rule))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    steps = [[s for s in f.body if not isinstance(s, ast.Return)] for f in functions]
    assert max(map(len, steps), default=0) <= 3


def test_expected_number_of_examples_is_within_a_quick_run() -> None:
    late = {
        (saboteur.name, rule): mean for saboteur, rule, mean in measured()
        if mean > cases_of_a_quick_run(rule, saboteur.changed())
    }
    assert not late
