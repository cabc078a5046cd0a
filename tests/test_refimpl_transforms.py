"""The transforms of refimpl against hand-purified JAX, and what only a look inside can see."""

from collections import OrderedDict, namedtuple
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refimpl import ParamState, State
from refimpl.transform import (
    GradientTransform,
    fwd_grad,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    vector_grad,
)

FAMILY: dict[str, Any] = {
    "grad": grad,
    "vector_grad": vector_grad,
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "hessian": hessian,
    "fwd_grad": fwd_grad,
}
each_transform = pytest.mark.parametrize("transform", FAMILY.values(), ids=FAMILY.keys())


def assert_same(ours: Any, theirs: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)


@pytest.mark.parametrize("name", FAMILY)
def test_errors_of_a_call_name_the_member(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) takes"):
        FAMILY[name](jnp.sum, None, 0, False, True)


def test_jacobian_is_jacrev() -> None:
    assert jacobian is jacrev


class TestLayout:
    """Jacobians and Hessians of pytrees, of states and arguments together."""

    weights = {"w": jnp.array([[0.3, -0.2], [0.5, 0.1]]), "b": (jnp.array([0.2, 0.4]),)}
    bias = jnp.array(0.7)
    x = {"in": jnp.array([1.0, 2.0])}

    @staticmethod
    def pure(weights: Any, bias: Any, x: Any) -> Any:
        hidden = jnp.tanh(weights["w"] @ x["in"] * bias + weights["b"][0])
        return {"out": hidden, "norm": (jnp.sum(hidden**2) * bias,)}

    def function(self) -> tuple[Any, State, State]:
        weights, bias = State(self.weights), ParamState(self.bias)
        return lambda x: self.pure(weights.value, bias.value, x), weights, bias

    @pytest.mark.parametrize("ours, theirs", [(jacrev, jax.jacrev), (jacfwd, jax.jacfwd)])
    def test_jacobian(self, ours: Any, theirs: Any) -> None:
        f, weights, bias = self.function()
        expected = theirs(self.pure, (0, 1, 2))(self.weights, self.bias, self.x)
        leaf = {"is_leaf": lambda node: isinstance(node, tuple) and len(node) == 3}

        def part(*places: int) -> Any:
            pick = places[0] if len(places) == 1 else None
            return jax.tree.map(
                lambda node: node[pick] if pick is not None else [node[p] for p in places],
                expected,
                **leaf,
            )

        assert_same(ours(f, [weights, bias], 0)(self.x), (part(0, 1), part(2)))
        assert_same(ours(f, bias)(self.x), part(1))
        assert_same(ours(f)(self.x), part(2))

    def test_hessian(self) -> None:
        f, weights, bias = self.function()
        rows = jax.hessian(self.pure, (0, 1, 2))(self.weights, self.bias, self.x)["norm"][0]

        def with_table(row: Any) -> Any:
            return jax.tree.map(
                lambda columns: ({"z": columns[0], "a": columns[1]}, (columns[2],)),
                row,
                is_leaf=lambda node: isinstance(node, tuple) and len(node) == 3,
            )

        expected = tuple(map(with_table, rows))
        result = hessian(f, {"z": weights, "a": bias}, (0,))(self.x)
        of_states, of_args = (part["norm"][0] for part in result)
        assert list(of_states) == list(of_args[0]["in"][0]) == ["z", "a"]
        assert_same((of_states["z"], of_states["a"], of_args[0]), expected)
        both = hessian(f, bias)(self.x)["norm"][0], hessian(f)(self.x)["norm"][0]
        assert_same(both, (rows[1][1], {"in": rows[2]["in"][2]}))

    def test_vector_grad(self) -> None:
        f, weights, bias = self.function()
        total = jax.grad(
            lambda *args: sum(map(jnp.sum, jax.tree.leaves(self.pure(*args)))), (0, 1, 2)
        )
        expected = total(self.weights, self.bias, self.x)
        ours = vector_grad(f, (weights, bias), 0)(self.x)
        assert_same(ours, (expected[:2], expected[2]))

    def test_hessian_of_python_scalars(self) -> None:
        state = State(2.0)
        assert hessian(lambda x: state.value**3 * x, state, 0)(5.0) == ((60.0, 12.0), (12.0, 0.0))

    def test_empty_outputs(self) -> None:
        state = State(jnp.ones(2))
        for transform in (jacrev, jacfwd, hessian):
            assert transform(lambda x: (), state, 0, check_states=False)(1.0) == ((), ())
            assert transform(lambda x: {"a": None})(1.0) == {"a": None}
            extra = (2,) if transform is hessian else ()
            assert transform(lambda x: state.value[:0], state)(1.0).shape == (0, 2, *extra)
        assert vector_grad(lambda x: (), state, check_states=False)(1.0).tolist() == [0.0, 0.0]


