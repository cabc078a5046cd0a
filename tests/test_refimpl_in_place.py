"""How refimpl treats what is changed in place: containers, arrays, aliases, other nodes."""

import warnings
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import State, StateError
from refimpl.transform import (
    checkpoint,
    cond,
    for_loop,
    grad,
    jit,
    vector_grad,
    vmap,
)
from tests.members import Call, each_member


@pytest.mark.parametrize("inside", [False, True])
def test_a_staged_body_leaves_no_tracer_in_a_container(inside: bool) -> None:
    state: State = State([jnp.array(1.0)])

    def change(x: Any) -> Any:
        state.value[0] = state.value[0] * x
        return x

    for staged, want in (
        (checkpoint(change), 2.0),
        (lambda x: cond(True, change, change, x), 2.0),
        (lambda x: for_loop(change, jnp.stack([x, x])), 4.0),
        (lambda x: vmap(change, out_states=state)(jnp.stack([x, x])), [2.0, 2.0]),
    ):
        state.value = held = [jnp.array(1.0)]
        (grad(lambda x, staged=staged: jnp.sum(staged(x))) if inside else staged)(jnp.array(2.0))
        assert state.value[0].tolist() == want
        assert held[0].tolist() in (1.0, want)


def test_an_object_with_a_tracer_does_not_leave_a_checkpoint() -> None:
    class Opaque:
        content: Any = None

    state: State = State(None, name="opaque")

    def f(x: Any) -> Any:
        made = Opaque()
        made.content, state.value = x, made
        return x

    with pytest.raises(StateError, match="'opaque'.*holds a traced value"):
        checkpoint(f)(3.0)
    assert state.value is None


class TestContainers:
    """A container that is changed in place, without an assignment to the state."""

    def test_change_is_a_write(self) -> None:
        state: State = State({"a": jnp.array(1.0), "n": 0, "deep": [jnp.array(2.0)]})

        def f(x: Any) -> Any:
            state.value["a"] = state.value["a"] * x
            state.value["n"] += 1
            state.value["deep"][0] = x
            return state.value["a"]

        assert grad(f)(3.0) == 1.0
        assert state.value["n"] == 1
        assert state.value["a"] == 3.0 and state.value["deep"][0] == 3.0

    def test_change_of_a_container_alone_is_a_write(self) -> None:
        """The leaves that were there stay the same objects."""
        leaf = jnp.array(1.0)
        grown: State = State({"a": [leaf]})
        swapped: State = State({"a": [leaf]})

        def f(x: Any) -> Any:
            grown.value["a"].append(leaf)
            swapped.value["a"] = tuple(swapped.value["a"])
            return x

        grad(f)(2.0)
        assert len(grown.value["a"]) == 2 and type(swapped.value["a"]) is tuple

    def test_change_of_a_selected_state(self) -> None:
        state = State({"a": jnp.array(2.0)})

        def f(x: Any) -> Any:
            state.value["a"] = state.value["a"] * x
            return state.value["a"] ** 2

        states, arg = grad(f, state, 0)(3.0)
        assert states == {"a": 36.0} and arg == 24.0 and state.value == {"a": 6.0}

    def test_change_is_dropped_by_a_failure(self) -> None:
        value = {"a": jnp.array(1.0)}
        state = State(value)

        def f(x: Any) -> Any:
            state.value["a"] = x
            raise KeyError

        with pytest.raises(KeyError):
            grad(f)(2.0)
        assert state.value is value and value == {"a": 1.0}

    def test_reading_is_no_write(self) -> None:
        value = {"a": [jnp.array(1.0)]}
        state = State(value)
        grad(lambda x: state.value["a"][0] * x)(2.0)
        assert state.value is value

    def test_change_under_a_foreign_trace_is_an_error(self) -> None:
        state = State({"a": jnp.array(1.0)}, name="held")

        def f(x: Any) -> Any:
            def body(y: Any) -> Any:
                state.value["a"] = y
                return y

            return jax.vmap(body)(jnp.ones(3)).sum() * x

        with pytest.raises(StateError, match="held"):
            grad(f)(2.0)
        assert state.value == {"a": 1.0}


@jax.tree_util.register_dataclass
@dataclass
class Counted:
    """A pytree with a field that is no leaf."""

    x: Any
    n: int = field(default=0, metadata={"static": True})


