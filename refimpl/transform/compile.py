"""jit: compile a function that reads and writes states (STA, CMP).

The compiled function takes the values of the states known so far as an extra argument and
returns those written as an extra result. When tracing meets a state that is not yet known, it
starts over with a longer list; in steady state a call is one pass over two lists.

A trace that creates states which stay alive is good for one call only, as the function will
meet them at the next one.
"""

import contextlib
import functools
import gc
import inspect
import itertools
import operator
import threading
import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any
from weakref import ref

import jax
import numpy as np
from jax.core import Tracer

from ..frames import EAGER, UNSET, Effects, Frame, current, lookup, settle, stack, trace_now
from ..state import State
from .deferred import Deferred

__all__ = ["TRACE", "jit"]


# JAX remembers the jaxpr of a loop body, a checkpoint or a compiled helper together with every
# value that it closed over: a constant or tracer of an earlier trace, if it read a state. What
# JAX remembers is bound to the value of this context, and every trace gets a value of its own.
TRACE = jax.make_user_context()


class _UnknownStates(Exception):
    """Ends a trace that used states which are not among the inputs."""


class _Trace:
    """What one trace did to states; its number is part of the structure of its results.

    The trace itself is not, as JAX would keep that structure, and so the states, for long.
    """

    def __init__(self, effects: Effects, values: list[Any]) -> None:
        self.effects = replace(effects, writes={}, born={})
        self.written = list(effects.writes)
        self.cells = [state._cell for state in self.written]
        self.born = list(map(ref, effects.born))  # a trace must not be what keeps them alive
        self.plain = all(isinstance(value, jax.Array) for value in values)

    def settle(self, values: Sequence[Any]) -> None:
        """Commit the values that a call gave, with every check."""
        writes = dict(zip(self.written, values, strict=False))
        created = zip(self.born, values[len(writes) :], strict=True)
        born = {state: value for made, value in created if (state := made()) is not None}
        settle(replace(self.effects, writes=writes, born=born))


class jit(Deferred):
    """Compile a function that may read and write states.

    Parameters
    ----------
    fun : callable
        The function; left out, the result is a decorator.
    **options
        Those of `jax.jit`, with the same meaning; positions count the arguments of `fun`.

    Raises
    ------
    TypeError
        If `fun` cannot be called. In a call: if a state that is used holds something else than
        arrays and numbers; and as `jax.jit` does.

    Notes
    -----
    Rules: CMP-01, CMP-02, CMP-11 to CMP-18, STA-15.
    """

    def __init__(self, fun: Callable[..., Any] | None = None, **options: Any) -> None:
        if not callable(fun):
            raise TypeError(f"fun must be callable, got {fun!r}")
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.options = options
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._inputs: Sequence[State] = ()
        self._start_over(())

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the compiled function."""
        gather = _values_inside if stack.frames else _slots
        if self._created:
            self._check_created()
        while True:
            with self._lock:
                inputs, traces, compiled = self._inputs, self._traces, self._compiled
            try:
                output, results = compiled(gather(inputs), *args, **kwargs)
                break
            except _UnknownStates:
                continue
        ((number, values),) = results.items()
        trace = traces[number]
        # Under a JAX transform, what comes back may be tracers, which must not be committed.
        kinds = set(map(type, values if trace.plain else jax.tree.leaves(values)))
        if stack.frames or trace.born or any(issubclass(kind, Tracer) for kind in kinds):
            trace.settle(values)
        else:
            for cell, value in zip(trace.cells, values, strict=True):
                cell["_value"] = value
        return output

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def _pure(self, inputs: Sequence[State], traces: dict[int, _Trace]) -> Callable[..., Any]:
        def pure(values: Sequence[Any], /, *args: Any, **kwargs: Any) -> Any:
            given = zip(inputs, values, strict=True)
            # Under `jax.disable_jit` this runs at every call, and JAX should remember.
            context = None if trace_now() == EAGER else object()
            with (
                TRACE(context),
                Frame((state, value) for state, value in given if value is not UNSET) as frame,
            ):
                output = self.fun(*args, **kwargs)
            if frame.born:
                gc.collect()  # it may be alive only as part of a reference cycle
            effects = frame.close()
            unknown = [state for state in effects.fetched if state not in frame.bound]
            if unknown:
                _expect_numbers(unknown)
                self._start_over(unknown)
                # What was created would have no value in a second run. As no later call uses
                # this trace, the unknown states may as well be constants of it.
                if not effects.born:
                    raise _UnknownStates
            number = next(self._numbers)
            results = [*effects.writes.values(), *effects.born.values()]
            traces[number] = _Trace(effects, results)
            self._created.extend(traces[number].born)
            return output, {number: results}

        functools.update_wrapper(pure, self.fun, updated=())
        del pure.__dict__["__wrapped__"]
        with contextlib.suppress(ValueError, TypeError):  # not every callable has a signature
            # JAX finds the positions of static and donated arguments by name here.
            first = inspect.Parameter("_states", inspect.Parameter.POSITIONAL_ONLY)
            own = inspect.signature(self.fun)
            parameters = [first, *own.parameters.values()]
            pure.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return pure

    def _start_over(self, states: Iterable[State]) -> None:
        """Forget all traces, and the inputs without a value; make these states inputs."""
        with self._lock:
            alive = (state for state in self._inputs if current(state) is not UNSET)
            self._inputs = tuple(dict.fromkeys((*alive, *states)))
            self._traces: dict[int, _Trace] = {}
            self._created: list[ref[State]] = []
            pure = self._pure(self._inputs, self._traces)
            self._compiled = jax.jit(pure, **_with_states(self.options))

    def _check_created(self) -> None:
        """Start over if a trace created states that a further run of the function may meet."""
        if any(made() is not None for made in self._created):
            gc.collect()
        if any(made() is not None for made in self._created):
            self._start_over(())
        else:
            self._created = []


_slot = operator.attrgetter("_value")


def _slots(states: Sequence[State]) -> list[Any]:
    return list(map(_slot, states))


def _values_inside(states: Sequence[State]) -> list[Any]:
    return list(map(current, states))


def _expect_numbers(states: Iterable[State]) -> None:
    for state in states:
        for leaf in jax.tree.leaves(lookup(state)):
            if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, int, float, complex)):
                raise TypeError(
                    f"jit needs states that hold arrays and numbers; {state.label()} holds "
                    f"a {type(leaf).__name__}"
                )


def _with_states(options: dict[str, Any]) -> dict[str, Any]:
    """Options of `jax.jit` for a function with an argument and a result more."""
    shifted = dict(options)
    for name in ("static_argnums", "donate_argnums"):
        wanted = shifted.get(name)
        if wanted is not None:
            indices = (wanted,) if hasattr(wanted, "__index__") else wanted
            shifted[name] = tuple(index + (index >= 0) for index in map(operator.index, indices))
    if isinstance(shifted.get("in_shardings"), (tuple, list)):
        shifted["in_shardings"] = (None, *shifted["in_shardings"])
    if shifted.get("out_shardings") is not None:
        shifted["out_shardings"] = (shifted["out_shardings"], None)
    return shifted
