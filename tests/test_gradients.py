"""Gradient checks for users: what they find in a wrong rule and in a library that leaks."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from spec.expected import oracles
from spec.gradients import Undecided, WrongDerivative, WrongEffect, check_grads
from spec.gradients.point import Point
from spec.gradients.slopes import Slopes


def with_rule(factor: Any, second: bool = True) -> Callable[[Any], Any]:
    """The square, with a derivative rule of its own that may be wrong by a factor."""
    @jax.custom_vjp
    def square(x: Any) -> Any:
        return x**2

    def backward(x: Any, g: Any) -> tuple[Any]:
        return (2.0 * factor * (x if second else jax.lax.stop_gradient(x)) * g,)

    square.defvjp(lambda x: (x**2, x), backward)
    return square


def model(lib: Any, square: Callable[[Any], Any]) -> Any:
    """A function that reads two states, writes a third, and draws."""
    w = lib.ParamState(jnp.array([1.0, 2.0]))
    b = lib.ParamState({"low": jnp.array([0.5, 0.25])})
    count = lib.State(jnp.array(0.0))

    def loss(x: Any) -> Any:
        count.value = count.value + 1.0
        return jnp.sum(square(w.value) * x + b.value["low"]) * lib.random.normal(size=())

    return SimpleNamespace(f=loss, states={"w": w, "b": b}, count=count, x=jnp.array([0.5, 1.5]))


def test_right_derivatives_pass_and_everything_is_put_back(implementation: ModuleType) -> None:
    made = model(implementation, lambda x: x**2)
    held = [state.value for state in (*made.states.values(), made.count)]
    check_grads(made.f, made.x, grad_states=made.states, modes=("rev",))
    after = [state.value for state in (*made.states.values(), made.count)]
    assert all(new is old for new, old in zip(after, held, strict=True))


def test_a_wrong_rule_is_caught_with_its_entry_and_both_numbers(
    implementation: ModuleType,
) -> None:
    made = model(implementation, with_rule(jnp.array([1.0, 1.0 + 1e-6])))
    with pytest.raises(WrongDerivative) as caught:
        check_grads(made.f, made.x, grad_states=made.states, argnums=(), modes=("rev",))
    wrong = caught.value
    assert wrong.place == "grad_states['w'].value[1]"
    assert wrong.tolerance < abs(wrong.got - wrong.expected)
    assert wrong.got / wrong.expected == pytest.approx(1.0 + 1e-6, rel=1e-9)
    assert str(wrong) == (
        "grad of loss is wrong, with respect to grad_states['w'].value[1]:\n"
        f"  got       {wrong.got!r}\n  expected  {wrong.expected!r}, by differences\n"
        f"  tolerance {wrong.tolerance:.2g}")


def test_a_rule_that_is_wrong_in_second_order_alone_is_caught(implementation: ModuleType) -> None:
    w = implementation.ParamState(jnp.array([1.0, 2.0]))
    square = with_rule(1.0, second=False)

    def f() -> Any:
        return jnp.sum(square(w.value))

    check_grads(f, grad_states=[w], modes=("rev",))
    with pytest.raises(WrongDerivative, match=r"hessian of f is wrong, in the row of "
                       r"grad_states\[0\]\.value\[\d\] with respect to grad_states\[0\]\.value"):
        check_grads(f, grad_states=[w], modes=("rev",), order=2)


def test_a_state_is_called_by_its_name_and_an_output_by_its_place(
    implementation: ModuleType,
) -> None:
    w = implementation.ParamState(jnp.array(2.0), name="gain")
    square = with_rule(1.5)
    with pytest.raises(WrongDerivative, match=r"output\[0\] with respect to "
                       r"grad_states\.value \(state 'gain'\)"):
        check_grads(lambda: (jnp.stack([square(w.value)]), jnp.array(1.0)), grad_states=w,
                    modes=("rev",), has_aux=True)


def test_both_sides_in_both_orders() -> None:
    w = refimpl.State(jnp.array(2.0))
    check_grads(lambda x: {"p": w.value * w.value * x}, jnp.array(0.5), grad_states=w, order=2,
                modes=("fwd",))
    assert float(w.value) == 2.0


def test_float32_is_allowed_its_own_rounding_and_no_more() -> None:
    w = refimpl.State(jnp.array([1.0, 2.0], jnp.float32))
    check_grads(lambda: jnp.sum(w.value * w.value), grad_states=w, modes=("rev",))
    square = with_rule(1.01)
    with pytest.raises(WrongDerivative):
        check_grads(lambda: jnp.sum(square(w.value)), grad_states=w, modes=("rev",))


# -- effects ---------------------------------------------------------------------------------------


def leaking(change: Callable[[], object]) -> SimpleNamespace:
    """refimpl, with a `grad` that does something more after the call."""
    def grad(*args: Any, **kwargs: Any) -> Callable[..., Any]:
        made = refimpl.transform.grad(*args, **kwargs)

        def run(*given: Any) -> Any:
            result = made(*given)
            change()
            return result

        return run

    return SimpleNamespace(State=refimpl.State, random=refimpl.random,
                           transform=SimpleNamespace(grad=grad))


def test_a_state_that_is_left_otherwise_is_named() -> None:
    w, count = refimpl.State(jnp.array(2.0)), refimpl.State(jnp.array(0.0), name="count")

    def twice() -> None:
        count.value = count.value + 1.0

    def f() -> Any:
        count.value = count.value + 1.0
        return w.value**2

    with pytest.raises(WrongEffect) as caught:
        check_grads(f, grad_states=w, modes=("rev",), watch=[count], lib=leaking(twice))
    assert str(caught.value).split() == (
        "state 'count', after grad of f: got jnp.array(2.0) expected jnp.array(1.0), as by a "
        "plain call").split()
    assert float(count.value) == 0.0


def test_a_stream_that_is_left_otherwise_is_named() -> None:
    w = refimpl.State(jnp.array(2.0))
    lib = leaking(refimpl.random.split_key)
    with pytest.raises(WrongEffect, match="the random number drawn next, after grad"):
        check_grads(lambda: w.value**2, grad_states=w, modes=("rev",), lib=lib)


# -- what cannot be checked ------------------------------------------------------------------------


def test_a_kink_is_undecided() -> None:
    with pytest.raises(Undecided, match=r"along args\[0\]") as caught:
        check_grads(lambda x: jnp.sum(jnp.abs(x)), jnp.array([1.0, 0.0]), lib=refimpl)
    assert "tolerance" in str(caught.value) and "kink" in str(caught.value)


def single(x: Any) -> Any:
    return jnp.sum(x.astype("float32"))


@pytest.mark.parametrize(("f", "args", "options", "error", "message"), [
    (jnp.sum, (jnp.array([1]),), {}, ValueError, "nothing to differentiate"),
    (jnp.sum, (jnp.array([1]),), {"argnums": 0}, TypeError, r"args\[0\] has dtype int64"),
    (jnp.sum, (1.0,), {"argnums": 1}, IndexError, "argnums holds 1"),
    (jnp.sum, (1.0,), {"order": 3}, ValueError, "order is 3"),
    (jnp.sum, (1.0,), {"modes": ("reverse",)}, ValueError, "modes holds 'reverse'"),
    (jnp.sum, (1.0,), {"modes": ()}, ValueError, "modes is empty"),
    (jnp.sum, (1.0,), {"lib": None}, TypeError, "holds no state"),
    (single, (jnp.array([1.0]),), {}, TypeError, "single gives float32"),
])
def test_what_is_no_use_is_refused(
    f: Any, args: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_grads(f, *args, **{"lib": refimpl, "watch": (), **options})


# -- how sure it is --------------------------------------------------------------------------------


def confident(w: Any) -> Callable[[Any], Any]:
    """The loss of a classifier, whose logits are large and cancel."""
    def loss(x: Any) -> Any:
        z = w @ x
        top = np.max(z.real)
        return np.array([top + np.log(np.sum(np.exp(z - top))) - z[1]])

    return loss


FUNCTIONS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "a small number beside a large one": lambda w: lambda x: np.sin((1e4 + w[:1] @ x) - 1e4),
    "large squares": lambda w: lambda x: np.sum((100 * np.tanh(w @ x) + 1000) ** 2, keepdims=True),
    "a confident classifier": lambda w: confident(10 * w),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_right_derivative_is_called_wrong(name: str) -> None:
    """Where digits are lost; and none that is wrong by a hundred-thousandth is called right.

    Where the slope of the classifier is nearly zero, it can only be said that nothing is known.
    """
    random, caught, decided = np.random.default_rng(0), 0, 0
    for _ in range(50):
        f, x = FUNCTIONS[name](random.normal(size=(4, 3))), random.uniform(-3, 3, 3)
        right = oracles.complex_step(f, x).value
        slopes = Slopes(f, Point([SimpleNamespace(value=x)], (), ()), [""])
        try:
            slopes.judge("f", right)
        except Undecided:
            continue
        if not right.any():  # zero times anything is right
            continue
        decided += 1
        right[0, np.argmax(np.abs(right[0]))] *= 1 + 1e-5
        with pytest.raises((WrongDerivative, Undecided)) as raised:
            slopes.judge("f", right)
        caught += raised.type is WrongDerivative
    assert decided >= 40 and caught >= 40


# -- the noise of values ---------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [0.0, 1e4, 1e8])
def test_digits_lost_inside_are_seen_in_the_values(hidden: float) -> None:
    """At every one of many points, since the digits of a sequence may look smooth by chance."""
    random = np.random.default_rng(0)
    seen = [oracles.largest_number(lambda x: np.sin(x) + hidden - hidden, *pair)
            for pair in random.normal(size=(200, 2, 1))]
    assert max(1.0, hidden / 32) <= min(seen) and max(seen) <= max(1.5, hidden)
