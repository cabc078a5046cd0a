"""The few shapes that every rendered table, list and label is made of."""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

from spec.chapters.rules import Authority

Cell = list[nodes.Node]
SOURCES = Path(__file__).parents[1] / "sources.toml"

BINDING = {
    Authority.TUTORIAL: "by the words of the tutorial",
    Authority.JAX: "as in JAX",
    Authority.INVARIANT: "as an invariant",
    Authority.RECOMMENDED: "recommended",
}
"""What the authority of a rule is called beside its level."""


def badge(kind: str, text: str, label: str = "") -> nodes.inline:
    """A short text in a frame, coloured by its class; a link if a label is given."""
    inner = link(text, label) if label else nodes.Text(text)
    return nodes.inline("", "", inner, classes=["badge", kind.replace(" ", "-")])


def link(text: str, label: str) -> addnodes.pending_xref:
    """A link to a label; an unknown label fails the build."""
    return addnodes.pending_xref(
        "", nodes.inline("", text), refdomain="std", reftype="ref", reftarget=label,
        refexplicit=True, refwarn=True,
    )


def note_label(env: Any, anchor: str, title: str) -> None:
    """Make an anchor of the page that is being read a target of links."""
    std = env.get_domain("std")
    std.anonlabels[anchor] = env.docname, anchor
    std.labels[anchor] = env.docname, anchor, title


def rule_link(rule: str) -> addnodes.pending_xref:
    """A link to a rule."""
    return addnodes.pending_xref(
        "", nodes.literal("", rule, classes=["rule-id"]), refdomain="std", reftype="rule",
        reftarget=rule, refexplicit=False, refwarn=True,
    )


def listed(parts: Sequence[Cell]) -> Cell:
    """Inline texts separated by commas."""
    found: Cell = []
    for part in parts:
        found += ([nodes.Text(", ")] if found else []) + part
    return found


def source(entry: str) -> Cell:
    """A source, linked: to the page of sources, or to what it names of another project.

    Raises
    ------
    KeyError
        If ``sources.toml`` does not say where what it names is found.
    """
    kind, _, number = entry.partition(" ")
    if kind in ("tutorial", "ruling"):
        return [link(entry, f"{kind}-{number.replace('.', '-')}")]
    named = re.split("[:,]", entry)[0]
    place = sources()["named"][named]
    text = nodes.Text(named)
    found: nodes.Node
    if place.startswith("https://"):
        found = nodes.reference("", "", text, refuri=place, internal=False)
    elif "." in place:
        found = addnodes.pending_xref("", text, refdomain="py", reftype="obj", reftarget=place,
                                      refexplicit=True, refwarn=True)
    else:
        found = link(named, place)
    return [found, nodes.Text(entry.removeprefix(named))]


@cache
def sources() -> dict[str, Any]:
    """The content of ``sources.toml``: what the rules appeal to, and where it is found."""
    return tomllib.loads(SOURCES.read_text(encoding="utf-8"))


def term(name: str, content: Cell) -> nodes.definition_list_item:
    """A name and what stands for it, in a definition list."""
    body = nodes.definition("", nodes.paragraph("", "", *content))
    return nodes.definition_list_item("", nodes.term("", name), body)


def details(title: str, note: str, content: Cell, folded: bool = True) -> Cell:
    """A block that can be folded away."""
    head = (f"<details{'' if folded else ' open'}><summary>{html.escape(title)} "
            f"<small>{html.escape(note)}</small></summary>")
    return [nodes.raw("", head, format="html"), *content,
            nodes.raw("", "</details>", format="html")]


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    classes: Sequence[str] = (),
    row_classes: Sequence[Sequence[str]] | None = None,
    row_ids: Sequence[str] = (),
) -> nodes.container:
    """A table in a box that scrolls sideways by itself; its rows may be linked to."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    made = nodes.table("", group, classes=[*classes])
    titles = nodes.row("", *(entry([nodes.Text(text)]) for text in head))
    group += nodes.thead("", titles)
    body = nodes.tbody()
    for index, row in enumerate(rows):
        line = nodes.row("", *(entry(cell) for cell in row))
        line["classes"] += row_classes[index] if row_classes else []
        line["ids"] += row_ids[index:index + 1]
        body += line
    group += body
    return nodes.container("", made, classes=["scrolled"])


def entry(content: Cell) -> nodes.entry:
    """A cell of a table."""
    return nodes.entry("", nodes.paragraph("", "", *content))