@each_transform
class TestEveryMember:
    def test_runs_the_function_once(self, transform: Any) -> None:
        runs, state = [0], State(2.0)

        def f(x: Any) -> Any:
            runs[0] += 1
            return state.value**2 * x

        options = {"tangent_size": 5} if transform is fwd_grad else {}
        transform(f, [state], 0, **options)(3.0)
        assert runs == [1]

    def test_aux_is_the_very_object(self, transform: Any) -> None:
        odd: Any = {1: object(), "a": {2, 3}, None: ["text", lambda: None]}
        state = State(2.0)

        def f(x: Any) -> Any:
            return x * state.value, odd

        assert transform(f, state, has_aux=True)(3.0)[1] is odd
        assert transform(f, [], has_aux=True)(3.0)[1] is odd

    def test_aux_keeps_types_and_order(self, transform: Any) -> None:
        Pair = namedtuple("Pair", "left right")
        marker = object()

        def f(x: Any) -> Any:
            ordered = OrderedDict([("z", x), (1, marker), ("a", None)])
            return x * x, Pair([ordered, "text"], (x + 1, 7))

        aux = transform(f, has_aux=True)(3.0)[1]
        assert type(aux) is Pair and list(aux.left[0].items()) == [
            ("z", 3.0),
            (1, marker),
            ("a", None),
        ]
        assert type(aux.left[0]) is OrderedDict and aux.right == (4.0, 7)
        assert not any(isinstance(leaf, jax.core.Tracer) for leaf in aux.right)

    def test_any_signature(self, transform: Any) -> None:
        def f(x: Any, mode: str, *rest: Any, self: int, fun: Any, selected: Any = None) -> Any:
            assert (mode, rest, self, fun, selected) == ("up", (None, [1]), 1, f, {"a": "b"})
            return x * x

        call = transform(f, argnums=-4)
        call(2.0, "up", None, [1], self=1, fun=f, selected={"a": "b"})
        assert call.__name__ == "f" and call.__wrapped__ is f

    def test_empty_selections(self, transform: Any) -> None:
        state = State(jnp.ones(2))

        def f(x: Any) -> Any:
            return jnp.sum(x * state.value)

        empties: list[Any] = [[], (), {}, {"a": [None]}, {"none": State({})}]
        for empty in empties:
            result = transform(f, empty, check_states=False)(1.0)
            assert list(result) == list(empty)
            both = transform(f, empty, 0, check_states=False)(1.0)
            assert len(both) == 2 and list(both[0]) == list(empty)
        assert transform(f, argnums=())(1.0) == ()
        assert transform(f, [], ())(1.0) == ([], ())
        assert transform(f, State(jnp.ones((0, 3))), check_states=False)(1.0).shape[:2] == (0, 3)

    def test_decorator_and_method(self, transform: Any) -> None:
        class Model:
            @transform(argnums=1, return_value=True)
            def loss(self, x: Any) -> Any:
                return x * x

        assert Model().loss(3.0)[1] == 9.0

    def test_untouched_states_are_all_named(self, transform: Any) -> None:
        used, first, second = State(1.0), State(1.0, name="first"), State(1.0)
        count = State(0.0)

        def f(x: Any) -> Any:
            count.value = count.value + 1.0
            return x * used.value

        container = {"a": used, "b": [first], ("c", 1): second}
        with pytest.raises(ValueError, match=r"\['b'\]\[0\] \(State 'first' 1.0\).*\[\('c', 1\)\]"):
            transform(f, container)(1.0)
        assert count.value == 0.0

    def test_integer_leaves_are_named(self, transform: Any) -> None:
        state: State = State({"w": 1.0, "n": [jnp.arange(2)]}, name="table")

        def f(x: Any, y: Any) -> Any:
            return state.value["w"] * x

        with pytest.raises(TypeError, match=r"\['s'\] \(State 'table' {.*}\) at \['n'\]\[0\].*int"):
            transform(f, {"s": state})(1.0, 2.0)
        for bad in (3, True, [1.0, np.array([True])], "text", np.array(["a"])):
            with pytest.raises(TypeError, match="argument 1"):
                transform(f, argnums=(0, 1))(1.0, bad)

    def test_whole_output_as_arrays(self, transform: Any) -> None:
        value = transform(lambda x: x * 0.0 + 3.0, return_value=True)(2.0)[1]
        assert value.shape == () and value.dtype == jnp.result_type(float) and value == 3.0

    def test_composition(self, transform: Any) -> None:
        state = State(jnp.array([0.3, 0.7]))
        options = {"key": 3} if transform is fwd_grad else {}

        def f(x: Any) -> Any:
            return jnp.sum(jnp.sin(state.value * x))

        plain = transform(f, [state], 0, **options)
        expected = plain(2.0)
        for other in (jit(plain), transform(jit(f), [state], 0, **options), jax.jit(plain)):
            assert_same(other(2.0), expected)
        batched = jax.vmap(plain)(jnp.array([2.0, 2.0]))
        assert_same(jax.tree.map(lambda leaf: leaf[1], batched), expected)


