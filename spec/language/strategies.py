"""The strategy that draws cases: a program and one call of a transform of it.

Variety goes into values, containers, and the order of reads and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from .bodies import (
    ACCESS,
    FLOW,
    METHOD,
    NODES,
    WRITTEN,
    Name,
    Place,
    access,
    names_in,
    tests_of,
)
from .call_forms import (
    ARGNUMS,
    AUXES,
    CONTAINERS,
    MAPPINGS,
    MODULAR,
    NOTHING,
    OUTPUTS,
    argnums_forms,
    selections,
)
from .cases import Case
from .foreign import Tracing
from .labels import DrawFn, choice
from .operations import giving
from .programs import (
    DEFINITIONS,
    Exit,
    Invoke,
    Method,
    Node,
    Param,
    Program,
    Ref,
    Traced,
    Var,
)
from .returns import ROWS, Row
from .transforms import FAMILY
from .trees import Tree
from .values import CONTAINERS_OF_ARRAYS, KINDS, LARGE, Shape, arrays, discrete, values
from .wishes import Wish


def _calls(**flags: bool | None) -> list[str]:
    """The calls of rows that have these flags, of any transform."""
    rows = (row for row in ROWS if all(getattr(row, k) == flag for k, flag in flags.items()))
    return [f"{row.id} {member}" for row, member in product(rows, FAMILY)]


# -- the choices that are counted ----------------------------------------------------------------

CALL: Final = choice("row x transform", _calls(), {
    "both sides": _calls(states=True, args=True), "aux": _calls(has_aux=True),
    "value": _calls(return_value=True),
})
CONTAINER: Final = choice("container", CONTAINERS, {"mapping of states": MAPPINGS})
ARGNUM: Final = choice("argnums", ("None", *ARGNUMS), {
    "sequence of arguments": ("list", "tuple", "negatives")})
AUX: Final = choice("aux", AUXES)
VALUE: Final = choice("value", (*KINDS, "discrete"), {"discrete state": ("discrete",)})
SELECTED: Final = choice("selected value", ("leaf", "pytree"), {"pytree state": ("pytree",)})
DTYPE: Final = choice("dtype", ("float64", "float32", "float16", "bfloat16"))
SIZES: Final = choice("shapes", ("usual", "large"))
HELD: Final = choice("value of a state", ("its own", "that of another"))
FORM: Final = choice("function", DEFINITIONS)
OUTPUT: Final = choice("output", OUTPUTS, {
    "pytree output": [kind for kind, (_, shapes) in OUTPUTS.items() if len(shapes) > 1]})
COUNT: Final = choice("states", map(str, range(9)))
RANDOM: Final = choice("random", ("draws", "no draws"), {"draw": ("draws",)})
MODULAR_OFTEN: Final = st.sampled_from((True, True, False))
"""Whether states stand in a module, where they may."""
MODULE: Final = choice("module", ("attribute", "list", "dict", "module", "module in a module",
                                  "nothing shared", "shared state", "shared module"))
KEYWORD: Final = choice("keyword", ("none", "left out", "given"), {"keyword": ("given",)})
FAILURE: Final = choice(
    "failure", ("none", "before the first step", "between steps", "after the last step"),
    {"failure": ("before the first step", "between steps", "after the last step")})


@st.composite
def cases(draw: DrawFn, wish: Wish) -> Case:
    """A program and one call of a transform of it."""
    return Draft(draw, wish).case()


class Draft(Tracing):
    """A case in the making.

    Parameters
    ----------
    draw : callable
        Hypothesis's.
    wish : Wish
        What is asked for.

    Attributes
    ----------
    kinds : dict
        The kind of value of each state that may be selected.
    """

    def __init__(self, draw: DrawFn, wish: Wish) -> None:
        if len(wish.dtypes) > 1:
            wish = replace(wish, dtypes=(draw(st.sampled_from(wish.dtypes)),))
        large = wish.large and draw(st.booleans())
        # Arrays alone, since the oracles take a call, or more, for every entry of every input.
        super().__init__(draw, replace(wish, shapes=LARGE, kinds=("array",)) if large else wish)
        self.note(SIZES, "large" if large else "usual")
        self.kinds: dict[str, str] = {}

    def case(self) -> Case:
        """The program and its call."""
        draw, wish = self.draw, self.wish
        member, row = draw(st.sampled_from(wish.members)), draw(st.sampled_from(wish.rows))
        self.note(CALL, f"{row.id} {member}")
        self.note(DTYPE, self.dtype)
        self.note(FAILURE, "none")
        with_args = row.args if row.args is not None else draw(st.booleans())
        form = self.choose(CONTAINER, wish.containers) if row.states else ""
        states = self.states(form, row)
        need_args = with_args or not row.states or not states
        fewest, most = wish.arguments
        count = draw(st.integers(max(fewest, 1) if need_args else fewest, most))
        args = [self.argument(i) for i in range(count)]
        optional, kwargs = self.keywords()
        modular = form in MODULAR or (wish.models and bool(states) and draw(MODULAR_OFTEN))
        module = self.module([var.id for var in states]) if modular else None
        chosen = self.chosen(form, states)
        must = [names_in(f"{id}.value", value, id)[0] for id, value in chosen.items()]
        if with_args or not row.states:  # else half of the derivatives would be zero
            must += [n for i, arg in enumerate(args) for n in names_in(f"x{i}", arg)[:1]]
        if wish.bystanders:
            states.append(self.bystander(f"s{len(states)}"))
        if wish.scratch:
            states.append(self.unread(f"s{len(states)}"))
        params = (*(Param(f"x{i}") for i in range(len(args))), *optional)
        program = self.program(tuple(states), params, must, module, member, row)
        argnums = None
        if with_args:
            indices = argnums_forms(self.choose(ARGNUM, wish.argnums), len(args))
            argnums = draw(indices)
        else:
            self.note(ARGNUM, "None")
        selection = selections(form, list(chosen), program) if row.states else None
        return Case(program, member, row, selection, argnums, tuple(args), kwargs,
                    labels=frozenset(self.labels))

    # -- states and arguments ----------------------------------------------------------------

    def states(self, form: str, row: Row) -> list[Var]:
        """The states, so many as a container of the form needs; ParamStates for a module."""
        fewest = self.wish.fewest if row.states and form not in NOTHING else 0
        count = self.draw(st.integers(fewest, self.wish.most))
        self.note(COUNT, str(count))
        made: list[Var] = []
        for i in range(count):
            made.append(self.state(f"s{i}", i < fewest and form in MODULAR, made))
        return made

    def state(self, id: str, param: bool, before: Sequence[Var]) -> Var:
        """A state that may be selected."""
        shares = ""
        if self.wish.shared and before and self.draw(st.integers(0, 3)) == 3:
            other = self.draw(st.sampled_from(list(before)))
            self.kinds[id], value, shares = self.kinds[other.id], other.value, other.id
        else:
            self.kinds[id] = self.choose(VALUE, self.wish.value_kinds)
            value = self.draw(values(self.kinds[id], self.dtype, self.wish.shapes))
        self.note(HELD, "that of another" if shares else "its own")
        kind = self.draw(st.sampled_from(("State", "ParamState")))
        return self.known(Var(id, value, "ParamState" if param else kind, shares=shares))

    def bystander(self, id: str) -> Var:
        """One more state, with integers and booleans in it."""
        self.note(VALUE, "discrete")
        var = Var(id, self.draw(discrete(self.dtype, self.wish.shapes)))
        self.tests += tests_of(var)
        return self.known(var)

    def unread(self, id: str) -> Var:
        """One more state, which is written alone, and with any value."""
        self.scratch = Var(id, np.array(0.5))
        self.events[id] = ""
        return self.scratch

    def known(self, var: Var) -> Var:
        """A state that the program may access from now on."""
        self.events[var.id] = ""
        self.places.append(Place(var.id, var))
        self.scope += names_in(f"{var.id}.value", var.value, var.id)
        return var

    def argument(self, index: int) -> Tree:
        """A positional argument."""
        kind = self.draw(st.sampled_from(self.wish.value_kinds))
        value = self.draw(values(kind, self.dtype, self.wish.shapes))
        self.scope += names_in(f"x{index}", value)
        return value

    def keywords(self) -> tuple[list[Param], dict[str, Tree]]:
        """Parameters with defaults, and the keyword arguments that replace some defaults."""
        if not self.wish.keywords:
            self.note(KEYWORD, "none")
            return [], {}
        params, given = [], {}
        for name in ("scale", "shift")[:self.draw(st.integers(1, 2))]:
            shape = self.draw(st.sampled_from(self.wish.shapes))
            params.append(Param(name, self.draw(arrays(shape, self.dtype)), has_default=True))
            self.scope.append(Name(name, shape))
            if self.choose(KEYWORD, ("left out", "given")) == "given":
                given[name] = self.draw(arrays(shape, self.dtype))
        return params, given

    def chosen(self, form: str, states: Sequence[Var]) -> dict[str, Tree]:
        """The states that are differentiated, and their values."""
        if not form or form in NOTHING:
            return {}
        if form in MODULAR:
            chosen = [var for var in states if var.kind == "ParamState"]
        else:
            several = st.lists(st.sampled_from(states), min_size=self.wish.fewest,
                               unique_by=lambda var: var.id)
            chosen = self.draw(several)
        for var in chosen:
            kind = self.kinds[var.id]
            self.note(SELECTED, "pytree" if kind in CONTAINERS_OF_ARRAYS else "leaf")
        return {var.id: var.value for var in chosen}

    def module(self, states: Sequence[str]) -> Node:
        """A module that holds the states in attributes, lists and modules, some of them twice."""
        attributes: dict[str, Any] = {}
        for index, state in enumerate(states):
            name = "wvub"[index % 4] + str(index)
            match self.choose(MODULE, (
                    "attribute", "list", "module", "dict", "module in a module")):
                case "attribute":
                    attributes[name] = Ref(state)
                case "list":
                    attributes.setdefault("items", []).append(Ref(state))
                case "module":
                    attributes.setdefault("sub", Node({})).attributes[name] = Ref(state)
                case "module in a module":
                    sub = attributes.setdefault("sub", Node({})).attributes
                    sub.setdefault("layer", Node({})).attributes[name] = Ref(state)
                case "dict":
                    attributes.setdefault("table", {})[name] = Ref(state)
        shared = ("shared module",) if "sub" in attributes else ()
        # Under a name of its own, before or after its other place.
        match self.choose(MODULE, ("nothing shared", "shared state", *shared)):
            case "shared state":
                state = self.draw(st.sampled_from(states))
                attributes[self.draw(st.sampled_from("az"))] = Ref(state)
            case "shared module":
                attributes[self.draw(st.sampled_from("az"))] = attributes["sub"]
        return Node(attributes)

    # -- the function ------------------------------------------------------------------------

    def program(
        self, states: tuple[Var, ...], params: tuple[Param, ...], must: Sequence[Name],
        module: Node | None, member: str, row: Row,
    ) -> Program:
        """The function, whose output depends on every name in ``must``."""
        methods = self.methods_of(module, states) if self.wish.models else ()
        body = [self.statement() for _ in range(self.draw(st.integers(*self.wish.steps)))]
        if methods and not any(isinstance(statement, Invoke) for statement in body):
            body.append(self.call())
        if self.wish.jax and not any(isinstance(statement, Traced) for statement in body):
            body.append(self.traced())
        must = [*must, *self.given]
        scalar = FAMILY[member].outputs == "scalar"
        kind = self.choose(OUTPUT, ("scalar",) if scalar else self.wish.outputs)
        early = self.early(kind, must, row) if self.wish.flow else None
        out = self.output(kind, must)
        aux = self.aux() if row.has_aux else None
        # Most functions of users are made in another one.
        form = self.choose(FORM, ("function", "closure", *DEFINITIONS)) if self.wish.forms else (
            self.note(FORM, "function"))
        made = Program(states, params, tuple(body), out, aux, module, None, methods, early, form)
        for events in self.events.values():
            self.note(ACCESS, access(events))
        self.note(WRITTEN, str(min(len(made.writes), 3)))
        for made_of, none in ((FLOW, "straight"), (METHOD, "none")):
            if not self.labels & set(map(made_of.label, made_of.options)):
                self.note(made_of, none)
        self.note(RANDOM, "draws" if made.draws else "no draws")
        seed = self.draw(st.integers(0, 9)) if made.draws else None
        return replace(made, seed=seed)

    def methods_of(self, module: Node | None, states: Sequence[Var]) -> tuple[Method, ...]:
        """The methods of the module, if it has any; and the body may use its states from now on."""
        if module is None:
            return ()
        methods = self.model(module, states) if self.draw(st.booleans()) else ()
        self.reach(module, "m", states)
        return methods

    def early(self, kind: str, must: Sequence[Name], row: Row) -> Exit | None:
        """A return under a condition, in one program of four."""
        if self.draw(st.integers(0, 3)) < 3:
            return None
        self.note(FLOW, "early return")
        return Exit(self.condition(), self.output(kind, must), self.aux() if row.has_aux else None)

    def output(self, kind: str, must: Sequence[Name]) -> str:
        """The source of an output of a kind that depends on every name in ``must``."""
        text, (first, *others) = OUTPUTS[kind]
        terms = [self.array(first), *(f"jnp.sin({self.use(name, first)})" for name in must)]
        terms += [f"jnp.sin({text})" for text in self.coupled(must, first)]
        return text.format(" + ".join(terms), *map(self.array, others))

    def coupled(self, must: Sequence[Name], shape: Shape) -> list[str]:
        """Operations on two different names, so that no second derivative has to be symmetric."""
        known = [one for one in giving(shape, self.wish.shapes) if len(one.arguments) == 2]
        if not (self.wish.operations and known and len(must) > 1 and self.draw(st.integers(0, 3))):
            return []
        pair = self.draw(st.lists(st.sampled_from(must), min_size=2, max_size=2, unique=True))
        return [self.operation(self.draw(st.sampled_from(known)), pair)]

    def aux(self) -> str:
        """The source of an aux."""
        form = self.choose(AUX, self.wish.auxes)
        if form == "free":
            return self.anything(kinds=tuple(NODES))
        return AUXES[form].format(self.array(self.draw(st.sampled_from(self.wish.shapes))))
