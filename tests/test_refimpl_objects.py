"""The objects of refimpl: states, streams, modules and transforms as Python objects."""

import copy
import functools
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import ParamState, State, transform
from refimpl.random import RandomState
from refimpl.transform import StateFinder, fwd_grad, grad, jit

random = refimpl.random


def in_threads(work: Callable[[], Any], count: int = 4) -> list[Any]:
    """What `work` returns in several threads at once."""
    results: list[Any] = []
    together = threading.Barrier(count)

    def run() -> None:
        together.wait()
        results.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count, "a thread failed"
    return results


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


COPIES: tuple[Callable[[Any], Any], ...] = (copy.copy, copy.deepcopy, pickled)


class TestStreamsOfThreads:
    @pytest.mark.parametrize("wrap", [
        lambda f: f, jit, lambda f: grad(f, return_value=True), lambda f: jit(grad(f)),
    ])  # fmt: skip
    def test_no_number_comes_twice(self, wrap: Any) -> None:
        draw = wrap(lambda x: x * random.normal())
        here = [float(jnp.asarray(jax.tree.leaves(draw(1.0))[0])) for _ in range(20)]

        def work() -> list[float]:
            return [float(jnp.asarray(jax.tree.leaves(draw(1.0))[0])) for _ in range(20)]

        drawn = [number for numbers in in_threads(work) for number in numbers] + here
        assert len(set(drawn)) == len(drawn) == 100

    def test_no_direction_comes_twice(self) -> None:
        slope = fwd_grad(lambda x: jnp.sum(x))
        x = jnp.ones(3)
        drawn = in_threads(lambda: [tuple(slope(x).tolist()) for _ in range(10)])
        assert len({g for gradients in drawn for g in gradients}) == 40

    def test_seeding_starts_all_threads_anew(self) -> None:
        def drawn() -> Any:
            return in_threads(lambda: float(random.normal()), 1)[0], float(random.normal())

        random.seed(4)
        first = drawn()
        assert drawn() != first
        random.seed(4)
        assert drawn() == first

        def seeded() -> float:
            random.seed(4)
            return float(random.normal())

        assert in_threads(seeded, 1) == [first[1]]

    def test_a_thread_may_draw_first_in_a_trace(self) -> None:
        random.seed(0)
        draw = jax.jit(lambda: random.normal(key=random.DEFAULT.value))
        (first,) = in_threads(draw, 1)
        (value,) = in_threads(lambda: random.DEFAULT.value, 1)
        assert not isinstance(value, jax.core.Tracer)
        assert first != random.normal(key=random.DEFAULT.value)

    def test_tangents_are_not_drawn_from_keys_of_the_stream(self) -> None:
        """What `split` gives for a small number is what `fold_in` gives for a small number."""
        random.seed(0)
        tangents = random.TANGENTS.value.tolist()
        random.seed(0)
        assert tangents not in [key.tolist() for key in random.split_key(50)]

    def test_a_stream_that_a_call_makes(self) -> None:
        kept: list[RandomState] = []

        def f(x: Any) -> Any:
            kept.append(RandomState(3))
            return x * jax.random.normal(kept[-1].split_key())

        grad(f)(2.0)
        expected = RandomState(3)
        expected.split_key()
        assert jnp.array_equal(kept[0].value, expected.value)
        assert in_threads(lambda: kept[0].split_key().tolist(), 1) != [kept[0].split_key().tolist()]

    def test_copies_continue_where_the_stream_stands(self) -> None:
        stream = RandomState(3, name="mine")
        stream.split_key()
        for make in COPIES:
            made = make(stream)
            assert made.name == "mine" and type(made) is RandomState
            assert jnp.array_equal(made.value, stream.value)
            after = made.split_key()
            assert not jnp.array_equal(made.value, stream.value)
            assert jnp.array_equal(after, copy.copy(stream).split_key())


