"""The same call, written otherwise: changes of drawn cases that leave open what must come of them.

A rule about the way in which a call may be written has drawn cases written in that way.  The model
reads the same text, so what a case must give needs no second opinion.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .axes import Change, rows
from .cases import Case, Selection
from .labels import DrawFn
from .programs import Assign, Line, Param, Program, Ref, Source, Var, Write
from .trees import NAMED, Tree, literal, map_leaves
from .values import NUMBERS, SHAPES, arrays, values


def changed(by: Callable[[DrawFn, Case], Case]) -> Change:
    """The change of cases that a function makes with further draws."""
    @st.composite
    def change(draw: DrawFn, drawn: SearchStrategy[Case]) -> Case:
        return by(draw, draw(drawn))

    return change


def where(holds: Callable[[Case], bool], change: Change) -> Change:
    """A change of the cases for which something holds."""
    return lambda drawn: change(drawn.filter(holds))


# -- argnums ---------------------------------------------------------------------------------------

INDEX_LIKE: Final = ("np.int64({0})", "np.int8({0})", "np.array({0})", "Index({0})")
"""What counts as an index and is no int of Python."""

INDEX: Final = (
    "class Index:",
    "    def __init__(self, index): self.index = index",
    "    def __index__(self): return self.index",
)


@changed
def indices_spelt(draw: DrawFn, case: Case) -> Case:
    """Indices that are no ints of Python, and a range for a sequence of them."""
    argnums: Any = case.argnums
    given = [argnums] if isinstance(argnums, int) else list(argnums)
    texts = [draw(st.sampled_from(INDEX_LIKE)).format(index) for index in given]
    step = given[1] - given[0] if len(given) > 1 else 1
    if isinstance(argnums, int):
        text = texts[0]
    elif draw(st.booleans()):
        text = f"range({given[0]}, {given[-1] + step}, {step})"
    else:
        text = f"[{', '.join(texts)}]" if isinstance(argnums, list) else f"({', '.join(texts)},)"
    between = ("import numpy as np", *INDEX)
    return replace(case, spelling={"argnums": text}, between=between)


@changed
def no_indices(draw: DrawFn, case: Case) -> Case:
    """An empty sequence of indices."""
    return replace(case, argnums=draw(st.sampled_from(((), []))))


def bool_for_index(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """A bool for the index 0 or 1."""
    return drawn.filter(lambda case: case.argnums is not None).map(
        lambda case: replace(case, spelling={"argnums": str(bool(case.argnums))}))


# -- the function ----------------------------------------------------------------------------------

HOLDER: Final = (
    "class Holder:",
    "    def method(self, *args, **words): return f(*args, **words)",
)
CALLABLES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "lambda": ("lambda *args, **words: f(*args, **words)", ()),
    "bound method": ("Holder().method", HOLDER),
    "partial": ("partial(lambda first, *args, **words: f(*args, **words), 'first')",
                ("from functools import partial",)),
    "object": ("Holder()", (HOLDER[0], HOLDER[1].replace("method", "__call__"))),
    "module": ("Holder()", ("class Holder(lib.nn.Module):",
                            HOLDER[1].replace("method", "__call__"))),
    "compiled": ("lib.transform.jit(f)", ()),
}
"""Callables of every kind that do what the function does, and the lines that they need."""


def called(kind: str) -> Change:
    """The function as a callable of a kind."""
    text, between = CALLABLES[kind]
    return lambda drawn: drawn.map(
        lambda case: replace(case, function=text, between=(*case.between, *between)))



@dataclass(frozen=True)
class Bound(Case):
    """A case whose transform stands in the body of a class and is called on an instance."""

    def words(self) -> list[str]:
        """The keyword arguments of the transform, with an index more."""
        argnums: Any = self.argnums
        if argnums is None:
            moved: Any = None if self.selection else 1
        elif isinstance(argnums, int):
            moved = argnums + 1
        else:
            moved = type(argnums)(index + 1 for index in argnums)
        said = [word for word in super().words() if not word.startswith("argnums=")]
        return said if moved is None else [*said, f"argnums={moved!r}"]

    def call(self) -> str:
        """The class and the call."""
        made = replace(self, function="lambda self, *args, **words: f(*args, **words)")
        return "\n".join([
            "class Owner:", f"    transformed = {made.transformed()}",
            f"result = Owner().transformed({self.arguments()})"])


def as_method(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The transform as a method of a class."""
    return drawn.map(lambda case: Bound(**vars(case)))


