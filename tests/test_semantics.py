"""The clauses of the semantics, and the rules that are said to follow from them."""

import re
from pathlib import Path

from spec.chapters.rules import registry

PAGE = Path(__file__).parents[1] / "docs" / "semantics.md"
CLAUSE = re.compile(r"^```\{clause\} S(\d+) .*?\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
CLAUSES = CLAUSE.findall(PAGE.read_text(encoding="utf-8"))
FOLLOW = {int(number): body.rpartition("\n--\n")[2].split() for number, body in CLAUSES}


def test_clauses_are_numbered_from_one() -> None:
    assert list(FOLLOW) == list(range(1, len(CLAUSES) + 1))


def test_every_clause_has_words_notation_and_rules() -> None:
    assert [number for number, body in CLAUSES if body.count("\n--\n") != 2] == []
    assert [number for number, rules in FOLLOW.items() if not rules] == []


def test_a_clause_names_rules_that_exist_and_each_once() -> None:
    for number, rules in FOLLOW.items():
        assert set(rules) <= set(registry()), number
        assert len(rules) == len(set(rules)), number


def test_every_rule_on_effects_follows_from_a_clause() -> None:
    named = {rule for rules in FOLLOW.values() for rule in rules}
    effects = {id for id in registry() if id.startswith("WRB")}
    assert effects - named == {"WRB-12"}, "changes in place are open, and of no clause"
