"""Kinds of numbers: complex ones, integers under ``allow_int``, and dtypes side by side."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.axes import DISTINCT, EVERY, by_order
from ...language.sources import complex_number, number

HOLOMORPHIC = EVERY.where(holomorphic=True)
ALLOW_INT = EVERY.where(allow_int=True, layout="gradient").bound()


@drawn("DER-21", {"c": number(), "v": complex_number(), "w": complex_number()},
       HOLOMORPHIC.bound(order=by_order("1", "2")))
def holomorphic_derivative_of_a_state(lib, jnp, T, order, c, v, w):
    s, z = lib.State(jnp.array(v)), jnp.array(w)
    want = c ** order * jnp.exp(c * s.value) * z
    got = T(lambda z: jnp.exp(c * s.value) * z, grad_states=s, holomorphic=True)(z)
    assert jnp.allclose(got, want), {"at": "state", "expected": want, "got": got}
    got = T(lambda z: jnp.exp(c * z) * s.value, holomorphic=True)(z)
    want = c ** order * jnp.exp(c * z) * s.value
    assert jnp.allclose(got, want), {"at": "argument", "expected": want, "got": got}


@snippet("DER-21", HOLOMORPHIC.where(alias="", outputs="any").bound(
    order=by_order("1", "2")))
def holomorphic_goes_with_aux_and_value(lib, jnp, T, order):
    s = lib.State(jnp.array([0.5 + 0.25j, 1.0 - 1.0j]))
    def f():
        return (jnp.sum(jnp.exp(s.value)), s.value)

    got = T(f, grad_states=s, holomorphic=True, has_aux=True, return_value=True)()
    want = jnp.exp(s.value) if order == 1 else jnp.diag(jnp.exp(s.value))
    assert jnp.allclose(got[0], want), {"expected": want, "got": got[0]}
    assert jnp.allclose(got[1], f()[0]), {"at": "value", "expected": f()[0], "got": got[1]}
    assert jnp.allclose(got[2], s.value), {"at": "aux", "expected": s.value, "got": got[2]}


@drawn("DER-22", {"a": number(), "b": number(), "c": number(), "x": number(), "y": number()},
       DISTINCT.where(mode="reverse", allow_int=True).bound())
def real_function_of_a_complex_state(lib, jnp, T, a, b, c, x, y):
    """A polynomial in the real and the imaginary part."""
    s = lib.State(jnp.array(complex(x, y)))
    def f():
        re, im = jnp.real(s.value), jnp.imag(s.value)
        return a * re ** 2 + b * im ** 3 + c * re * im

    got, want = T(f, grad_states=s)(), 2 * a * x + c * y - 1j * (3 * b * y ** 2 + c * x)
    assert jnp.allclose(got, want), {"expected": f"df/dx - i df/dy = {want}", "got": got}


@drawn("DER-25", {"c": number(), "v": complex_number(), "w": complex_number(),
                  "k": complex_number()})
def pullback_of_a_holomorphic_function(lib, jnp, c, v, w, k):
    """By a state and an argument; nothing is conjugated."""
    s, z, ct = lib.State(jnp.array([v, w])), jnp.array([w, 1.0]), jnp.array([k, 1.0])
    _, pull = lib.transform.vjp(
        lambda z: jnp.exp(c * s.value) * z ** 2, z, grad_states=[s], argnums=0)
    (by_state,), by_argument = pull(ct)
    right = jnp.exp(c * s.value)
    for at, got, want in (("state", by_state, ct * c * right * z ** 2),
                          ("argument", by_argument, ct * 2.0 * right * z)):
        assert jnp.allclose(got, want), {"at": at, "expected": want, "got": got}


@drawn("DER-25", {"c": complex_number(), "x": number(), "y": number(), "k": complex_number()})
def pullback_between_real_and_complex(lib, jnp, c, x, y, k):
    """The cotangent of a real number is real; that of a complex one is df/dx - i df/dy."""
    def widened(x): return c * x ** 2
    def product(z): return jnp.real(z) * jnp.imag(z) ** 2
    _, pull = lib.transform.vjp(widened, jnp.array(x), argnums=0)
    got, want = pull(jnp.array(k)), jnp.real(2.0 * k * c * x)
    assert jnp.allclose(got, want) and not jnp.iscomplexobj(got), {"expected": want, "got": got}
    _, pull = lib.transform.vjp(product, jnp.array(complex(x, y)), argnums=0)
    got, want = pull(jnp.array(y)), y * (y ** 2 - 2j * x * y)
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@drawn("DER-28", {"c": complex_number(), "v": complex_number(), "x": number(), "k": number()})
def tangent_of_complex_numbers(lib, jnp, c, v, x, k):
    """From complex to complex, and from real to complex; the state is no input."""
    s, z, t = lib.State(jnp.array(v)), jnp.array([v, 1.0]), jnp.array([1j, k])
    _, got = lib.transform.jvp(lambda z: s.value * jnp.exp(c * z), (z,), (t,))
    want = v * c * jnp.exp(c * z) * t
    assert jnp.allclose(got, want), {"at": "complex", "expected": want, "got": got}
    _, got = lib.transform.jvp(lambda x: c * x ** 2, (jnp.array(x),), (jnp.array(k),))
    assert jnp.allclose(got, 2.0 * c * x * k), {"expected": 2.0 * c * x * k, "got": got}


INTEGERS = st.sampled_from((
    "jnp.array([1, 2])", "jnp.array(3)", "jnp.array([True, False])", "jnp.array([[1], [2]])",
    "jnp.array([1, 2], jnp.int8)", "jnp.array(3, jnp.uint32)"))
"""Leaves that are no floating numbers."""


@drawn("DER-23", {"n": INTEGERS, "m": INTEGERS, "w": number()}, ALLOW_INT)
def integers_have_float0_gradients(lib, jnp, jax, T, n, m, w):
    """Beside a floating leaf of the state, and in a state of its own."""
    s, t = lib.State({"n": n, "w": jnp.array(w)}), lib.State(m)
    def f(): return s.value["w"] ** 2 * jnp.sum(s.value["n"]) * jnp.sum(t.value)
    got = T(f, grad_states=[s, t], allow_int=True)()
    want = 2.0 * w * jnp.sum(n) * jnp.sum(m)
    assert jnp.allclose(got[0]["w"], want), {"expected": want, "got": got[0]["w"]}
    for leaf, like in ((got[0]["n"], n), (got[1], m)):
        assert leaf.dtype == jax.dtypes.float0, {"expected": "float0", "got": leaf.dtype}
        assert leaf.shape == like.shape, {"expected": like.shape, "got": leaf.shape}


@drawn("DER-23", {"n": INTEGERS, "w": number()}, ALLOW_INT)
def integer_arguments_have_float0_gradients(lib, jnp, jax, T, n, w):
    def f(n, x): return x ** 2 * jnp.sum(n)
    got, want = T(f, argnums=(0, 1), allow_int=True)(n, jnp.array(w)), 2.0 * w * jnp.sum(n)
    assert got[0].dtype == jax.dtypes.float0, {"expected": "float0", "got": got[0].dtype}
    assert got[0].shape == n.shape, {"expected": n.shape, "got": got[0].shape}
    assert jnp.allclose(got[1], want), {"expected": want, "got": got[1]}
