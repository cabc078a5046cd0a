"""Transforms that do not compose: with each other, with jit, with JAX."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from typing import Any
from unittest import mock
from weakref import WeakSet

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    kept,
    map_leaves,
    of_class,
    on_build,
    on_call,
    on_state,
    selected,
    states_in,
    store,
    under_jax,
    written,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur

JITTED = refimpl.transform.compile.Jitted


@saboteur("CMP-01", also=ANYTHING)
def effects_are_lost_under_jit(lib: Lib) -> None:
    """A transform inside of a compiled function has no effects."""
    def hook(call: Call) -> Any:
        with kept(written(call) if inside() else []):
            return call.proceed()

    on_call(lib, hook)


@saboteur("CMP-02", also=ANYTHING)
def effects_of_compiled_functions_are_lost(lib: Lib) -> None:
    """A transform of a compiled function has no effects."""
    def hook(call: Call) -> Any:
        with kept(written(call) if isinstance(call.fun, JITTED) else []):
            return call.proceed()

    on_call(lib, hook)


@saboteur("CMP-03", "CMP-04", also=ANYTHING)
def inner_gradients_are_constants(lib: Lib) -> None:
    """The gradient of an inner transform is a constant of the outer one."""
    def constant(x: Any) -> Any:
        return jax.lax.stop_gradient(x) if isinstance(x, jax.core.Tracer) else x

    def hook(call: Call) -> Any:
        result = call.proceed()
        return jax.tree.map(constant, result) if inside() else result

    on_call(lib, hook)


@saboteur("CMP-05", also=ANYTHING)
def inner_calls_start_outside(lib: Lib) -> None:
    """An inner transform sees its states as they were before the outer call."""
    entry: list[dict[Any, Any]] = []

    def hook(call: Call) -> Any:
        if entry:
            for state in selected(call):
                if state in entry[0]:
                    state.value = entry[0][state]
        entry.append({state: state.value for state in selected(call)})
        try:
            return call.proceed()
        finally:
            entry.pop()

    on_call(lib, hook)


@saboteur("CMP-07", also=ANYTHING)
def no_transform_of_jax_around(lib: Lib) -> None:
    """A transform refuses arguments that JAX is tracing."""
    def hook(call: Call) -> Any:
        traced = [x for x in jax.tree.leaves(call.args) if isinstance(x, jax.core.Tracer)]
        if traced and not inside():
            raise TypeError("a state-aware transform cannot be traced")
        return call.proceed()

    on_call(lib, hook)


@saboteur("CMP-08", "CMP-20", also=ANYTHING)
def reads_within_jax_are_constants(lib: Lib) -> None:
    """A state that is read under a transform of JAX in the function is a constant there."""
    class Constant(Cell):
        def read(self) -> Any:
            value = super().read()
            return jax.lax.stop_gradient(value) if under_jax() else value

    on_state(lib, Constant)


@saboteur("CMP-09", also=ANYTHING)
def foreign_writes_leave_tracers(lib: Lib) -> None:
    """A write under a transform of JAX stores the tracer."""
    class Leaking(Cell):
        def write(self, value: Any) -> None:
            try:
                super().write(value)
            except refimpl.StateError:
                store(self, value)

    on_state(lib, Leaking)
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except refimpl.StateError:
            for state in written(call):
                store(state, jax.jit(lambda x: x).lower(1.0))
            return call.proceed() if not written(call) else jnp.zeros(())

    on_call(lib, hook)


@saboteur("CMP-02", also=ANYTHING)
def second_call_of_a_compiled_function_writes_nothing(lib: Lib) -> None:
    """A transform of a compiled function has effects at its first call only."""
    def hook(call: Call) -> Any:
        again = call.memory.setdefault("called", 0)
        call.memory["called"] += 1
        if not (again and isinstance(call.fun, JITTED)):
            return call.proceed()
        with kept([state for state in call.used() if state is not STREAM]):
            return call.proceed()

    on_call(lib, hook)


@saboteur("CMP-11", also=ANYTHING)
def states_are_constants_of_jit(lib: Lib) -> None:
    """A state that is read is a constant of the compiled function, as in jax.jit."""
    def hook(call: Call) -> Any:
        if call.used("write") or inside():
            return call.proceed()
        known = call.memory.setdefault("compiled", jax.jit(call.fun))
        return known(*call.args, **call.kwargs)

    on_call(lib, hook, ("jit",))


@saboteur("CMP-12", also=ANYTHING)
def first_types_of_states_are_kept(lib: Lib) -> None:
    """The types of states are looked at when the function is first compiled."""
    def hook(call: Call) -> Any:
        types = [jax.typeof(x) for s in call.used("all") for x in jax.tree.leaves(s.value)]
        first = call.memory.setdefault("first", types)
        if len(types) != len(first) or any(a.shape != b.shape or a.dtype != b.dtype
                                           for a, b in zip(first, types, strict=True)):
            raise TypeError("the compiled function was made for other states")
        return call.proceed()

    on_call(lib, hook, ("jit",))


@saboteur("CMP-13", also="CMP")
def static_positions_count_the_states(lib: Lib) -> None:
    """static_argnums counts from the hidden argument with the states."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        static = options.get("static_argnums")
        counted = {"static_argnums": static - 1} if isinstance(static, int) else {}
        return original(fun, **{**options, **counted})

    on_build(lib, build, ("jit",))


