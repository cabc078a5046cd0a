"""Data-parallel training: every device has its share of each batch, and all have the weights.

    python docs/examples/parallel.py
    python docs/examples/parallel.py --coordinator HOST:PORT --processes N --process I

The first line uses all devices of this machine. The second one is run N times, on as many machines
as there are, with I from 0 to N-1; HOST is the machine of process 0.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import refimpl as lib

BATCH, FEATURES, HIDDEN, STEPS = 64, 8, 32, 20
KEEP, RATE = 0.9, 0.2


# the devices
def join(coordinator, processes, process):
    """Make one computer of all machines: the only line that knows of them."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")  # means nothing to GPUs
    jax.distributed.initialize(coordinator, processes, process)


def shardings():
    """Where a batch goes, with its first axis shared out, and where states go, whole."""
    mesh = Mesh(np.array(jax.devices()), ("data",))
    return NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())


# the data
def draw_batch(step, shared_out):
    """One batch: each process makes the rows of its own devices, and sees no others."""
    generator = np.random.default_rng(step)  # in place of files, of which each would read its own
    xs = generator.normal(size=(BATCH, FEATURES))
    ys = np.sin(xs[:, 0]) * xs[:, 1]
    size = BATCH // jax.process_count()
    mine = slice(jax.process_index() * size, (jax.process_index() + 1) * size)
    return [jax.make_array_from_process_local_data(shared_out, rows[mine]) for rows in (xs, ys)]


# the model
class Network(lib.nn.Module):
    """Two layers with dropout, and the mean of what the hidden one says."""

    def __init__(self):
        super().__init__()
        self.hidden = lib.ParamState(lib.random.normal(size=(FEATURES, HIDDEN)) / FEATURES**0.5)
        self.readout = lib.ParamState(lib.random.normal(size=HIDDEN) / HIDDEN**0.5)
        self.mean = lib.State(jnp.zeros(HIDDEN))

    def __call__(self, xs):
        """An answer for each row."""
        hidden = jnp.tanh(xs @ self.hidden.value)
        self.mean.value = 0.9 * self.mean.value + 0.1 * jnp.mean(hidden, 0)
        kept = lib.random.uniform(size=hidden.shape) < KEEP
        return jnp.where(kept, hidden / KEEP, 0.0) @ self.readout.value


# the training
def train():
    """The error of every step, the last gradients, and the mean that was kept beside."""
    shared_out, whole = shardings()
    lib.random.seed(1)
    network = Network()
    for state in network.states().values():
        state.value = jax.device_put(state.value, whole)
    weights = network.states(lib.ParamState)

    def error(xs, ys):
        return jnp.mean((network(xs) - ys) ** 2)

    gradient = lib.transform.grad(error, grad_states=weights, return_value=True)

    @lib.transform.jit
    def learn(xs, ys):
        gradients, value = gradient(xs, ys)
        for key, weight in weights.items():
            weight.value = weight.value - RATE * gradients[key]
        return gradients, value

    errors = []
    for step in range(STEPS):
        gradients, value = learn(*draw_batch(step, shared_out))
        errors.append(float(value))
    return errors, list(gradients.values()), network.mean.value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--coordinator", help="address and port of process 0")
    parser.add_argument("--processes", type=int, help="how many there are")
    parser.add_argument("--process", type=int, help="which one this is")
    parser.add_argument("--save", type=Path, help="where to put errors, gradients and the mean")
    given = parser.parse_args()
    if given.coordinator:
        join(given.coordinator, given.processes, given.process)
    found = train()
    errors = found[0]
    print(f"{len(jax.devices())} devices, error {errors[0]:.4f} at first, {errors[-1]:.4f} at last")
    if given.save:
        np.savez(given.save, *map(np.asarray, jax.tree.leaves(found)))
