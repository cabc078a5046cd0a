"""Fresh saboteurs, as in `narrow`, of what runs elsewhere than in a plain call: in threads, in
copies, in bodies of JAX's own and of control flow, in nested and in failing calls.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs import roster
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    kept,
    on_call,
    on_state,
    store,
    under_jax,
    written,
)
from tests.saboteurs.narrow import FRESH, wrap
from tests.saboteurs.roster import Lib

__all__ = ["FRESH"]

saboteur = partial(roster.saboteur, roster=FRESH)


# -- means -------------------------------------------------------------------------------------


def in_body() -> bool:
    """Whether a body of control flow is running."""
    return type(frame()).__name__ == "_Body"


def in_main() -> bool:
    """Whether this is the main thread."""
    return threading.current_thread() is threading.main_thread()


# -- threads, copies, pickles ------------------------------------------------------------------


@saboteur("STA-09")
def compiled_elsewhere_writes_nothing(lib: Lib) -> None:
    """A function that was compiled in the main thread writes nothing when a thread calls it."""
    def hook(call: Call) -> Any:
        here = in_main()
        main = call.memory.setdefault("_main", here)
        if here or not main:
            return call.proceed()
        with kept(written(call)):
            return call.proceed()

    on_call(lib, hook, ("jit",))


@saboteur("STA-09")
def vjp_in_a_thread_writes_nothing(lib: Lib) -> None:
    """In a thread that is not the main one, vjp leaves what the function wrote unwritten."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        if in_main():
            return original(fun, *args, **options)
        found = refimpl.transform.StateFinder(fun, usage="write", return_type="list")(*args)
        with kept(found):
            return original(fun, *args, **options)


class Copied(Cell):
    """A state that copy and pickle make anew; what is unpickled has an importable class."""

    def twin(self, kind: Any, value: Any) -> Any:
        """A state like this one with a value of its own."""
        mine = vars(self)
        return partial(kind, tag=mine["tag"]), (value, mine["name"])

    def __copy__(self) -> Any:
        make, given = self.twin(type(self), self.read())
        return make(*given)

    def __deepcopy__(self, memo: Any) -> Any:
        make, given = self.twin(type(self), copy.deepcopy(self.read(), memo))
        return make(*given)

    def __reduce_ex__(self, protocol: Any) -> Any:
        param = isinstance(self, refimpl.ParamState)
        return self.twin(refimpl.ParamState if param else refimpl.State, self.read())


@saboteur("STA-16")
def pickles_hold_the_first_value(lib: Lib) -> None:
    """A pickle of a state holds the value that the state was made with."""
    class First(Copied):
        def __init__(self, value: Any, *args: Any, **options: Any) -> None:
            super().__init__(value, *args, **options)  # type: ignore[call-arg]
            vars(self)["_first"] = value

        def __reduce_ex__(self, protocol: Any) -> Any:
            make, (_, name) = super().__reduce_ex__(protocol)
            return make, (vars(self)["_first"], name)

    on_state(lib, First)


@saboteur("STA-16")
def copies_made_in_a_call_are_the_state(lib: Lib) -> None:
    """Inside of a transform, a copy of a state is the state itself."""
    class Same(Copied):
        def __copy__(self) -> Any:
            return self if inside() else super().__copy__()

    on_state(lib, Same)


@saboteur("STA-16")
def deep_copies_untie_weights(lib: Lib) -> None:
    """A deep copy of a module that holds a state by two attributes holds two states."""
    class Module(refimpl.nn.Module):
        def __deepcopy__(self, memo: Any) -> Any:
            made = type(self).__new__(type(self))
            for name, held in vars(self).items():
                vars(made)[name] = copy.deepcopy(held, {id(self): made})
            return made

    lib.nn.Module = Module


# -- bodies of JAX's own -----------------------------------------------------------------------


@saboteur("CMP-08")
def states_read_under_vmap_are_constants(lib: Lib) -> None:
    """A state that is read under jax.vmap, where nothing is staged, is a constant there."""
    class Lanes(Cell):
        def read(self) -> Any:
            value = super().read()
            if not under_jax() or refimpl.memory.is_staging():
                return value
            return jax.tree.map(jax.lax.stop_gradient, value)

    on_state(lib, Lanes)


@contextmanager
def careless() -> Iterator[None]:
    """Reads in bodies that JAX may remember pass unnoticed."""
    with mock.patch.object(refimpl.memory, "kept_read", lambda: None):
        yield


@saboteur("CMP-20", also="CMP")
def jvp_leaves_values_in_what_jax_remembers(lib: Lib) -> None:
    """In jvp alone, bodies that JAX traces once keep the values of states that they read."""
    @wrap(lib, "jvp")
    def jvp(original: Any, *args: Any, **options: Any) -> Any:
        with careless():
            return original(*args, **options)