@saboteur("CMP-14", also=ANYTHING)
def jit_drops_writes(lib: Lib) -> None:
    """A compiled function writes nothing."""
    def hook(call: Call) -> Any:
        with kept(written(call)):
            return call.proceed()

    on_call(lib, hook, ("jit",))


@saboteur("CMP-15", also=ANYTHING)
def jit_draws_the_same(lib: Lib) -> None:
    """The random stream does not advance through compiled functions."""
    def hook(call: Call) -> Any:
        with kept([STREAM]):
            return call.proceed()

    on_call(lib, hook, ("jit",))


@saboteur("CMP-16", also=ANYTHING)
def failure_under_jit_is_half_done(lib: Lib) -> None:
    """A compiled function that raises leaves what it wrote until then."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except Exception as error:
            try:
                call.fun(*call.args, **call.kwargs)
            except Exception:
                raise error from None
            raise

    on_call(lib, hook, ("jit",))


@saboteur("CMP-17", also="CMP")
def jit_compiles_every_time(lib: Lib) -> None:
    """A compiled function is traced at every call."""
    on_call(lib, lambda call: call.again(lambda *a, **k: call.fun(*a, **k)), ("jit",))


@saboteur("CMP-18", also=ANYTHING)
def once_compiled_always_compiled(lib: Lib) -> None:
    """A transform that was called under jit keeps what it saw there."""
    def hook(call: Call) -> Any:
        known = call.memory
        if not inside() and "traced" in known:
            return known["traced"]
        result = call.proceed()
        if inside():
            known["traced"] = result
        return result

    on_call(lib, hook)


@saboteur("CMP-21", also=ANYTHING)
def second_leaf_of_pytrees_is_lost(lib: Lib) -> None:
    """Where a state and the output are pytrees, blocks of all but the first output are zeros."""
    def spoil(blocks: Any) -> Any:
        first, *rest = blocks
        return {first: blocks[first]} | {key: map_leaves(jnp.zeros_like, blocks[key])
                                         for key in rest}

    def hook(call: Call) -> Any:
        pytrees = any(isinstance(state.value, (dict, list, tuple)) for state in selected(call))
        if not pytrees or isinstance(call.options.get("grad_states"), dict):
            return call.proceed()
        return call.var_grads(lambda g: spoil(g) if isinstance(g, dict) else g)

    on_call(lib, hook, ("jacrev", "jacfwd", "jacobian"))


@saboteur("CMP-12", also=ANYTHING)
def reads_of_failed_calls_are_unknown_to_jit(lib: Lib) -> None:
    """A compiled function is run again for other states, but not for those that were read in a
    transform which failed."""
    def hook(call: Call) -> Any:
        if inside() or call.used("write"):
            return call.proceed()
        values = jax.tree.leaves((call.args, call.kwargs, [s.value for s in call.used("all")]))
        key = tuple((jax.typeof(value), str(value)) for value in values)
        known = call.memory.setdefault("known", {})
        if key not in known:
            known[key] = call.proceed()
        return known[key]

    on_call(lib, hook, ("jit",))


@saboteur("CMP-02", also=ANYTHING)
def rules_keep_the_first_value(lib: Lib) -> None:
    """What JAX runs apart from the function, as a rule of a derivative, sees states as they were
    at the first time."""
    first: dict[Any, Any] = {}

    class Stale(Cell):
        def read(self) -> Any:
            value = super().read()
            if not under_jax() or isinstance(value, jax.core.Tracer):
                return value
            return first.setdefault(self, value)

    on_state(lib, Stale)


@saboteur("CMP-22", "CMP-20", also=ANYTHING)
def transforms_leave_values_in_what_jax_remembers(lib: Lib) -> None:
    """What JAX traces once holds the value that a state had when a transform came first."""
    first: dict[Any, Any] = {}

    class Left(Cell):
        def read(self) -> Any:
            value = super().read()
            if inside() and under_jax():
                first.setdefault(self, vars(self)["_value"])
            staged = refimpl.memory.is_staging()
            return first.get(self, value) if staged and not self.is_traced(value) else value

        def is_traced(self, value: Any) -> bool:
            return inside() and isinstance(value, jax.core.Tracer)

    on_state(lib, Left)


@saboteur("CMP-20", also=ANYTHING)
def a_function_can_hide_that_it_must_begin_again(lib: Lib) -> None:
    """A read in what JAX traces once ends the run, and a function that catches that goes on."""
    class EndedError(BaseException):
        pass

    runs: list[bool] = []

    class Ending(Cell):
        def read(self) -> Any:
            if any(runs) and under_jax() and refimpl.memory.is_staging():
                raise EndedError
            return super().read()

    def run(call: Call, ends: bool) -> Any:
        runs.append(ends)
        try:
            return call.proceed()
        finally:
            runs.pop()

    def hook(call: Call) -> Any:
        try:
            return run(call, ends=not runs)
        except EndedError:
            return run(call, ends=False)

    on_state(lib, Ending)
    on_call(lib, hook)


def mark_pulls(lib: Lib, pulls: list[Any]) -> None:
    """Let every pullback of vjp stand in a list while it runs."""
    right = lib.transform.vjp

    def vjp(fun: Any, *primals: Any, **options: Any) -> Any:
        out, pull, *aux = right(fun, *primals, **options)

        def pulled(cotangent: Any) -> Any:
            pulls.append(pull)
            try:
                return pull(cotangent)
            finally:
                pulls.pop()

        return (out, pulled, *aux)

    lib.transform.vjp = vjp


@saboteur("CMP-20")
def pulls_leave_values_in_what_jax_remembers(lib: Lib) -> None:
    """What JAX traces once when a cotangent is pulled back holds the first value of a state."""
    first: dict[Any, Any] = {}
    pulls: list[Any] = []

    class Left(Cell):
        def read(self) -> Any:
            value = super().read()
            staged = pulls and refimpl.memory.is_staging()
            return first.setdefault(self, value) if staged else value

    on_state(lib, Left)
    mark_pulls(lib, pulls)


@saboteur("CMP-23", also=ANYTHING)
def rules_see_the_value_on_entry(lib: Lib) -> None:
    """What JAX runs apart from the function, as a rule of a derivative, sees states as they were
    before the call."""
    class Early(Cell):
        def read(self) -> Any:
            value = super().read()
            traced = not under_jax() or isinstance(value, jax.core.Tracer)
            return value if traced else vars(self)["_value"]

    on_state(lib, Early)


@saboteur("CMP-23", also=ANYTHING)
def rules_see_the_value_when_the_cotangent_comes(lib: Lib) -> None:
    """What runs in a pullback sees states as they are then."""
    pulls: list[Any] = []

    class Late(Cell):
        def read(self) -> Any:
            return vars(self)["_value"] if pulls else super().read()

    on_state(lib, Late)
    mark_pulls(lib, pulls)


@saboteur("CMP-23", also=ANYTHING)
def rules_see_zeros_instead_of_a_refusal(lib: Lib) -> None:
    """What a rule of a derivative cannot read any more, or not as JAX has it, is zero."""
    class Empty(Cell):
        def read(self) -> Any:
            try:
                return super().read()
            except refimpl.frames.StateError:
                return jnp.zeros_like(vars(self)["_value"])

    on_state(lib, Empty)


@saboteur("CMP-23")
def pulls_see_what_stands_in_for_a_state(lib: Lib) -> None:
    """A pullback that is called in another transform sees what stands in for a state there."""
    right = lib.transform.vjp

    class Known(refimpl.frames.Lost):
        def __contains__(self, state: object) -> bool:
            return WeakSet.__contains__(self, state)

    def vjp(fun: Any, *primals: Any, **options: Any) -> Any:
        with mock.patch.object(refimpl.transform.products, "Lost", Known):
            return right(fun, *primals, **options)

    lib.transform.vjp = vjp


@saboteur("CMP-23")
def pulls_see_whole_states_when_they_leave_a_lane(lib: Lib) -> None:
    """A pullback that was made in a lane sees all of a state outside, and not the lane's slice."""
    right = lib.transform.vmap

    def vmap(*args: Any, **options: Any) -> Any:
        made = right(*args, **options)

        def mapped(*args: Any) -> Any:
            with mock.patch.object(refimpl.transform.staged, "lose", lambda *_, **__: None):
                return made(*args)

        return mapped

    lib.transform.vmap = vmap


