"""Fresh saboteurs, as in `fresh`, of what the language draws since: bodies of JAX's own, copies and
pickles, threads, up to eight states, control flow.

Each is wrong in one narrow place alone, silently, and most are what a tracker has seen.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from types import FunctionType
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs import roster
from tests.saboteurs.fresh import FRESH
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    kept,
    map_leaves,
    map_states,
    on_call,
    on_selection,
    on_state,
    store,
    under_jax,
    written,
)
from tests.saboteurs.roster import Lib

__all__ = ["FRESH"]

saboteur = partial(roster.saboteur, roster=FRESH)

GRADIENTS = ("grad", "vector_grad", "fwd_grad")


# -- means -------------------------------------------------------------------------------------


def places(container: Any) -> list[refimpl.State]:
    """The states of a container, once for each place."""
    found: list[refimpl.State] = []
    map_states(found.append, container)
    return found


def by_place(container: Any, grads: Any) -> list[Any]:
    """What stands in a like container, place by place."""
    if isinstance(container, refimpl.State):
        return [grads]
    if isinstance(container, Mapping):
        return [g for key in container for g in by_place(container[key], grads[key])]
    if isinstance(container, (list, tuple)):
        pairs = zip(container, grads, strict=True)
        return [g for child, grad in pairs for g in by_place(child, grad)]
    return []


def change_places(
    lib: Lib, change: Callable[[list[Any], list[refimpl.State]], list[Any]],
    members: tuple[str, ...] = GRADIENTS,
) -> None:
    """Change the gradients of the states, given in a list."""
    def hook(call: Call) -> Any:
        container = call.options.get("grad_states")

        def changed(grads: Any) -> Any:
            given = by_place(container, grads)
            made = change(given, places(container))
            if all(a is b for a, b in zip(given, made, strict=True)):
                return grads
            after = iter(made)
            return map_states(lambda _: next(after), container)

        return call.var_grads(changed)

    on_call(lib, hook, members)


def alike(a: Any, b: Any) -> bool:
    """Whether one may stand for the other unnoticed."""
    one: object = jax.tree.structure(a)
    return one == jax.tree.structure(b) and all(
        (jnp.shape(x), jnp.result_type(x)) == (jnp.shape(y), jnp.result_type(y))
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def wrap(lib: Lib, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replace a function by one that is given the original first."""
    def replace(made: Callable[..., Any]) -> None:
        original = getattr(lib.transform, name)
        setattr(lib.transform, name, wraps(original)(partial(made, original)))

    return replace


def in_body() -> bool:
    """Whether a body of control flow is running."""
    return type(frame()).__name__ == "_Body"


def in_main() -> bool:
    """Whether this is the main thread."""
    return threading.current_thread() is threading.main_thread()


def at_call(lib: Lib, number: int, run: Callable[[Call, Any], Any]) -> None:
    """Let one call of every compiled function be made by ``run(call, last result)``."""
    def hook(call: Call) -> Any:
        count = call.memory["_calls"] = call.memory.get("_calls", 0) + 1
        result = run(call, call.memory.get("_last")) if count == number else call.proceed()
        call.memory["_last"] = result
        return result

    on_call(lib, hook, ("jit",))


# -- how many, how deep ------------------------------------------------------------------------


@saboteur("GST-14", also="GST")
def fifth_state_has_the_gradient_of_the_fourth(lib: Lib) -> None:
    """Of five states or more the fifth gets the gradient of the fourth, where it fits."""
    def change(grads: list[Any], _: Any) -> list[Any]:
        if len(grads) < 5 or not alike(grads[3], grads[4]):
            return grads
        return [*grads[:4], grads[3], *grads[5:]]

    change_places(lib, change)


@saboteur("GST-08", also="GST")
def third_place_of_a_state_has_zeros(lib: Lib) -> None:
    """A state that stands in three places has its gradient in two of them and zeros beyond."""
    def change(grads: list[Any], states: list[refimpl.State]) -> list[Any]:
        return [
            jax.tree.map(jnp.zeros_like, grad) if states[:i].count(state) >= 2 else grad
            for i, (grad, state) in enumerate(zip(grads, states, strict=True))
        ]

    change_places(lib, change)