class TestOptions:
    def test_integers_and_complex_numbers(self) -> None:
        state: State = State({"w": jnp.ones(2), "n": 3})
        grads, arg = grad(lambda x: jnp.sum(state.value["w"]) * x, state, 0, allow_int=True)(2.0)
        assert grads["n"].dtype == jax.dtypes.float0 and arg == 2.0
        number = State(1.0 + 2.0j)
        for transform in (grad, vector_grad, jacrev, jacfwd):
            call = transform(lambda x: number.value**2 * x, number, holomorphic=True)
            assert call(2.0 + 0j) == 4 * (1 + 2j)
        assert hessian(lambda: number.value**2, number, holomorphic=True)() == 2.0
        with pytest.raises(TypeError, match="holomorphic"):
            grad(lambda x: x, holomorphic=True)(1.0)

    def test_has_aux_wants_a_pair(self) -> None:
        for bad in (lambda x: x, lambda x: (x, 1, 2), lambda x: None, lambda x: jnp.ones(2) * x):
            with pytest.raises(TypeError, match="pair"):
                grad(bad, has_aux=True)(1.0)

    def test_argnums(self) -> None:
        def f(x: Any, y: Any) -> Any:
            return x * x * y

        assert grad(f, argnums=-1)(2.0, 3.0) == 4.0
        forms: list[Any] = [[1, 0], range(1, -1, -1), np.array([1, 0]), (np.int32(-1), 0)]
        for form in forms:
            assert grad(f, argnums=form)(2.0, 3.0) == (4.0, 12.0)
        for bad in (True, 1.0, "0", (0, True), {0}, {0: 0}):
            with pytest.raises(TypeError, match="argnums"):
                grad(f, argnums=bad)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="repeat"):
            grad(f, argnums=(0, 0))
        with pytest.raises(ValueError, match="twice"):
            grad(f, argnums=(0, -2))(2.0, 3.0)
        for index in (2, -3):
            with pytest.raises(TypeError, match=f"argnums={index} "):
                grad(f, argnums=(0, index))(2.0, 3.0)

    def test_an_empty_complex_output(self) -> None:
        x = jnp.ones(2, complex)
        got = jacrev(lambda x: x[:0] ** 2, holomorphic=True)(x)
        assert (got.shape, got.dtype) == ((0, 2), x.dtype)

    def test_messages_hold_no_arrays(self) -> None:
        big: Any = jnp.arange(100.0)
        for call in (
            lambda: grad(lambda x: (x, x, x), has_aux=True)(big),
            lambda: fwd_grad(lambda x: x)(big),
            lambda: grad(lambda x: x, {"w": big}),
            lambda: GradientTransform(lambda x: x, lambda f, **_: lambda s: f(s)[0])(big),
        ):
            with pytest.raises(TypeError, match=r"float\d\d\[100\]") as caught:
                call()
            assert "99." not in str(caught.value)

    def test_grad_states_of_other_types(self) -> None:
        class Listed(list[State]):
            pass

        state = State(1.0)
        bads: list[Any] = [{state}, [state, 3], {"a": ["text"]}, jnp.ones(2), iter([state]), 1.0]
        for bad in (*bads, Listed([state]), [Listed([state])]):
            with pytest.raises(TypeError, match="grad_states"):
                grad(lambda: state.value, bad)
        with pytest.raises(TypeError, match="callable"):
            grad(3)  # type: ignore[call-overload]

    def test_a_shared_state_has_its_gradient_in_both_places(self) -> None:
        state = State(3.0)
        assert grad(lambda: state.value**2, {"a": state, "b": (state,)})() == {
            "a": 6.0,
            "b": (6.0,),
        }

    def test_point_of_differentiation_is_the_entry(self) -> None:
        state = State(2.0)

        def f() -> Any:
            state.value = state.value**2
            return state.value**2

        assert grad(f, state)() == 32.0 and state.value == 4.0
        state.value = 2.0
        # 4 s^3 at entry, times s^2 after the write: 4 s^5
        assert grad(lambda: grad(f, state)() * state.value, state)() == 20 * 2.0**4

    def test_nested_over_the_same_state(self) -> None:
        state = State(2.0)

        def cube() -> Any:
            return state.value**3

        assert grad(lambda: grad(cube, state)(), state)() == 12.0
        assert grad(lambda: grad(lambda: grad(cube, state)(), state)(), state)() == 6.0


