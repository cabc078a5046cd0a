"""Finders that miss states, find too many, or leave a trace."""

from __future__ import annotations

import zlib
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Hook,
    created,
    kept,
    on_build,
    on_call,
    store,
)
from tests.saboteurs.roster import Lib, saboteur

Finder = refimpl.transform.StateFinder
WIDE = "FND GST"


def find(lib: Lib, hook: Hook) -> None:
    """Send the calls of finders to a hook."""
    on_call(lib, hook, ("StateFinder",))


def prepare(lib: Lib, change: Any) -> None:
    """Change the options that a finder is made with."""
    on_build(lib, lambda original, fn, options: original(fn, **change(options)), ("StateFinder",))


def change(lib: Lib, rewrite: Any) -> None:
    """Rewrite what a finder found, usage by usage, as lists of states."""
    def hook(call: Call) -> Any:
        found, usage = call.proceed(), call.transform.usage
        if usage == "both":
            return {u: rewritten(call, found[u], u) for u in found}
        return rewritten(call, found, usage)

    def rewritten(call: Call, found: Any, usage: str) -> Any:
        states = list(found.values()) if isinstance(found, dict) else list(found)
        states = rewrite(call, states, usage)
        return dict(enumerate(states)) if isinstance(found, dict) else type(found)(states)

    find(lib, hook)


def using(call: Call, usage: str) -> list[Any]:
    """What a call uses in a way, as far as the finder's filter lets it through."""
    finder = call.transform
    find = Finder(finder.fn, finder.predicate, usage=usage, return_type="list")
    found: list[Any] = find(*call.args, **call.kwargs)
    return found


@saboteur("FND-01", also=WIDE)
def found_in_hash_order(lib: Lib) -> None:
    """Found states come in the order of a set."""
    def hashed(call: Call, states: Any, usage: str) -> Any:
        return sorted(states, key=lambda s: zlib.crc32(repr(s).encode()))

    change(lib, hashed)


@saboteur("FND-01", also=WIDE)
def written_states_come_first(lib: Lib) -> None:
    """usage='all' lists written states before those that are read."""
    def ordered(call: Call, states: Any, usage: str) -> Any:
        writes = using(call, "write")
        return sorted(states, key=lambda s: s not in writes)

    change(lib, ordered)


@saboteur("FND-02", also=WIDE)
def same_value_is_no_write(lib: Lib) -> None:
    """A write is found by comparing values, so that writing the same value is none."""
    def compared(call: Call, states: Any, usage: str) -> Any:
        if usage != "write":
            return states
        before = [s.value for s in states]
        call.fun(*call.args, **call.kwargs)
        after = [s.value for s in states]
        for state, value in zip(states, before, strict=True):
            state.value = value
        return [s for s, b, a in zip(states, before, after, strict=True)
                if repr(b) != repr(a)]

    change(lib, compared)


@saboteur("FND-03", also=WIDE)
def reads_include_writes(lib: Lib) -> None:
    """usage='read' returns every state that is read, written or not."""
    def all_reads(call: Call, states: Any, usage: str) -> Any:
        return using(call, "all") if usage == "read" else states

    change(lib, all_reads)


@saboteur("FND-04", also="FND")
def both_is_a_pair(lib: Lib) -> None:
    """usage='both' returns a pair (read, write)."""
    def hook(call: Call) -> Any:
        found = call.proceed()
        return tuple(found.values()) if call.transform.usage == "both" else found

    find(lib, hook)


@saboteur("FND-05", also=WIDE)
def tuples_are_lists(lib: Lib) -> None:
    """return_type='tuple' gives a list."""
    def hook(call: Call) -> Any:
        found = call.proceed()
        return list(found) if isinstance(found, tuple) else found

    find(lib, hook)


@saboteur("FND-06", also="FND GST")
def filters_of_finders_are_ignored(lib: Lib) -> None:
    """A finder returns all states whatever its filter."""
    prepare(lib, lambda options: {**options, "filter": None})


@saboteur("FND-07", also="FND")
def default_is_a_tuple(lib: Lib) -> None:
    """Without return_type a finder returns a tuple."""
    prepare(lib, lambda options: {"return_type": "tuple", **options})


@saboteur("FND-07", also="FND")
def default_is_read(lib: Lib) -> None:
    """Without usage a finder returns the states that are only read."""
    prepare(lib, lambda options: {"usage": "read", **options})


@saboteur("FND-08", also="FND GST")
def keys_count_from_one(lib: Lib) -> None:
    """Keys of found states are 1, 2, 3 ..."""
    def hook(call: Call) -> Any:
        found, finder = call.proceed(), call.transform
        plain = isinstance(found, dict) and finder.key_fn is None and finder.usage != "both"
        return {key + 1: state for key, state in found.items()} if plain else found

    find(lib, hook)


@saboteur("FND-09", also="FND")
def key_functions_are_ignored(lib: Lib) -> None:
    """key_fn is accepted and never called."""
    prepare(lib, lambda options: {
        k: v for k, v in options.items() if k != "key_fn"})


