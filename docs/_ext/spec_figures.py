"""``{picture} NAME``: an SVG of ``pictures/``, placed in the page so that it takes its colours.

The text under the directive is the caption. The file's ``<title>`` and ``<desc>`` say the same to
a reader who does not see the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Picture(SphinxDirective):
    """A drawing with a caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        file = Path(self.env.srcdir, "pictures", f"{self.arguments[0]}.svg")
        self.env.note_dependency(str(file))
        box = nodes.container(classes=["picture"])
        box += nodes.raw("", file.read_text(encoding="utf-8"), format="html")
        caption = nodes.container(classes=["caption"])
        caption += self.parse_content_to_nodes()
        box += caption
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("picture", Picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
