"""Operations on arrays: the part of the vocabulary that is not elementwise.

They are spelt alike in NumPy and in JAX, and analytic, so that the oracles decide them; nearly
all of their Jacobians are no symmetric matrices, so that a transposed block shows.  Weights keep
a result about as large as what it is made of: slopes that multiply would blur every oracle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .labels import choice
from .values import LARGE, Shape

NUMBER: Final[Shape] = ()
VECTOR: Final[Shape] = (3,)
MATRIX: Final[Shape] = (2, 3)
LONG, CUBE, DEEP = LARGE


@dataclass(frozen=True)
class Operation:
    """An operation: its kind, the shapes of its arguments and of its result, and its source."""

    kind: str
    arguments: tuple[Shape, ...]
    result: Shape
    text: str


def _operation(kind: str, text: str, result: Shape, *arguments: Shape) -> Operation:
    return Operation(kind, arguments, result, text)


OPERATIONS: Final = (
    _operation("division", "{0} / (2.0 + jnp.sin({1}))", NUMBER, NUMBER, NUMBER),
    _operation("where", "jnp.where(jnp.array(False), {0}, {1})", NUMBER, NUMBER, NUMBER),
    _operation("join", "jnp.stack([{0}, {1}])[1]", NUMBER, NUMBER, NUMBER),
    _operation("reshape", "jnp.reshape({0}, (1, 1))[0, 0]", NUMBER, NUMBER),
    _operation("index", "{0}[1]", NUMBER, VECTOR),
    _operation("index", "{0}[-1, 2]", NUMBER, MATRIX),
    _operation("matmul", "0.25 * jnp.dot({0}, {1})", NUMBER, VECTOR, VECTOR),
    _operation("matmul", "0.25 * jnp.dot({0}[1:], {1}[:2])", NUMBER, VECTOR, VECTOR),
    _operation("einsum", "0.25 * jnp.einsum('ij,j->', {0}, {1})", NUMBER, MATRIX, VECTOR),
    _operation("axis", "jnp.mean({0}, axis=0)", NUMBER, VECTOR),
    _operation("index", "{0}[1]", VECTOR, MATRIX),
    _operation("slice", "{0}[::-1]", VECTOR, VECTOR),
    _operation("join", "jnp.concatenate([{0}[1:], {1}[:1]])", VECTOR, VECTOR, VECTOR),
    _operation("join", "jnp.stack([{0}, {1}, {0}])", VECTOR, NUMBER, NUMBER),
    _operation("matmul", "0.25 * ({0} @ ({1}.T @ {1}))", VECTOR, VECTOR, MATRIX),
    _operation("einsum", "0.25 * jnp.einsum('ij,i->j', {0}, {1}[:2])", VECTOR, MATRIX, VECTOR),
    _operation("reshape", "jnp.reshape({0}, (3, 2))[:, 1]", VECTOR, MATRIX),
    _operation("transpose", "0.5 * ({0}.T @ {1}[1:])", VECTOR, MATRIX, VECTOR),
    _operation("where", "jnp.where(jnp.array([True, False, True]), {0}, {1})",
               VECTOR, VECTOR, VECTOR),
    _operation("division", "{0} / (2.0 + jnp.sin({1}))", VECTOR, VECTOR, VECTOR),
    _operation("axis", "jnp.mean({0}, axis=0)", VECTOR, MATRIX),
    _operation("axis", "0.25 * jnp.sum({0}[:, :, None] * {1}, axis=(0, 1))",
               VECTOR, MATRIX, VECTOR),
    _operation("cumulative", "0.5 * jnp.cumsum({0})", VECTOR, VECTOR),
    _operation("cumulative", "0.25 * jnp.cumsum({0}) * {1}", VECTOR, VECTOR, VECTOR),
    _operation("join", "jnp.stack([{0}, {1}])", MATRIX, VECTOR, VECTOR),
    _operation("join", "jnp.concatenate([{0}[1:], {1}[None, :]], axis=0)", MATRIX, MATRIX, VECTOR),
    _operation("slice", "{0}[:, ::-1]", MATRIX, MATRIX),
    _operation("slice", "{0}[:, :1] * {1}", MATRIX, MATRIX, MATRIX),
    _operation("matmul", "0.125 * ({0} @ {1}.T @ {0})", MATRIX, MATRIX, MATRIX),
    _operation("einsum", "0.25 * jnp.einsum('ij,j->ij', {0}, {1})", MATRIX, MATRIX, VECTOR),
    _operation("reshape", "jnp.reshape({0}, (3, 2)).T", MATRIX, MATRIX),
    _operation("transpose", "jnp.transpose({0})[::-1].T", MATRIX, MATRIX),
    _operation("where", "jnp.where(jnp.array([[True], [False]]), {0}, {1})",
               MATRIX, MATRIX, MATRIX),
    _operation("division", "{0} / (2.0 + jnp.sin({1}))", MATRIX, MATRIX, VECTOR),
    _operation("axis", "0.25 * jnp.sum({0}[:, :, None] * {1}[:, None, :], axis=1)",
               MATRIX, MATRIX, MATRIX),
    _operation("cumulative", "0.5 * jnp.cumsum({0}, axis=1)", MATRIX, MATRIX),
    _operation("index", "{0}[4]", NUMBER, LONG),
    _operation("index", "{0}[1, 0, 1]", NUMBER, CUBE),
    _operation("einsum", "0.25 * jnp.einsum('ijk,abcd->', {0}, {1})", NUMBER, CUBE, DEEP),
    _operation("slice", "{0}[::-1]", LONG, LONG),
    _operation("cumulative", "0.25 * jnp.cumsum({0})", LONG, LONG),
    _operation("join", "jnp.concatenate([{0}[4:], {1}[:4]])", LONG, LONG, LONG),
    _operation("reshape", "jnp.reshape({0}[1], (4,))[jnp.array([0, 1, 2, 3, 0, 1])]", LONG, CUBE),
    _operation("transpose", "jnp.transpose({0}, (2, 0, 1))", CUBE, CUBE),
    _operation("matmul", "0.25 * ({0} @ {1})", CUBE, CUBE, CUBE),
    _operation("axis", "0.5 * jnp.sum({0}, axis=1, keepdims=True) * {1}", CUBE, CUBE, CUBE),
    _operation("slice", "{0}[..., ::-1]", DEEP, DEEP),
    _operation("transpose", "0.5 * jnp.swapaxes({0}, 1, 3)", DEEP, DEEP),
    _operation("axis", "jnp.reshape({0}[0], (1, 2, 1, 2))", DEEP, CUBE),
)
"""All operations."""

OPERATION: Final = choice("operation", dict.fromkeys(one.kind for one in OPERATIONS))


def giving(shape: Shape, among: tuple[Shape, ...]) -> list[Operation]:
    """The operations that give a shape, of arguments that have some of these shapes."""
    return [one for one in OPERATIONS if one.result == shape and set(one.arguments) <= set(among)]
