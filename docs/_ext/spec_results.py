"""Committed results: verdicts beside the rules, the matrices, the findings.

All of it is read from ``results/*.json``: one report for each implementation and version,
``kill-matrix.json`` (which saboteurs break which rule), ``coverage.json`` (how many drawn cases it
takes to reach a cell of an axis) and ``mutation.json`` (which small faults of the reference no
rule notices). What is not there is said not to be there.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from spec_history import day
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
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.chapters.rules import registry
from spec.judge.subject import CLASSES
from spec.report.committed import file_name, read
from spec.report.digest import by_class
from spec.run.versions import numbers

KILLS, COVERAGE, MUTANTS = "kill-matrix.json", "coverage.json", "mutation.json"
REPORTS = "*-py3.*.json"
OWN = "refimpl"
READ = "brainstate"  # the library whose own tests were read, and whose scripts are shown first
OWN_TESTS, SURVIVORS = "own_tests.toml", "survivors.toml"


@dataclass(frozen=True)
class Result:
    """One committed report."""

    name: str
    data: Mapping[str, Any]

    def verdict(self, rule: str) -> str:
        """The verdict of a rule, or that it did not exist when the report was made."""
        return str(self.data["rules"].get(rule, "not run"))

    def partial(self, rule: str) -> str:
        """At how many points the rule is broken, where others keep it: ``3 of 12``."""
        at = [verdict for check, points in self.data.get("points", {}).items()
              if check.startswith(f"{rule}/") for verdict in points.values()]
        broken, kept = at.count("fail"), at.count("pass")
        return f"{broken} of {broken + kept}" if broken and kept else ""

    def failures(self, rule: str) -> list[Mapping[str, Any]]:
        """Where the rule is broken."""
        return [f for f in self.data["failures"]
                if f["rule"] == rule and f["verdict"] == "fail"]


def folder(env: Any) -> Path:
    """Where results are committed."""
    return Path(env.srcdir, env.config.spec_results)


def files(env: Any) -> list[Path]:
    """All committed files."""
    return sorted(folder(env).glob("*.json"))


def depend(env: Any) -> None:
    """Let the page be rendered again when a result changes."""
    for file in files(env):
        env.note_dependency(str(file))


def library(meta: Mapping[str, Any]) -> str:
    """What an implementation is called: an adapter of ours by the last part of its name."""
    return str(meta["implementation"]).rpartition(".")[2]


def label(meta: Mapping[str, Any]) -> str:
    """Implementation, version, and the device where it is not the usual one."""
    device = "" if meta["device"] == "cpu" else f" ({meta['device']})"
    return f"{library(meta)} {meta['version']}{device}"


def order(result: Result) -> tuple[bool, str, list[int], str]:
    """The reference implementation last, the others by name and by number of version."""
    meta = result.data["meta"]
    return library(meta) == OWN, library(meta), numbers(meta["version"]), result.name


def reports(env: Any) -> list[Result]:
    """Every committed report, by implementation and version."""
    read_in = [read(file) for file in sorted(folder(env).glob(REPORTS))]
    short = [label(data["meta"]) for data in read_in]
    found = []
    for name, data in zip(short, read_in, strict=True):
        python = ".".join(data["meta"]["python"].split(".")[:2])
        found.append(Result(f"{name}, {python}" if short.count(name) > 1 else name, data))
    return sorted(found, key=order)


def optional(env: Any, name: str) -> dict[str, Any]:
    """A committed file that may be absent."""
    file = folder(env) / name
    return _parsed(file, file.stat().st_mtime_ns) if file.exists() else {}


@cache
def _parsed(file: Path, changed: int) -> Any:
    """A file as it was when it was changed last; many pages ask for the same."""
    return json.loads(file.read_text(encoding="utf-8"))


def saboteurs(env: Any) -> dict[str, dict[str, Any]]:
    """The saboteurs: what each gets wrong, and the rules that are meant to catch it."""
    found: dict[str, dict[str, Any]] = optional(env, KILLS).get("saboteurs", {})
    return found


def caught(env: Any, rule: str) -> dict[str, list[int]]:
    """The saboteurs that a rule catches: in how many runs, out of how many."""
    counts: dict[str, list[int]] = optional(env, KILLS).get("caught", {}).get(rule, {})
    return {name: count for name, count in counts.items() if count[0]}


def catches(env: Any, rule: str) -> list[Cell]:
    """The saboteurs that are meant to break a rule, then how many others it catches."""
    every = caught(env, rule)
    meant = [name for name in every if rule in saboteurs(env)[name]["breaks"]]
    cells: list[Cell] = [[link(name, f"saboteur-{name}"), *counted(every[name])]
                         for name in meant]
    rest = len(every) - len(meant)
    return cells + ([[nodes.Text(f"and {rest} more" if meant else str(rest))]] if rest else [])


def counted(count: list[int]) -> Cell:
    """In how many runs, where not in all."""
    hits, runs = count
    return [nodes.Text(f" (in {hits} of {runs} runs)")] if hits < runs else []


def broken_by(rule: str, found: list[Result]) -> list[Result]:
    """The reports that show the rule broken."""
    return [result for result in found if result.failures(rule)]


def verdict(result: Result, rule: str) -> nodes.Node:
    """A verdict, linked to its finding where the rule is broken."""
    words = result.verdict(rule)
    finding = f"finding-{rule.lower()}" if result.failures(rule) else ""
    return badge(f"verdict-{words}", words, finding)


def cell(result: Result, rule: str) -> Cell:
    """A verdict, and at how many points a rule that is kept elsewhere is broken."""
    partial = result.partial(rule)
    return [verdict(result, rule), *([nodes.Text(f" {partial}")] if partial else [])]


def verdicts(env: Any, rule: str) -> Cell:
    """How each known implementation fares with a rule."""
    cells = []
    for result in reports(env):
        seen = result.data.get("observed", {}).get(rule)
        extra = [nodes.Text(f" ({seen})")] if seen else []
        cells.append([nodes.Text(f"{result.name} "), verdict(result, rule), *extra])
    return listed(cells)


def missing(what: str) -> list[nodes.Node]:
    """The words for a result that is not committed."""
    return [nodes.paragraph("", f"No {what} is committed yet.")]


class Matrix(SphinxDirective):
    """``{matrix}``: rule by implementation; a little JavaScript adds the filters."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        found = reports(self.env)
        if not found:
            return missing("report")
        rows, classes = [], []
        for id_, rule in registry().items():
            cells = [cell(result, id_) for result in found]
            rows.append([[rule_link(id_)], [badge(f"level-{rule.level}", rule.level)],
                         [nodes.strong("", rule.title), nodes.Text(": "),
                          *self.parse_inline(rule.statement)[0]], *cells])
            mine = sorted({result.verdict(id_).replace(" ", "-") for result in found})
            classes.append([f"level-{rule.level}", f"family-{rule.family}",
                            *(f"verdict-{words}" for words in mine)])
        head = ["rule", "level", "statement", *(result.name for result in found)]
        anchors = [f"matrix-{id_.lower()}" for id_ in registry()]
        return [table(head, rows, ["matrix", "filtered"], classes, anchors)]


