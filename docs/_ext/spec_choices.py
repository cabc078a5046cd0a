"""``{classes}``: the classes of conformance, with their names.  ``{choices}``: every OPEN rule,
what it permits, and what the committed runs saw."""

from __future__ import annotations

from typing import Any

import spec_results as results
from docutils import nodes
from spec_nodes import Cell, listed, rule_link, table, term
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import Level, Rule, registry
from spec.judge.subject import CLASSES


def did(result: results.Result, rule: str) -> Cell:
    """The outcomes that a run saw, or the verdict where it saw none that is permitted."""
    seen = result.data.get("observed", {}).get(rule)
    if not seen:
        return [results.verdict(result, rule)]
    return [nodes.Text(seen if isinstance(seen, str) else ", ".join(seen))]


class Classes(SphinxDirective):
    """Every class and the names that it has."""

    def run(self) -> list[nodes.Node]:
        return [nodes.definition_list("", *(
            term(name, listed([[nodes.literal("", one)] for one in names]))
            for name, names in CLASSES.items()))]


class Choices(SphinxDirective):
    """All choices, in the order of the rules."""

    def run(self) -> list[nodes.Node]:
        results.depend(self.env)
        found = results.reports(self.env)
        rows = [self.row(rule, found) for rule in registry().values() if rule.level is Level.OPEN]
        head = ["rule", "of what", "permitted", *(result.name for result in found)]
        return [table(head, rows)]

    def row(self, rule: Rule, found: list[results.Result]) -> list[Cell]:
        permitted = listed([self.parse_inline(text)[0] for text in rule.outcomes])
        return [[rule_link(rule.id)], [nodes.Text(rule.title)], permitted,
                *(did(result, rule.id) for result in found)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("classes", Classes)
    app.add_directive("choices", Choices)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
