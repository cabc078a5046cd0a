"""What state costs: `refimpl` beside the same function written by hand in pure JAX.

A line of the table is one piece of work in two forms that give the same values.  Both are timed in
turn, round after round, in one process; a round is the best of three passes, and the figure is the
median of the rounds' ratios.  Times alone say little on a shared machine, a ratio taken within one
round does.  Nothing here fails because it is slow.

    python -m tests.benchmark [--rounds N] [--only WORDS] [--library MODULE]
"""

from __future__ import annotations

import argparse
import gc
import importlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.benchmark_control import WORK, again

Array = Any
Work = Callable[[], Any]

PASSES: Final = 3
SPAN: Final = 0.02
"""Seconds that a pass should take, so that the clock's own cost is nothing."""
RATE: Final = 0.01
X: Final = jnp.linspace(-1.0, 1.0, 16)


@dataclass(frozen=True)
class Line:
    """One piece of work: how to make it by hand and with states, from the library's namespace."""

    name: str
    pure: Callable[[], Work]
    stateful: Callable[[Any], Work]


@dataclass(frozen=True)
class Figure:
    """What a line took: seconds by hand, and the ratios of the rounds."""

    name: str
    seconds: float
    ratios: tuple[float, ...]


def loss_of(weights: Sequence[Array], x: Array) -> Array:
    """A loss in which every weight takes part."""
    return sum(jnp.sum(jnp.tanh(weight * x)) for weight in weights)


def initial(count: int) -> list[Array]:
    """As many weights."""
    return [jnp.full((16,), 1.0 + 0.01 * i) for i in range(count)]


def pure_gradient(count: int, around: Callable[[Any], Any]) -> Work:
    """The gradient of all weights beside a counter, by hand; ``around`` may compile it."""
    gradient = around(jax.grad(lambda w, n, x: (loss_of(w, x), n + 1), has_aux=True))
    weights, counter = initial(count), [jnp.array(0)]

    def work() -> Any:
        found, counter[0] = gradient(weights, counter[0], X)
        return found

    return work


def stateful_gradient(count: int, compiled: bool, lib: Any) -> Work:
    """The same with a state for every weight and one for the counter."""
    weights, counter = [lib.State(w) for w in initial(count)], lib.State(jnp.array(0))

    def loss(x: Array) -> Array:
        counter.value = counter.value + 1
        return loss_of([w.value for w in weights], x)

    gradient = lib.transform.grad(loss, grad_states=weights)
    return partial(lib.transform.jit(gradient) if compiled else gradient, X)


def pure_step(count: int) -> Work:
    """A step of gradient descent, compiled, by hand."""
    def update(weights: list[Array], x: Array) -> list[Array]:
        found = jax.grad(loss_of)(weights, x)
        return [w - RATE * g for w, g in zip(weights, found, strict=True)]

    step, held = jax.jit(update), [initial(count)]

    def work() -> Any:
        held[0] = step(held[0], X)
        return held[0]

    return work


def stateful_step(count: int, lib: Any) -> Work:
    """The same with a state for every weight."""
    weights = [lib.State(w) for w in initial(count)]
    gradient = lib.transform.grad(lambda x: loss_of([w.value for w in weights], x),
                                  grad_states=weights)

    def update(x: Array) -> None:
        for weight, found in zip(weights, gradient(x), strict=True):
            weight.value = weight.value - RATE * found

    step = lib.transform.jit(update)

    def work() -> Any:
        step(X)
        return [w.value for w in weights]

    return work


def cube(weight: Array, x: Array) -> Array:
    """A vector of the size of its weight."""
    return jnp.sin(weight) ** 3 * x


def pure_matrix(member: str) -> Work:
    """A compiled Jacobian or Hessian, by hand."""
    function = (lambda w: jnp.sum(cube(w, X))) if member == "hessian" else partial(cube, x=X)
    return partial(jax.jit(getattr(jax, member)(function)), initial(1)[0])


def stateful_matrix(member: str, lib: Any) -> Work:
    """The same with respect to a state."""
    weight = lib.State(initial(1)[0])

    def function() -> Array:
        out = cube(weight.value, X)
        return jnp.sum(out) if member == "hessian" else out

    work: Work = lib.transform.jit(getattr(lib.transform, member)(function, grad_states=weight))
    return work