@saboteur("FND-10", also="FND")
def equal_keys_overwrite(lib: Lib) -> None:
    """Two states with equal keys: the last one stays."""
    def hook(call: Call) -> Any:
        finder = call.transform
        if finder.key_fn is None or finder.return_type != "dict" or finder.usage == "both":
            return call.proceed()
        states = using(call, finder.usage)
        return {finder.key_fn(i, state): state for i, state in enumerate(states)}

    find(lib, hook)


@saboteur("FND-11", also="FND GST")
def finding_takes_effect(lib: Lib) -> None:
    """A finder runs the function, and its writes stay."""
    def hook(call: Call) -> Any:
        found = call.proceed()
        with kept([STREAM]):
            call.fun(*call.args, **call.kwargs)
        return found

    find(lib, hook)


@saboteur("FND-12", also="FND")
def finding_draws(lib: Lib) -> None:
    """The random stream is no state for a finder, and is advanced by what the function draws."""
    def hook(call: Call) -> Any:
        found = call.proceed()
        if STREAM in call.used("write"):
            STREAM.split_key()
        return found

    find(lib, hook)


@saboteur("FND-13", also="FND")
def finders_swallow_exceptions(lib: Lib) -> None:
    """If the function raises, a finder returns nothing found."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ArithmeticError:
            return {"dict": {}, "list": [], "tuple": ()}[call.transform.return_type]

    find(lib, hook)


@saboteur("FND-14", also="FND")
def finders_remember(lib: Lib) -> None:
    """A finder keeps what it found at its first call."""
    def hook(call: Call) -> Any:
        if "kept" not in call.memory:
            call.memory["kept"] = call.proceed()
        return call.memory["kept"]

    find(lib, hook)


@saboteur("FND-15", also="FND")
def finders_take_no_keywords(lib: Lib) -> None:
    """Keyword arguments are passed to the finder itself and not to the function."""
    find(lib, lambda call: call.true_call(*call.args))


@saboteur("FND-16", also="FND")
def results_must_be_arrays(lib: Lib) -> None:
    """A finder traces the function, which must then return arrays."""
    def hook(call: Call) -> Any:
        found, results = call.proceed(), list[Any]()
        Finder(lambda: results.append(call.fun(*call.args, **call.kwargs)))()
        for leaf in jax.tree.leaves(results):
            jnp.asarray(leaf)
        return found

    find(lib, hook)


@saboteur("FND-17", also="FND")
def inner_calls_are_opaque(lib: Lib) -> None:
    """States that only an inner transform or compiled function uses are not found."""
    hidden: list[Any] = []

    def compiled(call: Call) -> Any:
        hidden.extend(call.used("all"))
        return call.proceed()

    on_call(lib, compiled, ("jit",))
    change(lib, lambda call, states, usage: [
        s for s in states if not any(s is h for h in hidden)])


@saboteur("FND-18", also="FND")
def closures_are_searched(lib: Lib) -> None:
    """Every state in the closure of the function is found, used or not."""
    def reach(call: Call, states: Any, usage: str) -> Any:
        cells = [c.cell_contents for c in getattr(call.fun, "__closure__", None) or ()]
        more = [c for c in cells if isinstance(c, refimpl.State) and c not in states]
        return [*states, *more] if usage != "write" else states

    change(lib, reach)


@saboteur("FND-01", also="FND")
def nothing_found_is_none(lib: Lib) -> None:
    """Where no state is found a finder returns None."""
    find(lib, lambda call: call.proceed() or None)


@saboteur("FND-21", also="FND")
def finders_trace_every_argument(lib: Lib) -> None:
    """All arguments of a finder become arrays, numbers and flags too."""
    def hook(call: Call) -> Any:
        def array(x: Any) -> Any:
            return jnp.asarray(x) if isinstance(x, (int, bool)) else x

        def traced(args: Any, kwargs: Any) -> None:
            call.true_call(*args, **kwargs)

        jax.eval_shape(traced, *jax.tree.map(array, (call.args, call.kwargs)))
        return call.proceed()

    find(lib, hook)


@saboteur("FND-11", also=WIDE)
def finding_changes_what_it_makes(lib: Lib) -> None:
    """A container that a state is made with in a finder's call is the one that is changed there."""
    def hook(call: Call) -> Any:
        with mock.patch.object(refimpl.frames, "copy_containers", lambda value, *_: value):
            return call.proceed()

    find(lib, hook)


@saboteur("FND-11", also=WIDE)
def finding_spoils_what_it_makes(lib: Lib) -> None:
    """A state that is made in a finder's call has no value when the call is over."""
    made = created(lib)

    def hook(call: Call) -> Any:
        before = len(made)
        found = call.proceed()
        for state in made[before:]:
            store(state, refimpl.frames.UNSET)
        return found

    find(lib, hook)
