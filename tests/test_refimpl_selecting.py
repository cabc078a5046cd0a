"""Finding and choosing states: modules, filters, StateFinder; and the random stream."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import BatchState, HiddenState, LongTermState, ParamState, ShortTermState, State
from refimpl.graph import NestedDict, states, treefy_states
from refimpl.nn import Module
from refimpl.transform import StateFinder, grad, jit
from refimpl.util import filter


class Part(Module):
    def __init__(self, **parts: Any) -> None:
        super().__init__()
        vars(self).update(parts)


def model() -> Any:
    shared = ParamState(1.0, name="shared")
    inner = Part(w=State(2.0, tag="slow"), z=shared)
    whole = Part(
        z=shared,
        layers=[inner, shared, (HiddenState(3.0),)],
        table={2: ParamState(4.0), 1: {"k": BatchState(5.0, tag={"slow", "x"})}},
        mixed={"s": State(6.0), 0: State(7.0)},
        other=[1, "text", np.ones(2), {3}],
        again=inner,
    )
    whole.me = whole  # type: ignore[attr-defined]
    return whole


ORDER = [
    ("again", "w"),
    ("again", "z"),
    ("layers", 2, 0),
    ("mixed", "s"),
    ("mixed", 0),
    ("table", 1, "k"),
    ("table", 2),
]


class TestGraph:
    def test_order_sharing_and_cycles(self) -> None:
        found = model().states()
        assert list(found) == ORDER and type(found) is dict
        assert [state.value for state in found.values()] == [2.0, 1.0, 3.0, 6.0, 7.0, 5.0, 4.0]

    def test_several_filters(self) -> None:
        whole = model()
        params, slow, rest = whole.states(ParamState, "slow", ...)
        assert list(params) == [ORDER[1], ORDER[6]] and list(slow) == [ORDER[0], ORDER[5]]
        assert list(rest) == [ORDER[2], ORDER[3], ORDER[4]]
        assert len(whole.states(ParamState, HiddenState)) == 2
        assert list(whole.states(filter.PathContains("mixed"))) == ORDER[3:5]
        assert whole.states(lambda path, state: len(path) == 3).keys() == {ORDER[2], ORDER[5]}
        for early in (..., True):
            with pytest.raises(ValueError, match="last"):
                whole.states(early, ParamState)
        assert whole.states(ParamState, True)[1] == whole.states(ParamState, ...)[1]
        with pytest.raises(TypeError, match="filter"):
            whole.states(3.5)

    def test_nested(self) -> None:
        whole = model()
        nested = treefy_states(whole)
        assert list(nested.to_flat().items()) == list(whole.states().items())
        params, rest = treefy_states(whole, ParamState, ...)
        assert list(params.to_flat()) == [ORDER[1], ORDER[6]] and len(rest.to_flat()) == 5
        grads = grad(lambda: sum(s.value**2 for s in whole.states().values()), nested)()
        assert type(grads) is NestedDict and list(grads.to_flat()) == ORDER
        assert grads["table"][1]["k"] == 10.0
        doubled = jax.tree.map(lambda g: 2 * g, grads)
        assert list(doubled.to_flat().values())[0] == 8.0

    def test_other_objects(self) -> None:
        class Plain:
            pass

        plain, state = Plain(), State(1.0)
        plain.a = [state]  # type: ignore[attr-defined]
        assert states(plain) == {("a", 0): state} and states({"x": state}) == {("x",): state}
        assert states([state, plain]) == {(0,): state} and states(state) == {(): state}
        with pytest.raises(TypeError, match="path"):
            treefy_states(state)
        assert repr(Part(a=state)) == "Part(a=State 1.0)"


class TestFilters:
    def test_kinds_of_state(self) -> None:
        assert issubclass(ParamState, LongTermState) and issubclass(BatchState, LongTermState)
        assert issubclass(HiddenState, ShortTermState)
        assert not issubclass(HiddenState, LongTermState)

    def test_combinations(self) -> None:
        state = ParamState(1.0, tag=["a", "b"])
        path = ("layers", 0, "w")
        selected: list[Any] = [
            ParamState, "a", ..., True, [BatchState, "b"], filter.All(ParamState, "a"),
            filter.Any(BatchState, "b"), filter.Not("c"), filter.Any(None, ...),
            filter.Everything(), filter.PathContains(0), filter.OfType(LongTermState),
            filter.WithTag("b"), filter.All(),
        ]  # fmt: skip
        left: list[Any] = [
            BatchState, "c", None, False, [], (BatchState, "c"), filter.All(ParamState, "c"),
            filter.Not(...), filter.Nothing(), filter.PathContains("0"), filter.Any(),
        ]  # fmt: skip
        assert all(filter.to_predicate(form)(path, state) for form in selected)
        assert not any(filter.to_predicate(form)(path, state) for form in left)
        assert not filter.WithTag("a")(path, object())
        assert filter.WithTag("a")((), type("T", (), {"tag": "a"})())
        assert filter.Any(int, "a") == filter.Any(int, "a") != filter.Any(int, "b")
        assert len({filter.Not(int), filter.Not(int), filter.Nothing()}) == 2
        with pytest.raises(TypeError, match="tag"):
            filter.WithTag(3)  # type: ignore[arg-type]

    @pytest.mark.parametrize("make", [
        lambda: filter.OfType(State), lambda: filter.WithTag("a"), lambda: filter.PathContains("a"),
        lambda: filter.Any("a", "b"), lambda: filter.All("a", "b"), lambda: filter.Not("a"),
        filter.Everything, filter.Nothing,
    ])  # fmt: skip
    def test_filters_are_values(self, make: Callable[[], Any]) -> None:
        """Equal where they are made alike, usable as keys, and not to be changed."""
        one = make()
        assert one == make() and {one: 1}[make()] == 1
        with pytest.raises(FrozenInstanceError):
            one.key = "b"

    def test_any_is_not_all(self) -> None:
        several: list[Any] = [filter.Any("a"), filter.All("a"), filter.Everything()]
        assert len({*several, filter.Nothing(), filter.Any("a")}) == 4


class TestStateFinder:
    def setup_method(self) -> None:
        self.a, self.b = ParamState(1.0, name="a"), State(jnp.ones(2), name="b")
        self.c: State = State(0.0, name="c")
        self.runs = 0

    def f(self, x: Any, mode: str = "m", n: int = 1) -> Any:
        self.runs += 1
        assert mode == "m"
        for _ in range(n):
            self.c.value = self.b.value.sum() * x
        return self.a.value

    def test_usages_and_containers(self) -> None:
        def found(**options: Any) -> Any:
            return StateFinder(self.f, **options)(jnp.ones(2), n=2)

        a, b, c = self.a, self.b, self.c
        assert found() == {0: b, 1: c, 2: a}
        assert found(usage="write", return_type="list") == [c]
        assert found(usage="read", return_type="tuple") == (b, a)
        assert found(usage="both") == {"read": {0: b, 1: a}, "write": {0: c}}
        assert found(filter=ParamState) == {0: a}
        assert found(filter=filter.PathContains("c")) == {0: c}
        assert found(key_fn=lambda index, state: state.name) == {"b": b, "c": c, "a": a}
        assert found(key_fn=lambda index, state: "k") == {"k": b, "k_1": c, "k_2": a}
        assert list(found(key_fn=lambda index, state: [index])) == ["[0]", "[1]", "[2]"]
        assert self.c.value == 0.0 and self.runs == 9

    def test_nothing_is_computed_or_drawn(self) -> None:
        stream = refimpl.random.DEFAULT
        before, values = stream.value, []

        def f(x: Any) -> Any:
            values.append(jnp.sin(x))
            return refimpl.random.normal()

        assert StateFinder(f)(jnp.ones(2)) == {0: stream}
        assert stream.value is before and isinstance(values[0], jax.core.Tracer)

    def test_control_flow_on_values(self) -> None:
        def f(x: Any) -> Any:
            if x > self.a.value:
                self.c.value = float(np.asarray(x))
            return object()

        finder = StateFinder(f, usage="write", return_type="list")
        assert finder(jnp.array(2.0)) == [self.c] and finder(jnp.array(0.0)) == []
        assert self.c.value == 0.0

    @pytest.mark.parametrize("use, arg", [
        (lambda x: isinstance(x, np.ndarray), np.ones(2)),
        (lambda x: x.copy().fill(0) is None, np.ones(2)),
        (lambda x: f"{x[0]:.2f}" == "1.00", np.ones(2)),
        (lambda x: f"{x:.2f}" == "1.00", jnp.array(1.0)),
        (lambda x: x.block_until_ready() is x, jnp.ones(2)),
        (lambda x: np.sort(x).flags.owndata, jnp.ones(2)),
        (lambda x: x.tolist() == ["a"], np.array(["a"])),
        (lambda x: x.dtype.kind == "M", np.array(["2020-01-01"], "datetime64[D]")),
        (lambda x: x["a"] == 2.0, {1: 1.0, "a": 2.0}),
    ])  # fmt: skip
    def test_what_python_does_with_values(self, use: Any, arg: Any) -> None:
        """The function sees its arguments as a plain call shows them."""
        def f(x: Any) -> Any:
            self.c.value = 1.0
            return self.a.value if use(x) else self.b.value

        assert StateFinder(f, return_type="list")(arg) == [self.c, self.a]
        assert self.c.value == 0.0

    def test_arrays_are_not_changed_in_place(self) -> None:
        state, arg = State(np.zeros(2)), np.zeros(2)

        def f(x: Any) -> Any:
            state.value += 1
            x += 1
            self.c.value[0] = 1.0

        self.c.value = np.zeros(1)
        found = StateFinder(f, usage="write", return_type="list")(arg)
        assert found == [state, self.c]
        assert state.value.tolist() == arg.tolist() == [0.0, 0.0] and self.c.value == [0.0]

    def test_an_error_is_that_of_a_plain_call(self) -> None:
        def f(x: Any) -> Any:
            raise LookupError(f"{x[1]:.1f}")

        with pytest.raises(LookupError, match="2.0") as caught:
            StateFinder(f)(jnp.array([1.0, 2.0]))
        assert caught.value.__context__ is None

    def test_through_transforms_and_in_place(self) -> None:
        table = State({"k": 1.0})

        def f(x: Any) -> Any:
            table.value["k"] = x
            return self.f(x)

        finder = StateFinder(grad(jit(f), self.a), usage="both", return_type="list")
        assert finder(2.0) == {"read": [self.b, self.a], "write": [table, self.c]}
        assert table.value == {"k": 1.0}

    def test_decorator_and_misuse(self) -> None:
        @StateFinder(usage="read")
        def finder() -> Any:
            return self.a.value

        assert finder() == {0: self.a} == finder.find()
        with pytest.raises(ValueError, match="usage"):
            StateFinder(self.f, usage="some")
        with pytest.raises(ValueError, match="return_type"):
            StateFinder(self.f, return_type="set")
        with pytest.raises(TypeError, match="callable"):
            StateFinder(3)  # type: ignore[arg-type]
        with pytest.raises(ZeroDivisionError):
            StateFinder(lambda: 1 / 0)()


class TestRandom:
    def test_shapes(self) -> None:
        random = refimpl.random
        shapes: dict[Any, Any] = {
            random.normal: [((), {}, ()), ((0.0, [1.0, 2.0]), {}, (2,)), ((), {"size": 3}, (3,))],
            random.uniform: [((), {}, ()), ((1.0, 2.0, (2, 3)), {}, (2, 3))],
            random.random: [((), {}, ()), ((4,), {}, (4,))],
            random.randn: [((2,), {}, (2,)), ((2, 3), {}, (2, 3)), ((), {}, ())],
            random.split_key: [((), {}, (2,)), ((3,), {}, (3, 2))],
        }
        for draw, cases in shapes.items():
            for args, options, shape in cases:
                args = tuple(jnp.array(a) if isinstance(a, list) else a for a in args)
                assert draw(*args, **options).shape == shape, draw
        assert random.normal(dtype=jnp.float16).dtype == jnp.float16

    def test_parameters_are_array_likes(self) -> None:
        """In shape as with NumPy, and alike whatever they are made of."""
        random, two = refimpl.random, [1.0, 2.0]
        draws: list[tuple[Any, tuple[Any, ...]]] = [
            (random.normal, (two, 1.0)), (random.normal, (0.0, two)), (random.uniform, (two, 3.0)),
            (random.uniform, (0.0, two)),
        ]  # fmt: skip
        for draw, args in draws:
            drawn = []
            for kind in (list, tuple, np.asarray, jnp.asarray):
                made = [kind(arg) if isinstance(arg, list) else arg for arg in args]
                drawn.append(draw(*made, key=3))
            assert drawn[0].shape == (2,), draw
            for got in drawn:
                assert got.dtype == drawn[0].dtype and jnp.array_equal(got, drawn[0]), draw
        assert random.normal((0.0, 5.0), 1.0, (3, 2)).shape == (3, 2)
        assert random.uniform([[0], [1]], range(2, 5)).shape == (2, 3)

    def test_the_size_holds_the_parameters(self) -> None:
        random, before = refimpl.random, refimpl.random.DEFAULT.value
        for size in (1, 2, (), (3, 1), (3, 2)):
            for draw in (random.normal, random.uniform, np.random.default_rng(0).normal):
                with pytest.raises(ValueError):
                    draw(np.zeros(3), 1.0, size=size)
        assert random.DEFAULT.value is before
        assert random.normal(np.zeros(3), 1.0, size=(2, 3)).shape == (2, 3)
        assert random.normal(np.zeros(0), 1.0).shape == random.normal([], size=0).shape == (0,)

    def test_numbers_leave_the_dtype_to_the_draw(self) -> None:
        random, half = refimpl.random, jnp.float16
        assert random.normal(1, 2.0, dtype=half).dtype == half
        assert random.uniform(1.0, 2, 3, dtype=half).dtype == half

    def test_ranges(self) -> None:
        random = refimpl.random
        random.seed(0)
        many = 2000
        uniform, unit = random.uniform(2.0, 5.0, many), random.random(many)
        assert 2.0 <= uniform.min() < 2.1 and 4.9 < uniform.max() < 5.0
        assert 0.0 <= unit.min() < 0.1 and 0.9 < unit.max() < 1.0
        normal, standard = random.normal(3.0, 2.0, many), random.randn(many)
        assert abs(normal.mean() - 3.0) < 0.3 and abs(normal.std() - 2.0) < 0.2
        assert abs(standard.mean()) < 0.2 and abs(standard.std() - 1.0) < 0.1

    def test_the_stream(self) -> None:
        random = refimpl.random
        random.seed(3)
        first = random.normal(size=2), random.split_key(), random.split_key(2)
        random.seed(jax.random.PRNGKey(3))
        again = random.normal(size=2), random.split_key(), random.split_key(2)
        assert all(jnp.array_equal(a, b) for a, b in zip(first, again, strict=True))
        key = random.DEFAULT.value
        assert random.normal() != random.normal()
        fixed = random.normal(key=5)
        assert fixed == random.normal(key=jax.random.PRNGKey(5)) == random.normal(key=5)
        random.seed(key)
        assert jnp.array_equal(random.DEFAULT.value, key)
        random.seed()
        assert not jnp.array_equal(random.DEFAULT.value, key)
        for mine in random.RandomState(3), random.RandomState(jax.random.key(3)):
            assert random.normal(size=2, key=mine.split_key()).tolist() == first[0].tolist()

    @pytest.mark.parametrize("wrap", [grad, jit, lambda f: jit(grad(f)), lambda f: grad(grad(f))])
    def test_one_draw_per_call(self, wrap: Any) -> None:
        random, drawn = refimpl.random, []

        def f(x: Any) -> Any:
            return x * x * random.normal()

        def after(call: Any) -> Any:
            random.seed(1)
            call(2.0)
            call(3.0)
            return random.normal()

        drawn = [after(f), after(wrap(f))]
        assert drawn[0] == drawn[1]