# -- parameters ------------------------------------------------------------------------------------


def keyword(name: str) -> Change:
    """A parameter of this name, which the call gives by keyword."""
    return lambda drawn: drawn.filter(lambda case: bool(case.kwargs)).map(
        lambda case: renamed(case, [name, f"other_{name}"]))


def renamed(case: Case, names: Sequence[str]) -> Case:
    """The parameters with defaults under other names, those that the call gives first."""
    optional = [param for param in case.program.params if param.has_default]
    ordered = sorted(optional, key=lambda param: param.id not in case.kwargs)
    new = {param.id: name for param, name in zip(ordered, names, strict=False)}
    params = tuple(replace(param, id=new.get(param.id, param.id)) for param in case.program.params)
    body = (*(Assign(old, name) for old, name in new.items()), *case.program.body)
    kwargs = {new[name]: value for name, value in case.kwargs.items()}
    return replace(case, program=replace(case.program, params=params, body=body), kwargs=kwargs)


SIGNATURES: Final = ("positional-only", "keyword-only", "*args", "**kwargs", "all")


def signed(form: str) -> Change:
    """The function with a signature of a form, which takes what the call gives."""
    def change(case: Case) -> Case:
        first = [param for param in case.program.params if not param.has_default]
        rest = [param for param in case.program.params if param.has_default]
        body = case.program.body
        if form in ("*args", "all"):
            kept = first[:1] if form == "all" else []
            names = "".join(f"{param.id}, " for param in first[len(kept):])
            body = (Line(f"{names.strip()} = args" if names else "assert not args"), *body)
            first = [*kept, *[Param("/")] * bool(kept), Param("*args")]
        elif form == "positional-only":
            first = [*first, *[Param("/")] * bool(first)]
        elif form == "keyword-only":
            first = [*first, Param("*")]
        if form in ("**kwargs", "all"):
            taken = (Assign(p.id, f"words.get({p.id!r}, {literal(p.default)})") for p in rest)
            body, rest = (*taken, *body), [Param("**words")]
        program = replace(case.program, params=(*first, *rest), body=body)
        return replace(case, program=program)

    return lambda drawn: drawn.map(change)


# -- what is not differentiated --------------------------------------------------------------------


@dataclass(frozen=True)
class Constant:
    """Something that is not differentiated.

    Attributes
    ----------
    value : tree or Source
        Its value.
    factor : str
        A factor of the output that it decides, as source with a place for its name.
    """

    value: Tree | Source
    factor: str


def objects(*texts: str, factor: str) -> tuple[Constant, ...]:
    """Constants of Python, written as source."""
    return tuple(Constant(Source(text), factor) for text in texts)


OBJECTS: Final[Mapping[str, tuple[Constant, ...]]] = {
    "a size": objects("3", "2", factor="jnp.sum(jnp.ones({0}))"),
    "a condition": objects("True", "False", factor="(2.0 if {0} else 0.5)"),
    "a name": objects("'sum'", "'mean'", factor="getattr(jnp, {0})(jnp.array([0.5, 1.0]))"),
    "a function": objects("jnp.sin", "jnp.cos", factor="{0}(jnp.array(0.5))"),
    "a number": objects("2.5", "-1.5", factor="{0}"),
    "nothing": objects("None", factor="(2.0 if {0} is None else 0.5)"),
    "a container": objects("{'axis': 1, 'mode': None}", factor="{0}['axis']")
                   + objects("(2, 'x')", factor="len({0}[1])"),
    "any object": objects("object()", "jnp.float32", factor="1.5"),
}
"""Arguments that steer Python, by what they are to the function."""

LABELS: Final[Mapping[str, tuple[Constant, ...]]] = {
    "labels": (Constant(np.array([2, 0, 2]), "jnp.sum(1.0 * {0})"),
               Constant(np.array(1), "jnp.array([0.5, 1.5, 2.0])[{0}]")),
    "a mask": (Constant(np.array([True, False, True]), "jnp.sum(1.5 * {0})"),
               Constant(np.array(False), "jnp.where({0}, 1.0, 0.25)")),
    "a container": (
        Constant({"n": np.array(2), "w": np.array([0.5, 1.0, 0.25])}, "{0}['w'][{0}['n']]"),
        Constant((np.array(True), [2]), "jnp.where({0}[0], {0}[1][0], 0.5)")),
}
"""Integers and booleans in arrays, by what they are to the function."""


