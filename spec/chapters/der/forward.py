"""The forward gradient: one random tangent v, and the result (g . v) v.

Linear functions betray the tangent: where g is known, v is the result over sqrt(g . result), up
to a sign that (g . v) v does not see.  So every other result of the same key is known exactly.
"""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn
from ...language.sources import array, count, number, numbers, one_of, order, written

POINT = {"key": one_of(("{0}", "jax.random.key({0})", "jax.random.PRNGKey({0})")).flatmap(
    lambda text: written(st.integers(0, 99)).map(text.format)),
    "start": array((2,)), "x": array((3,))}


@drawn("DER-29", POINT)
def the_result_is_the_slope_along_v_times_v(lib, jnp, jax, key, start, x):
    s = lib.State(start)
    def estimate(f):
        got = lib.transform.fwd_grad(f, grad_states=[s], argnums=0, key=key)(x)
        return jnp.concatenate([got[0][0], got[1]])

    line = estimate(lambda x: jnp.sum(s.value) + jnp.sum(x))
    v = line / jnp.sqrt(jnp.sum(line))
    ds, dx = jnp.cos(s.value) * jnp.sum(x ** 2), jnp.sum(jnp.sin(s.value)) * 2.0 * x
    g = jnp.concatenate([ds, dx])
    got, want = estimate(lambda x: jnp.sum(jnp.sin(s.value)) * jnp.sum(x ** 2)), jnp.dot(g, v) * v
    assert jnp.allclose(got, want), {"expected": f"(g.v)v = {want}", "got": got}


TWO_KEYS = written(st.lists(st.integers(0, 99), min_size=2, max_size=2, unique=True))


@drawn("DER-30", {"start": numbers(3).map("jnp.array({})".format), "keys": TWO_KEYS,
                  "made": one_of(("lambda k: k", "jax.random.key", "jax.random.PRNGKey"))})
def one_key_gives_one_result(lib, jnp, jax, start, keys, made):
    s = lib.State(start)
    def f(): return jnp.sum(s.value ** 2)
    one, again, other = (lib.transform.fwd_grad(f, grad_states=s, key=made(k))()
                         for k in (keys[0], *keys))
    assert jnp.array_equal(one, again), {"expected": one, "got": again}
    assert not jnp.allclose(one, other), {"expected": f"not {one}", "got": other}


@drawn("DER-31", {"key": count(0, 99)})
def tangents_are_standard_and_independent(lib, jnp, np, key):
    n, s, t = 4096, lib.State(jnp.zeros(4096)), lib.State(jnp.zeros(4096))
    def f(x): return s.value[0] + jnp.sum(t.value + x) * 0.0
    got = lib.transform.fwd_grad(f, grad_states=[s, t], argnums=0, key=key)(jnp.zeros(n))
    r = np.concatenate([got[0][0], got[0][1], got[1]])
    v = r / np.sqrt(r[0])
    mean, square = float(np.mean(v)), float(np.mean(v ** 2))
    # Six standard deviations of the means of n products of standard normal numbers.
    assert abs(square - 1.0) < 6 * np.sqrt(2 / v.size), {"expected": "variance 1", "got": square}
    assert abs(mean) < 6 / np.sqrt(v.size), {"expected": "mean 0", "got": mean}
    means = [np.mean(v[k:] * v[:-k]) * np.sqrt(v.size - k) for k in (1, n, 2 * n)]
    assert max(map(abs, means)) < 6, {"expected": "no correlation", "got": means}


@drawn("DER-31", {"key": count(0, 99), "n": one_of(("5", "2", "9")), "v": number()})
def every_state_has_a_direction_of_its_own(lib, jnp, key, n, v):
    """Of a sum, entry i is the sum of all directions times direction i."""
    states, x = [lib.State(jnp.array(v)) for _ in range(n)], jnp.array(v)
    got = lib.transform.fwd_grad(
        lambda x: x + sum(s.value for s in states), grad_states=states, argnums=0, key=key)(x)
    found = [float(g) for g in (*got[0], got[1])]
    assert len(set(found)) == n + 1, {"expected": f"{n + 1} different numbers", "got": found}


@drawn("DER-29", {"slope": one_of(("0.0", "3.0", "-3.0", "-0.25")), "x": number()})
def without_a_key_the_sign_is_right(lib, jnp, slope, x):
    got = lib.transform.fwd_grad(lambda x, c: c * x)(jnp.array(x), slope)
    assert jnp.sign(got) == jnp.sign(slope), {"expected": f"the sign of {slope}", "got": got}


@drawn("DER-35", {"seed": count(0, 99), "before": count(0, 2), "x": number()})
def without_a_key_the_stream_is_untouched_or_one_key_further(lib, jnp, seed, before, x):
    """The next draw after a call of a function that draws nothing."""
    def after(call):
        lib.random.seed(seed)
        for _ in range(before):
            lib.random.normal(size=())
        call()
        return float(lib.random.normal(size=()))
    seen = {after(lambda: None): "untouched", after(lib.random.split_key): "one key further"}
    now = after(lambda: lib.transform.fwd_grad(lambda x: x ** 2)(jnp.array(x)))
    return seen.get(now, f"the draw {now}")


@drawn("DER-36", {"seed": count(0, 99), "a": numbers(3).map("jnp.array({})".format)},
       {"no key": {"key": "None"}, "integer key": {"key": "3"}})
def a_direction_is_no_draw_of_the_function(lib, jnp, key, seed, a):
    s = lib.State(jnp.zeros(3))
    def f():
        return jnp.sum(a * s.value), lib.random.normal(size=(3,))

    lib.random.seed(seed)
    got, drawn = lib.transform.fwd_grad(f, grad_states=s, has_aux=True, key=key)()
    v = got / jnp.sqrt(jnp.sum(a * got))
    assert not jnp.allclose(jnp.abs(v), jnp.abs(drawn), 1e-4), {
        "expected": f"another direction than {drawn}", "got": v}


@drawn("DER-36", {"key": count(0, 99), "order": order(3)})
def the_age_of_states_makes_no_difference(lib, jnp, key, order):
    """The function treats three states alike, so what their places are given is the same."""
    states = [lib.State(jnp.zeros(2)) for _ in range(3)]
    def f():
        return sum(jnp.sum(state.value) for state in states)

    by_age, in_order = (
        jnp.concatenate(lib.transform.fwd_grad(f, grad_states=chosen, key=key)())
        for chosen in (states, [states[i] for i in order]))
    assert jnp.allclose(by_age, in_order), {"expected": by_age, "got": in_order}