class TestArraysInPlace:
    """NumPy arrays that are changed in place, by an index or with an assignment."""

    @each_member
    def test_a_failure_leaves_the_array_as_it_was(self, call: Call) -> None:
        array = np.zeros(2, np.float32)
        bare, deep = State(array), State({"a": [array.copy()]})

        def f(x: Any) -> Any:
            bare.value += 1
            deep.value["a"][0][1] = 5
            raise KeyError

        with pytest.raises((KeyError, TypeError)):  # jit hands in JAX's arrays
            call(f, 2.0)
        assert bare.value is array and array.tolist() == [0.0, 0.0]
        assert deep.value["a"][0].tolist() == [0.0, 0.0]

    @each_member
    def test_a_change_by_assignment_takes_effect_once(self, call: Call) -> None:
        state = State(np.zeros(2, np.float32))

        def f(x: Any) -> Any:
            state.value += 1
            return x * x

        call(f, 2.0)
        assert state.value.tolist() == [1.0, 1.0]

    def test_a_change_by_an_index_is_a_write(self) -> None:
        state = State([np.zeros(2), np.array(["a", "b"])])

        def f(x: Any) -> Any:
            state.value[0][1] = 5.0
            state.value[1][0] = "c"
            return x

        grad(f)(1.0)
        assert state.value[0].tolist() == [0.0, 5.0] and state.value[1].tolist() == ["c", "b"]
        before = state.value
        with pytest.raises(TypeError):
            jit(lambda: f(1.0))()
        assert state.value is before

    def test_reading_is_no_write(self) -> None:
        value = [np.array([np.nan, 0.0]), np.array([object()]), np.zeros(0)]
        state = State(value)
        assert grad(lambda x: x * len(state.value[2]))(2.0) == 0.0
        assert state.value is value

    @pytest.mark.parametrize("other", [
        np.array([0.0, -0.0]), np.zeros((2, 1)), np.zeros(2, np.int64), [0.0, 0.0],
    ])  # fmt: skip
    def test_another_array_in_its_place_is_a_write(self, other: Any) -> None:
        state = State([np.zeros(2)])

        def f(x: Any) -> Any:
            state.value[0] = other
            return x

        grad(f)(1.0)
        assert state.value[0] is other

    def test_a_read_only_array_stays_so(self) -> None:
        array = np.zeros(2)
        array.flags.writeable = False
        state = State(array)

        def f(x: Any) -> Any:
            state.value[0] = 1.0
            return x

        with pytest.raises(ValueError, match="read-only"):
            grad(f)(1.0)
        assert grad(lambda x: x * state.value[0])(1.0) == 0.0 and state.value is array

    def test_a_static_field_is_a_part_of_the_value(self) -> None:
        state, value = State(Counted(jnp.ones(2))), Counted(jnp.ones(2), 3)
        same = State(value)

        def f(x: Any) -> Any:
            state.value.n += 1
            return x * same.value.n

        assert grad(f)(1.0) == 3.0
        assert state.value.n == 1 and same.value is value