@st.composite
def steering(draw: DrawFn) -> Constant:
    """An array on which Python control flow depends."""
    value, limit = draw(values("array", shapes=SHAPES[:2])), draw(st.sampled_from((0.1, -0.6)))
    return Constant(value, f"(1.5 if jnp.sum({{0}}) > {limit} else 0.5)")


def beside(constants: SearchStrategy[Constant], *ways: str) -> Change:
    """One more argument or state, which is not differentiated and decides a factor of the output.

    ``ways`` are some of ``position``, ``keyword`` and ``state``.  The function notes what it gets.
    """
    @changed
    def change(draw: DrawFn, case: Case) -> Case:
        constant, way = draw(constants), draw(st.sampled_from(ways))
        program, name = case.program, "c.value" if way == "state" else "c"
        out = f"({program.out}) * {constant.factor.format(name)}"
        program = replace(program, out=out)
        if way == "state":
            state = Var("c", constant.value)
            return replace(case, program=replace(program, states=(*program.states, state)))
        body = (Line("seen.append(c)"), *program.body)
        program = replace(program, body=body, params=(*program.params, Param("c")))
        between = (*case.between, f"given, seen = {literal(constant.value)}, []")
        case = replace(case, program=program, between=between)
        if way == "keyword":
            return replace(case, kwargs={**case.kwargs, "c": Source("given")})
        return replace(case, args=(*case.args, Source("given")))

    return change


# -- arguments -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held(Case):
    """A case whose arguments are variables of the caller's, and so are their leaves."""

    def arguments(self) -> str:
        """The variables."""
        return ", ".join(f"a{i}" for i in range(len(self.args)))

    def call(self) -> str:
        """The lines that make the variables, and the call."""
        number, leaves = count(), list[str]()

        def held(leaf: Any) -> Source:
            leaves.append(literal(leaf))
            return Source(f"leaves[{next(number)}]")

        made = [f"a{i} = {literal(map_leaves(held, arg))}" for i, arg in enumerate(self.args)]
        return "\n".join([f"leaves = [{', '.join(leaves)}]", *made, super().call()])


