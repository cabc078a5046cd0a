"""What a run really covered: the features of judged cases, counted by cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, product
from typing import Any

import numpy as np

from spec.language import trees
from spec.language.call_forms import ARGNUMS, AUXES, CONTAINERS
from spec.language.cases import Case, Selection
from spec.language.histories import SIGNS, History
from spec.language.programs import Assign, Draw, Fail, Line, Node, Program, Ref, Write
from spec.language.returns import ROWS
from spec.language.transforms import FAMILY

TRAITS: Mapping[str, Callable[[Case], Any]] = {
    "pytree state": lambda c: any(trees.items(c.program.value_of(s)) is not None
                                  for s in (c.selection.states if c.selection else ())),
    "mapping of states": lambda c: c.selection and isinstance(c.selection.tree, Mapping),
    "both sides": lambda c: len(c.sides) == 2,
    "sequence of arguments": lambda c: isinstance(c.argnums, (list, tuple)),
    "aux": lambda c: c.row.has_aux,
    "value": lambda c: c.row.return_value,
    "pytree output": lambda c: c.program.form == "tree",
    "write": lambda c: c.program.writes,
    "draw": lambda c: c.program.draws,
    "keyword": lambda c: c.kwargs,
    "discrete state": lambda c: not all(trees.is_inexact(leaf) for var in c.program.states
                                        for _, leaf in trees.leaves(var.value)),
    "failure": lambda c: any(isinstance(step, Fail) for step in c.program.body),
}
"""What a call may have; any two of these are a cell."""


AXES: Mapping[str, tuple[str, ...]] = {
    "row x transform": tuple(f"{r.id} {m}" for r, m in product(ROWS, FAMILY)),
    "container": CONTAINERS,
    "argnums": ("None", *ARGNUMS),
    "aux": tuple(AUXES),
    "value": ("array", "number", "dict", "list", "tuple", "None", "zero-size", "float32"),
    "output": ("scalar", "array", "tree"),
    "access": ("read", "write only", "read then write", "write then read", "no access",
               "written twice"),
    "states": tuple(str(count) for count in range(7)),
    "written": ("0", "1", "2", "3"),
    "random": ("draws", "no draws"),
    "module": ("attribute", "list", "dict", "module", "shared state", "shared module"),
    "failure": ("none", "before the first step", "between steps", "after the last step"),
    "history": tuple(SIGNS),
    "together": tuple(f"{one} + {other}" for one, other in combinations(TRAITS, 2)),
}
"""The cells of every axis that is counted."""


def features(case: Any) -> set[str]:
    """The cells that a case covers, as ``axis: cell``; none where it is of another kind."""
    if isinstance(case, History):
        return {f"history: {name}" for name, shows in SIGNS.items() if shows(case)}
    if not isinstance(case, Case):
        return set()
    program = case.program
    found = {
        f"row x transform: {case.row.id} {case.member}",
        f"argnums: {argnums_form(case)}",
        f"output: {program.form}",
        f"states: {len(program.states)}",
        f"written: {min(len(program.writes), 3)}",
        f"random: {'draws' if program.draws else 'no draws'}",
        f"failure: {failure_form(program)}",
    }
    if program.module is not None:
        found.update(f"module: {form}" for form in module_forms(program.module))
    if case.selection is not None:
        found.add(f"container: {container_form(case.selection)}")
    if program.aux is not None:
        found.add(f"aux: {aux_form(program.aux)}")
    for var in program.states:
        found.update(f"value: {kind}" for kind in value_kinds(var.value))
        found.add(f"access: {access(program, var.id)}")
    has = [trait for trait, shows in TRAITS.items() if shows(case)]
    found.update(f"together: {one} + {other}" for one, other in combinations(has, 2))
    return found


def failure_form(program: Program) -> str:
    """Where a program raises."""
    at = [isinstance(statement, Fail) for statement in program.body]
    if True not in at:
        return "none"
    if at.index(True) == 0:
        return "before the first step"
    return "after the last step" if at[-1] else "between steps"


def module_forms(root: Node) -> set[str]:
    """How a module holds its states, and what of it stands in two places."""
    found, seen = set(), list[Any]()
    form = {Ref: "attribute", Node: "module", list: "list", dict: "dict"}
    for child in root.attributes.values():
        found.add(form[type(child)])
        held = list(child.values()) if isinstance(child, dict) else child
        for one in held if isinstance(held, list) else [held]:
            parts = list(one.attributes.values()) if isinstance(one, Node) else []
            found.update({"shared module"} if parts and one in seen else ())
            found.update({"shared state"} if isinstance(one, Ref) and one in seen else ())
            seen += [one, *(part for part in parts if one not in seen)]
    return found


def argnums_form(case: Case) -> str:
    """The name of the form of a case's argnums."""
    argnums = case.argnums
    if argnums is None:
        return "None"
    if isinstance(argnums, int):
        return "negative" if argnums < 0 else "int"
    if not argnums:
        return "empty"
    if any(index < 0 for index in argnums):
        return "negatives"
    return type(argnums).__name__


