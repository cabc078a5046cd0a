"""JAX's own transforms outside and inside of a state-aware one."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.axes import (
    DISTINCT,
    FIRST_ORDER,
    Members,
    by_order,
    representatives,
)
from ...language.sources import FEW_TERMS, array, count, number, one_of, waves

TWO_MODES = representatives("reverse", "forward")


VMAP = {"jax.vmap": "lambda g, xs: jax.vmap(g)(xs)"}
MAP = {"jax.lax.map": "lambda g, xs: jax.lax.map(g, xs)"}
STACKED = "lambda g, xs: jnp.stack([{}(x) for x in xs])"
AROUND = {
    "jax.jit": STACKED.format("jax.jit(g)"),
    **VMAP,
    **MAP,
    "jax.checkpoint": STACKED.format("jax.checkpoint(g)"),
    "jax.lax.scan": "lambda g, xs: jax.lax.scan(lambda c, v: (c, g(v)), 0.0, xs)[1]",
    "jax.lax.cond": STACKED.format("(lambda x: jax.lax.cond(x > 0.0, g, lambda v: g(v), x))"),
    "jax.grad": STACKED.format("jax.grad(g)"),
}
"""Ways to call a function at every entry of an array, under JAX's own transforms."""

IN_LANES = {**waves(FEW_TERMS), "v": number(), "xs": array((3,)),
         "j": st.just("int('jax.grad' in way)")}


