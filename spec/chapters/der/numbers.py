"""Kinds of numbers: complex ones, integers under ``allow_int``, and dtypes side by side."""

from __future__ import annotations

from ...judge.check import snippet
from ...language.axes import DISTINCT, EVERY, by_order

HOLOMORPHIC = EVERY.where(holomorphic=True)
ALLOW_INT = EVERY.where(allow_int=True, layout="gradient").bound()


@snippet("DER-21", HOLOMORPHIC.bound(order=by_order("1", "2")))
def holomorphic_derivative_of_a_state(lib, jnp, T, order):
    s, z = lib.State(jnp.array(0.5 + 0.25j)), jnp.array(2.0 - 1.0j)
    want = jnp.exp(0.5 + 0.25j) * z
    got = T(lambda z: jnp.exp(s.value) * z, grad_states=s, holomorphic=True)(z)
    assert jnp.allclose(got, want), {"at": "state", "expected": want, "got": got}
    got = T(lambda z: jnp.exp(2.0 * z), holomorphic=True)(z)
    want = 2.0 ** order * jnp.exp(2.0 * z)
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


@snippet("DER-22", DISTINCT.where(mode="reverse", allow_int=True).bound())
def real_function_of_a_complex_state(lib, jnp, T):
    s = lib.State(jnp.array(1.0 + 2.0j))
    def f():
        return 3.0 * jnp.real(s.value) ** 2 + jnp.imag(s.value) ** 3

    got = T(f, grad_states=s)()
    assert jnp.allclose(got, 6.0 - 12.0j), {"expected": "df/dx - i df/dy = 6-12j", "got": got}


@snippet("DER-23", ALLOW_INT)
def integers_have_float0_gradients(lib, jnp, jax, T):
    s = lib.State({"n": jnp.array([1, 2]), "w": jnp.array(3.0)})
    got = T(lambda: s.value["w"] ** 2 * jnp.sum(s.value["n"]), grad_states=s, allow_int=True)()
    assert jnp.allclose(got["w"], 18.0), {"expected": 18.0, "got": got["w"]}
    assert got["n"].dtype == jax.dtypes.float0, {"expected": "float0", "got": got["n"].dtype}
    assert got["n"].shape == (2,), {"expected": "shape (2,)", "got": got["n"].shape}


@snippet("DER-23", ALLOW_INT)
def integer_arguments_have_float0_gradients(lib, jnp, jax, T):
    def f(n, x):
        return x ** 2 * n

    got = T(f, argnums=(0, 1), allow_int=True)(jnp.array(2), jnp.array(3.0))
    assert got[0].dtype == jax.dtypes.float0, {"expected": "float0", "got": got[0].dtype}
    assert jnp.allclose(got[1], 12.0), {"expected": 12.0, "got": got[1]}
