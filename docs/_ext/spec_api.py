"""Docstrings of attributes and properties are sentences, not "type: description".

Napoleon reads them as the latter, and so makes a type of whatever stands before the first colon.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

SENTENCES = ("attribute", "data", "property")
kept: dict[str, list[str]] = {}


def keep(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Remember the docstring before Napoleon rewrites it."""
    if what in SENTENCES:
        kept[name] = list(lines)


def restore(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Put it back."""
    if what in SENTENCES:
        lines[:] = kept.pop(name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Stand before and behind Napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", keep, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
