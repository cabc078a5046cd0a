"""``{classes}``: the classes of conformance, with what they have.  ``{choices}``: every OPEN rule,
what it permits, and what the committed runs saw.  ``{on-jax}``: the rules that only a library which
is built on JAX can be asked."""

from __future__ import annotations

import inspect
from typing import Any

import spec_results as results
from docutils import nodes
from spec_nodes import Cell, listed, rule_link, table, term
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters import all_checks
from spec.chapters.basic import BASIC
from spec.chapters.rules import Level, Rule, registry
from spec.judge.check import Check
from spec.judge.subject import CLASSES


def did(result: results.Result, rule: str) -> Cell:
    """The outcomes that a run saw, or the verdict where it saw none that is permitted."""
    seen = result.data.get("observed", {}).get(rule)
    if not seen:
        return [results.verdict(result, rule)]
    return [nodes.Text(seen if isinstance(seen, str) else ", ".join(seen))]


class Classes(SphinxDirective):
    """Every class and the names that it has, those of basic with its rules."""

    def run(self) -> list[nodes.Node]:
        before = {"core": "what basic has, and "}
        after: dict[str, Cell] = {"basic": [nodes.Text("; the rules "),
                                            *listed([[rule_link(rule)] for rule in BASIC])]}
        return [nodes.definition_list("", *(
            term(name, [nodes.Text(before.get(name, "")),
                        *listed([[nodes.literal("", one)] for one in names]),
                        *after.get(name, [])])
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


def asks_for_jax(check: Check) -> bool:
    """Whether a check takes JAX as a parameter, or looks it up itself or by what it calls."""
    function = check.shown
    named = set(function.__code__.co_names)
    called = [function.__globals__.get(name) for name in named]
    named.update(*(f.__code__.co_names for f in called if inspect.isfunction(f)))
    return "jax" in {*inspect.signature(function).parameters, *named}


class OnJax(SphinxDirective):
    """The rules all of whose checks ask for JAX."""

    def run(self) -> list[nodes.Node]:
        others = {check.rule for check in all_checks() if not asks_for_jax(check)}
        mine = [rule for rule in registry() if rule not in others]
        return [nodes.paragraph("", "", *listed([[rule_link(rule)] for rule in mine]))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("classes", Classes)
    app.add_directive("choices", Choices)
    app.add_directive("on-jax", OnJax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
