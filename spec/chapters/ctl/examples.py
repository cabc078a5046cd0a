"""Control flow in examples: what a body may hold and where, lanes, refusals, failures.

``run(g, x)`` stands for a call of one of the functions in which a body ``g`` is called on ``x``
so many times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.sources import array, count, number, numbers, one_of, order, written
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
    "scan": ("lambda scan: scan(lambda c, x: (c + x, c * x), c, jnp.arange(4.0) * c)",
             "scan", "jax.lax.scan"),
    "scan reversed": ("lambda scan: scan(lambda c, x: (c + x, c * x), c, jnp.arange(4.0) * c, "
                      "reverse=True)", "scan", "jax.lax.scan"),
    "scan of a length": ("lambda scan: scan(lambda c, x: (2.0 * c, c), c, None, length=3)",
                         "scan", "jax.lax.scan"),
    "scan unrolled": ("lambda scan: scan(lambda c, x: (c + x, c * x), c, jnp.arange(4.0) * c, "
                      "unroll=2)", "scan", "jax.lax.scan"),
    "scan of trees": ("lambda scan: scan(lambda c, x: ({'c': c['c'] + x[0]}, (x[1], None)), "
                      "{'c': c}, (c * jnp.arange(3.0), jnp.ones((3, 2))))", "scan", "jax.lax.scan"),
    "cond": ("lambda cond: [cond(p, jnp.sin, jnp.cos, c) for p in (True, jnp.array(False))]",
             "cond", "jax.lax.cond"),
    "cond of numbers": ("lambda cond: [cond(p, jnp.sin, jnp.cos, c) for p in (-1, 0, 2, 0.5, 0.0, "
                        "jnp.array(-3), jnp.array(0.25), jnp.array(0.0))]",
                        "cond", "jax.lax.cond"),
    "cond of two": ("lambda cond: cond(jnp.array(False), lambda x, y: x, lambda x, y: y, c, 2.0)",
                    "cond", "jax.lax.cond"),
    "switch": ("lambda switch: [switch(jnp.array(i), [jnp.sin, jnp.cos, jnp.exp], c) "
               "for i in range(3)]", "switch", "jax.lax.switch"),
    "switch clamped": ("lambda switch: [switch(jnp.array(i), [jnp.sin, jnp.cos], c) "
                       "for i in (-3, -1, 7)]", "switch", "jax.lax.switch"),
    "while_loop": ("lambda loop: loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, c[1] * 2.0), "
                   "(0, c))", "while_loop", "jax.lax.while_loop"),
    "vmap": ("lambda vmap: vmap(lambda x: x ** 2)(c * jnp.arange(3.0))", "vmap", "jax.vmap"),
    "vmap of axes": ("lambda vmap: vmap(lambda x, y: x * y, in_axes=(1, None), out_axes=1)("
                     "jnp.ones((2, 3)), c * jnp.arange(2.0))", "vmap", "jax.vmap"),
    "vmap of a name": ("lambda vmap: vmap(lambda x: x - jax.lax.pmean(x, 'i'), axis_name='i')("
                       "c * jnp.arange(3.0))", "vmap", "jax.vmap"),
    "vmap of a size": ("lambda vmap: vmap(lambda x: 2.0 * x, in_axes=None, axis_size=2)(c)",
                       "vmap", "jax.vmap"),
    "checkpoint": ("lambda checkpoint: checkpoint(lambda x: jnp.sin(x) * 2.0)(c)",
                   "checkpoint", "jax.checkpoint"),
    "checkpoint, static": ("lambda checkpoint: checkpoint(lambda x, deep: x if deep else 2.0 * x, "
                           "static_argnums=1)(c, True)", "checkpoint", "jax.checkpoint"),
}


@drawn("CTL-01", {"c": number()}, {
    name: {"program": text, "function": f"lib.transform.{own}", "base": base}
    for name, (text, own, base) in FUNCTIONS.items()
})
def without_states_as_in_jax(lib, jnp, jax, program, function, base, c):
    got, want = program(function), program(base)
    assert jax.tree.structure(got) == jax.tree.structure(want), {"expected": want, "got": got}
    same = [jnp.shape(a) == jnp.shape(b) and jnp.allclose(a, b)
            for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)]
    assert all(same), {"expected": want, "got": got}


# -- what bodies read ------------------------------------------------------------------------------


HELD = {
    "array": ("jnp.array({0})", "lambda v: v"), "integer": ("jnp.array(2)", "lambda v: v"),
    "number": ("{0}", "lambda v: v"), "text": ("'twice'", "lambda v: {{'twice': {0}}}[v]"),
    "tree": ("{{'a': [jnp.array({0})], 'b': None}}", "lambda v: v['a'][0]"),
}
"""What a state holds, and how a body makes a number of it."""


@st.composite
def held(draw: Any, name: str) -> dict[str, str]:
    """A call of a function, a value of any kind, and the number it comes to."""
    kind = draw(st.sampled_from(tuple(HELD)))
    k = "2" if kind == "integer" else draw(number())
    value, factor = (text.format(k) for text in HELD[kind])
    return {**bodies()[name], "held": value, "factor": factor, "want": k, "x": draw(number())}


@drawn("CTL-04", held, {name: name for name in bodies()}, wide=5)
def read_states_may_hold_anything(lib, jnp, run, times, held, factor, want, x):
    s = lib.State(held)
    got = run(lambda x: factor(s.value) * x, jnp.array(x))
    assert jnp.allclose(got, want * x * times), {"expected": want * x * times, "got": got}
    assert s.value is held or s.value == held, {"at": "s.value", "expected": held, "got": s.value}


@drawn("CTL-23", {"values": numbers(3), "scales": numbers(2), "x": number()}, bodies())
def states_are_read_at_the_call(lib, jnp, run, times, values, scales, x):
    """The same body again: with another value, of another shape, and with a closure changed."""
    s, scale, got = lib.State(jnp.array(0.0)), [scales[0]], []
    def g(x): return scale[0] * jnp.sum(s.value) * x
    for value in values[:2]:
        s.value = jnp.array(value)
        got.append(run(g, jnp.array(x)))
    s.value, scale[0] = jnp.array(values), scales[1]
    got.append(run(g, jnp.array(x)))
    want = [times * x * k for k in (*(scales[0] * v for v in values[:2]), scales[1] * sum(values))]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@drawn("CTL-23", {"turns": written(st.lists(st.booleans(), min_size=2, max_size=3)),
                  "x": number()}, bodies())
def what_a_body_writes_may_change(lib, jnp, run, times, turns, x):
    """The same body writes one state or another one, as is said before each call."""
    states, turn = [lib.State(jnp.array(1.0)), lib.State(jnp.array(1.0))], [False]
    def g(x):
        state = states[turn[0]]
        state.value = state.value + x
        return state.value
    for turn[0] in turns:
        run(g, jnp.array(x))
    got = [s.value for s in states]
    want = [1.0 + x * times * turns.count(which) for which in (False, True)]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


MODES = written(st.one_of(
    st.lists(st.sampled_from(("read", "set", "add", "turn")), min_size=2, max_size=4),
    st.sampled_from(("read", "set", "add")).map(lambda mode: [mode, "turn"])))
"""What a body does in each call; to turn is to meet a value of another shape."""


@drawn("CTL-23", {"modes": MODES, "v": number(), "x": number()}, bodies())
def what_a_body_does_may_change(lib, jnp, run, times, modes, v, x):
    """The same body reads a state, sets it, adds to it, or turns the two entries around that it has
    then, as is said before each call."""
    s, held = lib.State(jnp.array(v)), v
    does = {"set": lambda x: x, "add": lambda x: s.value + x, "turn": lambda x: s.value[::-1]}
    def g(x):
        if mode != "read":
            s.value = does[mode](x)
        return jnp.sum(s.value) * x
    for mode in modes:
        s.value = jnp.array([held / 2, held / 2] if mode == "turn" else held)
        got = jnp.array([run(g, jnp.array(x)), jnp.sum(s.value)])
        ends = [x if mode == "set" else held + (k + 1) * x * (mode == "add") for k in range(times)]
        held, want = ends[-1], [sum(ends) * x, ends[-1]]
        assert jnp.allclose(got, jnp.array(want)), {"at": mode, "expected": want, "got": got}


# -- no steps, and branches that are not taken -----------------------------------------------------

NO_STEPS = {
    "for_loop": ("lib.transform.for_loop(g, jnp.zeros((0, 2)))", "(0, 2)"),
    "scan": ("lib.transform.scan(lambda c, x: (c, g(x)), 1.0, jnp.zeros((0, 2)))[1]", "(0, 2)"),
    "while_loop": ("lib.transform.while_loop(lambda c: c[0] < 0.0, g, jnp.zeros(2))", "(2,)"),
}


@drawn("CTL-13", {"start": array((2,)), "seed": count(0, 99),
                  "reads": one_of(("True", "False"))}, {
    name: {"run": f"lambda g: {text}", "shape": shape}
    for name, (text, shape) in NO_STEPS.items()})
def no_step_has_no_effect(lib, jnp, run, shape, start, seed, reads):
    """States and stream are as before; the result has the shape that no steps give."""
    s = lib.State(start)
    def g(x):
        s.value = (s.value if reads else jnp.ones(2)) * x + lib.random.normal(size=())
        return s.value
    lib.random.seed(seed)
    want = shape, start.tolist(), lib.random.normal(size=())
    lib.random.seed(seed)
    got = jnp.shape(run(g)), s.value.tolist(), lib.random.normal(size=())
    assert got == want, {"at": "result, state, next draw", "expected": want, "got": got}


@drawn("CTL-13", {"start": array((2,)), "T": one_of(
    f"lib.transform.{name}" for name in ("grad", "vector_grad", "jacrev", "jacfwd"))}, {
    name: {"run": f"lambda g: {text}"} for name, (text, _) in NO_STEPS.items()
    if name not in FORWARD})
def no_step_has_a_derivative(lib, jnp, run, T, start):
    s = lib.State(start)
    def g(x):
        s.value = s.value * x
        return s.value
    got = T(lambda: jnp.sum(run(g)) + jnp.sum(s.value ** 2), grad_states=s)()
    assert jnp.allclose(got, 2.0 * start), {"expected": 2.0 * start, "got": got}


TAKEN = {
    "cond": "lib.transform.cond(s.value > 0.0, f, g, 2.0)",
    "cond, the other": "lib.transform.cond(s.value < 0.0, g, f, 2.0)",
    "switch": "lib.transform.switch(jnp.array(1), [g, f, g], 2.0)",
    "switch, the last": "lib.transform.switch(jnp.array(9), [g, g, f], 2.0)",
}


@drawn("CTL-15", {"v": one_of(("3.0", "0.5", "1.25")), "n": count(-3, 9), "seed": count(0, 99)}, {
    name: {"run": f"lambda s, f, g: {text}"} for name, text in TAKEN.items()})
def a_branch_not_taken_has_no_effects(lib, jnp, run, v, n, seed):
    """Only the branch ``f`` is taken: a number is drawn after it, and the derivative is its own."""
    s, t = lib.State(jnp.array(v, float)), lib.State(jnp.array(n))
    def f(x): return s.value ** 2 * x
    def g(x):
        s.value, t.value = s.value * lib.random.normal(size=()), t.value + 1
        return 5.0 * s.value
    lib.random.seed(seed)
    want = 4.0 * v, 2.0 * v ** 2, v, n, lib.random.normal(size=())
    lib.random.seed(seed)
    got = lib.transform.grad(lambda: run(s, f, g), grad_states=s, return_value=True)()
    told = (*got, s.value, t.value, lib.random.normal(size=()))
    assert told == want, {"expected": want, "got": told}


BRANCHES = {
    "cond": "lib.transform.cond(jnp.array(which == 0), f, g, x)",
    "switch": "lib.transform.switch(jnp.array(which), [f, g], x)",
}


@drawn("CTL-03", {"start": numbers(3), "x": number(), "theirs": order(3)}, {
    name: {"run": f"lambda which, f, g, x: {text}"} for name, text in BRANCHES.items()})
def branches_write_in_orders_of_their_own(lib, jnp, run, start, x, theirs):
    """Both branches write the same states, in two orders; each branch is taken once."""
    states, want = [lib.State(jnp.array(v)) for v in start], jnp.array(start)
    def branch(order, k):
        def write(x):
            for i in order:
                states[i].value = k * states[i].value + i * x
        return write
    for which, k in enumerate((3.0, 5.0)):
        run(which, branch([0, 1, 2], 3.0), branch(theirs, 5.0), x)
        want, got = k * want + x * jnp.arange(3), jnp.array([state.value for state in states])
        assert jnp.allclose(got, want), {"at": f"branch {which}", "expected": want, "got": got}


# -- lanes -----------------------------------------------------------------------------------------

LANES = {
    "arguments": "lib.transform.vmap(g)(jnp.zeros({n}))",
    "a state": "lib.transform.vmap(lambda: g(s.value), in_states=s)()",
    "a size": "lib.transform.vmap(lambda: g(0.0), axis_size={n})()",
    "a loop in lanes": "lib.transform.vmap(lambda x: lib.transform.for_loop(g, x))("
                       "jnp.zeros(({n}, 3)))",
    "lanes in a loop": "lib.transform.for_loop(lib.transform.vmap(g), jnp.zeros((3, {n})))",
    "lanes in lanes": "lib.transform.vmap(lib.transform.vmap(g))(jnp.zeros((2, {n})))",
}


@st.composite
def lanes_of(draw: Any, name: str) -> dict[str, str]:
    """Two lanes or more, and a seed."""
    n = draw(st.sampled_from((2, 6, 4)))
    return {"run": f"lambda g, s: {LANES[name].format(n=n)}", "n": str(n),
            "seed": draw(count(0, 99))}


@drawn("CTL-17", lanes_of, {name: name for name in LANES})
def lanes_draw_their_own_numbers(lib, jnp, np, run, n, seed):
    """All numbers of two calls and one draw after them differ; the same seed gives them again."""
    s, runs = lib.State(jnp.zeros(n)), []
    def g(x): return x + lib.random.normal(size=())
    for _ in range(2):
        lib.random.seed(seed)
        drawn = [np.ravel(run(g, s)), np.ravel(run(g, s)), np.ravel(lib.random.normal(size=()))]
        runs.append(np.concatenate(drawn))
    different = len(set(runs[0].tolist()))
    assert different == runs[0].size, {
        "expected": f"{runs[0].size} different numbers", "got": f"{different}: {runs[0]}"}
    assert np.array_equal(*runs), {"expected": runs[0], "got": runs[1]}


@drawn("CTL-17", lambda name: st.builds(
    lambda found, v: {**found, "v": v}, lanes_of(name), number()),
    {name: name for name in ("arguments", "a size", "a loop in lanes")})
def a_derivative_sees_the_same_draws(lib, jnp, np, run, n, seed, v):
    """The derivative of a sum of draws, each times a state, is the sum of these draws."""
    s, w = lib.State(jnp.zeros(n)), lib.State(jnp.array(v))
    def g(x): return x + w.value * lib.random.normal(size=())
    lib.random.seed(seed)
    want = jnp.sum(run(g, s)) / v
    lib.random.seed(seed)
    got = lib.transform.grad(lambda: jnp.sum(run(g, s)), grad_states=w)()
    assert jnp.allclose(got, want), {"expected": want, "got": got}


FORMS = {"state": "s", "list": "[s]", "dict": "{'s': s}", "axis": "{0: s}", "list of an axis":
         "{0: [s]}"}


@drawn("CTL-18", {"start": array((3,)), "xs": array((3,)), "k": number()}, {
    name: {"select": f"lambda s: {form}"} for name, form in FORMS.items()})
def mapped_states_are_selected(lib, jnp, select, start, xs, k):
    s, t = lib.State(start), lib.State(jnp.array(k))
    def lane(x):
        s.value = s.value + t.value * x
        return s.value ** 2
    got = lib.transform.vmap(lane, in_states=select(s), out_states=select(s))(xs)
    want = start + k * xs
    assert jnp.array_equal(got, want ** 2), {"expected": want ** 2, "got": got}
    assert jnp.array_equal(s.value, want) and t.value == k, {
        "expected": f"{want} and {k}", "got": (s.value, t.value)}


@drawn("CTL-18", {"axes": written(st.tuples(*3 * [st.integers(0, 1)])), "k": number()})
def states_have_axes_of_their_own(lib, jnp, axes, k):
    """A state, an argument and the result are mapped along axes that may differ."""
    along, given, out = axes
    v, x = k * jnp.arange(6.0).reshape(3, 2), 1.0 + jnp.arange(6.0).reshape(3, 2)
    s = lib.State(jnp.moveaxis(v, 0, along))
    def lane(x):
        s.value = s.value * x
        return s.value + x
    mapped = lib.transform.vmap(lane, in_axes=given, out_axes=out, in_states={along: s})
    y = mapped(jnp.moveaxis(x, 0, given))
    for place, got, want, axis in ("y", y, v * x + x, out), ("s.value", s.value, v * x, along):
        want = jnp.moveaxis(want, 0, axis)
        assert jnp.array_equal(got, want), {"at": place, "expected": want, "got": got}


@drawn("CTL-18", {"n": one_of(("3", "1", "2", "6")), "v": number(), "k": number()})
def other_states_are_shared(lib, jnp, n, v, k):
    """Also one that has as many entries as there are lanes."""
    s, t = lib.State(v + jnp.arange(float(n))), lib.State(jnp.array(0.0))
    def lane(x):
        t.value = jnp.sum(s.value)
        return s.value * x
    got, want = lib.transform.vmap(lane)(k * jnp.ones(n)), s.value * k * jnp.ones((n, n))
    assert got.shape == (n, n) and jnp.allclose(got, want), {"expected": want, "got": got}
    assert jnp.allclose(t.value, jnp.sum(s.value)), {
        "at": "t.value", "expected": jnp.sum(s.value), "got": t.value}


@snippet("CTL-18", {
    "in_states alone": {"words": "lambda s: {'in_states': s}", "start": "jnp.arange(3.0)",
                        "want": "[1.0, 2.0, 3.0]"},
    "out_states alone": {"words": "lambda s: {'out_states': s}", "start": "jnp.array(1.0)",
                         "want": "[2.0, 2.0, 2.0]"},
    "another axis": {"words": "lambda s: {'in_states': {1: s}, 'out_states': {1: s}}",
                     "start": "jnp.arange(6.0).reshape(2, 3)",
                     "want": "[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]"},
    "another axis in in_states alone": {
        "words": "lambda s: {'in_states': {1: s}}", "start": "jnp.arange(4.0).reshape(2, 2)",
        "want": "[[1.0, 2.0], [3.0, 4.0]]"},
})
def a_mapped_state_is_told_by_one_word(lib, jnp, words, start, want):
    s = lib.State(start)
    def lane(x):
        s.value = s.value + x
        return jnp.sum(s.value)
    lib.transform.vmap(lane, **words(s))(jnp.ones(len(want[0]) if type(want[0]) is list else 3))
    assert s.value.tolist() == want, {"expected": want, "got": s.value}


@drawn("CTL-19", {"v": number(), "xs": numbers(3)}, {
    "argument": {"lane": "lambda s, x: setattr(s, 'value', x)"},
    "update": {"lane": "lambda s, x: setattr(s, 'value', s.value + x)"},
    "draw": {"lane": "lambda s, x: setattr(s, 'value', lib.random.normal(size=()))"},
    "in a loop": {"lane": "lambda s, x: lib.transform.for_loop("
                          "lambda y: setattr(s, 'value', y), jnp.stack([x, x]))"},
})
def a_write_that_differs_by_lane_is_refused(lib, jnp, lane, v, xs):
    """The state holds what it held, and works as before."""
    s, raised = lib.State(jnp.array(v)), False
    try:
        lib.transform.vmap(lambda x: lane(s, x))(jnp.array(xs))
    except Exception:
        raised = True
    assert raised, {"expected": "an error", "got": f"none, and s.value is {s.value}"}
    assert jnp.shape(s.value) == () and s.value == v, {"expected": v, "got": s.value}


@drawn("CTL-27", {"name": written(st.sampled_from(("membrane", "threshold", "w_7", "layer one"))),
                  "xs": numbers(3), "others": count(0, 2)})
def a_refused_write_names_the_state(lib, jnp, name, xs, others):
    """Beside states that every lane writes alike."""
    s, told = lib.State(jnp.array(1.0), name=name), ""
    alike = [lib.State(jnp.array(1.0), name=f"other{i}") for i in range(others)]
    def lane(x):
        for state in alike:
            state.value = 2.0 * state.value
        s.value = x
    try:
        lib.transform.vmap(lane)(jnp.array(xs))
    except Exception as error:
        told = str(error)
    assert name in told and "other" not in told, {
        "expected": f"an error that names {name!r} alone", "got": told}


# -- products, failures, transforms inside ---------------------------------------------------------


@drawn("CTL-09", {"v": number(), "w": number()}, bodies(REVERSE))
def pullbacks_go_through(lib, jnp, run, times, v, w):
    """Derivatives for the state and for the argument, and the state after the call."""
    s, x, n = lib.State(jnp.array(v)), jnp.array(w), range(1, times + 1)
    def g(x):
        s.value = s.value * x
        return s.value
    _, pull = lib.transform.vjp(lambda x: run(g, x), x, grad_states=[s], argnums=0)
    (by_state,), by_argument = pull(jnp.array(1.0))
    got = jnp.array([by_state, by_argument, s.value])
    want = [sum(w ** k for k in n), sum(v * k * w ** (k - 1) for k in n), v * w ** times]
    assert jnp.allclose(got, jnp.array(want)), {"expected": want, "got": got}


@drawn("CTL-09", {"v": number(), "w": number(), "t": number()}, bodies())
def tangents_go_through(lib, jnp, run, times, v, w, t):
    """The value, the derivative along a tangent, and the state after the call."""
    s, x, n = lib.State(jnp.array(v)), jnp.array(w), range(1, times + 1)
    def g(x):
        s.value = s.value * x
        return s.value
    value, tangent = lib.transform.jvp(lambda x: run(g, x), (x,), (jnp.array(t),))
    got = jnp.array([value, tangent, s.value])
    want = [sum(v * w ** k for k in n), t * sum(v * k * w ** (k - 1) for k in n), v * w ** times]
    assert jnp.allclose(got, jnp.array(want)), {"expected": want, "got": got}


FAILING = bodies() | {"vmap": {
    "run": "lambda g, x: lib.transform.vmap(g, in_axes=None, axis_size=3)(x)", "times": "1"}}


@drawn("CTL-21", {"v": number(), "T": one_of(
    ("lambda f: f", "lib.transform.jit", "lib.transform.jacfwd"))}, {
    name: {"run": point["run"]} for name, point in FAILING.items()}, wide=4)
def a_failure_changes_nothing(lib, jnp, run, T, v):
    """A body writes, draws and raises; then the same body does not raise, and is called again."""
    s, fails, held = lib.State(jnp.array(v)), [True], None
    def g(x):
        s.value, _ = s.value + 1.0, lib.random.normal(size=())
        return s.value * x * (fails.pop() / 0 if fails else 1.0)
    try:
        T(lambda x: run(g, x))(jnp.array(1.0))
    except ZeroDivisionError:
        held = s.value
    T(lambda x: run(g, x))(jnp.array(1.0))
    assert held == v < s.value, {"expected": f"{v}, then more", "got": (held, s.value)}


WITHIN = {
    "lib.transform.grad": "lambda v, x, n: v * x * (2.0 ** n - 1.0)",
    "lib.transform.jacfwd": "lambda v, x, n: v * x * (2.0 ** n - 1.0)",
    "lib.transform.hessian": "lambda v, x, n: x * n",
}
"""Derivatives of v squared times x over 2, and their sums while v is doubled n times."""


@drawn("CTL-22", lambda point: st.tuples(
    st.sampled_from(tuple(WITHIN.items())), number(), number()).map(lambda found: {
        **point, "T": found[0][0], "want": found[0][1], "v": found[1], "w": found[2]}), bodies())
def a_body_differentiates(lib, jnp, run, T, times, want, v, w):
    """Each run takes a derivative for a state, of a function that counts."""
    s, n = lib.State(jnp.array(v)), lib.State(jnp.array(0))
    def loss(x): return (setattr(n, "value", n.value + 1), 0.5 * s.value ** 2 * x)[1]
    def g(x):
        slope, s.value = T(loss, grad_states=s)(x), 2.0 * s.value
        return slope
    got, right = run(g, jnp.array(w)), want(v, w, times)
    assert jnp.allclose(got, right), {"expected": right, "got": got}
    assert n.value == times, {"at": "n.value", "expected": times, "got": n.value}


@drawn("CTL-24", {"v": number(), "seed": count(0, 99)}, {
    name: {"T": f"lib.transform.{name}", "order": order}
    for name, order in (("grad", "1"), ("jacfwd", "1"), ("hessian", "2"))
})
def what_is_computed_again_is_the_same(lib, jnp, T, order, v, seed):
    """The body runs once as far as its effects tell, and a draw is the same in both passes."""
    s, n, x = lib.State(jnp.array(0.0)), lib.State(jnp.array(0)), jnp.array(v)
    def part(x):
        s.value, n.value = lib.random.normal(size=()), n.value + 1
        return jnp.exp(s.value * x)
    lib.random.seed(seed)
    got = T(lib.transform.checkpoint(part))(x)
    draw = s.value
    want = draw ** order * jnp.exp(draw * x)
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    assert n.value == 1 and draw != 0.0, {"expected": "one run", "got": (n.value, draw)}


@drawn("CTL-24", {"v": number(), "seed": count(0, 99), "turns": count(2, 3)}, {
    f"{name}, several calls": {"T": f"lib.transform.{name}", "order": order}
    for name, order in (("grad", "1"), ("jacfwd", "1"), ("hessian", "2"))
})
def every_call_draws_for_itself(lib, jnp, T, order, v, seed, turns):
    """One body under checkpoint that is called several times; a number is drawn after them."""
    def normal(): return lib.random.normal(size=())
    part = lib.transform.checkpoint(lambda x: normal() * x ** 2)
    lib.random.seed(seed)
    noise, after = sum(normal() for _ in range(turns)), normal()
    lib.random.seed(seed)
    got = T(lambda x: sum(part(x) for _ in range(turns)))(jnp.array(v)), normal()
    want = 2.0 * noise * (v if order == 1 else 1.0), after
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


# -- what is open ----------------------------------------------------------------------------------


@drawn("CTL-25", {"x": number()}, {
    f"{name} {kind}": {"run": bodies()[name]["run"], "start": start, "new": new, "want": want}
    for name in LOOPS for kind, start, new, want in (
        ("shape", "jnp.zeros(1)", "lambda old, x: jnp.append(old, x)", "lambda x: [0.0, x, x, x]"),
        ("dtype", "jnp.array(0)", "lambda old, x: old + x", "lambda x: 3.0 * x"),
    )
})
def a_state_that_changes_its_type(lib, jnp, run, new, start, want, x):
    s, seen = lib.State(start), "as unrolled"
    def g(x): return setattr(s, "value", new(s.value, x)) or x
    try:
        run(g, jnp.array(x))
    except Exception:
        seen = "refused"
    right = s.value.tolist() == {"as unrolled": want(x), "refused": start.tolist()}[seen]
    return seen if right else f"{seen}, and {s.value}"


@drawn("CTL-26", {"start": count(-3, 3), "steps": count(0, 4)})
def a_condition_that_writes(lib, jnp, start, steps):
    """It is tested once more than there are steps."""
    n = lib.State(jnp.array(0))
    def more(c): return setattr(n, "value", n.value + 1) or c < start + steps
    try:
        got = int(lib.transform.while_loop(more, lambda c: c + 1, jnp.array(start)))
    except Exception:
        got = "refused"
    told = {("refused", 0): "refused", (start + steps, steps + 1): "counted"}
    return told.get((got, int(n.value)), f"{got} after {n.value} tests")
