"""Histories: scripts of states created, written and replaced, and of transforms called in between.

A history is a list of steps, each some lines of a script, with nothing behind it: the lines run
on an implementation and on the NumPy model, and what is judged is what the names then hold.  It
is drawn as a list of moves; the :class:`Author` turns a move into lines that make sense where it
stands, and writes first what it builds on, as plainly as can be.  So any list of moves is a
history, any part of it too, and a failing one shrinks to a short script, field by field.
That is why it is none of Hypothesis's state machines: nobody could paste their method calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from hypothesis import strategies as st

from .labels import choice
from .moves import (
    ANY_OUTPUT,
    COPIES,
    FEATURES,
    HOME_PLACES,
    POINTS,
    SWITCHES,
    VALUES,
    WRITES,
    Build,
    CallFunction,
    CallTransform,
    CompileFunction,
    CompileTransform,
    Create,
    Define,
    Duplicate,
    EagerDraw,
    EagerWrite,
    FailingCall,
    Move,
    Replace,
    Switch,
    ThreadedCall,
    Turn,
)
from .script import Script

HISTORY: Final = choice("history", (
    "module", "eager write", "state replaced", *COPIES, "call in a thread",
    "transform kept", "function called", "closure turned", "failed call", "nested", "compiled",
    "transform compiled", "array output", "draw in a function", "draw between calls",
))


@dataclass(frozen=True)
class Step:
    """Some lines, and the name that holds what they gave, if any."""

    lines: tuple[str, ...]
    result: str = ""


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


@dataclass(frozen=True)
class Facts:
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
        The flags and factors it takes from outside, which compiled functions may not see change.
    fails : bool
        Whether it raises for an argument with three axes.
    nestable : bool
        Whether it is a transform simple enough to be called in a function.
    nests : bool
        Whether it calls a transform itself; one level is enough, and the model takes long for
        two.
    aux : bool
        Whether a function returns a pair.
    array : bool
        Whether the output is an array, of which `grad` and `hessian` have no derivative.
    """

    reads: frozenset[str]
    touched: tuple[str, ...] = ()
    selects: frozenset[str] = frozenset()
    cached: bool = False
    open: frozenset[Switch] = frozenset()
    fails: bool = False
    nestable: bool = False
    nests: bool = False
    aux: bool = False
    array: bool = False


