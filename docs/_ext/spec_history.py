"""When: the edition that the pages are of, the day of a file, and ``{history}``.

``{history}`` lists by version which rules came with it, which say something else since, and what
that is. All of it stands in the data of the rules.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

from docutils import nodes
from spec_nodes import Cell, listed, rule_link, table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import families, registry

ROOT = Path(__file__).resolve().parents[2]
NEWEST = re.compile(r"^## (.*)$", flags=re.MULTILINE)
UNRELEASED = re.compile(r"Unreleased \((.*)\)")


def edition(changelog: Path = ROOT / "CHANGELOG.md") -> str:
    """The version of the specification, and its day; a draft of it where none is released yet.

    The newest heading of the change log says it.
    """
    newest = NEWEST.findall(changelog.read_text(encoding="utf-8"))[0]
    draft = UNRELEASED.fullmatch(newest)
    return f"{draft.group(1)}, draft of {day(ROOT / 'spec')}" if draft else str(newest)


def day(place: Path) -> str:
    """The day on which a file, or something in a folder, was committed last."""
    command = ["git", "log", "-1", "--format=%cs", "--", str(place)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return "an unknown day"
    return done.stdout.strip() or "an unknown day"


class History(SphinxDirective):
    """A table of the versions, the newest first."""

    def run(self) -> list[nodes.Node]:
        came: dict[str, list[str]] = defaultdict(list)
        changed: dict[str, list[Cell]] = defaultdict(list)
        for rule in registry().values():
            came[rule.since].append(rule.id)
            for change in rule.changed:
                words = self.parse_inline(change.words)[0]
                changed[change.version].append([rule_link(rule.id), nodes.Text(": "), *words])
        first = min(came, key=_number)
        rows = [[[nodes.Text(version)], self.new(came[version], version == first),
                 listed(changed[version]) or [nodes.Text("none")]]
                for version in sorted({*came, *changed}, key=_number, reverse=True)]
        return [table(["version", "new rules", "rules that say something else"], rows)]

    def new(self, rules: list[str], first: bool) -> Cell:
        """The rules that came with a version; of the first one, how many."""
        if not first:
            return listed([[rule_link(rule)] for rule in rules])
        gone = sum(len(family.withdrawn) for family in families().values())
        return [nodes.Text(f"all {len(rules)}; {gone} ids were withdrawn before it")]


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("history", History)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
