"""The forward gradient: one random tangent v, and the result (g . v) v.

Linear functions betray the tangent: where g is known, v is the result over sqrt(g . result), up
to a sign that (g . v) v does not see.  So every other result of the same key is known exactly.
"""

from __future__ import annotations

from ...judge.check import snippet

RANDOM_KEYS = {"integer key": {"key": "7"}, "JAX key": {"key": "jax.random.key(7)"},
        "raw key": {"key": "jax.random.PRNGKey(7)"}}


@snippet("DER-29", RANDOM_KEYS)
def the_result_is_the_slope_along_v_times_v(lib, jnp, jax, key):
    s, x = lib.State(jnp.array([1.0, 2.0])), jnp.array([0.5, -1.0, 3.0])
    def estimate(f):
        got = lib.transform.fwd_grad(f, grad_states=[s], argnums=0, key=key)(x)
        return jnp.concatenate([got[0][0], got[1]])

    line = estimate(lambda x: jnp.sum(s.value) + jnp.sum(x))
    v = line / jnp.sqrt(jnp.sum(line))
    ds, dx = jnp.cos(s.value) * jnp.prod(x), jnp.sum(jnp.sin(s.value)) * jnp.prod(x) / x
    g = jnp.concatenate([ds, dx])
    got, want = estimate(lambda x: jnp.sum(jnp.sin(s.value)) * jnp.prod(x)), jnp.dot(g, v) * v
    assert jnp.allclose(got, want), {"expected": f"(g.v)v = {want}", "got": got}


@snippet("DER-30")
def one_key_gives_one_result(lib, jnp):
    s = lib.State(jnp.array([1.0, 2.0, 3.0]))
    def f():
        return jnp.sum(s.value ** 2)

    one, again, other = (lib.transform.fwd_grad(f, grad_states=s, key=k)() for k in (3, 3, 4))
    assert jnp.array_equal(one, again), {"expected": one, "got": again}
    assert not jnp.allclose(one, other), {"expected": f"not {one}", "got": other}


@snippet("DER-31")
def tangents_are_standard_and_independent(lib, jnp, np):
    n, s, t = 4096, lib.State(jnp.zeros(4096)), lib.State(jnp.zeros(4096))
    def f(x): return s.value[0] + jnp.sum(t.value + x) * 0.0
    got = lib.transform.fwd_grad(f, grad_states=[s, t], argnums=0, key=1)(jnp.zeros(n))
    r = np.concatenate([got[0][0], got[0][1], got[1]])
    v = r / np.sqrt(r[0])
    mean, square = float(np.mean(v)), float(np.mean(v ** 2))
    # Six standard deviations of the means of n products of standard normal numbers.
    assert abs(square - 1.0) < 6 * np.sqrt(2 / v.size), {"expected": "variance 1", "got": square}
    assert abs(mean) < 6 / np.sqrt(v.size), {"expected": "mean 0", "got": mean}
    means = [np.mean(v[k:] * v[:-k]) * np.sqrt(v.size - k) for k in (1, n, 2 * n)]
    assert max(map(abs, means)) < 6, {"expected": "no correlation", "got": means}


@snippet("DER-29")
def without_a_key_the_sign_is_right(lib, jnp):
    for slope in (-3.0, 0.0, 3.0):
        got = lib.transform.fwd_grad(lambda x, c: c * x)(jnp.array(2.0), slope)
        assert jnp.sign(got) == jnp.sign(slope), {
            "at": f"slope {slope}", "expected": "its sign", "got": got}


@snippet("DER-35")
def without_a_key_the_stream_is_untouched_or_one_key_further(lib, jnp):
    """The next draw after a call of a function that draws nothing."""
    lib.random.seed(7)
    first = lib.random.normal(size=())
    lib.random.seed(7)
    lib.random.split_key()
    second = lib.random.normal(size=())
    lib.random.seed(7)
    lib.transform.fwd_grad(lambda x: x ** 2)(jnp.array(2.0))
    seen = {float(first): "untouched", float(second): "one key further"}
    now = float(lib.random.normal(size=()))
    return seen.get(now, f"the draw {now}")


@snippet("DER-36", {"no key": {"key": "None"}, "integer key": {"key": "3"}})
def a_direction_is_no_draw_of_the_function(lib, jnp, key):
    s, a = lib.State(jnp.zeros(3)), jnp.array([1.0, 2.0, 3.0])
    def f():
        return jnp.sum(a * s.value), lib.random.normal(size=(3,))

    lib.random.seed(3)
    got, drawn = lib.transform.fwd_grad(f, grad_states=s, has_aux=True, key=key)()
    v = got / jnp.sqrt(jnp.sum(a * got))
    assert not jnp.allclose(jnp.abs(v), jnp.abs(drawn), 1e-4), {
        "expected": f"another direction than {drawn}", "got": v}


@snippet("DER-36")
def the_age_of_states_makes_no_difference(lib, jnp):
    """The function treats both alike, so what their places are given is the same."""
    s, t = lib.State(jnp.zeros(2)), lib.State(jnp.zeros(2))
    def f():
        return jnp.sum(s.value) + jnp.sum(t.value)

    older_first, younger_first = (
        jnp.concatenate(lib.transform.fwd_grad(f, grad_states=both, key=3)())
        for both in ([s, t], [t, s]))
    assert jnp.allclose(older_first, younger_first), {
        "expected": older_first, "got": younger_first}
