"""The derivative oracles: right on closed forms, blind to nothing wrong, not given to alarms."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.expected.oracles import (
    Decision,
    Estimate,
    Judgement,
    central,
    complex_step,
    directional,
    hessian_values,
    holomorphic,
    judge,
    second,
    second_values,
    wirtinger,
)
from tests.dual_numbers import Array, Program, tame


@cache
def corpus(count: int) -> list[tuple[Program, Array, Estimate, Estimate]]:
    """The first `count` programs, with the true Jacobian and both oracles' estimates of it."""
    programs = [tame(seed) for seed in range(count)]
    return [(p, p.jacobian(), complex_step(p, p.point), central(p, p.point)) for p in programs]


def decisions(judgements: Iterator[Judgement]) -> dict[Decision, int]:
    """How often each decision occurs."""
    found = [j.decision for j in judgements]
    return {decision: found.count(decision) for decision in Decision}


# -- false alarms ----------------------------------------------------------------------------


def test_no_true_jacobian_is_rejected_and_hardly_any_is_undecided() -> None:
    seen = decisions(judge(truth, exact, fd) for _, truth, exact, fd in corpus(1000))
    assert seen[Decision.FAIL] == 0
    assert seen[Decision.INCONCLUSIVE] < 0.01 * 1000


def test_each_oracle_alone_raises_no_alarm() -> None:
    programs = corpus(1000)
    for seen in (
        decisions(judge(truth, exact) for _, truth, exact, _ in programs),
        decisions(judge(truth, fd) for _, truth, _, fd in programs),
    ):
        assert seen[Decision.FAIL] == 0
        assert seen[Decision.INCONCLUSIVE] < 0.01 * 1000


def test_no_true_hessian_is_rejected_and_hardly_any_is_undecided() -> None:
    programs = [tame(seed) for seed in range(500)]
    seen = decisions(
        judge(p.hessian(), second(p, p.point), hessian_values(p, p.point)) for p in programs
    )
    assert seen[Decision.FAIL] == 0
    assert seen[Decision.INCONCLUSIVE] < 0.01 * 500


def test_no_true_directional_derivative_is_rejected_whatever_the_length_of_the_direction() -> None:
    def judged() -> Iterator[Judgement]:
        for seed, (program, truth, exact, _) in enumerate(corpus(500)):
            rng = np.random.default_rng(seed)
            v = rng.uniform(-3, 3, program.point.size) * 10.0 ** rng.integers(-6, 7)
            # By linearity the decision on v / |v| is the one that scale does not change.
            size = np.max(np.abs(v))
            fd = directional(program, program.point, v)
            yield judge(
                truth @ v / size, Estimate(fd.value / size, fd.tol / size), exact.along(v / size)
            )

    seen = decisions(judged())
    assert seen[Decision.FAIL] == 0
    assert seen[Decision.INCONCLUSIVE] < 0.01 * 500


def test_float32_derivatives_pass_as_float32_and_fail_as_float64() -> None:
    right, as_double, wrong = [], [], []
    for seed in range(800):
        program = tame(seed)
        single = Program(program.point.astype(np.float32), program.steps, program.outputs)
        got = single.jacobian()
        oracle = complex_step(program, single.point)
        right.append(judge(got, oracle, dtype=np.float32).decision)
        as_double.append(judge(got, oracle).decision)
        if np.any(got):
            wrong.append(judge(zeroed(got), oracle, dtype=np.float32).decision)
            judged = judge(replaced(got, 1.01), oracle, dtype=np.float32)
            assert judged.decision is not Decision.PASS
    assert right.count(Decision.FAIL) == 0
    assert right.count(Decision.PASS) > 0.99 * len(right)
    assert as_double.count(Decision.FAIL) > 0.8 * len(as_double)
    assert Decision.PASS not in wrong
    assert wrong.count(Decision.FAIL) > 0.97 * len(wrong)


# -- negative controls -----------------------------------------------------------------------


def zeroed(a: Array) -> Array:
    return replaced(a, 0.0)


def flipped(a: Array) -> Array:
    return replaced(a, -1.0)


def stretched(a: Array) -> Array:
    return replaced(a, 1 + 1e-4)


def replaced(a: Array, factor: float) -> Array:
    """The array with its largest entry multiplied."""
    wrong = a.copy()
    wrong[np.unravel_index(np.argmax(np.abs(a)), a.shape)] *= factor
    return wrong


def swapped(a: Array) -> Array:
    return a[:, [1, 0, *range(2, a.shape[1])]] if a.shape[1] > 1 else a


def transposed(a: Array) -> Array:
    return a.T if a.shape[0] == a.shape[1] else a