@saboteur("DER-01", "DER-02")
def rows_past_the_fourth_repeat_it(lib: Lib) -> None:
    """In reverse mode a one-dimensional output of more than four entries has four rows computed."""
    def hook(call: Call) -> Any:
        output = call.again(return_value=True)[1]
        if jnp.ndim(jax.tree.leaves(output)[0]) != 1 or jnp.size(jax.tree.leaves(output)[0]) <= 4:
            return call.proceed()
        return call.grads(partial(map_leaves, lambda g: g.at[4:].set(g[3:4])))

    def unless_writing(call: Call) -> Any:
        return call.proceed() if call.used("write") else hook(call)

    on_call(lib, unless_writing, ("jacrev",))


@saboteur("ARG-03")
def three_indices_come_sorted(lib: Lib) -> None:
    """With three indices or more, the gradients stand in the order of the arguments."""
    def hook(call: Call) -> Any:
        argnums = call.options.get("argnums")
        if not isinstance(argnums, (tuple, list)) or len(argnums) < 3:
            return call.proceed()
        order = sorted(range(len(argnums)), key=lambda i: int(argnums[i]) % len(call.args))
        return call.arg_grads(lambda g: tuple(g[i] for i in order))

    on_call(lib, hook, ("grad", "vector_grad", "fwd_grad"))


@saboteur("ARG-05")
def negative_indices_count_keywords(lib: Lib) -> None:
    """A negative index counts the arguments given by keyword, too, where one is still there."""
    def hook(call: Call) -> Any:
        index = call.options.get("argnums")
        shifted = index + len(call.kwargs) if isinstance(index, int) else 0
        return call.again(argnums=shifted) if shifted < 0 and call.kwargs else call.proceed()

    on_call(lib, hook)


@saboteur("WRB-09")
def third_written_state_takes_the_second_value(lib: Lib) -> None:
    """In the Hessian, of three written states that are alike the third gets the second's value."""
    def hook(call: Call) -> Any:
        result, states = call.proceed(), written(call)
        if len(states) >= 3 and alike(states[1].value, states[2].value):
            states[2].value = states[1].value
        return result

    on_call(lib, hook, ("hessian",))


@saboteur("SEL-01", "SEL-05", also="GST")
def selection_ends_at_depth_five(lib: Lib) -> None:
    """States that are more than five steps away are not selected."""
    def near(found: Any) -> Any:
        return {path: state for path, state in found.items() if len(path) <= 5}

    def select(node: Any, *filters: Any) -> Any:
        found = refimpl.graph.states(node, *filters)
        return tuple(map(near, found)) if isinstance(found, tuple) else near(found)

    on_selection(lib, select)


@saboteur("FND-03")
def many_found_states_come_by_name(lib: Lib) -> None:
    """With five states or more, those that are read alone come in the order of their names."""
    def hook(call: Call) -> Any:
        found = call.proceed()
        if call.options.get("usage") != "read" or call.options.get("return_type") != "list":
            return found
        return found if len(found) < 5 else sorted(found, key=lambda s: str(s.name))

    on_call(lib, hook, ("StateFinder",))


# -- one type, one container -------------------------------------------------------------------


@saboteur("GST-18")
def gradients_in_half_precision_are_widened(lib: Lib) -> None:
    """A bfloat16 leaf beside wider ones has a gradient in float32."""
    def change(grads: Any) -> Any:
        kinds = {g.dtype for g in jax.tree.leaves(grads) if hasattr(g, "dtype")}
        if len(kinds) < 2:
            return grads
        return map_leaves(lambda g: g.astype("float32") if g.dtype == "bfloat16" else g, grads)

    on_call(lib, lambda call: call.var_grads(change))


