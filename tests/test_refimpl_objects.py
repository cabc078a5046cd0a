"""The objects of refimpl: states, streams, modules and transforms as Python objects."""

import copy
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import ParamState, State
from refimpl.random import RandomState
from refimpl.transform import fwd_grad, grad, jit

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
        assert not hasattr(state, "valeu")

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

    @pytest.mark.parametrize("name", ["label", "_value", "_home", "__class__"])
    def test_metadata_does_not_hide_what_states_have(self, name: str) -> None:
        with pytest.raises(TypeError, match=f"metadata.*{name!r}"):
            State(1.0, **{name: 3})  # type: ignore[arg-type]

    def test_metadata_does_not_hide_what_a_subclass_has(self) -> None:
        class Decaying(State):
            def decay(self) -> None:
                self.value = self.value / 2

        with pytest.raises(TypeError, match="'decay'"):
            Decaying(1.0, decay=0.5)
