"""Histories: scripts of states created, written and replaced, and of transforms called in between.

A history is a list of steps, each some lines of a script, with nothing behind it: the lines run
on an implementation and on the NumPy model, and what is judged is what the names then hold.  It
is drawn as a list of moves, a move being a kind and a few numbers; the :class:`Author` turns a
move into lines that make sense where it stands, and writes first what it builds on.  So any
list of moves is a history, any part of it too, and a failing one shrinks to a short script.
That is why it is none of Hypothesis's state machines: nobody could paste their method calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from spec.language.labels import choice
from spec.language.script import Script

STATES: Final = ("s0", "s1", "m.w", "d0")
"""The places for states: two variables, an attribute of a module, and one with a container."""

VALUES: Final = (
    "jnp.array(0.5)", "jnp.array(-0.75)", "jnp.array([0.5, -0.25, 1.0])",
    "jnp.array(0.25, dtype=jnp.float32)",
)
POINTS: Final = ("jnp.array(0.5)", "jnp.array([0.25, -0.5, 0.75])")
MEMBERS: Final = ("grad", "vector_grad", "jacrev", "jacfwd", "hessian")
VECTOR: Final = ("vector_grad", "jacrev", "jacfwd")
WRITES: Final = (
    "",
    "{w} = {wrap}jnp.sin({b}) + 0.5 * y{close}",
    "{w} = {wrap}y * jnp.ones((3,)){close}",
    "{w} = {wrap}jnp.cos({a}){close}",
    "{w} = {wrap}0.5 * {b} + 0.25{close}",
)
"""What f writes to the state b when it reads a: nothing, from both, of another shape, ..."""

FEATURES: Final = {
    "writes": (),
    "values": ("write",),
    "replacements": ("write", "create", "replace"),
    "world": ("turn",),
    "failures": ("fail",),
    "nesting": ("nest",),
    "compilation": ("jit", "jit", "write"),
    "compiled transforms": ("compile", "compile", "write"),
    "random": ("draw",),
    "everything": ("write", "create", "replace", "turn", "fail", "nest", "jit", "compile", "draw"),
}
"""What histories may contain beside definitions, transforms and calls."""

Move = tuple[str, int, int, int]


@dataclass(frozen=True)
class Step:
    """Some lines, and the name that holds what they gave, if any."""

    lines: tuple[str, ...]
    result: str = ""


@dataclass(frozen=True)
class Function:
    """What the author knows of a function or of a transform.

    Attributes
    ----------
    reads : frozenset of str
        The states that a call accesses.
    touched : tuple of str
        The states that may be selected.
    selects : frozenset of str
        The states that are selected; a transform is forgotten when one of them is replaced.
    cached : bool
        Whether a compiled function is part of it, which may not see the world change.
    open : frozenset of str
        The flags and numbers it takes from outside, which compiled functions may not see change.
    fails : bool
        Whether it raises for an argument with three axes.
    nestable : str
        For a transform, how to get one number out of its result; empty if it is not simple.
    nests : bool
        Whether it calls a transform itself; one level is enough, and the model takes long for
        two.
    aux : bool
        Whether a function returns a pair.
    vector : bool
        Whether the output is an array, of which `grad` and `hessian` have no derivative.
    """

    reads: frozenset[str]
    touched: tuple[str, ...] = ()
    selects: frozenset[str] = frozenset()
    cached: bool = False
    open: frozenset[str] = frozenset()
    fails: bool = False
    nestable: str = ""
    nests: bool = False
    aux: bool = False
    vector: bool = False


@dataclass(frozen=True)
class History(Script):
    """A script in steps."""

    steps: tuple[Step, ...]
    labels: frozenset[str] = frozenset()

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return self.until(len(self.steps))

    def until(self, steps: int) -> list[str]:
        """The first steps of the script."""
        return [line for step in self.steps[:steps] for line in step.lines]


class Author:
    """Writes a history, move by move.

    Parameters
    ----------
    features : sequence of str
        The moves that are allowed beside the plain ones.
    """

    def __init__(self, features: Sequence[str]) -> None:
        self.features = features
        self.steps: list[Step] = []
        self.states: list[str] = []
        self.functions: dict[str, Function] = {}
        self.transforms: dict[str, Function] = {}
        self.switches: dict[str, str] = {}
        self.count = 0

    def write(self, moves: Sequence[Move]) -> History:
        """The history of a list of moves."""
        if "draw" in self.features:
            self._step("lib.random.seed(7)")
        for kind, *numbers in moves:
            getattr(self, f"_{kind}")(*numbers)
        made = History(tuple(self.steps))
        shown = (HISTORY.label(name) for name, shows in SIGNS.items() if shows(made))
        return replace(made, labels=frozenset(shown))

    # -- moves -----------------------------------------------------------------------------

    def _create(self, i: int, j: int, k: int) -> None:
        """A new state, in a new place or behind the name of an old one."""
        self._place(STATES[i % len(STATES)], j, k)

    def _replace(self, i: int, j: int, k: int) -> None:
        """A new state behind the name of an old one that a function reads."""
        self._pick(self.functions, i, lambda: self._define(i, j, k))
        self._place(self.states[i % len(self.states)], j, k)

    def _place(self, state: str, j: int, k: int) -> None:
        if state == "m.w" and not any("class M" in step.lines[0] for step in self.steps):
            self._step("class M(lib.nn.Module): pass", "m = M()")
        if state in self.states:
            self._again(lambda known: state in known.reads - known.selects, j)
        kind = ("State", "ParamState")[j % 2]
        self._step(f"{state} = lib.{kind}({self._literal(state, k)})")
        if state not in self.states:
            self.states.append(state)
        self._forget(lambda known: state in known.selects or (
            known.cached and state in known.reads))
        self._again(lambda known: state in known.reads, j)

    def _write(self, i: int, j: int, k: int) -> None:
        """An eager write."""
        state = self._state(i)
        self._step(f"{state}.value = {self._literal(state, k)}")

    def _define(self, i: int, j: int, k: int) -> None:
        """A function that reads one state, may write another, and reads it again."""
        a, b = self._state(i), self._state(j)
        body = [f"y = jnp.sum(jnp.sin({read(a)} * x))"]
        uses, known = self._extras(i, j, k)
        body += uses
        wrap, close = ("{'a': ", "}") if b == "d0" else ("", "")
        write = WRITES[k % len(WRITES)].format(
            w=f"{b}.value", a=read(a), b=read(b), wrap=wrap, close=close)
        if write and "turn" in self.features and k % 3 == 2:
            self._switch("flag", "True")
            write, known = f"if flag: {write}", replace(known, open=known.open | {"flag"})
        body += [write] if write else []
        if "fail" in self.features and (i + j) % 3 != 1:
            body.append("if x.ndim == 3: raise ArithmeticError('planned')")
            known = replace(known, fails=True)
        out = f"y + jnp.cos(jnp.sum({read(b)}))"
        if vector := k % 12 in (5, 6, 11):
            out = f"jnp.array([1.0, -2.0]) * ({out})"
        known = replace(known, aux=k % 4 == 3, vector=vector, touched=tuple(dict.fromkeys((a, b))),
                        reads=known.reads | {a, b})
        body.append(f"return {out}, {{'b': {read(b)}}}" if known.aux else f"return {out}")
        name = self._name("f")
        self._step(f"def {name}(x):", *("    " + line for line in body))
        self.functions[name] = known

    def _extras(self, i: int, j: int, k: int) -> tuple[list[str], Function]:
        """What else the function does: a draw, a closure, the call of a transform."""
        lines, known = [], Function(frozenset())
        if "draw" in self.features and (i + k) % 3 != 2:
            lines.append("y = y * lib.random.normal(size=())")
        if "turn" in self.features and j % 2:
            self._switch("k", "2.0")
            lines.append("y = k * y")
            known = replace(known, open=frozenset({"k"}))
        inner = [name for name, f in self.transforms.items() if f.nestable]
        if "nest" in self.features and inner and k % 3 != 1:
            name = inner[j % len(inner)]
            used = self.transforms[name]
            lines.append(f"y = y + {used.nestable.format(name)}")
            known = replace(known, reads=used.reads, cached=used.cached,
                            open=known.open | used.open,
                            fails=used.fails, selects=used.selects, nests=True)
        return lines, known

    def _build(self, i: int, j: int, k: int) -> None:
        """A transform that is kept."""
        name = self._name("t")
        function = self._pick(self.functions, i, lambda: self._define(i, j, k))
        known = self.functions[function]
        members = VECTOR if known.vector else MEMBERS[:len(MEMBERS) - known.nests]
        member = members[j % len(members)]
        simple = member == "hessian"
        states = [s for s in known.touched if not (simple and s == "d0")]
        form = ("one", "list", "dict", "argument", "both")[k % (4 if simple else 5)]
        chosen = {"one": states[:1], "argument": []}.get(form, states)
        words = [] if not chosen else [f"grad_states={container(form, chosen)}"]
        words += ["argnums=0"] if form == "both" and chosen else []
        words += ["has_aux=True"] if known.aux else []
        words += ["return_value=True"] if i % 2 and not simple else []
        self._step(f"{name} = lib.transform.{member}({', '.join([function, *words])})")
        plain = member in ("grad", "vector_grad") and not (known.aux or known.nests or i % 2)
        nestable = ""
        if plain and (not chosen or (form == "one" and chosen != ["d0"])):
            nestable = "jnp.sum({}(x))"
        self.transforms[name] = replace(
            known, selects=known.selects | set(chosen), nestable=nestable)

    def _call(self, i: int, j: int, k: int) -> None:
        """A call of a transform, whenever it was built; sometimes of the function itself."""
        name = self._pick(self.transforms, i, lambda: self._build(i, j, k))
        if (i + j) % 4 == 3:
            name = self._pick(self.functions, i, lambda: self._define(i, j, k))
        self._result(name, j)

    def _again(self, concerned: Callable[[Function], bool], j: int) -> None:
        """A call of a transform that a change concerns, if there is one."""
        ready = [name for name, known in self.transforms.items() if concerned(known)]
        if ready:
            self._result(ready[-1], j)

    def _result(self, name: str, j: int) -> None:
        result = self._name("r")
        self._step(f"{result} = {name}({POINTS[j % len(POINTS)]})", result=result)
        self._stream()

    def _stream(self) -> None:
        """Where the random stream stands, after a call."""
        if "draw" in self.features:
            self._draw(0, 0, 0)

    def _fail(self, i: int, j: int, k: int) -> None:
        """A call that fails, and the caller goes on."""
        ready = {name: known for name, known in self.transforms.items() if known.fails}
        if not ready:
            self._define(i, 3 - i, k)
            self._build(0, j, k)
            ready = dict(list(self.transforms.items())[-1:])
        name = self._pick(ready, i, lambda: None)
        result = self._name("r")
        self._step(
            "try:",
            f"    {name}(jnp.ones((1, 1, 1)))",
            f"    {result} = 'returned'",
            "except ArithmeticError:",
            f"    {result} = 'raised'",
            result=result,
        )
        self._stream()

    def _turn(self, i: int, j: int, k: int) -> None:
        """Flags and closures change; what is compiled is not called any more."""
        ready = [name for name, known in self.transforms.items() if known.open]
        if not ready:
            self._define(i, 1, k)
            self._build(0, j, k)
            ready = list(self.transforms)[-1:]
        name = ready[i % len(ready)]
        self._result(name, j)
        switch = sorted(self.transforms[name].open)[0]
        self._step({"flag": "flag = not flag", "k": "k = 0.5 - k"}[switch])
        self._forget(lambda known: known.cached and switch in known.open)
        self._result(name, j)

    def _jit(self, i: int, j: int, k: int) -> None:
        """A compiled function, of what depends on states and arguments only."""
        self._pick(self.functions, i, lambda: self._define(i, j, k))
        ready = {name: f for name, f in self.functions.items() if not f.open and not f.cached}
        if ready:
            source = self._pick(ready, i, lambda: None)
            name = self._name("f")
            self._step(f"{name} = lib.transform.jit({source})")
            self.functions[name] = replace(self.functions[source], cached=True)

    def _compile(self, i: int, j: int, k: int) -> None:
        """A compiled transform, of what depends on states and arguments only."""
        self._pick(self.transforms, i, lambda: self._build(i, j, k))
        ready = {name: t for name, t in self.transforms.items() if not t.open and not t.cached}
        if ready:
            source = self._pick(ready, i, lambda: None)
            name = self._name("t")
            self._step(f"{name} = lib.transform.jit({source})")
            self.transforms[name] = replace(ready[source], cached=True)

    def _nest(self, i: int, j: int, k: int) -> None:
        """A function that calls a transform."""
        self._build(2 * i, j % 2, 3 * (k % 2))
        self._define(i, j, 3 * k)
        self._build(0, j, k)

    def _draw(self, i: int, j: int, k: int) -> None:
        """An eager draw."""
        result = self._name("r")
        self._step(f"{result} = lib.random.normal(size=())", result=result)

    # -- what moves are made of ------------------------------------------------------------

    def _step(self, *lines: str, result: str = "") -> None:
        self.steps.append(Step(lines, result))

    def _name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def _literal(self, state: str, k: int) -> str:
        value = VALUES[k % len(VALUES)]
        return f"{{'a': {value}}}" if state == "d0" else value

    def _state(self, i: int) -> str:
        state = STATES[i % len(STATES)]
        if state not in self.states:
            self._place(state, i, i % 3)
        return state

    def _switch(self, name: str, value: str) -> None:
        if name not in self.switches:
            self.switches[name] = value
            self._step(f"{name} = {value}")

    def _pick(self, known: dict[str, Function], i: int, make: Callable[[], None]) -> str:
        """The i-th newest, which is made if there is none."""
        if not known:
            make()
        names = list(known)
        return names[-1 - i % len(names)]

    def _forget(self, stale: Callable[[Function], bool]) -> None:
        for known in (self.functions, self.transforms):
            for name in [name for name, function in known.items() if stale(function)]:
                del known[name]


SIGNS: Final[Mapping[str, Callable[[History], bool]]] = {
    "module": lambda h: any("class M" in line for line in h.lines()),
    "eager write": lambda h: any(".value = " in step.lines[0] for step in h.steps),
    "state replaced": lambda h: any(n > 1 for n in _heads(h, " = lib.", "State(").values()),
    "transform kept": lambda h: any(n > 1 for n in _heads(h, " = t", "(jnp", last=True).values()),
    "function called": lambda h: bool(_heads(h, " = f", "(jnp", last=True)),
    "closure turned": lambda h: any(step.lines[0].startswith(("k = 0.5", "flag = not"))
                                    for step in h.steps),
    "failed call": lambda h: any(step.lines[0] == "try:" for step in h.steps),
    "nested": lambda h: any(line.startswith("    y = y + ") for line in h.lines()),
    "compiled": lambda h: any("transform.jit(f" in line for line in h.lines()),
    "transform compiled": lambda h: any("transform.jit(t" in line for line in h.lines()),
    "array output": lambda h: any("return jnp.array([1.0, -2.0])" in line for line in h.lines()),
    "draw in a function": lambda h: any("    y = y * lib.random" in line for line in h.lines()),
    "draw between calls": lambda h: any(" = lib.random.normal" in step.lines[0]
                                        for step in h.steps),
}
"""What a history may hold, and how its lines show it."""

HISTORY: Final = choice("history", SIGNS)


def _heads(history: History, middle: str, then: str, *, last: bool = False) -> Counter[str]:
    """How often each name stands before (or after) the first of two parts of a step's line."""
    found: Counter[str] = Counter()
    for step in history.steps:
        before, sign, after = step.lines[-1].partition(middle)
        if sign and then in after:
            found[after.partition("(")[0] if last else before] += 1
    return found


