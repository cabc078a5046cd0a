"""A gated recurrent network learns to add two numbers that lie far apart in a sequence.

    python docs/examples/recurrent.py [--epochs N] [--picture FILE]

Every step of a sequence brings a number and a mark. Two numbers are marked, one in each half; the
network is to give their sum at the end. Who always says 1 has a mean squared error of 1/6.
"""

import argparse
import functools
from pathlib import Path

import jax.numpy as jnp

import refimpl as lib  # or: import brainstate as lib

LENGTH, BATCH, HIDDEN = 30, 64, 32
KEEP, RATE, EPOCH = 0.9, 0.01, 50
CHANCE = 1 / 6


# the task
def draw_batch():
    """Sequences, with time first, and the sums that they ask for."""
    numbers = lib.random.uniform(size=(LENGTH, BATCH))
    half = LENGTH // 2
    marked = jnp.floor(lib.random.uniform(size=(2, BATCH)) * half) + jnp.array([[0], [half]])
    marks = jnp.sum(jnp.arange(LENGTH)[:, None] == marked[:, None, :], 0) * 1.0
    return jnp.stack([numbers, marks], -1), jnp.sum(numbers * marks, 0)


# the network
def weights(rows, columns):
    """Small random weights."""
    return lib.ParamState(lib.random.normal(size=(rows, columns)) / rows**0.5)


class Gated(lib.nn.Module):
    """A cell that keeps or replaces each hidden value, and a readout with dropout."""

    def __init__(self):
        super().__init__()
        self.gate = weights(2 + HIDDEN, HIDDEN)
        self.new = weights(2 + HIDDEN, HIDDEN)
        self.bias = lib.ParamState(jnp.full(HIDDEN, -1.0))  # at first, rather keep
        self.readout = weights(HIDDEN, 1)
        self.hidden = lib.HiddenState(jnp.zeros((BATCH, HIDDEN)))

    def step(self, x):
        """One step of all sequences of a batch."""
        seen = jnp.concatenate([x, self.hidden.value], -1)
        gate = 1 / (1 + jnp.exp(-(seen @ self.gate.value + self.bias.value)))
        new = jnp.tanh(seen @ self.new.value)
        self.hidden.value = (1 - gate) * self.hidden.value + gate * new

    def __call__(self, xs, training):
        """What the network says at the end of the sequences."""
        self.hidden.value = jnp.zeros((BATCH, HIDDEN))
        lib.transform.for_loop(self.step, xs)
        last = self.hidden.value
        if training:
            kept = lib.random.uniform(size=last.shape) < KEEP
            last = jnp.where(kept, last / KEEP, 0.0)
        return 1.0 + (last @ self.readout.value)[:, 0]


# the training
class Adam:
    """Moves states against their gradients; what it remembers of these is in states, too."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.count = lib.State(jnp.array(0.0))
        self.means = {key: lib.State(0.0 * state.value) for key, state in parameters.items()}
        self.squares = {key: lib.State(0.0 * state.value) for key, state in parameters.items()}

    def move(self, gradients):
        """One step of descent."""
        self.count.value = self.count.value + 1.0
        fade = 1 - 0.9**self.count.value, 1 - 0.999**self.count.value
        for key, parameter in self.parameters.items():
            mean, square, gradient = self.means[key], self.squares[key], gradients[key]
            mean.value = 0.9 * mean.value + 0.1 * gradient
            square.value = 0.999 * square.value + 0.001 * gradient**2
            size = jnp.sqrt(square.value / fade[1]) + 1e-8
            parameter.value = parameter.value - RATE * mean.value / fade[0] / size


def train(epochs):
    """Errors in training and without dropout, a pair for each epoch."""
    lib.random.seed(1)
    network = Gated()
    optimizer = Adam(network.states(lib.ParamState))

    def error(xs, wanted, training=False):
        return jnp.mean((network(xs, training) - wanted) ** 2)

    gradient = lib.transform.grad(
        functools.partial(error, training=True),
        grad_states=optimizer.parameters,
        return_value=True,
    )

    def learn(_):
        gradients, value = gradient(*draw_batch())
        optimizer.move(gradients)
        return value

    @lib.transform.jit
    def epoch():
        errors = lib.transform.for_loop(learn, jnp.arange(EPOCH))
        return jnp.mean(errors), error(*draw_batch())

    return [tuple(map(float, epoch())) for _ in range(epochs)]


# the picture
def picture(curves):
    """The learning curves as SVG, with a logarithmic axis for the error."""
    left, right, top, bottom, floor, ceiling = 60, 500, 20, 240, -4.0, 0.0

    def place(index, error):
        height = (float(jnp.log10(error)) - floor) / (ceiling - floor)
        across = (index + 1) / len(curves)
        return left + across * (right - left), bottom - height * (bottom - top)

    def line(points, style):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return f'<polyline points="{path}" {style}/>'

    chance = place(0, CHANCE)[1]
    ticks = [(10.0**power, place(0, 10.0**power)[1]) for power in range(int(floor), 1)]
    trained, tested = (
        [place(i, max(pair[k], 10**floor)) for i, pair in enumerate(curves)] for k in (0, 1)
    )
    green = "var(--color-brand-content,#0b6e4f)"
    return "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 290" role="img" '
        'aria-labelledby="rnn-t rnn-d" font-size="13" font-family="inherit">',
        '<title id="rnn-t">A gated network learns to add</title>',
        f'<desc id="rnn-d">The mean squared error over {len(curves) * EPOCH} steps of training, on '
        f"a logarithmic axis. It begins near that of the constant answer, {CHANCE:.3f}, and "
        f"falls to {curves[-1][0]:.4f} in training and {curves[-1][1]:.4f} without dropout.</desc>",
        '<g fill="none" stroke="currentColor">',
        f'<path d="M{left} {top}V{bottom}H{right}"/>',
        f'<path d="M{left} {chance:.1f}H{right}" stroke-dasharray="4 3"/>',
        line(trained, 'stroke-width="1.5" opacity=".55"'),
        line(tested, f'stroke-width="2.5" style="stroke:{green}"'),
        "</g>",
        '<g fill="currentColor">',
        *(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
          for value, y in ticks),
        f'<text x="{right + 8}" y="{chance + 4:.1f}">always 1</text>',
        f'<text x="{right + 8}" y="{trained[-1][1]:.1f}">training</text>',
        f'<text x="{right + 8}" y="{tested[-1][1] + 12:.1f}" style="fill:{green}">'
        "no dropout</text>",
        f'<text x="{right}" y="{bottom + 20}" text-anchor="end">{len(curves) * EPOCH} steps</text>',
        f'<text x="{left}" y="{bottom + 40}">mean squared error of the sum, by step</text>',
        "</g>",
        "</svg>",
    ])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=40, help=f"of {EPOCH} steps (default: 40)")
    parser.add_argument("--picture", type=Path, help="where to put the learning curve")
    given = parser.parse_args()
    found = train(given.epochs)
    print(f"always 1: {CHANCE:.4f}, first epoch: {found[0][1]:.4f}, last: {found[-1][1]:.4f}")
    if given.picture:
        given.picture.write_text(picture(found) + "\n", encoding="utf-8")
