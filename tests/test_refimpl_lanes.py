"""`vmap` over states: what lanes share, have for their own, draw and write."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refimpl import ParamState, State, random
from refimpl.transform import for_loop, grad, jit, vmap
from tests.test_refimpl_control import STEPS, assert_agree


class TestLanes:
    def test_a_shared_state_is_written_once(self) -> None:
        n, w = State(jnp.array(0)), State(jnp.array(2.0))

        def f(x: Any) -> Any:
            n.value += 1
            return w.value * x

        assert vmap(f)(jnp.arange(3.0)).tolist() == [0.0, 2.0, 4.0] and n.value == 1
        assert jit(vmap(f))(jnp.arange(3.0)).tolist() == [0.0, 2.0, 4.0] and n.value == 2

    def test_what_lanes_cannot_agree_on_is_refused_by_name(self) -> None:
        n, s = State(jnp.array(0)), State(jnp.array(0.0), name="sum")

        def f(x: Any) -> Any:
            n.value += 1
            s.value = s.value + x
            return x

        with pytest.raises(ValueError, match="'sum'.*out_states"):
            vmap(f)(jnp.arange(3.0))
        assert n.value == 0 and s.value == 0.0
        assert vmap(f, out_states=s)(jnp.arange(3.0)).tolist() == [0.0, 1.0, 2.0]
        assert n.value == 1 and s.value.tolist() == [0.0, 1.0, 2.0]

    def test_an_error_of_the_function_is_its_own(self) -> None:
        def f(x: Any) -> Any:
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            vmap(f)(jnp.arange(3.0))
        with pytest.raises(ValueError, match="out_axes|mapped|batched"):
            vmap(lambda x: x, out_axes=None)(jnp.arange(3.0))

    def test_a_mean_over_the_lanes_is_one_value(self) -> None:
        mean = State(jnp.array(0.0))

        def f(x: Any) -> Any:
            mean.value = jax.lax.pmean(x, "lanes")
            return x - mean.value

        assert vmap(f, axis_name="lanes")(jnp.arange(3.0)).tolist() == [-1.0, 0.0, 1.0]
        assert mean.value == 1.0

    @pytest.mark.parametrize(
        "declare",
        [lambda s: s, lambda s: [s], lambda s: {0: s}, lambda s: "lane", lambda s: {"a": {"b": s}}],
        ids=["state", "list", "axis", "filter", "container"],
    )
    def test_a_mapped_state_has_a_value_per_lane(self, declare: Any) -> None:
        s, n = State(jnp.arange(3.0), tag="lane"), State(jnp.array(1.0))

        def f(x: Any) -> Any:
            s.value = s.value + x * n.value
            return s.value

        for around in (lambda g: g, jit):
            s.value = jnp.arange(3.0)
            lanes = around(vmap(f, in_states=declare(s)))
            assert lanes(jnp.ones(3)).tolist() == [1.0, 2.0, 3.0]
            assert s.value.tolist() == [1.0, 2.0, 3.0]

    def test_axes_of_states(self) -> None:
        s, out = State({"a": jnp.zeros((2, 3))}), State(jnp.array(0.0))

        def f(x: Any) -> None:
            s.value = {"a": s.value["a"] + x}
            out.value = s.value["a"]

        vmap(f, in_states={1: s}, out_states={-1: out})(jnp.arange(3.0))
        assert s.value["a"].tolist() == [[0.0, 1.0, 2.0]] * 2
        assert out.value.tolist() == [[0.0, 1.0, 2.0]] * 2
        with pytest.raises(ValueError, match="float64.*axis 0.*lane of vmap, of which there are 3"):
            vmap(f, in_states=s)(jnp.arange(3.0))

    def test_every_lane_draws_its_own(self) -> None:
        stream = random.RandomState(1)

        def f(x: Any) -> Any:
            pair = random.normal(size=2, key=stream.split_key())
            return x + random.uniform(), pair, random.uniform()

        for around in (lambda g: g, jit):
            random.seed(0)
            before = random.DEFAULT.value, stream.value
            a, b, c = around(vmap(f))(jnp.zeros(4))
            again, *_ = around(vmap(f))(jnp.zeros(4))
            draws = np.concatenate([a, c, again, [random.uniform()]])
            assert len(set(draws.tolist())) == 13 and len(set(b[:, 0].tolist())) == 4
            assert not jnp.array_equal(random.DEFAULT.value, before[0])
            assert not jnp.array_equal(stream.value, before[1])

    def test_draws_in_nested_lanes_and_loops(self) -> None:
        def f(x: Any) -> Any:
            return vmap(lambda y: for_loop(lambda: y + random.uniform(), length=2))(x)

        draws = vmap(f)(jnp.zeros((3, 2)))
        assert draws.shape == (3, 2, 2) and len(set(np.ravel(draws).tolist())) == 12
        steps = for_loop(lambda: vmap(lambda x: x + random.uniform())(jnp.zeros(3)), length=2)
        assert len(set(np.ravel(steps).tolist())) == 6

    def test_an_ensemble(self) -> None:
        xs = jnp.linspace(0.0, 1.0, 5)
        kept: list[State] = []

        def make() -> None:
            kept.append(ParamState(random.normal(size=2)))

        random.seed(1)
        vmap(make, axis_size=3)()
        (w,) = kept
        assert w.value.shape == (3, 2) and len(set(np.ravel(w.value).tolist())) == 6

        def loss() -> Any:
            return jnp.sum((w.value[0] * xs + w.value[1] - 1.0) ** 2)

        def pure(value: Any) -> Any:
            return jnp.sum((value[0] * xs + value[1] - 1.0) ** 2)

        want = jnp.stack([jax.grad(pure)(value) for value in w.value])
        each = vmap(grad(loss, grad_states=w), in_states=w)
        assert_agree(each(), want)
        assert_agree(jit(each)(), want)
        assert_agree(grad(lambda: jnp.sum(vmap(loss, in_states=w)()), grad_states=w)(), want)

    def test_gradient_per_example(self) -> None:
        w = ParamState(jnp.array([1.0, 2.0]))
        each = vmap(grad(lambda x: jnp.sum(jnp.sin(w.value * x)), grad_states=w))
        want = jnp.stack([x * jnp.cos(w.value * x) for x in STEPS])
        assert_agree(each(STEPS), want)
        whole = grad(lambda xs: jnp.sum(vmap(lambda x: jnp.sin(w.value * x))(xs)), grad_states=w)
        assert_agree(whole(STEPS), jnp.sum(want, 0))

    def test_arguments(self) -> None:
        w = State(jnp.array(2.0))

        @vmap(in_axes=[0, {"a": None, "b": 1}], out_axes=1)
        def f(x: Any, y: Any, *, z: Any) -> Any:
            return w.value * x + y["a"] + y["b"] * z

        ones = jnp.ones((2, 3))
        got = f(jnp.arange(3.0), {"a": jnp.zeros(2), "b": ones}, z=jnp.arange(3.0))
        assert got.tolist() == [[0.0, 3.0, 6.0]] * 2
        with pytest.raises(ValueError, match="axis_size"):
            vmap(lambda: w.value)()


def test_no_lanes_do_nothing() -> None:
    s = State(jnp.array(2.0))
    random.seed(0)
    before = random.DEFAULT.value

    def lane(x: Any) -> Any:
        s.value = s.value * 2
        return x * random.normal()

    assert vmap(lane)(jnp.ones(0)).shape == (0,)
    assert s.value == 2.0 and (random.DEFAULT.value == before).all()
