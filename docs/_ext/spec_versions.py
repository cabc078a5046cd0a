"""``{versions}``: what changed between the versions of one library, from the committed results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import spec_results as results
from docutils import nodes
from spec_nodes import Cell, badge, note_label, rule_link, table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import registry
from spec.report.changes import NONE, Change, changes, condensed, parts
from spec.report.words import amount


class Versions(SphinxDirective):
    """A section for every step from one version to the next that has a report."""

    def run(self) -> list[nodes.Node]:
        results.depend(self.env)
        sections = [self.section(*pair) for mine in by_library(results.reports(self.env))
                    for pair in pairwise(mine)]
        return [*sections] or results.missing("second version")

    def section(self, old: results.Result, new: results.Result) -> nodes.section:
        """What one version does otherwise than the one before."""
        was, now = old.data["meta"], new.data["meta"]
        title = f"{results.library(was)} {was['version']} to {now['version']}"
        anchor = f"versions-{nodes.make_id(title)}"
        note_label(self.env, anchor, title)
        section = nodes.section("", nodes.title("", title), ids=[anchor], names=[anchor])
        both = old.data["rules"].keys() & new.data["rules"].keys() & registry().keys()
        found = [change for change in changes(old.data, new.data, both)
                 if NONE not in (change.before, change.after)]  # a check that is new, or gone
        section += nodes.paragraph("", f"{circumstances(was, now)} Of "
                                       f"{amount(len(both), 'rule')} that both were asked: "
                                       f"{summary(found)}")
        for words, mine in parts(found).items():
            if mine:
                section += nodes.rubric("", words.capitalize())
                rows = [self.row(change) for change in condensed(mine)]
                section += table(["rule", "was", "is", "what", "what was seen"], rows, ["changes"])
        return section

    def row(self, change: Change) -> list[Cell]:
        """A rule, or some points of a rule that was broken before or is kept elsewhere."""
        rule, _, rest = change.where.partition("/")
        title = self.parse_inline(registry()[rule].title)[0]
        return [[rule_link(rule)], [verdict(change.before)], [verdict(change.after)],
                [nodes.literal("", rest)] if rest else title, [nodes.Text(change.message)]]


def by_library(found: list[results.Result]) -> Iterator[list[results.Result]]:
    """The reports of each library, one for a version, the oldest first."""
    mine: dict[str, dict[str, results.Result]] = {}
    for result in found:
        meta = result.data["meta"]
        if meta["device"] == "cpu":
            mine.setdefault(meta["implementation"], {}).setdefault(meta["version"], result)
    for versions in mine.values():
        yield list(versions.values())


def circumstances(was: Any, now: Any) -> str:
    """With what both were run, where that differs; then a change may be its doing."""
    differ = [f"{name} {old} and {new}" for name, old, new in (
        ("Python", was["python"], now["python"]),
        *((name, was["packages"].get(name, "none"), now["packages"].get(name, "none"))
          for name in ("jax", "numpy"))) if old != new]
    if differ:
        return f"Run on {', '.join(differ)}: what changed there may show here."
    return f"Both run on Python {was['python']} and JAX {was['packages'].get('jax', 'none')}."


def summary(found: list[Change]) -> str:
    """How many rules are broken now that were not, and the other way round."""
    rules = [change for change in found if "/" not in change.where]
    worse = sum(change.worse for change in rules)
    better = sum(change.better for change in rules)
    return f"{worse or 'none'} more broken, {better or 'none'} not broken any more."


def verdict(words: str) -> nodes.Node:
    """A verdict, with what was seen of an OPEN rule behind it."""
    kind, _, rest = words.partition(" ")
    return nodes.inline("", "", badge(f"verdict-{kind}", kind), nodes.Text(f" {rest}".rstrip()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("versions", Versions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