def container_form(selection: Selection) -> str:
    """The name of the form of a container of states."""
    tree = selection.tree
    if selection.mapping:
        return "treefy" if "treefy" in selection.text else "module"
    if isinstance(tree, Ref):
        return "one"
    refs = [leaf.state for _, leaf in trees.leaves(tree)]
    kind = "namedtuple" if trees.is_namedtuple(tree) else type(tree).__name__
    if not refs:
        return f"empty {kind}"
    if isinstance(tree, Mapping) and len({type(key) for key in tree}) > 1:
        return "keys"
    if len(set(refs)) < len(refs) and kind != "namedtuple":
        return "twice"
    children = [child for _, child in trees.items(tree) or ()]
    if any(child is None for child in children):
        return "none"
    return kind if all(isinstance(child, Ref) for child in children) else "nested"


def aux_form(aux: str) -> str:
    """The name of the form that an aux was built from."""
    def fits(form: str) -> bool:
        head, _, tail = form.format("\0").partition("\0")
        return aux.startswith(head) and aux.endswith(tail)

    return next(name for name, form in reversed(AUXES.items()) if fits(form))


def value_kinds(value: Any) -> set[str]:
    """The containers and leaves that a state's value is made of."""
    nodes = trees.items(value)
    if value is None:
        return {"None"}
    if nodes is not None:
        return {type(value).__name__}.union(*(value_kinds(child) for _, child in nodes))
    if isinstance(value, (int, float)):
        return {"number"}
    array = np.asarray(value)
    found = {"zero-size"} if array.size == 0 else {"array"}
    return found | ({"float32"} if array.dtype == np.float32 else set())


def access(program: Program, state: str) -> str:
    """In which order a program reads and writes a state."""
    events = ""
    name = f"{state}.value"
    for statement in program.body:
        match statement:
            case Assign(_, expr):
                events += "r" * (name in expr)
            case Write(target, expr):
                events += "r" * (name in expr) + "w" * (target == state)
            case Draw() | Fail() | Line():
                pass
    events += "r" * (name in program.out or name in (program.aux or ""))
    if "w" not in events:
        return "read" if events else "no access"
    if events.count("w") > 1:
        return "written twice"
    if "r" not in events:
        return "write only"
    return "read then write" if events[0] == "r" else "write then read"


def table(covered: Iterable[str]) -> dict[str, dict[str, bool]]:
    """For every axis, which of its cells were covered."""
    seen = set(covered)
    return {
        axis: {cell: f"{axis}: {cell}" in seen for cell in cells} for axis, cells in AXES.items()
    }


def empty_cells(covered: Iterable[str]) -> list[str]:
    """The cells that nothing covered, as ``axis: cell``."""
    return [
        f"{axis}: {cell}" for axis, cells in table(covered).items()
        for cell, hit in cells.items() if not hit
    ]