def lanes(members: Members, texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """One point for every way to call a function and member, with how often both differentiate."""
    return members.bound({way: {"way": repr(way), "call": text} for way, text in texts.items()},
                         "{point}, {member}", order=by_order("1", "2"))


@drawn("CMP-07", IN_LANES, lanes(representatives("reverse"), AROUND) | lanes(DISTINCT, VMAP)
       | lanes(representatives("jacobian", "forward"), {"jax.grad": AROUND["jax.grad"]}))
def around_a_transform(lib, jnp, jax, T, way, call, order, terms, h, v, xs, j):
    """Three lanes or turns; `jax.grad` differentiates by the argument once more."""
    s = lib.State(jnp.array(v))
    got = call(T(lambda x: h(s.value, x), grad_states=s), xs)
    want = h(v, xs, order, j)
    assert jnp.shape(got) == (3,), {"expected": "shape (3,)", "got": jnp.shape(got)}
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    assert s.value == v, {"at": "s.value", "expected": v, "got": s.value}


@snippet("CMP-08", TWO_MODES.bound())
def within_the_function(lib, jnp, jax, T):
    """The state is read in `jax.grad`."""
    s, x = lib.State(jnp.array(0.5)), jnp.array(2.0)
    got = T(lambda x: jax.grad(lambda v: jnp.sin(s.value * v))(x), grad_states=s)(x)
    want = jnp.cos(1.0) - jnp.sin(1.0)
    assert jnp.allclose(got, want), {"expected": want, "got": got}


WRITES_AROUND = {
    "jax.jit": "jax.jit",
    "jax.vmap": "lambda g: lambda x: jax.vmap(g)(x[None])[0]",
    "jax.checkpoint": "jax.checkpoint",
    "jax.lax.map": "lambda g: lambda x: jax.lax.map(g, x[None])[0]",
}


@drawn("CMP-09", {"T": one_of(f"lib.transform.{m}" for m in FIRST_ORDER), **waves(),
                  "v": number(), "x": number(), "calls": count(1, 3)},
       {way: {"around": text} for way, text in WRITES_AROUND.items()})
def a_write_under_jax_is_honest(lib, jnp, jax, around, T, terms, h, v, x, calls):
    """After every call the state holds what so many calls that returned leave."""
    n, want, seen = lib.State(jnp.array(v)), v, "takes effect"
    def f(x):
        n.value = 0.5 * n.value + 1.0
        return h(0.0, x)
    for made in [around(T(f))] * calls:
        got = h(0.0, x, 0, 1)
        try:
            got, want = made(jnp.array(x)), 0.5 * want + 1.0
        except Exception:
            seen = "raises"
        left, right = [float(got), float(n.value)], [float(h(0.0, x, 0, 1)), want]
        assert jnp.allclose(jnp.array(left), jnp.array(right)), {"expected": right, "got": left}
    return seen


STEP = "(lambda c, v: (c + g(v), None))"
ONCE = {
    "jax.jit": "jax.jit",
    "jax.checkpoint": "jax.checkpoint",
    "jax.lax.scan": f"lambda g: (lambda b: lambda x: jax.lax.scan(b, 0.0, x[None])[0]){STEP}",
    "jax.lax.cond": "lambda g: lambda x: jax.lax.cond(x > 0.0, g, g, x)",
}
"""What JAX traces once, as it is one object at every call."""


AS_TRANSFORMS = {
    "jvp": "lambda f, **_: lambda x: lib.transform.jvp(f, (x,), (jnp.ones_like(x),))[1]",
    "vjp": "lambda f, **_: lambda x: lib.transform.vjp(f, x)[1](jnp.array(1.0))",
}
"""The products with the Jacobian, as transforms that differentiate by the argument."""


def once(members: Members) -> dict[str, dict[str, str]]:
    """One point for each of these ways and member, or product."""
    ways = {way: {"make": text} for way, text in ONCE.items()}
    return members.bound(ways, "{point}, {member}") | {
        f"{way}, {name}": {"T": text, **made}
        for way, made in ways.items() for name, text in AS_TRANSFORMS.items()
    }


@snippet("CMP-20", {
    point: {**given, "order": "0"} for point, given in once(representatives("reverse")).items()
} | DISTINCT.bound({"jax.jit, the state": {"make": "jax.jit"}}, order=by_order("1", "2")))
def traced_once_is_right_or_refused(lib, jnp, jax, T, make, order):
    """What is differentiated is the argument alone, or the state."""
    s, x, seen = lib.State(jnp.array(0.5)), jnp.array(2.0), "agrees"
    g = make(lambda x: jnp.sin(s.value * x))
    made = T(lambda x: g(x), **({"grad_states": s} if order else {}))
    for v in (0.5, -0.25):
        s.value = jnp.array(v)
        got = want = (v * jnp.cos(v * x), x * jnp.cos(v * x), -x * x * jnp.sin(v * x))[order]
        try:
            got = made(x)
        except Exception:
            seen = "raises"
        assert jnp.allclose(got, want), {"at": v, "expected": want, "got": got}
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


@snippet("CMP-22", once(TWO_MODES))
def a_plain_call_after_transforms(lib, jnp, jax, make, T):
    """Only transforms have called the function before, and they may have failed."""
    s, x = lib.State(jnp.array(0.5)), jnp.array(2.0)
    g = make(lambda x: jnp.sin(s.value * x))
    for v in (0.5, -0.25):
        s.value = jnp.array(v)
        try:
            T(lambda x: g(x), grad_states=s)(x)
        except Exception:
            pass
    got, want = g(x), jnp.sin(v * x)
    assert jnp.allclose(got, want), {"expected": want, "got": got}


SLOPES = {
    "a jvp": "lambda s: (lambda h: h.defjvp(lambda x, dx: (x[0], s.value * dx[0])) and h)"
             "(jax.custom_jvp(lambda x: x))",
    "a forward pass": "lambda s: (lambda h: h.defvjp(lambda x: (x, s.value), "
                      "lambda slope, ct: (slope * ct,)) or h)(jax.custom_vjp(lambda x: x))",
    "a backward pass": "lambda s: (lambda h: h.defvjp(lambda x: (x, None), "
                       "lambda _, ct: (s.value * ct,)) or h)(jax.custom_vjp(lambda x: x))",
}


@drawn("CMP-23", {"k": number(), "v": number(), **waves(), "x": number()},
       {part: {"make": text} for part, text in SLOPES.items()})
def a_rule_reads_what_the_function_wrote(lib, jnp, jax, make, k, v, terms, h, x):
    """The derivative is by its rule the value of a state, when the ruled function is called."""
    s, want = lib.State(jnp.array(v)), k * v * h(0.0, x, 0, 1)
    ruled = make(s)
    def f(x):
        s.value = k * s.value
        return h(0.0, ruled(x))
    try:
        seen, got = "agrees", lib.transform.grad(f)(jnp.array(x))
    except Exception:
        seen, got = "raises", want
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    return seen


@drawn("CMP-23", {**waves(FEW_TERMS), "v": number(), "x": number()},
       {f"{part}, selected{where}": {"make": text, "run": run} for where, run in {
           "": "lambda g: g",
           " in a loop": "lambda g: lambda x: lib.transform.for_loop(g, x[None])[0]",
       }.items() for part, text in SLOPES.items()})
def a_rule_reads_what_is_selected(lib, jnp, jax, make, run, terms, h, v, x):
    """The function itself reads the state, too."""
    s, want = lib.State(jnp.array(v)), (h(v, x, 1), v * h(v, x, 0, 1))
    ruled = run(make(s))
    def f(x): return h(s.value, ruled(x))
    try:
        seen, got = "agrees", lib.transform.grad(f, grad_states=s, argnums=0)(jnp.array(x))
    except Exception:
        seen, got = "raises", want
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
    return seen


IN_BODIES = {
    "plain": "lambda g: g",
    "in a loop": "lambda g: lambda x: lib.transform.for_loop(g, x[None])[0]",
    "in a branch": "lambda g: lambda x: lib.transform.cond(x < 100.0, g, lambda x: 0.0 * x, x)",
    "in a branch of JAX's": "lambda g: lambda x: jax.lax.cond(x < 100.0, g, lambda x: 0.0 * x, x)",
    "in a checkpoint": "lib.transform.checkpoint",
    "in a compiled function": "lib.transform.jit",
}
"""Where a function with a rule may be called."""


@drawn("CMP-23", {"whole": one_of(("lambda f: f", "lib.transform.jit")), "v": number(),
                  "x": number()}, {
    f"{part}, {where}, differentiated": {"make": text, "run": run}
    for part, text in SLOPES.items() for where, run in IN_BODIES.items()})
def what_a_rule_reads_is_differentiated(lib, jnp, jax, make, run, whole, v, x):
    """The derivative by the state of a derivative that is the state, by the rule."""
    s, want = lib.State(jnp.array(v)), 1.0
    ruled = run(make(s))
    def slope(): return lib.transform.grad(ruled)(jnp.array(x))
    try:
        seen, got = "agrees", whole(lib.transform.grad(slope, grad_states=s))()
    except Exception:
        seen, got = "raises", want
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    return seen


@drawn("CMP-23", {"whole": one_of(("lambda f: f", "lib.transform.jit")), "v": number(),
                  "x": number()}, {
    f"{part}, {where}, twice": {"make": text, "run": run}
    for part, text in SLOPES.items() for where, run in IN_BODIES.items()})
def second_derivatives_by_a_rule(lib, jnp, jax, make, run, whole, v, x):
    """Blocks by the state and the argument; the rule alone makes something of the state."""
    s, want = lib.State(jnp.array(v)), ((0.0, 0.0), (1.0, 0.0))
    ruled = run(make(s))
    def f(x): return ruled(x) + 0.0 * s.value
    try:
        hessian = lib.transform.hessian(f, grad_states=s, argnums=0)
        seen, got = "agrees", whole(hessian)(jnp.array(x))
    except Exception:
        seen, got = "raises", want
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
    return seen


@drawn("CMP-23", {"k": number(), "v": number(), "x": number()},
       {f"{part}, in a loop": {"make": text} for part, text in SLOPES.items()})
def a_rule_reads_what_a_body_wrote(lib, jnp, jax, make, k, v, x):
    """In every step it is the value that this step wrote."""
    s, want = lib.State(jnp.array(v)), k * v + k * k * v
    def f(x):
        def step(k):
            s.value = k * s.value
            return make(s)(x)
        return jnp.sum(lib.transform.for_loop(step, jnp.array([k, k])))
    try:
        seen, got = "agrees", lib.transform.grad(f)(jnp.array(x))
    except Exception:
        seen, got = "raises", want
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    return seen


@drawn("CMP-23", {"v": number(), "new": number()},
       {f"{part}, pulled later": {"make": text} for part, text in SLOPES.items()})
def a_rule_is_pulled_after_a_write(lib, jnp, jax, make, v, new):
    """The state is written between the call of vjp and that of the pullback."""
    s = lib.State(jnp.array(v))
    pull = lib.transform.vjp(make(s), jnp.array(1.0))[1]
    s.value = jnp.array(new)
    try:
        seen, got = "agrees", pull(jnp.array(1.0))
    except Exception:
        seen, got = "raises", v
    assert jnp.allclose(got, v), {"expected": v, "got": got}
    return seen


ELSEWHERE = {
    "in a compiled function": (
        "lambda g, s, x: (lambda pull, new: (pull(1.0), setattr(s, 'value', new), pull(1.0))[2])"
        "(lib.transform.jit(lib.transform.vjp(g, x)[1]), -s.value)", "6.0"),
    "in a transform that selects the state": (
        "lambda g, s, x: (lambda pull: lib.transform.grad(lambda ct: pull(ct) * jnp.sum(s.value), "
        "grad_states=s)(1.0))(lib.transform.vjp(g, x)[1])", "6.0 * jnp.ones(3)"),
    "in lanes of the state": (
        "lambda g, s, x: lib.transform.vmap(lib.transform.vjp(g, x)[1], in_states=s)(jnp.ones(3))",
        "6.0 * jnp.ones(3)"),
    "outside of the lanes it is from": (
        "lambda g, s, x: jax.vmap(lambda pull, ct: pull(ct))(lib.transform.vmap("
        "lambda c: lib.transform.vjp(g, c * x)[1], in_states=s)(jnp.ones(3)), jnp.ones(3))",
        "jnp.array([1.0, 2.0, 3.0])"),
    **{f"when its lanes are over{how}": (
        "lambda g, s, x: lib.transform.grad(lambda x: jnp.sum(lib.transform.vmap("
        f"lambda c: g(c * x), in_states={given})(jnp.ones(3))))(x)", "6.0")
       for how, given in {"": "s", ", by a filter": "lambda _, state: state is s"}.items()},
}
"""Pulls of a rule that sums a state, and how much of it they saw where the function was called."""


@drawn("CMP-23", {"v": number(), "x": number()}, {
    f"a backward pass, pulled {where}": {"pulled": text, "share": share}
    for where, (text, share) in ELSEWHERE.items()})
def a_rule_is_pulled_elsewhere(lib, jnp, jax, pulled, share, v, x):
    """Where the state has another value than where the function was called, as a slice."""
    want = v * share
    s, ruled = lib.State(v * jnp.array([1.0, 2.0, 3.0])), jax.custom_vjp(lambda x: x)
    ruled.defvjp(lambda x: (x, None), lambda _, ct: (jnp.sum(s.value) * ct,))
    try:
        seen, got = "agrees", pulled(ruled, s, jnp.array(x))
    except Exception:
        seen, got = "raises", want
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    return seen