class Author:
    """Writes a history, move by move.

    Parameters
    ----------
    random : bool
        Whether the stream is seeded at first, and looked at after each call.
    """

    def __init__(self, random: bool = False) -> None:
        self.random = random
        self.steps: list[Step] = []
        self.labels: set[str] = set()
        self.states: list[str] = []
        self.functions: dict[str, Facts] = {}
        self.transforms: dict[str, Facts] = {}
        self.switches: set[Switch] = set()
        self.called: Counter[str] = Counter()
        self.count = 0

    def write(self, moves: Sequence[Move]) -> History:
        """The history of a list of moves."""
        if self.random:
            self._step("lib.random.seed(7)")
        for move in moves:
            self.make(move)
        return History(tuple(self.steps), frozenset(self.labels))

    def make(self, move: Move) -> None:
        """Write the lines of a move."""
        match move:
            case Define():
                self._define(move)
            case Build():
                self._build(move)
            case CallTransform(back, at):
                self._result(self._transform(back), at)
            case CallFunction(back, at):
                self._note("function called")
                self._result(self._function(back), at)
            case FailingCall(back):
                self._fail(back)
            case Create():
                self._place(move)
            case Replace(state):
                if state not in self.states:
                    self._define(Define(reads=state, writes=state))
                self._place(move)
            case Duplicate():
                self._duplicate(move)
            case ThreadedCall(back, at):
                self._result(self._transform(back), at, elsewhere=not self.random)
            case EagerWrite(state, value):
                self._need(state)
                self._note("eager write")
                self._step(f"{state}.value = {new_value(state, value)}")
            case EagerDraw():
                self._draw()
            case Turn():
                self._turn(move)
            case CompileFunction(back):
                if not compilable(self.functions):
                    self._define(Define())
                self._compile("f", self.functions, back, "compiled")
            case CompileTransform(back):
                if not compilable(self.transforms):
                    self._define(Define())
                    self._build(Build())
                self._compile("t", self.transforms, back, "transform compiled")
            case _:
                assert_never(move)

    # -- states ------------------------------------------------------------------------------

    def _need(self, state: str) -> None:
        """Make a state where it is not there yet."""
        if state not in self.states:
            self._place(Create(state))

    def _place(self, move: Create | Replace) -> None:
        state = move.state
        if state == "m.w" and HISTORY.label("module") not in self.labels:
            self._note("module")
            self._step("class M(lib.nn.Module): pass", "m = M()")
        if state in self.states:
            self._note("state replaced")
            self._again(lambda known: state in known.reads - known.selects, move.at)
        self._step(f"{state} = lib.{move.kind}({new_value(state, move.value)})")
        if state not in self.states:
            self.states.append(state)
        self._renewed(state, move.at)

    def _renewed(self, state: str, at: str) -> None:
        """Forget what selects the state that was behind a name; call what reads the new one."""
        self._forget(lambda known: state in known.selects or (
            known.cached and state in known.reads))
        self._again(lambda known: state in known.reads, at)

    def _duplicate(self, move: Duplicate) -> None:
        """A module is always copied deeply: no pickle knows its class, which is the script's."""
        state, how, old, result = move.state, move.how, self._name("o"), self._name("r")
        if not any(state in known.touched for known in compilable(self.functions).values()):
            self._define(Define(reads=state, writes=state, how="from both"))
        held, how = ("m", "deep copy") if state == "m.w" else (state, how)
        self._note(how)
        self._step("import copy, pickle", f"{old} = {state}",
                   f"{held} = {COPIES[how].format(held)}")
        self._renewed(state, move.at)
        self._step(f"{state}.value = {new_value(state, move.value)}")
        touching = [state in known.touched for known in self.functions.values()]
        self._build(Build(touching[::-1].index(True), "vector_grad", "list"))
        self._result(self._transform(0), move.at)
        self._step(f"{result} = {old}.value", result=result)

    # -- functions and transforms ------------------------------------------------------------

    def _define(self, move: Define) -> None:
        a, b = move.reads, move.writes
        self._need(a)
        self._need(b)
        uses, known = self._uses(move)
        body = [f"y = jnp.sum(jnp.sin({read(a)} * x))", *uses]
        if move.how != "nothing":
            new = WRITES[move.how].format(a=read(a), b=read(b))
            write = f"{b}.value = {{'a': {new}}}" if b == "d0" else f"{b}.value = {new}"
            body.append(f"if flag: {write}" if move.on_flag else write)
        if move.fails:
            body.append("if x.ndim == 3: raise ArithmeticError('planned')")
        out = f"y + jnp.cos(jnp.sum({read(b)}))"
        if move.array:
            self._note("array output")
            out = f"jnp.array([1.0, -2.0]) * ({out})"
        body.append(f"return {out}, {{'b': {read(b)}}}" if move.aux else f"return {out}")
        name = self._name("f")
        self._step(f"def {name}(x):", *("    " + line for line in body))
        self.functions[name] = replace(
            known, reads=known.reads | {a, b}, touched=tuple(dict.fromkeys((a, b))),
            fails=known.fails or move.fails, aux=move.aux, array=move.array)

    def _uses(self, move: Define) -> tuple[list[str], Facts]:
        """What else the function does: a draw, a factor, a flag, the call of a transform."""
        lines, known = [], Facts(frozenset())
        if move.draws:
            self._note("draw in a function")
            lines.append("y = y * lib.random.normal(size=())")
        taken: dict[Switch, bool] = {
            "k": move.scaled, "flag": move.on_flag and move.how != "nothing"}
        for switch in (switch for switch, used in taken.items() if used):
            self._switch(switch)
            known = replace(known, open=known.open | {switch})
        if move.scaled:
            lines.append("y = k * y")
        if move.nests:
            self._note("nested")
            name = self._nestable()
            used = self.transforms[name]
            lines.append(f"y = y + jnp.sum({name}(x))")
            known = replace(known, reads=used.reads, cached=used.cached, fails=used.fails,
                            open=known.open | used.open, selects=used.selects, nests=True)
        return lines, known

    def _nestable(self) -> str:
        """The newest transform that is simple; made if there is none."""
        if not any(known.nestable for known in self.transforms.values()):
            self._define(Define())
            self._build(Build())
        return [name for name, known in self.transforms.items() if known.nestable][-1]

    def _build(self, move: Build) -> None:
        function = self._function(move.back)
        known, second = self.functions[function], move.member == "hessian"
        if (known.array and move.member not in ANY_OUTPUT) or (known.nests and second):
            return
        states = [s for s in known.touched if not (second and s == "d0")]
        chosen = {"one": states[:1], "argument": []}.get(move.select, states)
        words = [] if not chosen else [f"grad_states={container(move.select, chosen)}"]
        words += ["argnums=0"] if move.select == "both" and chosen else []
        words += ["has_aux=True"] if known.aux else []
        words += ["return_value=True"] if move.value else []
        name = self._name("t")
        self._step(f"{name} = lib.transform.{move.member}({', '.join([function, *words])})")
        plain = move.member in ("grad", "vector_grad") and not (
            known.aux or known.nests or move.value)
        simple = not chosen or (move.select == "one" and chosen != ["d0"])
        self.transforms[name] = replace(
            known, selects=known.selects | set(chosen), nestable=plain and simple)

    def _compile(
        self, letter: str, among: dict[str, Facts], back: int, label: str
    ) -> None:
        """Compile one of what can be."""
        self._note(label)
        source, name = pick(compilable(among), back), self._name(letter)
        self._step(f"{name} = lib.transform.jit({source})")
        among[name] = replace(among[source], cached=True)

    def _function(self, back: int) -> str:
        """A function so far back; made if there is none."""
        if not self.functions:
            self._define(Define())
        return pick(self.functions, back)

    def _transform(self, back: int) -> str:
        """A transform so far back; made of the newest function if there is none."""
        if not self.transforms:
            array = self.functions[self._function(0)].array
            self._build(Build(member="vector_grad" if array else "grad"))
        return pick(self.transforms, back)

    # -- calls -------------------------------------------------------------------------------

    def _again(self, concerned: Callable[[Facts], bool], at: str) -> None:
        """A call of a transform that a change concerns, if there is one."""
        ready = [name for name, known in self.transforms.items() if concerned(known)]
        if ready:
            self._result(ready[-1], at)

    def _result(self, name: str, at: str, elsewhere: bool = False) -> None:
        self.called[name] += 1
        if name in self.transforms and self.called[name] > 1:
            self._note("transform kept")
        result = self._name("r")
        if elsewhere:  # where threads have streams of their own, what is drawn there is open
            self._note("call in a thread")
            self._step("from concurrent.futures import ThreadPoolExecutor as Pool",
                       f"{result} = Pool(1).submit({name}, {POINTS[at]}).result()", result=result)
        else:
            self._step(f"{result} = {name}({POINTS[at]})", result=result)
        self._stream()

    def _stream(self) -> None:
        """Where the random stream stands, after a call."""
        if self.random:
            self._draw()

    def _draw(self) -> None:
        self._note("draw between calls")
        result = self._name("r")
        self._step(f"{result} = lib.random.normal(size=())", result=result)

    def _fail(self, back: int) -> None:
        if not any(known.fails for known in self.transforms.values()):
            self._define(Define(reads="s0", writes="s1", how="from both", fails=True))
            self._build(Build())
        self._note("failed call")
        name = pick({n: known for n, known in self.transforms.items() if known.fails}, back)
        result = self._name("r")
        self._step(
            f"try: {result} = {name}(jnp.ones((1, 1, 1)))",
            f"except ArithmeticError: {result} = 'raised'",
            result=result,
        )
        self._stream()

    def _turn(self, move: Turn) -> None:
        """What is compiled is not called any more after the change."""
        switch = move.switch
        taken = {taken for known in self.transforms.values() for taken in known.open}
        if not taken:
            self._define(Define(scaled=True) if switch == "k" else
                         Define(reads="s0", writes="s1", how="from both", on_flag=True))
            self._build(Build())
        elif switch not in taken:
            (switch,) = taken
        name = pick({n: t for n, t in self.transforms.items() if switch in t.open}, move.back)
        self._note("closure turned")
        self._result(name, move.at)
        self._step(SWITCHES[switch][1])
        self._forget(lambda known: known.cached and switch in known.open)
        self._result(name, move.at)

    # -- what moves are made of --------------------------------------------------------------

    def _note(self, option: str) -> None:
        self.labels.add(HISTORY.label(option))

    def _step(self, *lines: str, result: str = "") -> None:
        self.steps.append(Step(lines, result))

    def _name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def _switch(self, name: Switch) -> None:
        if name not in self.switches:
            self.switches.add(name)
            self._step(f"{name} = {SWITCHES[name][0]}")

    def _forget(self, stale: Callable[[Facts], bool]) -> None:
        for known in (self.functions, self.transforms):
            for name in [name for name, function in known.items() if stale(function)]:
                del known[name]


