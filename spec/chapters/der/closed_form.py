"""Values in closed form: kinds of values, many states, and where a derivative must flow."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.axes import DISTINCT, EVERY, EXACT, by_order, representatives
from ...language.sources import OTHER_NODES, array, count, number, numbers, one_of, some_of, written
from ...language.transforms import FAMILY, Member

DTYPES = ("float64", "float32")
STATE_CLASSES = ("State", "ParamState")


@drawn("DER-12", {"start": array((2,)), "dtypes": some_of(DTYPES, 3, 3), "words": one_of((
    "lambda s: {'argnums': 0}", "lambda s: {'grad_states': s}",
    "lambda s: {'grad_states': [s], 'argnums': (0,)}"))})
def jacobian_is_jacrev(lib, jnp, start, dtypes, words):
    """Of a state, an argument and an output of one dtype or of several."""
    s, x = lib.State(start.astype(dtypes[0])), start.astype(dtypes[1])
    def f(x): return (x * x * s.value).astype(dtypes[2])
    got, want = (J(f, **words(s))(x) for J in (lib.transform.jacobian, lib.transform.jacrev))
    assert repr(got) == repr(want), {"expected": want, "got": got}


@drawn("DER-12", {"dtypes": some_of(DTYPES, 2, 2)})
def jacobian_of_several_outputs_is_jacrev(lib, jnp, dtypes):
    """A dict of two outputs; the argument is of single precision."""
    def f(x): return {"a": jnp.sin(x).astype(dtypes[0]), "b": (x ** 2).astype(dtypes[1])}
    x = jnp.array([1.0, 2.0], jnp.float32)
    got, want = lib.transform.jacobian(f)(x), lib.transform.jacrev(f)(x)
    assert repr(got) == repr(want), {"expected": want, "got": got}


def as_jax(member: Member) -> str:
    """The function of JAX that gives what a member gives of a function of one output."""
    return f"jax.{member.name.removeprefix('vector_')}"


AS_JAX = DISTINCT.bound(OTHER_NODES, "{point}, {member}", J=as_jax)
OF_NODES = {"p": array((), (2,)), "q": array((), (2,)), "k": number()}


@drawn("ARG-07", OF_NODES | {"call": st.just("lambda T, f, s: T(f)(s.value)")}, AS_JAX)
@drawn("DER-04", OF_NODES | {"call": st.just(
    "lambda T, f, s: T(lambda: f(s.value), grad_states=s)()")}, AS_JAX)
def derivatives_by_nodes_are_those_of_jax(lib, jnp, jax, T, J, make, call, p, q, k):
    """Of a container with two parts, the second of which is a list."""
    s = lib.State(make(jnp.array(p), [jnp.array(q)]))
    def f(v):
        parts = enumerate(jax.tree.leaves(v), 1)
        return jnp.sin(sum(k * i * jnp.sum(part ** 2) for i, part in parts))
    got, want = call(T, f, s), J(f)(s.value)
    kinds = [jax.tree.structure(one) for one in (got, want)]
    assert kinds[0] == kinds[1], {"expected": kinds[1], "got": kinds[0]}
    assert all(map(jnp.allclose, *map(jax.tree.leaves, (got, want)))), {
        "expected": want, "got": got}


TWICE = {"two arguments": {"call": "lambda T, f, x: T(f, argnums=(0, 1))(x, x)"},
         "two leaves": {"call": "lambda T, f, x: T(lambda pair: f(*pair))([x, x])"}}


@drawn("ARG-07", {"v": number(), "k": number()},
       DISTINCT.bound(TWICE, "one array as {point}, {member}", J=as_jax))
def one_array_in_two_places_has_two_gradients(lib, jnp, jax, T, J, call, v, k):
    """Each is the derivative in its own place."""
    def f(a, b): return jnp.sin(k * a * a * b)
    got, want = (call(one, f, jnp.array(v)) for one in (T, J))
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@drawn("DER-09", {"x": array((3,), (2, 2)), "k": number(), "seed": count(0, 9)},
       DISTINCT.bound(id="{member} of many entries", J=as_jax))
def draws_are_the_same_for_every_entry(lib, jnp, jax, T, J, x, k, seed):
    """Every entry of an argument is multiplied by a number that is drawn."""
    lib.random.seed(seed)
    noise = lib.random.normal(size=x.shape)
    lib.random.seed(seed)
    got = T(lambda x: jnp.sum(jnp.sin(k * lib.random.normal(size=x.shape) * x)))(x)
    want = J(lambda x: jnp.sum(jnp.sin(k * noise * x)))(x)
    assert jnp.allclose(got, want), {"expected": want, "got": got}


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


DTYPES_OF_LEAVES = written(st.lists(
    st.sampled_from(("float32", "int32", "bool")), min_size=1, max_size=3).flatmap(
        lambda names: st.permutations([*names, "float64"])))
"""Dtypes of several leaves, counts and flags before floats and behind them."""


@drawn("DER-07", {"dtypes": DTYPES_OF_LEAVES, "v": number(), "x": number()})
def leaves_of_all_dtypes_are_summed(lib, jnp, dtypes, v, x):
    """By a state and by an argument; leaves that are no floats may be refused, as by `jax.grad`."""
    s, x = lib.State(jnp.array(v)), jnp.array(x)
    def f(x): return [(i * jnp.sin(s.value * x)).astype(d) for i, d in enumerate(dtypes, 1)]
    k = sum(i for i, d in enumerate(dtypes, 1) if d.startswith("float")) * jnp.cos(v * x)
    got, want = None, jnp.array([k * x, k * v])
    try:
        got = jnp.array(lib.transform.vector_grad(f, grad_states=s, argnums=0)(x))
    except TypeError:
        assert not all(d.startswith("float") for d in dtypes), {"expected": want, "got": "an error"}
    assert got is None or jnp.allclose(got, want), {"expected": want, "got": got}


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


@drawn("DER-16", {"v": number(), "others": numbers(3), "kinds": some_of(STATE_CLASSES, 3, 3)},
       EXACT.bound(want=by_order("lambda v, c: 2.0 * v * c", "lambda v, c: 2.0 * c")))
def unselected_states_are_constants(lib, jnp, T, want, v, others, kinds):
    """Three other states, of any class, that are read before and after the selected one."""
    s = lib.State(jnp.array(v))
    a, b, c = (getattr(lib, kind)(jnp.array(o)) for kind, o in zip(kinds, others, strict=True))
    got = T(lambda x: a.value * s.value ** 2 * b.value + c.value * x, grad_states=s)(jnp.array(5.0))
    right = want(v, others[0] * others[1])
    assert jnp.shape(got) == () and jnp.allclose(got, right), {"expected": right, "got": got}


@snippet("WRB-07", EXACT.bound(want=by_order("27.0", "18.0")))
def derivative_flows_through_a_written_state(lib, jnp, T, want):
    s, t = lib.State(jnp.array(3.0)), lib.State(jnp.array(-1.0))
    def f():
        t.value = s.value ** 2 / 2
        t.value = t.value * s.value
        return 2.0 * t.value

    got = T(f, grad_states=s)()
    assert jnp.allclose(got, want), {"expected": want, "got": got}


FACTORS = written(st.lists(st.tuples(*2 * [st.sampled_from(range(4))]), min_size=1, max_size=4))
"""Products of two factors each: of s, x, and both of them stopped."""


@drawn("DER-18", {"terms": FACTORS, "values": numbers(2)}, EXACT.bound(
    want=by_order("lambda i, v, u, w: v[u] * (w == i) + v[w] * (u == i)",
                  "lambda i, v, u, w: 2.0 * (u == i) * (w == i)")))
def stop_gradient_stops(lib, jnp, jax, T, want, terms, values):
    s, x, stop = lib.State(jnp.array(values[0])), jnp.array(values[1]), jax.lax.stop_gradient
    def f(x):
        factors = s.value, x, stop(s.value), stop(x)
        return sum(factors[u] * factors[w] for u, w in terms) + 0.0 * s.value * x

    got = T(f, grad_states=s)(x), T(f)(x)
    v = [*values, *values]
    right = [sum(want(i, v, u, w) for u, w in terms) for i in (0, 1)]
    assert jnp.allclose(jnp.array(got), jnp.array(right)), {"expected": right, "got": got}


LINEAR = {"a": number(), "b": number(), "c": number(), "v": number()}


@drawn("DER-19", LINEAR, EXACT.bound(
    want=by_order("lambda a, b, c, v: a * b * c * b * v", "lambda a, b, c, v: a * b * c * b")))
def custom_jvp_is_the_derivative(lib, jnp, jax, T, want, a, b, c, v):
    """The rule of a function that returns what it gets says c times that; factors around it."""
    @jax.custom_jvp
    def f(v):
        return v

    f.defjvp(lambda primals, tangents: (primals[0], c * primals[0] * tangents[0]))
    s, right = lib.State(jnp.array(v)), want(a, b, c, v)
    got = T(lambda: a * f(b * s.value), grad_states=s)()
    assert jnp.allclose(got, right), {"expected": right, "got": got}


@drawn("DER-19", LINEAR, EVERY.where(mode="reverse").bound())
def custom_vjp_is_the_derivative(lib, jnp, jax, T, a, b, c, v):
    """The same of a rule for reverse mode."""
    @jax.custom_vjp
    def f(v):
        return v

    f.defvjp(lambda v: (v, v), lambda v, ct: (c * v * ct,))
    s, right = lib.State(jnp.array(v)), a * b * c * b * v
    got = T(lambda: a * f(b * s.value), grad_states=s)()
    assert jnp.allclose(got, right), {"expected": right, "got": got}


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


@st.composite
def kinks(draw, kink):
    """A function with a kink, stretched and moved so that a drawn point is at the kink."""
    op, at = KINKS[kink]
    member = FAMILY[draw(st.sampled_from(DISTINCT))]
    a, b, point = (draw(number()) for _ in range(3))
    return {"T": f"lib.transform.{member.name}", "J": like_jax(member),
            "point": f"jnp.array({point})",
            "op": f"lambda v: {a} * ({op})({b} * (v - {point}) + {at})"}


@drawn("DER-20", kinks, {kink: kink for kink in KINKS}, wide=5)
def at_a_kink_the_derivative_is_jaxs(lib, jnp, jax, op, point, T, J):
    s, want = lib.State(point), J(op)(point)
    got = T(lambda: op(s.value), grad_states=s)()
    assert jnp.array_equal(got, want, equal_nan=True), {
        "at": "by state", "expected": want, "got": got}
    got = T(op)(point)
    assert jnp.array_equal(got, want, equal_nan=True), {
        "at": "by argument", "expected": want, "got": got}