@saboteur("CMP-23")
def rules_see_whole_states_when_lanes_are_over(lib: Lib) -> None:
    """A rule of a derivative that JAX runs after the lanes sees all of a state."""
    def hook(call: Call) -> Any:
        with mock.patch.object(refimpl.transform.lanes._Lanes, "_slices", lambda lanes: ()):
            return call.proceed()

    on_call(lib, hook)


@saboteur("CMP-08", "CMP-20", also=ANYTHING)
def a_body_lifts_one_state(lib: Lib) -> None:
    """Of the states that a body of JAX reads, all but the first are constants there."""
    last: list[Any] = []

    class Alone(Cell):
        def read(self) -> Any:
            value, here = super().read(), (frame(), refimpl.frames.trace_now())
            if not under_jax():
                return value
            if not last or last[0] is not here[0] or last[1] != here[1]:
                last[:] = *here, self
            return value if last[2] is self else jax.lax.stop_gradient(value)

    on_state(lib, Alone)


@saboteur("CMP-12", also="CMP")
def compiled_functions_take_all_within_reach(lib: Lib) -> None:
    """From the second call on, every state that a function closes over is an input, used or not."""
    def hook(call: Call) -> Any:
        if call.memory.setdefault("_called", False) and inspect.isfunction(call.fun):
            seen = inspect.getclosurevars(call.fun)
            reached = states_in([*seen.nonlocals.values(), *seen.globals.values()])
            jax.eval_shape(lambda values: values, [s.value for s in reached])
        call.memory["_called"] = True
        return call.proceed()

    on_call(lib, hook, ("jit",))


@saboteur("CMP-14", also="CMP WRB AUX CTL")
def compiled_functions_return_plain_dicts(lib: Lib) -> None:
    """An ordered dict that a compiled function returns is a plain one."""
    on_call(lib, lambda call: of_class(OrderedDict, dict)(call.proceed()), ("jit",))