class Totals(SphinxDirective):
    """``{totals}``: how many rules have which verdict, and what each run was made with."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        found = reports(self.env)
        if not found:
            return missing("report")
        words = ("pass", "fail", "error", "known", "inconclusive", "absent")
        rows = []
        for result in found:
            meta, given = result.data["meta"], list(result.data["rules"].values())
            packages = ", ".join(f"{k} {v}" for k, v in meta["packages"].items()
                                 if k in ("jax", "numpy"))
            on = day(folder(self.env) / file_name(meta))
            how = (f"Python {meta['python']}, {packages}, {meta['profile']}, seed {meta['seed']}; "
                   f"specification {meta['specification']}, committed on {on}")
            rows.append([[nodes.Text(result.name)],
                         *([nodes.Text(str(given.count(word)))] for word in words),
                         [nodes.Text(str(result.data["examples"]))], [nodes.Text(how)]])
        return [table(["implementation", *words, "cases", "run with"], rows, ["totals"])]


class ByClass(SphinxDirective):
    """``{by-class}``: how many MUST of each class of conformance each run found kept."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        rows: list[list[Cell]] = []
        for result in reports(self.env):
            told = {name: f"{kept} of {judged}"
                    for name, kept, judged in by_class(result.data)}
            rows.append([[nodes.Text(result.name)],
                         *([nodes.Text(told.get(name, "none"))] for name in CLASSES)])
        return [table(["implementation", *CLASSES], rows, ["totals"])]


