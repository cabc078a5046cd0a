"""jit: compile a function that reads and writes states (STA, CMP).

The compiled function takes the values of the states known so far as an extra argument and
returns those written as an extra result. When tracing meets a state that is not yet known, the
list grows and tracing starts again; in steady state a call is one pass over two lists.
"""

import contextlib
import functools
import inspect
import itertools
import operator
import threading
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from ..frames import Effects, Frame, lookup, settle, stack
from ..state import State
from .deferred import Deferred

__all__ = ["jit"]


class _UnknownStates(Exception):
    """Ends a trace that used states which are not among the inputs."""

    def __init__(self, states: Sequence[State]) -> None:
        self.states = states


class _Trace:
    """What one trace did to states; its number is part of the structure of its results."""

    def __init__(self, effects: Effects, values: list[Any]) -> None:
        self.effects = replace(effects, writes={}, born={})
        self.written = list(effects.writes)
        self.born = list(effects.born)
        self.plain = all(isinstance(value, jax.Array) for value in values)

    def settle(self, values: Sequence[Any]) -> None:
        """Commit the values that a call gave, with every check."""
        writes = dict(zip(self.written, values, strict=False))
        born = dict(zip(self.born, values[len(writes) :], strict=True))
        settle(replace(self.effects, writes=writes, born=born))


class jit(Deferred):
    """Compile a function that may read and write states.

    Parameters
    ----------
    fun : callable
        The function; left out, the result is a decorator.
    **options
        Those of `jax.jit`, with the same meaning; positions count the arguments of `fun`.
    """

    def __init__(self, fun: Callable[..., Any] | None = None, **options: Any) -> None:
        if not callable(fun):
            raise TypeError(f"fun must be callable, got {fun!r}")
        functools.update_wrapper(self, fun, updated=())
        self.fun = fun
        self.options = options
        self._inputs: list[State] = []
        self._traces: dict[int, _Trace] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._compiled = jax.jit(self._pure(), **_with_states(options))

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the compiled function."""
        gather = _values_inside if stack.frames else _slots
        while True:
            try:
                output, results = self._compiled(gather(self._inputs), *args, **kwargs)
                break
            except _UnknownStates as unknown:
                self._extend(unknown.states)
        ((number, values),) = results.items()
        trace = self._traces[number]
        # Under a JAX transform, what comes back may be tracers, which must not be committed.
        kinds = set(map(type, values if trace.plain else jax.tree.leaves(values)))
        if stack.frames or trace.born or any(issubclass(kind, Tracer) for kind in kinds):
            trace.settle(values)
        else:
            for state, value in zip(trace.written, values, strict=True):
                state._value = value
        return output

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def _pure(self) -> Callable[..., Any]:
        def pure(states: Sequence[Any], /, *args: Any, **kwargs: Any) -> Any:
            with Frame(zip(self._inputs, states, strict=False)) as frame:
                output = self.fun(*args, **kwargs)
            effects = frame.close()
            unknown = [state for state in effects.fetched if state not in frame.bound]
            if unknown:
                raise _UnknownStates(unknown)
            number = next(self._numbers)
            values = [*effects.writes.values(), *effects.born.values()]
            self._traces[number] = _Trace(effects, values)
            return output, {number: values}

        functools.update_wrapper(pure, self.fun, updated=())
        del pure.__dict__["__wrapped__"]
        with contextlib.suppress(ValueError, TypeError):  # not every callable has a signature
            # JAX finds the positions of static and donated arguments by name here.
            first = inspect.Parameter("_states", inspect.Parameter.POSITIONAL_ONLY)
            own = inspect.signature(self.fun)
            parameters = [first, *own.parameters.values()]
            pure.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return pure

    def _extend(self, states: Sequence[State]) -> None:
        for state in states:
            for leaf in jax.tree.leaves(lookup(state)):
                if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, int, float, complex)):
                    raise TypeError(
                        f"jit needs states that hold arrays and numbers; {state.label()} holds "
                        f"a {type(leaf).__name__}"
                    )
        with self._lock:
            known = set(self._inputs)
            self._inputs.extend(state for state in states if state not in known)


_slot = operator.attrgetter("_value")


def _slots(states: Sequence[State]) -> list[Any]:
    return list(map(_slot, states))


def _values_inside(states: Sequence[State]) -> list[Any]:
    return list(map(lookup, states))


def _with_states(options: dict[str, Any]) -> dict[str, Any]:
    """Options of `jax.jit` for a function with an argument and a result more."""
    shifted = dict(options)
    for name in ("static_argnums", "donate_argnums"):
        wanted = shifted.get(name)
        if wanted is not None:
            indices = (wanted,) if isinstance(wanted, int) else wanted
            shifted[name] = tuple(index + (index >= 0) for index in indices)
    if isinstance(shifted.get("in_shardings"), (tuple, list)):
        shifted["in_shardings"] = (None, *shifted["in_shardings"])
    if shifted.get("out_shardings") is not None:
        shifted["out_shardings"] = (shifted["out_shardings"], None)
    return shifted