class TestAliases:
    """One mutable object in several places is one inside of a transform, and stays the same."""

    @pytest.mark.parametrize("around", [grad, lambda f: grad(grad(f)), vector_grad])
    def test_two_states_share_an_array(self, around: Any) -> None:
        array = np.zeros(3)
        a, b, view = State(array), State(array), State({"head": array[:1], "rest": array[1:]})

        def f(x: Any) -> Any:
            a.value[0] = 2.0
            assert view.value["head"][0] == 2.0
            return x * b.value[0]

        around(f)(2.0)
        assert a.value is array and b.value is array and array.tolist() == [2.0, 0.0, 0.0]
        assert view.value["head"].base is array
        assert float(grad(f)(2.0)) == 2.0

    @pytest.mark.parametrize("held", [[1.0], {0: 1.0}, np.ones(2), [[1.0]]])
    def test_a_change_by_another_name_is_refused_and_not_lost(self, held: Any) -> None:
        state, count = State(held), State(0)
        inner = held[0] if isinstance(held[0], list) else held

        def f(x: Any) -> Any:
            count.value += len(state.value)
            inner[0] = 5.0
            return x

        with pytest.raises(StateError, match="changed by another name"):
            grad(f)(2.0)
        assert inner[0] == 5.0 and state.value is held and count.value == 0

        def early(x: Any) -> Any:
            inner[0] = 6.0
            return x * np.ravel(state.value[0])[0]

        assert grad(early)(2.0) == 6.0

    def test_a_list_twice_in_a_value(self) -> None:
        shared: list[Any] = [0.0]
        value: dict[str, Any] = {"p": shared, "q": (shared, {"r": shared})}
        state = State(value)

        def f(x: Any) -> Any:
            state.value["p"].append(x)
            return x * state.value["q"][1]["r"][1]

        assert grad(f)(2.0) == 4.0
        assert state.value is value and shared == [0.0, 2.0]
        assert value["q"][1]["r"] is shared and not isinstance(shared[1], jax.core.Tracer)

    def test_a_container_held_over_a_nested_transform(self) -> None:
        value: dict[str, Any] = {"n": 0, "m": 0}
        state = State(value)

        def inner(x: Any) -> Any:
            state.value["n"] += 1
            return x

        def outer(x: Any) -> Any:
            held: dict[str, Any] = state.value
            grad(inner)(x)
            held["m"] = x
            return x

        grad(outer)(7.0)
        assert state.value is value and value == {"n": 1, "m": 7.0}

    def test_a_part_that_moves_stays_itself(self) -> None:
        part: list[Any] = [1]
        state: State[Any] = State({"a": part, "b": [2]})
        other: State[Any] = State(None)

        def f(x: Any) -> Any:
            other.value = (state.value.pop("a"), {"new": state.value["b"]})
            other.value[0].append(x)
            return x

        b = state.value["b"]
        grad(f)(3.0)
        assert other.value[0] is part and part == [1, 3.0]
        assert other.value[1]["new"] is b and state.value == {"b": [2]}

    def test_a_failure_changes_nothing(self) -> None:
        array = np.zeros(2)
        shared: list[Any] = [[1], {"k": 2}]
        a, b = State((array, shared)), State(shared)

        def f(x: Any) -> Any:
            a.value[0][:] = 5.0
            b.value[0].append(x)
            a.value[1][1]["k"] = x
            raise KeyError

        with pytest.raises(KeyError):
            grad(f)(1.0)
        assert array.tolist() == [0.0, 0.0] and shared == [[1], {"k": 2}] and b.value is shared


@pytest.mark.parametrize("raw", [
    lambda body, x: jax.vmap(body)(jnp.ones(3)).sum() * x,
    lambda body, x: jax.lax.scan(lambda c, _: (body(c), None), x, length=3)[0],
    lambda body, x: jax.jit(body)(x),
])  # fmt: skip
def test_a_change_in_place_under_a_foreign_trace_is_an_error(raw: Any) -> None:
    held, array = State({"n": 0}, name="culprit"), State(np.zeros(2), name="culprit")

    def counts(y: Any) -> Any:
        held.value["n"] += 1
        return y

    def fills(y: Any) -> Any:
        array.value[0] = 1.0
        return y

    for body in (counts, fills):
        with pytest.raises(StateError, match="culprit"):
            grad(lambda x, body=body: raw(body, x))(1.0)
    assert held.value == {"n": 0} and array.value.tolist() == [0.0, 0.0]
    assert grad(lambda x: raw(lambda y: y * (held.value["n"] + 1), x))(1.0) == pytest.approx(
        float(jax.grad(lambda x: raw(lambda y: y, x))(1.0))
    )


@jax.tree_util.register_pytree_node_class
class MadeAnew:
    """A node whose children are other objects at every flattening."""

    def __init__(self, number: Any) -> None:
        self.number = number

    def tree_flatten(self) -> tuple[tuple[Any], None]:
        return (self.number * 1,), None

    @classmethod
    def tree_unflatten(cls, _: None, children: Any) -> "MadeAnew":
        return cls(*children)


def test_a_read_of_a_node_that_flattens_anew_is_no_write() -> None:
    state = State(MadeAnew(2.5))
    find = refimpl.transform.StateFinder(lambda: state.value, usage="write", return_type="list")
    assert find() == []
    lanes = grad(lambda x: jnp.sum(jax.vmap(lambda y: y * state.value.number)(x * jnp.ones(2))))
    assert lanes(1.0) == 5.0

    def change(x: Any) -> Any:
        state.value.number = 7.0
        return x

    grad(change)(1.0)
    assert state.value.number == 7.0


@jax.tree_util.register_pytree_node_class
class Wrapping:
    """A node that makes its child anew at each flattening."""

    def __init__(self, held: list[float]) -> None:
        self.held = held

    def tree_flatten(self) -> tuple[list[Any], None]:
        return [(self.held,)], None

    @classmethod
    def tree_unflatten(cls, _: None, children: Any) -> "Wrapping":
        return cls(children[0][0])


def test_nodes_that_are_read_keep_what_they_hold() -> None:
    nodes = State([Wrapping([float(i)]) for i in range(20)])
    grad(lambda x: x * nodes.value[0].held[0])(1.0)
    assert [node.held for node in nodes.value] == [[float(i)] for i in range(20)]


