"""Programs over states whose arrays are shared out over devices, and the same on one device.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python -m tests.sharded

prints, as JSON, what went wrong with each program on each kind of mesh, if anything.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from refimpl import ParamState, State, random, transform

STEPS: Final = jnp.arange(3.0)

Placer = Callable[..., Any]


class World:
    """States that are shared out along their first axis, and two that every device has whole."""

    def __init__(self, place: Placer) -> None:
        self.place = place
        self.w = ParamState(place(jnp.sin(jnp.arange(32.0)).reshape(8, 4), "d"), name="w")
        self.h = State(place(jnp.zeros((8, 4)), "d"), name="h")
        self.bias = State(place(jnp.ones(4)), name="bias")
        self.n = State(place(jnp.array(0)), name="n")
        self.out: State[Any] = State(None, name="out")

    def states(self) -> list[State]:
        """Those that are there before the program."""
        return [self.w, self.h, self.bias, self.n]

    def step(self, x: Any) -> Any:
        """Reads, draws, counts, writes, and overwrites what it does not read."""
        self.n.value += 1
        noise = 0.1 * random.normal(size=())
        self.h.value = jnp.tanh(self.w.value * self.h.value + x + noise * self.bias.value)
        self.out.value = 2.0 * self.h.value
        return jnp.sum(self.h.value**2)

    def loop(self) -> Any:
        """Three steps."""
        return jnp.sum(transform.for_loop(self.step, STEPS))


Program = Callable[[World], Any]


def member(name: str) -> Program:
    """A derivative of a step, for two states and the argument."""

    def program(world: World) -> Any:
        states = {"w": world.w, "bias": world.bias}
        return getattr(transform, name)(world.step, grad_states=states, argnums=0)(0.5)

    return program


def started(program: Program) -> Program:
    """The same, where a state that bodies only overwrite has a value already."""

    def run(world: World) -> Any:
        world.out.value = 1.0 * world.h.value
        return program(world)

    return run


def in_while_loop(world: World) -> Any:
    return transform.while_loop(lambda c: c < 2.0, lambda c: c + 1.0 + 0.0 * world.step(c), 0.0)


def in_lanes(world: World) -> Any:
    def lane(x: Any) -> Any:
        return world.step(x) * random.uniform()

    mapped = transform.vmap(lane, in_states=[world.w, world.h], out_states=world.out)
    return mapped(world.place(jnp.arange(8.0), "d"))


def descent(world: World) -> Any:
    gradients = transform.grad(world.loop, grad_states=world.w)()
    world.w.value = world.w.value - 0.1 * gradients
    return gradients


def pulled_back(world: World) -> Any:
    value, pull = transform.vjp(world.step, 0.5, grad_states=world.w)
    return value, pull(jnp.ones_like(value))


def pushed_forward(world: World) -> Any:
    tangents = jnp.cos(world.w.value)
    return transform.jvp(
        world.step, (0.5,), (1.0,), grad_states=world.w, state_tangents=tangents
    )


MEMBERS: Final = ("grad", "vector_grad", "jacrev", "jacfwd", "hessian", "fwd_grad")
PLAIN: Final[dict[str, Program]] = {
    "called": lambda world: world.step(0.5),
    **{name: member(name) for name in MEMBERS},
    "vjp": pulled_back,
    "jvp": pushed_forward,
    "for_loop": World.loop,
    "scan": lambda world: transform.scan(lambda c, x: (c + world.step(x), c), 0.0, STEPS),
    "while_loop": started(in_while_loop),
    "cond": started(lambda world: transform.cond(jnp.array(True), world.step, jnp.sin, 0.5)),
    "switch": started(lambda world: transform.switch(0, [world.step, jnp.sin], jnp.array(0.5))),
    "vmap": in_lanes,
    "checkpoint": lambda world: transform.checkpoint(world.step)(0.5),
    "descent through a loop": descent,
}
COMPILED: Final = ("called", "hessian", "vmap", "descent through a loop")


def compiled(program: Program) -> Program:
    """The same, under `jit`."""
    return lambda world: transform.jit(lambda: program(world))()


PROGRAMS: Final = PLAIN | {f"jit, {name}": compiled(PLAIN[name]) for name in COMPILED}
STAGED: Final = ("grad", "for_loop", "while_loop", "cond", "vmap", "jit, descent through a loop")
"""Those in which types count, of which an explicit sharding is a part."""
KINDS: Final = {
    "automatic": (AxisType.Auto, PROGRAMS),
    "explicit": (AxisType.Explicit, {name: PROGRAMS[name] for name in STAGED}),
}


def outcome(program: Program, place: Placer) -> tuple[World, list[Any]]:
    """The world after a program; and all arrays that there are then."""
    random.seed(0)
    world = World(place)
    result = program(world)
    held = [state.value for state in (*world.states(), world.out, random.DEFAULT)]
    return world, jax.tree.leaves((result, held))


def wrong(program: Program, mesh: Any) -> str:
    """What differs from one device, or is not where it was; empty if nothing."""

    def place(value: Any, *axes: str) -> Any:
        return jax.device_put(value, NamedSharding(mesh, PartitionSpec(*axes)))

    _, want = outcome(program, lambda value, *_: value)
    with jax.set_mesh(mesh) if AxisType.Explicit in mesh.axis_types else contextlib.nullcontext():
        world, got = outcome(program, place)
        before = [state.value.sharding for state in World(place).states()]
    for one, many in zip(want, got, strict=True):
        np.testing.assert_allclose(many, one, rtol=1e-12, atol=1e-14)
    moved = [
        f"{state!r} from {old.spec} to {state.value.sharding}"
        for state, old in zip(world.states(), before, strict=True)
        if not state.value.sharding.is_equivalent_to(old, state.value.ndim)
    ]
    where = world.h.value.sharding
    if world.out.value is not None and not world.out.value.sharding.is_equivalent_to(where, 2):
        moved.append(f"{world.out!r} is on {world.out.value.sharding}")
    return ", ".join(moved)


def refused(mesh: Any) -> str:
    """How a branch is refused that shares a state out where the other does not."""
    state = State(jax.device_put(jnp.zeros(8), NamedSharding(mesh, PartitionSpec("d"))), name="s")

    def gather() -> None:
        state.value = jax.device_put(jnp.zeros(8), NamedSharding(mesh, PartitionSpec()))

    with jax.set_mesh(mesh):
        try:
            transform.cond(jnp.array(True), gather, lambda: None)
        except TypeError as error:
            return str(error)
    return "not at all"


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    found: dict[str, str] = {}
    for kind, (axes, programs) in KINDS.items():
        mesh = jax.make_mesh((8,), ("d",), axis_types=(axes,))
        for name, program in programs.items():
            try:
                found[f"{name}, {kind}"] = wrong(program, mesh)
            except Exception as error:
                found[f"{name}, {kind}"] = f"{type(error).__name__}: {error}"
    found["refused"] = refused(mesh)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
