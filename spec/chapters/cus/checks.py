"""GradientTransform: the one mechanism, and transforms that users make with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from ...judge import difference
from ...judge.aspects import judge_effects, judge_row, judge_sides
from ...judge.check import drawn, generated, snippet
from ...judge.derivative import judge_values
from ...judge.difference import Violation
from ...judge.observation import Observation, observe
from ...judge.subject import Subject
from ...language.axes import EVERY, Calls, plain
from ...language.cases import Case
from ...language.returns import ROWS, Row
from ...language.sources import array, number, numbers, one_of, written
from ...language.wishes import Wish

OPTIONS = ("{}", "{'argnums': 0}", "{'argnums': (0,), 'return_value': True}",
           "{'grad_states': lib.State(jnp.array(2.0))}",
           "{'grad_states': [], 'argnums': 0, 'has_aux': True}", "{'check_states': False}")


@drawn("CUS-01", {"words": one_of(OPTIONS)}, EVERY.bound())
def a_member_is_a_gradient_transform(lib, jnp, T, words):
    made = T(lambda x: x ** 2, **words)
    assert isinstance(made, lib.transform.GradientTransform), {
        "expected": "a GradientTransform", "got": type(made).__name__}


SIDES_AND_AUX = {
    f"{side}, has_aux={aux}": {"words": f"dict({words}has_aux={aux})"}
    for side, words in {
        "arguments": "argnums=0, ", "states": "grad_states=lib.State(jnp.array(2.0)), ",
        "both": "grad_states=lib.State(jnp.array(2.0)), argnums=(0,), ",
    }.items() for aux in (False, True)
}


PARAMS = written(st.dictionaries(
    st.sampled_from(("scale", "norm", "k")),
    st.sampled_from((3.0, 0, None, True, "mean", (1, 2.5))), max_size=3))
"""Entries of ``transform_params``."""


@drawn("CUS-02", {"entries": PARAMS}, SIDES_AND_AUX)
def the_transform_is_called_with_keywords(lib, jnp, jax, words, entries):
    seen = []
    def transform(fun, *args, **params):
        seen.append((callable(fun), args, params))
        return jax.grad(fun, argnums=params["argnums"], has_aux=True)

    words |= {"transform_params": entries, "check_states": False}
    lib.transform.GradientTransform(
        lambda x: (x, x) if words["has_aux"] else x, transform=transform, **words)(jnp.array(1.0))
    called, args, params = seen[-1]
    assert called and args == (), {"expected": "a function and keywords", "got": args}
    want = {"argnums": params.get("argnums"), "has_aux": True, **entries}
    assert params == want and params["has_aux"] is True, {"expected": want, "got": params}


@dataclass(frozen=True)
class Custom(Case):
    """A case whose transform a user made, one that does what the member does."""

    def setup(self) -> list[str]:
        """The lines up to the call, with the user's transform."""
        return [
            *super().setup(),
            "import jax",
            "def mine(fun, *, argnums, has_aux, scale):",
            f"    base = jax.{self.member}(fun, argnums=argnums, has_aux=True)",
            "    def run(*args, **kwargs):",
            "        grads, aux = base(*args, **kwargs)",
            "        return jax.tree.map(lambda g: scale * g, grads), aux",
            "    return run",
        ]

    def transformed(self) -> str:
        """The source of the transformed function."""
        text = super().transformed().replace(f"transform.{self.member}(f",
                                             "transform.GradientTransform(f, transform=mine", 1)
        return text[:-1] + ", transform_params={'scale': 1.0})"


def of_rows(rows: Iterable[Row]) -> dict[str, Calls]:
    """Calls of a user's gradient, for each of the rows."""
    wish = Wish(("grad",), writes=True, containers=("list", "tuple", "dict"))
    return {
        row.id: Calls(replace(wish, rows=(row,)),
                      lambda drawn: drawn.map(lambda case: Custom(**vars(case))))
        for row in rows
    }


def observe_on_jax(case: Case, subject: Subject) -> Observation:
    """Run a case whose transform is based on JAX's.

    Raises
    ------
    Absent
        If the implementation is not built on JAX.
    """
    _ = subject.jax
    return observe(case, subject)


@generated("CUS-03", Calls.strategy, of_rows(ROWS))
def the_table_holds_for_a_users_transform(subject: Subject, case: Case) -> None:
    """The row, and the containers of both sides; the order of their keys is for GST-04."""
    seen = observe_on_jax(case, subject)
    judge_row(seen)
    judge_sides(seen, strict=False)
    if case.selection is not None:
        got, want = type(seen.parts["var"]), type(case.selection.tree)
        if got is not want:
            raise Violation(difference.of_type(seen.place("var"), want, seen.parts["var"]))


@generated("CUS-04", Calls.strategy, of_rows((*plain("arguments", "states"), ROWS[-1])))
def effects_are_those_of_one_call(subject: Subject, case: Case) -> None:
    """States after the call, and derivatives at the values on entry."""
    seen = observe_on_jax(case, subject)
    judge_effects(seen)
    judge_values(seen)


BASES = {
    "jacrev": "jax.jacrev", "jacfwd": "jax.jacfwd", "hessian": "jax.hessian",
    "jacrev of jacrev": "lambda f, **words: jax.jacrev(jax.jacrev(f, **words), **words)",
}
CONTAINED = {"lambda s: s": "lambda got: got", "lambda s: (s,)": "lambda got: got[0]",
          "lambda s: [s]": "lambda got: got[0]", "lambda s: {'k': s}": "lambda got: got['k']"}
