"""Composition: transforms of transforms, jit, and JAX's own transforms outside and inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis.strategies import SearchStrategy

from ...judge.aspects import judge_effects, judge_row
from ...judge.check import generated, snippet
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import (
    DISTINCT,
    EXACT,
    FIRST_ORDER,
    REPRESENTATIVES,
    Members,
    representatives,
    rows,
)
from ...language.cases import Case
from ...language.returns import ROWS
from ...language.strategies import cases
from ...language.transforms import FAMILY, Member
from ...language.wishes import Wish


@dataclass(frozen=True)
class Outside(Case):
    """A case whose transformed function is compiled."""

    def transformed(self) -> str:
        """The source of the transformed function."""
        return f"lib.transform.jit({super().transformed()})"


@dataclass(frozen=True)
class Inside(Case):
    """A case whose function is compiled before it is transformed."""

    def transformed(self) -> str:
        """The source of the transformed function."""
        return super().transformed().replace("(f", "(lib.transform.jit(f)", 1)


@dataclass(frozen=True)
class Again(Case):
    """A case whose call is made twice by one transform, from the same values of the states."""

    def call(self) -> str:
        """The lines of both calls."""
        ids = [var.id for var in self.program.states]
        reset = [f"{name}.value = v_{name}" for name in ids]
        return "\n".join([f"g = {self.transformed()}", *(f"v_{n} = {n}.value" for n in ids),
                          f"g({self.arguments()})", *reset, f"result = g({self.arguments()})"])


@dataclass(frozen=True)
class OutsideTwice(Again, Outside):
    """A case whose compiled transform is called twice."""


@dataclass(frozen=True)
class InsideTwice(Again, Inside):
    """A case whose function is compiled, and whose transform is called twice."""


TWO = representatives("reverse", "forward")


def compiled(kind: type[Case]) -> SearchStrategy[Case]:
    """Calls of any member, compiled; of both sides together only where RET is not about it."""
    states = Wish(DISTINCT, rows("states", has_aux=True), writes=True)
    both = Wish(TWO, (ROWS[5], ROWS[8], ROWS[11]), writes=True)
    drawn = cases(both) if issubclass(kind, Again) else cases(states) | cases(both)
    return drawn.map(lambda case: kind(**vars(case)))



def judge_agreement_with_eager(subject: Subject, case: Case) -> None:
    """Structure, values and effects, all as without jit."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_values(seen)
    judge_effects(seen)


@generated("CMP-01", compiled, {"jit(T(f))": Outside, "twice": OutsideTwice})
def jit_of_a_transform_agrees(subject: Subject, case: Case) -> None:
    """Structure, values and effects, all as without jit."""
    judge_agreement_with_eager(subject, case)


@generated("CMP-02", compiled, {"T(jit(f))": Inside, "twice": InsideTwice})
def a_transform_of_jit_agrees(subject: Subject, case: Case) -> None:
    """Structure, values and effects, all as without jit."""
    judge_agreement_with_eager(subject, case)


@snippet("CMP-02", EXACT.bound(
    made=lambda m: f"lambda f, **w: lib.transform.{m.name}(lib.transform.jit(f), **w)"))
@snippet("CMP-01", EXACT.bound(
    made=lambda m: f"lambda f, **w: lib.transform.jit(lib.transform.{m.name}(f, **w))"))
def result_and_effects_agree(lib, jnp, T, made):
    s, n, x = lib.State(jnp.array([1.0, 2.0])), lib.State(jnp.array(0.0)), jnp.array([0.5, 3.0])
    def f(x):
        n.value = n.value + jnp.sum(s.value * x)
        return jnp.sum(jnp.sin(n.value) * s.value)

    def run(g):
        n.value = jnp.array(0.0)
        return *g(f, grad_states=[s], return_value=True)(x), n.value

    for part, want, got in zip(("gradient", "value", "state"), run(T), run(made), strict=True):
        assert jnp.allclose(jnp.array(got), jnp.array(want)), {
            "at": part, "expected": want, "got": got}


