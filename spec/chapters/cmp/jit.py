"""What jit may keep from call to call, and what it must see anew."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn
from ...language.axes import REPRESENTATIVES, by_order
from ...language.sources import (
    FEW_TERMS,
    count,
    list_of,
    moving,
    number,
    numbers,
    one_of,
    some_of,
    waves,
    written,
)

IN_TURN = {**waves(FEW_TERMS), "values": numbers(3), "x": number()}


@drawn("CMP-11", IN_TURN, {
    "by itself": {"made": "lambda b: lambda x: b(x)[0]", "turns": "1"},
    "a scan": {"made": "lambda b: lambda x: jax.lax.scan(b, x, length=2)[0]", "turns": "2"},
    "a checkpoint": {"made": "lambda b: jax.checkpoint(lambda x: b(b(x)[0])[0])", "turns": "2"},
})
def a_value_changed_between_calls_is_seen(lib, jnp, jax, made, turns, terms, h, values, x):
    """In the function itself, and in what was made outside of it."""
    s = lib.State(jnp.array(values[0]))
    f = lib.transform.jit(made(lambda x, _=None: (h(s.value, x), None)))
    for value in values:
        s.value = jnp.array(value)
        got, want = f(jnp.array(x)), h(value, x) if turns == 1 else h(value, h(value, x))
        assert jnp.allclose(got, want), {"at": f"s = {value}", "expected": want, "got": got}


SOME = ("jnp.array(2.0)", "jnp.array([1.0, -2.0, 3.0])", "jnp.ones((2, 3))",
        "jnp.array([0.5], jnp.float32)", "jnp.array([2.0])", "jnp.array(1.5, jnp.float32)",
        "2.5", "-0.5")
CHANGING = st.lists(st.sampled_from(SOME), min_size=2, max_size=4).map(
    lambda texts: f"[{', '.join(texts)}]")


@drawn("CMP-12", {"values": CHANGING}, {
    "of a state": {"held": "True"}, "of an argument": {"held": "False"}})
def types_may_change_between_calls(lib, jnp, held, values):
    """Shapes and dtypes, also back again, Python numbers among arrays; another state is written."""
    s, n, half = lib.State(values[0]), lib.State(jnp.array(0.0)), jnp.array(3.0, jnp.float16)
    @lib.transform.jit
    def f(x):
        n.value = n.value + jnp.size(x)
        return (s.value if held else x) * half

    total = 0
    for turn, value in enumerate(values):
        s.value, total = value, total + jnp.size(value)
        got, want = f(value), value * half
        alike = (got.shape, got.dtype) == (want.shape, want.dtype) and jnp.allclose(got, want)
        assert alike, {"at": turn, "expected": want, "got": got}
        assert n.value == total, {"at": turn, "expected": total, "got": n.value}


@drawn("CMP-12", {"keys": some_of(("a", "ab", "b", ""), 2, 4)})
def a_state_may_change_its_structure_between_calls(lib, jnp, keys):
    """A dict with other keys, or more, or none."""
    s = lib.State({})
    f = lib.transform.jit(lambda: sum(s.value.values(), jnp.array(1.0)))
    for turn, names in enumerate(keys):
        s.value = {key: jnp.array(2.0 + turn) for key in names}
        got, want = f(), 1.0 + len(names) * (2.0 + turn)
        assert got == want, {"at": names, "expected": want, "got": got}


@drawn("CMP-12", {"sizes": some_of((2, 3, 1), 2, 3)}, {
    "a transform": {"call": "lambda g, x: lib.transform.grad(g)(x)"},
    "a finder": {"call": "lambda g, x: lib.transform.StateFinder(g)(x)"},
})
def a_state_read_in_a_call_that_failed_may_change_its_type(lib, jnp, call, sizes):
    """Nothing of the call is left but what the function saw of the state there."""
    s, seen = lib.State(jnp.ones(2)), []
    @lib.transform.jit
    def f(x):
        try:
            call(lambda x: seen.append(s.value.size) or 1 / 0, x)
        except ZeroDivisionError:
            return x * seen[-1]

    for size in sizes:
        s.value = jnp.ones(size)
        got, want = f(jnp.array(5.0)), 5.0 * size
        assert got == want, {"at": size, "expected": want, "got": got}


@drawn("CMP-12", {"known": written(st.permutations((1, 1.0, True))), "x": count(1, 5)})
def functions_of_one_code_are_told_apart(lib, jnp, known, x):
    """What they close over is equal, and not the same."""
    def of(k): return lambda x: x * k
    compiled, x = [lib.transform.jit(of(k)) for k in known], jnp.array(x)
    got, want = ([str(f(x).dtype) for f in fs] for fs in (compiled, map(of, known)))
    assert got == want, {"at": known, "expected": want, "got": got}


ODD_VALUES = ("'text'", "object()", "[1.0, 'text']", "None", "jnp.ones(3)", "{'a': 2}")
WITHIN_REACH = {"itself": "lambda s: s", "a list": "lambda s: [{'k': s}]",
                "a module": "lambda s: (lambda m: setattr(m, 's', s) or m)(lib.nn.Module())"}


@drawn("CMP-12", {"values": list_of(one_of(ODD_VALUES), 1, 3), "x": number()},
       {name: {"hold": text} for name, text in WITHIN_REACH.items()})
def a_state_that_is_not_used_may_become_anything(lib, jnp, hold, values, x):
    """The function closes over what holds the state, and another state is written."""
    n, idle = lib.State(jnp.array(0.0)), lib.State(jnp.array(1.0))
    held = hold(idle)
    @lib.transform.jit
    def f(x):
        n.value = n.value + x
        return 2.0 * x if held is not None else x

    for turn, value in enumerate([*values, 0.0], 1):
        got, want = [float(f(jnp.array(x))), float(n.value)], [2.0 * x, turn * x]
        assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
        idle.value = value


@drawn("CMP-12", {"orders": written(st.lists(
    st.permutations("abc"), min_size=2, max_size=3, unique_by=tuple)), "values": numbers(3)})
def keywords_may_come_in_any_order(lib, jnp, orders, values):
    """The same names in each call, in an order of its own."""
    s, given = lib.State(jnp.array(2.0)), dict(zip("abc", values, strict=True))
    g = lib.transform.jit(lambda *, a, b, c: s.value * a + 10.0 * b - c)
    want = 2.0 * given["a"] + 10.0 * given["b"] - given["c"]
    for names in orders:
        got = g(**{name: given[name] for name in names})
        assert jnp.allclose(got, want), {"at": names, "expected": want, "got": got}


STATICS = ("'times'", "'plus'", "2", "0.5", "None", "(1, 'times')", "-1", "-2")
"""Values that a compiled function knows as they are; the hash of the last two is the same."""
STATIC_CALLS = st.permutations(STATICS[-2:]) | st.lists(
    st.sampled_from(STATICS), min_size=2, max_size=4)


@drawn("CMP-13", {"calls": STATIC_CALLS.map(lambda texts: f"[{', '.join(texts)}]"),
                  "v": number(), "x": number()}, {
    "static_argnums": {"words": "{'static_argnums': 1}", "call": "lambda f, x, n: f(x, n)"},
    "static_argnames": {"words": "{'static_argnames': 'n'}", "call": "lambda f, x, n: f(x, n=n)"},
})
def static_arguments_are_python_values(lib, jnp, words, call, calls, v, x):
    """They arrive as they were given, and steer Python, at every call of one function."""
    s, seen = lib.State(jnp.array(v)), []
    k = {"times": 3.0, "plus": 5.0, 2: 7.0, -1: 11.0, -2: 13.0}
    def f(x, n):
        seen.append(n)
        return k.get(n, 0.5) * s.value * x if n is not None else x

    g = lib.transform.jit(f, **words)
    for n in calls:
        got, want = float(call(g, jnp.array(x), n)), x if n is None else k.get(n, 0.5) * v * x
        assert jnp.allclose(got, want), {"at": n, "expected": want, "got": got}
    given = [type(n) for n in calls]
    assert {*map(type, seen)} == {*given}, {"expected": given, "got": seen}


@drawn("CMP-14", {**moving(), "xs": numbers(2)})
def writes_under_jit_are_kept(lib, jnp, np, moves, move, start, xs):
    """Two calls of a function that writes, beside plain calls on other states."""
    s, t = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    def f(s, x):
        move(s, x)
        return s[0].value * s[1].value + s[2].value

    g = lib.transform.jit(lambda x: f(s, x))
    for x in xs:
        got, want = g(x), f(t, x)
        assert np.allclose(got, want), {"at": x, "expected": want, "got": got}
        got, want = ([float(np.asarray(state.value)) for state in states] for states in (s, t))
        assert np.allclose(got, want), {"at": "the states", "expected": want, "got": got}


VARIANTS = {
    "a static argument": {"words": "{'static_argnums': 1}", "give": "lambda i: i",
                          "read": "lambda which: which"},
    "a shape": {"words": "{}", "give": "lambda i: jnp.zeros(i * (1,))", "read": "jnp.ndim"},
}
"""What says which variant of a compiled function is called: a number, as it is given and read."""


@drawn("CMP-14", {"turns": written(st.lists(st.integers(0, 2), min_size=3, max_size=5)),
                  "start": numbers(3), "x": number()}, VARIANTS)
def every_variant_writes_its_own_states(lib, jnp, words, give, read, turns, start, x):
    """One of three states in each call, and some of them again."""
    s = [lib.State(jnp.array(v)) for v in start]
    def f(x, which):
        state = s[read(which)]
        state.value = state.value + x

    g = lib.transform.jit(f, **words)
    for i in turns:
        g(jnp.array(x), give(i))
    got = [float(state.value) for state in s]
    want = [v + x * turns.count(i) for i, v in enumerate(start)]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@drawn("CMP-15", {"seed": count(0, 99), "sizes": some_of(((), (2,)), 1, 2),
                  "calls": count(1, 3)})
def draws_under_jit_advance_the_stream(lib, jnp, seed, sizes, calls):
    """Several draws in each of several calls, and one after them."""
    def f():
        return [lib.random.normal(size=tuple(size)) for size in sizes]

    lib.random.seed(seed)
    want = [*(f() for _ in range(calls)), [lib.random.normal(size=(2,))]]
    lib.random.seed(seed)
    g = lib.transform.jit(f)
    got = [*(g() for _ in range(calls)), [lib.random.normal(size=(2,))]]
    for one, other in zip(sum(got, []), sum(want, []), strict=True):
        assert jnp.allclose(one, other), {"expected": want, "got": got}


@drawn("CMP-15", {"seeds": written(st.tuples(*2 * [st.integers(0, 99)])), "calls": count(2, 3)})
def a_seed_under_jit_counts_at_every_call(lib, jnp, seeds, calls):
    """Each call seeds and draws; numbers are drawn in between and after the last."""
    def f():
        lib.random.seed(seeds[1])
        return lib.random.normal(size=(2,))

    def run(f):
        lib.random.seed(seeds[0])
        return jnp.array([[f(), lib.random.normal(size=(2,))] for _ in range(calls)])

    got, want = run(lib.transform.jit(f)), run(f)
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@drawn("CMP-16", {**moving(), "planned": one_of((
    "ArithmeticError('planned')", "ValueError()", "KeyError('k')", "KeyboardInterrupt()",
    "type('Own', (Exception,), {})('planned')")), "x": number()})
def a_failure_under_jit_changes_nothing(lib, jnp, moves, move, start, planned, x):
    """After all writes, by whatever is raised."""
    s, caught = [lib.State(jnp.array(v)) for v in start], None
    @lib.transform.jit
    def f(x):
        move(s, x)
        raise planned

    try:
        f(jnp.array(x))
    except BaseException as error:
        caught = error
    assert caught is planned, {"expected": "the function's own exception", "got": caught}
    got = [float(state.value) for state in s]
    assert got == start, {"at": "the states", "expected": start, "got": got}


@drawn("CMP-17", {**moving(), "xs": numbers(3)})
def a_second_call_runs_no_python(lib, jnp, moves, move, start, xs):
    """Three calls of a function that writes, which runs at the first of them at the most."""
    s, t = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    runs = []
    def f(s, x):
        runs.append(x)
        move(s, x)
        return s[0].value + s[1].value * s[2].value

    g = lib.transform.jit(lambda x: f(s, x))
    got = [(float(g(jnp.array(x))), len(runs)) for x in xs]
    want = [float(f(t, jnp.array(x))) for x in xs]
    assert jnp.allclose(jnp.array([y for y, _ in got]), jnp.array(want)), {
        "expected": want, "got": got}
    assert got[-1][1] == got[0][1], {"at": "runs of f", "expected": "no more", "got": got}


@drawn("CMP-18", {**waves(FEW_TERMS), "v": number(), "xs": numbers(2),
                  "ways": some_of(("plain", "jit", "inside"), 2, 4)},
       REPRESENTATIVES.bound(order=by_order("1", "2")))
def one_transform_serves_with_and_without_jit(lib, jnp, np, T, order, terms, h, v, xs, ways):
    """In any order, at two arguments each."""
    s = lib.State(jnp.array(v))
    made = T(lambda x: h(s.value, x), grad_states=s)
    calls = {"plain": made, "jit": lib.transform.jit(made),
             "inside": lib.transform.jit(lambda x: 1.0 * made(x))}
    for way in ways:
        for x in xs:
            got, want = np.asarray(calls[way](jnp.array(x))), h(v, x, order)
            assert np.allclose(got, want), {"at": way, "expected": want, "got": got}
