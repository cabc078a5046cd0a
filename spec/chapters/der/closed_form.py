"""Values in closed form: kinds of values, many states, and where a derivative must flow."""

from __future__ import annotations

from ...judge.check import snippet
from ...language.axes import DISTINCT, EVERY, EXACT, by_order, representatives
from ...language.transforms import Member


@snippet("DER-12")
def jacobian_is_jacrev(lib, jnp):
    def f(x):
        return {"a": jnp.sin(x), "b": (x ** 2).astype(jnp.float64)}

    x = jnp.array([1.0, 2.0], jnp.float32)
    got, want = lib.transform.jacobian(f)(x), lib.transform.jacrev(f)(x)
    assert list(got) == list(want), {"expected": f"keys {list(want)}", "got": list(got)}
    for key in want:
        assert jnp.array_equal(got[key], want[key]), {
            "at": key, "expected": want[key], "got": got[key]}
        assert got[key].dtype == want[key].dtype, {
            "at": key, "expected": want[key].dtype, "got": got[key].dtype}


@snippet("DER-13")
def hessian_block_of_row_and_column(lib, jnp):
    s, A = lib.State(jnp.array([1.0, 2.0])), jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    x = jnp.array([1.0, 0.0, -1.0])
    got = lib.transform.hessian(lambda x: s.value @ A @ x, grad_states=[s], argnums=(0,))(x)
    (sv, sa), (xv, xa) = got[0][0], got[1][0]
    blocks = {"state, state": (sv[0], jnp.zeros((2, 2))), "state, argument": (sa[0], A),
              "argument, state": (xv[0], A.T), "argument, argument": (xa[0], jnp.zeros((3, 3)))}
    for place, (block, want) in blocks.items():
        assert jnp.shape(block) == want.shape and jnp.allclose(block, want), {
            "at": place, "expected": want, "got": block}


@snippet("DER-13")
def hessian_block_between_two_states(lib, jnp):
    a, b = lib.State(jnp.array([1.0, 2.0])), lib.State(jnp.array([1.0, 0.0, -1.0]))
    A = jnp.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    got = lib.transform.hessian(lambda: a.value @ A @ b.value, grad_states={"a": a, "b": b})()
    for row, column, want in (("a", "b", A), ("b", "a", A.T)):
        block = got[row][column]
        assert jnp.shape(block) == want.shape and jnp.allclose(block, want), {
            "at": (row, column), "expected": want, "got": block}


READS = {
    "read three times": {"read": "lambda w: w.value * w.value + 2.0 * w.value"},
    "read once, used twice": {"read": "lambda w: (lambda v: v * v + 2.0 * v)(w.value)"},
    "from a helper": {"read": "lambda w: (lambda g: g() * g() + 2.0 * g())(lambda: w.value)"},
}


FIRST_DERIVATIVES = representatives("reverse", "forward", "jacobian")


@snippet("DER-02", FIRST_DERIVATIVES.bound(READS, "{member} {point}"))
def every_read_counts(lib, jnp, T, read):
    w = lib.State(jnp.array(3.0))
    got = T(lambda: read(w), grad_states=w)()
    assert jnp.allclose(got, 8.0), {"expected": 8.0, "got": got}


@snippet("DER-02", FIRST_DERIVATIVES.bound())
def a_state_shared_by_two_modules_counts_in_both(lib, jnp, T):
    one, two, w = lib.nn.Module(), lib.nn.Module(), lib.ParamState(jnp.array(3.0))
    one.w, two.w = w, w
    got = T(lambda: one.w.value * two.w.value + 2.0 * two.w.value, grad_states=[w])()
    assert jnp.allclose(got[0], 8.0), {"expected": 8.0, "got": got[0]}