class Kills(SphinxDirective):
    """``{kills}``: which deliberately wrong implementations break which rule."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        rows = [self.row(name, about) for name, about in saboteurs(self.env).items()]
        if not rows:
            return missing("kill matrix")
        return [table(["saboteur", "what it gets wrong", "meant to break", "also caught by"], rows)]

    def row(self, name: str, about: Mapping[str, Any]) -> list[Cell]:
        anchor = f"saboteur-{name}"
        note_label(self.env, anchor, name)
        by = {rule: found[name] for rule in registry() if name in (found := caught(self.env, rule))}
        meant = [rule for rule in about["breaks"] if rule in registry()]
        return [[nodes.literal("", name, ids=[anchor])], self.parse_inline(about["story"])[0],
                listed([[rule_link(rule), *counted(by.get(rule, [1, 1]))] for rule in meant]),
                listed([[rule_link(rule), *counted(by[rule])]
                        for rule in by if rule not in meant])]


class Coverage(SphinxDirective):
    """``{coverage}``: for every axis that is counted, which cells a run covered."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        found = {r.name: r.data["coverage"] for r in reports(self.env) if "coverage" in r.data}
        rows = [self.row(name, axis, cells) for name, axes in found.items()
                for axis, cells in axes.items()]
        head = ["run", "axis", "covered", "not covered"]
        return [table(head, rows)] if rows else missing("coverage")

    def row(self, name: str, axis: str, cells: Mapping[str, bool]) -> list[Cell]:
        empty = [cell for cell, hit in cells.items() if not hit]
        shown = listed([[nodes.literal("", cell)] for cell in empty[:12]])
        more = [nodes.Text(f" and {len(empty) - 12} more")] if len(empty) > 12 else []
        return [[nodes.Text(name)], [nodes.Text(axis)],
                [nodes.Text(f"{len(cells) - len(empty)} of {len(cells)}")], shown + more]


class Power(SphinxDirective):
    """``{power}``: for every axis, the cell that takes most cases, and how many."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        measured = optional(self.env, COVERAGE)
        rows = []
        for axis, cells in measured.get("expected", {}).items():
            hardest = max(cells, key=lambda cell: cells[cell] or float("inf"))
            rows.append([[nodes.Text(axis)], [nodes.Text(str(len(cells)))],
                         [nodes.literal("", hardest)], [nodes.Text(str(cells[hardest]))]])
        if not rows:
            return missing("measure of the generator")
        words = (f"A quick run draws {measured['cases']} such cases; the means are over "
                 f"{measured['seeds']} seeds.")
        head = ["axis", "cells", "hardest to reach", "cases until it is reached"]
        return [nodes.paragraph("", words), table(head, rows)]


def own_tests(env: Any, rule: str) -> nodes.Node:
    """What the tests that a library ships say of a rule that it breaks."""
    file = Path(env.srcdir, OWN_TESTS)
    env.note_dependency(str(file))
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    for kind, words in (("asserts", "assert what was seen: "),
                        ("runs", "make such a call, and assert nothing about this: ")):
        if test := told[kind].get(rule):
            return nodes.inline("", "", nodes.Text(words), nodes.literal("", test))
    return nodes.Text("make no such call.")


class Mutants(SphinxDirective):
    """``{mutants}``: small faults of the reference that no rule and none of its tests notices."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        measured = optional(self.env, MUTANTS)
        if not measured:
            return missing("mutation run")
        notes = self.notes()
        rows = []
        for fault in measured["survivors"]:
            why = notes[fault["module"], fault["change"]]
            rows.append([[nodes.literal("", f"{fault['module']}:{fault['line']}")],
                         [nodes.literal("", fault["change"])], self.parse_inline(why)[0]])
        judged = measured["by_rules"] + measured["by_tests"] + len(rows)
        words = (f"The source has {measured['places']} places for a kind of fault. Of {judged} "
                 f"faults at places drawn at random, the rules notice {measured['by_rules']}, and "
                 f"the reference's own tests {measured['by_tests']} more. What is left, and why:")
        return [nodes.paragraph("", words), table(["place", "fault", "why it is left"], rows)]

    def notes(self) -> dict[tuple[str, str], str]:
        """Why each fault survives, by module and change."""
        file = Path(self.env.srcdir, SURVIVORS)
        self.env.note_dependency(str(file))
        told = tomllib.loads(file.read_text(encoding="utf-8"))["survivor"]
        return {(entry["module"], entry["change"]): entry["why"] for entry in told}