"""Containers of one state, and the way to what stands for it."""


@drawn("CUS-05", lambda base: st.tuples(
    array((2,)), array((2,)), st.sampled_from(tuple(CONTAINED.items()))).map(lambda found: {
        "base": BASES[base], "order": "1" if base in ("jacrev", "jacfwd") else "2",
        "start": found[0], "x": found[1], "container": found[2][0], "reach": found[2][1]}),
       {base: base for base in BASES})
def any_base_of_jax_serves(lib, jnp, jax, base, order, start, x, container, reach):
    """What the base gives for the same function of the state's value."""
    s = lib.State(start)
    def mine(fun, *, argnums, has_aux):
        return base(fun, argnums=argnums, has_aux=True)

    block = lib.transform.GradientTransform(lambda x: s.value ** 3 * x, transform=mine,
                                            grad_states=container(s))(x)
    want = base(lambda v: v ** 3 * x)(start)
    for _ in range(order):
        block = reach(block)
    assert jnp.shape(block) == jnp.shape(want), {"expected": want, "got": block}
    assert jnp.allclose(block, want), {"expected": want, "got": block}


@drawn("CUS-06", {"scale": number(), "shift": number(), "v": number(), "x": number()})
def what_the_transform_returns_is_returned(lib, jnp, jax, scale, shift, v, x):
    def changed(fun, *, argnums, has_aux, scale):
        def run(*args):
            grads, aux = jax.grad(fun, argnums=argnums, has_aux=True)(*args)
            return jax.tree.map(lambda g: scale * g + shift, grads), aux
        return run

    s = lib.State(jnp.array(v))
    got = lib.transform.GradientTransform(
        lambda x: s.value ** 2 * x, transform=changed, grad_states=[s], argnums=0,
        transform_params={"scale": scale})(jnp.array(x))
    want = scale * 2.0 * v * x + shift, scale * v ** 2 + shift
    assert jnp.allclose(got[0][0], want[0]) and jnp.allclose(got[1], want[1]), {
        "expected": want, "got": got}


@drawn("CUS-07", {"coefficients": numbers(3)})
def the_transform_sees_all_gradients_at_once(lib, jnp, jax, coefficients):
    def unit(fun, *, argnums, has_aux):
        def run(*args):
            grads, aux = jax.grad(fun, argnums=argnums, has_aux=True)(*args)
            norm = jnp.sqrt(sum(jnp.sum(g ** 2) for g in jax.tree.leaves(grads)))
            return jax.tree.map(lambda g: g / norm, grads), aux
        return run

    s, t, c = lib.State(jnp.array(2.0)), lib.State(jnp.array(1.0)), jnp.array(coefficients)
    var, arg = lib.transform.GradientTransform(
        lambda x: c[0] * s.value + c[1] * t.value + c[2] * x, transform=unit, grad_states=[s, t],
        argnums=0)(jnp.array(1.0))
    got, want = jnp.array([*var, arg]), c / jnp.sqrt(jnp.sum(c ** 2))
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("CUS-04")
def several_runs_have_the_effects_of_one(lib, jnp, jax):
    def twice(fun, *, argnums, has_aux):
        def run(*args):
            fun(*args)
            return jax.grad(fun, argnums=argnums, has_aux=True)(*args)
        return run

    n, x = lib.State(jnp.array(0.0)), jnp.array(3.0)
    def f(x):
        n.value = n.value + 1.0
        return n.value * x ** 2

    got = lib.transform.GradientTransform(f, transform=twice)(x)
    assert n.value == 1.0 and jnp.allclose(got, 6.0), {
        "expected": (1.0, 6.0), "got": (n.value, got)}


@drawn("CUS-10", {"v": number(), "x": number(), "container": one_of((
    "lambda s: [s]", "lambda s: (s,)", "lambda s: {'k': s}"))}, EVERY.bound())
def with_options_alone_it_is_a_decorator(lib, jnp, T, v, x, container):
    s = lib.State(jnp.array(v))
    @T(grad_states=container(s), return_value=True)
    def f(x):
        return s.value ** 3 * x

    got, want = f(jnp.array(x)), type(container(s))
    assert type(got) is tuple and type(got[0]) is want, {"expected": (want, "value"), "got": got}
    assert jnp.allclose(got[1], v ** 3 * x), {"expected": f"{v ** 3 * x}", "got": got[1]}


@drawn("CUS-12", {"v": number(), "h": one_of(("0.5", "0.25", "1.0"))})
def run_elsewhere_is_told_or_made_good(lib, jnp, jax, v, h):
    """A difference quotient, whose aux is that of a run half a step above the value on entry."""
    def central(fun, *, argnums, has_aux):
        def run(*args):
            high, aux = fun(*jax.tree.map(lambda v: v + h, args))
            low, _ = fun(*jax.tree.map(lambda v: v - h, args))
            return jax.tree.map(lambda v: (high - low) / (2 * h), args[0]), aux
        return run

    s, t = lib.State(jnp.array(v)), lib.State(jnp.array(0.0))
    def f(): return setattr(t, "value", 10.0 * s.value) or s.value ** 2
    got = lib.transform.GradientTransform(f, transform=central, grad_states=s, return_value=True)()
    there, here = ((2.0 * v, u ** 2, 10.0 * u) for u in (v + h, v))
    names = {there: "those of that run", here: "those of a plain call"}
    return names.get(tuple(map(float, (*got, t.value))), f"slope and loss {got}, state {t.value}")
