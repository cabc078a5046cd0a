"""jit: compile a function that reads and writes states (STA, CMP).

The compiled function takes the values of states as an extra argument and returns those written
as an extra result; in steady state a call is one pass over two lists. The states are guessed
from what the function can reach. The first trace shows what it uses, and is repeated, before
anything is computed, if the guess missed a state or was far too long. A later trace that meets a
further state, or leaves a created one behind, serves one call, and the next call begins anew.

Inside of another trace there is nothing to compile: the function is run as a part of what is
running. So what JAX differentiates is always the function itself. (JAX would run a custom
derivative rule long after the function, on what it remembers, where a state that the rule reads
could not be told from a constant.)
"""

import functools
import gc
import itertools
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast, overload
from weakref import ref

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import find_top_trace

from ..frames import (
    EAGER_TRACE,
    UNSET,
    Effects,
    Frame,
    current,
    in_rule,
    lookup,
    note_change,
    publish,
    pulls,
    settle,
    stack,
    transaction,
    whole_stack,
)
from ..memory import apart
from ..reach import guess_states
from ..state import State
from ..summary import summary
from ..typing import Function, P, R
from .arguments import OBJECTS, static_parameters, unwrap, with_signature, with_states, wrap
from .checks import expect_function, is_hashable, odd_leaves
from .deferred import Deferred

_NUMBERS = (jax.Array, np.ndarray, np.generic, bool, int, float, complex)
_MOST = 256


class _Trace:
    """What one trace did to states, without the values, which every call has of its own."""

    def __init__(self, effects: Effects) -> None:
        self.effects = replace(effects, writes={}, born={})
        self.written = tuple(effects.writes)
        self.born = list(map(ref, effects.born))  # a trace must not be what keeps them alive

    def commit(self, values: Sequence[Any]) -> None:
        """Make the values that a call gave those of the states."""
        note_change(self.written)
        if not self.born:
            publish([state._cell for state in self.written], values)
            return
        writes = dict(zip(self.written, values, strict=False))
        created = zip(self.born, values[len(writes) :], strict=True)
        born = {state: value for made, value in created if (state := made()) is not None}
        settle(replace(self.effects, writes=writes, born=born))