def as_held(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The arguments in variables."""
    return drawn.map(lambda case: Held(**vars(case)))


@dataclass(frozen=True)
class InTurn(Case):
    """A case whose call follows others of the same transform, from the same values of the states.

    ``earlier`` are the arguments of these, as source.
    """

    earlier: tuple[str, ...] = ()

    def call(self) -> str:
        """The lines of all calls."""
        ids = [var.id for var in self.program.states]
        kept = [f"v_{name} = {name}.value" for name in ids]
        again = [f"{name}.value = v_{name}" for name in ids]
        return "\n".join([f"g = {self.transformed()}", *kept,
                          *(f"g({arguments})" for arguments in self.earlier), *again,
                          f"result = g({self.arguments()})"])


@st.composite
def calls_in_turn(draw: DrawFn, member: str) -> InTurn:
    """Calls of one transform with arguments of other shapes and numbers, and other keywords."""
    value = st.sampled_from(SHAPES[:2]).flatmap(arrays)
    by = draw(st.sampled_from(("jnp.sin({0})", "{0}", "0.5 * jnp.sin({0}) + {0}")))
    write = Write("s0", f"{draw(st.sampled_from(('0.5', '-1.0')))} * s0.value")
    program = Program(
        (Var("s0", draw(value)),), (Param("*xs"), Param("**by")),
        (write,) if draw(st.booleans()) else (),
        f"jnp.sum(s0.value) * sum(jnp.sum({by.format('x')}) for x in (*xs, *by.values()))")
    row = draw(st.sampled_from(rows("arguments", "states", has_aux=False)))
    words = st.dictionaries(st.sampled_from(("by", "scale", "other")), value, max_size=2)
    calls = [(tuple(draw(st.lists(value, min_size=1, max_size=3))), draw(words))
             for _ in range(draw(st.integers(2, 4)))]
    made = [Case(program, member, row, Selection([Ref("s0")]) if row.states else None,
                 args=args, kwargs=kwargs) for args, kwargs in calls]
    return InTurn(**vars(made[-1]), earlier=tuple(case.arguments() for case in made[:-1]))


# -- aux -------------------------------------------------------------------------------------------

ARRAYS_IN_AUX: Final = (
    "a", "jnp.sum(a)", "a > 0.25", "a.astype('float32')", "jnp.argmax(a)", "jnp.zeros((0, 2))",
    "jnp.array(3, 'int32')", "jnp.stack([a, a])", "jnp.array(True)", "a.astype(jnp.float16)",
    "a.astype(jnp.bfloat16)",
)
"""Arrays of several shapes and dtypes, made of the array ``a``."""

OBJECTS_IN_AUX: Final = (
    "'text'", "''", "...", "object()", "dict", "lambda: 0", "{1, 2}", "np.random.default_rng(0)",
    "lib.State(1.0)", "{1: 0, 'a': 0, None: 0}",
)
"""What JAX knows nothing about; the keys of the last cannot be sorted."""


def aux_of(leaves: Sequence[str], least: int = 1) -> Change:
    """An aux that holds some of the leaves, in containers of every type and to any depth.

    The leaves are source over the array ``a``, which depends on states and arguments.
    """
    leaf = st.sampled_from([Source(text) for text in leaves])
    trees = st.recursive(leaf, lambda some: st.one_of(
        st.lists(some, max_size=3), st.lists(some, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(("mse", "l2", "b", "a")), some, max_size=3),
        st.dictionaries(st.sampled_from((10, 2, 9, 1)), some, max_size=3),
        st.tuples(some, st.none()), st.builds(NAMED, some, some),
        st.dictionaries(st.sampled_from("dbca"), some, max_size=3).map(OrderedDict)), max_leaves=5)

    @changed
    def change(draw: DrawFn, case: Case) -> Case:
        return with_aux(case, draw(st.lists(trees, min_size=least, max_size=3).map(tuple) | trees))

    return change


def with_aux(case: Case, aux: Tree) -> Case:
    """The case with another aux, over what its own is: the array ``a``."""
    program = case.program
    body = (*program.body, Assign("a", str(program.aux)))
    return replace(case, program=replace(program, body=body, aux=literal(aux)))


@changed
def keys_unsorted(draw: DrawFn, case: Case) -> Case:
    """An aux that is a dict, with keys in no order."""
    names = draw(st.permutations(("a", "b", "l2", "mse", "mae")))
    keys = names[:draw(st.integers(3, 5))]
    if keys in (sorted(keys), sorted(keys, reverse=True)):
        keys = [keys[1], keys[0], *keys[2:]]
    return with_aux(case, {key: Source("a") for key in keys})


@changed
def objects_in_aux(draw: DrawFn, case: Case) -> Case:
    """An aux with objects that JAX does not know, which are made before the call."""
    several = draw(st.lists(st.sampled_from(OBJECTS_IN_AUX), min_size=1, max_size=2))
    leaves = [Source(f"objects[{index}]") for index in range(len(several))]
    forms: tuple[Tree, ...] = (
        leaves[0], (Source("a"), leaves), {"text": leaves[0], "y": [Source("a"), leaves[-1]]})
    between = ("import numpy as np", f"objects = [{', '.join(several)}]")
    return with_aux(replace(case, between=(*case.between, *between)),
                    draw(st.sampled_from(forms)))


# -- what a function returns, and flags ------------------------------------------------------------


def as_pair(kind: str) -> Change:
    """The pair of primal and aux as a list or a tuple."""
    text = f"lambda *args, **words: {kind}(f(*args, **words))"
    return lambda drawn: drawn.map(lambda case: replace(case, function=text))


@changed
def number_for_output(draw: DrawFn, case: Case) -> Case:
    """A Python float for the output."""
    program, out = case.program, repr(draw(st.sampled_from(NUMBERS)))
    body = (*program.body, Assign("y", program.out))  # so that the states are read
    return replace(case, program=replace(program, body=body, out=out))


TRUE, FALSE = ("1", "np.True_", "2.5"), ("0", "None", "np.False_")


@changed
def flags_spelt(draw: DrawFn, case: Case) -> Case:
    """Flags that are no bools, but true or false."""
    said = {flag: draw(st.sampled_from(TRUE if getattr(case.row, flag) else FALSE))
            for flag in ("has_aux", "return_value")}
    return replace(case, spelling=said, between=(*case.between, "import numpy as np"))
