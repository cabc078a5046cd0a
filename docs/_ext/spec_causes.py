"""``{causes}``: what is behind the broken rules, each cause with one script that shows it.

A cause is what failures have in common: the words of an exception, or one difference.  It is known
by the check that shows it in the fewest lines, and its section can be linked to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import spec_results as results
from docutils import nodes
from spec_nodes import link, listed, note_label, rule_link, term
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import registry
from spec.report.causes import NUMBERS


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
        where = f"{self.shown['rule']} {self.shown['check']} {self.shown['case']}"
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
        point = f"[{failure['case']}]" if failure["case"] else ""
        yield f"{failure['rule']}/{failure['check']}{point}", failure


class Causes(SphinxDirective):
    """A section for every cause."""

    def run(self) -> list[nodes.Node]:
        results.depend(self.env)
        found = causes(results.reports(self.env))
        broken = dict.fromkeys(rule for cause in found for rule in cause.rules)
        words = f"{len(found)} causes of {len(broken)} broken rules, those of most rules first."
        return [nodes.paragraph("", words), *map(self.section, found)]

    def section(self, cause: Cause) -> nodes.section:
        """What is said, of which rules and by which versions, and the script."""
        note_label(self.env, cause.anchor, cause.title)
        section = nodes.section("", nodes.title("", cause.title), ids=[cause.anchor],
                                names=[cause.anchor], classes=["finding"])
        facts = nodes.definition_list(classes=["rule-facts"])
        facts += term("Seen", [nodes.literal("", cause.words)])
        facts += term("In", [nodes.Text(results.together(tuple(cause.seen)))])
        facts += term("Rules", listed([
            [rule_link(rule), nodes.Text(" ("), link("finding", f"finding-{rule.lower()}"),
             nodes.Text(")")] for rule in cause.rules]))
        section += [facts, nodes.literal_block("", cause.shown["script"], language="python")]
        return section


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("causes", Causes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