def pure_trace(count: int) -> Work:
    """The first call of a compiled gradient, up to what is to be compiled, by hand."""
    weights = initial(count)

    def work() -> Any:
        jax.jit(lambda w, x: jax.grad(loss_of)(w, x)).trace(weights, X)

    return work


def stateful_trace(count: int, lib: Any) -> Work:
    """The same with states: a gradient that JAX traces as a whole."""
    weights = [lib.State(w) for w in initial(count)]

    def work() -> Any:
        gradient = lib.transform.grad(lambda x: loss_of([w.value for w in weights], x),
                                      grad_states=weights)
        jax.jit(lambda x: gradient(x)).trace(X)

    return work


LINES: Final = (
    *(Line(f"gradient and a write, eager, {n}", partial(pure_gradient, n, lambda f: f),
           partial(stateful_gradient, n, False)) for n in (1, 10, 100)),
    *(Line(f"gradient and a write, jit, {n}", partial(pure_gradient, n, jax.jit),
           partial(stateful_gradient, n, True)) for n in (1, 10, 100)),
    *(Line(f"descent step, jit, {n}", partial(pure_step, n),
           partial(stateful_step, n)) for n in (1, 10, 100)),
    *(Line(f"{member}, jit, 1", partial(pure_matrix, member), partial(stateful_matrix, member))
      for member in ("jacrev", "jacfwd", "hessian")),
    *(Line(f"tracing a gradient, {n}", partial(pure_trace, n),
           partial(stateful_trace, n)) for n in (10, 100)),
    *(Line(f"{name}, jit", *forms) for name, forms in WORK.items()),
    *(Line(f"{name}, first call", again(pure), again(stateful))
      for name, (pure, stateful) in WORK.items()),
)
"""All lines."""


def check(line: Line, lib: Any) -> None:
    """Both forms give the same values, else their times say nothing.

    Raises
    ------
    AssertionError
        If they do not.
    """
    want, got = (jax.tree.leaves(work()) for work in (line.pure(), line.stateful(lib)))
    if len(want) != len(got):
        raise AssertionError(f"{line.name}: {len(got)} arrays, by hand {len(want)}")
    for a, b in zip(want, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6, err_msg=line.name)


def measure(line: Line, lib: Any, rounds: int) -> Figure:
    """Time both forms of a line in turn."""
    check(line, lib)
    forms = (line.pure(), line.stateful(lib))
    once = max(best(form, 1) for form in forms)
    times = max(1, int(SPAN / once))
    seconds, ratios = [], []
    for index in range(rounds):
        with no_collection():
            order = forms if index % 2 else forms[::-1]
            took = {form: best(form, times) for form in order}
        seconds.append(took[forms[0]])
        ratios.append(took[forms[1]] / took[forms[0]])
    return Figure(line.name, statistics.median(seconds), tuple(ratios))


def best(work: Work, times: int) -> float:
    """Seconds of one call of the work, in the best of the passes."""
    def run() -> float:
        start = perf_counter()
        for _ in range(times):
            result = work()
        jax.block_until_ready(result)
        return (perf_counter() - start) / times

    return min(run() for _ in range(PASSES))


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector out of a round."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def table(figures: Sequence[Figure]) -> Table:
    """The figures, with the range of the ratios."""
    shown = Table("work, number of states", "JAX by hand", "ratio", "range")
    for figure in figures:
        shown.add_row(figure.name, f"{1e6 * figure.seconds:,.0f} us",
                      f"{statistics.median(figure.ratios):.2f}",
                      f"{min(figure.ratios):.2f} to {max(figure.ratios):.2f}")
    return shown


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of a line (default: 7)")
    parser.add_argument("--only", default="", help="lines whose name holds these words")
    parser.add_argument("--library", default="refimpl", help="the module to time")
    given = parser.parse_args(argv)
    lib, errors = importlib.import_module(given.library), Console(stderr=True)
    chosen = [line for line in LINES if given.only in line.name]
    if not chosen:
        parser.error(f"--only {given.only!r} names no line")
    if given.rounds < 1:
        parser.error(f"--rounds is {given.rounds}, expected 1 or more")
    work = track(chosen, "timing", console=errors, transient=True)
    Console().print(table([measure(line, lib, given.rounds) for line in work]))


if __name__ == "__main__":
    main()
