"""Why a rule binds: titles, authorities, levels, and quotations that are found in their sources.

The tutorial is no part of this repository.  Where a copy of its text is at hand, named by the
environment variable TUTORIAL or as shared/tutorial.md beside the checkout, every quotation of it
is looked up there.
"""

import inspect
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import jax
import pytest

from spec.chapters import rules
from spec.chapters.rules import Authority, Level, Quote, Rule, registry

RULES = tuple(registry().values())
QUOTES = [(rule, quote) for rule in RULES for quote in rule.quotes]
COPY = Path(os.environ.get("TUTORIAL") or Path(__file__).parents[2] / "shared" / "tutorial.md")
NAMES = {
    "jacobian", "jit", "jacrev", "jacfwd", "hessian", "grad", "fwd_grad", "vjp", "jvp",
}
"""First words of titles that are written as in code."""
KINDS = re.compile(
    r"tutorial \d(\.\d)?|ruling \d+|JAX \w+(, as it runs)?|interface: \S+"
    r"|BrainState .+|Flax NNX .+|Python exceptions"
)


def identity(entry: Any) -> str:
    return entry.id if isinstance(entry, Rule) else entry.source


# -- titles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_title_is_a_few_words_in_sentence_case(rule: Rule) -> None:
    words = rule.title.split()
    assert 2 <= len(words) <= 5
    assert rule.title == " ".join(words) and not rule.title.endswith(".")
    assert words[0] in NAMES or words[0][0].isupper()


def test_no_title_is_given_twice() -> None:
    titles = Counter(rule.title.lower() for rule in RULES)
    assert [title for title, count in titles.items() if count > 1] == []


# -- authority -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_level_follows_from_authority(rule: Rule) -> None:
    assert (rule.level is Level.MUST) == (rule.authority is not Authority.RECOMMENDED)


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_authority_is_among_the_sources(rule: Rule) -> None:
    quoted = {quote.source.split()[0] for quote in rule.quotes}
    match rule.authority:
        case Authority.TUTORIAL:
            assert "tutorial" in quoted
        case Authority.JAX:
            assert any(source.startswith("JAX ") for source in rule.source)
        case Authority.INVARIANT:
            assert any(source.startswith("ruling ") for source in rule.source)


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_every_source_is_quoted_run_or_numbered(rule: Rule) -> None:
    """What can be quoted is; what JAX does and does not write is seen by running it."""
    assert [source for source in rule.source if not KINDS.fullmatch(source)] == []
    assert len(set(rule.source)) == len(rule.source)
    quotable = {source for source in rule.source
                if re.match("tutorial|JAX", source) and not source.endswith(", as it runs")}
    assert {quote.source for quote in rule.quotes} == quotable


ENTRY = {"id": "ABC-01", "title": "A does B", "level": "MUST", "authority": "jax",
         "statement": "A does B.", "source": "JAX grad"}


@pytest.mark.parametrize(("change", "complaint"), [
    ({"authority": "recommended"}, "MUST on the authority recommended"),
    ({"level": "SHOULD"}, "SHOULD on the authority jax"),
    ({"authority": "somebody"}, "somebody"),
    ({"quotes": {"JAX jit": "It compiles."}}, "none of its sources"),
    ({"title": None}, "no title"),
    ({"authority": None}, "no authority"),
])
def test_inconsistent_entry_is_refused(change: dict[str, Any], complaint: str) -> None:
    assert rules._rule(ENTRY).authority is Authority.JAX
    changed = {key: value for key, value in (ENTRY | change).items() if value is not None}
    with pytest.raises(ValueError, match=complaint):
        rules._rule(changed)


# -- quotations ------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """The text with single spaces."""
    return " ".join(text.split())


@cache
def sections() -> dict[str, str]:
    """The text of the tutorial by section; what comes before the first is 0, the summary 8."""
    found: dict[str, str] = {}
    numbers = ["0"]
    for line in COPY.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#{2,3} (?:(\d)(\.\d)?|Summary)\b", line):
            first, second = heading.groups()
            numbers = [first or "8"] + ([first + second] if second else [])
        for number in numbers:
            found[number] = found.get(number, "") + " " + line
    return {number: plain(text) for number, text in found.items()}


def docstring(name: str) -> str:
    """What JAX says about one of its functions."""
    function = next(getattr(room, name) for room in (jax, jax.lax) if hasattr(room, name))
    return plain(inspect.getdoc(function) or "")


@pytest.mark.parametrize(("rule", "quote"), [q for q in QUOTES if q[1].source[:3] == "JAX"],
                         ids=identity)
def test_quotation_stands_in_the_docstring(rule: Rule, quote: Quote) -> None:
    assert plain(quote.words) in docstring(quote.source.removeprefix("JAX "))


@pytest.mark.skipif(not COPY.is_file(), reason="no copy of the tutorial's text is at hand")
@pytest.mark.parametrize(("rule", "quote"), [q for q in QUOTES if q[1].source[:3] != "JAX"],
                         ids=identity)
def test_quotation_stands_in_the_section(rule: Rule, quote: Quote) -> None:
    assert plain(quote.words) in sections()[quote.source.removeprefix("tutorial ")]
