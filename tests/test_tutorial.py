"""What the tutorial prints, reproduced on every implementation by the same code.

The tests are in the tutorial's order and each names its section. They use nothing of the
implementation but what `import X as brainstate` gives.

The tutorial ran in float32. A number it prints in full (`-0.08320501`) is held to a few roundings
of float32; a number it prints to n decimals (`5.5000`) is held to half a unit of the last one.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

# Each figure comes from a handful of float32 operations; every one rounds by at most half of this.
FLOAT32_EPS = float(np.finfo(np.float32).eps)
BIAS, WEIGHT = ("bias",), ("weight",)


@pytest.fixture
def brainstate(implementation: ModuleType) -> Any:
    """The implementation, under the name by which the tutorial knows it."""
    return implementation


def assert_prints(actual: Any, figure: Any) -> None:
    """Assert shape and value of an array whose elements the tutorial prints in full."""
    expected = np.asarray(figure, dtype=np.float64)
    assert np.shape(actual) == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=4 * FLOAT32_EPS, atol=FLOAT32_EPS)


def assert_rounds_to(actual: Any, figure: str) -> None:
    """Assert that a scalar, printed to as many decimals as `figure` has, could read `figure`."""
    half_unit = 0.5 * 10.0 ** -len(figure.partition(".")[2])
    assert np.shape(actual) == ()
    assert abs(float(actual) - float(figure)) <= half_unit + FLOAT32_EPS * abs(float(figure))


def assert_gradients(actual: Mapping[Any, Any], figures: dict[Any, Any]) -> None:
    """Assert that a mapping holds these figures under these keys, in this order."""
    assert list(actual) == list(figures)
    for key, figure in figures.items():
        assert_prints(actual[key], figure)


def line(brainstate: Any, inputs: int = 1) -> Any:
    """A linear model with one output, zero at first."""

    class Line(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = brainstate.ParamState(jnp.zeros((inputs, 1)))
            self.bias = brainstate.ParamState(jnp.zeros((1,)))

        def __call__(self, x: Any) -> Any:
            return jnp.dot(x, self.weight.value) + self.bias.value

    return Line()


def points() -> tuple[Any, Any]:
    """Five points of the line 3 x + 1."""
    x = jnp.linspace(-1.0, 1.0, 5)[:, None]
    return x, 1.0 + 3.0 * x


def squared_error(model: Any) -> Callable[[Any, Any], Any]:
    """The loss that sections 2.1 and 6 differentiate: 5.5 for a model that is zero."""
    return lambda x, target: jnp.mean(jnp.square(model(x) - target))


def test_names_that_are_imported(brainstate: Any) -> None:
    """Key concepts: the names come from `transform`, and can be called."""
    assert callable(brainstate.transform.grad)
    assert callable(brainstate.transform.StateFinder)


def test_argnums(brainstate: Any) -> None:
    """Section 1: one argument gives a bare gradient, a list of them gives one for each."""

    def distance(x: Any, y: Any, scale: float) -> Any:
        return scale * jnp.sum(jnp.square(x - y))

    arguments = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.5, 1.5, 2.5]), 2.0
    assert_prints(brainstate.transform.grad(distance, argnums=0)(*arguments), [2.0, 2.0, 2.0])
    by_x, by_y = brainstate.transform.grad(distance, argnums=[0, 1])(*arguments)
    assert_prints(by_x, [2.0, 2.0, 2.0])
    assert_prints(by_y, [-2.0, -2.0, -2.0])


def test_gradient_of_the_parameters_of_a_model(brainstate: Any) -> None:
    """Section 2.1: the gradients lie under the paths of the parameters, in order of path."""
    model = line(brainstate)
    gradient = brainstate.transform.grad(
        squared_error(model), grad_states=model.states(brainstate.ParamState), return_value=True
    )
    gradients, loss = gradient(*points())
    assert_rounds_to(loss, "5.5000")
    assert_gradients(gradients, {BIAS: [-2.0], WEIGHT: [[-3.0]]})


def test_states_of_a_model(brainstate: Any) -> None:
    """Section 2.2: `states` and `treefy_states` give the same paths, shapes and order."""
    model = line(brainstate)
    found = model.states(brainstate.ParamState)
    treefied = brainstate.graph.treefy_states(model, brainstate.ParamState).to_flat()
    expected = [(BIAS, (1,)), (WEIGHT, (1, 1))]
    assert [(path, state.value.shape) for path, state in found.items()] == expected
    assert [(path, state.value.shape) for path, state in treefied.items()] == expected
    assert set(found.keys()) == set(treefied.keys())


def test_states_of_a_function(brainstate: Any) -> None:
    """Section 2.3: a finder numbers the states that a function uses; grad takes its answer."""
    scale = brainstate.ParamState(jnp.array(1.5), name="scale")
    offset = brainstate.ParamState(jnp.array(-0.2), name="offset")
    cache = brainstate.State(jnp.array(0.0), name="cache")

    def energy(x: Any) -> Any:
        moved = scale.value * x + offset.value
        scale.value = scale.value + 0.0  # a write that changes nothing
        cache.value = moved.sum()
        return jnp.sum(moved * moved)

    find = brainstate.transform.StateFinder(
        energy, filter=brainstate.ParamState, usage="all", return_type="dict"
    )
    found = find(jnp.ones(2))
    assert [(str(key), state.name) for key, state in found.items()] == [
        ("0", "scale"),
        ("1", "offset"),
    ]

    gradient = brainstate.transform.grad(energy, grad_states=found, return_value=True)
    gradients, value = gradient(jnp.array([1.0, 3.0]))
    assert_rounds_to(value, "20.1800")
    by_scale, by_offset = found
    assert_gradients(gradients, {by_scale: 28.400001525878906, by_offset: 11.200000762939453})
    assert_prints(cache.value, 5.6)  # not printed: 1.5 (1 + 3) - 2 * 0.2, written by the call


def test_gradient_of_a_state_that_is_no_parameter(brainstate: Any) -> None:
    """Section 2.4: any State can be differentiated; a list of states gives a list."""
    factor = brainstate.State(jnp.array(2.0), name="regular_state")
    gradient = brainstate.transform.grad(
        lambda x: jnp.sum(jnp.square(x * factor.value)), grad_states=[factor]
    )
    gradients = gradient(jnp.array([1.0, 2.0, 3.0]))
    assert len(gradients) == 1
    assert_prints(gradients[0], 56.0)


def test_states_and_an_argument(brainstate: Any) -> None:
    """Section 3: gradients of the states come first, then the argument's, then the loss."""
    model = line(brainstate)

    def penalised(strength: Any, x: Any, target: Any) -> Any:
        squares = jnp.sum(model.weight.value**2) + jnp.sum(model.bias.value**2)
        return squared_error(model)(x, target) + strength * squares

    gradient = brainstate.transform.grad(
        penalised,
        grad_states=model.states(brainstate.ParamState),
        argnums=0,
        return_value=True,
    )
    (gradients, by_strength), loss = gradient(0.5, *points())
    assert_rounds_to(loss, "5.5000")
    assert_rounds_to(by_strength, "0.0000")
    assert_gradients(gradients, {BIAS: [-2.0], WEIGHT: [[-3.0]]})