class _Version:
    """The function compiled for some states as inputs.

    What is compiled returns the output, and the values of the states that were written. These
    are in a list if the states are the usual ones, else under the number of the trace that
    knows the states: JAX keeps the structure of results for long, and so must not be given them.

    Parameters
    ----------
    owner : Jitted
        The function with its options.
    inputs : iterable of State
        The states whose values are arguments of what is compiled.
    count : int
        The number of positional arguments that are not static.
    """

    def __init__(self, owner: "Jitted[..., Any]", inputs: Iterable[State], count: int) -> None:
        self.owner = owner
        self.inputs = tuple(inputs)
        self.traces: dict[int, _Trace] = {}
        self.usual: tuple[State, ...] | None = None
        """The states that a call usually writes, and in `cells` where it does."""
        self.cells: list[dict[str, Any]] = []
        self.used: dict[State, None] = {}
        self.in_rules: dict[State, None] = {}
        self.objects: list[ref[Any]] = []
        self.exact = True
        """Whether a further call may use the traces that are there."""
        self.creates = False
        self.types: list[Any] = []
        """Of the inputs in the first trace, as JAX compares them."""
        self.narrower: list[State] | None = None
        """The inputs that suffice, once one that no trace uses has made JAX trace again."""
        own = with_states(owner.options, count)
        self.compiled = jax.jit(with_signature(self._pure, owner.fun), **own)

    def _pure(self, values: Sequence[Any], /, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = tuple(map(unwrap, args)), {k: unwrap(v) for k, v in kwargs.items()}
        if find_top_trace(()) is EAGER_TRACE:
            if _disabled(jax.config):
                return self.owner._inline(args, kwargs), []
            with whole_stack(), Frame():  # JAX looks for the NaN that has made its call fail
                return self.owner.fun(*args, **kwargs), []
        given = zip(self.inputs, values, strict=True)
        bound = ((state, value) for state, value in given if value is not UNSET)
        with whole_stack(), apart(), Frame(bound) as frame:
            output = self.owner.fun(*args, **kwargs)
        if frame.born:
            gc.collect()  # it may be alive only as part of a reference cycle
        effects = frame.close()
        unknown = [state for state in effects.fetched if state not in frame.bound]
        _expect_numbers({**dict(zip(unknown, map(lookup, unknown), strict=True)), **effects.writes})
        self.used.update(effects.fetched)
        self.in_rules.update(frame.staged_in_rules)
        self.creates = self.creates or bool(effects.born)
        if unknown or effects.born or self._traced_in_vain(values):
            self.exact = False
            if self.owner._only is self:
                self.owner._only = None
        return output, self._leaving(effects)

    def _traced_in_vain(self, values: Sequence[Any]) -> bool:
        """Whether JAX traces again for a state that no trace uses, as one that grows beside."""
        types = [jax.tree.flatten(jax.tree.map(jax.typeof, value)) for value in values]
        self.types = self.types or types
        changed = [old != new for old, new in zip(self.types, types, strict=True)]
        if any(state not in self.used for state in itertools.compress(self.inputs, changed)):
            self.narrower = [state for state in self.inputs if state in self.used]
        return self.narrower is not None

    def _leaving(self, effects: Effects) -> list[Any] | dict[int, list[Any]]:
        """What a trace writes, in the form that tells where the values belong."""
        trace, values = _Trace(effects), [*effects.writes.values(), *effects.born.values()]
        if not values:
            return values
        # A random stream has a place for its value in every thread; all others have one.
        if not trace.born and all(type(state)._cell is State._cell for state in trace.written):
            if self.usual is None:
                self.cells = [state._cell for state in trace.written]
                self.usual = trace.written
            if trace.written == self.usual:
                return values
        number = next(_numbers)
        self.traces[number] = trace
        return {number: values}

    def commit(self, values: dict[int, list[Any]]) -> None:
        """Make values that are not the usual ones those of the states."""
        for number, written in values.items():
            self.traces[number].commit(written)

    def trace(self, args: Sequence[Any], kwargs: dict[str, Any]) -> jax.stages.Traced:
        """Trace the function, or find the trace, for such arguments and the present values."""
        return self.compiled.trace(list(map(current, self.inputs)), *args, **kwargs)

    def is_good_guess(self) -> bool:
        """Whether what the first trace used is all here, and not much more.

        What it created would have no value if it were repeated, so it serves this call as it is.
        """
        missed = self.used.keys() - set(self.inputs)
        return self.creates or (not missed and len(self.inputs) <= 2 * len(self.used) + 8)


@overload
def jit(fun: Callable[P, R], **options: Any) -> "Jitted[P, R]": ...
@overload
def jit(fun: None = None, **options: Any) -> "Callable[[Callable[P, R]], Jitted[P, R]]": ...


def jit(fun: Function | None = None, **options: Any) -> Any:
    """Compile a function that may read and write states.

    Parameters
    ----------
    fun : callable, optional
        The function; left out, the result is a decorator.
    **options
        Those of `jax.jit`, with the same meaning; positions count the arguments of `fun`.

    Returns
    -------
    Jitted
        Called like the function, with the results and effects of a call of it.

    Raises
    ------
    TypeError
        If `fun` cannot be called. In a call: if a state that is used holds something else than
        arrays and numbers; and as `jax.jit` does.

    Notes
    -----
    Rules: CMP-01, CMP-02, CMP-11 to CMP-18, STA-15.
    """
    return Jitted(cast(Function, fun), **options)


class Jitted(Deferred[P, R]):
    """A compiled function; see `jit`."""

    def __init__(self, fun: Callable[P, R], **options: Any) -> None:
        self.fun = expect_function(fun, "fun")
        functools.update_wrapper(self, fun, updated=())
        self.options = options
        self._statics = static_parameters(fun, options)
        placed = options.get("in_shardings")
        self._placed_alike = placed is not None and not isinstance(placed, (tuple, list))
        """Whether one sharding is given for all arguments, however many there are."""
        self._versions: dict[Hashable, _Version] = {}
        self._only: _Version | None = None
        """The version for every call: no static argument tells several apart, and it is exact."""
        self._variants: dict[Hashable, Jitted[P, R]] = {}
        self.wholes: dict[Hashable, Jitted[..., Any]] = {}
        """Transforms of this function that are compiled as a whole, see `family`."""
        if options:
            jax.jit(fun, **options)  # raises here, and not when called, if something is wrong

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the compiled function."""
        if stack.frames or find_top_trace(()) is not EAGER_TRACE:
            return self._inline(args, kwargs)
        given: Sequence[Any] = args
        named: dict[str, Any] = kwargs
        version = self._only
        if version is None:
            given, named = self._wrapped(args, kwargs)
            version = self._versions.get(self._key(given, named))
            if version is None or not version.exact:
                special = self._for_objects(args, kwargs)
                if special is not self:
                    return special(*args, **kwargs)
                if _disabled(jax.config):
                    return self._inline(args, kwargs)
                version = self._begin(given, named)
        output: R
        compiled, held = version.compiled, [state._value for state in version.inputs]
        try:  # without names, as a dict is dear, beside what JAX takes for a short step
            output, values = compiled(held, *given, **named) if named else compiled(held, *given)
        except (TypeError, ValueError, OverflowError) as error:
            special = self._for_objects(args, kwargs)
            if special is self:
                if not any(map(odd_leaves, held)):
                    self._explain(error, args, kwargs, version.in_rules)
                    raise
                version.exact, self._only = False, None  # it begins anew, without such states
            return special(*args, **kwargs)
        if type(values) is not list:
            version.commit(values)
        elif values:
            if pulls:
                note_change(version.usual or ())
            if len(values) == 1:
                version.cells[0]["_value"] = values[0]
            else:
                publish(version.cells, values)
        return output

    def _as_method(self) -> Any:
        return self._with_static((0,))

    def _for_objects(self, args: Sequence[Any], kwargs: dict[str, Any]) -> "Jitted[P, R]":
        """The same for calls with objects where these have some, which no array can stand for."""
        static = self._static_positions(args)
        return self._with_static(
            [i for i, arg in enumerate(args) if isinstance(arg, OBJECTS) and i not in static],
            [name for name, arg in kwargs.items() if isinstance(arg, OBJECTS)],
        )

    def _with_static(self, at: Sequence[int], called: Sequence[str] = ()) -> "Jitted[P, R]":
        numbers, names = self._statics
        numbers = tuple(dict.fromkeys((*numbers, *at)))
        names = tuple(dict.fromkeys((*names, *called)))
        if (numbers, names) == self._statics:
            return self
        if (numbers, names) not in self._variants:
            options = {**self.options, "static_argnums": numbers, "static_argnames": names}
            self._variants[numbers, names] = Jitted(self.fun, **options)
        return self._variants[numbers, names]

    def _wrapped(
        self, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments, with objects among the static ones as JAX shall compare them."""
        static, (_, names) = self._static_positions(args), self._statics
        given = [wrap(arg) if i in static else arg for i, arg in enumerate(args)]
        return given, {k: wrap(v) if k in names else v for k, v in kwargs.items()}

    def trace(self, *args: P.args, **kwargs: P.kwargs) -> jax.stages.Traced:
        """What `jax.jit` gives by this name; the program takes the values of states first."""
        special = self._for_objects(args, kwargs)
        if special is not self:
            return special.trace(*args, **kwargs)
        given, named = self._wrapped(args, kwargs)
        version = self._versions.get(self._key(given, named))
        if version is None or not version.exact:
            version = self._begin(given, named)
        return version.trace(given, named)

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> jax.stages.Lowered:
        """What `jax.jit` gives by this name; the program takes the values of states first."""
        return cast(jax.stages.Lowered, self.trace(*args, **kwargs).lower())

    def eval_shape(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Shapes and dtypes of the result, without computing it."""
        return self.trace(*args, **kwargs).out_info[0]

    def clear_cache(self) -> None:
        """Forget all that was compiled."""
        self._versions.clear()
        self._only = None
        self._variants.clear()

    def _begin(self, args: Sequence[Any], kwargs: dict[str, Any]) -> _Version:
        """A version whose inputs are all that the call uses, as far as its traces can tell."""
        key = self._key(args, kwargs)
        known = self._versions.pop(key, None)
        given = list(map(unwrap, (*args, *kwargs.values())))
        guessed = known.narrower if known else None
        if guessed is None:
            guessed = [*(known.used if known else ()), *guess_states(self.fun, *given)]
        inputs = dict.fromkeys(s for s in guessed if not odd_leaves(current(s)))
        while True:
            alive = (state for state in inputs if current(state) is not UNSET)
            version = _Version(self, alive, len(args) - len({*self._static_positions(args)}))
            try:
                version.trace(args, kwargs)
            except TypeError as error:
                self._explain(error, args, kwargs)
                raise
            if version.is_good_guess():
                break
            inputs = version.used
        while len(self._versions) >= _MOST:
            self._versions.pop(next(iter(self._versions)), None)
        self._versions[key] = version
        forget = functools.partial(_forget, ref(self), key)
        version.objects = [ref(arg, forget) for arg in given if isinstance(arg, OBJECTS)]
        alone = not any(self._statics) and not self._placed_alike
        self._only = version if alone and version.exact else None
        return version

    def _explain(
        self, error: Exception, args: Any, kwargs: Any, in_rules: Iterable[State] = ()
    ) -> None:
        """Say what is wrong, where that is known, in the place of JAX."""
        for state in in_rules if isinstance(error, TypeError) else ():
            raise in_rule(state) from error  # JAX traces such programs, and fails later
        static, (_, names) = self._static_positions(args), self._statics
        given = [arg for i, arg in enumerate(args) if i not in static]
        given += [arg for name, arg in kwargs.items() if name not in names]
        for leaf in jax.tree.leaves(given):
            if isinstance(leaf, OBJECTS):
                raise TypeError(
                    f"{leaf!r} is in a container among the arguments of a compiled function. Give "
                    "it as an argument of its own, or let the function know it"
                ) from error

    def _inline(self, args: Sequence[Any], kwargs: dict[str, Any]) -> R:
        """Run the function as a part of what is running, on the arrays that jit would give it."""
        static, (_, names) = self._static_positions(args), self._statics
        given = [arg if i in static else _as_arrays(arg) for i, arg in enumerate(args)]
        named = {k: v if k in names else _as_arrays(v) for k, v in kwargs.items()}
        with transaction():
            output: R = _as_arrays(self.fun(*given, **named))
        return output

    def _static_positions(self, args: Sequence[Any]) -> list[int]:
        count = len(args)
        return [number % count for number in self._statics[0] if -count <= number < count]

    def _key(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Hashable:
        key = (
            *(args[number] for number in self._static_positions(args)),
            *((name, kwargs[name]) for name in self._statics[1] if name in kwargs),
            *([len(args)] if self._placed_alike else ()),
        )
        return key if is_hashable(key) else ()  # JAX says what is wrong


def _forget(owner: "ref[Jitted[..., Any]]", key: Hashable, _: object) -> None:
    """Drop what was compiled for an object that is no more."""
    if (made := owner()) is not None:
        made._versions.pop(key, None)


_numbers = itertools.count()
_disabled = operator.attrgetter("jax_disable_jit")  # not every JAX declares its options


def _as_arrays(tree: Any) -> Any:
    def convert(leaf: Any) -> Any:
        return jnp.asarray(leaf) if isinstance(leaf, _NUMBERS) else leaf

    return jax.tree.map(convert, tree)


def _expect_numbers(values: dict[State, Any]) -> None:
    for state, value in values.items():
        for leaf in odd_leaves(value):
            raise TypeError(
                f"jit needs states that hold arrays and numbers; {state!r} is given or holds "
                f"a {type(leaf).__name__}: {summary(leaf)}"
            )
