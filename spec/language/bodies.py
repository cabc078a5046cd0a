"""Drawing the body of a function: expressions over what is in scope, statements, methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from hypothesis import strategies as st

from . import trees
from .labels import Chooser, DrawFn, choice
from .operations import OPERATION, Operation, giving
from .programs import (
    Assign,
    Block,
    Draw,
    Invoke,
    Method,
    Node,
    Statement,
    Var,
    Write,
    module_places,
)
from .trees import NAMED, Tree
from .values import Shape
from .wishes import Wish

# -- the choices that are counted ----------------------------------------------------------------

FLOW: Final = choice("flow", ("straight", "for", "if on a shape", "if on a state", "early return"))
METHOD: Final = choice("method", ("none", "__call__", "by name", "inherited", "by the other"))
PLACE: Final = choice("place of a state", ("variable", "attributes of a module", "self"))

ACCESS: Final = choice("access", ("read", "write only", "read then write", "write then read",
                                  "no access", "written twice"))
WRITTEN: Final = choice("written", ("0", "1", "2", "3"), {"write": ("1", "2", "3")})

FREE: Final = choice("anything", (
    "array", "integers", "flags", "short", "half", "bfloat16", "complex", "empty", "number",
    "symbol", "dict", "list", "tuple", "named tuple", "ordered dict", "default dict"))

LEAVES: Final[Mapping[str, tuple[str, ...]]] = {
    "integers": ("jnp.array([1, 2])", "jnp.array(2, jnp.int32)", "jnp.array([3], jnp.uint8)"),
    "flags": ("jnp.array([True, False])", "jnp.array(True)"),
    "short": ("jnp.array(0.5, jnp.float32)", "jnp.array([0.25, -0.5], jnp.float32)"),
    "half": ("jnp.array(0.5, jnp.float16)", "jnp.array([0.25, -0.5, 1.0], jnp.float16)"),
    "bfloat16": ("jnp.array(0.5, jnp.bfloat16)", "jnp.array([0.25, -0.5], jnp.bfloat16)"),
    "complex": ("jnp.array(1.0 + 2.0j)", "jnp.array([0.5j], jnp.complex64)"),
    "empty": ("jnp.zeros((0, 3))", "jnp.zeros((2, 0), jnp.int32)"),
    "number": ("2.5", "3", "-10000000000", "True", "1j"),
    "symbol": ("None", "()", "[]", "{}"),
}
"""Parts of values that may be anything, as source."""

NODES: Final[Mapping[str, tuple[str, ...]]] = {
    "dict": ("{{'b': {0}, 'a': {1}}}", "{{10: {0}, 2: {1}, 9: {0}}}"),
    "list": ("[{0}]", "[{0}, {1}, {0}]"),
    "tuple": ("({0},)", "({0}, {1})"),
    "named tuple": (f"{NAMED.__name__}({{0}}, {{1}})",),
    "ordered dict": ("OrderedDict({{'b': {0}, 'a': {1}}})",),
    "default dict": ("defaultdict(list, {{'b': {0}, 'a': {1}}})",),
}
"""Containers of two other parts, as source."""

SOME: Final = ("array", "number", "number", *LEAVES, *NODES)
"""What a value may be, in the proportions in which it is drawn."""

COEFFICIENTS: Final = (1.0, 2.0, 0.5, -1.0, -0.5, 1.5)


@dataclass(frozen=True)
class Name:
    """Source text that stands for an array of a known shape, and the state that it reads."""

    text: str
    shape: Shape
    state: str = ""


def names_in(text: str, value: Tree, state: str = "") -> list[Name]:
    """The floating leaves of a value that stands in a variable, as source."""
    found = []
    for path, leaf in trees.leaves(value):
        if not trees.is_inexact(leaf):
            continue
        index = "".join(f"[{key!r}]" for key in path)
        found.append(Name(text + index, np.asarray(leaf).shape, state))
    return found


def fit(name: Name, shape: Shape, dtype: str = "float64") -> str:
    """Source of an array of the shape that depends on the name."""
    if name.shape == shape:
        return name.text
    if shape == ():
        return f"jnp.sum({name.text})"
    if name.shape == (2, 3) and shape == (3,):
        return f"jnp.sum({name.text}, axis=0)"
    ones = f"jnp.ones({shape})" if dtype == "float64" else f"jnp.ones({shape}, jnp.{dtype})"
    if name.shape == () or (name.shape == (3,) and shape == (2, 3)):
        return f"{name.text} * {ones}"
    return f"jnp.sum({name.text}) * {ones}"


def access(events: str) -> str:
    """The option of :data:`ACCESS` for reads ``r`` and writes ``w`` in their order."""
    if "w" not in events:
        return "read" if events else "no access"
    if events.count("w") > 1:
        return "written twice"
    if "r" not in events:
        return "write only"
    return "read then write" if events[0] == "r" else "write then read"


@dataclass(frozen=True)
class Place:
    """Source that reaches a state, and the state."""

    text: str
    var: Var

    def write(self, expr: str) -> Write:
        """A write of the state there."""
        return Write(self.var.id, expr, "" if self.text == self.var.id else self.text)


class Body(Chooser):
    """The body of a function in the making.

    Parameters
    ----------
    draw : callable
        Hypothesis's.
    wish : Wish
        What is asked for.

    Attributes
    ----------
    scope : list of Name
        What an expression may use.
    places : list of Place
        Where a statement may write.
    methods : dict
        The methods that a statement may call, by the source that reaches them, with the shapes
        of their parameter and result, and the accesses to states that a call makes.
    tests : list
        Conditions on states that are never selected, with the state.
    events : dict
        How each state was accessed so far: ``r`` for a read and ``w`` for a write.
    scratch : Var or None
        A state that is never read, and may be given any value.
    """

    def __init__(self, draw: DrawFn, wish: Wish) -> None:
        super().__init__(draw)
        self.wish = wish
        self.scope: list[Name] = []
        self.places: list[Place] = []
        self.methods: dict[str, tuple[Method, Shape, Shape, dict[str, str]]] = {}
        self.tests: list[tuple[str, str]] = []
        self.events: dict[str, str] = {}
        self.scratch: Var | None = None
        self.count = 0

    @property
    def dtype(self) -> str:
        """The dtype of the states and arguments, once it is chosen."""
        return self.wish.dtypes[0]

    # -- scopes --------------------------------------------------------------------------------

    def reach(self, root: Node, name: str, states: Sequence[Var]) -> None:
        """Let expressions and statements use the states by their places in a module, too."""
        by_id = {var.id: var for var in states}
        for text, state in module_places(root, name):
            self.places.append(Place(text, by_id[state]))
            self.scope += names_in(f"{text}.value", by_id[state].value, state)

    def model(self, root: Node, states: Sequence[Var]) -> tuple[Method, ...]:
        """The methods of the class of a module, which reach its states through ``self``."""
        made = [self.method("part", True, root, states)] if self.draw(st.booleans()) else []
        name = self.draw(st.sampled_from(("__call__", "mix")))
        made.append(self.method(name, False, root, states))
        self.methods = {
            text.replace("self", "m").removesuffix(".__call__"): what
            for text, what in self.methods.items()
        }
        return tuple(made)

    def method(
        self, name: str, inherited: bool, root: Node, states: Sequence[Var]
    ) -> Method:
        """A method of the module; it may call those that were made before it."""
        before, self.events = self.events, dict.fromkeys(self.events, "")
        scope, places = self.scope, self.places
        takes, gives = (self.draw(st.sampled_from(self.wish.shapes)) for _ in range(2))
        self.scope, self.places = [Name("v", takes)], []
        self.reach(root, "self", states)
        body = [self.simple() for _ in range(self.draw(st.integers(0, 2)))]
        made = Method(name, "v", tuple(body), self.array(gives), inherited)
        self.methods[f"self.{name}"] = made, takes, gives, self.events
        self.scope, self.places, self.events = scope, places, before
        return made

    # -- statements ----------------------------------------------------------------------------

    def statement(self) -> Statement:
        """A statement of any kind."""
        wish = self.wish
        kinds = ["simple"] * 4 + ["draw"] * (2 * wish.draws)
        kinds += ["call"] * (3 * bool(self.methods)) + ["for", "for", "if"] * wish.flow
        kinds += ["scratch"] * (2 * bool(self.scratch))
        match self.draw(st.sampled_from(kinds)):
            case "draw":
                shape = self.draw(st.sampled_from(wish.shapes))
                return Draw(self.target(shape), shape)
            case "for":
                return self.loop()
            case "if":
                return self.branch()
            case "call":
                return self.call()
            case "scratch":
                assert self.scratch is not None
                self.events[self.scratch.id] += "w"
                return Write(self.scratch.id, self.anything())
        return self.simple()

    def simple(self) -> Statement:
        """A write, an assignment, or a call of a method."""
        kinds = ["write", "write"] * (self.wish.writes and bool(self.places)) + ["assign"]
        kind = self.draw(st.sampled_from(kinds + ["call"] * bool(self.methods)))
        if kind == "write":
            return self.write()
        return self.call() if kind == "call" else self.assign()

    def target(self, shape: Shape) -> str:
        """A new local variable, which is in scope from now on."""
        name = f"t{self.count}"
        self.count += 1
        self.scope.append(Name(name, shape))
        return name

    def assign(self) -> Statement:
        """A new local variable."""
        shape = self.draw(st.sampled_from(self.wish.shapes))
        text = self.array(shape)
        return Assign(self.target(shape), text)

    def write(self, factor: str = "") -> Statement:
        """A write of a state, at one of its places."""
        place: Place = self.draw(st.sampled_from(self.places))
        new = self.like(place, factor)
        self.note_place(place.text)
        self.events[place.var.id] += "w"
        return place.write(new)

    def call(self) -> Statement:
        """A call of a method."""
        text = self.draw(st.sampled_from(list(self.methods)))
        method, takes, gives, events = self.methods[text]
        argument = self.use(self.draw(st.sampled_from(list(self.scope))), takes)
        for state, more in events.items():
            self.events[state] += more
        how = "inherited" if method.inherited else "by name"
        self.note(METHOD, "by the other" if text.startswith("self") else
                  "__call__" if text == "m" else how)
        return Invoke(self.target(gives), text, argument, method)

    def loop(self) -> Statement:
        """A loop of two or three turns, each of which makes what it changes smaller."""
        self.note(FLOW, "for")
        before, turns = dict(self.events), self.draw(st.integers(2, 3))
        if self.wish.writes and self.places:
            statement = self.write("(0.25 + 0.125 * k)")
        else:
            shape = self.draw(st.sampled_from(self.wish.shapes))
            text = f"(0.25 + 0.125 * k) * ({self.array(shape)})"
            statement = Assign(self.target(shape), text)
        for state, now in self.events.items():
            self.events[state] += now[len(before[state]):] * (turns - 1)
        return Block(f"for k in range({turns}):", (statement,))

    def branch(self) -> Statement:
        """A variable that is one thing or another, and maybe a write on the first way."""
        condition = self.condition()
        body: list[Statement] = []
        if self.wish.writes and self.places and self.draw(st.booleans()):
            body.append(self.write())
        shape = self.draw(st.sampled_from(self.wish.shapes))
        one, other = self.array(shape), self.array(shape)
        target = self.target(shape)
        body.append(Assign(target, one))
        return Block(f"if {condition}:", tuple(body), (Assign(target, other),))

    def condition(self) -> str:
        """A condition that is known without values of what is differentiated."""
        if self.tests and self.draw(st.booleans()):
            text: str
            text, state = self.draw(st.sampled_from(self.tests))
            self.events[state] += "r"
            self.note(FLOW, "if on a state")
            return text
        self.note(FLOW, "if on a shape")
        name = self.draw(st.sampled_from(list(self.scope)))
        return f"jnp.ndim({name.text}) == {self.draw(st.integers(0, 2))}"

    # -- expressions ---------------------------------------------------------------------------

    def use(self, name: Name, shape: Shape) -> str:
        """Source of an array of the shape that depends on a name."""
        if name.state:
            self.events[name.state] += "r"
            self.note_place(name.text)
        return fit(name, shape, self.dtype)

    def note_place(self, text: str) -> None:
        """Note by which way a state is reached."""
        way = "self" if text.startswith("self.") else "variable"
        self.note(PLACE, "attributes of a module" if text.startswith("m.") else way)

    def any(self, shape: Shape) -> str:
        """Source of an array of the shape that depends on some name in scope."""
        return self.use(self.draw(st.sampled_from(list(self.scope))), shape)

    def array(self, shape: Shape) -> str:
        """Source of an array of the shape over the names in scope."""
        terms = []
        for _ in range(self.draw(st.integers(1, 2))):
            term = self.draw(st.sampled_from(self.wish.functions)).format(self.inner_term(shape))
            coefficient = self.draw(st.sampled_from(COEFFICIENTS))
            terms.append(term if coefficient == 1.0 else f"{coefficient} * {term}")
        return " + ".join(terms)

    def inner_term(self, shape: Shape) -> str:
        """A name, a product of two, or an operation on some."""
        known = giving(shape, self.wish.shapes) if self.wish.operations else []
        kinds = ("name", "operation", "product") if known else ("name", "product")
        kind = self.draw(st.sampled_from(kinds))
        if kind == "operation":
            chosen: Operation = self.draw(st.sampled_from(known))
            names = [self.draw(st.sampled_from(list(self.scope))) for _ in chosen.arguments]
            return self.operation(chosen, names)
        first = self.any(shape)
        return f"{first} * {self.any(shape)}" if kind == "product" else first

    def operation(self, chosen: Operation, names: Sequence[Name]) -> str:
        """Source of an operation on some names."""
        self.note(OPERATION, chosen.kind)
        used = zip(names, chosen.arguments, strict=True)
        return chosen.text.format(*(closed(self.use(name, shape)) for name, shape in used))

    def anything(self, depth: int = 2, kinds: Sequence[str] = SOME) -> str:
        """Source of a value of any structure, dtype and type."""
        kind = self.choose(FREE, kinds)
        if kind == "array":
            return self.array(self.draw(st.sampled_from(self.wish.shapes)))
        if kind in LEAVES:
            return str(self.draw(st.sampled_from(LEAVES[kind])))
        text = self.draw(st.sampled_from(NODES[kind]))
        inner = (*SOME, *NODES) if depth > 1 else SOME[:-len(NODES)]
        return str(text.format(*(self.anything(depth - 1, inner) for _ in range(2))))

    def like(self, place: Place, factor: str = "") -> str:
        """Source of a value with the structure of a state's: floating leaves are new, all others
        are kept."""
        def source(tree: Tree, old: str) -> str:
            if tree is None:
                return "None"
            if trees.items(tree) is None:
                if trees.is_inexact(tree):
                    new = self.array(np.asarray(tree).shape)
                    return f"{factor} * ({new})" if factor else new
                self.events[place.var.id] += "r"
                return old
            return trees.source_like(tree, [
                source(child, f"{old}[{key!r}]") for key, child in trees.items(tree) or ()])

        return source(place.var.value, f"{place.text}.value")


def closed(text: str) -> str:
    """Source to which an index can be appended."""
    return f"({text})" if " * " in text else text


def tests_of(var: Var) -> list[tuple[str, str]]:
    """Conditions on the integers and booleans of a state."""
    found = []
    for path, leaf in trees.leaves(var.value):
        array = np.asarray(leaf)
        if array.dtype.kind in "ib":
            text = f"{var.id}.value" + "".join(f"[{key!r}]" for key in path)
            text += "[0]" * array.ndim
            found.append((text if array.dtype.kind == "b" else f"{text} > 0", var.id))
    return found
