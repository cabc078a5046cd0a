"""The committed examples of the rules: each is there, and holds on the reference."""

from __future__ import annotations

import json
import warnings

import pytest

from spec.chapters.rules import registry
from tests.day import slice_of
from tests.saboteurs import examples
from tests.saboteurs.asking import binding, shows
from tests.saboteurs.roster import all_saboteurs

COMMITTED = json.loads(examples.HOME.read_text(encoding="utf-8"))
WEEK = 7


def test_every_binding_rule_has_an_example() -> None:
    assert [rule for rule in binding() if rule not in COMMITTED] == []
    assert set(COMMITTED) <= set(registry())


@pytest.mark.parametrize("rule", slice_of(list(COMMITTED), WEEK))
def test_an_example_keeps_its_rule_on_the_reference(rule: str) -> None:
    """And is not so long that it explains nothing."""
    script = COMMITTED[rule]["script"]
    assert script.startswith(examples.REFERENCE)
    with warnings.catch_warnings(action="ignore"):
        exec(compile(script, rule, "exec"), {})  # noqa: S102  # its assertions are the test's
    assert len(script.splitlines()) <= 30


def test_an_example_names_a_saboteur_that_breaks_its_rule() -> None:
    breaks = {saboteur.name: saboteur.breaks for saboteur in all_saboteurs()}
    assert {one["saboteur"] for one in COMMITTED.values()} <= set(breaks)
    assert all(rule in breaks[one["saboteur"]] for rule, one in COMMITTED.items())


def test_a_script_that_fails_is_seen_to_fail() -> None:
    script = "import saboteur_none as lib\nassert lib is None"
    assert shows(script, examples) and not shows(script, None)
    with pytest.raises(ValueError, match="imports a saboteur first"):
        shows("import jax as lib", examples)
