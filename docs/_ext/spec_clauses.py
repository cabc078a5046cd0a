"""``{clause} S1 TITLE``: a clause of the semantics, in words and in notation, and what follows.

Its body has two parts with ``--`` between them: prose and notation.  Which rules follow from a
clause is said by the rules; a rule that names a clause which does not exist is a dead link, so
fails the build.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from spec_nodes import Cell, link, listed, note_label, rule_link
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import Rule, registry


def clauses(rule: Rule) -> Cell:
    """Links to the clauses that a rule follows from."""
    return listed([[link(name, f"clause-{name.lower()}")] for name in rule.clauses])


class Clause(SphinxDirective):
    """One clause, as a section."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        name, _, title = self.arguments[0].partition(" ")
        parts = "\n".join(self.content).split("\n--\n")
        if len(parts) != 2:
            raise self.error(f"clause {name} has {len(parts)} parts; expected words and notation, "
                             "with -- between them")
        anchor = f"clause-{name.lower()}"
        note_label(self.env, anchor, f"{name} {title}")
        section = nodes.section("", nodes.title("", f"{name} {title}"), ids=[anchor],
                                names=[anchor])
        words = nodes.container("", *self.parse_text_to_nodes(parts[0]), classes=["clause-words"])
        notation = nodes.literal_block("", parts[1].strip("\n"), language="none")
        section += nodes.container("", words, nodes.container("", notation), classes=["clause"])
        following = [[rule_link(rule.id)] for rule in registry().values() if name in rule.clauses]
        section += nodes.paragraph("", "Rules that follow: ", *listed(following))
        return [section]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("clause", Clause)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
