"""Hypothesis strategies: values, programs, selections, calls.

Shapes come from a pool of four, so that compiled code is reused; variety goes into values,
containers, and the order of reads and writes.  The vocabulary of expressions is smooth,
holomorphic and of bounded slope, so that the oracles are exact to rounding and no case sits on
a kink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from spec.language import trees
from spec.language.call_forms import (
    ARGNUMS,
    AUXES,
    CONTAINERS,
    MODULAR,
    NOTHING,
    argnums_forms,
    selections,
)
from spec.language.cases import Case
from spec.language.programs import Assign, Draw, Node, Param, Program, Ref, Statement, Var, Write
from spec.language.returns import ROWS, Row
from spec.language.transforms import FAMILY
from spec.language.trees import Tree

Shape = tuple[int, ...]
DrawFn = Any

SHAPES: Final[tuple[Shape, ...]] = ((), (3,), (2, 3))
EMPTY: Final[Shape] = (0,)
UNARY: Final = (
    "{0}",
    "jnp.sin({0})",
    "jnp.tanh({0})",
    "jnp.exp(-({0}) ** 2)",
    "jnp.cos({0})",
    "jnp.arctan({0})",
    "jnp.log1p(({0}) ** 2)",
    "jnp.sqrt(1.0 + ({0}) ** 2)",
    "1.0 / (1.0 + ({0}) ** 2)",
)
NUMBERS: Final = tuple(k / 4 for k in (4, 2, 6, 3, 1, 5, 7, -4, -2, -6, -3, -1, -5, -7, 0))
CALM: Final = UNARY[:2]
"""The functions for rules that judge structures or effects: few, so that little is compiled."""
COEFFICIENTS: Final = (1.0, 2.0, 0.5, -1.0, -0.5, 1.5)


@dataclass(frozen=True)
class Name:
    """Source text that stands for an array of a known shape."""

    text: str
    shape: Shape


def arrays(shape: Shape, dtype: str = "float64") -> st.SearchStrategy[Any]:
    """Arrays of a shape with short decimals."""
    size = int(np.prod(shape))
    numbers = st.lists(st.sampled_from(NUMBERS), min_size=size, max_size=size)
    return numbers.map(lambda values: np.array(values, dtype).reshape(shape))


KINDS: Final = ("array", "array", "dict", "tuple", "list", "number", "deep", "empty")
"""The kinds of value in the proportions in which they are drawn; ``zero`` is a kind on request."""


@st.composite
def values(
    draw: DrawFn, *, nested: bool = True, dtype: str = "float64", kinds: Sequence[str] = (),
    shapes: Sequence[Shape] = SHAPES,
) -> Tree:
    """Floating values: arrays, Python numbers, and containers of arrays."""
    leaf = st.sampled_from(shapes).flatmap(lambda shape: arrays(shape, dtype))
    if not kinds and not nested:
        return draw(leaf)
    match draw(st.sampled_from(tuple(kinds) or KINDS)):
        case "dict":
            return {"b": draw(leaf), "a": draw(leaf)}
        case "tuple":
            return (draw(leaf), draw(leaf))
        case "list":
            return [draw(leaf)]
        case "number" if dtype == "float64":
            return draw(st.sampled_from(NUMBERS))
        case "deep":
            return {"u": [draw(leaf), None], "t": (draw(leaf),)}
        case "empty":
            return {"e": draw(arrays(EMPTY, dtype)), "a": draw(leaf)}
        case "zero":
            return draw(arrays(EMPTY, dtype))
    return draw(leaf)


@st.composite
def discrete(
    draw: DrawFn, dtype: str = "float64", shapes: Sequence[Shape] = SHAPES
) -> Tree:
    """A value that holds integers and booleans beside a floating array."""
    leaf = draw(st.sampled_from(shapes).flatmap(lambda shape: arrays(shape, dtype)))
    counts = np.array(draw(st.lists(st.integers(-3, 3), min_size=3, max_size=3)))
    flag = draw(st.booleans())
    return draw(st.sampled_from((
        {"w": leaf, "n": counts}, [leaf, flag, np.array([flag, not flag])], (counts, leaf, 2),
    )))


def names_in(text: str, value: Tree) -> list[Name]:
    """The floating leaves of a value that stands in a variable, as source."""
    found = []
    for path, leaf in trees.leaves(value):
        if not trees.is_inexact(leaf):
            continue
        index = "".join(f"[{key!r}]" for key in path)
        found.append(Name(text + index, np.asarray(leaf).shape))
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


@st.composite
def expressions(
    draw: DrawFn, scope: Sequence[Name], shape: Shape, dtype: str = "float64",
    functions: Sequence[str] = UNARY,
) -> str:
    """Source of an array of the shape over the names in scope."""
    terms = []
    for _ in range(draw(st.integers(1, 2))):
        inner = fit(draw(st.sampled_from(list(scope))), shape, dtype)
        if draw(st.booleans()):
            other = fit(draw(st.sampled_from(list(scope))), shape, dtype)
            inner = f"{inner} * {other}"
        term = draw(st.sampled_from(functions)).format(inner)
        coefficient = draw(st.sampled_from(COEFFICIENTS))
        terms.append(term if coefficient == 1.0 else f"{coefficient} * {term}")
    return " + ".join(terms)


@st.composite
def rebuilt(
    draw: DrawFn, text: str, value: Tree, scope: Sequence[Name], dtype: str = "float64",
    functions: Sequence[str] = UNARY,
) -> str:
    """Source of a value with the structure of ``value``, which stands in ``text``.

    Floating leaves are new, all others are kept.
    """
    def source(tree: Tree, old: str) -> str:
        if trees.items(tree) is None:
            if not trees.is_inexact(tree):
                return old
            return str(draw(expressions(scope, np.asarray(tree).shape, dtype, functions)))
        if tree is None:
            return "None"
        children = {key: source(child, f"{old}[{key!r}]") for key, child in trees.items(tree) or ()}
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{key!r}: {child}" for key, child in children.items()) + "}"
        inner = ", ".join(children.values())
        return f"[{inner}]" if isinstance(tree, list) else f"({inner},)"

    return source(value, text)


@dataclass(frozen=True)
class Wish:
    """What cases to draw.

    Attributes
    ----------
    members : tuple of str
        The transforms to choose from.
    rows : tuple of Row
        The rows to choose from.
    nested : bool
        Whether values may be containers.
    draws, writes : bool
        Whether the program may draw random numbers, write states.
    outputs : tuple of str
        Which outputs to choose from: ``scalar``, ``array``, ``tree``; a transform that takes
        scalars only gets a scalar.
    dtype : str
        The dtype of states and arguments.
    containers : tuple of str
        The containers of ``grad_states`` to choose from; see
        :data:`spec.language.call_forms.CONTAINERS`.
    argnums : tuple of str
        The forms of ``argnums`` to choose from; see :data:`spec.language.call_forms.ARGNUMS`.
    auxes : tuple of str
        The forms of aux to choose from; see :data:`spec.language.call_forms.AUXES`.
    functions, shapes : tuple
        The functions of the vocabulary and the shapes to choose from.
    kinds : tuple of str
        The kinds of value to choose from; see :data:`KINDS`.  Empty: as ``nested`` says.
    fewest, most : int
        At least so many selected states, at most so many states.
    steps : tuple of int
        The least and the greatest number of statements before the output.
    bystanders : bool
        Whether there is one more state, never selected, with integers and booleans in it.
    keywords : bool
        Whether there are parameters with defaults, left out or given by keyword.

    The defaults keep to what every rule takes for granted; a rule asks for what it is about, so
    that a failure points at its cause.
    """

    members: tuple[str, ...] = tuple(FAMILY)
    rows: tuple[Row, ...] = ROWS
    nested: bool = False
    draws: bool = False
    writes: bool = False
    outputs: tuple[str, ...] = ("scalar", "array")
    dtype: str = "float64"
    containers: tuple[str, ...] = ("list",)
    argnums: tuple[str, ...] = ("int",)
    auxes: tuple[str, ...] = ("array", "dict")
    functions: tuple[str, ...] = UNARY
    shapes: tuple[Shape, ...] = SHAPES
    kinds: tuple[str, ...] = ()
    fewest: int = 1
    most: int = 3
    steps: tuple[int, int] = (0, 3)
    bystanders: bool = False
    keywords: bool = False


def calm(**wishes: Any) -> Wish:
    """A wish of a rule that judges structures: few functions and shapes, so little to compile."""
    return Wish(functions=CALM, shapes=SHAPES[:2], **wishes)


EVERYTHING: Final = Wish(
    nested=True, draws=True, writes=True, outputs=("scalar", "array", "tree"),
    containers=CONTAINERS, argnums=ARGNUMS, auxes=tuple(AUXES), most=6, bystanders=True,
    keywords=True,
)
"""All that a wish can ask for, at once."""

ORDINARY: Final = replace(
    EVERYTHING, kinds=("array", "array", "dict", "tuple", "list", "deep", "empty", "zero"),
    most=4,
    containers=("one", "list", "tuple", "dict", "nested", "module"),
    argnums=("int", "list", "tuple"), auxes=("array", "dict"),
)
"""Everything but the rarer forms, each of which has a rule of its own that would fail first."""


@st.composite
def statements(draw: DrawFn, wish: Wish, states: list[Var], scope: list[Name]) -> list[Statement]:
    """A body: assignments, writes and draws in any order; extends the scope by the locals."""
    body: list[Statement] = []
    how = wish.dtype, wish.functions
    kinds = ["assign"] + ["write"] * (wish.writes and bool(states)) + ["draw"] * wish.draws
    for index in range(draw(st.integers(*wish.steps))):
        kind = draw(st.sampled_from(kinds))
        if kind == "write":
            var = draw(st.sampled_from(states))
            new = draw(rebuilt(f"{var.id}.value", var.value, scope, *how))
            body.append(Write(var.id, new))
            continue
        shape = draw(st.sampled_from(wish.shapes))
        target = f"t{index}"
        if kind == "draw":
            body.append(Draw(target, shape))
        else:
            body.append(Assign(target, draw(expressions(scope, shape, *how))))
        scope.append(Name(target, shape))
    return body


@st.composite
def outputs(draw: DrawFn, wish: Wish, scope: list[Name], must: list[Name], kind: str) -> str:
    """The source of an output of a kind that depends on every name in ``must``."""
    how = wish.dtype, wish.functions

    def plus(shape: Shape) -> str:
        terms = [draw(expressions(scope, shape, *how))]
        terms += [f"jnp.sin({fit(name, shape, wish.dtype)})" for name in must]
        return " + ".join(terms)

    if kind == "scalar":
        return plus(())
    if kind == "array":
        return plus((3,))
    return f"{{'p': {plus((3,))}, 'q': [{draw(expressions(scope, (), *how))}]}}"


@st.composite
def modules(draw: DrawFn, states: Sequence[str]) -> Node:
    """A module that holds the states in attributes, lists and sub-modules, some of them twice."""
    attributes: dict[str, Any] = {}
    for index, state in enumerate(states):
        place = draw(st.sampled_from(("attribute", "list", "sub", "dict")))
        name = "wvub"[index % 4] + str(index)
        match place:
            case "attribute":
                attributes[name] = Ref(state)
            case "list":
                attributes.setdefault("items", []).append(Ref(state))
            case "sub":
                attributes.setdefault("sub", Node({})).attributes[name] = Ref(state)
            case "dict":
                attributes.setdefault("table", {})[name] = Ref(state)
    match draw(st.sampled_from(("once", "state", "module"))):
        case "state":  # under a name of its own, before or after its other place
            attributes[draw(st.sampled_from("az"))] = Ref(draw(st.sampled_from(states)))
        case "module" if "sub" in attributes:
            attributes[draw(st.sampled_from("az"))] = attributes["sub"]
    return Node(attributes)


@st.composite
def cases(draw: DrawFn, wish: Wish) -> Case:
    """A program and one call of a transform of it."""
    member = draw(st.sampled_from(wish.members))
    row = draw(st.sampled_from(wish.rows))
    with_args = row.args if row.args is not None else draw(st.booleans())
    form = draw(st.sampled_from(wish.containers)) if row.states else ""
    value = values(nested=wish.nested, dtype=wish.dtype, kinds=wish.kinds,
                   shapes=wish.shapes)
    fewest = wish.fewest if row.states and form not in NOTHING else 0
    states = [
        Var(f"s{i}", draw(value), draw(st.sampled_from(("State", "ParamState"))))
        for i in range(draw(st.integers(fewest, wish.most)))
    ]
    need_args = with_args or not row.states or not states
    args = [draw(value) for _ in range(draw(st.integers(1 if need_args else 0, 2)))]
    if form in MODULAR:
        states[:fewest] = [Var(var.id, var.value, "ParamState") for var in states[:fewest]]
    case: Case = draw(_case(wish, member, row, bool(with_args), states, args, form))
    return case


@st.composite
def _case(
    draw: DrawFn, wish: Wish, member: str, row: Row, with_args: bool, states: list[Var],
    args: list[Tree], form: str,
) -> Case:
    params, kwargs = [Param(f"x{i}") for i in range(len(args))], {}
    scope = [n for var in states for n in names_in(f"{var.id}.value", var.value)]
    scope += [n for p, arg in zip(params, args, strict=True) for n in names_in(p.id, arg)]
    if wish.keywords:
        optional, kwargs = draw(keywords(wish))
        params += optional
        scope += [n for p in optional for n in names_in(p.id, p.default)]
    ids = [var.id for var in states]
    module = draw(modules(ids)) if form in MODULAR else None
    if form in MODULAR:
        chosen = [var.id for var in states if var.kind == "ParamState"]
    elif row.states and form not in NOTHING:
        chosen = draw(st.lists(st.sampled_from(ids), min_size=wish.fewest, unique=True))
    else:
        chosen = []
    must = [
        names_in(f"{var.id}.value", var.value)[0] for var in states if var.id in chosen
    ]
    if with_args or not row.states:  # else half of the derivatives would be zero
        must += [n for p, arg in zip(params, args, strict=False) for n in names_in(p.id, arg)[:1]]
    if wish.bystanders:
        states = [*states, Var(f"s{len(states)}", draw(discrete(wish.dtype, wish.shapes)))]
        scope += names_in(f"{states[-1].id}.value", states[-1].value)
    body = draw(statements(wish, states, scope))
    scalar = FAMILY[member].outputs == "scalar"
    kind = "scalar" if scalar else draw(st.sampled_from(wish.outputs))
    out = draw(outputs(wish, scope, must, kind))
    aux = draw(auxes(wish, scope)) if row.has_aux else None
    seed = draw(st.integers(0, 9)) if any(isinstance(s, Draw) for s in body) else None
    program = Program(tuple(states), tuple(params), tuple(body), out, aux, module, seed, kind)
    selection = selections(form, chosen, program) if row.states else None
    argnums = None
    if with_args:
        argnums = draw(argnums_forms(draw(st.sampled_from(wish.argnums)), len(args)))
    return Case(program, member, row, selection, argnums, tuple(args), kwargs)


@st.composite
def keywords(draw: DrawFn, wish: Wish) -> tuple[list[Param], dict[str, Tree]]:
    """Parameters with defaults, and the keyword arguments that replace some of the defaults."""
    names = ("scale", "shift")[:draw(st.integers(1, 2))]
    leaf = st.sampled_from(wish.shapes).flatmap(lambda shape: arrays(shape, wish.dtype))
    params = [Param(name, draw(leaf), has_default=True) for name in names]
    given = draw(st.lists(st.sampled_from(params), unique_by=lambda param: param.id))
    return params, {p.id: draw(arrays(np.asarray(p.default).shape, wish.dtype)) for p in given}


@st.composite
def auxes(draw: DrawFn, wish: Wish, scope: Sequence[Name]) -> str:
    """The source of an aux."""
    array = draw(expressions(scope, draw(st.sampled_from(wish.shapes)), wish.dtype, wish.functions))
    return AUXES[draw(st.sampled_from(wish.auxes))].format(array)