def test_every_option_at_once(brainstate: Any) -> None:
    """Section 4.2: states, an argument, the loss and aux, in the structure of the last row."""
    model = line(brainstate)

    def measured(strength: Any, x: Any, target: Any) -> Any:
        error = model(x) - target
        squares = jnp.sum(jnp.square(model.weight.value))
        mse = jnp.mean(jnp.square(error))
        aux = {"mae": jnp.mean(jnp.abs(error)), "mse": mse, "l2": squares}
        return mse + strength * squares, aux

    gradient = brainstate.transform.grad(
        measured,
        grad_states=model.states(brainstate.ParamState),
        argnums=0,
        has_aux=True,
        return_value=True,
    )
    (gradients, by_strength), loss, aux = gradient(0.3, *points())
    assert_rounds_to(loss, "5.5000")
    assert_rounds_to(by_strength, "0.0000")
    assert_gradients(gradients, {BIAS: [-2.0], WEIGHT: [[-3.0]]})
    assert sorted(aux) == ["l2", "mae", "mse"]
    for name, figure in {"l2": "0.0000", "mae": "2.0000", "mse": "5.5000"}.items():
        assert_rounds_to(aux[name], figure)


def test_vector_grad(brainstate: Any) -> None:
    """Section 5.1: the gradients of the three outputs, summed."""

    def outputs(x: Any) -> Any:
        return jnp.stack([jnp.prod(x), jnp.sin(x[0]), jnp.sum(x * x)])

    gradient = brainstate.transform.vector_grad(outputs)(jnp.array([1.0, 2.0]))
    assert_prints(gradient, [4.5403023, 5.0])


