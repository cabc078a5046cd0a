"""Stateful programs as data.

A program declares states, places them in a tree of modules, and computes an output and an aux
from states, arguments and random draws, reading and writing states in any order.  Expressions
are source text over a small vocabulary, so a program has one meaning: the text it prints.  That
text runs unchanged on NumPy (real or complex, see :mod:`spec.expected.model`) and in any
implementation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .trees import Path, Tree, literal


@dataclass(frozen=True)
class Var:
    """A state: its variable, class, initial value, and optionally a tag.

    ``shares`` is the state before it whose value it holds, the very same object.
    """

    id: str
    value: Tree
    kind: str = "State"
    tag: str | None = None
    shares: str = ""

    def source(self) -> str:
        tag = "" if self.tag is None else f", tag={self.tag!r}"
        value = f"{self.shares}.value" if self.shares else literal(self.value)
        return f"{self.id} = lib.{self.kind}({value}{tag})"


@dataclass(frozen=True)
class Assign:
    """A local variable."""

    target: str
    expr: str

    def source(self) -> str:
        return f"{self.target} = {self.expr}"


@dataclass(frozen=True)
class Write:
    """A write of a state; the expression has the structure of the state's value.

    ``place`` is the source that reaches the state where that is not its variable, such as
    ``self.sub.w``.
    """

    state: str
    expr: str
    place: str = ""

    def source(self) -> str:
        return f"{self.place or self.state}.value = {self.expr}"


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


@dataclass(frozen=True)
class Block:
    """Statements under a head, such as ``for k in range(2):``, and those of its ``else``."""

    head: str
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()

    def source(self) -> str:
        other = ["else:", *indented(self.otherwise)] if self.otherwise else []
        return "\n".join([self.head, *indented(self.body), *other])


@dataclass(frozen=True)
class Method:
    """A method of the class of the module ``m``, of one parameter; ``inherited`` from a base."""

    name: str
    param: str
    body: tuple[Statement, ...]
    out: str
    inherited: bool = False

    def source(self) -> str:
        """The definition, in its class."""
        lines = [f"def {self.name}(self, {self.param}):", *indented(self.body)]
        return "\n".join([*lines, f"    return {self.out}"])


@dataclass(frozen=True)
class Invoke:
    """A local variable that holds what a method returns."""

    target: str
    callee: str
    argument: str
    method: Method

    def source(self) -> str:
        return f"{self.target} = {self.callee}({self.argument})"


@dataclass(frozen=True)
class Traced:
    """A local variable that a function of JAX gives, applied to a body which it traces.

    ``definition`` are the lines that define the body: where the statement stands, so that every
    call makes it anew, or ``once``, before the function.  ``call`` are those that apply it.
    """

    target: str
    definition: tuple[str, ...]
    call: tuple[str, ...]
    once: bool = False

    def source(self) -> str:
        return "\n".join([*(() if self.once else self.definition), *self.call])


Statement = Assign | Write | Draw | Fail | Line | Block | Invoke | Traced


def indented(body: Iterable[Statement | Method]) -> list[str]:
    """The lines of statements in a block."""
    return ["    " + line for statement in body for line in statement.source().splitlines()]


def walk(body: Iterable[Statement]) -> Iterator[Statement]:
    """The statements, and those that stand in their blocks and in the methods they call."""
    for statement in body:
        yield statement
        if isinstance(statement, Block):
            yield from walk((*statement.body, *statement.otherwise))
        if isinstance(statement, Invoke):
            yield from walk(statement.method.body)


@dataclass(frozen=True)
class Exit:
    """A return before the last line, under a condition."""

    condition: str
    out: str
    aux: str | None = None


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
class Source:
    """A leaf that is written as source, for an argument that is no tree of arrays."""

    source: str

    def __repr__(self) -> str:
        return self.source


@dataclass(frozen=True)
class Node:
    """A module: attribute names and what they hold (a Ref, a Node, or lists and dicts of them)."""

    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """How the function ``f`` comes about: what it is defined as, within what, and what follows.

    A place in ``within`` and ``after`` stands for the states and the module.
    """

    name: str = "f"
    first: str = ""
    within: str = ""
    after: tuple[str, ...] = ()


DEFINITIONS: Final = {
    "function": Definition(),
    "closure": Definition(within="def make({0}):", after=("    return f", "f = make({0})")),
    "method": Definition("loss", "self", "class F:", ("f = F().loss",)),
    "object": Definition("__call__", "self", "class F:", ("f = F()",)),
    "forwarded": Definition("whole", after=(
        "def f(*args, **kwargs): return whole(*args, **kwargs)",)),
}
"""The forms of a function."""


@dataclass(frozen=True)
class Program:
    """A stateful function as data.

    ``methods`` are those of the module, and ``early`` is a return after the body and before the
    last.  ``form`` is what kind of callable the function is; see :data:`DEFINITIONS`.
    """

    states: tuple[Var, ...]
    params: tuple[Param, ...]
    body: tuple[Statement, ...]
    out: str
    aux: str | None = None
    module: Node | None = None
    seed: int | None = None
    methods: tuple[Method, ...] = ()
    early: Exit | None = None
    form: str = "function"

    def setup(self, has_aux: bool = False) -> list[str]:
        """The lines that build states, modules and the function ``f``."""
        lines = [var.source() for var in self.states]
        if self.module is not None:
            lines += module_source(self.module, self.methods)
        if self.seed is not None:
            lines.append(f"lib.random.seed({self.seed})")
        lines += [line for statement in walk(self.body)
                  if isinstance(statement, Traced) and statement.once
                  for line in statement.definition]
        params = ", ".join(param.source() for param in self.params)
        body = indented(self.body)
        if self.early is not None:
            body += [f"    if {self.early.condition}:", f"    {_returned(self.early, has_aux)}"]
        return [*lines, *self._callable(params, [*body, _returned(self, has_aux)])]

    def _callable(self, params: str, body: list[str]) -> list[str]:
        """The lines that define ``f`` in the form of the program."""
        form = DEFINITIONS[self.form]
        names = ", ".join([*(var.id for var in self.states), *["m"] * (self.module is not None)])
        inner = [f"def {form.name}({', '.join(filter(None, [form.first, params]))}):", *body]
        if form.within:
            inner = [form.within.format(names), *("    " + line for line in inner)]
        return [*inner, *(line.format(names) for line in form.after)]

    @property
    def draws(self) -> list[tuple[int, ...]]:
        """The shapes of the random draws, in order."""
        return [statement.shape for statement in self.body if isinstance(statement, Draw)]

    @property
    def writes(self) -> list[str]:
        """The states that are written, in order of their first write."""
        return list(dict.fromkeys(s.state for s in walk(self.body) if isinstance(s, Write)))

    def value_of(self, state: str) -> Tree:
        """The initial value of a state."""
        return next(var.value for var in self.states if var.id == state)


def _returned(given: Program | Exit, has_aux: bool) -> str:
    return f"    return {given.out}, {given.aux}" if has_aux else f"    return {given.out}"


def module_source(root: Node, methods: tuple[Method, ...] = ()) -> list[str]:
    """The lines that build the module ``m``; shared nodes are built once."""
    lines, kind = ["class M(lib.nn.Module): pass"], "M"
    for name, inherited in (("Base", True), ("Model", False)):
        own = [method for method in methods if method.inherited == inherited]
        if own:
            lines += [f"class {name}({kind}):", *indented(own)]
            kind = name
    _emit(root, "m", {}, lines, kind)
    return lines


def _emit(
    node: Node, name: str, names: dict[int, str], lines: list[str], kind: str = "M"
) -> None:
    """Append the lines that build a node, its children first where they are nodes."""
    names[id(node)] = name
    attributes = [f"{key} = {_child(c, names, lines)}" for key, c in node.attributes.items()]
    lines.append(f"{name} = {kind}()")
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


def module_places(root: Node, name: str) -> Iterator[tuple[str, str]]:
    """The source that reaches each state below a module, by every way there, and the state."""
    def visit(held: Any, text: str) -> Iterator[tuple[str, str]]:
        if isinstance(held, Ref):
            yield text, held.state
        elif isinstance(held, Node):
            for key, child in held.attributes.items():
                yield from visit(child, f"{text}.{key}")
        else:
            keys: list[Any] = list(held) if isinstance(held, Mapping) else [*range(len(held))]
            for key in keys:
                yield from visit(held[key], f"{text}[{key!r}]")

    return visit(root, name)
