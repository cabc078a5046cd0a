"""Every rule catches the wrong implementations that it is meant to catch, in a quick run."""

import ast
import json
from collections.abc import Iterator

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
COMMITTED = json.loads(matrix.HOME.read_text())


def generated_points(rule: str, changed: frozenset[str]) -> int:
    """In how many points a rule draws examples for what was changed."""
    return sum(
        matrix.concerns(check, point, changed)
        for check in matrix.checks_of(rule) if check.strategy is not None for point in check.cases
    )


@pytest.mark.parametrize("name", SABOTEURS)
def test_saboteur_is_caught_by_every_rule_it_breaks(name: str) -> None:
    saboteur = SABOTEURS[name]
    missed = [rule for rule in saboteur.breaks if matrix.caught(saboteur, rule) is None]
    assert not missed, f"{saboteur.story} {', '.join(missed)} did not notice"


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
    budget = matrix.QUICK.examples
    late = {
        (saboteur.name, rule): mean for saboteur, rule, mean in measured()
        if mean > budget * generated_points(rule, saboteur.changed())
    }
    assert not late
