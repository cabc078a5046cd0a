"""The vectors as JSON data: each case with what the model and the oracles expect of it."""

from __future__ import annotations

import json
from typing import Any, Final

import hypothesis
import numpy as np

from ..expected.expectation import Expectation
from ..expected.layout import AnyMapping, Array, Slot
from ..language import returns, trees
from ..language.cases import Case
from ..language.programs import Assign, Draw, Fail, Statement, Write
from .drawn import all_cases
from .terms import Json, array, container, term, tree, value

FORMAT: Final = 1
ROUNDING: Final = 1e-12
"""The tolerance of what is no derivative, in units of the largest entry or of 1."""


def document() -> dict[str, Json]:
    """All vectors, and what they were drawn with."""
    return {"format": FORMAT, "hypothesis": hypothesis.__version__,
            "cases": [vector(name, case) for name, case in all_cases()]}


def text(data: dict[str, Json]) -> str:
    """The document with a line for each case, so that a difference is easy to read."""
    head = json.dumps({key: part for key, part in data.items() if key != "cases"})
    lines = ",\n".join(json.dumps(case) for case in data["cases"])
    return f'{head[:-1]}, "cases": [\n{lines}\n]}}\n'


def vector(name: str, case: Case) -> dict[str, Json]:
    """A case as JSON: a program, a call, and what the call must give and leave."""
    program, fails = case.program, any(isinstance(s, Fail) for s in case.program.body)
    draws = [_numbers(shape) for shape in program.draws]
    return {
        "id": name,
        "states": [{"name": var.id, "value": value(var.value)} for var in program.states],
        "draws": [array(draw) for draw in draws],
        "function": {
            "parameters": [param.id for param in program.params],
            "body": [statement(one) for one in program.body],
            "output": term(program.out),
            "aux": None if program.aux is None else term(program.aux),
        },
        "call": {
            "transform": case.member,
            "grad_states": case.selection and container(case.selection.tree),
            "argnums": case.argnums if case.argnums is None or isinstance(case.argnums, int)
            else list(case.argnums),
            "has_aux": case.row.has_aux, "return_value": case.row.return_value,
            "args": [value(arg) for arg in case.args],
        },
        "expected": _failure(case) if fails else _success(case, draws),
    }


def statement(given: Statement) -> Json:
    """A statement as JSON."""
    match given:
        case Assign():
            return {"do": "assign", "name": given.target, "term": term(given.expr)}
        case Write():
            return {"do": "write", "state": given.state, "term": term(given.expr)}
        case Draw():
            return {"do": "draw", "name": given.target, "shape": list(given.shape)}
        case Fail():
            return {"do": "raise"}
    raise ValueError(f"no word of the vectors for {given.source()}")


def _numbers(shape: tuple[int, ...]) -> Array:
    """Numbers to stand for random ones: no two of a draw are equal, and all are short."""
    return (5 * np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape) % 13 - 6) / 8


def _failure(case: Case) -> dict[str, Json]:
    """A call that raises leaves everything as it was."""
    return {"raises": True, "draws_used": 0,
            "states": {var.id: _near(var.value) for var in case.program.states}}


def _success(case: Case, draws: list[Array]) -> dict[str, Json]:
    expected = Expectation(case, draws)
    exact, other = expected.estimates[0], expected.estimates[-1]
    if not np.all(np.abs(exact.value - other.value) <= exact.tol + other.tol):
        raise ValueError(f"the oracles disagree about\n{case}")

    def leaf(slot: Slot) -> Json:
        part, tol = exact.value[slot.index], exact.tol[slot.index]
        return {**array(part.reshape(slot.shape)), "tol": _short(np.max(tol, initial=0.0))}

    parts = {side: tree(_plain(part), leaf) for side, part in expected.parts().items()}
    parts |= {"loss": _near(expected.out), "aux": _near(expected.aux)}
    return {"result": _built(case.row.result, parts), "draws_used": len(draws),
            "states": {name: _near(after) for name, after in expected.after.items()}}


def _built(structure: returns.Structure, parts: dict[str, Json]) -> Json:
    if isinstance(structure, str):
        return parts[structure]
    return {"tuple": [_built(item, parts) for item in structure]}


def _plain(node: Any) -> Any:
    """An expected derivative with its mappings as dicts: their order is not asked for."""
    if isinstance(node, AnyMapping):
        return {key: _plain(child) for key, child in node.items.items()}
    return node if trees.items(node) is None else trees.rebuild(
        node, [_plain(child) for _, child in trees.items(node) or ()])


def _near(given: trees.Tree) -> Json:
    """A value up to rounding."""
    def leaf(one: Any) -> Json:
        return {**array(one), "tol": _short(ROUNDING * np.max(np.abs(one), initial=1.0))}

    return tree(given, leaf)


def _short(number: float) -> float:
    return float(f"{number:.1e}")