@saboteur("DER-08")
def bfloat16_alone_is_widened(lib: Lib) -> None:
    """Gradients that are all bfloat16 come in float32."""
    def change(grads: Any) -> Any:
        kinds = {jnp.result_type(g) for g in jax.tree.leaves(grads)}
        widen = kinds == {jnp.dtype("bfloat16")}
        return map_leaves(lambda g: g.astype("float32"), grads) if widen else grads

    on_call(lib, lambda call: call.grads(change))


@saboteur("DER-08")
def bfloat16_gradients_are_doubled(lib: Lib) -> None:
    """A gradient in bfloat16 is twice what it should be."""
    def change(grads: Any) -> Any:
        return map_leaves(lambda g: 2 * g if g.dtype == "bfloat16" else g, grads)

    on_call(lib, lambda call: call.grads(change))


@saboteur("AUX-04")
def named_tuples_inside_of_aux_are_plain(lib: Lib) -> None:
    """A named tuple that stands inside of another container in aux comes back as a tuple."""
    def plain(node: Any, depth: int = 0) -> Any:
        if isinstance(node, tuple) and hasattr(node, "_make"):
            inside = [plain(child, depth + 1) for child in node]
            return tuple(inside) if depth else node._make(inside)
        if type(node) is dict:
            return {key: plain(child, depth + 1) for key, child in node.items()}
        if type(node) in (list, tuple):
            return type(node)(plain(child, depth + 1) for child in node)
        return node

    def hook(call: Call) -> Any:
        result = call.proceed()
        return (*result[:-1], plain(result[-1])) if call.has_aux else result

    on_call(lib, hook)


@saboteur("CTL-11")
def flags_come_out_of_a_while_loop_as_numbers(lib: Lib) -> None:
    """A boolean state that the body of a while_loop writes is an integer after it."""
    @wrap(lib, "while_loop")
    def while_loop(original: Any, test: Any, body: Any, first: Any) -> Any:
        wrote: dict[Any, bool] = {}

        def noting(carry: Any) -> Any:
            result = body(carry)
            wrote.update(frame().touched)
            return result

        result = original(test, noting, first)
        for state in (state for state, was in wrote.items() if was):
            if getattr(state.value, "dtype", None) == "bool":
                state.value = state.value.astype("int32")
        return result


# -- one member, a later call ------------------------------------------------------------------


@saboteur("DER-26")
def third_pull_repeats_the_second(lib: Lib) -> None:
    """A pullback gives at its third call what it gave at the second."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)
        given: list[Any] = []

        def pulled(cotangent: Any) -> Any:
            given.append(given[1] if len(given) == 2 else pull(cotangent))
            return given[-1]

        return output, pulled, *aux


@saboteur("DER-25")
def complex_pulls_are_conjugated(lib: Lib) -> None:
    """In vjp alone, the cotangents of complex numbers are conjugated."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)
        return output, lambda ct: map_leaves(jnp.conj, pull(ct)), *aux


@saboteur("DER-28")
def complex_tangents_are_conjugated(lib: Lib) -> None:
    """In jvp alone, the tangents of complex numbers are conjugated."""
    @wrap(lib, "jvp")
    def jvp(original: Any, *args: Any, **options: Any) -> Any:
        output, tangent, *aux = original(*args, **options)
        return output, map_leaves(jnp.conj, tangent), *aux