@pytest.mark.parametrize("corrupt", [zeroed, flipped, stretched, swapped, transposed])
def test_a_corrupted_jacobian_never_passes(corrupt: Callable[[Array], Array]) -> None:
    judged = []
    for _, truth, exact, fd in corpus(1000):
        wrong = corrupt(truth)
        if np.max(np.abs(wrong - truth)) > 0.9e-4 * np.max(np.abs(truth)):
            judged.append(judge(wrong, exact, fd).decision)
    assert len(judged) > 100
    assert Decision.PASS not in judged
    assert judged.count(Decision.FAIL) > 0.99 * len(judged)


@pytest.mark.parametrize("corrupt", [zeroed, flipped, stretched])
def test_a_corrupted_jacobian_never_passes_central_alone(
    corrupt: Callable[[Array], Array],
) -> None:
    judged = [
        judge(corrupt(truth), fd).decision for _, truth, _, fd in corpus(1000) if np.any(truth)
    ]
    assert Decision.PASS not in judged
    assert judged.count(Decision.FAIL) > 0.99 * len(judged)


@pytest.mark.parametrize("corrupt", [zeroed, flipped, stretched])
def test_a_corrupted_hessian_never_passes(corrupt: Callable[[Array], Array]) -> None:
    judged = []
    for seed in range(300):
        program = tame(seed)
        truth = program.hessian()
        if np.any(truth):
            judged.append(judge(corrupt(truth), second(program, program.point)).decision)
    assert len(judged) > 100
    assert Decision.PASS not in judged
    assert judged.count(Decision.FAIL) > 0.99 * len(judged)


# -- closed forms ----------------------------------------------------------------------------

coordinates = st.floats(-3, 3)


def closed(x: Array) -> Array:
    a, b = x
    return np.array([np.sin(a) * b, np.exp(-b * b), a - 2 * b])


@given(coordinates, coordinates)
def test_first_derivatives_of_a_closed_form(a: float, b: float) -> None:
    x = np.array([a, b])
    truth = np.array([[b * np.cos(a), np.sin(a)], [0.0, -2 * b * np.exp(-b * b)], [1.0, -2.0]])
    v = np.array([0.5, -2.0])
    assert judge(truth, complex_step(closed, x), central(closed, x)).decision is Decision.PASS
    along = directional(closed, x, v)
    np.testing.assert_array_less(np.abs(along.value - truth @ v), along.tol)


@given(coordinates, coordinates)
def test_second_derivatives_of_a_closed_form(a: float, b: float) -> None:
    x = np.array([a, b])
    bell = (4 * b * b - 2) * np.exp(-b * b)
    truth = np.array(
        [
            [[-b * np.sin(a), np.cos(a)], [np.cos(a), 0.0]],
            [[0.0, 0.0], [0.0, bell]],
            [[0.0, 0.0], [0.0, 0.0]],
        ]
    )
    assert judge(truth, second(closed, x), hessian_values(closed, x)).decision is Decision.PASS
    u, v = np.array([0.3, 1.5]), np.array([-2.0, 700.0])
    form = second_values(closed, x, u, v)
    np.testing.assert_array_less(np.abs(form.value - truth @ v @ u), form.tol)


@pytest.mark.parametrize("magnitude", [1e-8, 1.0, 1e3, 1e8])
def test_steps_follow_the_magnitude_of_the_point(magnitude: float) -> None:
    x = np.array([magnitude, -2 * magnitude])

    def square(x: Array) -> Array:
        return (x / magnitude) ** 2

    truth = np.diag([2.0, -4.0]) / magnitude
    if magnitude >= 1:
        fd = central(square, x)
        assert np.all(np.abs(fd.value - truth) <= fd.tol)
        assert np.max(fd.tol) < 1e-9 / magnitude
    exact = complex_step(square, x)
    assert np.all(np.abs(exact.value - truth) <= exact.tol)


def test_the_embedded_difference_bounds_the_truncation() -> None:
    first = central(lambda x: 6e7 * x**7, [0.0])
    assert 1e-10 < abs(first.value[0, 0]) <= first.tol[0, 0] < 1e-7
    curved = second_values(lambda x: 1e4 * x**8, [0.0], [1.0], [1.0])
    assert 1e-9 < abs(curved.value[0]) <= curved.tol[0] < 1e-6


def test_rounding_of_the_arguments_is_within_the_tolerance() -> None:
    point = np.array([0.0, 2 / 3])

    def steep(x: Array) -> Array:
        return np.asarray(1e5 * (x[1:] - point[1]))

    for v in np.random.default_rng(0).uniform(0.1, 0.9, 200):
        along = directional(steep, point, [1.0, v])
        assert abs(along.value[0] - 1e5 * v) <= along.tol[0]


