"""The report as one HTML page that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib import resources
from typing import Any

from ..judge.verdict import Verdict
from . import digest
from .digest import Data
from .words import amount


def render(data: Data) -> str:
    """The page."""
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    title = escape(f"{digest.title(data)}: {digest.sentence(data)}")
    return "\n".join([
        "<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>", f"<style>\n{style}</style>", "</head>", "<body>",
        *_head(data), *_causes(data), *_known(data), *_lacking(data), *_rules(data),
        "</body>", "</html>", "",
    ])


def _head(data: Data) -> Iterator[str]:
    kept, judged = digest.binding(data)
    yield f"<h1>{escape(digest.title(data))}</h1>"
    yield f'<p class="lead">{kept} of {judged} MUST kept. {escape(digest.sentence(data))}.</p>'
    yield '<dl class="facts">'
    for name, words in digest.circumstances(data).items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>"
    yield "</dl>"
    verdicts = list(digest.totals(data))
    yield '<div class="wide"><table class="counts">'
    heads = "".join(f'<th scope="col">{_badge(verdict)}</th>' for verdict in verdicts)
    yield f'<tr><th scope="col">level</th><th scope="col">authority</th>{heads}</tr>'
    for level, authority, counts in digest.tables(data):
        cells = "".join(f"<td>{counts.get(verdict, 0)}</td>" for verdict in verdicts)
        yield f'<tr><th scope="row">{level}</th><td>{authority}</td>{cells}</tr>'
    yield "</table></div>"
    if told := [f"{name} {kept} of {judged}" for name, kept, judged in digest.by_class(data)]:
        yield f"<p>MUST kept by class: {', '.join(told)}.</p>"


def _causes(data: Data) -> Iterator[str]:
    found = list(digest.causes(data))
    if not found:
        return
    yield f"<h2>What is not kept, by {len(found)} causes</h2>"
    yield '<ol class="causes">'
    for cause, failure in found:
        links = ", ".join(f'<a href="#{rule}">{rule}</a>' for rule in cause["rules"])
        yield (f"<li><p><strong>{escape(cause['words'])}</strong></p>"
               f"<p>{links}; at {amount(cause['points'], 'point')}</p>")
        yield from _script(failure)
        yield "</li>"
    yield "</ol>"


def _known(data: Data) -> Iterator[str]:
    found = list(digest.known(data))
    if found:
        yield "<h2>Known</h2>"
        yield "<ul>"
        for rule, because in dict.fromkeys((f["rule"], f["known"]) for f in found):
            yield f'<li><a href="#{rule}">{rule}</a> {escape(because)}</li>'
        yield "</ul>"


def _lacking(data: Data) -> Iterator[str]:
    if names := digest.lacking(data):
        listed = ", ".join(f"<code>{escape(name)}</code> ({count})"
                           for name, count in names.items())
        yield f"<h2>Absent</h2>\n<p>With how many rules need it: {listed}.</p>"


def _rules(data: Data) -> Iterator[str]:
    """Every rule; what is not kept of it is folded below."""
    mine: dict[str, list[Mapping[str, Any]]] = {}
    for failure in data["failures"]:
        mine.setdefault(failure["rule"], []).append(failure)
    yield "<h2>Every rule</h2>"
    for rule, verdict in data["rules"].items():
        seen = data["observed"].get(rule)
        yield f'<section id="{rule}" class="rule {verdict}">'
        yield (f"<h3>{rule} {escape(digest.rule_title(rule))} {_badge(verdict)} "
               f'<small>{data["levels"][rule]}</small></h3>')
        yield f"<p>{_marked(digest.statement(rule))}</p>"
        if seen:
            yield f"<p>Seen: {escape(seen)}.</p>"
        for failure in mine.get(rule, ()):
            yield from _failure(failure)
        yield "</section>"


def _failure(failure: Mapping[str, Any]) -> Iterator[str]:
    """What a check saw: at how many points, and each of them."""
    every = [failure, *failure["also"]]
    said = f"{failure['check']}: {failure['verdict']} at {amount(len(every), 'point')}"
    yield f"<details><summary>{escape(said)}: {escape(_short(failure['message']))}</summary>"
    if failure["verdict"] != Verdict.ABSENT:
        facts = {"at": failure.get("place", ""), "expected": failure["expected"],
                 "got": failure["actual"]}
        yield '<dl class="facts">'
        yield from (f"<dt>{name}</dt><dd><code>{escape(words)}</code></dd>"
                    for name, words in facts.items() if words)
        yield "</dl>"
        yield from _script(failure)
    yield from _listed(one["case"] + ": " + one["message"] for one in every if one["case"])
    yield "</details>"


def _listed(lines: Iterable[str]) -> Iterator[str]:
    found = [f"<li>{escape(line)}</li>" for line in lines]
    if found:
        yield from ('<ul class="points">', *found, "</ul>")


def _script(failure: Mapping[str, Any]) -> Iterator[str]:
    if failure["script"]:
        yield f"<pre><code>{escape(failure['script'])}</code></pre>"


def _badge(verdict: str) -> str:
    return f'<span class="badge {verdict}">{verdict}</span>'


def _marked(text: str) -> str:
    """A text of ours, in which backticks stand around code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _short(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:160]}..."
