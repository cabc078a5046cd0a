"""Products with a vector in refimpl: vjp, jvp and the forward gradient."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import State
from refimpl.transform import fwd_grad, grad, jit, jvp, vjp


class TestProducts:
    def test_vjp(self) -> None:
        state, count = State(jnp.array([1.0, 2.0])), State(0.0)

        def f(x: Any, *, k: float = 1.0) -> Any:
            count.value = count.value + 1.0
            return {"y": k * state.value * x}, "aux"

        out, pull, aux = vjp(f, 3.0, grad_states={"s": state}, has_aux=True, k=2.0)
        assert aux == "aux" and out["y"].tolist() == [6.0, 12.0]
        for call in (pull, jax.jit(pull), lambda ct: jax.jit(lambda p: p(ct))(pull)):
            of_states, of_arg = call({"y": jnp.ones(2)})
            assert of_states["s"].tolist() == [6.0, 6.0] and of_arg == 6.0
        assert count.value == 1.0
        assert vjp(lambda x, y: x * y, 2.0, 3.0, argnums=(1, 0))[1](1.0) == (2.0, 3.0)
        assert vjp(lambda x: x * x, 3.0)[1](1.0) == 6.0
        assert vjp(lambda: state.value.sum(), grad_states=[state])[1](1.0)[0].tolist() == [1, 1]
        with pytest.raises(ValueError, match="neither reads nor writes"):
            vjp(lambda x: x, 3.0, grad_states=[state])
        batch = jax.vmap(vjp(lambda x: x * x, 3.0)[1])(jnp.array([1.0, 2.0]))
        assert batch.tolist() == [6.0, 12.0]

    def test_jvp(self) -> None:
        state, count = State(jnp.array([1.0, 2.0])), State(0.0)

        def f(x: Any) -> Any:
            count.value = count.value + 1.0
            return state.value * x, "aux"

        options: Any = {"grad_states": [state], "state_tangents": [jnp.ones(2)], "has_aux": True}
        out, tangent, aux = jvp(f, (3.0,), (1.0,), **options)
        assert out.tolist() == [3.0, 6.0] and tangent.tolist() == [4.0, 5.0] and aux == "aux"
        assert count.value == 1.0
        assert jvp(lambda x: x * x, [3.0], [2.0]) == (9.0, 12.0)
        with pytest.raises(TypeError, match="state_tangents"):
            jvp(f, (3.0,), (1.0,), grad_states=[state], state_tangents={"a": 1.0})
        unlike: Any = ((jnp.ones(2),), [jnp.ones(2), jnp.ones(2)], [])
        for given in unlike:
            with pytest.raises(TypeError, match="state_tangents"):
                jvp(f, (3.0,), (1.0,), grad_states=[state], state_tangents=given)
        with pytest.raises(TypeError, match="state_tangents"):
            jvp(f, (3.0,), (1.0,), grad_states={"a": state}, state_tangents={"b": 1.0})
        with pytest.raises(TypeError, match="together"):
            jvp(f, (3.0,), (1.0,), grad_states=[state])
        with pytest.raises(ValueError, match="two places"):
            both: Any = {
                "grad_states": [state, state],
                "state_tangents": [jnp.ones(2), jnp.ones(2)],
            }
            jvp(f, (3.0,), (1.0,), **both)
        for primals, tangents in (((1.0,), ()), (1.0, 1.0)):
            with pytest.raises(TypeError, match="tangents"):
                jvp(f, primals, tangents)  # type: ignore[arg-type]
        assert count.value == 1.0

    def test_a_keyword_of_the_function_may_be_called_fun(self) -> None:
        assert jvp(lambda x, fun: fun * x, (1.0,), (2.0,), fun=3.0)[1] == 6.0
        assert vjp(lambda x, fun: fun * x, 1.0, fun=3.0)[1](2.0) == 6.0

    def test_in_compiled_functions(self) -> None:
        state = State(2.0)

        @jit
        def f(x: Any) -> Any:
            state.value = state.value * x
            return state.value

        def step(x: Any) -> Any:
            out, pull = vjp(f, x, grad_states=state)
            return pull(1.0), out

        assert jit(step)(3.0) == ((3.0, 2.0), 6.0) and state.value == 6.0


class TestForwardGradient:
    def test_is_the_directional_derivative_times_the_direction(self) -> None:
        state: State = State({"a": jnp.array([1.0, 2.0]), "b": 0.5})
        x = jnp.array([0.3, 0.4])

        def f(x: Any) -> Any:
            return jnp.sum(jnp.sin(state.value["a"] * x)) * state.value["b"]

        exact = jax.tree.leaves(grad(f, state, 0)(x))
        estimate = jax.tree.leaves(fwd_grad(f, state, 0, key=1)(x))
        # (g . v) v is parallel to v, and its product with g is the square of g . v.
        product = sum(jnp.vdot(g, e) for g, e in zip(exact, estimate, strict=True))
        square = sum(jnp.vdot(e, e) for e in estimate)
        along = jnp.sqrt(product)
        direction = [e / along for e in estimate]
        assert product >= 0 and square > 0
        slope = sum(jnp.vdot(g, v) for g, v in zip(exact, direction, strict=True))
        np.testing.assert_allclose(jnp.abs(slope), along, rtol=1e-5)

    def test_mean_tends_to_the_gradient(self) -> None:
        call = fwd_grad(lambda x: jnp.sum(x**2), tangent_size=20000, key=0)
        np.testing.assert_allclose(call(jnp.array([1.0, 2.0])), [2.0, 4.0], atol=0.3)

    def test_leaves_the_stream_of_the_function_alone(self) -> None:
        def f(x: Any) -> Any:
            return x * refimpl.random.normal()

        refimpl.random.seed(7)
        f(1.0)
        expected = refimpl.random.normal()
        refimpl.random.seed(7)
        first = fwd_grad(f)(1.0)
        assert refimpl.random.normal() == expected
        refimpl.random.seed(7)
        assert fwd_grad(f)(1.0) == first != fwd_grad(f)(1.0)
        assert fwd_grad(f, key=1)(1.0) != fwd_grad(f, key=2)(1.0)

    def test_draws_anew_at_every_compiled_call(self) -> None:
        step = jit(fwd_grad(lambda x: jnp.sum(x * x)))
        assert step(jnp.ones(2)).tolist() != step(jnp.ones(2)).tolist()

    def test_misuse(self) -> None:
        for bad in (0, -1, True):
            with pytest.raises(ValueError, match="tangent_size"):
                fwd_grad(lambda x: x, tangent_size=bad)
        for f in (lambda x: jnp.ones(2) * x, lambda x: (x, x), lambda x: 3, lambda x: x * 1j):
            with pytest.raises(TypeError, match="real scalar"):
                fwd_grad(f)(1.0)
        with pytest.raises(TypeError, match="real"):
            fwd_grad(lambda x: jnp.abs(x))(1.0 + 1j)
