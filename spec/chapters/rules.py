"""The rules: their ids, levels, statements, sources and reasons, read from the chapters.

Every family is one chapter, with its rules in ``rules.toml``.  The twelve rules of the return
table are not written a second
time: their statements are derived from the rows in :mod:`spec.language.returns`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from ..language import returns

ID = re.compile(r"^[A-Z]{3}-\d{2}$")
CLAUSE = re.compile(r"^S\d+$")


class Level(StrEnum):
    """How binding a rule is, in the sense of RFC 2119; OPEN permits several outcomes."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"
    OPEN = "OPEN"


class Authority(StrEnum):
    """Why anybody should obey a rule; the first that speaks is the rule's."""

    TUTORIAL = "tutorial"
    """The words of the tutorial."""
    JAX = "jax"
    """What JAX's function of the same name does where no state is involved."""
    INVARIANT = "invariant"
    """A function means the same called or differentiated, and nothing leaks."""
    RECOMMENDED = "recommended"
    """Advice, where none of these speaks; it never makes a MUST."""


@dataclass(frozen=True)
class Quote:
    """What a source says, in its own words.

    Attributes
    ----------
    source : str
        One of the rule's sources.
    words : str
        A sentence or a line of code that is found there.
    """

    source: str
    words: str


@dataclass(frozen=True)
class Amendment:
    """What a rule says otherwise since a version.

    Attributes
    ----------
    version : str
        The first version of the specification in which it does.
    words : str
        What is otherwise, in a sentence.
    """

    version: str
    words: str


@dataclass(frozen=True)
class Rule:
    """One rule of the specification.

    Attributes
    ----------
    id : str
        ``FAMILY-NN``; never reused, never renumbered.
    title : str
        A few words that no other rule has, as a reader would look for it.
    level : Level
        How binding the rule is.
    authority : Authority
        Why anybody should obey it.
    statement : str
        One sentence of the form "X does Y".
    source : tuple of str
        Where the rule comes from: a tutorial section, a function of JAX, a ruling.
    quotes : tuple of Quote
        What those sources say that can be quoted.
    reason : str
        Why the rule is as it is, where the source does not say.
    outcomes : tuple of str
        The permitted outcomes of an OPEN rule.
    fixed : str
        Why its checks draw nothing, in one sentence: what there is nothing to vary in, or that
        all there is stands in a table that is walked in full.  Empty where cases are drawn.
    since : str
        The first version of the specification that holds the rule.
    clauses : tuple of str
        The clauses of the semantics that the rule follows from, such as ``S7``.
    changed : tuple of Amendment
        What the rule says otherwise since later versions.
    """

    id: str
    title: str
    level: Level
    authority: Authority
    statement: str
    source: tuple[str, ...]
    quotes: tuple[Quote, ...] = ()
    reason: str = ""
    outcomes: tuple[str, ...] = ()
    fixed: str = ""
    since: str = "0.1"
    clauses: tuple[str, ...] = ()
    changed: tuple[Amendment, ...] = ()

    @property
    def family(self) -> str:
        """The three letters of the rule's family."""
        return self.id[:3]


@dataclass(frozen=True)
class Withdrawn:
    """An id whose rule is gone; it stays taken, so that nothing else is ever cited by it.

    Attributes
    ----------
    id : str
        The id of the rule that was withdrawn.
    by : tuple of str
        The rules that say it now.
    reason : str
        Why it was withdrawn, in one sentence.
    """

    id: str
    by: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Family:
    """A family of rules: three letters, a title, the terms its rules use, and ids that are gone."""

    id: str
    title: str
    about: str
    rules: tuple[Rule, ...]
    withdrawn: tuple[Withdrawn, ...] = ()


def _strings(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _rule(entry: Mapping[str, Any]) -> Rule:
    known = {field.name for field in fields(Rule)}
    if unknown := set(entry) - known:
        raise ValueError(f"rule {entry.get('id')}: unknown keys {sorted(unknown)}")
    if absent := {"id", "title", "level", "authority", "statement", "source"} - set(entry):
        raise ValueError(f"rule {entry.get('id')}: no {', '.join(sorted(absent))}")
    tuples: dict[str, Any] = {k: _strings(entry[k]) for k in ("source", "outcomes", "clauses")
                              if k in entry}
    tuples["quotes"] = tuple(Quote(*pair) for pair in entry.get("quotes", {}).items())
    tuples["changed"] = tuple(Amendment(*pair) for pair in entry.get("changed", {}).items())
    rule = Rule(**{**entry, **tuples, "level": Level(entry["level"]),
                   "authority": Authority(entry["authority"])})
    _require_consistent(rule)
    return rule


def _require_consistent(rule: Rule) -> None:
    """Refuse a rule whose parts contradict each other."""
    if not ID.match(rule.id):
        raise ValueError(f"rule id {rule.id!r} is not of the form FAMILY-NN")
    if bool(rule.outcomes) != (rule.level is Level.OPEN):
        raise ValueError(f"rule {rule.id}: exactly the OPEN rules name permitted outcomes")
    if (rule.level is Level.MUST) == (rule.authority is Authority.RECOMMENDED):
        raise ValueError(f"rule {rule.id}: {rule.level} on the authority {rule.authority!s}; "
                         f"exactly what is recommended is no MUST")
    if strange := {quote.source for quote in rule.quotes} - set(rule.source):
        raise ValueError(f"rule {rule.id}: quotes {sorted(strange)}, which is none of its sources")
    if wrong := [name for name in rule.clauses if not CLAUSE.match(name)]:
        raise ValueError(f"rule {rule.id}: clause {wrong[0]!r} is not of the form S1")


def _withdrawn(entry: Mapping[str, Any]) -> Withdrawn:
    if set(entry) != {"id", "by", "reason"}:
        raise ValueError(f"withdrawn {entry.get('id')}: expected the keys id, by and reason")
    if not ID.match(entry["id"]):
        raise ValueError(f"withdrawn id {entry['id']!r} is not of the form FAMILY-NN")
    return Withdrawn(entry["id"], _strings(entry["by"]), entry["reason"])


def _return_rules() -> tuple[Rule, ...]:
    source = "tutorial 4.1"
    return tuple(
        Rule(row.id, row.title, Level.MUST, Authority.TUTORIAL, row.statement, (source,),
             (Quote(source, row.quote),), clauses=("S7",))
        for row in returns.ROWS
    )


@cache
def families() -> Mapping[str, Family]:
    """All families in the order of the specification, read from the data files."""
    found: dict[str, Family] = {}
    for family in ORDER:
        file = resources.files(__package__).joinpath(family.lower(), "rules.toml")
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        rules = tuple(_rule(entry) for entry in data.get("rule", ()))
        if data["family"] == "RET":
            rules = _return_rules() + rules
        gone = tuple(_withdrawn(entry) for entry in data.get("withdrawn", ()))
        found[data["family"]] = Family(data["family"], data["title"], data["about"], rules, gone)
    return found


ORDER = ("RET", "ARG", "GST", "AUX", "DER", "WRB", "FLT", "SEL", "FND", "CUS", "STA", "CMP", "ERR",
         "CTL")


@cache
def registry() -> Mapping[str, Rule]:
    """All rules by id, in the order of the specification."""
    rules: dict[str, Rule] = {}
    for family in families().values():
        for rule in family.rules:
            if rule.id in rules:
                raise ValueError(f"rule {rule.id} is defined twice")
            if rule.family != family.id:
                raise ValueError(f"rule {rule.id} stands in the file of family {family.id}")
            rules[rule.id] = rule
    return rules