@saboteur("DER-25")
def cotangents_of_real_numbers_are_complex(lib: Lib) -> None:
    """Where the output is complex, so is the cotangent of a real input."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)
        if not any(map(jnp.iscomplexobj, jax.tree.leaves(output))):
            return output, pull, *aux
        return output, lambda ct: map_leaves(lambda g: g + 0j, pull(ct)), *aux


@saboteur("DER-28")
def fourth_tangent_is_dropped(lib: Lib) -> None:
    """jvp goes along three tangents at most."""
    @wrap(lib, "jvp")
    def jvp(original: Any, fun: Any, primals: Any, tangents: Any, **options: Any) -> Any:
        zeros = [jax.tree.map(jnp.zeros_like, tangent) for tangent in tangents[3:]]
        return original(fun, primals, (*tangents[:3], *zeros), **options)


@saboteur("DER-31")
def fourth_direction_is_the_first(lib: Lib) -> None:
    """In fwd_grad the fourth state has the direction of the first, where it fits."""
    def change(grads: list[Any], _: Any) -> list[Any]:
        if len(grads) < 4 or not alike(grads[0], grads[3]):
            return grads
        return [*grads[:3], grads[0], *grads[4:]]

    change_places(lib, change, ("fwd_grad",))


@saboteur("WRB-05")
def vector_grad_of_several_outputs_draws_a_key(lib: Lib) -> None:
    """vector_grad of an output of several leaves moves the random stream one key on."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if call.return_value and len(jax.tree.leaves(result[1])) > 1:
            refimpl.random.split_key()
        return result

    on_call(lib, hook, ("vector_grad",))


@saboteur("CMP-11")
def third_compiled_call_repeats_the_second(lib: Lib) -> None:
    """The third call of a compiled function returns what the second returned, if that fits."""
    def run(call: Call, last: Any) -> Any:
        result = call.proceed()
        return last if alike(result, last) else result

    at_call(lib, 3, run)


@saboteur("CMP-15", "CTL-20")
def third_compiled_call_leaves_the_stream(lib: Lib) -> None:
    """The third call of a compiled function does not move the random stream."""
    def run(call: Call, _: Any) -> Any:
        before = STREAM.value
        result = call.proceed()
        STREAM.value = before
        return result

    at_call(lib, 3, run)


@saboteur("CMP-12")
def compiled_output_keeps_its_first_dtype(lib: Lib) -> None:
    """A compiled function returns the dtypes of its first call, whatever the states became."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        kinds = [getattr(leaf, "dtype", None) for leaf in jax.tree.leaves(result)]
        first = call.memory.setdefault("_kinds", kinds)
        if None in kinds or len(kinds) != len(first):
            return result
        after = iter(first)
        return jax.tree.map(lambda leaf: leaf.astype(next(after)), result)

    on_call(lib, hook, ("jit",))


@saboteur("CTL-23")
def third_loop_uses_the_second_body(lib: Lib) -> None:
    """A loop remembers its body by its code from the second call on, with what it closed over."""
    seen: dict[Any, list[Any]] = {}

    @wrap(lib, "for_loop")
    def for_loop(original: Any, f: Any, *xs: Any, **options: Any) -> Any:
        if isinstance(f, FunctionType) and not inside():
            seen.setdefault(f.__code__, []).append(f)
            f = seen[f.__code__][:2][-1]
        return original(f, *xs, **options)


@saboteur("CTL-23")
def loops_blank_what_was_overwritten_before(lib: Lib) -> None:
    """What a loop once overwrote unread is zero in further loops of that code, until written."""
    log: list[tuple[Any, str]] = []
    blank: dict[Any, list[Any]] = {}

    class Logged(Cell):
        def read(self) -> Any:
            log.append((self, "r"))
            return super().read()

        def write(self, value: Any) -> None:
            log.append((self, "w"))
            super().write(value)

    on_state(lib, Logged)

    @wrap(lib, "for_loop")
    def for_loop(original: Any, f: Any, *xs: Any, **options: Any) -> Any:
        if inside() or not isinstance(f, FunctionType):
            return original(f, *xs, **options)
        before = {state: state.value for state in blank.get(f.__code__, ())}
        for state, value in before.items():
            state.value = jax.tree.map(jnp.zeros_like, value)
        log.clear()
        result = original(f, *xs, **options)
        first = {state: how for state, how in reversed(log)}
        wrote = {state for state, how in log if how == "w"}
        for state in before.keys() - wrote:
            state.value = before[state]
        blank[f.__code__] = [state for state, how in first.items() if how == "w"]
        return result


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
        with mock.patch.object(refimpl.frames.Frame, "_takes_in", lambda frame, state: True):
            return call.proceed()

    on_call(lib, hook)


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