def test_directions_are_columns_and_give_the_product() -> None:
    x, directions = np.array([0.4, -1.1]), np.array([[1.0, 2.0, 0.0], [0.0, -3.0, 0.0]])
    some = central(closed, x, directions)
    full = central(closed, x)
    assert some.value.shape == (3, 3)
    np.testing.assert_allclose(some.value, full.value @ directions, atol=1e-11)
    assert not np.any(some.value[:, 2])


def test_contractions_of_an_estimate_carry_the_tolerance_along() -> None:
    jacobian = Estimate(np.array([[1.0, -2.0], [3.0, 4.0]]), np.full((2, 2), 0.1))
    along, against = jacobian.along([1.0, -1.0]), jacobian.against([2.0, -1.0])
    np.testing.assert_allclose((along.value, along.tol), ([3.0, -1.0], [0.2, 0.2]))
    np.testing.assert_allclose((against.value, against.tol), ([-1.0, -8.0], [0.3, 0.3]))


def test_constant_and_unused_inputs_have_exactly_zero_derivatives() -> None:
    def constant(x: Array) -> Array:
        return np.array([0.1, 1 / 3])

    x = np.array([0.7, 0.2])
    for oracle in (complex_step, central, second, hessian_values):
        assert not np.any(oracle(constant, x).value)
    assert judge(np.zeros((2, 2)), complex_step(constant, x)).decision is Decision.PASS


# -- complex points --------------------------------------------------------------------------


@given(st.complex_numbers(max_magnitude=2), st.complex_numbers(max_magnitude=2))
def test_holomorphic_functions_have_their_complex_derivative(a: complex, b: complex) -> None:
    def f(z: Array) -> Array:
        return np.array([np.sin(z[0]) * z[1], z[1] * z[1]])

    truth = np.array([[np.cos(a) * b, np.sin(a)], [0.0, 2 * b]])
    estimate = holomorphic(f, np.array([a, b]))
    assert np.all(np.abs(estimate.value - truth) <= estimate.tol)
    assert np.max(estimate.tol) < 1e-8


@pytest.mark.parametrize("f", [np.conj, np.abs, np.real], ids=["conj", "abs", "real"])
def test_what_is_not_holomorphic_is_inconclusive(f: Callable[[Array], Array]) -> None:
    assert judge([[1.0]], holomorphic(f, [0.6 + 0.8j])).decision is Decision.INCONCLUSIVE


@given(st.complex_numbers(max_magnitude=2))
def test_real_functions_of_complex_points_follow_the_convention_of_jax(z: complex) -> None:
    def f(z: Array) -> Array:
        return np.array([np.sum(z.real**2 * z.imag)])

    estimate = wirtinger(f, [z])
    truth = 2 * z.real * z.imag - 1j * z.real**2
    assert abs(estimate.value[0, 0] - truth) <= estimate.tol[0, 0] < 1e-9

    v = 0.3 - 0.9j
    along = (f(np.array([z + 1e-6 * v])) - f(np.array([z - 1e-6 * v]))) / 2e-6
    np.testing.assert_allclose((estimate.value[0, 0] * v).real, along[0], atol=1e-7)


# -- kinks -----------------------------------------------------------------------------------


def relu(a: Array) -> Array:
    return np.where(a.real > 0, a, 0 * a)


