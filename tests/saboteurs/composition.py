"""Transforms that do not compose: with each other, with jit, with JAX, with users' own."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from spec.language.transforms import FAMILY
from tests.saboteurs.craft import (
    Call,
    Cell,
    Lib,
    map_leaves,
    meddle,
    meddle_states,
    saboteur,
    selected,
)
from tests.saboteurs.effects import STREAM, kept, written

JIT = refimpl.transform.jit
Gradient = refimpl.transform.GradientTransform
ALSO = "CMP CUS WRB DER AUX ARG GST RET FND STA ERR"


def inside() -> bool:
    """Whether a transform is running."""
    return bool(refimpl.frames.stack.frames)


@saboteur("CMP-01", also=ALSO)
def effects_are_lost_under_jit(lib: Lib) -> None:
    """A transform inside of a compiled function has no effects."""
    def hook(call: Call) -> Any:
        with kept(written(call) if inside() else []):
            return call.proceed()

    meddle(lib, hook)


@saboteur("CMP-02", also=ALSO)
def effects_of_compiled_functions_are_lost(lib: Lib) -> None:
    """A transform of a compiled function has no effects."""
    def hook(call: Call) -> Any:
        with kept(written(call) if isinstance(call.fun, JIT) else []):
            return call.proceed()

    meddle(lib, hook)


@saboteur("CMP-03", "CMP-04", also=ALSO)
def inner_gradients_are_constants(lib: Lib) -> None:
    """The gradient of an inner transform is a constant of the outer one."""
    def constant(x: Any) -> Any:
        return jax.lax.stop_gradient(x) if isinstance(x, jax.core.Tracer) else x

    def hook(call: Call) -> Any:
        result = call.proceed()
        return jax.tree.map(constant, result) if inside() else result

    meddle(lib, hook)


@saboteur("CMP-05", also=ALSO)
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

    meddle(lib, hook)


@saboteur("CMP-07", also=ALSO)
def no_transform_of_jax_around(lib: Lib) -> None:
    """A transform refuses arguments that JAX is tracing."""
    def hook(call: Call) -> Any:
        traced = [x for x in jax.tree.leaves(call.args) if isinstance(x, jax.core.Tracer)]
        if traced and not inside():
            raise TypeError("a state-aware transform cannot be traced")
        return call.proceed()

    meddle(lib, hook)


@saboteur("CMP-08", "CMP-20", also=ALSO)
def reads_within_jax_are_constants(lib: Lib) -> None:
    """A state that is read under a transform of JAX in the function is a constant there."""
    class Constant(Cell):
        def read(self) -> Any:
            value, frames = super().read(), refimpl.frames.stack.frames
            foreign = frames and refimpl.frames.trace_now() != frames[-1].trace
            return jax.lax.stop_gradient(value) if foreign else value

    meddle_states(lib, Constant)


@saboteur("CMP-09", also=ALSO)
def foreign_writes_leave_tracers(lib: Lib) -> None:
    """A write under a transform of JAX stores the tracer."""
    class Leaking(Cell):
        def write(self, value: Any) -> None:
            try:
                super().write(value)
            except refimpl.StateError:
                vars(self)["_value"] = value

    meddle_states(lib, Leaking)
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except refimpl.StateError:
            for state in written(call):
                vars(state)["_value"] = jax.jit(lambda x: x).lower(1.0)
            return call.proceed() if not written(call) else jnp.zeros(())

    meddle(lib, hook)


def meddle_jit(lib: Lib, call: Any) -> None:
    """Send calls of compiled functions to ``call(compiled, fun, known, args, kwargs)``."""
    class Jit(JIT):
        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            def proceed(*a: Any, **k: Any) -> Any:
                return JIT.__call__(self, *a, **k)

            return call(proceed, self, args, kwargs)

    lib.transform.jit = Jit


def effects_of(compiled: Any, args: Any, kwargs: Any) -> list[Any]:
    """The states that a compiled function writes."""
    find = refimpl.transform.StateFinder(compiled.fun, usage="write", return_type="list")
    try:
        found: list[Any] = find(*args, **kwargs)
    except Exception:
        return []
    return found


@saboteur("CMP-02", also=ALSO)
def second_call_of_a_compiled_function_writes_nothing(lib: Lib) -> None:
    """A transform of a compiled function has effects at its first call only."""
    def hook(call: Call) -> Any:
        again = vars(call.transform).setdefault("called", 0)
        vars(call.transform)["called"] += 1
        if not (again and isinstance(call.fun, JIT)):
            return call.proceed()
        with kept([state for state in call.used() if state is not STREAM]):
            return call.proceed()

    meddle(lib, hook)


@saboteur("CMP-11", also=ALSO)
def states_are_constants_of_jit(lib: Lib) -> None:
    """A state that is read is a constant of the compiled function, as in jax.jit."""
    def call(proceed: Any, self: Any, args: Any, kwargs: Any) -> Any:
        if effects_of(self, args, kwargs) or inside():
            return proceed(*args, **kwargs)
        known = vars(self).setdefault("compiled", jax.jit(self.fun))
        return known(*args, **kwargs)

    meddle_jit(lib, call)


@saboteur("CMP-12", also=ALSO)
def first_types_of_states_are_kept(lib: Lib) -> None:
    """The types of states are looked at when the function is first compiled."""
    def call(proceed: Any, self: Any, args: Any, kwargs: Any) -> Any:
        find = refimpl.transform.StateFinder(self.fun, return_type="list")
        types = [jax.typeof(x) for s in find(*args, **kwargs) for x in jax.tree.leaves(s.value)]
        first = vars(self).setdefault("first", types)
        if len(types) != len(first) or any(a.shape != b.shape or a.dtype != b.dtype
                                           for a, b in zip(first, types, strict=True)):
            raise TypeError("the compiled function was made for other states")
        return proceed(*args, **kwargs)

    meddle_jit(lib, call)


@saboteur("CMP-13", also="CMP")
def static_positions_count_the_states(lib: Lib) -> None:
    """static_argnums counts from the hidden argument with the states."""
    class Jit(JIT):
        def __init__(self, fun: Any, **options: Any) -> None:
            if isinstance(options.get("static_argnums"), int):
                options["static_argnums"] -= 1
            super().__init__(fun, **options)

    lib.transform.jit = Jit


@saboteur("CMP-14", also=ALSO)
def jit_drops_writes(lib: Lib) -> None:
    """A compiled function writes nothing."""
    def call(proceed: Any, self: Any, args: Any, kwargs: Any) -> Any:
        with kept([s for s in effects_of(self, args, kwargs) if s is not STREAM]):
            return proceed(*args, **kwargs)

    meddle_jit(lib, call)


@saboteur("CMP-15", also=ALSO)
def jit_draws_the_same(lib: Lib) -> None:
    """The random stream does not advance through compiled functions."""
    def call(proceed: Any, self: Any, args: Any, kwargs: Any) -> Any:
        with kept([STREAM]):
            return proceed(*args, **kwargs)

    meddle_jit(lib, call)


@saboteur("CMP-16", also=ALSO)
def failure_under_jit_is_half_done(lib: Lib) -> None:
    """A compiled function that raises leaves what it wrote until then."""
    def call(proceed: Any, self: Any, args: Any, kwargs: Any) -> Any:
        try:
            return proceed(*args, **kwargs)
        except Exception as error:
            try:
                self.fun(*args, **kwargs)
            except Exception:
                raise error from None
            raise

    meddle_jit(lib, call)


@saboteur("CMP-17", also="CMP")
def jit_compiles_every_time(lib: Lib) -> None:
    """A compiled function is traced at every call."""
    meddle_jit(lib, lambda proceed, self, args, kwargs: JIT(
        lambda *a, **k: self.fun(*a, **k))(*args, **kwargs))


@saboteur("CMP-18", also=ALSO)
def once_compiled_always_compiled(lib: Lib) -> None:
    """A transform that was called under jit keeps what it saw there."""
    def hook(call: Call) -> Any:
        known = vars(call.transform)
        if not inside() and "traced" in known:
            return known["traced"]
        result = call.proceed()
        if inside():
            known["traced"] = result
        return result

    meddle(lib, hook)


@saboteur("CUS-01", also=ALSO)
def members_are_functions(lib: Lib) -> None:
    """Members of the family return plain functions."""
    def plain(original: Any) -> Any:
        def member(fun: Any = None, *args: Any, **options: Any) -> Any:
            made = original(fun, *args, **options)
            return lambda *a, **k: made(*a, **k)

        return member

    for name in FAMILY:
        setattr(lib.transform, name, plain(getattr(lib.transform, name)))


def meddle_custom(lib: Lib, change: Any) -> None:
    """Change the transform that a user gives to GradientTransform."""
    class Custom(Gradient):
        def __init__(self, target: Any, transform: Any, *args: Any, **options: Any) -> None:
            super().__init__(target, change(transform, options), *args, **options)

    lib.transform.GradientTransform = Custom


@saboteur("CUS-02", also=ALSO)
def has_aux_is_that_of_the_user(lib: Lib) -> None:
    """A user's transform is told the has_aux of the call, not that there always is an aux."""
    def change(transform: Any, options: Any) -> Any:
        def told(fun: Any, **params: Any) -> Any:
            return transform(fun, **{**params, "has_aux": bool(options.get("has_aux"))})

        return told

    meddle_custom(lib, change)


