"""Values and expressions as JSON: a small vocabulary, spelt out in ``vectors.schema.json``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ..language import trees
from ..language.programs import Ref

Json = Any

OPERATORS: Final = {ast.Add: "add", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power"}
FUNCTIONS: Final = frozenset(
    {"sin", "cos", "tanh", "exp", "arctan", "log1p", "sqrt", "sum", "ones"})
"""The functions that take no name of an axis or of a shape, and the two that do."""


def tree(value: trees.Tree, leaf: Callable[[Any], Json]) -> Json:
    """A container as JSON, its leaves by a function; None is null."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {"dict": [[key, tree(child, leaf)] for key, child in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [tree(child, leaf) for child in value]}
    return leaf(value)


def array(value: Any) -> Json:
    """An array of float64: its shape, and its entries with the last index running fastest."""
    given = np.asarray(value, np.float64)
    return {"shape": list(given.shape), "data": given.ravel().tolist()}


def value(given: trees.Tree) -> Json:
    """The value of a state or an argument."""
    return tree(given, array)


def container(given: trees.Tree) -> Json:
    """A container of states."""
    def state(ref: Ref) -> Json:
        return {"state": ref.state}

    return tree(given, state)


def term(source: str) -> Json:
    """The source of an expression as JSON.

    Raises
    ------
    ValueError
        If it holds what the vocabulary has no word for.
    """
    return _term(ast.parse(source, mode="eval").body)


def has_words(source: str) -> bool:
    """Whether the vocabulary has words for an expression."""
    try:
        term(source)
    except ValueError:
        return False
    return True


def _term(node: ast.expr) -> Json:
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=int() | float() as number):
            return {"number": number}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return {"number": -number}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return {"op": "negative", "of": [_term(operand)]}
        case ast.Name(id=name):
            return {"name": name}
        case ast.Attribute(value=ast.Name(id=state), attr="value"):
            return {"read": state}
        case ast.Subscript(value=whole, slice=ast.Constant(value=key)):
            return {"part": key, "of": _term(whole)}
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return {"op": OPERATORS[type(operator)], "of": [_term(left), _term(right)]}
        case ast.Call(func=ast.Attribute(value=ast.Name(id="jnp"), attr=name)):
            return _call(name, node)
    return _display(node)


def _call(name: str, node: ast.Call) -> Json:
    named = {word.arg: ast.literal_eval(word.value) for word in node.keywords}
    if name not in FUNCTIONS or not set(named) <= {"axis"}:
        raise ValueError(f"no word of the vectors for {ast.unparse(node)}")
    if name == "ones":
        return {"op": "ones", "shape": list(ast.literal_eval(node.args[0]))}
    return {"op": name, "of": [_term(arg) for arg in node.args], **named}


def _display(node: ast.expr) -> Json:
    match node:
        case ast.List(elts=items):
            return {"list": [_term(item) for item in items]}
        case ast.Tuple(elts=items):
            return {"tuple": [_term(item) for item in items]}
        case ast.Dict(keys=keys, values=values):
            return {"dict": [[ast.literal_eval(key), _term(child)]
                             for key, child in zip(keys, values, strict=True) if key is not None]}
    raise ValueError(f"no word of the vectors for {ast.unparse(node)}")