class TestStates:
    def test_a_state_is_shown_in_a_few_words(self) -> None:
        x = jnp.ones(2, jnp.float32)
        shown = {
            "State 'h' float32[16]": State(jnp.ones(16, jnp.float32), name="h"),
            "ParamState float32[2,3]": ParamState(np.zeros((2, 3), np.float32)),
            "State 'n' 3": State(3, name="n"),
            "State None": State(None),
            "State {'w': float32[2], 'b': (0.5, True)}": State({"w": x, "b": (0.5, True)}),
            "State OrderedDict('a': [])": State(OrderedDict(a=[])),
            "State list of 1000": State([jnp.zeros(())] * 1000),
            "State [[[list of 1]]]": State([[[[[1.0]]]]]),
            "State object": State(object()),
            "State 'aaaaaaaaaaaaaaaaaaa...": State("a" * 100),
        }
        assert {repr(state): state for state in shown.values()} == shown

    def test_a_tracer_is_shown_by_its_shape(self) -> None:
        state, shown = State(jnp.ones(2, jnp.float32)), []

        def f(x: Any) -> Any:
            state.value = x * state.value
            shown.append(repr(state))
            return jnp.sum(state.value)

        jit(grad(f))(3.0)
        assert set(shown) == {"State float32[2]"}

    def test_a_misspelt_attribute_is_an_error(self) -> None:
        state = State(1.0, name="v", unit="mV")
        with pytest.raises(AttributeError, match=r"State 'v' 1\.0 has no .*'valeu'.* mean 'value'"):
            state.valeu = 3  # type: ignore[attr-defined]
        with pytest.raises(AttributeError, match="it has name, tag, unit, value"):
            state.zzz = 3  # type: ignore[attr-defined]
        state.value, state.name, state.tag = 2.0, "w", {"t"}
        state.unit = "V"  # type: ignore[attr-defined]
        assert (state.value, state.name, state.tag, vars(state)["unit"]) == (2.0, "w", {"t"}, "V")
        assert not hasattr(state, "valeu") and vars(State(1.0, label="L"))["label"] == "L"

    def test_copies_are_as_strict(self) -> None:
        for make in COPIES:
            made = make(State(1.0, unit="mV"))
            made.unit = "V"
            with pytest.raises(AttributeError, match="value"):
                made.valeu = 3

    def test_subclasses_have_attributes_of_their_own(self) -> None:
        class Clipped(ParamState[Any]):
            limit = 1.0

            def __init__(self, value: Any, low: float) -> None:
                self.low = low
                super().__init__(value, unit="mV")
                self.high = low + 2.0

        state = Clipped(3.0, 0.5)
        state.low, state.high, state.limit = 0.0, 1.0, 2.0
        assert (state.low, state.high, state.limit, state.value) == (0.0, 1.0, 2.0, 3.0)
        with pytest.raises(AttributeError, match="mean 'high'"):
            state.hihg = 3.0  # type: ignore[attr-defined]

    @pytest.mark.parametrize("name", ["_cell", "_value", "_home", "__class__"])
    def test_metadata_does_not_hide_what_states_have(self, name: str) -> None:
        with pytest.raises(TypeError, match=f"metadata.*{name!r}"):
            State(1.0, **{name: 3})  # type: ignore[arg-type]

    def test_metadata_does_not_hide_what_a_subclass_has(self) -> None:
        class Decaying(State):
            def decay(self) -> None:
                self.value = self.value / 2

        with pytest.raises(TypeError, match="'decay'"):
            Decaying(1.0, decay=0.5)


WEIGHT = ParamState(jnp.array(2.0), name="weight")


def line(x: Any) -> Any:
    return WEIGHT.value**2 * x


def power(n: int, x: Any) -> Any:
    return line(x) ** n


@grad(grad_states={"w": WEIGHT})
def slope(x: Any) -> Any:
    return line(x)


@jit
def compiled(x: Any) -> Any:
    return line(x)


class Layer(refimpl.nn.Module):
    """A module that holds transforms of its own methods, over its own states."""

    def __init__(self) -> None:
        self.w = ParamState(jnp.array(2.0), name="w")
        self.gradient = grad(self.loss, {"w": self.w}, return_value=True)
        self.step = jit(self.update)
        self.finder = StateFinder(self.loss, return_type="list")
        self.hessian = transform.hessian(self.loss, self.w)
        self.forward = fwd_grad(jit(self.loss), grad_states=[self.w], key=0)

    def loss(self, x: Any) -> Any:
        return self.w.value**2 * x

    def with_weight(self, x: Any) -> Any:
        return self.w.value * WEIGHT.value * x

    def update(self, x: Any) -> Any:
        grads, value = self.gradient(x)
        self.w.value = self.w.value - 0.25 * grads["w"]
        return value

    @jit(static_argnums=0)
    def decorated(self, x: Any) -> Any:
        return self.w.value * x


