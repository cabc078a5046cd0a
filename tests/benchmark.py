"""What state costs: `refimpl` beside the same function written by hand in pure JAX.

A line of the table is one piece of work in several forms that give the same values: by hand, and
with the states of each library.  All are timed in turn, round after round, in one process; a round
is the best of three passes, and the figure is the median of the rounds' ratios to the form by hand.
Times alone say little on a shared machine, a ratio taken within one round does.  Nothing here fails
because it is slow; a ratio above the line's bound, for the first library, is marked.

    python -m tests.benchmark [--rounds N] [--only WORDS] [--library MODULE ...]
"""

from __future__ import annotations

import argparse
import functools
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
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests import benchmark_nnx as nnx
from tests import benchmark_states as states
from tests.benchmark_control import WORK, again
from tests.benchmark_nnx_control import FORMS

Array = Any
Work = Callable[[], Any]

PASSES: Final = 3
SPAN: Final = 0.02
"""Seconds that a pass should take, so that the clock's own cost is nothing."""


@functools.cache
def compiling() -> list[float]:
    """How many seconds JAX has spent on lowering and compiling, since this was first asked."""
    spent = [0.0]

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event.endswith(("jaxpr_to_mlir_module_duration", "backend_compile_duration")):
            spent[0] += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    return spent


def wall() -> float:
    """The time."""
    return perf_counter()


def without_compiling() -> float:
    """The time of a clock that stands still while JAX lowers and compiles."""
    return perf_counter() - compiling()[0]


@dataclass(frozen=True)
class Line:
    """One piece of work: how to make it by hand and with states, and what it may cost.

    `stateful` takes a library's namespace; `nnx` is the form in the words of `flax.nnx`, which
    has other ones.
    """

    name: str
    pure: Callable[[], Work]
    stateful: Callable[[Any], Work]
    bound: float
    nnx: Callable[[Any], Work] | None = None
    clock: Callable[[], float] = wall

    def form(self, lib: Any) -> Work:
        """The work with states of a library.

        Raises
        ------
        LookupError
            If there is no such form.
        """
        if lib.__name__ != "flax.nnx":
            return self.stateful(lib)
        if self.nnx is None:
            raise LookupError(f"{self.name} is not written for flax.nnx")
        return self.nnx(lib)


@dataclass(frozen=True)
class Figure:
    """What a line took: seconds by hand, and by library the ratios of the rounds, or a failure."""

    name: str
    bound: float
    seconds: float
    ratios: dict[str, tuple[float, ...] | str]


EAGER: Final = {1: 1.10, 10: 1.05, 100: 1.05, 1000: 1.05}
STEADY: Final = {1: 1.20, 10: 1.15, 100: 1.15, 1000: 1.10}
"""Bounds, by the number of states."""



def steps(name: str, bound: float, *problem: Callable[..., Any]) -> Line:
    """The line of a step of gradient descent, from what makes weights, the loss, and the input."""
    return Line(name, partial(states.pure_step, *problem), partial(states.stateful_step, *problem),
                bound, partial(nnx.step, *problem))


LINES: Final = (
    *(Line(f"gradient and a write, eager, {n}", partial(states.pure_gradient, n, lambda f: f),
           partial(states.stateful_gradient, n, False), bound, partial(nnx.gradient, n, False))
      for n, bound in EAGER.items()),
    *(Line(f"gradient of a jitted loss, eager, {n}", partial(states.pure_inner, n),
           partial(states.stateful_inner, n), 0.2, partial(nnx.inner, n)) for n in (1, 10, 100)),
    *(Line(f"gradient and a write, jit, {n}", partial(states.pure_gradient, n, jax.jit),
           partial(states.stateful_gradient, n, True), STEADY[n], partial(nnx.gradient, n, True))
      for n in (1, 10, 100)),
    *(steps(f"descent step, jit, {n}", bound, partial(states.initial, n), states.loss_of,
            lambda: states.X) for n, bound in STEADY.items()),
    steps("descent step of a network, jit, 3", 1.02, states.layers, states.network_loss,
          states.examples),
    *(Line(f"{member}, jit, 1", partial(states.pure_matrix, member),
           partial(states.stateful_matrix, member), STEADY[1])
      for member in ("jacrev", "jacfwd", "hessian")),
    *(Line(f"descent step, {what}, {n}", partial(states.pure_first, n),
           partial(states.stateful_first, n), bound, partial(nnx.first, n), clock)
      for what, bound, clock in (("tracing", 1.15, without_compiling), ("first call", 1.10, wall))
      for n in (1, 10, 100, 1000)),
    *(Line(f"finding states, {n}", partial(states.pure_finding, n),
           partial(states.stateful_finding, n), 1.20) for n in (1, 10, 100)),
    *(Line(f"{name}, jit", *forms, 1.15, FORMS[name]) for name, forms in WORK.items()),
    *(Line(f"{name}, first call", again(pure), again(stateful), 1.30, again(FORMS[name]))
      for name, (pure, stateful) in WORK.items()),
)
"""All lines."""


