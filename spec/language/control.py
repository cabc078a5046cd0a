"""Programs of control flow over states: bodies that read, write, draw, count and nest.

A program is a list of blocks.  A block turns the local ``t`` into a new one by a call of one of
the functions of class control, whose bodies do the same; so blocks nest.  The text runs unchanged
on an implementation and on the model, where the functions are the unrolled Python program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from .cases import Case, Selection
from .labels import DrawFn
from .programs import Line, Param, Program, Ref, Var
from .returns import SIDES
from .values import NUMBERS

PLACEHOLDER: Final = "call"
"""The member of a case that calls its function and differentiates nothing."""

STEPS: Final = (2, 3, 1, 6)
"""The numbers of steps of a loop, among them more than anybody writes out."""

FEW_LANES: Final = (3, 2)
"""The numbers of lanes."""

MANY: Final = (6, 9)
"""Steps and lanes where there are to be many: few sizes, as each is compiled anew."""

SEED: Final = 7

READ_VALUES: Final = {
    "number": "{0}.value", "vector": "jnp.mean({0}.value)",
    "dict": "jnp.sin(jnp.mean({0}.value['a'])) * {0}.value['b'][0]",
}
"""The kinds of floating state, and a number that depends on its value."""

NEW_VALUES: Final = {
    "number": "{e}", "vector": "{e} * jnp.linspace(1.0, 0.25, {n})",
    "dict": "{{'a': {e} * jnp.array([0.5, 1.0]), 'b': (jnp.sin({e}),)}}",
}
"""The value of each kind that is written, made of a number; vectors have ``n`` entries."""

ENTRY_VALUES: Final[Mapping[str, Callable[[float, float, int], Any]]] = {
    "number": lambda a, b, n: np.array(a), "vector": lambda a, b, n: np.resize([a, b, 0.5], n),
    "dict": lambda a, b, n: {"a": np.array([a, -1.0]), "b": (np.array(b),)},
}
"""The value on entry of each kind, made of two numbers; vectors have ``n`` entries."""

EXPRESSIONS: Final = (
    "jnp.sin({t} + {r})", "0.5 * {r} + {t}", "jnp.tanh({t}) * {r}", "jnp.tanh({t}) * jnp.cos({r})",
)
"""What a line makes of ``t`` and a state that it reads.  The slope by the state is one at most, and
``t`` grows by no more than a factor in a block: many steps would else make too much of the rounding
of the first."""

LOOP_WORDS: Final = ("", ", reverse=True, unroll=2", ", unroll=2", ", reverse=True, unroll=3",
                     ", reverse=True", ", reverse=True, unroll=4")
"""The options of a loop over entries: in which direction, and how many steps JAX compiles as one.
"""

CARRIES: Final = {
    "number": ("t", "jnp.sin(c + t)", "0.0", "{y}"),
    "counter": ("jnp.array(0)", "c + 1", "0.25 * c", "{y}"),
    "flag": ("jnp.array(True)", "~c", "jnp.where(c, 0.5, 0.25)", "jnp.where({y}, 0.5, 0.25)"),
    "tree": ("{'n': jnp.array(0), 'u': t}", "{'n': c['n'] + 1, 'u': jnp.sin(c['u'] + t)}",
             "0.25 * c['n']", "{y}['n'] + {y}['u']"),
}
"""What a scan carries: its start, the next one, what a step reads of it, and a number of it."""

GOING_ON: Final = ("c[0] < {0}", "c[0] < {0} + b.value", "c[0] < {0} + jnp.minimum(n.value, 2)")
"""When a while_loop goes on: so many turns at the least, two more at the most."""

COUNTS: Final = ("n.value = n.value + 1", "n.value = n.value + b.value")
FLAGS: Final = ("b.value = ~b.value", "b.value = n.value < 2")
"""What becomes of the counter and of the flag, each in terms of both."""


@dataclass(frozen=True)
class ControlWish:
    """What programs are to be made of.

    Attributes
    ----------
    blocks : tuple of str
        The functions of class control, the outer one first; each is called in a body of the one
        before.
    lines : tuple of str
        The kinds of line that bodies consist of; see :meth:`ControlDraft.line`.
    kinds : tuple of str
        The kinds of floating state to choose from.
    sure : tuple of str
        Kinds of line that the innermost body has in any case.
    selects : bool
        Whether states are selected, or argument 0.
    members : tuple of str
        The transforms to choose from.
    tree : bool
        Whether bodies of the outermost block may return more than a number.
    steps, lanes : tuple of int
        The numbers of steps and of lanes to choose from.
    carries : tuple of str
        What a scan may carry.
    mapped : bool
        Whether states may be mapped.
    words : tuple of str
        The options of a loop over entries to choose from.
    """

    blocks: tuple[str, ...]
    lines: tuple[str, ...] = ("read", "write", "update", "count", "flag", "draw")
    kinds: tuple[str, ...] = ("number", "vector")
    sure: tuple[str, ...] = ("update",)
    selects: bool = True
    members: tuple[str, ...] = (PLACEHOLDER,)
    tree: bool = False
    steps: tuple[int, ...] = STEPS
    lanes: tuple[int, ...] = FEW_LANES
    carries: tuple[str, ...] = tuple(CARRIES)
    mapped: bool = True
    words: tuple[str, ...] = LOOP_WORDS


@dataclass(frozen=True)
class Drawing(Program):
    """A program that draws so many numbers at the most, with one that is drawn after it."""

    most: int = 1

    @property
    def draws(self) -> list[tuple[int, ...]]:
        """The shapes of the random draws, in order; there may be fewer."""
        return [()] * self.most


@dataclass(frozen=True)
class Control(Case):
    """A call of a program of control flow or of a transform of it, and a draw that follows."""

    def transformed(self) -> str:
        """The source of the transformed function."""
        return "f" if self.member == PLACEHOLDER else super().transformed()

    def call(self) -> str:
        """The lines of the call and of the draw."""
        return f"{super().call()}\nafter = lib.random.normal(size=())"


@dataclass(frozen=True)
class Compiled(Control):
    """A program whose call is compiled, and made twice from the same start."""

    def call(self) -> str:
        """The lines of both calls and of the draw."""
        ids = [var.id for var in self.program.states]
        again = [f"{name}.value = v_{name}" for name in ids]
        return "\n".join([
            f"g = lib.transform.jit({self.transformed()})", *(f"v_{n} = {n}.value" for n in ids),
            f"g({self.arguments()})", *again, f"lib.random.seed({self.program.seed})",
            f"result = g({self.arguments()})", "after = lib.random.normal(size=())"])


class ControlDraft:
    """Writes one program.

    Parameters
    ----------
    draw : callable
        Hypothesis's.
    wish : ControlWish
        What is asked for.
    """

    def __init__(self, draw: DrawFn, wish: ControlWish) -> None:
        self.draw, self.wish = draw, wish
        count = draw(st.integers(1, 3))
        self.kinds = {f"s{i}": draw(st.sampled_from(wish.kinds)) for i in range(count)}
        self.lanes = draw(st.sampled_from(wish.lanes)) if "vmap" in wish.blocks else 0
        maps = self.lanes and wish.mapped and draw(st.booleans())
        self.mapped = {s for s in self.kinds if maps and draw(st.booleans())}
        # A shared state may well be as long as there are lanes.
        self.entries = self.lanes + self.choose((0, 0, 0, 1)) if self.lanes else 3
        self.draws, self.times, self.count, self.depth = 0, 1, 0, 0

    def choose(self, options: Sequence[Any]) -> Any:
        """One of some options."""
        return self.draw(st.sampled_from(tuple(options)))

    # -- states ------------------------------------------------------------------------------

    def states(self) -> tuple[Var, ...]:
        """All states: floating ones, a counter and a flag."""
        floating = [Var(s, self.value(s), self.choose(("State", "ParamState"))) for s in self.kinds]
        flag = Var("b", np.array(self.draw(st.booleans())))
        return *floating, Var("n", np.array(self.draw(st.integers(0, 2)))), flag

    def value(self, state: str) -> Any:
        """The value of a state on entry; of one that is mapped, one for each lane."""
        make = ENTRY_VALUES[self.kinds[state]]
        several = [make(self.choose(NUMBERS[:6]), self.choose(NUMBERS[:6]), self.entries)
                   for _ in range(self.lanes if state in self.mapped else 1)]
        return _stacked(several) if state in self.mapped else several[0]

    # -- blocks ------------------------------------------------------------------------------

    def block(self, blocks: Sequence[str], in_lane: bool = False) -> list[str]:
        """Lines that turn ``t`` into a new one, and leave what the call gave in ``y``."""
        function, rest = blocks[0], blocks[1:]
        self.count += 1
        number, outermost = self.count, blocks is self.wish.blocks
        most = max(self.wish.steps)
        runs = {"for_loop": most, "scan": most, "while_loop": most + 2}
        self.times *= runs.get(function, 1)
        lane = in_lane or function == "vmap"
        self.depth += function == "vmap"
        tree = self.wish.tree and outermost and self.draw(st.booleans())
        out = "{'u': t, 'v': jnp.cos(t) * jnp.array([1.0, -0.5])}" if tree else "t"
        total = "jnp.mean({0}['u']) + jnp.mean({0}['v'])" if tree else "jnp.mean({0})"
        lines: list[str] = getattr(self, f"_{function}")(number, rest, out, total, lane)
        self.times //= runs.get(function, 1)
        self.depth -= function == "vmap"
        return lines

    def body(self, header: str, rest: Sequence[str], out: str, lane: bool) -> list[str]:
        """A function whose body turns ``t`` into a new one."""
        lines = [self.line(kind, lane) for kind in self.draw(st.lists(
            st.sampled_from(self.wish.lines), max_size=3 if not rest else 1))]
        if rest:
            lines[self.draw(st.integers(0, len(lines))):0] = [self.block(rest, lane)]
        else:
            for kind in self.wish.sure:
                lines.insert(self.draw(st.integers(0, len(lines))), self.line(kind, lane))
        flat = [text for line in lines for text in line]
        return [header, *("    " + text for text in flat), f"    return {out}"]

    def _entries(self, count: int) -> str:
        return f"t * jnp.array({[self.choose(NUMBERS[:6]) for _ in range(count)]})"

    def _for_loop(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        xs = self._entries(self.choose(self.wish.steps))
        return [*self.body(f"def step{number}(t):", rest, out, lane),
                f"y = lib.transform.for_loop(step{number}, {xs}{self.choose(self.wish.words)})",
                f"t = {total.format('y')}"]

    def _scan(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        xs = self._entries(self.choose(self.wish.steps))
        start, following, seen, end = CARRIES[self.choose(self.wish.carries)]
        made = self.body(f"def step{number}(c, t):", rest, f"{following}, {out}", lane)
        made[1:1] = [f"    t = t + {seen}"] if seen != "0.0" else []
        words = self.choose(self.wish.words)
        return [*made, f"y = lib.transform.scan(step{number}, {start}, {xs}{words})",
                f"t = {end.format(y='y[0]')} + {total.format('y[1]')}"]

    def _while_loop(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        test = self.choose(GOING_ON).format(self.choose(self.wish.steps))
        made = self.body(f"def step{number}(c):", rest, "c[0] + 1, t", lane)
        made.insert(1, "    t = c[1]")
        return [f"def more{number}(c): return {test}", *made,
                f"y = lib.transform.while_loop(more{number}, step{number}, (jnp.array(0), t))",
                "t = y[1]"]

    def _cond(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        return [*self.body(f"def yes{number}(t):", rest, out, lane),
                *self.body(f"def no{number}(t):", rest[1:], out, lane),
                f"y = lib.transform.cond({self._test()}, yes{number}, no{number}, t)",
                f"t = {total.format('y')}"]

    def _test(self) -> str:
        return str(self.choose(("n.value < 2", "b.value", "n.value == 1")))

    def _switch(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        names = [f"way{number}{letter}" for letter in "abc"]
        made = [self.body(f"def {name}(t):", rest if i == 0 else rest[1:], out, lane)
                for i, name in enumerate(names)]
        return [*(line for lines in made for line in lines),
                f"y = lib.transform.switch(n.value, [{', '.join(names)}], t)",
                f"t = {total.format('y')}"]

    def _vmap(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        # A mapped state has one axis, for the outermost lanes; those within share its entry.
        mapped = ", ".join(sorted(self.mapped)) if self.depth == 1 else ""
        words = f", in_states=[{mapped}], out_states=[{mapped}]" if mapped else ""
        return [*self.body(f"def lane{number}(t):", rest, out, lane),
                f"y = lib.transform.vmap(lane{number}{words})({self._entries(self.lanes)})",
                f"t = {total.format('y')}"]

    def _checkpoint(
        self, number: int, rest: Sequence[str], out: str, total: str, lane: bool
    ) -> list[str]:
        return [*self.body(f"def part{number}(t):", rest, out, lane),
                f"y = lib.transform.checkpoint(part{number})(t)", f"t = {total.format('y')}"]

    # -- lines -------------------------------------------------------------------------------

    def line(self, kind: str, lane: bool) -> list[str]:
        """A line of a body: a read, a write, an update, a count, a flag, a draw, or a state."""
        here = sorted(self.mapped) if lane or not self.lanes else []
        shared = [s for s in self.kinds if s not in self.mapped]
        readable = [*shared, *here]
        if kind == "count":
            return [self.choose(COUNTS)]
        if kind == "flag":
            return [self.choose(FLAGS)]
        if kind == "born":
            return ["i = lib.State(t)", "i.value = jnp.sin(i.value) + t", "t = 0.5 * i.value"]
        if kind == "draw" and not self.lanes:
            self.draws += self.times
            return ["t = t + 0.25 * jnp.asarray(lib.random.normal(size=()), 'float64')"]
        if not readable:
            return ["t = jnp.sin(t)"]
        state = self.choose(readable)
        read, made = READ_VALUES[self.kinds[state]].format(state), NEW_VALUES[self.kinds[state]]
        own = not lane or (state in self.mapped and self.depth == 1)
        if kind == "write" and own:
            return [f"{state}.value = {made.format(e='jnp.sin(t)', n=self.entries)}"]
        if kind == "update":
            # All lanes must write the same to a state that they share.
            t = "t" if own else "0.25"
            new = self.choose(EXPRESSIONS).format(t=t, r=read)
            return [f"{state}.value = {made.format(e=new, n=self.entries)}"]
        return [f"t = {self.choose(EXPRESSIONS).format(t='t', r=read)}"]

    # -- the case ----------------------------------------------------------------------------

    def case(self) -> Control:
        """The program and one call."""
        member, blocks = self.choose(self.wish.members), self.wish.blocks
        states = self.states()
        lines = self.block(blocks)
        tails = [f"t = t + 0.5 * jnp.sin({_sum(self.kinds[s], s)})" for s in self.kinds]
        body = tuple(Line(text) for text in ("t = x0", *lines, *tails))
        program = Drawing(states, (Param("x0"),), body, self._out(member), seed=SEED,
                          most=self.draws + 1)
        row, selection = SIDES["states" if self.wish.selects else "arguments"][2], None
        if self.wish.selects:
            chosen = self.draw(st.lists(st.sampled_from(list(self.kinds)), min_size=1, unique=True))
            selection = Selection([Ref(state) for state in chosen])
        return Control(program, member, row, selection, None, (np.array(self.choose(NUMBERS[:6])),))

    def _out(self, member: str) -> str:
        if member == PLACEHOLDER:
            return "t, y"
        scalar = member in ("grad", "hessian")
        return "t" if scalar else self.choose(("t", "jnp.array([1.0, -0.5]) * t"))


def _sum(kind: str, state: str) -> str:
    """A number that depends on the value of a state, whether or not it is mapped."""
    if kind == "dict":
        return f"jnp.sum({state}.value['a']) * jnp.sum({state}.value['b'][0])"
    return f"jnp.sum({state}.value)"


def _stacked(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return {"a": np.stack([v["a"] for v in values]),
                "b": (np.stack([v["b"][0] for v in values]),)}
    return np.stack(values)


@st.composite
def programs(draw: DrawFn, wish: ControlWish) -> Control:
    """Programs of control flow, and one call."""
    return ControlDraft(draw, wish).case()
