"""Cases: a program together with one call of a transform of its function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import trees
from .programs import Program, Ref, module_states
from .returns import Row
from .script import Script
from .transforms import FAMILY, Member
from .trees import Tree, literal


@dataclass(frozen=True)
class Selection:
    """A container of states: a tree with Ref leaves, or a mapping selected from the module.

    ``text`` is the source where it is not the literal of the tree; ``mapping`` says that where
    the tree has dicts, any mapping type with the same keys in the same order will do.
    """

    tree: Tree
    text: str = ""
    mapping: bool = False

    def source(self) -> str:
        return self.text or literal(self.tree)

    @property
    def states(self) -> list[str]:
        """The states that are differentiated, each once."""
        found = (leaf.state for _, leaf in trees.leaves(self.tree) if isinstance(leaf, Ref))
        return list(dict.fromkeys(found))


def selected_from_module(program: Program, filter_text: str, kinds: tuple[str, ...]) -> Selection:
    """The selection ``m.states(filter)`` for a filter that keeps the given classes of state."""
    assert program.module is not None
    kind = {var.id: var.kind for var in program.states}
    chosen = {p: Ref(s) for p, s in module_states(program.module) if kind[s] in kinds}
    return Selection(chosen, f"m.states({filter_text})", mapping=True)


def treefied_from_module(program: Program, filter_text: str, kinds: tuple[str, ...]) -> Selection:
    """The selection ``treefy_states(m, filter)``: the same states, nested by their paths."""
    flat = selected_from_module(program, filter_text, kinds)
    nested: dict[Any, Any] = {}
    for path, ref in flat.tree.items():
        node = nested
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = ref
    return Selection(nested, f"lib.graph.treefy_states(m, {filter_text})", mapping=True)


@dataclass(frozen=True)
class Case(Script):
    """One call ``transform.<member>(f, ...)(*args, **kwargs)`` of a program's function.

    Attributes
    ----------
    program : Program
        The function, its states and modules.
    member : str
        The name of the transform.
    row : Row
        The row of the return table that the call falls under.
    selection : Selection or None
        ``grad_states``.
    argnums : int, list, tuple or None
        ``argnums`` as the user writes it.
    args, kwargs : tuple, mapping
        The arguments of the call.
    options : mapping
        Further keyword arguments of the transform, as source.
    labels : frozenset of str
        The choices that made the case; see :mod:`spec.language.labels`.
    function : str
        The source of what is transformed, where that is not the program's function itself.
    spelling : mapping
        The source of words of the transform that are not written as they are meant, such as an
        index that is no int of Python.
    between : tuple of str
        Lines between the program and the call, which define what these sources need.
    """

    program: Program
    member: str
    row: Row
    selection: Selection | None = None
    argnums: int | list[int] | tuple[int, ...] | None = None
    args: tuple[Tree, ...] = ()
    kwargs: Mapping[str, Tree] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    function: str = "f"
    spelling: Mapping[str, str] = field(default_factory=dict)
    between: tuple[str, ...] = ()

    @property
    def transform(self) -> Member:
        """The member of the family that is called."""
        return FAMILY[self.member]

    def setup(self) -> list[str]:
        """The lines up to the call."""
        used = (*self.args, *self.kwargs.values(), self.selection and self.selection.tree)
        lines = [*self.program.setup(self.row.has_aux), *self.between]
        return [*trees.imports([*lines, *map(literal, used)]), *lines]

    def arguments(self) -> str:
        """The arguments of the call as source."""
        given = [literal(arg) for arg in self.args]
        return ", ".join(given + [f"{key}={literal(arg)}" for key, arg in self.kwargs.items()])

    def transformed(self) -> str:
        """The source of the transformed function."""
        return f"lib.transform.{self.member}({', '.join([self.function, *self.words()])})"

    def words(self) -> list[str]:
        """The keyword arguments of the transform as source."""
        said = {} if self.selection is None else {"grad_states": self.selection.source()}
        said |= {} if self.argnums is None else {"argnums": repr(self.argnums)}
        said |= {flag: "True" for flag in ("has_aux", "return_value") if getattr(self.row, flag)}
        return [f"{key}={text}" for key, text in {**said, **self.spelling, **self.options}.items()]

    def call(self) -> str:
        """The line of the call."""
        return f"result = {self.transformed()}({self.arguments()})"

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [*self.setup(), self.call()]

    @property
    def positions(self) -> list[int]:
        """The non-negative positions of the arguments that are differentiated."""
        argnums = self.argnums
        if argnums is None:
            return [] if self.selection is not None else [0]
        several = [argnums] if isinstance(argnums, int) else argnums
        return [index % len(self.args) for index in several]

    @property
    def sides(self) -> list[str]:
        """Which sides are differentiated: ``var``, ``arg`` or both, in the table's order."""
        both = [("var", self.selection is not None),
                ("arg", self.argnums is not None or self.selection is None)]
        return [side for side, present in both if present]
