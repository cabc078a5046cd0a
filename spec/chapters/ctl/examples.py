"""Control flow in examples: what a body may hold and where, lanes, refusals, failures.

``run(g, x)`` stands for a call of one of the functions in which a body ``g`` is called on ``x``
so many times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...judge.check import snippet
from .drawn import FORWARD, LOOPS, SERIAL

RUNS = {
    "for_loop": (3, "jnp.sum(lib.transform.for_loop(g, jnp.stack([x, x, x])))"),
    "scan": (3, "lib.transform.scan(lambda c, y: (c + g(y), y), 0.0 * x, jnp.stack([x, x, x]))[0]"),
    "cond": (1, "lib.transform.cond(x < 100.0, g, lambda x: 0.0 * x, x)"),
    "switch": (1, "lib.transform.switch(jnp.array(1), [lambda x: 0.0 * x, g], x)"),
    "while_loop": (3, "lib.transform.while_loop("
                      "lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] + g(x)), "
                      "(jnp.array(0), 0.0 * x))[1]"),
    "checkpoint": (1, "lib.transform.checkpoint(g)(x)"),
}
"""How often each function calls its body, and the call."""


def bodies(names: Iterable[str] = SERIAL) -> dict[str, dict[str, str]]:
    """A point for each of the functions."""
    return {name: {"run": f"lambda g, x: {RUNS[name][1]}", "times": str(RUNS[name][0])}
            for name in names}


REVERSE = tuple(name for name in SERIAL if name not in FORWARD)

# -- without states --------------------------------------------------------------------------------

FUNCTIONS = {
    "scan": ("lambda scan: scan(lambda c, x: (c + x, c * x), 1.0, jnp.arange(4.0))",
             "scan", "jax.lax.scan"),
    "scan reversed": ("lambda scan: scan(lambda c, x: (c + x, c * x), 1.0, jnp.arange(4.0), "
                      "reverse=True)", "scan", "jax.lax.scan"),
    "scan of a length": ("lambda scan: scan(lambda c, x: (2.0 * c, c), 1.0, None, length=3)",
                         "scan", "jax.lax.scan"),
    "scan unrolled": ("lambda scan: scan(lambda c, x: (c + x, c * x), 1.0, jnp.arange(4.0), "
                      "unroll=2)", "scan", "jax.lax.scan"),
    "scan of trees": ("lambda scan: scan(lambda c, x: ({'c': c['c'] + x[0]}, (x[1], None)), "
                      "{'c': 0.0}, (jnp.arange(3.0), jnp.ones((3, 2))))", "scan", "jax.lax.scan"),
    "cond": ("lambda cond: [cond(p, jnp.sin, jnp.cos, 2.0) for p in (True, jnp.array(False))]",
             "cond", "jax.lax.cond"),
    "cond of two": ("lambda cond: cond(jnp.array(False), lambda x, y: x, lambda x, y: y, 1.0, 2.0)",
                    "cond", "jax.lax.cond"),
    "switch": ("lambda switch: [switch(jnp.array(i), [jnp.sin, jnp.cos, jnp.exp], 2.0) "
               "for i in range(3)]", "switch", "jax.lax.switch"),
    "switch clamped": ("lambda switch: [switch(jnp.array(i), [jnp.sin, jnp.cos], 2.0) "
                       "for i in (-3, 7)]", "switch", "jax.lax.switch"),
    "while_loop": ("lambda loop: loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, c[1] * 2.0), "
                   "(0, 1.0))", "while_loop", "jax.lax.while_loop"),
    "vmap": ("lambda vmap: vmap(lambda x: x ** 2)(jnp.arange(3.0))", "vmap", "jax.vmap"),
    "vmap of axes": ("lambda vmap: vmap(lambda x, y: x * y, in_axes=(1, None), out_axes=1)("
                     "jnp.ones((2, 3)), jnp.arange(2.0))", "vmap", "jax.vmap"),
    "vmap of a name": ("lambda vmap: vmap(lambda x: x - jax.lax.pmean(x, 'i'), axis_name='i')("
                       "jnp.arange(3.0))", "vmap", "jax.vmap"),
    "vmap of a size": ("lambda vmap: vmap(lambda x: 2.0 * x, in_axes=None, axis_size=2)(1.0)",
                       "vmap", "jax.vmap"),
    "checkpoint": ("lambda checkpoint: checkpoint(lambda x: jnp.sin(x) * 2.0)(1.0)",
                   "checkpoint", "jax.checkpoint"),
    "checkpoint, static": ("lambda checkpoint: checkpoint(lambda x, deep: x if deep else 2.0 * x, "
                           "static_argnums=1)(1.0, True)", "checkpoint", "jax.checkpoint"),
}


@snippet("CTL-01", {
    name: {"program": text, "function": f"lib.transform.{own}", "base": base}
    for name, (text, own, base) in FUNCTIONS.items()
})
def without_states_as_in_jax(lib, jnp, jax, program, function, base):
    got, want = program(function), program(base)
    assert jax.tree.structure(got) == jax.tree.structure(want), {"expected": want, "got": got}
    same = [jnp.shape(a) == jnp.shape(b) and jnp.allclose(a, b)
            for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)]
    assert all(same), {"expected": want, "got": got}


# -- what bodies read ------------------------------------------------------------------------------


@snippet("CTL-04", {
    f"{name} {kind}": {**point, "held": held, "factor": factor}
    for kind, (held, factor) in {
        "array": ("jnp.array(2.0)", "lambda v: v"), "integer": ("jnp.array(2)", "lambda v: v"),
        "number": ("2.0", "lambda v: v"), "text": ("'twice'", "lambda v: {'twice': 2.0}[v]"),
        "tree": ("{'a': [jnp.array(2.0)], 'b': None}", "lambda v: v['a'][0]"),
    }.items() for name, point in bodies().items()
})
def read_states_may_hold_anything(lib, jnp, run, times, held, factor):
    s = lib.State(held)
    got = run(lambda x: factor(s.value) * x, jnp.array(3.0))
    assert jnp.allclose(got, 6.0 * times), {"expected": 6.0 * times, "got": got}
    assert s.value is held or s.value == held, {"at": "s.value", "expected": held, "got": s.value}


@snippet("CTL-23", bodies())
def states_are_read_at_the_call(lib, jnp, run, times):
    """The same body twice: with other values, of another shape, and with a closure changed."""
    s, scale = lib.State(jnp.array(2.0)), [1.0]
    def g(x): return scale[0] * jnp.sum(s.value) * x
    got = [run(g, jnp.array(3.0))]
    s.value = jnp.array(5.0)
    got.append(run(g, jnp.array(3.0)))
    s.value, scale[0] = jnp.array([1.0, 2.0]), 10.0
    got.append(run(g, jnp.array(3.0)))
    want = [times * value for value in (6.0, 15.0, 90.0)]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@snippet("CTL-23", bodies())
def what_a_body_writes_may_change(lib, jnp, run, times):
    """The same body writes one state in the first call, and another one in the second."""
    s, t, one = lib.State(jnp.array(1.0)), lib.State(jnp.array(1.0)), [True]
    def g(x):
        state = s if one[0] else t
        state.value = state.value + x
        return state.value
    run(g, jnp.array(2.0))
    one[0] = False
    run(g, jnp.array(3.0))
    got, want = (s.value, t.value), (1.0 + 2.0 * times, 1.0 + 3.0 * times)
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


# -- no steps, and branches that are not taken -----------------------------------------------------

NO_STEPS = {
    "for_loop": ("lib.transform.for_loop(g, jnp.zeros((0, 2)))", "(0, 2)"),
    "scan": ("lib.transform.scan(lambda c, x: (c, g(x)), 1.0, jnp.zeros((0, 2)))[1]", "(0, 2)"),
    "while_loop": ("lib.transform.while_loop(lambda c: c[0] < 0.0, g, jnp.zeros(2))", "(2,)"),
}


@snippet("CTL-13", {name: {"run": f"lambda g: {text}", "shape": shape}
                    for name, (text, shape) in NO_STEPS.items()})
def no_step_has_no_effect(lib, jnp, run, shape):
    """States and stream are as before; the result has the shape that no steps give."""
    s = lib.State(jnp.array([1.0, 2.0]))
    def g(x):
        s.value = s.value * x + lib.random.normal(size=())
        return s.value
    lib.random.seed(3)
    want = shape, [1.0, 2.0], lib.random.normal(size=())
    lib.random.seed(3)
    got = jnp.shape(run(g)), s.value.tolist(), lib.random.normal(size=())
    assert got == want, {"at": "result, state, next draw", "expected": want, "got": got}


@snippet("CTL-13", {name: {"run": f"lambda g: {text}", "T": f"lib.transform.{T}"}
                    for name, (text, _) in NO_STEPS.items() for T in ("grad",)
                    if name not in FORWARD})
def no_step_has_a_derivative(lib, jnp, run, T):
    s = lib.State(jnp.array([1.0, 2.0]))
    def g(x):
        s.value = s.value * x
        return s.value
    got = T(lambda: jnp.sum(run(g)) + jnp.sum(s.value ** 2), grad_states=s)()
    assert jnp.allclose(got, jnp.array([2.0, 4.0])), {"expected": [2.0, 4.0], "got": got}


TAKEN = {
    "cond": "lib.transform.cond(s.value > 0.0, f, g, 2.0)",
    "cond, the other": "lib.transform.cond(s.value < 0.0, g, f, 2.0)",
    "switch": "lib.transform.switch(jnp.array(1), [g, f, g], 2.0)",
    "switch, the last": "lib.transform.switch(jnp.array(9), [g, g, f], 2.0)",
}


@snippet("CTL-15", {name: {"run": f"lambda s, f, g: {text}"} for name, text in TAKEN.items()})
def a_branch_not_taken_has_no_effects(lib, jnp, run):
    """Only the branch ``f`` is taken: a number is drawn after it, and the derivative is its own."""
    s, t = lib.State(jnp.array(3.0, float)), lib.State(jnp.array(7))
    def f(x): return s.value ** 2 * x
    def g(x):
        s.value, t.value = s.value * lib.random.normal(size=()), t.value + 1
        return 5.0 * s.value
    lib.random.seed(3)
    want = lib.random.normal(size=())
    lib.random.seed(3)
    got = lib.transform.grad(lambda: run(s, f, g), grad_states=s, return_value=True)()
    told = (*got, s.value, t.value, lib.random.normal(size=()))
    assert told == (12.0, 18.0, 3.0, 7, want), {"expected": (12.0, 18.0, 3.0, 7, want), "got": told}


# -- lanes -----------------------------------------------------------------------------------------

LANES = {
    "arguments": "lib.transform.vmap(g)(jnp.zeros(4))",
    "a state": "lib.transform.vmap(lambda: g(s.value), in_states=s)()",
    "a size": "lib.transform.vmap(lambda: g(0.0), axis_size=4)()",
    "a loop in lanes": "lib.transform.vmap(lambda x: lib.transform.for_loop(g, x))("
                       "jnp.zeros((4, 3)))",
    "lanes in a loop": "lib.transform.for_loop(lib.transform.vmap(g), jnp.zeros((3, 4)))",
    "lanes in lanes": "lib.transform.vmap(lib.transform.vmap(g))(jnp.zeros((2, 2)))",
}


@snippet("CTL-17", {name: {"run": f"lambda g, s: {text}"} for name, text in LANES.items()})
def lanes_draw_their_own_numbers(lib, jnp, np, run):
    """All numbers of two calls and one draw after them differ; the same seed gives them again."""
    s, runs = lib.State(jnp.zeros(4)), []
    def g(x): return x + lib.random.normal(size=())
    for _ in range(2):
        lib.random.seed(3)
        drawn = [np.ravel(run(g, s)), np.ravel(run(g, s)), np.ravel(lib.random.normal(size=()))]
        runs.append(np.concatenate(drawn))
    different = len(set(runs[0].tolist()))
    assert different == runs[0].size, {
        "expected": f"{runs[0].size} different numbers", "got": f"{different}: {runs[0]}"}
    assert np.array_equal(*runs), {"expected": runs[0], "got": runs[1]}


@snippet("CTL-17", {name: {"run": f"lambda g, s: {LANES[name]}"} for name in ("arguments", "a size",
                                                                              "a loop in lanes")})
def a_derivative_sees_the_same_draws(lib, jnp, np, run):
    """The derivative of a sum of draws, each times a state, is the sum of these draws."""
    s, w = lib.State(jnp.zeros(4)), lib.State(jnp.array(2.0))
    def g(x): return x + w.value * lib.random.normal(size=())
    lib.random.seed(3)
    want = jnp.sum(run(g, s)) / 2.0
    lib.random.seed(3)
    got = lib.transform.grad(lambda: jnp.sum(run(g, s)), grad_states=w)()
    assert jnp.allclose(got, want), {"expected": want, "got": got}


FORMS = {"state": "s", "list": "[s]", "dict": "{'s': s}", "axis": "{0: s}", "list of an axis":
         "{0: [s]}"}


@snippet("CTL-18", {name: {"select": f"lambda s: {form}"} for name, form in FORMS.items()})
def mapped_states_are_selected(lib, jnp, select):
    s, t = lib.State(jnp.arange(3.0)), lib.State(jnp.array(2.0))
    def lane(x):
        s.value = s.value + t.value * x
        return s.value ** 2
    got = lib.transform.vmap(lane, in_states=select(s), out_states=select(s))(jnp.ones(3))
    assert got.tolist() == [4.0, 9.0, 16.0], {"expected": [4.0, 9.0, 16.0], "got": got}
    assert s.value.tolist() == [2.0, 3.0, 4.0] and t.value == 2.0, {
        "expected": "[2, 3, 4] and 2", "got": (s.value, t.value)}


@snippet("CTL-18", {
    "in_states alone": {"words": "lambda s: {'in_states': s}", "start": "jnp.arange(3.0)",
                        "want": "[1.0, 2.0, 3.0]"},
    "out_states alone": {"words": "lambda s: {'out_states': s}", "start": "jnp.array(1.0)",
                         "want": "[2.0, 2.0, 2.0]"},
    "another axis": {"words": "lambda s: {'in_states': {1: s}, 'out_states': {1: s}}",
                     "start": "jnp.arange(6.0).reshape(2, 3)",
                     "want": "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]"},
})
def a_mapped_state_is_told_by_one_word(lib, jnp, words, start, want):
    s = lib.State(start)
    def lane(x):
        s.value = s.value + x
        return jnp.sum(s.value)
    lib.transform.vmap(lane, **words(s))(jnp.ones(3))
    assert s.value.tolist() == want, {"expected": want, "got": s.value}


@snippet("CTL-19", {
    "argument": {"lane": "lambda s, x: setattr(s, 'value', x)"},
    "update": {"lane": "lambda s, x: setattr(s, 'value', s.value + x)"},
    "draw": {"lane": "lambda s, x: setattr(s, 'value', lib.random.normal(size=()))"},
    "in a loop": {"lane": "lambda s, x: lib.transform.for_loop("
                          "lambda y: setattr(s, 'value', y), jnp.stack([x, x]))"},
})
def a_write_that_differs_by_lane_is_refused(lib, jnp, lane):
    """The state holds what it held, and works as before."""
    s, raised = lib.State(jnp.array(1.0)), False
    try:
        lib.transform.vmap(lambda x: lane(s, x))(jnp.arange(3.0))
    except Exception:
        raised = True
    assert raised, {"expected": "an error", "got": f"none, and s.value is {s.value}"}
    assert jnp.shape(s.value) == () and s.value == 1.0, {"expected": 1.0, "got": s.value}


@snippet("CTL-27")
def a_refused_write_names_the_state(lib, jnp):
    s, told = lib.State(jnp.array(1.0), name="membrane"), ""
    try:
        lib.transform.vmap(lambda x: setattr(s, "value", x))(jnp.arange(3.0))
    except Exception as error:
        told = str(error)
    assert "membrane" in told, {"expected": "an error that names 'membrane'", "got": told}


# -- products, failures, transforms inside ---------------------------------------------------------


def geometric(names: Iterable[str], want: Callable[[int], Sequence[float]]) -> dict[str, Any]:
    """Bodies that multiply a state, from 2 on, by 3: what is wanted, by the number of runs."""
    return {name: {"run": bodies()[name]["run"], "want": str([*map(float, want(RUNS[name][0]))])}
            for name in names}


def slope(runs: int) -> float:
    """The derivative of the sum of 2 x, 2 x^2 and so on at x = 3."""
    return sum(2.0 * k * 3.0 ** (k - 1) for k in range(1, runs + 1))


@snippet("CTL-09", geometric(REVERSE, lambda n: (1.5 * (3 ** n - 1), slope(n), 2 * 3 ** n)))
def pullbacks_go_through(lib, jnp, run, want):
    """Derivatives for the state and for the argument, and the state after the call."""
    s, x = lib.State(jnp.array(2.0)), jnp.array(3.0)
    def g(x):
        s.value = s.value * x
        return s.value
    _, pull = lib.transform.vjp(lambda x: run(g, x), x, grad_states=[s], argnums=0)
    (by_state,), by_argument = pull(jnp.array(1.0))
    got = jnp.array([by_state, by_argument, s.value])
    assert jnp.allclose(got, jnp.array(want)), {"expected": want, "got": got}


@snippet("CTL-09", geometric(SERIAL, lambda n: (3 * (3 ** n - 1), slope(n), 2 * 3 ** n)))
def tangents_go_through(lib, jnp, run, want):
    """The value, the derivative, and the state after the call."""
    s, x = lib.State(jnp.array(2.0)), jnp.array(3.0)
    def g(x):
        s.value = s.value * x
        return s.value
    value, tangent = lib.transform.jvp(lambda x: run(g, x), (x,), (jnp.array(1.0),))
    got = jnp.array([value, tangent, s.value])
    assert jnp.allclose(got, jnp.array(want)), {"expected": want, "got": got}


FAILING = bodies() | {"vmap": {
    "run": "lambda g, x: lib.transform.vmap(g, in_axes=None, axis_size=3)(x)", "times": "1"}}


@snippet("CTL-21", {
    f"{name} {around}": {"run": point["run"], "T": T} for name, point in FAILING.items()
    for around, T in {"called": "lambda f: f", "compiled": "lib.transform.jit",
                      "differentiated": "lib.transform.jacfwd"}.items()
})
def a_failure_changes_nothing(lib, jnp, run, T):
    """A body writes, draws and raises; then the same body does not raise, and is called again."""
    s, fails, held = lib.State(jnp.array(2.0)), [True], None
    def g(x):
        s.value, _ = s.value + 1.0, lib.random.normal(size=())
        return s.value * x * (fails.pop() / 0 if fails else 1.0)
    try:
        T(lambda x: run(g, x))(jnp.array(1.0))
    except ZeroDivisionError:
        held = s.value
    T(lambda x: run(g, x))(jnp.array(1.0))
    assert held == 2.0 < s.value, {"expected": "2.0, then more", "got": (held, s.value)}


@snippet("CTL-22", {
    f"{T} in {name}": {
        "run": point["run"], "T": f"lib.transform.{T}", "times": point["times"],
        "want": str(RUNS[name][0] if T == "hessian" else 3.0 * (2.0 ** RUNS[name][0] - 1.0)),
    } for T in ("grad", "jacfwd", "hessian") for name, point in bodies().items()
})
def a_body_differentiates(lib, jnp, run, T, times, want):
    """Each run takes a derivative for a state, of a function that counts."""
    s, n = lib.State(jnp.array(3.0)), lib.State(jnp.array(0))
    def loss(x): return (setattr(n, "value", n.value + 1), 0.5 * s.value ** 2 * x)[1]
    def g(x):
        slope, s.value = T(loss, grad_states=s)(x), 2.0 * s.value
        return slope
    got = run(g, jnp.array(1.0))
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    assert n.value == times, {"at": "n.value", "expected": times, "got": n.value}


@snippet("CTL-24", {
    name: {"T": f"lib.transform.{name}", "order": order}
    for name, order in (("grad", "1"), ("jacfwd", "1"), ("hessian", "2"))
})
def what_is_computed_again_is_the_same(lib, jnp, T, order):
    """The body runs once as far as its effects tell, and a draw is the same in both passes."""
    s, n, x = lib.State(jnp.array(0.0)), lib.State(jnp.array(0)), jnp.array(2.0)
    def part(x):
        s.value, n.value = lib.random.normal(size=()), n.value + 1
        return jnp.exp(s.value * x)
    lib.random.seed(3)
    got = T(lib.transform.checkpoint(part))(x)
    draw = s.value
    want = draw ** order * jnp.exp(draw * x)
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    assert n.value == 1 and draw != 0.0, {"expected": "one run", "got": (n.value, draw)}


# -- what is open ----------------------------------------------------------------------------------


@snippet("CTL-25", {
    f"{name} {kind}": {"run": bodies()[name]["run"], "start": start, "new": new, "want": want}
    for name in LOOPS for kind, start, new, want in (
        ("shape", "jnp.zeros(1)", "lambda old, x: jnp.append(old, x)", "'[0.0, 2.0, 2.0, 2.0]'"),
        ("dtype", "jnp.array(0)", "lambda old, x: old + x", "'6.0'"),
    )
})
def a_state_that_changes_its_type(lib, jnp, run, new, start, want):
    s, seen = lib.State(start), "as unrolled"
    def g(x): return setattr(s, "value", new(s.value, x)) or x
    try:
        run(g, jnp.array(2.0))
    except Exception:
        seen = "refused"
    right = str(s.value.tolist()) == {"as unrolled": want, "refused": str(start.tolist())}[seen]
    return seen if right else f"{seen}, and {s.value}"


@snippet("CTL-26")
def a_condition_that_writes(lib, jnp):
    """It is tested three times for two steps."""
    n = lib.State(jnp.array(0))
    def more(c): return setattr(n, "value", n.value + 1) or c < 2
    try:
        got = int(lib.transform.while_loop(more, lambda c: c + 1, jnp.array(0)))
    except Exception:
        got = "refused"
    told = {("refused", 0): "refused", (2, 3): "counted"}
    return told.get((got, int(n.value)), f"{got} after {n.value} tests")