class TestCopiesOfTransforms:
    @pytest.mark.parametrize("make", [copy.deepcopy, pickled])
    @pytest.mark.parametrize("called", [False, True])
    def test_of_a_module_that_holds_them(self, make: Any, called: bool) -> None:
        layer = Layer()
        if called:
            layer.step(0.0)
        made = make(layer)
        assert made.w is not layer.w and made.finder(1.0) == [made.w]
        made.w.value = jnp.array(3.0)
        assert made.gradient(1.0) == ({"w": 6.0}, 9.0) and layer.gradient(1.0) == ({"w": 4.0}, 4.0)
        assert made.hessian(1.0) == 2.0 and made.decorated(2.0) == 6.0
        assert made.forward(1.0)[0] / layer.forward(1.0)[0] == pytest.approx(1.5)
        assert made.step(1.0) == 9.0
        assert made.w.value == 1.5 and layer.w.value == 2.0

    def test_of_functions(self) -> None:
        transforms: list[Any] = [
            grad(line, WEIGHT), jit(line), grad(jit(line), WEIGHT),
            transform.jacrev(line, [WEIGHT]), transform.vector_grad(line, (WEIGHT,), 0),
            jit(grad(line, {"w": WEIGHT})),
            transform.GradientTransform(line, jax.grad, argnums=0),
            transform.GradientTransform(target=line, transform=jax.grad),
        ]  # fmt: skip
        for original in transforms:
            expected = original(3.0)
            made = copy.copy(original)
            assert made is not original and type(made) is type(original)
            assert jax.tree.leaves(made(3.0)) == jax.tree.leaves(expected)
        for original in (jit(line), grad(line), grad(jit(line)), StateFinder(line)):
            made = pickled(original)
            assert type(made) is type(original)
            assert jax.tree.leaves(made(3.0)) == jax.tree.leaves(original(3.0))

    def test_a_pickled_selection_holds_states_of_its_own(self) -> None:
        """As a pickle holds them by value, the function does not know them."""
        with pytest.raises(ValueError, match="neither reads nor writes.*weight"):
            pickled(grad(line, WEIGHT))(3.0)

    def test_a_deep_copy_leaves_functions_and_their_states(self) -> None:
        for original in (
            grad(line, WEIGHT), grad(jit(line), [WEIGHT]), jit(grad(line, WEIGHT)),
            grad(functools.partial(power, 2), WEIGHT),
        ):  # fmt: skip
            expected = original(3.0)
            for whole in ([original, WEIGHT], [WEIGHT, original]):
                held: Any = copy.deepcopy(whole)
                made = held[whole.index(original)]
                assert made is not original and held[whole.index(WEIGHT)] is not WEIGHT
                assert jax.tree.leaves(made(3.0)) == jax.tree.leaves(expected)

    def test_a_deep_copy_of_a_method_that_uses_a_state_of_nobody(self) -> None:
        layer: Any = Layer()
        layer.shared = grad(layer.with_weight, [layer.w, WEIGHT])
        made = copy.deepcopy(layer)
        made.w.value = jnp.array(3.0)
        assert made.shared(1.0) == [WEIGHT.value, 3.0] and layer.shared(1.0)[1] == 2.0

    @pytest.mark.parametrize("original", [slope, compiled, Layer.decorated])
    def test_what_decorates_a_function_is_known_by_its_name(self, original: Any) -> None:
        for make in COPIES:
            assert make(original) is original

    def test_closures_are_pickled_no_more_than_functions_are(self) -> None:
        def inner(x: Any) -> Any:
            return x

        with pytest.raises((AttributeError, pickle.PicklingError)) as usual:
            pickle.dumps(inner)
        for made in (grad(inner), jit(inner), StateFinder(inner)):
            with pytest.raises(usual.type, match="inner"):
                pickle.dumps(made)
            assert type(copy.deepcopy(made)) is type(made)

    def test_decorators_wait_with_all_their_options(self) -> None:
        waiting: list[Any] = [
            jit(static_argnums=0), grad(argnums=0), StateFinder(usage="read"),
            transform.GradientTransform(None, jax.grad, WEIGHT),
        ]  # fmt: skip
        for decorator in waiting:
            for made in (decorator, *(make(decorator) for make in COPIES)):
                assert type(made(line)) is type(decorator(line))
        assert waiting[-1](line)(3.0) == 12.0
        assert waiting[0](lambda n: n + 1)(2) == 3

    def test_of_subclasses(self) -> None:
        made = copy.copy(Scaled(line, 3.0))
        assert type(made) is Scaled and made(2.0) == 12.0


class Scaled(transform.GradientTransform):
    """A transform with a constructor of its own."""

    def __init__(self, target: Any, scale: float) -> None:
        super().__init__(target, jax.grad, argnums=0)
        self.scale = scale

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.scale * super().__call__(*args, **kwargs)


class Pair(NamedTuple):
    """A named tuple."""

    first: Any
    second: Any


