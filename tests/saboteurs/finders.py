"""Finders that miss states, find too many, or leave a trace."""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.craft import Lib, saboteur

Finder = refimpl.transform.StateFinder
WIDE = "FND GST"


def meddle_finder(lib: Lib, find: Any = None, prepare: Any = None) -> None:
    """Change what a finder finds, and the options it is made with."""
    class StateFinder(Finder):
        def __init__(self, fn: Any, *args: Any, **options: Any) -> None:
            if prepare is not None:
                options = prepare(options)
            super().__init__(fn, *args, **options)

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            if find is None:
                return super().__call__(*args, **kwargs)
            return find(self, lambda: super(StateFinder, self).__call__(*args, **kwargs),
                        args, kwargs)

    lib.transform.StateFinder = StateFinder


def change(lib: Lib, rewrite: Any) -> None:
    """Rewrite what a finder found, usage by usage, as lists of states."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        found = proceed()
        if finder.usage == "both":
            return {u: rewritten(finder, found[u], u, args, kwargs) for u in found}
        return rewritten(finder, found, finder.usage, args, kwargs)

    def rewritten(finder: Any, found: Any, usage: str, args: Any, kwargs: Any) -> Any:
        states = list(found.values()) if isinstance(found, dict) else list(found)
        states = rewrite(finder, states, usage, args, kwargs)
        if isinstance(found, dict):
            return dict(enumerate(states))
        return type(found)(states)

    meddle_finder(lib, find)


def using(finder: Any, usage: str, args: Any, kwargs: Any) -> list[Any]:
    """What a call uses in a way."""
    find = Finder(finder.fn, finder.predicate, usage=usage, return_type="list")
    found: list[Any] = find(*args, **kwargs)
    return found


@saboteur("FND-01", also=WIDE)
def found_in_hash_order(lib: Lib) -> None:
    """Found states come in the order of a set."""
    def hashed(finder: Any, states: Any, *_: Any) -> Any:
        return sorted(states, key=lambda s: zlib.crc32(repr(s).encode()))

    change(lib, hashed)


@saboteur("FND-01", also=WIDE)
def written_states_come_first(lib: Lib) -> None:
    """usage='all' lists written states before those that are read."""
    def ordered(finder: Any, states: Any, usage: str, args: Any, kwargs: Any) -> Any:
        writes = using(finder, "write", args, kwargs)
        return sorted(states, key=lambda s: s not in writes)

    change(lib, ordered)


@saboteur("FND-02", also=WIDE)
def same_value_is_no_write(lib: Lib) -> None:
    """A write is found by comparing values, so that writing the same value is none."""
    def compared(finder: Any, states: Any, usage: str, args: Any, kwargs: Any) -> Any:
        if usage != "write":
            return states
        before = [s.value for s in states]
        finder.fn(*args, **kwargs)
        after = [s.value for s in states]
        for state, value in zip(states, before, strict=True):
            state.value = value
        return [s for s, b, a in zip(states, before, after, strict=True)
                if repr(b) != repr(a)]

    change(lib, compared)


@saboteur("FND-03", also=WIDE)
def reads_include_writes(lib: Lib) -> None:
    """usage='read' returns every state that is read, written or not."""
    def all_reads(finder: Any, states: Any, usage: str, args: Any, kwargs: Any) -> Any:
        return using(finder, "all", args, kwargs) if usage == "read" else states

    change(lib, all_reads)


@saboteur("FND-04", also="FND")
def both_is_a_pair(lib: Lib) -> None:
    """usage='both' returns a pair (read, write)."""
    def find(finder: Any, proceed: Any, *_: Any) -> Any:
        found = proceed()
        return tuple(found.values()) if finder.usage == "both" else found

    meddle_finder(lib, find)


@saboteur("FND-05", also=WIDE)
def tuples_are_lists(lib: Lib) -> None:
    """return_type='tuple' gives a list."""
    def find(finder: Any, proceed: Any, *_: Any) -> Any:
        found = proceed()
        return list(found) if isinstance(found, tuple) else found

    meddle_finder(lib, find)


@saboteur("FND-06", also="FND GST")
def filters_of_finders_are_ignored(lib: Lib) -> None:
    """A finder returns all states whatever its filter."""
    meddle_finder(lib, prepare=lambda options: {**options, "filter": None})


@saboteur("FND-07", also="FND")
def default_is_a_tuple(lib: Lib) -> None:
    """Without return_type a finder returns a tuple."""
    meddle_finder(lib, prepare=lambda options: {"return_type": "tuple", **options})


@saboteur("FND-07", also="FND")
def default_is_read(lib: Lib) -> None:
    """Without usage a finder returns the states that are only read."""
    meddle_finder(lib, prepare=lambda options: {"usage": "read", **options})


@saboteur("FND-08", also="FND GST")
def keys_count_from_one(lib: Lib) -> None:
    """Keys of found states are 1, 2, 3 ..."""
    def find(finder: Any, proceed: Any, *_: Any) -> Any:
        found = proceed()
        plain = isinstance(found, dict) and finder.key_fn is None and finder.usage != "both"
        return {key + 1: state for key, state in found.items()} if plain else found

    meddle_finder(lib, find)


@saboteur("FND-09", also="FND")
def key_functions_are_ignored(lib: Lib) -> None:
    """key_fn is accepted and never called."""
    meddle_finder(lib, prepare=lambda options: {
        k: v for k, v in options.items() if k != "key_fn"})


@saboteur("FND-10", also="FND")
def equal_keys_overwrite(lib: Lib) -> None:
    """Two states with equal keys: the last one stays."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        if finder.key_fn is None or finder.return_type != "dict" or finder.usage == "both":
            return proceed()
        states = using(finder, finder.usage, args, kwargs)
        return {finder.key_fn(i, state): state for i, state in enumerate(states)}

    meddle_finder(lib, find)