@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "jacobian"])
def test_jacobians(brainstate: Any, name: str) -> None:
    """Section 5.2: one matrix, whichever mode computes it."""

    def outputs(x: Any) -> Any:
        return jnp.stack([jnp.prod(x), jnp.sin(x[0]), jnp.exp(x[1])])

    matrix = getattr(brainstate.transform, name)(outputs)(jnp.array([1.0, 2.0]))
    assert_prints(matrix, [[2.0, 1.0], [0.5403023, 0.0], [0.0, 7.389056]])


def test_hessian(brainstate: Any) -> None:
    """Section 5.3: the second derivative of a sum of squares is twice the identity."""
    matrix = brainstate.transform.hessian(lambda x: jnp.vdot(x, x))(jnp.array([1.0, 2.0]))
    assert_prints(matrix, [[2.0, 0.0], [0.0, 2.0]])


def test_jacobian_of_the_parameters_of_a_model(brainstate: Any) -> None:
    """Section 5.4: under each path, a block of shape output + parameter."""
    model = line(brainstate, inputs=2)
    jacobian = brainstate.transform.jacrev(
        lambda x: model(x), grad_states=model.states(brainstate.ParamState)
    )
    blocks = jacobian(jnp.array([1.0, 2.0]))
    assert [(path, block.shape) for path, block in blocks.items()] == [
        (BIAS, (1, 1)),
        (WEIGHT, (1, 2, 1)),
    ]
    assert_gradients(blocks, {BIAS: [[1.0]], WEIGHT: [[[1.0], [2.0]]]})  # not printed: 1 and x


def changed_gradient(
    brainstate: Any, change: Callable[[Any, float], Any], factor: float, model: Any
) -> Any:
    """The gradient of a model's loss, by a custom transform that applies `change` to it.

    This is what section 6 builds twice: a function in the form that GradientTransform asks for,
    with a parameter of its own that travels through `transform_params`.
    """

    def transform(fun: Any, *, argnums: Any, has_aux: bool, factor: float) -> Any:
        assert has_aux is True  # the mechanism always carries its own aux
        plain = jax.grad(fun, argnums=argnums, has_aux=has_aux)

        def changed(*args: Any, **kwargs: Any) -> Any:
            gradients, aux = plain(*args, **kwargs)
            return change(gradients, factor), aux

        return changed

    gradient = brainstate.transform.GradientTransform(
        squared_error(model),
        transform=transform,
        grad_states=model.states(brainstate.ParamState),
        argnums=None,
        has_aux=False,
        return_value=False,
        transform_params={"factor": factor},
    )
    return gradient(*points())


def test_custom_transform_that_scales(brainstate: Any) -> None:
    """Section 6.1: half of what grad gives for the same loss."""

    def scaled(gradients: Any, factor: float) -> Any:
        return jax.tree.map(lambda gradient: factor * gradient, gradients)

    model = line(brainstate)
    halved = changed_gradient(brainstate, scaled, 0.5, model)
    assert_gradients(halved, {BIAS: [-1.0], WEIGHT: [[-1.5]]})
    states = model.states(brainstate.ParamState)
    plain = brainstate.transform.grad(squared_error(model), grad_states=states)(*points())
    assert_gradients(plain, {BIAS: [-2.0], WEIGHT: [[-3.0]]})


