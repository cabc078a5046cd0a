"""``{sources} KIND``: the tutorial's sections or the rulings, each with the rules that cite it.

The texts stand in ``sources.toml``. A source that a rule cites and that does not stand there is an
unknown label, so it fails the build.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from spec_nodes import SOURCES, Cell, listed, note_label, rule_link, sources
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import registry


def label(kind: str, number: str) -> str:
    """The anchor of a source."""
    return f"{kind}-{number.replace('.', '-')}"


class Sources(SphinxDirective):
    """All sources of a kind."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        kind = self.arguments[0]
        self.env.note_dependency(str(SOURCES))
        entries = sources()[kind]
        return [self.one(kind, number, text) for number, text in entries.items()]

    def one(self, kind: str, number: str, text: str) -> nodes.container:
        anchor = label(kind, number)
        note_label(self.env, anchor, f"{kind} {number}")
        box = nodes.container(ids=[anchor], names=[anchor], classes=["source"])
        box += nodes.paragraph("", "", *numbered(kind, number), classes=["source-number"])
        box += self.parse_text_to_nodes(text)
        if rules := citing(f"{kind} {number}"):
            box += nodes.paragraph("", "", *rules, classes=["source-rules"])
        return box


def numbered(kind: str, number: str) -> Cell:
    """The number of a source, linked to the section of the tutorial where it is one."""
    text = f"{kind} {number}"
    if kind != "tutorial":
        return [nodes.Text(text)]
    address = f"{sources()['tutorial_page']}#{sources()['anchor'][number]}"
    return [nodes.reference("", text, refuri=address, internal=False)]


def citing(source: str) -> Cell:
    """Links to the rules that name a source."""
    return listed([[rule_link(r.id)] for r in registry().values() if source in r.source])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("sources", Sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
