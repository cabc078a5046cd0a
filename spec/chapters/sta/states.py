"""The state model: what a State is, outside of transforms and from one call to the next."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.axes import EVERY, EXACT, FIRST_ORDER, by_order, keyed
from ...language.sources import (
    OTHER_NODES,
    STATES,
    array,
    count,
    list_of,
    number,
    numbers,
    one_of,
    some_of,
    value,
    written,
)

KINDS = {kind.removeprefix("lib."): {"kind": kind} for kind in STATES}
"""The classes of state, as a parameter."""


@drawn("STA-01", {"values": list_of(value(), 1, 3)}, KINDS, wide=24)
def value_is_given_back(lib, jnp, np, kind, values):
    """The value of a new state, and of one that held something else before."""
    state = kind(jnp.array([3.0]))
    for want in values:
        state.value = want
        for got in (kind(want).value, state.value):
            assert type(got) is type(want), {"expected": type(want), "got": type(got)}
            assert repr(got) == repr(want), {"expected": repr(want), "got": repr(got)}


@drawn("STA-01", {"p": numbers(1), "q": numbers(1), "x": number(),
                  "T": one_of(f"lib.transform.{member}" for member in FIRST_ORDER)}, OTHER_NODES)
def nodes_are_given_back_in_a_call(lib, jnp, jax, T, make, p, q, x):
    """A container with a list in each of two places, read twice in a call, and written back."""
    held, kinds = make(p, q), []
    s = lib.State(held)
    def summed(*seen): return sum(k * leaf for k, leaf in enumerate(jax.tree.leaves(seen), 1))
    def f(x):
        a, s.value = s.value, s.value
        kinds[:] = type(held), type(a), type(s.value)
        return x * summed(a, s.value)
    got, want = [T(f)(jnp.array(x)), summed(s.value)], [summed(held, held), summed(held)]
    assert len({*kinds, type(s.value)}) == 1, {"expected": kinds[0], "got": (kinds, type(s.value))}
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@snippet("STA-02")
def param_states_are_states(lib, jnp):
    """Classes and instances."""
    s, p = lib.State(jnp.array(1.0)), lib.ParamState(jnp.array(1.0))
    assert issubclass(lib.ParamState, lib.State), {
        "expected": "a subclass of State", "got": lib.ParamState}
    assert isinstance(p, lib.State), {"expected": "a State", "got": p}
    assert not isinstance(s, lib.ParamState), {"expected": "no ParamState", "got": s}


NAME = st.text("abz_0é .", min_size=1, max_size=5)


@drawn("STA-03", {"names": written(st.lists(NAME, min_size=1, max_size=4)), "new": value()}, KINDS)
def name_is_kept(lib, jnp, kind, names, new):
    """States, some of one name, before and after a write."""
    states = [kind(jnp.array(1.0), name=name) for name in names]
    for state in states:
        state.value = new
    got = [state.name for state in states]
    assert got == names, {"expected": names, "got": got}


@drawn("STA-04", {"v": value(), "writes": some_of(range(3), 0, 4), "new": value()}, KINDS)
def states_are_keys_by_identity(lib, jnp, kind, v, writes, new):
    """A dict and a set of three states over one value, after writes."""
    states = [kind(v) for _ in range(3)]
    table, several = {s: i for i, s in enumerate(states)}, {*states, *states}
    for i in writes:
        states[i].value = new
    got = [table.get(s) for s in states], len(several), [s in several for s in states]
    assert got == ([0, 1, 2], 3, [True] * 3), {"expected": "keys 0, 1 and 2", "got": got}
    alike = [[a == b for a in states] for b in states]
    want = [[i == j for i in range(3)] for j in range(3)]
    assert alike == want, {"at": "a == b", "expected": want, "got": alike}


@drawn("STA-05", {"value": value(), "writes": some_of(range(3), 1, 3), "new": value()})
def states_of_one_value_are_apart(lib, jnp, value, writes, new):
    """Three states that were created from one object, of which some are written."""
    states = [lib.State(value) for _ in range(3)]
    before = repr(value)
    for i in writes:
        states[i].value = new
    want = [repr(new) if i in writes else before for i in range(3)]
    got = [repr(state.value) for state in states]
    assert [repr(value), *got] == [before, *want], {"expected": want, "got": got}


@drawn("STA-06", {"factor": number(), "start": number(), "x": number()},
       EXACT.bound(power=by_order("2", "1")))
def eager_writes_are_seen(lib, jnp, np, T, power, factor, start, x):
    """The value of a state changes between two calls of a transform of x and of one of s."""
    s = lib.State(jnp.array(start))
    by_x, by_s = T(lambda x: x * x * s.value), T(lambda: s.value ** 3, grad_states=s)
    first = by_x(jnp.array(x)), by_s()
    s.value = factor * s.value
    second = by_x(jnp.array(x)), by_s()
    got, want = [b / a for a, b in zip(first, second, strict=True)], [factor, factor ** power]
    assert np.allclose(got, want), {"expected": f"the ratios {want}", "got": got}


@drawn("STA-06", {"values": list_of(array((), (2,)), 2, 4), "x": number()},
       EXACT.bound(order=by_order("1", "2")))
def every_call_sees_the_shape_of_today(lib, jnp, T, order, values, x):
    """Numbers and vectors one after the other, in one transform of the state."""
    s = lib.State(jnp.array(2.0))
    made = T(lambda x: jnp.sum(s.value ** 2 * x), grad_states=s)
    for v in values:
        s.value = v
        second = 2.0 * x * (jnp.eye(2) if v.shape else jnp.array(1.0))
        got, want = made(x), 2.0 * v * x if order == 1 else second
        assert jnp.shape(got) == want.shape, {
            "at": v, "expected": want.shape, "got": jnp.shape(got)}
        assert jnp.allclose(got, want), {"at": v, "expected": want, "got": got}


@drawn("STA-06", {"dtypes": some_of(("float32", "float64"), 1, 4), "x": number()})
def every_call_sees_the_dtype_of_today(lib, jnp, dtypes, x):
    """Numbers of one precision after another."""
    s = lib.State(jnp.array([2.0], jnp.float32))
    made = lib.transform.grad(lambda: jnp.sum(s.value ** 2) * s.value.shape[0], grad_states=s)
    made()
    for dtype in dtypes:
        s.value = jnp.full(3, x, dtype)
        got = made()
        assert got.dtype == dtype, {"expected": dtype, "got": got.dtype}
        assert jnp.allclose(got, 6.0 * x), {"expected": 6.0 * x, "got": got}


SIDES = st.lists(st.tuples(st.sampled_from(("m.s", "s")), st.sampled_from((1.0, 2.5, -3.0))),
                 min_size=1, max_size=4)


@drawn("STA-07", {"depth": count(0, 3), "moves": written(SIDES)}, KINDS)
def states_in_modules_are_themselves(lib, jnp, kind, depth, moves):
    """The object in an attribute, in a module of modules, and writes on each side."""
    s, m, want = kind(jnp.array(1.0)), lib.nn.Module(), 1.0
    m.s = s
    for _ in range(depth):
        outer = lib.nn.Module()
        outer.sub, m = m, outer
    def held(node): return held(node.sub) if hasattr(node, "sub") else node.s
    assert held(m) is s, {"at": "m.s", "expected": "the state assigned", "got": "another"}
    for side, new in moves:
        state, want = held(m) if side == "m.s" else s, want * 2.0 + new
        state.value = state.value * 2.0 + new
    assert float(held(m).value) == float(s.value) == want, {"expected": want, "got": s.value}


@drawn("STA-08", {"base": one_of(STATES), "depth": count(1, 3), "v": number()},
       EXACT.bound(want=by_order("lambda v: 8.0 * v", "lambda v: 8.0")))
def classes_of_the_user_are_states(lib, jnp, T, want, base, depth, v):
    """Derivative and write of a state of a derived class with a method of its own."""
    class Mine(base):
        def twice(self): return 2.0 * self.value
    for _ in range(depth - 1):
        Mine = type("Mine", (Mine,), {})
    s = Mine(jnp.array(v))
    def f():
        s.value = s.twice()
        return s.value ** 2
    got = float(T(f, grad_states=s)()), float(s.value)
    assert got == (want(v), 2.0 * v), {"expected": (want(v), 2.0 * v), "got": got}


@drawn("STA-16", {"values": numbers(2)},
       EXACT.bound(slope=by_order("lambda w: 3.0 * w ** 2", "lambda w: 6.0 * w")))
def a_deep_copy_differentiates_its_own_states(lib, jnp, T, slope, values):
    """A module holds a transform of its own method; its copy goes on to learn."""
    from copy import deepcopy
    class M(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = lib.ParamState(jnp.array(1.0))
            self.slope = T(self.loss, grad_states=self.w)
        def loss(self): return self.w.value ** 3
    models = [m := M(), deepcopy(m)]
    for model, w in zip(models, values, strict=True):
        model.w.value = jnp.array(w)
    got, want = [float(model.slope()) for model in models], [slope(w) for w in values]
    assert got == want, {"expected": want, "got": got}


WRITES_IN_TURN = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from((0.5, -1.0, 2.0))),
    min_size=1, max_size=3)


@drawn("STA-16", {"deep": one_of(("False", "True")), "kind": one_of(STATES),
                  "before": some_of((0.5, -1.0, 2.0), 0, 2), "turns": written(WRITES_IN_TURN),
                  "v": number(), "x": number()}, EXACT.bound())
def a_copy_made_in_a_call_is_apart(lib, jnp, T, deep, kind, before, turns, v, x):
    """State and copy are written in turn, beside plain objects that hold what is given."""
    from copy import copy, deepcopy
    from types import SimpleNamespace as Plain
    def f(s):
        _ = [setattr(s, "value", k * s.value + x) for k in before]
        held = [s, deepcopy(s) if deep else copy(s)]
        for i, j, k in turns:
            held[i].value = k * held[j].value + x
        return jnp.sin(held[0].value) * jnp.cos(held[1].value)
    s, p = kind(jnp.array(v)), Plain(value=v)
    got = T(lambda: f(s), grad_states=s)(), s.value
    want = T(lambda v: f(Plain(value=v)))(jnp.array(v)), (f(p), p.value)[1]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


IN_THREADS = {
    "vjp": "lambda f: lambda x: lib.transform.vjp(f, x)[0]",
    "jvp": "lambda f: lambda x: lib.transform.jvp(f, (x,), (jnp.ones_like(x),))",
    "jit": "lib.transform.jit",
    "a compiled transform": "lambda f: lib.transform.jit(lib.transform.grad(f))",
    "a loop": "lambda f: lambda x: lib.transform.for_loop(f, jnp.array([x, x]))",
    "a plain call": "lambda f: f",
}


@drawn("STA-09", {"turns": written(st.lists(st.booleans(), min_size=2, max_size=4).filter(any)),
                  "v": number(), "xs": numbers(4)},
       {name: {"make": text} for name, text in IN_THREADS.items()}
       | EVERY.bound(make=lambda one: f"lambda f: lib.transform.{one.name}(f, **{keyed(one)})"))
def calls_may_come_from_any_thread(lib, jnp, make, turns, v, xs):
    """In turn from the main thread and from others, which may be the first to call or compile."""
    from concurrent.futures import ThreadPoolExecutor
    s, t = (lib.State(jnp.array(v)) for _ in range(2))
    def of(s): return make(lambda x: setattr(s, "value", 0.5 * s.value + x) or jnp.sin(s.value))
    here, anywhere = of(s), of(t)
    for elsewhere, x in zip(turns, map(jnp.array, xs), strict=False):
        result = ThreadPoolExecutor(1).submit(anywhere, x).result() if elsewhere else anywhere(x)
        got, want = [jnp.array(result), t.value], [jnp.array(here(x)), s.value]
        same = all(map(jnp.allclose, got, want))
        assert same, {"at": x, "expected": want, "got": got}


@drawn("STA-09", {"v": number(), "x": number(), "work": one_of((
           "lambda s: s.value", "lambda s: lib.transform.jit(lambda: s.value)()",
           "lambda s: lib.transform.grad(lambda y: y * s.value)(1.0)")),
                  "T": one_of(f"lib.transform.{member}" for member in FIRST_ORDER)},
       {"a thread that f starts": {"before": "False"}, "a thread from before": {"before": "True"}})
def what_f_hands_to_a_thread_is_right_or_refused(lib, jnp, T, before, work, v, x):
    """There the state is read that is differentiated."""
    from concurrent.futures import ThreadPoolExecutor
    s, pool, want = lib.State(jnp.array(v)), ThreadPoolExecutor(1), [2.0 * v * x, v * v]
    before and pool.submit(int).result()
    def f(x): return x * s.value * pool.submit(work, s).result()
    try:
        got = T(f, grad_states=s, argnums=0)(jnp.array(x))
    except Exception:
        got = want
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
    assert s.value == v, {"at": "s.value", "expected": v, "got": s.value}


@drawn("STA-09", {"values": numbers(2)}, EXACT.bound(power=by_order("2", "1")))
def threads_keep_apart(lib, jnp, T, power, values):
    """Two calls that are inside of their functions at the same time, where a library lets them."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event
    s, inside = [lib.State(jnp.array(v)) for v in values], [Event(), Event()]
    def f(k):
        s[k].value = 2.0 * s[k].value
        inside[k].set() or inside[1 - k].wait(1.0)
        return s[k].value ** 3
    d = [*ThreadPoolExecutor(2).map(lambda k: T(lambda: f(k), grad_states=s[k])(), (0, 1))]
    want = *(2.0 * v for v in values), (values[1] / values[0]) ** power
    got = float(s[0].value), float(s[1].value), float(d[1] / d[0])
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
