"""The rules: their ids, levels, statements, sources and reasons, read from the chapters.

Every family is one chapter, with its rules in ``rules.toml``.  The twelve rules of the return
table are not written a second
time: their statements are derived from the rows in :mod:`spec.language.returns`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from spec.language import returns

ID = re.compile(r"^[A-Z]{3}-\d{2}$")


class Level(StrEnum):
    """How binding a rule is, in the sense of RFC 2119; OPEN permits several outcomes."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"
    OPEN = "OPEN"


@dataclass(frozen=True)
class Rule:
    """One rule of the specification.

    Attributes
    ----------
    id : str
        ``FAMILY-NN``; never reused, never renumbered.
    level : Level
        How binding the rule is.
    statement : str
        One sentence of the form "X does Y".
    source : tuple of str
        Where the rule comes from: a tutorial section, JAX's documentation, a ruling.
    reason : str
        Why the rule is as it is, where the source does not say.
    outcomes : tuple of str
        The permitted outcomes of an OPEN rule.
    since : str
        The first version of the specification that holds the rule.
    """

    id: str
    level: Level
    statement: str
    source: tuple[str, ...]
    reason: str = ""
    outcomes: tuple[str, ...] = ()
    since: str = "0.1"

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
    known = {"id", "level", "statement", "source", "reason", "outcomes", "since"}
    if unknown := set(entry) - known:
        raise ValueError(f"rule {entry.get('id')}: unknown keys {sorted(unknown)}")
    tuples = {k: _strings(entry[k]) for k in ("source", "outcomes") if k in entry}
    rule = Rule(**{**entry, **tuples, "level": Level(entry["level"])})
    if not ID.match(rule.id):
        raise ValueError(f"rule id {rule.id!r} is not of the form FAMILY-NN")
    if bool(rule.outcomes) != (rule.level is Level.OPEN):
        raise ValueError(f"rule {rule.id}: exactly the OPEN rules name permitted outcomes")
    return rule


def _withdrawn(entry: Mapping[str, Any]) -> Withdrawn:
    if set(entry) != {"id", "by", "reason"}:
        raise ValueError(f"withdrawn {entry.get('id')}: expected the keys id, by and reason")
    if not ID.match(entry["id"]):
        raise ValueError(f"withdrawn id {entry['id']!r} is not of the form FAMILY-NN")
    return Withdrawn(entry["id"], _strings(entry["by"]), entry["reason"])


def _return_rules() -> tuple[Rule, ...]:
    return tuple(
        Rule(row.id, Level.MUST, row.statement, ("tutorial 4.1",))
        for row in returns.ROWS
    )


@cache
def families() -> Mapping[str, Family]:
    """All families in the order of the specification, read from the data files."""
    found: dict[str, Family] = {}
    for family in ORDER:
        file = resources.files("spec.chapters").joinpath(family.lower(), "rules.toml")
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        rules = tuple(_rule(entry) for entry in data.get("rule", ()))
        if data["family"] == "RET":
            rules = _return_rules() + rules
        gone = tuple(_withdrawn(entry) for entry in data.get("withdrawn", ()))
        found[data["family"]] = Family(data["family"], data["title"], data["about"], rules, gone)
    return found


ORDER = ("RET", "ARG", "GST", "AUX", "DER", "WRB", "FLT", "SEL", "FND", "CUS", "STA", "CMP", "ERR")


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