@saboteur("CUS-02", also=ALSO)
def argnums_by_position(lib: Lib) -> None:
    """A user's transform is given argnums by position."""
    meddle_custom(lib, lambda transform, options: lambda fun, *, argnums, **params: transform(
        fun, argnums, **params))


def custom(lib: Lib, hook: Any) -> None:
    """Meddle with calls of users' own transforms alone."""
    meddle(lib, lambda call: hook(call) if call.member == "GradientTransform"
           else call.proceed())


@saboteur("CUS-03", also=ALSO)
def custom_value_comes_first(lib: Lib) -> None:
    """For users' transforms the value stands first, as in jax.value_and_grad."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        return (result[1], result[0], *result[2:]) if call.return_value else result

    custom(lib, hook)


@saboteur("CUS-04", also=ALSO)
def custom_transforms_have_no_effects(lib: Lib) -> None:
    """What the function writes under a user's transform is dropped."""
    def hook(call: Call) -> Any:
        with kept(written(call)):
            return call.proceed()

    custom(lib, hook)


@saboteur("CUS-05", also=ALSO)
def custom_blocks_are_diagonal(lib: Lib) -> None:
    """Blocks of a user's transform are summed down to the shape of the state."""
    def hook(call: Call) -> Any:
        return call.var_grads(lambda g: jax.tree.map(
            lambda x: jnp.sum(x, axis=0) if x.ndim > 1 else x, g))

    custom(lib, hook)


