"""``{causes}``: what is behind the broken rules, and for each cause a page with one script.

A cause is what failures have in common: the words of an exception, or one difference.  It is known
by the check that shows it in the fewest lines.  The pages, ``causes/<cause>.md``, are written
before a build from the committed results; each asks with ``{cause}`` for what stands on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spec_results as results
from docutils import nodes
from spec_nodes import link, listed, note_label, rule_link, table, term
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import registry
from spec.report.causes import NUMBERS
from spec.report.digest import name_of

PAGES = "causes"
TOLD = {"expected": "Expected", "actual": "Got"}

@dataclass(eq=False)
class Cause:
    """One cause, in all reports that show it.

    Attributes
    ----------
    words : str
        What the most telling failure says.
    rules : dict
        The rules that are broken by it, as keys in their order.
    seen : list of str
        The versions that show it.
    shown : mapping
        The failure with the shortest script, of the newest version.
    """

    words: str
    rules: dict[str, None] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Where it stands: it is named for the check and the point that show it."""
        number = self.shown.get("number", "")
        where = f"{self.shown['rule']} {self.shown['check']} {self.shown['case']} {number}"
        return f"cause-{nodes.make_id(where)}"

    @property
    def title(self) -> str:
        """The rule that shows it, and the beginning of what is said."""
        error, _, _ = self.words.partition(": ")
        words = error if error.startswith("raised ") else self.words
        short = words if len(words) <= 50 else f"{words[:47].rstrip()}..."
        return f"{registry()[self.shown['rule']].title}: {short}"


def causes(found: list[results.Result]) -> list[Cause]:
    """The causes of all reports, those of most rules first.

    Two versions have a cause in common where they say the same or are shown by the same point.
    """
    made: list[Cause] = []
    known: dict[str, Cause] = {}
    for result in found:
        shown = dict(_shown(result))
        for entry in result.data.get("causes", ()):
            words = NUMBERS.sub("#", entry["words"])
            cause = known.get(words) or known.get(entry["shown"]) or Cause(entry["words"])
            if cause not in made:
                made.append(cause)
            known |= {words: cause, entry["shown"]: cause}
            cause.words, cause.shown = entry["words"], shown[entry["shown"]]
            cause.rules |= dict.fromkeys(rule for rule in entry["rules"] if rule in registry())
            cause.seen += [result.name] if result.name not in cause.seen else []
    return sorted(made, key=lambda cause: -len(cause.rules))


def _shown(result: results.Result) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The failures of a report by their names."""
    for failure in result.data["failures"]:
        yield name_of(failure), failure


def write_pages(app: Sphinx) -> None:
    """Let there be a page for every cause, and for no other."""
    home = Path(app.srcdir, PAGES)
    home.mkdir(exist_ok=True)
    wanted = {f"{cause.anchor}.md": f"```{{cause}} {cause.anchor}\n```\n"
              for cause in causes(results.reports(app.env))}
    for stale in {file.name for file in home.iterdir()} - wanted.keys():
        (home / stale).unlink()
    for name, text in wanted.items():
        page = home / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


class Causes(SphinxDirective):
    """How many there are, and a line for every cause."""

    def run(self) -> list[nodes.Node]:
        results.depend(self.env)
        found = causes(results.reports(self.env))
        broken = dict.fromkeys(rule for cause in found for rule in cause.rules)
        words = f"{len(found)} causes of {len(broken)} broken rules, those of most rules first."
        head = ["cause", "rules", "seen in"]
        rows = [[[link(cause.title, cause.anchor)], [nodes.Text(str(len(cause.rules)))],
                 [nodes.Text(results.together(tuple(cause.seen)))]] for cause in found]
        return [nodes.paragraph("", words), table(head, rows)]


class CausePage(SphinxDirective):
    """What is said, of which rules and by which versions, and the script."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        results.depend(self.env)
        wanted = self.arguments[0]
        cause = next(c for c in causes(results.reports(self.env)) if c.anchor == wanted)
        note_label(self.env, cause.anchor, cause.title)
        section = nodes.section("", nodes.title("", cause.title), ids=[cause.anchor],
                                names=[cause.anchor], classes=["finding"])
        facts = nodes.definition_list(classes=["rule-facts"])
        facts += term("Seen", [nodes.literal("", cause.words)])
        if not cause.words.startswith("raised "):
            for name, words in TOLD.items():
                facts += term(words, [nodes.literal("", cause.shown[name])])
        facts += term("In", [nodes.Text(results.together(tuple(cause.seen)))])
        facts += term("Rules", listed([
            [rule_link(rule), nodes.Text(" ("), link("finding", f"finding-{rule.lower()}"),
             nodes.Text(")")] for rule in cause.rules]))
        section += [facts, nodes.literal_block("", cause.shown["script"], language="python")]
        return [section]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives, and have the pages written."""
    app.add_directive("causes", Causes)
    app.add_directive("cause", CausePage)
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
