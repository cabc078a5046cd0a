"""The clauses of the semantics, and the rules that say that they follow from them."""

import re
from pathlib import Path

from spec.chapters import rules
from spec.chapters.rules import Authority, registry

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
MODEL = (ROOT / "spec" / "expected" / "model_transforms.py").read_text(encoding="utf-8")
CLAUSE = re.compile(r"^```\{clause\} (S\d+) (.*?)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
CLAUSES = {name: (title, body) for name, title, body in CLAUSE.findall(PAGE)}
FOLLOW = {name: [rule.id for rule in registry().values() if name in rule.clauses]
          for name in CLAUSES}


def test_clauses_are_numbered_from_one() -> None:
    assert list(CLAUSES) == [f"S{number}" for number in range(1, len(CLAUSES) + 1)]


def test_every_clause_has_words_and_notation() -> None:
    assert [name for name, (_, body) in CLAUSES.items() if body.count("\n--\n") != 1] == []


def test_every_clause_has_rules() -> None:
    assert [name for name, following in FOLLOW.items() if not following] == []


def test_every_rule_names_clauses_that_exist_and_each_once() -> None:
    for rule in registry().values():
        assert set(rule.clauses) <= CLAUSES.keys(), rule.id
        assert len(rule.clauses) == len(set(rule.clauses)), rule.id


def test_every_invariant_follows_from_a_clause() -> None:
    """And so does every rule on effects and on control flow, whatever its authority."""
    bound = [rule for rule in registry().values()
             if rule.authority is Authority.INVARIANT or rule.family in ("WRB", "CTL")]
    assert bound
    assert [rule.id for rule in bound if not rule.clauses] == []


def test_a_clause_refers_to_clauses_that_exist() -> None:
    assert set(re.findall(r"#clause-(s\d+)", PAGE)) <= {name.lower() for name in CLAUSES}


def test_the_model_takes_the_steps_of_a_call() -> None:
    """Each step of the clause stands beside the line that takes it, in whatever order."""
    title, body = CLAUSES["S7"]
    assert title == "Call"
    steps = re.findall(r"^(\d)\. ", body, flags=re.MULTILINE)
    assert sorted(re.findall(r"  # ([1-5])\b", MODEL)) == steps


def test_a_malformed_clause_is_refused() -> None:
    entry = {"id": "ABC-01", "title": "A and B", "level": "MUST", "authority": "invariant",
             "statement": "A does B.", "source": "ruling 1", "clauses": ["S1"],
             "changed": {"0.2": "B is done twice."}}
    made = rules._rule(entry)
    assert made.clauses == ("S1",) and made.changed == (rules.Amendment("0.2", "B is done twice."),)
    for wrong in ("7", "clause 7"):
        try:
            rules._rule(entry | {"clauses": wrong})
        except ValueError as error:
            assert "not of the form S1" in str(error)
        else:
            raise AssertionError(wrong)