class Findings(SphinxDirective):
    """``{findings}``: one section for every rule that a released implementation breaks."""

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        found = reports(self.env)
        broken = [rule for rule in registry() if broken_by(rule, found)]
        if not broken:
            return missing("report of a broken rule")
        return [self.section(rule, broken_by(rule, found)) for rule in broken]

    def section(self, rule: str, found: list[Result]) -> nodes.section:
        anchor = f"finding-{rule.lower()}"
        note_label(self.env, anchor, rule)
        entry = registry()[rule]
        title = nodes.title("", f"{rule} {entry.title}")
        section = nodes.section("", title, ids=[anchor], names=[anchor], classes=["finding"])
        facts = nodes.definition_list(classes=["rule-facts"])
        facts += term("Rule", [rule_link(rule), nodes.Text(" "),
                               badge(f"level-{entry.level}", entry.level),
                               nodes.Text(f" {BINDING[entry.authority]}")])
        facts += term("Expected", self.parse_inline(entry.statement)[0])
        facts += term("Because", self.parse_inline(entry.reason)[0] if entry.reason
                      else listed([source(text) for text in entry.source]))
        for names, lines in self.observed(rule, found).items():
            facts += term(together(names), lines)
        if any(library(result.data["meta"]) == READ for result in found):
            facts += term("Its own tests", [own_tests(self.env, rule)])
        section += facts
        section += self.script(rule, found)
        return section

    def observed(self, rule: str, found: list[Result]) -> dict[tuple[str, ...], Cell]:
        """What was seen, by the versions that show it."""
        seen: dict[str, dict[str, list[str]]] = {}
        for result in found:
            for failure in result.failures(rule):
                cases = seen.setdefault(failure["message"], {}).setdefault(result.name, [])
                cases += [failure["case"], *(other["case"] for other in failure["also"])]
        lines: dict[tuple[str, ...], Cell] = {}
        for message, by_name in seen.items():
            where = list(dict.fromkeys(case for cases in by_name.values() for case in cases))
            line = observation(message, where)
            lines.setdefault(tuple(by_name), []).append(line)
        return {names: shortened(mine) for names, mine in lines.items()}

    def script(self, rule: str, found: list[Result]) -> list[nodes.Node]:
        mine = [result for result in found if library(result.data["meta"]) == READ]
        newest = (mine or found)[-1]
        scripts = [(f["script"], f["case"]) for f in newest.failures(rule) if f["script"]]
        if not scripts:
            return []
        text, _ = min(scripts, key=lambda script: (len(script[0]), script))
        block = nodes.literal_block("", text, language="python")
        return details("A script that shows it", newest.name, [block], folded=False)


def together(names: tuple[str, ...]) -> str:
    """Several names of versions, each implementation named once."""
    versions: dict[str, list[str]] = {}
    for name in names:
        implementation, _, version = name.partition(" ")
        versions.setdefault(implementation, []).append(version)
    return "; ".join(f"{name} {', '.join(mine)}" for name, mine in versions.items())


def observation(message: str, where: list[str]) -> nodes.Node:
    """What was seen, and at which points of the check's axis."""
    named = listed([[nodes.literal("", case)] for case in where[:8] if case])
    more = [nodes.Text(f" and {len(where) - 8} more")] if len(where) > 8 else []
    colon = [nodes.Text(": ")] if named else []
    return nodes.inline("", "", *named, *more, *colon, nodes.Text(message),
                        classes=["observation"])


def shortened(lines: Cell, most: int = 5) -> Cell:
    """The first few lines, and how many there are besides."""
    rest = len(lines) - most
    more = [nodes.inline("", f"{rest} further messages", classes=["observation"])]
    return lines[:most] + (more if rest > 0 else [])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and where results lie."""
    app.add_config_value("spec_results", "results", "env", str)
    for name, directive in (("matrix", Matrix), ("totals", Totals),
                            ("by-class", ByClass), ("kills", Kills), ("coverage", Coverage),
                            ("power", Power), ("mutants", Mutants), ("findings", Findings)):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
