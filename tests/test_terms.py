"""Words of the rules: every term is defined once, and none stands for two things or for nothing."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from spec.chapters.rules import families, registry

DOCS = Path(__file__).parents[1] / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^(\S.*)\n    ", GLOSSARY.partition("```{glossary}\n")[2], flags=re.MULTILINE)

FORBIDDEN = {
    r"\btrees?\b": "a pytree",
    r"\bentry values?\b": "the value on entry",
    r"(?<!by )\bpositions?\b": "an index",
    r"\braw\b": "JAX's own",
    r"\bas far as\b|\bwork as\b|\bproper(ly)?\b|\breasonabl[ey]\b|\bappropriate(ly)?\b":
        "something that a check can tell",
    r"\bshould\b": "what an implementation does",
    r"\bjitted\b": "a compiled function",
    r"\bturns?\b": "a step",
}
"""Words that a rule does not use, and what stands in their place."""


NEEDED = {
    "access", "aux", "block", "body", "boundary", "column", "compiled function", "concrete",
    "constant", "container", "cotangent", "derivative", "direction", "effects", "family",
    "filter", "finder", "function", "gradient", "index", "lane", "leaf", "loss", "member",
    "module", "option", "output", "pair", "path", "predicate", "primal", "pullback", "pytree",
    "row", "selection", "side", "step", "structure", "tag", "tangent", "tracer", "transform",
    "types", "verdict", "written",
}
"""Words that carry a rule and that a reader may understand otherwise; each has to be a term."""


def prose(text: str) -> str:
    """The text without code, on one line."""
    return " ".join(re.sub(r"```.*?```|`[^`]*`", "code", text, flags=re.DOTALL).split())


def chapters() -> Iterator[tuple[str, str]]:
    """The prose of every chapter: what its page says, and what its family is about."""
    for family in families().values():
        page = (DOCS / "rules" / f"{family.id.lower()}.md").read_text(encoding="utf-8")
        yield family.id, prose(page) + " " + prose(family.about)


def defined(text: str) -> set[str]:
    """The terms that prose sets in italics."""
    return {" ".join(term.split()) for term in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text)}


def test_every_term_is_defined_once_and_in_order() -> None:
    assert TERMS == sorted(TERMS, key=str.lower)
    assert [term for term, count in Counter(map(str.lower, TERMS)).items() if count > 1] == []


@pytest.mark.parametrize(("family", "text"), list(chapters()), ids=lambda value: value[:3])
def test_what_a_chapter_sets_in_italics_is_in_the_glossary(family: str, text: str) -> None:
    assert sorted(defined(text) - set(TERMS)) == [], family


@pytest.mark.parametrize("term", re.findall(r"\{term\}`(?:[^<`]*<)?([^>`]+)>?`", GLOSSARY))
def test_the_glossary_leads_to_its_own_terms(term: str) -> None:
    assert term in TERMS


def test_no_rule_uses_a_word_that_stands_for_two_things_or_for_nothing() -> None:
    texts = {id: prose(rule.statement) for id, rule in registry().items()}
    texts |= dict(chapters())
    found = [f"{id}: {match.group()!r} is {word}" for id, text in texts.items()
             for pattern, word in FORBIDDEN.items() for match in re.finditer(pattern, text)]
    assert found == []


def test_words_that_carry_a_rule_are_terms() -> None:
    assert sorted(NEEDED - set(TERMS)) == []


SEMANTICS = (DOCS / "semantics.md").read_text(encoding="utf-8")
CLAUSES = re.findall(r"^```\{clause\} (.*?)\n--\n", SEMANTICS, flags=re.DOTALL | re.MULTILINE)


def test_a_term_of_the_clauses_is_defined_in_them_or_in_the_glossary_and_not_in_both() -> None:
    own = {term for clause in CLAUSES for term in defined(clause)}
    linked = {term for clause in CLAUSES for term in re.findall(r"\{term\}`([^`]+)`", clause)}
    assert {"frame", "store", "committed", "touched", "lift"} <= own
    assert linked <= set(TERMS)
    assert sorted(own & set(TERMS)) == []


def words(term: str) -> str:
    """A pattern for a term, in the plural as well."""
    return rf"\b{re.escape(term)}(s|es)?\b" if term != "leaf" else r"\blea(f|ves)\b"


def test_every_term_is_used() -> None:
    """In a rule, a chapter, a clause, or on a page that explains the rules."""
    pages = [DOCS / f"{name}.md"
             for name in ("rules/index", "choices", "findings", "reference/interface")]
    text = " ".join([*(rule.statement for rule in registry().values()), SEMANTICS,
                     *(text for _, text in chapters()),
                     *(page.read_text(encoding="utf-8") for page in pages)])
    assert [term for term in TERMS if not re.search(words(term), text, flags=re.IGNORECASE)] == []