@saboteur("FND-11", also="FND GST")
def finding_takes_effect(lib: Lib) -> None:
    """A finder runs the function, and its writes stay."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        found, stream = proceed(), refimpl.random.DEFAULT
        before = stream.value
        finder.fn(*args, **kwargs)
        stream.value = before
        return found

    meddle_finder(lib, find)


@saboteur("FND-12", also="FND")
def finding_draws(lib: Lib) -> None:
    """The random stream is no state for a finder, and is advanced by what the function draws."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        found, stream = proceed(), refimpl.random.DEFAULT
        every = Finder(finder.fn, return_type="list", usage="write")(*args, **kwargs)
        if stream in every:
            stream.split_key()
        return found

    meddle_finder(lib, find)


@saboteur("FND-13", also="FND")
def finders_swallow_exceptions(lib: Lib) -> None:
    """If the function raises, a finder returns nothing found."""
    def find(finder: Any, proceed: Any, *_: Any) -> Any:
        try:
            return proceed()
        except ArithmeticError:
            return {"dict": {}, "list": [], "tuple": ()}[finder.return_type]

    meddle_finder(lib, find)


@saboteur("FND-14", also="FND")
def finders_remember(lib: Lib) -> None:
    """A finder keeps what it found at its first call."""
    def find(finder: Any, proceed: Any, *_: Any) -> Any:
        if "kept" not in vars(finder):
            vars(finder)["kept"] = proceed()
        return vars(finder)["kept"]

    meddle_finder(lib, find)


@saboteur("FND-15", also="FND")
def finders_take_no_keywords(lib: Lib) -> None:
    """Keyword arguments are passed to the finder itself and not to the function."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        return Finder.__call__(finder, *args)

    meddle_finder(lib, find)


@saboteur("FND-16", also="FND")
def results_must_be_arrays(lib: Lib) -> None:
    """A finder traces the function, which must then return arrays."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        found, results = proceed(), []
        spy = Finder(lambda: results.append(finder.fn(*args, **kwargs)))
        spy._run((), {})
        for leaf in jax.tree.leaves(results):
            jnp.asarray(leaf)
        return found

    meddle_finder(lib, find)


@saboteur("FND-17", also="FND")
def inner_calls_are_opaque(lib: Lib) -> None:
    """States that only an inner transform or compiled function uses are not found."""
    real = refimpl.transform.jit

    def jit(fun: Any = None, **options: Any) -> Any:
        if fun is None:
            return lambda f: jit(f, **options)
        compiled = real(fun, **options)

        class Opaque(type(compiled)):  # type: ignore[misc]
            pass

        compiled.__class__ = Opaque
        inner.append(compiled)
        return compiled

    inner: list[Any] = []
    lib.transform.jit = jit

    def visible(finder: Any, states: Any, *_: Any) -> Any:
        hidden = [s for compiled in inner for s in compiled._inputs]
        return [s for s in states if not any(s is h for h in hidden)]

    change(lib, visible)


@saboteur("FND-18", also="FND")
def closures_are_searched(lib: Lib) -> None:
    """Every state in the closure of the function is found, used or not."""
    def reach(finder: Any, states: Any, usage: str, *_: Any) -> Any:
        cells = [c.cell_contents for c in getattr(finder.fn, "__closure__", None) or ()]
        more = [c for c in cells if isinstance(c, refimpl.State) and c not in states]
        return [*states, *more] if usage != "write" else states

    change(lib, reach)


@saboteur("FND-19", also="FND")
def nothing_found_is_none(lib: Lib) -> None:
    """Where no state is found a finder returns None."""
    meddle_finder(lib, lambda finder, proceed, *_: proceed() or None)


@saboteur("FND-21", also="FND")
def finders_trace_every_argument(lib: Lib) -> None:
    """All arguments of a finder become arrays, numbers and flags too."""
    def find(finder: Any, proceed: Any, args: Any, kwargs: Any) -> Any:
        def array(x: Any) -> Any:
            return jnp.asarray(x) if isinstance(x, (int, bool)) else x

        def traced(values: Any) -> None:
            finder._run(*values)

        jax.eval_shape(traced, jax.tree.map(array, (args, kwargs)))
        return proceed()

    meddle_finder(lib, find)