@saboteur("CMP-23")
def late_rules_lose_second_derivatives(lib: Lib) -> None:
    """In hessian, what a late rule reads is the value on entry, whatever is differentiated."""
    @wrap(lib, "hessian")
    def hessian(original: Any, *args: Any, **options: Any) -> Any:
        made = original(*args, **options)

        def called(*args: Any, **kwargs: Any) -> Any:
            outside = refimpl.transform.gradient._outside

            def constants(values: Any) -> Any:
                return jax.tree.map(jax.lax.stop_gradient, outside(values))

            with mock.patch.object(refimpl.transform.gradient, "_outside", constants):
                return made(*args, **kwargs)

        return called


@saboteur("CMP-23")
def rules_in_bodies_lose_what_jax_loses(lib: Lib) -> None:
    """What the rule of a derivative reads in a body is taken where JAX drops its derivative."""
    def hook(call: Call) -> Any:
        with mock.patch.object(refimpl.frames.Frame, "_is_in_rule", lambda frame: False):
            return call.proceed()

    on_call(lib, hook)


@saboteur("CTL-23")
def loops_trust_what_they_remember(lib: Lib) -> None:
    """A loop whose body overwrote a state in an earlier call hands it something of the type that
    it wrote then, which the body of today may read, and fail at."""
    def step(self: Any, fun: Any, values: Any, *args: Any) -> Any:
        before = dict(zip(self.carried, values, strict=True))
        output, effects = self.run(fun, before.items(), args)
        as_believed = self._compare(before, effects.writes)
        return output, list(({**before, **effects.writes} if as_believed else before).values())

    for name in ("for_loop", "scan", "while_loop"):
        @wrap(lib, name)
        def loop(original: Any, *args: Any, **options: Any) -> Any:
            with mock.patch.object(refimpl.transform.loops._InCarry, "step", step):
                return original(*args, **options)


@saboteur("WRB-24", also="WRB CMP")
def nested_writes_in_bodies_are_dropped(lib: Lib) -> None:
    """A write under a transform of JAX's is refused in one call, and dropped in a nested one."""
    class Dropping(Cell):
        def write(self, value: Any) -> None:
            if under_jax() and len(refimpl.frames.stack.frames) > 3:
                return
            super().write(value)

    on_state(lib, Dropping)


# -- control flow ------------------------------------------------------------------------------


@saboteur("CTL-06")
def scan_over_counters_stops_derivatives(lib: Lib) -> None:
    """In a scan whose carry holds no floats, the states that the body reads are constants."""
    running = threading.local()

    class Stopped(Cell):
        def read(self) -> Any:
            value = super().read()
            if not getattr(running, "on", False):
                return value
            return jax.tree.map(jax.lax.stop_gradient, value)

    on_state(lib, Stopped)

    @wrap(lib, "scan")
    def scan(original: Any, f: Any, init: Any, *args: Any, **options: Any) -> Any:
        floats = any(jnp.result_type(leaf).kind in "fc" for leaf in jax.tree.leaves(init))

        def body(carry: Any, x: Any) -> Any:
            before, running.on = getattr(running, "on", False), not floats
            try:
                return f(carry, x)
            finally:
                running.on = before

        return original(body, init, *args, **options)


@saboteur("CTL-02", "CTL-03")
def while_loop_ends_after_five_turns(lib: Lib) -> None:
    """A while_loop makes five turns at most."""
    @wrap(lib, "while_loop")
    def while_loop(original: Any, test: Any, body: Any, first: Any) -> Any:
        def going(carry: Any) -> Any:
            return jnp.logical_and(test(carry[1]), carry[0] < 5)

        return original(going, lambda c: (c[0] + 1, body(c[1])), (0, first))[1]


@saboteur("CTL-05")
def fifth_step_begins_the_draws_again(lib: Lib) -> None:
    """A loop of more than four steps draws from the fifth on what it drew from the first on."""
    @wrap(lib, "for_loop")
    def for_loop(original: Any, f: Any, *xs: Any, **options: Any) -> Any:
        leaves = jax.tree.leaves(xs)
        if options or not leaves or len(leaves[0]) <= 4:
            return original(f, *xs, **options)
        before = STREAM.value
        first = original(f, *jax.tree.map(lambda x: x[:4], xs))
        STREAM.value = before
        rest = original(f, *jax.tree.map(lambda x: x[4:], xs))
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, rest)


