"""``{clause} S1 TITLE``: a clause of the semantics, in words and in notation, and what follows.

Its body has three parts with ``--`` between them: prose, notation, and the ids of the rules that
follow from it.  An id that does not exist is a dead link, so fails the build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from spec_nodes import Cell, link, listed, note_label, rule_link
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PAGE = "semantics.md"
CLAUSE = re.compile(r"^```\{clause\} (S\d+) ([^\n]+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
RULE = re.compile(r"[A-Z]{3}-\d\d")


def follow(docs: Path) -> dict[str, list[str]]:
    """For every clause, in its order, the rules that follow from it."""
    text = (docs / PAGE).read_text(encoding="utf-8")
    return {name: RULE.findall(body.rpartition("\n--\n")[2])
            for name, _, body in CLAUSE.findall(text)}


def clauses(env: Any, rule: str) -> Cell:
    """Links to the clauses that a rule follows from."""
    env.note_dependency(str(Path(env.srcdir, PAGE)))
    mine = [name for name, rules in follow(Path(env.srcdir)).items() if rule in rules]
    return listed([[link(name, f"clause-{name.lower()}")] for name in mine])


class Clause(SphinxDirective):
    """One clause, as a section."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        name, _, title = self.arguments[0].partition(" ")
        parts = "\n".join(self.content).split("\n--\n")
        if len(parts) != 3:
            raise self.error(f"clause {name} has {len(parts)} parts; expected words, notation and "
                             "rules, with -- between them")
        anchor = f"clause-{name.lower()}"
        note_label(self.env, anchor, f"{name} {title}")
        section = nodes.section("", nodes.title("", f"{name} {title}"), ids=[anchor],
                                names=[anchor])
        words = nodes.container("", *self.parse_text_to_nodes(parts[0]), classes=["clause-words"])
        notation = nodes.literal_block("", parts[1].strip("\n"), language="none")
        section += nodes.container("", words, nodes.container("", notation), classes=["clause"])
        if rules := RULE.findall(parts[2]):
            section += nodes.paragraph("", "Rules that follow: ",
                                       *listed([[rule_link(rule)] for rule in rules]))
        return [section]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("clause", Clause)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
