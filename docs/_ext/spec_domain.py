"""Rules as Sphinx objects.

- ``{rule}`RET-05` `` links to a rule; an id that does not exist is a warning, so fails the build.
- ``{rules} RET`` renders a family: every rule with its anchor, level, source, reason, checks,
  saboteurs and the verdicts of known implementations.
- A rule that no page renders is a warning too.
- A withdrawn id is a line of its family's page, and a label, but no rule.

In ``objects.inv`` a rule is ``std:rule`` and ``std:label`` (``ret-05``), so any other project can
link to it by a plain ``:ref:``.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import spec_results as results
from docutils import nodes
from spec_clauses import clauses
from spec_nodes import (
    BINDING,
    Cell,
    badge,
    details,
    link,
    listed,
    note_label,
    rule_link,
    source,
    table,
    term,
)
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import spec
from spec.__main__ import main
from spec.chapters import all_checks
from spec.chapters.rules import ORDER, Rule, Withdrawn, families, registry
from spec.judge.check import Check

logger = logging.getLogger(__name__)
ROOT = Path(spec.__file__).resolve().parents[1]
MENTION = re.compile(rf"(?<![`\w-])((?:{'|'.join(ORDER)})-\d\d)(?![\w`-])")


def with_links(text: str) -> str:
    """The text of a data file, with every mention of a rule made a link."""
    return MENTION.sub(r"{rule}`\1`", text)


def note_rule(directive: SphinxDirective, rule: str, anchor: str) -> None:
    """Enter a rule into Sphinx's tables, as an object and as a label."""
    env = directive.env
    std: Any = env.get_domain("std")
    std.note_object("rule", rule, anchor, location=directive.get_source_info())
    note_label(env, anchor, rule)


