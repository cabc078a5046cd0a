"""Vectors read back as cases, so that the model can be asked again what they give."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.language import returns
from spec.language.cases import Case, Selection
from spec.language.programs import Assign, Draw, Fail, Param, Program, Ref, Statement, Var, Write
from tests.adapters.vectors import built

Json = Any
INFIX = {"add": "+", "multiply": "*", "divide": "/", "power": "**"}


def source(term: Json) -> str:
    """A term as Python."""
    match term:
        case None:
            return "None"
        case {"number": number}:
            return f"({number!r})"
        case {"name": name}:
            return str(name)
        case {"read": state}:
            return f"{state}.value"
        case {"part": key, "of": whole}:
            return f"{source(whole)}[{key!r}]"
        case {"op": "ones", "shape": shape}:
            return f"jnp.ones({tuple(shape)})"
        case {"op": "negative", "of": [operand]}:
            return f"(-{source(operand)})"
        case {"op": op, "of": [left, right]}:
            return f"({source(left)} {INFIX[op]} {source(right)})"
        case {"op": op, "of": [operand]}:
            axis = f", axis={term['axis']}" if "axis" in term else ""
            return f"jnp.{op}({source(operand)}{axis})"
        case {"dict": items}:
            return "{" + ", ".join(f"{key!r}: {source(child)}" for key, child in items) + "}"
        case {"list": items}:
            return f"[{', '.join(map(source, items))}]"
    return "(" + "".join(f"{source(child)}, " for child in term["tuple"]) + ")"


def statement(given: Json) -> Statement:
    """A statement of a program."""
    match given:
        case {"do": "assign", "name": name, "term": term}:
            return Assign(name, source(term))
        case {"do": "write", "state": state, "term": term}:
            return Write(state, source(term))
        case {"do": "draw", "name": name, "shape": shape}:
            return Draw(name, tuple(shape))
    return Fail()


def value(tree: Json) -> Any:
    """The value of a state or an argument."""
    return built(tree, lambda leaf: np.array(leaf["data"]).reshape(leaf["shape"]))


def case_of(vector: Json) -> Case:
    """The case that a vector tells."""
    function, call = vector["function"], vector["call"]
    program = Program(
        tuple(Var(state["name"], value(state["value"])) for state in vector["states"]),
        tuple(map(Param, function["parameters"])), tuple(map(statement, function["body"])),
        source(function["output"]), source(function["aux"]) if call["has_aux"] else None,
        seed=0 if vector["draws"] else None)
    row = returns.row(
        states=call["grad_states"] is not None, args=call["argnums"] is not None,
        has_aux=call["has_aux"], return_value=call["return_value"])
    states = built(call["grad_states"], lambda leaf: Ref(leaf["state"]))
    return Case(program, call["transform"], row, states if states is None else Selection(states),
                call["argnums"], tuple(map(value, call["args"])))