class TestValuesAndUpdate:
    def setup_method(self) -> None:
        self.w = ParamState(jnp.array([1.0, 2.0], jnp.float32), name="w")
        self.b: ParamState = ParamState({"k": jnp.zeros((), jnp.float32), "n": 0.5}, name="b")

    def containers(self) -> list[Any]:
        flat = {("w",): self.w, ("b", 0): self.b}
        return [
            self.w, [self.w, self.b], (self.b, {"w": self.w}), Pair(self.w, [self.b]), flat,
            OrderedDict(z=self.w, a=self.b), [self.w, None, self.w], {}, None,
            refimpl.graph.treefy_states({"x": [self.w, self.b]}), {"s": self.w, 3: self.b},
        ]  # fmt: skip

    def test_values_have_the_form_of_gradients(self) -> None:
        self.b.value = {"k": jnp.zeros(()), "n": jnp.ones(())}
        assert refimpl.values(None) is None
        for states in self.containers():
            if states is None:
                continue  # which means argument 0, and not a container
            found = transform.grad(
                lambda: jnp.sum(self.w.value) * self.b.value["n"], states, check_states=False
            )()
            assert type(refimpl.values(states)) is type(found)
            assert str(values := refimpl.values(states)).count("Array") == str(found).count("Array")
            if isinstance(states, dict):
                assert list(values) == list(states)
        assert refimpl.values([self.w, (self.b,)]) == [self.w.value, (self.b.value,)]

    def test_a_step_of_descent(self) -> None:
        for states in self.containers():
            if isinstance(states, dict) and 3 in states:
                continue  # jax.tree.map cannot sort the keys
            self.setup_method()
            new = jax.tree.map(lambda leaf: leaf - 0.5, refimpl.values(states))
            refimpl.update(states, new)
            assert jax.tree.all(jax.tree.map(jnp.array_equal, refimpl.values(states), new))

    def test_what_does_not_fit_is_named_and_nothing_is_written(self) -> None:
        states: dict[str, Any] = {"w": self.w, "b": [self.b]}
        good = {"w": jnp.zeros(2, jnp.float32), "b": [{"k": jnp.ones((), jnp.float32), "n": 1.0}]}
        half, whole = jnp.zeros(2, jnp.float16), jnp.array(3)
        cases: list[tuple[Any, type[Exception], list[str]]] = [
            ({**good, "w": jnp.zeros(3)}, ValueError, ["new['w'] (ParamState 'w' float32[2])",
                                                       "expected float32[2], got float"]),
            ({**good, "w": half}, ValueError, ["expected float32[2], got float16[2]"]),
            ({"w": half, "b": [{"k": whole, "n": 1.0}]}, ValueError, [
                "new['w']", "new['b'][0]", "at ['k'] expected float32[], got int"]),
            ({**good, "w": [jnp.zeros(2)]}, ValueError, ["got [float", "new['w']"]),
            ({**good, "b": [{"k": whole}]}, ValueError, ["{'k': float32[], 'n': 0.5}"]),
            ({**good, "b": []}, TypeError, ["new['b'] must", "got []"]),
            ({**good, "b": (0,)}, TypeError, ["new['b'] must", "got (0)"]),
            ({"w": half}, TypeError, ["new must", "got {'w': float16[2]}"]),
            ([], TypeError, ["new must be a container like that of the states", "got []"]),
        ]  # fmt: skip
        before = self.w.value, self.b.value
        for new, error, texts in cases:
            with pytest.raises(error) as caught:
                refimpl.update(states, new)
            assert all(text in str(caught.value) for text in texts), caught.value
            assert (self.w.value, self.b.value) == before
        for bad in ({"w": 3.0}, [object()], "w"):
            with pytest.raises(TypeError, match="must be a State"):
                refimpl.values(bad)  # type: ignore[arg-type]
        refimpl.update(states, good)
        assert self.w.value is good["w"]

    def test_a_training_loop_without_a_loop_over_states(self) -> None:
        """Inside of `jit`, where the values are tracers."""
        @jit
        def step(x: Any) -> Any:
            grads = grad(lambda x: jnp.sum((self.w.value - x) ** 2), {"w": self.w})(x)
            old = refimpl.values({"w": self.w})
            refimpl.update({"w": self.w}, jax.tree.map(lambda a, g: a - 0.5 * g, old, grads))

        step(jnp.array([5.0, 6.0], jnp.float32))
        assert self.w.value.tolist() == [5.0, 6.0] and self.w.value.dtype == jnp.float32

    def test_all_are_written_or_none(self) -> None:
        """The second state may be written in the trace where it was made, and only there."""
        def f(x: Any) -> Any:
            inner = State(x)
            with pytest.raises(refimpl.StateError, match="'w'"):
                refimpl.update([inner, self.w], [x + 1, self.w.value])
            return inner.value

        assert jax.jit(f)(1.0) == 1.0
        assert self.w.value.tolist() == [1.0, 2.0]


