"""Control flow over states: the same program with `refimpl.transform` and unrolled in Python.

Results, final states, the random stream and derivatives agree, whatever is around the program.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import ParamState, State, StateError, random, transform
from refimpl.frames import Frame
from refimpl.transform import StateFinder, cond, for_loop, grad, jit, scan, switch, vmap, while_loop

STEPS = jnp.linspace(-1.0, 1.0, 6).reshape(3, 2)


def stack(results: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *results)


def python_scan(f: Any, init: Any, xs: Any) -> Any:
    ys = []
    for index in range(len(jax.tree.leaves(xs)[0])):
        init, y = f(init, jax.tree.map(lambda leaf, at=index: leaf[at], xs))
        ys.append(y)
    return init, stack(ys)


def python_while(test: Any, body: Any, value: Any) -> Any:
    while test(value):
        value = body(value)
    return value


LIFTED = transform
UNROLLED = SimpleNamespace(
    for_loop=lambda f, *xs: stack([f(*entries) for entries in zip(*xs, strict=True)]),
    scan=python_scan,
    while_loop=python_while,
    cond=lambda pred, yes, no, *operands: (yes if pred else no)(*operands),
    switch=lambda index, branches, *operands: branches[index](*operands),
    checkpoint=lambda f: f,
)


@dataclass
class World:
    """States of every kind; each run of a program gets its own."""

    w: State = field(default_factory=lambda: ParamState(jnp.array([0.5, -0.3]), name="w"))
    h: State = field(default_factory=lambda: State(jnp.array([0.1, 0.2]), name="h"))
    n: State = field(default_factory=lambda: State(jnp.array(0), name="n"))
    tree: State = field(default_factory=lambda: State({"a": (jnp.ones(2), 1.5), "b": None}))
    last: State = field(default_factory=lambda: State(0.0, name="last"))

    def step(self, x: Any) -> Any:
        """Reads, writes, draws, counts, overwrites, and uses a state of its own."""
        inner = State(x)
        inner.value = inner.value + 0.1 * random.normal()
        self.n.value += 1
        self.h.value = jnp.tanh(self.w.value * self.h.value + inner.value)
        self.last.value = jnp.sum(self.h.value)
        return self.h.value * self.n.value

    def values(self) -> Any:
        states = self.w, self.h, self.n, self.tree, self.last, random.DEFAULT
        return [state.value for state in states]


Program = Callable[[Any, World, Any], Any]


def in_for_loop(ops: Any, world: World, xs: Any) -> Any:
    return ops.for_loop(world.step, xs)


def over_two_arrays(ops: Any, world: World, xs: Any) -> Any:
    def step(x: Any, y: Any) -> Any:
        a, b = world.tree.value["a"]
        world.tree.value = {"a": (a * x, b + jnp.sum(y)), "b": None}
        return world.step(x) * y, x

    return ops.for_loop(step, xs, xs**2)


def in_scan(ops: Any, world: World, xs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        return {"c": carry["c"] + jnp.sum(world.step(x["x"]))}, carry["c"] * x["x"]

    return ops.scan(step, {"c": jnp.array(0.5)}, {"x": xs})


def in_nested_loops(ops: Any, world: World, xs: Any) -> Any:
    def outer(x: Any) -> Any:
        inside = ops.for_loop(lambda y: world.step(x * y), xs)
        world.w.value = world.w.value * 0.9
        return inside

    return ops.for_loop(outer, xs)


def in_one_branch(ops: Any, world: World, xs: Any) -> Any:
    def yes(x: Any) -> Any:
        world.last.value = 3.0
        return world.step(x)

    first = ops.cond(jnp.array(True), yes, lambda x: x * world.h.value, xs[0])
    second = ops.cond(jnp.array(False), yes, lambda x: x * world.h.value, xs[1])
    return first, second


def in_different_branches(ops: Any, world: World, xs: Any) -> Any:
    def change_w(x: Any) -> Any:
        world.w.value = world.w.value * jnp.sum(x)
        return world.h.value

    branches = [world.step, change_w, lambda x: x * world.w.value]
    return [ops.switch(jnp.array(i), branches, x) for i, x in enumerate((*xs, *xs[:0]))]


def branch_in_loop(ops: Any, world: World, xs: Any) -> Any:
    flags = jnp.array([True, False, True])
    return ops.for_loop(lambda flag, x: ops.cond(flag, world.step, lambda x: x, x), flags, xs)


def in_while_loop(ops: Any, world: World, xs: Any) -> Any:
    def body(value: Any) -> Any:
        index, total = value
        return index + 1, total + jnp.sum(world.step(xs[0]))

    start = jnp.array(0), jnp.array(0.0)
    return ops.while_loop(lambda value: value[0] < 3, body, start)[1]


def states_in_the_test(ops: Any, world: World, xs: Any) -> Any:
    def test(value: Any) -> Any:
        world.last.value = random.uniform() + world.n.value
        return world.n.value < 3

    return ops.while_loop(test, lambda value: value + world.step(xs[0]), jnp.zeros(2))


def in_checkpoint(ops: Any, world: World, xs: Any) -> Any:
    block = ops.checkpoint(world.step)
    return block(xs[0]), block(xs[1])


def checkpoint_in_loop(ops: Any, world: World, xs: Any) -> Any:
    return ops.for_loop(ops.checkpoint(world.step), xs)


def learning_in_loop(ops: Any, world: World, xs: Any) -> Any:
    def loss(x: Any) -> Any:
        return jnp.sum((world.w.value * x - world.step(x)) ** 2)

    def learn(x: Any) -> Any:
        found, value = grad(loss, grad_states=world.w, return_value=True)(x)
        world.w.value = world.w.value - 0.1 * found
        return value

    return ops.for_loop(learn, xs)


FORWARD_ONLY = [in_while_loop, states_in_the_test]
PROGRAMS = [
    in_for_loop,
    over_two_arrays,
    in_scan,
    in_nested_loops,
    in_one_branch,
    in_different_branches,
    branch_in_loop,
    in_checkpoint,
    checkpoint_in_loop,
    learning_in_loop,
    *FORWARD_ONLY,
]


def total(function: Any) -> Any:
    return lambda xs: sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(function(xs)))


def derivative(name: str, **options: Any) -> Callable[[Any, World], Any]:
    def around(function: Any, world: World) -> Any:
        member = getattr(transform, name)
        states = {"h": world.h, "w": [world.w]}
        return member(total(function), grad_states=states, argnums=0, **options)

    return around


def a_jvp(function: Any, world: World) -> Any:
    return lambda xs: transform.jvp(
        function, (xs,), (jnp.cos(xs),), grad_states=world.w, state_tangents=jnp.array([1.0, 2.0])
    )


def a_vjp(function: Any, world: World) -> Any:
    def run(xs: Any) -> Any:
        output, pull = transform.vjp(total(function), xs, grad_states=world.w)
        return output, pull(jnp.array(2.0))

    return run


FORWARD = {
    "plain": lambda function, world: function,
    "jacfwd": derivative("jacfwd", return_value=True),
    "jvp": a_jvp,
}
REVERSE = {
    "grad": derivative("grad", return_value=True),
    "jacrev": derivative("jacrev"),
    "vjp": a_vjp,
    "hessian": derivative("hessian"),
}


def assert_agree(ours: Any, theirs: Any) -> None:
    structure: Any = jax.tree.structure(theirs)
    assert jax.tree.structure(ours) == structure
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
        assert jnp.asarray(a).dtype == jnp.asarray(b).dtype


def outcome(ops: Any, program: Program, around: Any, compiled: bool) -> Any:
    world = World()
    random.seed(3)
    work = around(lambda xs: program(ops, world, xs), world)
    result = (jit(work) if compiled else work)(STEPS)
    return result, world.values()


SIMPLE = [in_for_loop, in_one_branch, in_checkpoint, in_while_loop]
COMPILED = ["plain", "grad", "jvp"]
POINTS = [
    pytest.param(program, around, how == "jit", id=f"{program.__name__}-{name}-{how}")
    for program in PROGRAMS
    for name, around in (FORWARD if program in FORWARD_ONLY else FORWARD | REVERSE).items()
    for how in ("eager", "jit")
    if (how == "eager" or name in COMPILED)
    and (program in SIMPLE or (name, how) in [("plain", "jit"), ("grad", "jit"), ("jvp", "eager")])
]
"""Everything around the simple programs, and of the others what differs most."""


@pytest.mark.parametrize("program, around, compiled", POINTS)
def test_it_is_the_unrolled_program(program: Program, around: Any, compiled: bool) -> None:
    ours = outcome(LIFTED, program, around, compiled)
    assert_agree(ours, outcome(UNROLLED, program, around, False))


class TestLoops:
    def test_no_steps(self) -> None:
        world = World()
        before = world.values()
        assert for_loop(world.step, jnp.zeros((0, 2))).shape == (0, 2)
        carry, ys = scan(lambda c, x: (c + 1.0, world.step(x)), 2.0, jnp.zeros((0, 2)))
        assert carry == 2.0 and ys.shape == (0, 2)
        assert for_loop(lambda: world.n.value, length=0).shape == (0,)
        assert_agree(world.values(), before)
        assert StateFinder(lambda: for_loop(world.step, jnp.zeros((0, 2))))() == {}

    def test_no_arrays(self) -> None:
        n = State(0)

        def count() -> Any:
            n.value += 1
            return n.value

        assert for_loop(count, length=3).tolist() == [1, 2, 3] and n.value == 3
        with pytest.raises(TypeError, match="arrays to step through, or a length"):
            for_loop(count)

    def test_backwards_and_unrolled(self) -> None:
        h = State(jnp.array(0.0))

        def step(x: Any) -> Any:
            h.value = 0.5 * h.value + x
            return h.value

        xs = jnp.arange(4.0)
        forwards = for_loop(step, xs, unroll=2)
        h.value = jnp.array(0.0)
        assert for_loop(step, xs[::-1], reverse=True).tolist() == forwards[::-1].tolist()

    def test_effects_are_exact(self) -> None:
        world, other = World(), State(jnp.array(1.0))

        def loop(both: bool) -> Any:
            def step(x: Any) -> Any:
                if both:
                    other.value = other.value * 2.0
                return world.step(x)

            return for_loop(step, STEPS)

        finder = StateFinder(loop, usage="both", return_type="list")
        loop(True)  # what the same code wrote before is no part of what it does now
        found = finder(False)
        assert found["read"] == [world.w]
        assert set(found["write"]) == {world.n, world.h, world.last, random.DEFAULT}
        assert other in finder(True)["write"]

    def test_the_dtype_before_does_not_depend_on_earlier_calls(self) -> None:
        h: State[Any] = State(0)

        def step(x: Any) -> Any:
            h.value = h.value + x
            return h.value

        def loop(xs: Any) -> Any:
            h.value = 0
            return for_loop(step, xs).dtype, h.value.dtype

        assert loop(jnp.ones(3)) == (jnp.float64, jnp.float64)
        assert loop(jnp.ones(3, jnp.int32)) == (jnp.int32, jnp.int32)
        assert loop(jnp.ones(3)) == (jnp.float64, jnp.float64)

    @pytest.mark.parametrize(
        "first, change, words",
        [
            (jnp.zeros(2), lambda value: value[:1], r"float64\[2\].*float64\[1\]"),
            (jnp.zeros((), int), lambda value: value * 0.5, r"int64\[\].*float64\[\]"),
            ((1.0, 2.0), lambda value: value[:1], r"\(.*\).*\(.*\)"),
            ("text", lambda value: value + "s", "arrays and numbers"),
        ],
        ids=["shape", "dtype", "structure", "text"],
    )
    def test_a_state_that_changes_its_kind_is_named(
        self, first: Any, change: Any, words: str
    ) -> None:
        state = State(first, name="odd")

        def step() -> None:
            state.value = change(state.value)

        with pytest.raises(TypeError, match=f"'odd'.*{words}"):
            for_loop(step, length=2)
        assert state.value is first

    def test_what_was_overwritten_may_be_read_with_another_type(self) -> None:
        """The same code writes a number of each lane in vmap, and turns the pair outside of it."""
        m, turning = State(jnp.array([1.0, 2.0]), name="m"), [False]

        def body(y: Any) -> Any:
            m.value = jnp.stack([m.value[1], y]) if turning[0] else y * 1.0
            return y

        for turning[0] in (False, True, False, True):
            m.value, xs = jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])
            if turning[0]:
                for_loop(body, xs)
            else:
                vmap(lambda x: for_loop(body, x[None]), in_states=m)(xs)
            assert list(map(float, m.value)) == [3.0, 4.0]

        def fails(y: Any) -> Any:
            m.value = y
            raise KeyError("of its own")

        for _ in range(2):
            with pytest.raises(KeyError, match="of its own"):
                for_loop(fails, jnp.ones(3))
        assert list(map(float, m.value)) == [3.0, 4.0]

    def test_what_is_overwritten_first_may_have_been_anything(self) -> None:
        out: State[Any] = State("nothing yet")

        def step(x: Any) -> None:
            out.value = {"x": x}

        for_loop(step, STEPS)
        assert_agree(out.value, {"x": STEPS[-1]})

    def test_a_state_that_outlives_the_body_is_refused(self) -> None:
        kept: list[State] = []

        def step(x: Any) -> None:
            kept.append(State(x, name="late"))

        with pytest.raises(StateError, match="'late'.*create the state before"):
            for_loop(step, STEPS)
        with pytest.raises(StateError, match="'late'.*create the state before"):
            cond(True, step, step, 1.0)

    def test_a_lazily_made_state_is_there_after_one_call_outside(self) -> None:
        """Also after the call that was refused, if its first value is no tracer."""
        kept: dict[str, State[Any]] = {}

        def step(name: str, first: Callable[[], Any], x: Any) -> Any:
            if name not in kept:
                kept[name] = State(first())
            kept[name].value = kept[name].value + x
            return kept[name].value

        def loop(name: str, first: Callable[[], Any]) -> Any:
            return for_loop(lambda x: step(name, first, x), jnp.ones(3)).tolist()

        with pytest.raises(StateError, match="for_loop.*one call outside"):
            loop("number", lambda: 0.0)
        assert loop("number", lambda: 0.0) == [1.0, 2.0, 3.0]
        step("array", lambda: jnp.zeros(()), 1.0)
        assert loop("array", lambda: jnp.zeros(())) == [2.0, 3.0, 4.0]

    @pytest.mark.parametrize("around", [lambda f: f, jit], ids=["eager", "jit"])
    def test_a_failure_in_the_middle_changes_nothing(self, around: Any) -> None:
        world = World()
        before = world.values()

        def step(x: Any) -> None:
            world.step(x)
            for_loop(world.step, STEPS)
            raise ZeroDivisionError

        for lifted in (
            lambda: for_loop(step, STEPS),
            lambda: cond(jnp.array(True), step, world.step, STEPS[0]),
            lambda: while_loop(lambda _: True, step, STEPS[0]),
            lambda: vmap(step)(STEPS),
            lambda: transform.checkpoint(step)(STEPS[0]),
        ):
            with pytest.raises(ZeroDivisionError):
                around(lifted)()
        assert_agree(world.values(), before)
        assert_agree(for_loop(world.step, STEPS).shape, (3, 2))

    def test_steady_calls_trace_once_and_any_length_as_often(self) -> None:
        runs: list[int] = []
        world = World()

        def step(x: Any) -> Any:
            runs.append(1)
            return world.step(x)

        def traces(length: int) -> int:
            runs.clear()
            for_loop(step, jnp.zeros((length, 2)))
            return len(runs)

        assert traces(3) == 2 and traces(3) == 1 and traces(1000) == 1

    def test_nested_loops_do_not_double_the_traces_of_the_first_call(self) -> None:
        runs: list[int] = []
        world = World()

        def nest(depth: int) -> Any:
            def step(x: Any) -> Any:
                if depth:
                    return for_loop(nest(depth - 1), STEPS)
                runs.append(1)
                return world.step(x)

            return step

        for_loop(nest(3), STEPS)
        assert len(runs) <= 8

    @pytest.mark.parametrize("around", [lambda f: f, jit])
    def test_what_a_function_prints_appears_once(self, around: Any) -> None:
        stream, w, printed = refimpl.random.RandomState(0), State(jnp.array(1.0)), []

        def step(x: Any) -> Any:
            jax.debug.callback(lambda value: printed.append(float(value)), x)
            w.value = w.value * 2.0
            return x * w.value * refimpl.random.normal(key=stream.split_key())

        for mapped in (for_loop, lambda f, x: transform.vmap(f)(x)):
            around(lambda mapped=mapped: mapped(step, jnp.arange(3.0)))()
            jax.effects_barrier()
            assert sorted(printed) == [0.0, 1.0, 2.0]
            printed.clear()

    def test_jax_does_not_remember_the_states_of_an_earlier_trace(self) -> None:
        h = State(jnp.array(1.0))
        helper = jax.jit(lambda x: x * 2.0 + h.value)

        def step(x: Any) -> Any:
            h.value = helper(x)
            return h.value

        assert for_loop(step, jnp.ones(3)).tolist() == [3.0, 5.0, 7.0]
        assert for_loop(step, jnp.ones(3)).tolist() == [9.0, 11.0, 13.0]

    @pytest.mark.parametrize("around", [lambda f: f, jit, transform.jacfwd])
    def test_the_test_of_a_while_loop_is_of_this_call(self, around: Any) -> None:
        """The first belief is of the states before, whose values have the same types."""

        def counted(steps: int) -> tuple[State, Any]:
            n = State(jnp.array(0))

            def body(x: Any) -> Any:
                n.value += 1
                return 2.0 * x

            return n, lambda x: while_loop(lambda _: n.value < steps, body, x)

        made = [counted(steps) for steps in (3, 2, 4)]
        for _, loop in made:
            around(loop)(jnp.array(1.0))
        assert [n.value for n, _ in made] == [3, 2, 4]

    def test_without_staging(self) -> None:
        program = branch_in_loop
        with jax.disable_jit():
            ours = outcome(LIFTED, program, FORWARD["plain"], False)
        assert_agree(ours, outcome(UNROLLED, program, FORWARD["plain"], False))

    def test_a_foreign_trace_is_refused_by_name(self) -> None:
        world = World()
        with pytest.raises(StateError, match="'h'|'n'|DEFAULT"):
            jax.jit(lambda xs: for_loop(world.step, xs))(STEPS)

    def test_a_scan_whose_body_returns_no_pair(self) -> None:
        with pytest.raises(TypeError, match="pair.*carry"):
            scan(lambda carry, x: carry, 0.0, STEPS)


class TestBranches:
    def test_weak_types_give_way(self) -> None:
        s: State[Any] = State(0)

        def write(x: Any) -> None:
            s.value = x

        cond(jnp.array(False), write, lambda x: None, jnp.array(2.0, jnp.float32))
        assert s.value == 0 and s.value.dtype == jnp.float32
        cond(jnp.array(True), write, lambda x: None, jnp.array(2.0, jnp.float32))
        assert s.value == 2

    def test_branches_that_disagree_are_refused_by_name(self) -> None:
        s = State(jnp.zeros(2), name="odd")

        def write() -> None:
            s.value = jnp.zeros(3)

        with pytest.raises(TypeError, match=r"'odd'.*float64\[3\] or float64\[2\].*cond"):
            cond(jnp.array(True), write, lambda: None)

    def test_a_state_may_hold_nothing(self) -> None:
        s = State(None)

        def write() -> None:
            s.value = None

        cond(jnp.array(True), write, lambda: None)
        assert s.value is None
        assert StateFinder(lambda: cond(True, write, write), usage="write")() == {0: s}

    def test_the_index_is_clamped(self) -> None:
        n = State(0)

        def add(k: int) -> Callable[[], None]:
            def branch() -> None:
                n.value += k

            return branch

        for index in (-5, 1, 7):
            switch(jnp.array(index), [add(1), add(10), add(100)])
        assert n.value == 111
        with pytest.raises(ValueError, match="at least one branch"):
            switch(0, [])

    def test_functions_are_checked(self) -> None:
        with pytest.raises(TypeError, match="true_fun must be callable.*got 3"):
            transform.cond(True, 3, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("empty", [None, (), {"a": None}])
def test_a_body_may_leave_a_value_without_arrays(empty: Any) -> None:
    s = State(jnp.array(1.0))
    transform.for_loop(lambda x: setattr(s, "value", empty), STEPS)
    assert s.value == empty


def test_what_a_body_wrote_first_it_may_only_read_the_next_time() -> None:
    s, writes = State(jnp.array(5.0)), True

    def body(x: Any) -> Any:
        if writes:
            s.value = x
        return s.value * x

    xs = jnp.array([1.0, 2.0])
    assert transform.for_loop(body, xs).tolist() == [1.0, 4.0]
    s.value, writes = jnp.array(5.0), False
    assert transform.for_loop(body, xs).tolist() == [5.0, 10.0]
    assert cond(True, body, body, 3.0) == 15.0
    s.value, writes = jnp.array(5.0), True
    assert cond(True, body, body, 3.0) == 9.0
    s.value, writes = jnp.array(5.0), False
    assert float(while_loop(lambda v: v < s.value, body, jnp.array(2.0))) == 10.0
    assert transform.for_loop(body, xs).tolist() == [5.0, 10.0]


def test_what_lanes_drew_a_loop_of_the_same_code_draws() -> None:
    def body(x: Any) -> Any:
        return x + random.normal()

    assert vmap(body)(STEPS).shape == transform.for_loop(body, STEPS).shape == STEPS.shape


def test_a_custom_derivative_does_not_see_a_stale_value() -> None:
    """JAX runs the rule after the body: it must not find what the state held before the loop."""
    h, fixed = State(jnp.array(1.0), name="h"), State(jnp.array(3.0))

    def ruled(state: State) -> Any:
        function = jax.custom_jvp(lambda x: x * state.value)
        function.defjvp(lambda x, dx: (function(*x), 10.0 * dx[0] * state.value))
        return function

    def body(function: Any, x: Any) -> Any:
        h.value = h.value + 1.0
        return function(x)

    for through in (
        lambda f, x: jnp.sum(for_loop(lambda y: f(x * y), jnp.ones(2))),
        lambda f, x: cond(jnp.array(True), f, lambda x: x, x),
        lambda f, x: transform.checkpoint(f)(x),
    ):
        with pytest.raises(StateError, match="'h'.*hand the value to the function"):
            grad(lambda x, through=through: through(lambda y: body(ruled(h), y), x))(2.0)
        found = grad(lambda x, through=through: through(lambda y: body(ruled(fixed), y), x))(2.0)
        assert found in (30.0, 60.0)


def used(function: Callable[[], Any]) -> tuple[set[State], dict[State, bool]]:
    """States whose values outside a function uses; and those it touches, True if it writes them."""
    with Frame() as frame:
        function()
    return set(frame.fetched), frame.touched


CALLS: dict[str, Callable[[World], Any]] = {
    "for_loop": lambda world: for_loop(world.step, STEPS),
    "cond": lambda world: cond(jnp.array(True), world.step, lambda x: 1.0 * x, STEPS[0]),
    "while_loop": lambda world: while_loop(
        lambda i: i < 3, lambda i: (world.step(STEPS[0]), i + 1)[1], jnp.array(0)
    ),
    "vmap": lambda world: vmap(world.step, out_states=[world.h, world.last])(STEPS),
    "checkpoint": lambda world: transform.checkpoint(world.step)(STEPS[0]),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_tracer_outlives_a_body(name: str) -> None:
    with jax.checking_leaks():
        CALLS[name](World())


def test_what_a_body_uses_of_outside_its_caller_used() -> None:
    w, n = State(jnp.array(2.0)), State(jnp.array(0))

    def body(x: Any) -> Any:
        n.value = n.value + 1
        return w.value * x

    def over(x: Any) -> Any:
        n.value = jnp.zeros((), int)
        return w.value * x

    touched = {w: False, n: True}
    for function in (
        lambda: for_loop(body, STEPS),
        lambda: cond(jnp.array(True), over, lambda x: x * 1.0, 1.0),
        lambda: while_loop(lambda x: x < 3.0, over, 1.0),
        lambda: vmap(body)(STEPS),
        lambda: transform.checkpoint(body)(1.0),
    ):
        assert used(function) == ({w, n}, touched)
    assert used(lambda: for_loop(over, STEPS)) == ({w}, touched)
    assert used(lambda: vmap(lambda x: x)(STEPS)) == (set(), {})
    assert used(lambda: for_loop(body, STEPS[:0]))[1] == {}


def test_checkpoint_of_a_method_and_of_a_function_of_states() -> None:
    class Layer(refimpl.nn.Module):
        def __init__(self) -> None:
            self.w, self.n = ParamState(jnp.array(3.0)), State(0)

        @transform.checkpoint
        def run(self, x: Any) -> Any:
            self.n.value += 1
            return self.w.value**2 * x

    @transform.checkpoint
    def square(x: Any, state: State | None = None) -> Any:
        return x if state is None else x * state.value**2

    layer: Any = Layer()
    assert grad(layer.run, layer.w)(2.0) == 12.0 and layer.n.value == 1
    assert grad(lambda x: square(x, state=layer.w), layer.w)(2.0) == 12.0
    assert grad(lambda x: square(square(x), layer.w), layer.w)(2.0) == 12.0


def test_a_constant_that_is_written_in_a_checkpoint_is_an_array() -> None:
    state = State({"a": jnp.array(1.0)})

    def f(x: Any) -> Any:
        state.value["a"] = jnp.array(5.0)
        return x * state.value["a"]

    assert transform.checkpoint(f)(2.0) == 10.0
    assert isinstance(state.value["a"], jax.Array)
    assert state.value["a"].dtype == jnp.array(5.0).dtype


def test_checkpoint_options() -> None:
    world = World()

    @transform.checkpoint(static_argnums=1, policy=jax.checkpoint_policies.everything_saveable)
    def block(x: Any, twice: bool, *, scale: Any) -> Any:
        return world.step(x) * scale if twice else x

    assert_agree(block(STEPS[0], False, scale=2.0), STEPS[0])
    assert block(STEPS[0], True, scale=2.0).shape == (2,) and world.n.value == 1


def test_checkpoint_keeps_nothing_inside() -> None:
    w = ParamState(jnp.array(0.5))

    def residuals(block: Any) -> int:
        def f(x: Any) -> Any:
            return block(block(block(x)))

        _, pull = jax.vjp(lambda x: f(x), jnp.ones(7))
        return sum(leaf.size for leaf in jax.tree.leaves(pull))

    def block(x: Any) -> Any:
        return jnp.sin(jnp.cos(jnp.sin(w.value * x)))

    assert residuals(transform.checkpoint(block)) < residuals(block)


def test_a_state_born_in_a_checkpoint_lives() -> None:
    kept: list[State] = []

    def block(x: Any) -> Any:
        kept.append(State(2.0 * x))
        return kept[0].value

    assert transform.checkpoint(block)(1.5) == 3.0 and kept[0].value == 3.0


def test_the_names_are_public() -> None:
    names = {"for_loop", "scan", "while_loop", "cond", "switch", "vmap", "checkpoint"}
    assert names <= set(refimpl.transform.__all__)
