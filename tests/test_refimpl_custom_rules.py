"""Custom derivative rules that read states: right, or an error that says what to do instead."""

import subprocess
import sys
import unittest.mock
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from refimpl import ParamState, State, frames
from refimpl.frames import StateError
from refimpl.random import normal
from refimpl.transform import (
    GradientTransform,
    StateFinder,
    checkpoint,
    cond,
    for_loop,
    grad,
    hessian,
    jacrev,
    jit,
    jvp,
    vector_grad,
    vjp,
    vmap,
)

ONE = jnp.ones(())


def ruled(part: str, state: State) -> Callable[[Any], Any]:
    """The identity, whose derivative is by rule the value of a state, read in one part of it."""
    if part == "jvp":
        forward = jax.custom_jvp(lambda x: x)
        forward.defjvp(lambda x, dx: (x[0], state.value * dx[0]))
        return forward
    both = jax.custom_vjp(lambda x: x)
    if part == "fwd":
        both.defvjp(lambda x: (x, state.value), lambda slope, ct: (slope * ct,))
    else:
        both.defvjp(lambda x: (x, None), lambda _, ct: (state.value * ct,))
    return both


def plain(f: Callable[..., Any]) -> Callable[..., Any]:
    return f


def in_a_loop(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: for_loop(f, x[None])[0]


def pulled(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: vjp(f, x)[1](ONE)


WAYS: dict[str, Callable[..., Any]] = {
    "grad": grad,
    "vector_grad": vector_grad,
    "jacrev": jacrev,
    "vjp": pulled,
    "jit(grad)": lambda f: jit(grad(f)),
    "grad(jit)": lambda f: grad(jit(f)),
    "jit(vjp)": lambda f: jit(pulled(f)),
    "grad inside": lambda f: grad(lambda x: grad(f)(x) * x),
    "a pull in a function": lambda f: jit(lambda x: pulled(f)(x)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["jvp", "fwd", "bwd"])
@pytest.mark.parametrize(("when", "slope"), [
    ("never", 2.0), ("before", 20.0), ("after", 2.0), ("between", 22.0),
])  # fmt: skip
def test_a_state_that_changes_in_the_function(way: str, part: str, when: str, slope: float) -> None:
    """JAX runs bwd when the function is over, and the value that it should see is gone."""
    state = State(jnp.array(3.0), name="slope")
    h = ruled(part, state)

    def change() -> None:
        state.value = state.value * 10.0

    def f(x: Any) -> Any:
        if when == "before":
            change()
        y = h(x)
        if when in ("after", "between"):
            change()
        return y + h(x) if when == "between" else y

    call = WAYS[way](f)
    if part == "bwd" and when != "never":
        with pytest.raises(StateError, match="'slope'.*hand the value to the function"):
            call(ONE)
        return
    call(ONE)
    state.value = jnp.array(2.0)
    assert float(call(ONE)) == slope


@pytest.mark.parametrize("helper", [plain, jit])
@pytest.mark.parametrize("loop", [plain, in_a_loop])
def test_a_rule_that_reads_through_a_helper(helper: Any, loop: Any) -> None:
    """The read is in a frame of its own, above that in which the rule runs."""
    state = State(np.array(3.0), name="slope")
    read = helper(lambda: state.value * 1.0)
    backward = jax.custom_vjp(lambda x: x)
    backward.defvjp(lambda x: (x, None), lambda _, ct: (read() * ct,))
    forward = jax.custom_jvp(lambda x: x)
    forward.defjvp(lambda x, dx: (x[0], read() * dx[0]))

    def changing(h: Any) -> Any:
        def f(x: Any) -> Any:
            state.value = state.value * 10.0
            return h(x)

        return loop(f)

    with pytest.raises(StateError, match="'slope'"):
        grad(changing(backward))(ONE)
    assert float(state.value) == 3.0
    if loop is not plain:
        with pytest.raises(StateError, match="'slope'"):
            grad(changing(forward))(ONE)
    assert float(grad(loop(backward))(ONE)) == float(grad(loop(forward))(ONE)) == 3.0


@pytest.mark.parametrize("part", ["jvp", "fwd"])
def test_a_rule_that_reads_what_is_differentiated(part: str) -> None:
    """JAX runs it where the tracer of the state means nothing."""
    state = State(jnp.array(3.0), name="slope")
    h = ruled(part, state)
    for call in (
        grad(lambda x: h(x) + state.value, grad_states=state, argnums=0),
        jacrev(lambda x: h(x) * 2.0, state, argnums=0),
        hessian(lambda x: h(x) * state.value, state, argnums=0),
        grad(lambda x: jnp.sum(jax.vmap(h)(x * jnp.ones(2))), state, argnums=0),
    ):
        with pytest.raises(StateError, match="'slope'.*hand the value to the function"):
            call(2.0)
        with pytest.raises(StateError, match="'slope'.*hand the value to the function"):
            jit(call)(2.0)
    assert float(grad(h)(2.0)) == 3.0
    read = jax.custom_jvp(lambda x: x * state.value)
    read.defjvp(lambda x, dx: (x[0], dx[0]))
    with pytest.raises(StateError, match="'slope'.*hand the value to the function"):
        grad(lambda x: read(x), state)(2.0)


def test_a_rule_that_reads_what_an_outer_transform_differentiates() -> None:
    """There the tracer does mean something."""
    state = State(jnp.array(3.0))
    for part in ("jvp", "fwd"):
        outer = grad(lambda x, part=part: grad(ruled(part, state))(x), state)
        assert float(outer(2.0)) == float(jit(outer)(2.0)) == 1.0


def test_a_pull_is_at_the_point_of_the_call() -> None:
    state, drawn = State(jnp.array(3.0), name="slope"), State(jnp.array(0))
    _, pull = vjp(ruled("bwd", state), ONE)
    _, kept = vjp(ruled("fwd", state), ONE)
    assert float(grad(lambda x: x * state.value)(ONE)) == 3.0
    assert float(pull(ONE)) == float(pull(ONE)) == 3.0
    state.value = jnp.array(2.0)
    assert float(kept(ONE)) == 3.0
    with pytest.raises(StateError, match="'slope'.*changed since.*hand the value"):
        pull(ONE)
    _, tangent = jvp(ruled("jvp", state), (ONE,), (ONE,))
    assert float(tangent) == 2.0

    def counted(_: None, ct: Any) -> Any:
        drawn.value = drawn.value + 1
        return (ct * drawn.value,)

    h = jax.custom_vjp(lambda x: x)
    h.defvjp(lambda x: (x, None), counted)
    _, pull = vjp(h, ONE)
    assert [float(pull(ONE)), float(pull(ONE)), int(drawn.value)] == [1.0, 1.0, 0]


@pytest.mark.parametrize("between", ["assigned", "jitted", "jitted before", "in a frame"])
def test_a_pull_knows_of_every_change(between: str) -> None:
    state = State(jnp.array(3.0), name="slope")
    h = ruled("bwd", state)

    def change() -> None:
        state.value = state.value + 1.0

    compiled = jit(change)
    if between == "jitted before":
        compiled()

    def f(x: Any) -> Any:
        _, pull = vjp(h, x)
        (compiled if between.startswith("jitted") else change)()
        return pull(ONE)

    with pytest.raises(StateError, match="'slope'"):
        (jit(f) if between == "in a frame" else f)(ONE)


def test_a_transform_does_not_draw_what_the_function_drew() -> None:
    def late(fun: Any, *, argnums: int, has_aux: bool) -> Any:
        def run(selected: Any) -> Any:
            found = jax.grad(fun, has_aux=True)(selected)
            normal()
            return found

        return run

    def f(x: Any) -> Any:
        return x * normal()

    def twice(fun: Any, *, argnums: int, has_aux: bool) -> Any:
        return lambda selected: (fun(selected), fun(selected))[1]

    with pytest.raises(StateError, match="random.*transform.*when the function"):
        GradientTransform(f, late)(1.0)
    assert GradientTransform(f, twice)(1.0) is not None
    assert float(GradientTransform(lambda x: x * 2.0, late)(1.0)) == 2.0


STAGED: dict[str, Callable[..., Any]] = {
    "for_loop": in_a_loop,
    "cond": lambda h: lambda x: cond(x > 0.0, h, lambda x: x, x),
    "checkpoint": lambda h: lambda x: checkpoint(h)(x),
    "vmap": lambda h: lambda x: vmap(h)(x[None])[0],
    "jax.lax.cond": lambda h: lambda x: jax.lax.cond(x > 0.0, h, lambda x: x, x),
    "jax.lax.scan": lambda h: lambda x: jax.lax.scan(lambda c, _: (h(c), None), x, None, 1)[0],
    "jax.jit": jax.jit,
    "jax.checkpoint": jax.checkpoint,
    "jax.vmap": lambda h: lambda x: jax.vmap(h)(x[None])[0],
}


@pytest.mark.parametrize("where", STAGED)
@pytest.mark.parametrize("part", ["jvp", "fwd"])
def test_a_rule_in_a_body_that_reads_what_is_differentiated(part: str, where: str) -> None:
    """JAX meets a tracer that it cannot place there, and names neither state nor remedy."""
    state = State(jnp.array(3.0), name="slope")
    call = STAGED[where](ruled(part, state))
    message = "'slope'.*hand the value to the function"
    for transform in (grad, hessian):
        with pytest.raises(StateError, match=message):
            transform(lambda x: call(x) + state.value, state, argnums=0)(ONE)
    assert float(grad(call)(ONE)) == 3.0


@pytest.mark.parametrize("where", STAGED)
@pytest.mark.parametrize("part", ["jvp", "fwd", "bwd"])
def test_a_rule_in_a_body_never_loses_a_derivative(part: str, where: str) -> None:
    """In `jax.jit`, JAX takes the tracer for a constant of some bodies: the result is zero."""
    state = State(jnp.array(3.0), name="slope")
    call = STAGED[where](ruled(part, state))
    inner = [grad(call)]
    if part == "jvp":
        inner.append(lambda x: jvp(call, (x,), (ONE,))[1])
    for slope in inner:
        outer = grad(slope, state)
        for whole in (outer, jit(outer)):
            try:
                found = float(whole(ONE))
            except StateError as error:
                assert "'slope'" in str(error) and "vmap" not in where
            else:
                assert found == 1.0


@pytest.mark.parametrize("where", STAGED)
@pytest.mark.parametrize("part", ["jvp", "fwd", "bwd"])
def test_a_rule_in_a_body_of_a_compiled_function(part: str, where: str) -> None:
    """JAX traces such a program, and may fail as it compiles it, at what it calls a constant."""
    state = State(jnp.array(3.0), name="slope")
    call = jit(grad(STAGED[where](ruled(part, state))))
    try:
        assert float(call(ONE)) == 3.0
    except StateError as error:
        assert "'slope'" in str(error) and "hand the value to the function" in str(error)
        assert "vmap" not in where and state.value == 3.0


@pytest.mark.parametrize("helper", [plain, jit, STAGED["vmap"]])
def test_second_derivatives_by_a_rule_that_reads_a_state(helper: Any) -> None:
    """JAX runs bwd in the outer of two passes, where the state has a tracer of its own."""
    state = State(jnp.array(3.0), name="slope")
    h = helper(ruled("bwd", state))
    rows = hessian(lambda x: h(x) + 0.0 * state.value, state, argnums=0)(ONE)
    assert [float(block) for row in rows for block in row] == [0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("helper", [checkpoint, STAGED["for_loop"]])
@pytest.mark.parametrize("whole", [plain, jit])
def test_second_derivatives_that_a_body_would_lose_are_refused(helper: Any, whole: Any) -> None:
    """JAX loses them in loops, silently; in checkpoints it does not, but cannot be told apart."""
    state = State(jnp.array(3.0), name="slope")
    h = helper(ruled("bwd", state))
    rows = hessian(lambda x: h(x) + 0.0 * state.value, state, argnums=0)
    with pytest.raises(StateError, match="'slope'"):
        whole(rows)(ONE)
    assert state.value == 3.0


SECOND: dict[str, Callable[..., Any]] = {
    "jax.hessian": jax.hessian,
    "reverse twice": lambda fun, **how: jax.jacrev(jax.jacrev(fun, **how), **how),
    "compiled": lambda fun, **how: jax.jit(jax.hessian(fun, **how)),
}


@pytest.mark.parametrize("transform", SECOND)
@pytest.mark.parametrize("whole", [plain, jit])
def test_second_derivatives_of_a_transform_of_ones_own(transform: str, whole: Any) -> None:
    """What a rule reads late is the value where the inner derivative is taken, not on entry."""
    state = State(jnp.array(3.0), name="slope")
    h = ruled("bwd", state)

    def f(x: Any) -> Any:
        return h(x) + 0.0 * state.value

    own = GradientTransform(f, SECOND[transform], state, argnums=0)
    rows = whole(own)(ONE)
    assert [float(block) for row in rows for block in row] == [0.0, 0.0, 1.0, 0.0]

    def along(fun: Any, *, argnums: int, has_aux: bool) -> Any:
        slope = jax.grad(fun, has_aux=has_aux)

        def run(at: Any) -> Any:
            ones = jax.tree.map(jnp.ones_like, at)
            return jax.jvp(slope, (at,), (ones,), has_aux=True)[1:]

        return run

    assert list(map(float, whole(GradientTransform(f, along, state, argnums=0))(ONE))) == [0.0, 1.0]
    first = GradientTransform(f, jax.grad, state, argnums=0)
    assert list(map(float, whole(first)(ONE))) == [0.0, 3.0]


def scaled_by(state: State, part: Callable[[Any], Any] = lambda value: value) -> Any:
    """A function with a rule that reads a state when it is pulled."""
    h = jax.custom_vjp(lambda x: x * part(state.value))
    h.defvjp(lambda x: (x * part(state.value), None), lambda _, g: (g * part(state.value),))
    return lambda x: h(x)


def test_a_pull_does_not_see_what_stands_in_for_a_state_since() -> None:
    s = State(jnp.array(3.0), name="culprit")
    pull = vjp(scaled_by(s), ONE)[1]
    step = jit(lambda c: pull(c))
    for call in (step, grad(lambda c: pull(c) * s.value, s)):
        with pytest.raises(StateError, match="culprit"):
            call(ONE)
    assert pull(ONE) == 3.0
    many = State(jnp.array([3.0, 4.0]), name="culprit")
    pull = vjp(scaled_by(many, jnp.sum), ONE)[1]
    with pytest.raises(StateError, match="culprit"):
        vmap(pull, in_states=many)(jnp.ones(2))

    def within(x: Any) -> Any:
        output, pull = vjp(scaled_by(s), x)
        return output + pull(ONE)

    assert jit(within)(ONE) == 6.0


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_a_rule_does_not_see_a_whole_state_where_its_lane_saw_a_slice(wrap: Any) -> None:
    s = State(jnp.array([3.0, 4.0]), name="culprit")
    h = scaled_by(s, jnp.sum)

    def f(x: Any) -> Any:
        return vmap(lambda c: h(x * c), in_states=s)(jnp.ones(2)).sum()

    assert wrap(f)(ONE) == 7.0
    for call in (grad(f), lambda x: vjp(f, x)[1](ONE), grad(lambda x: f(x) + 0.0 * s.value[0])):
        with pytest.raises(StateError, match="culprit"):
            wrap(call)(ONE)


def test_a_pull_is_spoiled_by_changes_of_what_its_rule_reads_and_no_others() -> None:
    s, other = State(jnp.array(3.0), name="culprit"), State(jnp.zeros(2))
    _, pull = vjp(scaled_by(s), ONE)

    def write_other() -> None:
        other.value = other.value + 1.0

    def f(x: Any) -> Any:
        write_other()
        return x

    write_other()
    jit(write_other)()
    grad(f)(1.0)
    vmap(lambda x: s.value * x * other.value, in_states=other)(jnp.ones(2))
    assert pull(ONE) == 3.0
    jit(lambda: setattr(s, "value", s.value + 1.0))()
    with pytest.raises(StateError, match="culprit"):
        pull(ONE)


def test_a_pull_is_spoiled_by_a_change_in_place() -> None:
    held = State([jnp.array(3.0)], name="culprit")
    _, pull = vjp(scaled_by(held, lambda value: value[0]), ONE)

    def f(x: Any) -> Any:
        held.value[0] = jnp.array(5.0)
        return x

    assert pull(ONE) == 3.0
    grad(f)(1.0)
    with pytest.raises(StateError, match="culprit"):
        pull(ONE)


def test_a_pull_does_not_see_a_whole_state_when_it_has_left_its_lane() -> None:
    s = State(jnp.array([1.0, 5.0, 9.0]), name="culprit")
    before = vjp(scaled_by(s, jnp.sum), ONE)[1]

    def lane(x: Any) -> Any:
        pull = vjp(scaled_by(s, jnp.sum), x)[1]
        return pull(1.0), pull

    inside, pulls = vmap(lane, in_states=s)(jnp.ones(3))
    assert inside.tolist() == [1.0, 5.0, 9.0]
    with pytest.raises(StateError, match="culprit"):
        jax.vmap(lambda pull, ct: pull(ct))(pulls, jnp.ones(3))
    assert before(ONE) == 15.0


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
@pytest.mark.parametrize("select", [lambda s: s, lambda s: lambda _, state: state is s])
def test_a_rule_that_is_the_first_to_read_what_lanes_map(wrap: Any, select: Any) -> None:
    """The lane itself does not read the state, so that only its declaration tells of it."""
    s = State(jnp.array([1.0, 5.0, 9.0]), name="culprit")
    h = jax.custom_vjp(lambda x: x)
    h.defvjp(lambda x: (x, None), lambda _, g: (g * jnp.sum(s.value),))

    def f(x: Any) -> Any:
        return vmap(lambda c: h(c * x), in_states=select(s))(jnp.ones(3)).sum()

    within = vmap(grad(lambda c: h(c)), in_states=select(s))
    assert wrap(within)(jnp.ones(3)).tolist() == [1.0, 5.0, 9.0]
    for call in (grad(f), lambda x: vjp(f, x)[1](ONE)):
        with pytest.raises(StateError, match="culprit"):
            wrap(call)(ONE)


def test_a_pull_that_has_left_lanes_mapped_by_a_filter() -> None:
    s = ParamState(jnp.array([1.0, 2.0, 3.0]), name="culprit")
    h = jax.custom_vjp(lambda x: x)
    h.defvjp(lambda x: (x, None), lambda _, g: (g * jnp.sum(s.value),))
    pulls = vmap(lambda x: vjp(h, x)[1], in_states=ParamState)(jnp.ones(3))
    with pytest.raises(StateError, match="culprit"):
        jax.vmap(lambda pull, ct: pull(ct))(pulls, jnp.ones(3))


def test_a_pull_does_not_see_later_values_of_what_the_function_created() -> None:
    made: list[State] = []

    def f(x: Any) -> Any:
        made.append(State(jnp.array(2.0), name="culprit"))
        out = scaled_by(made[0])(x)
        made[0].value = jnp.array(50.0)
        return out

    with pytest.raises(StateError, match="culprit"):
        vjp(f, ONE)[1](ONE)


def test_a_pull_leaves_a_transform_that_moves_its_states() -> None:
    s = State(jnp.array(2.0), name="culprit")

    def ahead(fun: Any, argnums: int, has_aux: bool) -> Any:
        moved = jax.grad(fun, has_aux=has_aux)
        return lambda selected: moved(jax.tree.map(lambda leaf: leaf + 1.0, selected))

    def f(x: Any) -> Any:
        pull = vjp(scaled_by(s), x)[1]
        return x * s.value, (pull, pull(ONE))

    _, (pull, inside) = GradientTransform(f, ahead, grad_states=s, has_aux=True)(ONE)
    assert inside == 3.0
    with pytest.raises(StateError, match="culprit"):
        pull(ONE)


def test_a_finder_spoils_no_pull() -> None:
    s = State(jnp.array(3.0))
    pull = vjp(scaled_by(s), ONE)[1]
    StateFinder(lambda x: setattr(s, "value", x))(ONE)
    assert pull(ONE) == 3.0
    held = State([jnp.array(3.0)])
    pull = vjp(scaled_by(held, lambda value: value[0]), ONE)[1]
    StateFinder(lambda: held.value.append(ONE))()
    assert pull(ONE) == 3.0


def test_a_pull_that_escapes_from_a_failed_call_does_not_see_what_stands_again() -> None:
    s, pulls = State(jnp.array(2.0), name="culprit"), list[Any]()

    def f(x: Any) -> Any:
        s.value = jnp.array(9.0)
        pulls.append(vjp(scaled_by(s), ONE)[1])
        raise KeyError

    for call in (grad(f), StateFinder(f)):
        with pytest.raises(KeyError):
            call(ONE)
        with pytest.raises(StateError, match="culprit"):
            pulls.pop()(ONE)


def test_a_write_costs_the_same_whatever_pulls_there_are() -> None:
    s, other = State(jnp.array(3.0), name="culprit"), State(0)
    pulls = [vjp(scaled_by(s), ONE)[1] for _ in range(5)]

    def f(x: Any) -> Any:
        other.value = 2
        return x

    with unittest.mock.patch.object(frames, "lose") as told:
        other.value = 1
        grad(f)(1.0)
    assert not told.called and all(pull(ONE) == 3.0 for pull in pulls)


def test_a_pull_that_is_alive_at_the_end_says_nothing() -> None:
    script = "from refimpl.transform import vjp; kept = vjp(lambda x: x * x, 2.0)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
