"""Fresh saboteurs, as in `fresh`, of what the language draws since: up to eight states, further
types, products, several calls.

Each is wrong in one narrow place alone, silently, and most are what a tracker has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, wraps
from types import FunctionType
from typing import Any

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
    map_leaves,
    map_states,
    on_call,
    on_selection,
    on_state,
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
