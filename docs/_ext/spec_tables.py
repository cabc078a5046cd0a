"""The tables of the specification, rendered from the data that the checks use.

``{return-table}``, ``{filter-table}``, ``{writeback-table}``, ``{family-table}``,
``{misuse-table}``, ``{names}``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from docutils import nodes
from spec_nodes import Cell, badge, details, listed, rule_link, table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from spec.judge.subject import NAMES
from spec.language import returns, transforms

if TYPE_CHECKING:
    from spec.chapters.err.misuse import Misuse


def code(text: str) -> Cell:
    """A cell of code."""
    return [nodes.literal("", text)] if text else []


def words(text: str) -> Cell:
    """A cell of plain words."""
    return [nodes.Text(text)]


def yes(flag: bool) -> Cell:
    """A cell that says yes or stays empty."""
    return words("yes" if flag else "")


def return_table() -> nodes.Node:
    """The twelve rows."""
    given = {True: "given", False: "None", None: "any"}
    rows = [
        [[rule_link(row.id)], words(given[row.states]), words(given[row.args]),
         words(str(row.has_aux)), words(str(row.return_value)), code(returns.show(row.result))]
        for row in returns.ROWS
    ]
    return table(["rule", "grad_states", "argnums", "has_aux", "return_value", "result"], rows)


def family_table() -> nodes.Node:
    """What each member of the family computes, on which outputs, with which options."""
    outputs = {"scalar": "one scalar", "any": "any"}
    rows = [
        [code(m.name), words(f"same as {m.alias}" if m.alias else m.layout),
         words(outputs[m.outputs]), words(m.mode), yes(m.holomorphic), yes(m.allow_int)]
        for m in transforms.FAMILY.values()
    ]
    head = ["transform", "result", "output of f", "mode", "holomorphic", "allow_int"]
    return table(head, rows)


def filter_table() -> nodes.Node:
    """Every form of a filter and when it matches a state."""
    from spec.language import filters

    operands = {"class": "C", "tag": "'t'", "key": "key", "function": "f", "filters": "p, q",
                "filter": "p", "nothing": ""}
    rows = []
    for form in filters.FORMS.values():
        written = form.pattern.format(operands[form.meaning.operand]).removeprefix("lib.")
        rows.append([code(written), words(form.meaning.says), words(form.meaning.operand)])
    return table(["filter", "matches a state when", "operand"], rows)


def writeback_table() -> nodes.Node:
    """Access pattern by role: what a state holds after success, and after failure."""
    from spec.chapters.wrb import table as writeback

    cells = {(c.role, c.pattern.id, c.outcome): c for c in writeback.TABLE}
    success, *failures = writeback.OUTCOMES
    rows = []
    refused = [nodes.Text(" or refused: "), rule_link("WRB-12")]
    for pattern in writeback.PATTERNS:
        body = [s.source() for s in (pattern.state or ())]
        line: list[Cell] = [[nodes.Text(pattern.id), *(
            piece for text in [*body, f"return {pattern.out}"]
            for piece in (nodes.raw("", "<br>", format="html"), nodes.literal("", text)))]]
        for role in writeback.ROLES:
            left = cells[role, pattern.id, success].after
            choice = refused if pattern.container and left else []
            line.append([*held(left), *(node.deepcopy() for node in choice)])
        rows.append(line)
    failed = {cells[r, p.id, o].after for r in writeback.ROLES for p in writeback.PATTERNS
              for o in failures} - {None}
    last = listed([held(text) for text in sorted(failed)])
    rows.append([words("anything, and f raises"), *([*last] for _ in writeback.ROLES)])
    rows[-1] = [[node.deepcopy() for node in cell] for cell in rows[-1]]
    head = ["f does to the state s0", *writeback.ROLES]
    return nodes.container("", table(head, rows, ["writeback"]), *impossible())


def held(text: str | None) -> Cell:
    """What a state holds, or a dash where the cell cannot occur."""
    return [after(text)] if text else words("–")


def impossible() -> Cell:
    """Why some cells cannot occur, folded away."""
    from spec.chapters.wrb import table as writeback

    reasons: dict[tuple[str, str], list[str]] = {}
    for (role, pattern), reason in writeback.IMPOSSIBLE.items():
        reasons.setdefault((role, reason), []).append(pattern)
    rows = [[words(role), words(", ".join(patterns)), words(reason)]
            for (role, reason), patterns in reasons.items()]
    return details("Why some cells cannot occur", f"{len(writeback.IMPOSSIBLE)} cells",
                   [table(["role", "f does", "why it cannot be"], rows)])


def after(text: str) -> nodes.Node:
    """The badge of what a state holds."""
    return badge(f"after-{text}", text)


def writeback_terms() -> nodes.Node:
    """What the words of the write-back table mean."""
    from spec.chapters.wrb import table as writeback

    sections = (writeback.ROLES, writeback.OUTCOMES, writeback.AFTER)
    kinds = ("role", "outcome", "after")
    rows = [[words(kind), words(name), words(meaning)]
            for kind, section in zip(kinds, sections, strict=True)
            for name, meaning in section.items()]
    return table(["of what", "word", "meaning"], rows)


def misuse_table() -> nodes.Node:
    """Every call that must be refused: how it is written, and as what it is refused."""
    from spec.chapters.err import misuse

    rows = []
    for row in misuse.MISUSES:
        made = row.make.replace("{T}", "T")
        lines = [*code(made), nodes.raw("", "<br>", format="html"), *code(row.call)]
        raises = (code(row.raises) or words("any exception")) + advice([row.suggests], "ERR-22")
        named = listed([code(name) for name in row.names]) + advice(row.helps, "ERR-21")
        rows.append([[rule_link(row.rule)], words(row.id), raises, named, lines, asked_of(row)])
    head = ["rule", "what is wrong", "raises", "names", "built, then called as t", "asked of"]
    return table(head, rows)


def advice(wanted: Sequence[str], rule: str) -> Cell:
    """What a rule of level SHOULD wants beyond that."""
    given = [code(text) for text in wanted if text]
    if not given:
        return []
    return [nodes.Text(" (SHOULD: "), *listed(given), nodes.Text(", "), rule_link(rule),
            nodes.Text(")")]


def asked_of(row: Misuse) -> Cell:
    """For which transforms a row is checked; what is not made by one has none."""
    if "{T}" not in row.make:
        return []
    every = set(row.members) == set(transforms.FAMILY)
    return words("every member") if every else listed([code(name) for name in row.members])


def names() -> nodes.Node:
    """The names of the adapter interface, by the namespace they stand in."""
    groups: dict[str, list[str]] = {}
    for name in NAMES:
        groups.setdefault(name.rpartition(".")[0], []).append(name.rpartition(".")[2])
    rows = [[code(group or "(top level)"), listed([code(name) for name in mine])]
            for group, mine in groups.items()]
    return table(["namespace", "names"], rows)


def literals() -> nodes.Node:
    """The axes of generated cases and the cells that each has."""
    from spec.report import coverage

    rows = [[words(axis), words(str(len(cells))), listed([code(cell) for cell in cells[:16]])
             + (words(f" and {len(cells) - 16} more") if len(cells) > 16 else [])]
            for axis, cells in coverage.AXES.items()]
    return table(["axis", "cells", "which"], rows)


TABLES: dict[str, Callable[[], nodes.Node]] = {
    "return-table": return_table,
    "family-table": family_table,
    "filter-table": filter_table,
    "writeback-table": writeback_table,
    "writeback-terms": writeback_terms,
    "misuse-table": misuse_table,
    "names": names,
    "axes": literals,
}


def directive(make: Callable[[], nodes.Node]) -> type[SphinxDirective]:
    """The directive that places a table."""
    class Table(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            return [make()]

    return Table


def setup(app: Sphinx) -> dict[str, Any]:
    """Register a directive for every table."""
    for name, make in TABLES.items():
        app.add_directive(name, directive(make))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