def test_custom_transform_that_clips(brainstate: Any) -> None:
    """Section 6.2: the gradient as a whole is shortened to a norm of 0.1."""

    def clipped(gradients: Any, longest: float) -> Any:
        squares = [jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(gradients)]
        norm = jnp.sqrt(jnp.sum(jnp.stack(squares)))
        factor = jnp.minimum(1.0, longest / (1e-6 + norm))
        return jax.tree.map(lambda gradient: factor * gradient, gradients)

    gradients = changed_gradient(brainstate, clipped, 0.1, line(brainstate))
    assert_gradients(gradients, {BIAS: [-0.05547], WEIGHT: [[-0.08320501]]})
    assert_rounds_to(jnp.linalg.norm(gradients[BIAS]), "0.0555")
    assert_rounds_to(jnp.linalg.norm(gradients[WEIGHT]), "0.0832")


RATE, DECAY, EPOCHS, NOISE = 0.1, 0.01, 50, 0.1
PRINTED = {  # epoch: weight and bias
    10: (1.5811116, 0.89346814),
    20: (2.300836, 0.98703194),
    30: (2.628456, 0.9968299),
    40: (2.7775886, 0.997856),
    50: (2.8454742, 0.9979635),
}


def training(brainstate: Any) -> tuple[Any, Any, list[list[float]]]:
    """Run section 7's loop; return x, the noisy y, and (weight, bias, loss, mse, l2) by epoch."""
    brainstate.random.seed(0)
    model = line(brainstate)
    x = jnp.linspace(-1.0, 1.0, 20)[:, None]
    y = 3.0 * x + 1.0 + NOISE * brainstate.random.normal(size=x.shape)

    @brainstate.transform.jit
    def loss(x: Any, y: Any) -> Any:
        mse = squared_error(model)(x, y)
        l2 = DECAY * (jnp.sum(model.weight.value**2) + jnp.sum(model.bias.value**2))
        return mse + l2, {"mse": mse, "l2": l2}

    states = model.states(brainstate.ParamState)
    gradient = brainstate.transform.grad(loss, grad_states=states, has_aux=True, return_value=True)
    history = []
    for _ in range(EPOCHS):
        gradients, value, aux = gradient(x, y)
        for path, state in states.items():
            state.value = state.value - RATE * gradients[path]
        parameters = model.weight.value.item(), model.bias.value.item()
        history.append([*parameters, float(value), float(aux["mse"]), float(aux["l2"])])
    return np.asarray(x), np.asarray(y), history


def descent(x: Any, y: Any) -> list[list[float]]:
    """What the loop must give: the same descent by the formula of the gradient, in NumPy."""
    weight = bias = 0.0
    history = []
    for _ in range(EPOCHS):
        error = weight * x + bias - y
        mse, l2 = np.mean(error**2), DECAY * (weight**2 + bias**2)
        weight -= RATE * (2 * np.mean(error * x) + 2 * DECAY * weight)
        bias -= RATE * (2 * np.mean(error) + 2 * DECAY * bias)
        history.append([weight, bias, mse + l2, mse, l2])
    return history


def test_training_loop(brainstate: Any) -> None:
    """Section 7: the loop is the descent it should be, and the model nears the true line.

    The tutorial's figures hang on random noise, so they are held to what noise can do: for theirs
    and for ours, five standard deviations of a parameter fitted to twenty such points.
    """
    x, y, history = training(brainstate)
    np.testing.assert_allclose(history, descent(x, y), rtol=1e-9, atol=1e-12)
    losses = [row[2] for row in history]
    assert all(after < before for before, after in zip(losses, losses[1:], strict=False))
    spread = 2 * 5 * NOISE / np.sqrt([np.sum(x**2), len(x)])
    for epoch, figures in PRINTED.items():
        assert np.all(np.abs(np.subtract(history[epoch - 1][:2], figures)) < spread)