KINKS: dict[str, Callable[[Array], Array]] = {
    "abs": lambda x: np.abs(x[:1]),
    "max at a tie": lambda x: np.maximum(x[:1], x[1:]),
    "relu": lambda x: relu(x[:1]),
    "squared relu": lambda x: relu(x[:1]) ** 2,
    "bell of a relu": lambda x: np.exp(-(relu(x[:1]) ** 2)),
    "sign": lambda x: np.sign(x[:1]),
    "sqrt": lambda x: np.sqrt(x[:1]),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("conventional", [0.0, 0.5, 1.0])
def test_a_kink_at_the_point_is_inconclusive_and_never_fails(
    name: str, conventional: float
) -> None:
    estimate = central(KINKS[name], np.zeros(2))
    if name in ("squared relu", "bell of a relu") and conventional:
        return  # the derivative there is zero, and anything else is wrong
    judged = judge([[conventional, estimate.value[0, 1]]], estimate)
    assert judged.decision is Decision.INCONCLUSIVE
    assert judged.index == (0, 0)


@pytest.mark.parametrize("place", [-2e-3, -3e-4, -1e-7, 1e-7, 3e-4, 2e-3])
def test_a_kink_inside_the_stencil_never_fails_a_true_derivative(place: float) -> None:
    for f, slope in ((np.abs, np.sign), (relu, lambda a: float(a > 0))):
        judged = judge([[slope(place)]], central(f, np.array([place])))
        assert judged.decision is not Decision.FAIL


def test_a_second_difference_across_a_kink_is_inconclusive() -> None:
    assert judge([0.0], second_values(np.abs, [0.0], [1.0], [1.0])).decision is (
        Decision.INCONCLUSIVE
    )


# -- what a function must be -----------------------------------------------------------------


def test_a_function_that_drops_the_imaginary_part_is_refused() -> None:
    with pytest.raises(TypeError, match="varies with entry 1; expected complex values"):
        complex_step(lambda x: np.abs(x) if x.imag[1] else x, [0.3, 0.4])


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (np.sum, [1.0], ValueError, r"f returned shape \(\); expected a flat vector"),
        (lambda x: x.astype(np.float32), [1.0], TypeError, "f returned dtype float32"),
        (lambda x: x[x > 1], [1.0], ValueError, r"sizes \[0, 1\]; expected one size"),
        (np.sin, [[1.0]], ValueError, r"x has shape \(1, 1\); expected a flat vector"),
        (np.sin, [1j], TypeError, "x is complex; expected a real vector"),
        (np.sin, [np.inf], ValueError, "x is not finite"),
        (np.sin, ["a"], TypeError, "x has dtype <U1; expected numbers"),
    ],
)
def test_bad_functions_and_points_are_named(
    f: Callable[[Array], Any], x: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        central(f, x)


def test_directions_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"directions has shape \(3, 1\); expected \(2, k\)"):
        central(np.sin, [1.0, 2.0], np.ones((3, 1)))
    with pytest.raises(TypeError, match="directions is complex"):
        central(np.sin, [1.0, 2.0], np.full((2, 1), 1j))
    with pytest.raises(ValueError, match=r"v has shape \(3,\); expected \(2,\)"):
        directional(np.sin, [1.0, 2.0], np.ones(3))
    with pytest.raises(ValueError, match=r"u has shape \(1,\); expected \(2,\)"):
        second_values(np.sin, [1.0, 2.0], [1.0], [1.0, 0.0])
    with pytest.raises(TypeError, match="f returned complex values"):
        wirtinger(np.sin, [1j])


@pytest.mark.parametrize("oracle", [complex_step, central, second, hessian_values])
def test_a_function_may_spoil_its_argument_and_reuse_its_result(
    oracle: Callable[..., Estimate],
) -> None:
    buffers: dict[Any, Array] = {}

    def spoil(x: Array) -> Array:
        result = buffers.setdefault(x.dtype, np.zeros(1, x.dtype))
        result[0] = np.sin(x[0]) * x[1]
        x[:] = np.nan
        return result

    x = np.array([0.5, 2.0])
    clean = oracle(lambda x: np.array([np.sin(x[0]) * x[1]]), x)
    np.testing.assert_array_equal(oracle(spoil, x).value, clean.value)
    np.testing.assert_array_equal(x, [0.5, 2.0])


@pytest.mark.parametrize(("inputs", "outputs"), [(0, 0), (0, 2), (3, 0)])
def test_empty_vectors_have_empty_derivatives(inputs: int, outputs: int) -> None:
    def f(x: Array) -> Array:
        return np.resize(np.sin(x), outputs) if inputs else np.zeros(outputs)

    x = np.ones(inputs)
    for oracle in (complex_step, central, holomorphic):
        assert oracle(f, x).value.shape == (outputs, inputs)
    for oracle in (second, hessian_values):
        assert oracle(f, x).value.shape == (outputs, inputs, inputs)
    assert directional(f, x, np.ones(inputs)).value.shape == (outputs,)


def test_at_a_singularity_the_oracles_decide_nothing() -> None:
    for f in (np.log, np.sqrt, lambda x: x**1.5, lambda x: 1 / x):
        for got in (0.0, 1.0, np.inf, np.nan):
            judged = judge([[got]], complex_step(f, [0.0]), central(f, [0.0]))
            assert judged.decision is Decision.INCONCLUSIVE
        assert judge([[[1.0]]], hessian_values(f, [0.0])).decision is Decision.INCONCLUSIVE
        assert judge([[1.0]], holomorphic(f, [0.0])).decision is Decision.INCONCLUSIVE
    pole = central(lambda x: 1 / x, [0.0])
    for contracted in (pole.along([0.0]), pole.against([0.0])):
        assert judge([0.0], contracted).decision is Decision.INCONCLUSIVE


def test_the_oracles_need_numpy_and_nothing_else() -> None:
    script = "import sys, spec.expected.oracles; print(*(n for n in sys.modules if '.' not in n))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    foreign = {n for n in loaded if not n.startswith("_")} - sys.stdlib_module_names
    assert "numpy" in foreign
    assert not foreign & {"jax", "jaxlib", "refimpl", "brainstate", "hypothesis"}