@saboteur("CTL-14", also="CTL")
def loop_in_a_loop_moves_the_stream_by_one(lib: Lib) -> None:
    """A loop in a body of another, however much it draws, moves the random stream by one key."""
    @wrap(lib, "for_loop")
    def for_loop(original: Any, f: Any, *xs: Any, **options: Any) -> Any:
        if not in_body():
            return original(f, *xs, **options)
        before = STREAM.value
        result = original(f, *xs, **options)
        if frame().touched.get(STREAM):
            STREAM.value = before
            refimpl.random.split_key()
        return result


@saboteur("CTL-01")
def negative_index_takes_the_last_branch(lib: Lib) -> None:
    """A negative index of switch counts from the end, as in a Python list."""
    @wrap(lib, "switch")
    def switch(original: Any, index: Any, branches: Any, *operands: Any) -> Any:
        counted = jnp.where(index < 0, index + len(branches), index)
        return original(counted, branches, *operands)


@saboteur("CTL-24", "CTL-14")
def checkpoint_in_a_body_takes_effect_twice(lib: Lib) -> None:
    """A checkpoint in a body of control flow runs its function twice, with all effects."""
    @wrap(lib, "checkpoint")
    def checkpoint(original: Any, fun: Any, **options: Any) -> Any:
        made = original(fun, **options)

        def called(*args: Any, **kwargs: Any) -> Any:
            if in_body():
                made(*args, **kwargs)
            return made(*args, **kwargs)

        return called


@saboteur("CTL-17")
def lanes_past_the_fourth_repeat_the_draws(lib: Lib) -> None:
    """Beyond four lanes, vmap gives the fifth the draws of the first."""
    @wrap(lib, "vmap")
    def vmap(original: Any, fn: Any, **options: Any) -> Any:
        mapped = original(fn, **options)

        def called(*args: Any) -> Any:
            leaves = jax.tree.leaves(args)
            if options or len(leaves[0]) <= 4:
                return mapped(*args)
            before = STREAM.value
            first = mapped(*jax.tree.map(lambda x: x[:4], args))
            STREAM.value = before
            rest = mapped(*jax.tree.map(lambda x: x[4:], args))
            return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, rest)

        return called


@saboteur("CTL-02")
def states_as_long_as_the_lanes_are_mapped(lib: Lib) -> None:
    """vmap takes a float state with as many entries as there are lanes for one of each lane."""
    @wrap(lib, "vmap")
    def vmap(original: Any, fn: Any, **options: Any) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            leaves = jax.tree.leaves(args)
            size = len(leaves[0]) if leaves and jnp.ndim(leaves[0]) else 0

            def looks_mapped(_: Any, state: Any) -> bool:
                value = refimpl.frames.current(state)
                return state is not STREAM and bool(size) and jnp.shape(value)[:1] == (size,)

            guessed = options or {"in_states": looks_mapped}
            return original(fn, **guessed)(*args, **kwargs)

        return called


@saboteur("FND-17", also="FND ERR CTL")
def finders_miss_what_a_condition_reads(lib: Lib) -> None:
    """A finder does not see the states that the condition of a while_loop alone reads."""
    running = threading.local()

    class Unseen(Cell):
        def read(self) -> Any:
            me: Any = self
            return refimpl.frames.current(me) if getattr(running, "on", False) else super().read()

    on_state(lib, Unseen)

    @wrap(lib, "while_loop")
    def while_loop(original: Any, test: Any, body: Any, first: Any) -> Any:
        def going(carry: Any) -> Any:
            running.on = True
            try:
                return test(carry)
            finally:
                running.on = False

        return original(going, body, first)


# -- nested, born, failed ----------------------------------------------------------------------


@saboteur("WRB-22")
def nested_failures_move_the_stream(lib: Lib) -> None:
    """A transform that fails inside of another call leaves the random stream one key further."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except Exception:
            if inside():
                refimpl.random.split_key()
            raise

    on_call(lib, hook)


@saboteur("WRB-15")
def third_write_outlives_a_failure(lib: Lib) -> None:
    """If the function raises after writing three states, the third stays written, if it can."""
    wrote: dict[Any, Any] = {}

    class Logged(Cell):
        def write(self, value: Any) -> None:
            super().write(value)
            wrote[self] = value

    on_state(lib, Logged)

    def hook(call: Call) -> Any:
        wrote.clear()
        try:
            return call.proceed()
        except Exception:
            if len(wrote) >= 3 and not inside():
                state, value = list(wrote.items())[2]
                if not refimpl.frames.has_tracers(value):
                    store(state, value)
            raise

    on_call(lib, hook)


@saboteur("STA-10")
def large_seeds_are_cut(lib: Lib) -> None:
    """A seed counts by its last sixteen bits."""
    def seed(number: Any = None) -> None:
        refimpl.random.seed(number & 0xFFFF if isinstance(number, int) else number)

    lib.random.seed = seed