def values_of(result: Any) -> list[Any]:
    """The leaves of a result, in which a state stands for its value."""
    leaves = jax.tree.leaves(result, is_leaf=lambda leaf: hasattr(type(leaf), "value"))
    return jax.tree.leaves([getattr(leaf, "value", leaf) for leaf in leaves])


def check(line: Line, lib: Any) -> None:
    """Both forms give the same values, else their times say nothing.

    Raises
    ------
    AssertionError
        If they do not.
    """
    want, got = (values_of(work()) for work in (line.pure(), line.form(lib)))
    if len(want) != len(got):
        raise AssertionError(f"{line.name}: {len(got)} arrays, by hand {len(want)}")
    for a, b in zip(want, got, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6, err_msg=line.name)


def measure(line: Line, libs: Sequence[Any], rounds: int) -> Figure:
    """Time all forms of a line in turn."""
    forms, ratios = {"": line.pure()}, dict[str, Any]()
    for lib in libs:
        try:
            check(line, lib)
            forms[lib.__name__] = line.form(lib)
        except LookupError:
            ratios[lib.__name__] = "none"
        except Exception as error:
            ratios[lib.__name__] = type(error).__name__
    once = max(best(form, 1, line.clock) for form in forms.values())
    times = max(1, int(SPAN / max(once, 1e-9)))
    took: dict[str, list[float]] = {name: [] for name in forms}
    for index in range(rounds):
        with no_collection():
            for name in list(forms) if index % 2 else list(forms)[::-1]:
                took[name].append(best(forms[name], times, line.clock))
    by_hand = took.pop("")
    for name, seconds in took.items():
        ratios[name] = tuple(a / b for a, b in zip(seconds, by_hand, strict=True))
    return Figure(line.name, line.bound, statistics.median(by_hand), ratios)


def best(work: Work, times: int, clock: Callable[[], float] = wall) -> float:
    """Seconds of one call of the work, in the best of the passes."""
    def run() -> float:
        start = clock()
        for _ in range(times):
            result = work()
        jax.block_until_ready(values_of(result))
        return (clock() - start) / times

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


def table(figures: Sequence[Figure], libraries: Sequence[str]) -> Table:
    """The figures, with the range of the ratios."""
    shown = Table("work, number of states", "JAX by hand", "bound", *libraries)
    for figure in figures:
        cells = [_cell(figure.ratios[name]) for name in libraries]
        first = figure.ratios[libraries[0]]
        if isinstance(first, str) or statistics.median(first) > figure.bound:
            cells[0] += " !"
        shown.add_row(figure.name, f"{1e6 * figure.seconds:,.0f} us", f"{figure.bound:.2f}", *cells)
    return shown


def _cell(ratios: tuple[float, ...] | str) -> str:
    if isinstance(ratios, str):
        return ratios
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of a line (default: 7)")
    parser.add_argument("--only", default="", help="lines whose name holds these words")
    parser.add_argument("--library", nargs="+", default=["refimpl"], metavar="MODULE",
                        help="what to time, such as: refimpl brainstate flax.nnx")
    given = parser.parse_args(argv)
    libs, errors = list(map(importlib.import_module, given.library)), Console(stderr=True)
    chosen = [line for line in LINES if given.only in line.name]
    if not chosen:
        parser.error(f"--only {given.only!r} names no line")
    if given.rounds < 1:
        parser.error(f"--rounds is {given.rounds}, expected 1 or more")
    figures = []
    for line in track(chosen, "timing", console=errors, transient=True):
        figures.append(measure(line, libs, given.rounds))
        cells = (_cell(figures[-1].ratios[name]) for name in given.library)
        errors.print(line.name, *cells, sep="  ")
    Console().print(table(figures, given.library))


if __name__ == "__main__":
    main()
