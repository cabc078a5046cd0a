"""What a reader needs who hears the page, or goes through it by keyboard.

Heads of tables say that they head a column, a box that scrolls can be reached and has a name, and
the captions of the sidebar say which level of heading they are.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

TREE = "furo_navigation_tree"


class Translator(HTML5Translator):
    """The writer of the pages, with what is said to those who do not see them."""

    def starttag(self, node: Any, tagname: str, *rest: Any, **attributes: Any) -> str:
        """Begin an element."""
        if tagname == "th":
            attributes["scope"] = "col"
        if isinstance(node, nodes.container) and "scrolled" in node["classes"]:
            attributes |= {"tabindex": "0", "role": "group", "aria-label": f"Table, {place(node)}"}
        return str(super().starttag(node, tagname, *rest, **attributes))


def place(node: nodes.Node) -> str:
    """The title of the section that a node stands in."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return node[0].astext()


def give_levels(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any
) -> None:
    """Say which level of heading the captions of the sidebar are; the theme says none."""
    if TREE in context:
        context[TREE] = context[TREE].replace(
            'role="heading"', 'role="heading" aria-level="2"')


def setup(app: Sphinx) -> dict[str, Any]:
    """Write with the translator, and follow the theme, whose priority is 500."""
    app.set_translator("html", Translator)
    app.connect("html-page-context", give_levels, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