class Rules(SphinxDirective):
    """``{rules} FAMILY``: what the family is about, then each of its rules as a section."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in families():
            raise self.error(f"no family {name!r}; there are {', '.join(families())}")
        results.depend(self.env)
        family = families()[name]
        sections = [self.section(rule) for rule in family.rules]
        if family.withdrawn:
            place = f"withdrawn-{name.lower()}"
            last = nodes.section("", nodes.title("", "Withdrawn"), ids=[place], names=[place])
            last += [self.gone(entry) for entry in family.withdrawn]
            sections.append(last)
        return [summary(self), *sections]

    def gone(self, entry: Withdrawn) -> nodes.paragraph:
        """One line for an id that is withdrawn, under its old anchor: links to it still lead here.

        It is a label only: within these pages nothing can refer to it as to a rule.
        """
        anchor = entry.id.lower()
        note_label(self.env, anchor, entry.id)
        says = "say" if len(entry.by) > 1 else "says"
        line = nodes.paragraph("", "", ids=[anchor], names=[anchor], classes=["rule-withdrawn"])
        line += nodes.literal("", entry.id, classes=["rule-id"])
        line += nodes.Text(" is withdrawn; ")
        line += listed([[rule_link(rule)] for rule in entry.by])
        line += nodes.Text(f" {says} it. ")
        line += self.parse_inline(with_links(entry.reason))[0]
        return line

    def section(self, rule: Rule) -> nodes.section:
        anchor = rule.id.lower()
        title = nodes.title("", f"{rule.id} {rule.title}")
        section = nodes.section("", title, ids=[anchor], names=[anchor], classes=["rule"])
        section += indexed(rule, anchor)
        section += nodes.paragraph("", "", badge(f"level-{rule.level}", rule.level),
                                   nodes.Text(" "), nodes.Text(BINDING[rule.authority]))
        note_rule(self, rule.id, anchor)
        section += statement(self, rule.statement)
        if rule.reason:
            why = nodes.container(classes=["rule-reason"])
            why += self.parse_text_to_nodes("**Why.** " + with_links(rule.reason))
            section += why
        section += example(self.env, rule.id)
        section += self.facts(rule)
        section += checks_of(rule)
        return section

    def facts(self, rule: Rule) -> nodes.definition_list:
        facts = nodes.definition_list(classes=["rule-facts"])
        facts += term("Source", join(cited(rule, entry) for entry in rule.source))
        if rule.clauses:
            facts += term("Clause", clauses(rule))
        facts += term("Since", since(rule))
        if rule.outcomes:
            facts += term("Permitted", join(self.parse_inline(o)[0] for o in rule.outcomes))
        if rule.fixed:
            facts += term("Not drawn", self.parse_inline(with_links(rule.fixed))[0])
        if catches := results.catches(self.env, rule.id):
            facts += term("Saboteurs", listed(catches))
        if verdicts := results.verdicts(self.env, rule.id):
            facts += term("Results", verdicts)
        return facts


def example(env: Any, rule: str) -> list[nodes.Node]:
    """A script that keeps the rule, and what a deliberately wrong library does with it."""
    found = results.optional(env, "examples.json").get(rule)
    if not found:
        return []
    name = found["saboteur"]
    told = nodes.paragraph("", "Kept where this raises nothing. Broken by ")
    words = name.replace("_", " ")
    told += link(words, f"saboteur-{name}") if name in results.saboteurs(env) else nodes.Text(words)
    told += nodes.Text(": ")
    told += nodes.literal("", found["message"])
    box = nodes.container(classes=["rule-example"])
    box += [nodes.literal_block("", found["script"], language="python"), told]
    return [box]


def indexed(rule: Rule, anchor: str) -> addnodes.index:
    """The entries of a rule in the general index: by its title and by its id."""
    words = [f"{rule.title} ({rule.id})", f"{rule.id}; {rule.title}"]
    return addnodes.index(entries=[("single", text, anchor, "", None) for text in words])


def cited(rule: Rule, entry: str) -> Cell:
    """A source, with its own words where they are quoted."""
    words = [quote.words for quote in rule.quotes if quote.source == entry]
    return source(entry) + [nodes.Text(f" (\u201c{text.strip()}\u201d)") for text in words]


def since(rule: Rule) -> Cell:
    """The version that a rule came with, and what it says otherwise since later ones."""
    told = [f"changed in {change.version}: {change.words}" for change in rule.changed]
    return [nodes.Text("; ".join([rule.since, *told]))]


def statement(directive: SphinxDirective, text: str) -> nodes.container:
    """The normative sentence."""
    box = nodes.container(classes=["rule-statement"])
    box += directive.parse_text_to_nodes(with_links(text))
    return box


def summary(directive: SphinxDirective) -> nodes.container:
    """What a family is about, in the words of its data file."""
    box = nodes.container(classes=["family-about"])
    box += directive.parse_text_to_nodes(with_links(families()[directive.arguments[0]].about))
    return box


def join(parts: Iterable[list[nodes.Node]]) -> list[nodes.Node]:
    """Several inline texts, separated by commas."""
    return listed(list(parts))


def checks_of(rule: Rule) -> list[nodes.Node]:
    """The checks of a rule, each with its code folded away."""
    return [node for check in all_checks() if check.rule == rule.id for node in folded(check)]


def folded(check: Check) -> list[nodes.Node]:
    """One check: its name and where it stands; unfolded, the points of its axis and its code."""
    lines, number = inspect.getsourcelines(check.shown)
    file = Path(inspect.getfile(check.shown)).resolve().relative_to(ROOT)
    cases = [case for case in check.cases if case]
    content: list[nodes.Node] = []
    if cases:
        shown = [[nodes.literal("", case)] for case in cases[:40]]
        more = [nodes.Text(f" and {len(cases) - 40} more")] if len(cases) > 40 else []
        content.append(nodes.paragraph("", f"{len(cases)} cases: ", *listed(shown), *more))
    content.append(nodes.literal_block("", "".join(lines), language="python"))
    return details(f"{check.name.replace('_', ' ')}", f"{file}:{number}", content)


class Families(SphinxDirective):
    """``{families}``: a table of the families with links to their chapters, in their order."""

    def run(self) -> list[nodes.Node]:
        rows = []
        for family in families().values():
            levels = [rule.level for rule in family.rules]
            counts = ", ".join(f"{levels.count(x)} {x}" for x in dict.fromkeys(levels))
            rows.append([[nodes.literal("", family.id)],
                         [link(family.title, f"chapter-{family.id.lower()}")],
                         [nodes.Text(counts)]])
        pages = "\n".join(family.lower() for family in families())
        toctree = self.parse_text_to_nodes(f"```{{toctree}}\n:hidden:\n\n{pages}\n```")
        return [table(["family", "chapter", "rules"], rows), *toctree]


class RulesJson(SphinxDirective):
    """``{rules-json}``: links to the rules as JSON and to the schema of that file."""

    def run(self) -> list[nodes.Node]:
        up = "../" * self.env.docname.count("/")
        items = [nodes.list_item("", nodes.paragraph("", "", nodes.reference(
            "", "", nodes.literal("", name), refuri=up + name))) for name in DOWNLOADS]
        return [nodes.bullet_list("", *items)]


SCHEMAS = (ROOT / "spec/chapters/rules.schema.json", ROOT / "spec/report/report.schema.json")
DOWNLOADS = ("rules.json", *(schema.name for schema in SCHEMAS))


def write_downloads(app: Sphinx, error: Exception | None) -> None:
    """Put what `python -m spec export` prints, and the schemas, beside the pages."""
    if error or app.builder.format != "html":
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main(["export"])
    target = Path(app.outdir)
    (target / DOWNLOADS[0]).write_text(printed.getvalue(), encoding="utf-8")
    for schema in SCHEMAS:
        (target / schema.name).write_text(schema.read_text(encoding="utf-8"), encoding="utf-8")


def fill_title(app: Sphinx, docname: str, content: list[str]) -> None:
    """Give a chapter the title that the data of its family holds."""
    folder, _, page = docname.rpartition("/")
    if folder == "rules" and (family := families().get(page.upper())):
        content[0] = content[0].replace("# {title}", f"# {family.title}", 1)


def check_complete(app: Sphinx, env: Any) -> None:
    """Warn of every rule that no page renders."""
    rendered = {name for kind, name in env.get_domain("std").objects if kind == "rule"}
    for rule in registry():
        if rule not in rendered:
            logger.warning("rule %s is rendered by no page", rule, type="spec")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the object type, the directives and the completeness check."""
    app.add_object_type("rule", "rule", objname="rule")
    app.add_directive("rules", Rules)
    app.add_directive("families", Families)
    app.add_directive("rules-json", RulesJson)
    app.connect("source-read", fill_title)
    app.connect("env-check-consistency", check_complete)
    app.connect("build-finished", write_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
