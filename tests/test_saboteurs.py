"""Every rule catches the wrong implementations that it is meant to catch, in a quick run."""

import json
from collections.abc import Iterator

import pytest

import refimpl
from spec.rules import registry
from tests.saboteurs import matrix
from tests.saboteurs.craft import Saboteur, all_saboteurs, copy_of, names_of

SABOTEURS = {saboteur.name: saboteur for saboteur in all_saboteurs()}
EVERY_TENTH = sorted(SABOTEURS)[::10]
"""For the default run, which is to stay short; `tox -e saboteurs` runs all against all rules."""
COMMITTED = json.loads(matrix.HOME.read_text())


def generated_points(rule: str, changed: frozenset[str]) -> int:
    """In how many points a rule draws examples for what was changed."""
    return sum(
        matrix.concerns(check, point, changed)
        for check in matrix.checks_of(rule) if check.strategy is not None for point in check.cases
    )


@pytest.mark.parametrize("name", EVERY_TENTH)
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


def test_expected_number_of_examples_is_within_a_quick_run() -> None:
    budget = matrix.QUICK.examples
    late = {
        (saboteur.name, rule): mean for saboteur, rule, mean in measured()
        if mean > budget * generated_points(rule, saboteur.changed())
    }
    assert not late