class TestCustom:
    @staticmethod
    def setup() -> tuple[Any, State, State]:
        state, count = State(jnp.array(2.0)), State(0.0)

        def f(x: Any) -> Any:
            count.value = count.value + 1.0
            return state.value**2 * x, "aux"

        return f, state, count

    def test_transforms_of_many_makes(self) -> None:
        def checkpointed(fun: Any, *, argnums: int, has_aux: bool) -> Any:
            return jax.grad(jax.checkpoint(fun), argnums, has_aux)

        def compiled(fun: Any, *, argnums: int, has_aux: bool) -> Any:
            return jax.jit(jax.grad(fun, argnums, has_aux))

        def linearized(fun: Any, *, argnums: int, has_aux: bool) -> Any:
            def run(selected: Any) -> Any:
                _, linear, aux = jax.linearize(fun, selected, has_aux=True)
                return jax.linear_transpose(linear, selected)(1.0)[0], aux

            return run

        def several(fun: Any, *, argnums: int, has_aux: bool) -> Any:
            def run(selected: Any) -> Any:
                jax.eval_shape(fun, selected)
                fun(selected)
                return jax.grad(fun, argnums, has_aux)(selected)

            return run

        f, state, count = self.setup()
        for number, transform in enumerate((checkpointed, compiled, linearized, several), 1):
            call = GradientTransform(f, transform, [state], 0, return_value=True, has_aux=True)
            assert call(3.0) == (([12.0], 4.0), 12.0, "aux")
            assert count.value == number and not isinstance(count.value, jax.core.Tracer)

    def test_other_structures(self) -> None:
        f, state, _ = self.setup()

        def with_norm(fun: Any, *, argnums: int, has_aux: bool) -> Any:
            def run(selected: Any) -> Any:
                grads, aux = jax.grad(fun, argnums, has_aux)(selected)
                return {"grads": grads, "norm": 3.0}, aux

            return run

        both = GradientTransform(f, with_norm, state, 0, has_aux=True)(3.0)[0]
        assert both == ({"grads": 12.0, "norm": 3.0}, {"grads": 4.0, "norm": 3.0})

        def only_norm(fun: Any, *, argnums: int, has_aux: bool) -> Any:
            return lambda selected: (7.0, fun(selected)[1])

        assert GradientTransform(f, only_norm, state, 0, has_aux=True)(3.0)[0] == 7.0

    def test_grads_that_are_no_pytree(self) -> None:
        f, state, count = self.setup()
        unsortable = {1: 0.0, "a": 0.0}
        call = GradientTransform(
            f, lambda fun, **_: lambda s: (unsortable, fun(s)[1]), state, has_aux=True
        )
        with pytest.raises(ValueError):
            call(1.0)
        assert count.value == 0.0

    @pytest.mark.parametrize("result", [3.0, (3.0,), (3.0, None), [1, 2], (1, 2, 3)])
    def test_what_is_no_pair_with_its_aux(self, result: Any) -> None:
        f, state, count = self.setup()
        call = GradientTransform(f, lambda fun, **_: lambda s: (fun(s), result)[1], has_aux=True)
        with pytest.raises(TypeError, match="must return"):
            call(1.0)
        assert count.value == 0.0

    def test_decorator_and_parameters(self) -> None:
        def scaled(fun: Any, *, argnums: int, has_aux: bool, by: float) -> Any:
            def run(selected: Any) -> Any:
                grads, aux = jax.grad(fun, argnums, has_aux)(selected)
                return jax.tree.map(lambda g: by * g, grads), aux

            return run

        @GradientTransform(transform=scaled, transform_params={"by": 2.0})
        def f(x: Any) -> Any:
            return x * x

        assert f(3.0) == 12.0