@pytest.mark.parametrize("call", [grad, lambda f: lambda x: for_loop(f, jnp.array([x]))])
def test_dicts_of_any_kind_keep_what_they_hold(call: Any) -> None:
    class Choosy(dict[str, Any]):
        def update(self, other: Any) -> None:  # type: ignore[override]
            for key in other.keys():
                self[key] = other[key]

    for make in (Counter, Choosy, OrderedDict, lambda content: defaultdict(int, content)):
        state = State(make({"b": 2, "a": 1}))
        call(lambda x, state=state: x * state.value["b"])(1.0)
        assert type(state.value) is type(make({})) and list(state.value.items()) == [
            ("b", 2),
            ("a", 1),
        ]
        held: dict[str, Any] = state.value

        def change(x: Any, state: Any = state) -> Any:
            state.value["a"] += 5
            return x

        if call is grad:
            call(change)(1.0)
            assert state.value is held and dict(held) == {"b": 2, "a": 6}


def test_a_read_only_view_follows_what_it_is_a_view_of() -> None:
    base = np.zeros(3)
    a, b = State(base), State(np.broadcast_to(base, (2, 3)))

    def f(x: Any) -> Any:
        a.value[1] = 5.0
        return x * b.value[0, 1]

    assert grad(f)(1.0) == 5.0
    assert b.value[1, 1] == 5.0 and not b.value.flags.writeable


@pytest.mark.parametrize("make", [lambda x: [x], lambda x: {"a": [x]}, lambda x: [(x,), [2.0]]])
def test_what_is_written_to_two_states_is_one_object(make: Any) -> None:
    a, b = State[Any](None), State[Any](None)

    def f(x: Any) -> Any:
        a.value = held = make(x)
        b.value = [held, held]
        return x

    grad(f)(1.0)
    assert a.value is b.value[0] is b.value[1]


def test_an_array_of_another_form_replaces_the_one_before() -> None:
    a, b = State(np.arange(6.0)), State(np.zeros(2))

    def f(x: Any) -> Any:
        b.value[0] = 9.0
        a.value.shape = (1, 6)
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's, of setting a shape
        grad(f)(1.0)
    assert list(a.value.shape) == [1, 6] and b.value.tolist() == [9.0, 0.0]


def test_a_view_of_what_was_made_read_only_can_be_read() -> None:
    base = np.arange(6.0)
    view = base[2:]
    base.flags.writeable = False
    state = State(view)
    assert grad(lambda x: x * state.value.sum())(2.0) == 14.0
    assert state.value is view


class Attributes(dict[str, Any]):
    """A dict whose items are attributes as well."""

    def __init__(self, **items: Any) -> None:
        super().__init__(**items)
        self.__dict__ = self


class Frozen(dict[str, Any]):
    """A dict that nothing is set in."""

    def __setitem__(self, key: str, value: Any) -> None:
        raise TypeError("frozen")


def test_dicts_that_are_more_than_their_items_are_objects() -> None:
    s = State[Any](Attributes(w=jnp.array(2.0)), name="culprit")
    assert grad(lambda x: x * s.value.w)(1.0) == 2.0

    def keep(x: Any) -> Any:
        s.value["w"] = 3.0 * x
        return s.value.w

    def change(x: Any) -> Any:
        s.value.w = 5.0
        return x

    grad(change)(1.0)
    assert s.value.w == s.value["w"] == 5.0
    with pytest.raises(StateError, match="culprit"):
        grad(keep)(2.0)
    with pytest.raises(StateError, match="aux"):
        grad(lambda x: (x, Attributes(loss=x)), has_aux=True)(2.0)
    assert grad(lambda x: x * State(Frozen(w=2.0)).value["w"])(1.0) == 2.0
    frozen = State(Frozen(w=2.0))
    assert grad(lambda x: x * frozen.value["w"])(1.0) == 2.0


@pytest.mark.parametrize("inner", [jax.grad, grad, lambda f: lambda y: jax.lax.scan(
    lambda c, _: (f(c), None), y, length=2)[0]])
def test_a_held_container_takes_no_tracer_of_an_inner_transform(inner: Any) -> None:
    s = State[Any]({"k": 1.0}, name="culprit")

    def f(x: Any) -> Any:
        held = s.value
        inner(lambda y: (held.update(k=y * 2.0), y)[1])(x)
        return x

    with pytest.raises((StateError, jax.errors.UnexpectedTracerError)):
        grad(f)(1.0)
    assert s.value == {"k": 1.0}
