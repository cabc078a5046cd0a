"""The report as Markdown, as short as the summary of a CI job should be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from . import digest
from .digest import Data
from .words import amount

MOST: Final = 12
"""Causes that are shown; the summary says how many there are besides."""
SIGNS: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@-])")


def render(data: Data) -> str:
    """The Markdown."""
    return "\n".join([*_head(data), *_counts(data), *_causes(data), *_known(data),
                      *_lacking(data)]) + "\n"


def _head(data: Data) -> Iterator[str]:
    kept, judged = digest.binding(data)
    yield f"## {_plain(digest.title(data))}: {kept} of {judged} MUST kept"
    yield ""
    yield f"{digest.sentence(data)}."
    yield ""
    yield _plain("; ".join(f"{name} {words}" for name, words in
                           digest.circumstances(data).items())) + "."
    yield ""


def _counts(data: Data) -> Iterator[str]:
    verdicts = list(digest.totals(data))
    yield f"| level | authority | {' | '.join(verdicts)} |"
    yield f"| --- | --- |{' ---: |' * len(verdicts)}"
    for level, authority, counts in digest.tables(data):
        cells = " | ".join(str(counts.get(verdict, 0)) for verdict in verdicts)
        yield f"| {level} | {authority} | {cells} |"
    yield ""
    if told := [f"{name} {kept} of {judged}" for name, kept, judged in digest.by_class(data)]:
        yield f"MUST kept by class: {', '.join(told)}."
        yield ""


def _causes(data: Data) -> Iterator[str]:
    found = list(digest.causes(data))
    if found:
        yield "### What is not kept"
        yield ""
    for number, (cause, failure) in enumerate(found[:MOST], 1):
        rules = ", ".join(f"{rule} {_plain(digest.rule_title(rule))}" for rule in cause["rules"])
        where = amount(cause["points"], "point")
        yield f"{number}. **{rules}** at {where}: {_plain(cause['words'])}"
        yield ""
        if failure["script"]:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", failure["script"])), default=0))
            yield f"   <details><summary>a script for {failure['rule']}</summary>"
            yield ""
            yield from (f"   {line}" for line in
                        (f"{fence}python", *failure["script"].splitlines(), fence))
            yield ""
            yield "   </details>"
            yield ""
    if len(found) > MOST:
        yield f"{amount(len(found) - MOST, 'more cause')} in the report."
        yield ""


def _known(data: Data) -> Iterator[str]:
    reasons: dict[tuple[str, str], None] = {}
    for failure in digest.known(data):
        reasons[failure["rule"], failure["known"]] = None
    if reasons:
        yield "### Known"
        yield ""
        for rule, because in reasons:
            yield f"- {rule} {_plain(digest.rule_title(rule))}: {_plain(because)}"
        yield ""


def _lacking(data: Data) -> Iterator[str]:
    if names := digest.lacking(data):
        listed = ", ".join(f"`{name}` ({count})" for name, count in names.items())
        yield f"Absent, with how many rules need it: {listed}."
        yield ""


def _plain(text: str) -> str:
    """A text in which Markdown sees no sign, on one line."""
    return SIGNS.sub(r"\\\1", " ".join(text.split()))


