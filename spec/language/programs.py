"""Stateful programs as data.

A program declares states, places them in a tree of modules, and computes an output and an aux
from states, arguments and random draws, reading and writing states in any order.  Expressions
are source text over a small vocabulary, so a program has one meaning: the text it prints.  That
text runs unchanged on NumPy (real or complex, see :mod:`spec.expected.model`) and in any
implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spec.language.trees import Path, Tree, literal


@dataclass(frozen=True)
class Var:
    """A state: its variable, class, initial value, and optionally a tag."""

    id: str
    value: Tree
    kind: str = "State"
    tag: str | None = None

    def source(self) -> str:
        tag = "" if self.tag is None else f", tag={self.tag!r}"
        return f"{self.id} = lib.{self.kind}({literal(self.value)}{tag})"


@dataclass(frozen=True)
class Assign:
    """A local variable."""

    target: str
    expr: str

    def source(self) -> str:
        return f"{self.target} = {self.expr}"


@dataclass(frozen=True)
class Write:
    """A write of a state; the expression has the structure of the state's value."""

    state: str
    expr: str

    def source(self) -> str:
        return f"{self.state}.value = {self.expr}"


@dataclass(frozen=True)
class Draw:
    """A random draw of a shape from the stateful stream.

    As float64, whatever the library draws: beside it JAX's scalars, whose types are weak, would
    be float32, and the oracles know nothing of that.
    """

    target: str
    shape: tuple[int, ...]

    def source(self) -> str:
        return f"{self.target} = jnp.asarray(lib.random.normal(size={self.shape}), 'float64')"


@dataclass(frozen=True)
class Fail:
    """A planned failure."""

    message: str = "planned"

    def source(self) -> str:
        return f"raise ArithmeticError({self.message!r})"


@dataclass(frozen=True)
class Line:
    """Any other line, such as a write under a condition."""

    text: str

    def source(self) -> str:
        return self.text


Statement = Assign | Write | Draw | Fail | Line


@dataclass(frozen=True)
class Param:
    """A parameter of the function: positional, or with a default that a keyword may replace."""

    id: str
    default: Tree = None
    has_default: bool = False

    def source(self) -> str:
        return f"{self.id}={literal(self.default)}" if self.has_default else self.id


@dataclass(frozen=True)
class Ref:
    """A leaf that stands for a state, in containers of states and in modules."""

    state: str

    def __repr__(self) -> str:
        return self.state


@dataclass(frozen=True)
class Node:
    """A module: attribute names and what they hold (a Ref, a Node, or lists and dicts of them)."""

    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """A stateful function as data; ``form`` says whether its output is scalar, array or tree."""

    states: tuple[Var, ...]
    params: tuple[Param, ...]
    body: tuple[Statement, ...]
    out: str
    aux: str | None = None
    module: Node | None = None
    seed: int | None = None
    form: str = "scalar"

    def setup(self, has_aux: bool = False) -> list[str]:
        """The lines that build states, modules and the function ``f``."""
        lines = [var.source() for var in self.states]
        if self.module is not None:
            lines += module_source(self.module)
        if self.seed is not None:
            lines.append(f"lib.random.seed({self.seed})")
        lines.append(f"def f({', '.join(param.source() for param in self.params)}):")
        lines += ["    " + statement.source() for statement in self.body]
        lines.append(f"    return {self.out}, {self.aux}" if has_aux else f"    return {self.out}")
        return lines

    @property
    def draws(self) -> list[tuple[int, ...]]:
        """The shapes of the random draws, in order."""
        return [statement.shape for statement in self.body if isinstance(statement, Draw)]

    @property
    def writes(self) -> list[str]:
        """The states that are written, in order of their first write."""
        return list(dict.fromkeys(s.state for s in self.body if isinstance(s, Write)))

    def value_of(self, state: str) -> Tree:
        """The initial value of a state."""
        return next(var.value for var in self.states if var.id == state)


def module_source(root: Node) -> list[str]:
    """The lines that build the module ``m``; shared nodes are built once."""
    lines = ["class M(lib.nn.Module): pass"]
    _emit(root, "m", {}, lines)
    return lines


def _emit(node: Node, name: str, names: dict[int, str], lines: list[str]) -> None:
    """Append the lines that build a node, its children first where they are nodes."""
    names[id(node)] = name
    attributes = [f"{key} = {_child(c, names, lines)}" for key, c in node.attributes.items()]
    lines.append(f"{name} = M()")
    lines += [f"{name}.{line}" for line in attributes]


def _child(child: Any, names: dict[int, str], lines: list[str]) -> str:
    if isinstance(child, Node):
        if id(child) not in names:
            _emit(child, f"m{len(names)}", names, lines)
        return names[id(child)]
    if isinstance(child, list):
        return "[" + ", ".join(_child(c, names, lines) for c in child) + "]"
    if isinstance(child, Mapping):
        return "{" + ", ".join(f"{k!r}: {_child(c, names, lines)}" for k, c in child.items()) + "}"
    return repr(child)


def module_states(root: Node) -> list[tuple[Path, str]]:
    """Paths and states below a module by the selection rule: depth first, attributes by name,
    sequences by index, keys in order, everything shared once and under its first path."""
    found: list[tuple[Path, str]] = []
    seen: set[Any] = set()

    def visit(node: Any, path: Path) -> None:
        key = node.state if isinstance(node, Ref) else id(node)
        if key in seen:
            return
        seen.add(key)
        if isinstance(node, Ref):
            found.append((path, node.state))
            return
        if isinstance(node, list):
            children: list[tuple[Any, Any]] = list(enumerate(node))
        else:
            attributes = node.attributes if isinstance(node, Node) else node
            children = sorted(attributes.items())
        for name, child in children:
            visit(child, (*path, name))

    visit(root, ())
    return found