RULED = {
    "jvp": "lambda s, h: h.defjvp(lambda x, dx: (x[0], s.value * dx[0]))",
    "vjp": "lambda s, h: h.defvjp(lambda x: (x, s.value), lambda slope, ct: (slope * ct,))",
}
INSIDE = {
    "T(jit(f))": "lambda T, f: T(lib.transform.jit(f))",
    "jit(f) made before": "lambda T, f: (lambda g: T(lambda x: g(x)))(lib.transform.jit(f))",
    "jit(f) made inside": "lambda T, f: T(lambda x: lib.transform.jit(f)(x))",
}
OUTSIDE = {"jit(T(f))": "lambda T, f: lib.transform.jit(T(f))"}


def ruled(made: dict[str, str]) -> dict[str, dict[str, str]]:
    """Points for functions with a rule of a custom derivative, in several ways with jit."""
    return representatives("reverse").bound({
        f"{way}, {kind}": {"made": text, "custom": f"jax.custom_{kind}", "rule": rule}
        for way, text in made.items() for kind, rule in RULED.items()
    }, "{point}, {member}")


@snippet("CMP-02", ruled(INSIDE))
@snippet("CMP-01", ruled(OUTSIDE))
def a_rule_of_a_custom_derivative_reads_the_present_value(lib, jnp, jax, T, made, custom, rule):
    """The derivative of the function is by its rule the value of a state."""
    s, h = lib.State(jnp.array(2.0)), custom(lambda x: x)
    rule(s, h)
    t = made(T, lambda x: 3.0 * h(x))
    for value in (2.0, 5.0, -1.0):
        s.value = jnp.array(value)
        got = t(jnp.array(1.0))
        assert jnp.allclose(got, 3.0 * value), {
            "at": f"s = {value}", "expected": 3.0 * value, "got": got}


def pairs(
    outer: Members, inner: Members, **by_both: Callable[[Member, Member], str]
) -> dict[str, dict[str, str]]:
    """Every outer member as ``T`` with every inner one as ``U``; and parameters of both."""
    return {
        f"{one} of {other}": {
            "T": f"lib.transform.{one}", "U": f"lib.transform.{other}",
            **{word: text(FAMILY[one], FAMILY[other]) for word, text in by_both.items()},
        } for one in outer for other in inner
    }


@snippet("CMP-03", pairs(DISTINCT, DISTINCT, order=lambda T, U: str(T.order + U.order)))
def nested_over_the_same_state(lib, jnp, T, U, order):
    s, n = lib.State(jnp.array(0.25)), lib.State(jnp.array(0.0))
    def f():
        n.value = n.value + 1.0
        return jnp.exp(2.0 * s.value)

    got, want = T(U(f, grad_states=s), grad_states=s)(), 2.0 ** order * jnp.exp(0.5)
    assert jnp.shape(got) == () and jnp.allclose(got, want), {"expected": want, "got": got}
    assert n.value == 1.0 and s.value == 0.25, {
        "at": "n.value, s.value", "expected": (1.0, 0.25), "got": (n.value, s.value)}


@snippet("CMP-04", pairs(FIRST_ORDER, TWO))
def nested_over_another_state(lib, jnp, T, U):
    s, t, x = lib.State(jnp.array(2.0)), lib.State(jnp.array(3.0)), jnp.array(5.0)
    inner = U(lambda x: s.value ** 2 * t.value ** 3 * x, grad_states=s)
    got = T(inner, grad_states=[t], argnums=0)(x)
    want = (2.0 * 2.0 * 3.0 * 9.0 * 5.0, 2.0 * 2.0 * 27.0)
    assert jnp.allclose(got[0][0], want[0]), {"expected": want[0], "got": got[0][0]}
    assert jnp.allclose(got[1], want[1]), {"expected": want[1], "got": got[1]}


@snippet("CMP-05", REPRESENTATIVES.bound())
def an_inner_call_starts_where_it_is_made(lib, jnp, T):
    s, n = lib.State(jnp.array(2.0)), lib.State(jnp.array(0.0))
    def g():
        n.value = n.value + 1.0
        return s.value ** 3

    def f():
        s.value = s.value * 2.0
        n.value = n.value + 10.0 * lib.transform.grad(g, grad_states=s)()
        return n.value

    got, want = T(f, grad_states=s)(), 240.0 if T is lib.transform.hessian else 480.0
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    assert n.value == 480.0, {"expected": 480.0, "got": n.value}