@snippet("DER-16", EXACT.bound(want=by_order("20.0", "0.0")))
def an_unselected_state_is_a_constant(lib, jnp, T, want):
    s, c = lib.State(jnp.array(2.0)), lib.State(jnp.array(20.0))
    got = T(lambda x: s.value * c.value + x ** 3, grad_states=s)(jnp.array(5.0))
    assert jnp.shape(got) == () and jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("WRB-07", EXACT.bound(want=by_order("27.0", "18.0")))
def derivative_flows_through_a_written_state(lib, jnp, T, want):
    s, t = lib.State(jnp.array(3.0)), lib.State(jnp.array(-1.0))
    def f():
        t.value = s.value ** 2 / 2
        t.value = t.value * s.value
        return 2.0 * t.value

    got = T(f, grad_states=s)()
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("DER-18", EXACT.bound())
def stop_gradient_stops(lib, jnp, jax, T):
    s, x, stop = lib.State(jnp.array(3.0)), jnp.array(5.0), jax.lax.stop_gradient
    def f(x):
        return s.value * stop(x) + x * stop(s.value)

    got = T(f, grad_states=s)(x), T(f)(x)
    want = (0.0, 0.0) if T is lib.transform.hessian else (5.0, 3.0)
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@snippet("DER-19", EXACT.bound())
def custom_jvp_is_the_derivative(lib, jnp, jax, T):
    @jax.custom_jvp
    def f(v):
        return v

    f.defjvp(lambda primals, tangents: (primals[0], 7.0 * primals[0] * tangents[0]))
    s = lib.State(jnp.array(2.0))
    want = 7.0 if T is lib.transform.hessian else 14.0
    got = T(lambda: f(s.value), grad_states=s)()
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("DER-19", EVERY.where(mode="reverse").bound())
def custom_vjp_is_the_derivative(lib, jnp, jax, T):
    @jax.custom_vjp
    def f(v):
        return v

    f.defvjp(lambda v: (v, v), lambda v, ct: (7.0 * v * ct,))
    s = lib.State(jnp.array(2.0))
    got = T(lambda: f(s.value), grad_states=s)()
    assert jnp.allclose(got, 14.0), {"expected": 14.0, "got": got}


KINKS = {
    "relu at 0": ("jax.nn.relu", "0.0"),
    "relu6 at 6": ("jax.nn.relu6", "6.0"),
    "abs at 0": ("jnp.abs", "0.0"),
    "sign at 0": ("jnp.sign", "0.0"),
    "maximum at a tie": ("lambda v: jnp.maximum(v, 0.0)", "0.0"),
    "max of a tie": ("lambda v: jnp.max(jnp.stack([v, 2.0 * v - 1.0]))", "1.0"),
    "clip at its bound": ("lambda v: jnp.clip(v, -1.0, 1.0)", "1.0"),
    "where at its bound": ("lambda v: jnp.where(v > 0.0, v ** 2, 3.0 * v)", "0.0"),
    "sqrt at 0": ("jnp.sqrt", "0.0"),
    "norm of 0": ("lambda v: jnp.linalg.norm(jnp.stack([v, v]))", "0.0"),
    "floor at an integer": ("jnp.floor", "1.0"),
}




def like_jax(member: Member) -> str:
    """What JAX has for a member at a scalar output, where the gradient of the sum is plain."""
    return "jax.grad" if member.layout == "gradient" else f"jax.{member.name}"


@snippet("DER-20", DISTINCT.bound(
    {kink: {"op": op, "point": f"jnp.array({at})"} for kink, (op, at) in KINKS.items()},
    "{point}, {member}", J=like_jax))
def at_a_kink_the_derivative_is_jaxs(lib, jnp, jax, op, point, T, J):
    s, want = lib.State(point), J(op)(point)
    got = T(lambda: op(s.value), grad_states=s)()
    assert jnp.array_equal(got, want, equal_nan=True), {
        "at": "by state", "expected": want, "got": got}
    got = T(op)(point)
    assert jnp.array_equal(got, want, equal_nan=True), {
        "at": "by argument", "expected": want, "got": got}