def read(state: str) -> str:
    """The source of the array in a state."""
    return f"{state}.value['a']" if state == "d0" else f"{state}.value"


def container(form: str, states: list[str]) -> str:
    """The source of a container of states."""
    if form == "one":
        return states[0]
    if form == "dict":
        return "{" + ", ".join(f"'k{9 - i}': {s}" for i, s in enumerate(states)) + "}"
    return "[" + ", ".join(states) + "]"


def histories(feature: str) -> st.SearchStrategy[History]:
    """Histories with a feature of :data:`FEATURES`."""
    extra = FEATURES[feature]
    # One number for three: a move that does not matter shrinks in one go.
    numbers = st.integers(0, 12**3 - 1).map(lambda n: (n % 12, n // 12 % 12, n // 144))

    def moves(kinds: Sequence[str]) -> st.SearchStrategy[Move]:
        return st.builds(lambda kind, three: (kind, *three), st.sampled_from(kinds), numbers)

    some = st.lists(moves(("call", "call", "build", "define", *extra)), max_size=12)
    sure = st.tuples(moves(extra)) if extra else st.just(())  # each shows what it is about
    return st.builds(lambda some, sure: Author(extra).write([*some, *sure, ("call", 0, 0, 0)]),
                     some, sure)


def places(names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The states that the names of a script stand for."""
    for place in STATES:
        head, _, attribute = place.partition(".")
        if head in names:
            holder = names[head]
            if not attribute:
                yield place, holder
            elif hasattr(holder, attribute):
                yield place, getattr(holder, attribute)
