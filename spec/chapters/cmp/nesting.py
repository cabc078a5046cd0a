"""Composition: transforms of transforms, jit, and JAX's own transforms outside and inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...judge.aspects import judge_effects, judge_row
from ...judge.check import drawn, generated, snippet
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import (
    DISTINCT,
    EXACT,
    FIRST_ORDER,
    REPRESENTATIVES,
    by_order,
    representatives,
    rows,
)
from ...language.cases import Case
from ...language.returns import ROWS
from ...language.sources import count, number, one_of, waves, written
from ...language.strategies import cases
from ...language.transforms import FAMILY
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


@drawn("CMP-02", {"v": number(), "x": number(), "turns": count(1, 3)},
       REPRESENTATIVES.bound(order=by_order("1", "2"), id="stacked {member}"))
def a_compiled_layer_is_stacked(lib, jnp, T, order, v, x, turns):
    """One compiled function that is called several times in a call, each time on what it gave."""
    s, n, x = lib.State(jnp.array(v)), lib.State(jnp.array(0)), jnp.array(x)
    layer = lib.transform.jit(lambda x: setattr(n, "value", n.value + 1) or s.value * x)
    def f(x):
        for _ in range(turns):
            x = layer(x)
        return x

    got = [float(T(f, grad_states=s)(x)), float(T(f)(x))]
    want = [turns * v ** (turns - 1) * x, v ** turns] if order == 1 else [
        turns * (turns - 1) * v ** (turns - 2) * x, 0.0]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
    assert n.value == 2 * turns, {"at": "n.value", "expected": 2 * turns, "got": n.value}


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


def nest(outer: str) -> SearchStrategy[list[str]]:
    """Members to nest, the innermost first, of which the outermost is given."""
    inner = st.lists(st.sampled_from(DISTINCT), min_size=1, max_size=2)
    return inner.map(lambda names: [*names, outer]).filter(
        lambda names: sum(FAMILY[name].order for name in names) <= 4)


def nests(outer: str) -> SearchStrategy[Mapping[str, str]]:
    """Parameters of a nest over one state."""
    return st.fixed_dictionaries({
        **waves(), "nest": written(nest(outer)), "v": number(), "x": number(),
        "k": one_of(("1.0", "0.5", "-1.0"))})


@drawn("CMP-03", nests, {member: member for member in DISTINCT})
def nested_over_the_same_state(lib, jnp, terms, h, nest, v, x, k):
    """Two or three members, of a function that writes the state and counts its calls."""
    s, n, order = lib.State(jnp.array(v)), lib.State(jnp.array(0.0)), 0
    def f():
        n.value, s.value = n.value + 1.0, k * s.value
        return h(s.value, x)
    g = f
    for name in nest:
        g, order = getattr(lib.transform, name)(g, grad_states=s), order + 1 + (name == "hessian")
    got, want = g(), k ** order * h(k * v, x, order)
    assert jnp.shape(got) == () and jnp.allclose(got, want), {"expected": want, "got": got}
    assert n.value == 1.0 and s.value == k * v, {
        "at": "n.value, s.value", "expected": (1.0, k * v), "got": (n.value, s.value)}


@drawn("CMP-04", {
    **waves(), "inner": written(st.lists(st.tuples(
        st.sampled_from(TWO), st.booleans()), min_size=1, max_size=2)),
    "v": number(), "x": number()}, FIRST_ORDER.bound())
def nested_over_another_state(lib, jnp, T, terms, h, inner, v, x):
    """By a state or by the argument, once or twice; the outermost by another state and both."""
    s, t, i, j = lib.State(jnp.array(v)), lib.State(jnp.array(1.5)), 0, 0
    def g(x): return t.value ** 2 * h(s.value, x)
    for name, by_state in inner:
        g = getattr(lib.transform, name)(g, **({"grad_states": s} if by_state else {}))
        i, j = i + by_state, j + (not by_state)
    got = T(g, grad_states=[t, s], argnums=0)(jnp.array(x))
    got = [*map(float, (*got[0], got[1]))]
    want = [3.0 * h(v, x, i, j), 2.25 * h(v, x, i + 1, j), 2.25 * h(v, x, i, j + 1)]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@drawn("CMP-05", {**waves(), "v": number(), "x": number(), "k": number(), "c": number()},
       REPRESENTATIVES.bound(order=by_order("1", "2")))
def an_inner_call_starts_where_it_is_made(lib, jnp, T, order, terms, h, v, x, k, c):
    """The function writes a state, differentiates by it, and writes what it got to another."""
    s, n = lib.State(jnp.array(v)), lib.State(jnp.array(0.0))
    def g():
        n.value = n.value + 1.0
        return h(s.value, x)

    def f():
        s.value = k * s.value
        slope = lib.transform.grad(g, grad_states=s)()
        n.value = n.value + c * slope
        return n.value

    got = [float(v) for v in (T(f, grad_states=s)(), n.value)]
    want = [c * k ** order * h(k * v, x, order + 1), 1.0 + c * h(k * v, x, 1)]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