class Stack(refimpl.nn.Module):
    """A module with states at several depths, of several kinds."""

    def __init__(self, size: int = 2) -> None:
        self.layers = [ParamState(jnp.full(size, i, jnp.float32)) for i in (1.0, 2.0)]
        self.table: dict[str, State] = {"n": State(3), "a": State({"x": np.zeros(2, np.float32)})}


class TestStateDict:
    def test_saves_and_loads(self, tmp_path: Any) -> None:
        saved = Stack().state_dict()
        assert list(saved) == ["layers.0", "layers.1", "table.a", "table.n"]
        other = Stack()
        other.layers[0].value, other.table["n"].value = jnp.zeros(2, jnp.float32), 5
        other.load_state_dict(saved)
        assert str(other.state_dict()) == str(saved)

    def test_is_a_snapshot(self) -> None:
        stack = Stack()
        saved = stack.state_dict()
        stack.table["a"].value["x"][0] = 1.0
        assert saved["table.a"]["x"].tolist() == [0.0, 0.0]
        stack.load_state_dict(saved)
        saved["table.a"]["x"][0] = 2.0
        assert stack.table["a"].value["x"].tolist() == [0.0, 0.0]

    def test_through_a_file(self, tmp_path: Any) -> None:
        stack, path = Stack(), tmp_path / "weights.npz"
        np.savez(path, **stack.state_dict(ParamState))
        stack.layers[0].value = jnp.zeros(2, jnp.float32)
        with np.load(path) as loaded:
            stack.load_state_dict(dict(loaded), ParamState)
        assert isinstance(stack.layers[0].value, jax.Array)
        assert stack.layers[0].value.tolist() == [1.0, 1.0]

    def test_names_all_that_differs_and_changes_nothing(self) -> None:
        stack = Stack()
        before = {key: id(value) for key, value in vars(stack.layers[0]).items()}
        saved = Stack(3).state_dict()
        del saved["table.n"]
        saved["layer"] = saved["layers.1"] = np.ones(2)
        with pytest.raises(ValueError) as caught:
            stack.load_state_dict(saved)
        assert str(caught.value).splitlines() == [
            "the values do not fit Stack:",
            "  table.n: missing",
            "  layer: unexpected",
            "  layers.0: expected float32[2], got float32[3]",
            "  layers.1: expected float32[2], got float64[2]",
        ]
        assert {key: id(value) for key, value in vars(stack.layers[0]).items()} == before

    def test_two_states_with_one_dotted_path(self) -> None:
        node = refimpl.nn.Module()
        vars(node).update(a={"b": State(1.0)}, **{"a.b": State(2.0)})
        with pytest.raises(ValueError, match="two states.*'a.b'"):
            node.state_dict()


class TestModules:
    def test_are_shown_in_a_few_words(self) -> None:
        assert repr(Layer()) == "Layer(w=ParamState 'w' float64[])"
        wide = refimpl.nn.Module()
        vars(wide)["parts"] = [State(float(i)) for i in range(100)]
        assert repr(wide).endswith("parts.11=State 11.0, and 88 more)")

    def test_nested_deeper_than_python_calls(self) -> None:
        first = node = refimpl.nn.Module()
        for _ in range(3000):
            vars(node)["next"] = [refimpl.nn.Module()]
            node = vars(node)["next"][0]
        vars(node)["w"] = state = State(1.0)
        (path,) = first.states()
        assert len(path) == 6001 and path[-1] == "w"
        tree = refimpl.graph.treefy_states(first)
        assert tree.to_flat() == {path: state}


def test_a_state_is_only_itself() -> None:
    class Named(ParamState[Any]):
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Named) and self.name == other.name

        def __hash__(self) -> int:
            return hash(self.name)

    with pytest.raises(TypeError, match="Named has __eq__ or __hash__"):
        Named(jnp.array(1.0))


def test_a_copy_holds_what_the_state_holds_and_not_what_it_shows() -> None:
    class Exponential(State[Any]):
        @property  # type: ignore[misc]
        def value(self) -> Any:
            return jnp.exp(State.value.fget(self))  # type: ignore[attr-defined]

    made = Exponential(jnp.array(3.0))
    for copied in (copy.copy(made), copy.deepcopy(made)):
        assert copied.value == made.value
