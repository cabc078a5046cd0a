"""Drawing statements that apply a function of JAX to a body which JAX traces.

A body is made anew by every call of the function, or once, before it; it may read a state, and
never writes one.  What JAX's function means is the unrolled Python program of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from .bodies import Body, Name
from .labels import DrawFn, choice
from .programs import Statement, Traced
from .values import Shape
from .wishes import Wish


@dataclass(frozen=True)
class Way:
    """A function of JAX and how it is applied.

    Attributes
    ----------
    head : str
        The head of the body, with a place for its name.
    out : str
        What the body returns, with a place for its own value.
    calls : tuple of str
        The expressions to choose from: with places for the name of the body, the operand, that of
        a second body, and a condition.
    after : str
        What becomes of the local variable then, with a place for it.
    decorator : str
        What stands above the body.
    second : bool
        Whether there is a second body.
    """

    head: str
    out: str
    calls: tuple[str, ...]
    after: str = "{0}"
    decorator: str = ""
    second: bool = False


TURNS: Final = ("jnp.array([0.5, -0.25])", "jnp.array([0.5, 1.0, -0.5])")
LANES: Final = "jnp.stack([{1}, 0.5 * ({1})])"
OF_ONE: Final = "def {0}(v):"

WAYS: Final[Mapping[str, Way]] = {
    "scan": Way("def {0}(v, x):", "0.5 * ({0}) + x, x * v", tuple(
        f"jax.lax.scan({{0}}, {{1}}, {steps}{words})"
        for steps in TURNS for words in ("", ", reverse=True")),
        "{0}[0] + jnp.sum({0}[1], axis=0)"),
    "fori_loop": Way("def {0}(k, v):", "(0.25 + 0.125 * k) * ({0})", (
        "jax.lax.fori_loop(0, 2, {0}, {1})", "jax.lax.fori_loop(1, 4, {0}, {1})")),
    "map": Way(OF_ONE, "{0}", (f"jax.lax.map({{0}}, {LANES})",), "jnp.sum({0}, axis=0)"),
    "vmap": Way("def {0}(v, x):", "x * ({0})", (
        f"jax.vmap({{0}}, in_axes=(0, None))({LANES}, 0.5)",
        "jax.vmap({0}, in_axes=(None, 0))({1}, jnp.array([0.5, 1.0, -0.25]))",
        "jax.vmap({0})(" + LANES + ", jnp.array([0.5, -1.0]))"), "jnp.sum({0}, axis=0)"),
    "cond": Way(OF_ONE, "{0}", ("jax.lax.cond({3}, {0}, {2}, {1})",), second=True),
    "switch": Way(OF_ONE, "{0}", tuple(
        f"jax.lax.switch(jnp.array({index}), [{{0}}, {{2}}], {{1}})" for index in (0, 1, 5)),
        second=True),
    "checkpoint": Way(OF_ONE, "{0}", ("{0}({1})",), decorator="@jax.checkpoint"),
    "jit": Way(OF_ONE, "{0}", ("{0}({1})",), decorator="@jax.jit"),
    "custom_jvp": Way(OF_ONE, "{0}", ("{0}({1})",), decorator="@jax.custom_jvp"),
    "custom_vjp": Way(OF_ONE, "{0}", ("{0}({1})",), decorator="@jax.custom_vjp"),
}
"""The functions of JAX."""

RULES: Final[Mapping[str, str]] = {
    "custom_jvp": "{0}.defjvp(lambda x, dx: ({0}(*x), (lambda v: {1})(*x) * dx[0]))",
    "custom_vjp": "{0}.defvjp(lambda v: ({0}(v), v), lambda v, ct: (({1}) * ct,))",
}
SLOPES: Final = (
    ("jnp.sin(v)", "jnp.cos(v)"), ("0.25 * v * v", "0.5 * v"),
    ("jnp.tanh(v)", "1.0 - jnp.tanh(v) ** 2"),
)
"""What has a rule of its own, and its slope: the rule says what is so without it."""

ANEW, ANEW_OF_STATES = "anew, without a state", "anew, reads a state"
ONCE, ONCE_OF_STATES = "once, without a state", "once, reads a state"
FOREIGN: Final = choice("function of JAX", WAYS)
MADE: Final = choice("body of JAX", (ANEW, ANEW_OF_STATES, ONCE, ONCE_OF_STATES))
WITHIN: Final = choice("within a body of JAX", ("nothing more", "another"))

CONDITIONS: Final = ("jnp.array(True)", "jnp.array(False)", "jnp.sum(jnp.real({0})) > -64.0",
                     "jnp.sum(jnp.real({0})) > 64.0")
"""Conditions, of values that are differentiated, too; these are far from where they turn."""


class Tracing(Body):
    """The body of a function in the making, with such statements where they are wished for.

    Attributes
    ----------
    given : list of Name
        What they give.
    """

    def __init__(self, draw: DrawFn, wish: Wish) -> None:
        super().__init__(draw, wish)
        self.given: list[Name] = []

    def statement(self) -> Statement:
        """A statement of any kind."""
        if self.wish.jax and self.draw(st.integers(0, 3)) == 3:
            return self.traced()
        return super().statement()

    def traced(self, within: Sequence[str] = ()) -> Traced:
        """A local variable that a function of JAX gives.

        ``within`` are the ways to make a body that another one leaves for those inside of it.
        """
        kind, shape = self.choose(FOREIGN, self.wish.jax), self.draw(st.sampled_from(
            self.wish.shapes))
        made, way = self.made(kind, within), WAYS[kind]
        operand, names = self.array(shape), [f"b{self.count}", f"d{self.count}"][:1 + way.second]
        self.count += 1
        lines = [line for name in names for line in (
            self.ruled(kind, name) if kind in RULES else
            self.definition(way, name, shape, made, bool(within)))]
        test = self.draw(st.sampled_from(CONDITIONS)) if kind == "cond" else ""
        call = self.draw(st.sampled_from(way.calls)).format(
            names[0], operand, names[-1], test.format(operand))
        target = self.target(shape)
        self.given += [] if within else self.scope[-1:]
        call = [f"{target} = {call}"]
        if way.after != "{0}":
            call.append(f"{target} = {way.after.format(target)}")
        return Traced(target, tuple(lines), tuple(call), made in (ONCE, ONCE_OF_STATES))

    def made(self, kind: str, within: Sequence[str]) -> str:
        """How the body is made, of the ways that are wished for and possible."""
        known = within or self.wish.made
        if kind in RULES:
            # A rule may not close over what is differentiated, and is defined beside its function.
            known = [way for way in known if way in (ANEW, ONCE)] or [ANEW if within else ONCE]
        if not any(name.state for name in self.scope):
            known = [way.replace("reads a", "without a") for way in known]
        return self.choose(MADE, known)

    def ruled(self, kind: str, name: str) -> list[str]:
        """The lines that define a function with a rule of its own."""
        value, slope = self.draw(st.sampled_from(SLOPES))
        return [WAYS[kind].decorator, WAYS[kind].head.format(name), f"    return {value}",
                RULES[kind].format(name, slope)]

    def definition(
        self, way: Way, name: str, shape: Shape, made: str, inner: bool
    ) -> list[str]:
        """The lines that define a body, over what it may see."""
        scope, lines, used = self.scope, list[str](), ""
        states = [one for one in scope if one.state and made in (ANEW_OF_STATES, ONCE_OF_STATES)]
        local = [one for one in scope if not one.state and made in (ANEW, ANEW_OF_STATES)]
        self.scope = [Name("v", shape), *local, *states]
        if not inner and not self.draw(st.integers(0, 3)):
            self.note(WITHIN, "another")
            found = self.traced((ANEW_OF_STATES, ANEW) if states else (ANEW,))
            lines += [*found.definition, *found.call]
            used = f" + 0.5 * {self.use(self.scope[-1], shape)}"
        else:
            self.note(WITHIN, "nothing more")
        out = f"jnp.cos(v) * ({self.array(shape)}){used}"
        if states:
            out += f" + v * jnp.sin({self.use(self.draw(st.sampled_from(states)), shape)})"
        self.scope = scope
        return [*[way.decorator] * bool(way.decorator), way.head.format(name),
                *("    " + line for line in [*lines, f"return {way.out.format(out)}"])]