@saboteur("CUS-06", also=ALSO)
def custom_transform_is_ignored(lib: Lib) -> None:
    """Whatever the user's transform, the gradient is returned."""
    def change(transform: Any, options: Any) -> Any:
        return lambda fun, *, argnums, has_aux, **params: jax.grad(fun, argnums, has_aux=True)

    meddle_custom(lib, change)


@saboteur("CUS-07", also=ALSO)
def custom_transform_per_state(lib: Lib) -> None:
    """A user's transform is applied for every state and argument alone."""
    def hook(call: Call) -> Any:
        states = call.options.get("grad_states")
        if not call.both or not isinstance(states, list) or written(call):
            return call.proceed()
        if call.has_aux or call.return_value:
            return call.proceed()
        alone = [call.again(grad_states=[s], argnums=None)[0] for s in states]
        return alone, call.again(grad_states=None)

    custom(lib, hook)


@saboteur("CUS-08", also=ALSO)
def every_run_takes_effect(lib: Lib) -> None:
    """Every run of the function within a user's transform takes effect."""
    def hook(call: Call) -> Any:
        runs: list[None] = []
        def counted(*args: Any, **kwargs: Any) -> Any:
            runs.append(None)
            return call.fun(*args, **kwargs)

        result = call.again(counted)
        for _ in runs[1:]:
            call.fun(*call.args, **call.kwargs)
        return result

    custom(lib, hook)


@saboteur("CUS-10", also=ALSO)
def members_are_no_decorators(lib: Lib) -> None:
    """A member of the family needs a function."""
    def strict(original: Any) -> Any:
        return lambda fun, *args, **options: original(fun, *args, **options)

    for name in FAMILY:
        setattr(lib.transform, name, strict(getattr(lib.transform, name)))


@saboteur("STA-06", also=ALSO)
def first_values_are_kept(lib: Lib) -> None:
    """A transform differentiates at the values that the states held at its first call."""
    def hook(call: Call) -> Any:
        states = selected(call)
        first = vars(call.transform).setdefault("first", [s.value for s in states])
        if written(call):
            return call.proceed()
        with kept(states):
            for state, value in zip(states, first, strict=True):
                state.value = value
            return call.proceed()

    meddle(lib, hook)


@saboteur("CMP-21", also=ALSO)
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

    meddle(lib, hook, ("jacrev", "jacfwd", "jacobian"))