def compilable(known: Mapping[str, Facts]) -> dict[str, Facts]:
    """What can be compiled: all but what depends on the world, or is compiled already."""
    return {name: f for name, f in known.items() if not f.open and not f.cached}


def pick(known: Mapping[str, Facts], back: int) -> str:
    """The name so far back, or the oldest."""
    names = list(known)
    return names[-1 - min(back, len(names) - 1)]


def read(state: str) -> str:
    """The source of the array in a state."""
    return f"{state}.value['a']" if state == "d0" else f"{state}.value"


def new_value(state: str, value: str) -> str:
    """The source of a new value of a state."""
    return f"{{'a': {VALUES[value]}}}" if state == "d0" else VALUES[value]


def container(form: str, states: Sequence[str]) -> str:
    """The source of a container of states."""
    if form == "one":
        return states[0]
    if form == "dict":
        return "{" + ", ".join(f"'k{9 - i}': {s}" for i, s in enumerate(states)) + "}"
    return "[" + ", ".join(states) + "]"


def histories(name: str) -> st.SearchStrategy[History]:
    """Histories with a feature of :data:`spec.language.moves.FEATURES`."""
    feature = FEATURES[name]
    return st.builds(
        lambda some, sure: Author(feature.random).write([*some, *sure, CallTransform()]),
        feature.some(), feature.sure())


def places(names: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The states that the names of a script stand for."""
    for place in HOME_PLACES:
        head, _, attribute = place.partition(".")
        if head in names:
            holder = names[head]
            if not attribute:
                yield place, holder
            elif hasattr(holder, attribute):
                yield place, getattr(holder, attribute)
