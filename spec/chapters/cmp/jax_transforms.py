"""JAX's own transforms outside and inside of a state-aware one."""

from __future__ import annotations

from ...judge.check import snippet
from ...language.axes import DISTINCT, REPRESENTATIVES, Members, representatives


def ways(members: Members, name: str, texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """One point for every source text and member."""
    return members.bound({way: {name: text} for way, text in texts.items()}, "{point}, {member}")


VMAP = {"jax.vmap": "lambda g: lambda x: jax.vmap(g)(x[None])[0]"}
AROUND = {
    "jax.jit": "jax.jit",
    **VMAP,
    "jax.checkpoint": "jax.checkpoint",
    "jax.lax.scan": "lambda g: lambda x: jax.lax.scan(lambda c, v: (c, g(v)), 0.0, x[None])[1][0]",
    "jax.lax.cond": "lambda g: lambda x: jax.lax.cond(True, g, lambda v: 0.0 * g(v), x)",
    "jax.lax.map": "lambda g: lambda x: jax.lax.map(g, x[None])[0]",
}
WITHIN = {
    "jax.jit": "lambda g, x: jax.jit(g)(x)",
    "jax.vmap": "lambda g, x: jnp.sum(jax.vmap(g)(jnp.stack([x, x]))) / 2.0",
    "jax.checkpoint": "lambda g, x: jax.checkpoint(g)(x)",
    "jax.lax.scan": "lambda g, x: jax.lax.scan(lambda c, v: (c + g(v), None), 0.0, x[None])[0]",
    "jax.lax.cond": "lambda g, x: jax.lax.cond(jnp.sum(x) > 0.0, g, lambda v: 0.0, x)",
    "jax.lax.fori_loop": "lambda g, x: jax.lax.fori_loop(0, 1, lambda i, c: c + g(x), 0.0)",
}


@snippet("CMP-07", ways(representatives("reverse"), "around", AROUND)
         | ways(DISTINCT, "around", VMAP))
def around_a_transform(lib, jnp, jax, T, around):
    s, x = lib.State(jnp.array([1.0, 2.0])), jnp.array([0.5, 3.0])
    made = T(lambda x: jnp.sum(jnp.sin(s.value * x)), grad_states=s)
    got, want = around(made)(x), made(x)
    assert jnp.shape(got) == jnp.shape(want), {
        "expected": f"shape {want.shape}", "got": jnp.shape(got)}
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("CMP-07", representatives("reverse", "jacobian", "forward").bound())
def jax_differentiates_a_transform(lib, jnp, jax, T):
    s = lib.State(jnp.array(2.0))
    got = jax.grad(T(lambda x: s.value ** 2 * x ** 3, grad_states=s))(jnp.array(3.0))
    assert jnp.allclose(got, 108.0), {"expected": 108.0, "got": got}
    assert s.value == 2.0, {"at": "s.value", "expected": 2.0, "got": s.value}


@snippet("CMP-08", ways(REPRESENTATIVES, "within", WITHIN))
def within_the_function(lib, jnp, jax, T, within):
    s, x = lib.State(jnp.array([1.0, 2.0])), jnp.array([0.5, 3.0])
    def g(x):
        return jnp.sum(jnp.sin(s.value * x))

    got, want = T(lambda x: within(g, x), grad_states=s)(x), T(g, grad_states=s)(x)
    assert jnp.allclose(got, want), {"expected": want, "got": got}


WRITES_AROUND = {
    "jax.jit": "jax.jit",
    **VMAP,
    "jax.checkpoint": "jax.checkpoint",
    "jax.lax.map": "lambda g: lambda x: jax.lax.map(g, x[None])[0]",
}


@snippet("CMP-09", {way: {"around": text} for way, text in WRITES_AROUND.items()})
def a_write_under_jax_is_honest(lib, jnp, jax, around):
    n, calls, seen = lib.State(jnp.array(0.0)), 0, "takes effect"
    def f(x):
        n.value = n.value + 1.0
        return x ** 2
    for made in [around(lib.transform.grad(f))] * 2:
        try:
            calls += bool(made(jnp.array(3.0)) == 6.0)
        except Exception:
            seen = "raises"
    assert float(n.value) == calls, {"at": "n.value", "expected": calls, "got": n.value}
    return seen


STEP = "(lambda c, v: (c + g(v), None))"
ONCE = {
    "jax.jit": "jax.jit",
    "jax.checkpoint": "jax.checkpoint",
    "jax.lax.scan": f"lambda g: (lambda b: lambda x: jax.lax.scan(b, 0.0, x[None])[0]){STEP}",
    "jax.lax.cond": "lambda g: lambda x: jax.lax.cond(x > 0.0, g, g, x)",
}
"""What JAX traces once, as it is one object at every call."""


def once(members: Members) -> dict[str, dict[str, str]]:
    """One point for each of these ways and member."""
    return ways(members, "make", ONCE)


@snippet("CMP-20", DISTINCT.bound())
def compiled_once_is_right_or_refused(lib, jnp, jax, T):
    s, x, seen = lib.State(jnp.array(0.5)), jnp.array(2.0), "agrees"
    g = jax.jit(lambda x: jnp.sin(s.value * x))
    made, want = (T(f, grad_states=s) for f in (lambda x: g(x), lambda x: jnp.sin(s.value * x)))
    for value in (0.5, 0.25, 0.75):
        s.value = jnp.array(value)
        try:
            got = made(x)
        except Exception:
            got, seen = want(x), "raises"
        assert jnp.allclose(got, want(x)), {"at": value, "expected": want(x), "got": got}
    return seen


@snippet("CMP-20", once(representatives("reverse")))
def traced_once_is_right_or_refused(lib, jnp, jax, T, make):
    """What is differentiated is the argument alone."""
    s, x, seen = lib.State(jnp.array(0.5)), jnp.array(2.0), "agrees"
    h = make(lambda x: jnp.sin(s.value * x))
    for s.value in jnp.array([0.5, 0.25, 0.75]):
        got = want = T(lambda x: jnp.sin(s.value * x))(x)
        try:
            got = T(lambda x: h(x))(x)
        except Exception:
            seen = "raises"
        assert jnp.allclose(got, want), {"at": s.value, "expected": want, "got": got}
    return seen


@snippet("CMP-20")
def traced_once_in_a_net_is_right_or_refused(lib, jnp, jax):
    """The function goes on from whatever its call raises, and so must not hide it."""
    s, x, seen = lib.State(jnp.array(0.5)), jnp.array(2.0), "agrees"
    h = jax.jit(lambda x: s.value * x)
    def f(x):
        try:
            return h(x)
        except BaseException:
            return 0.0 * x
    for s.value in jnp.array([0.5, 0.25, 0.75]):
        got = want = s.value
        try:
            got = lib.transform.grad(f)(x)
        except Exception:
            seen = "raises"
        assert jnp.allclose(got, want), {"at": s.value, "expected": want, "got": got}
    return seen


@snippet("CMP-20")
def traced_once_in_a_pull_is_right_or_refused(lib, jnp, jax):
    """The rule of a custom derivative calls it, which runs when the cotangent is there."""
    s, x, seen = lib.State(jnp.array(0.5)), jnp.array(2.0), "agrees"
    h, f = jax.jit(lambda ct: s.value * ct), jax.custom_vjp(lambda x: x)
    f.defvjp(lambda x: (x, None), lambda _, ct: (h(ct),))
    for s.value in jnp.array([0.5, 0.25, 0.75]):
        got = want = s.value
        try:
            got = lib.transform.vjp(lambda x: f(x), x)[1](jnp.array(1.0))
        except Exception:
            seen = "raises"
        assert jnp.allclose(got, want), {"at": s.value, "expected": want, "got": got}
    return seen


@snippet("CMP-22", once(representatives("reverse", "forward")))
def a_plain_call_after_transforms(lib, jnp, jax, T, make):
    """Only transforms have called the function before, and they may have failed."""
    s, x = lib.State(jnp.array(0.5)), jnp.array(2.0)
    h = make(lambda x: jnp.sin(s.value * x))
    for value in (0.5, 0.25):
        s.value = jnp.array(value)
        try:
            T(lambda x: h(x), grad_states=s)(x)
        except Exception:
            pass
    got = h(x)
    assert jnp.allclose(got, jnp.sin(0.5)), {"expected": jnp.sin(0.5), "got": got}


SLOPES = {
    "a jvp": "lambda s: (lambda h: h.defjvp(lambda x, dx: (x[0], s.value * dx[0])) and h)"
             "(jax.custom_jvp(lambda x: x))",
    "a forward pass": "lambda s: (lambda h: h.defvjp(lambda x: (x, s.value), "
                      "lambda slope, ct: (slope * ct,)) or h)(jax.custom_vjp(lambda x: x))",
    "a backward pass": "lambda s: (lambda h: h.defvjp(lambda x: (x, None), "
                       "lambda _, ct: (s.value * ct,)) or h)(jax.custom_vjp(lambda x: x))",
}


@snippet("CMP-23", {part: {"make": text} for part, text in SLOPES.items()})
def a_rule_reads_what_the_function_wrote(lib, jnp, jax, make):
    """The derivative is by its rule the value of a state, when the ruled function is called."""
    s = lib.State(jnp.array(2.0))
    h = make(s)
    def f(x):
        s.value = s.value * 5.0
        return h(x)
    try:
        seen, got = "agrees", lib.transform.grad(f)(jnp.array(1.0))
    except Exception:
        seen, got = "raises", 10.0
    assert jnp.allclose(got, 10.0), {"expected": 10.0, "got": got}
    return seen
