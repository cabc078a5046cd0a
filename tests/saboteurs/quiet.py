"""Fresh saboteurs, as in `fresh`, each of which is quiet nearly everywhere.

One is wrong for a name, a key or a number of a certain form, in one combination of options, or
from a third one on, and says nothing.
"""

from __future__ import annotations

import re
import threading
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import refimpl
from tests.saboteurs import roster
from tests.saboteurs.elsewhere import FRESH
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    map_leaves,
    map_states,
    on_call,
    on_each,
    on_selection,
    on_state,
    selected,
    store,
    written,
)
from tests.saboteurs.narrow import GRADIENTS, alike, by_place, places, wrap
from tests.saboteurs.roster import Lib

__all__ = ["FRESH"]

saboteur = partial(roster.saboteur, roster=FRESH)


# -- means -------------------------------------------------------------------------------------


def with_value(call: Call) -> tuple[Any, Any, list[Any]]:
    """Derivatives, value and what else the true call returns, with the effects of one call."""
    grads, value, *aux = call.again(return_value=True)
    return grads, value, aux


def without(call: Call, grads: Any, value: Any, aux: list[Any]) -> Any:
    """The result of a call again, with the value where it was asked for."""
    extra = (*([value] if call.return_value else []), *aux)
    return (grads, *extra) if extra else grads


# -- results and their places ------------------------------------------------------------------


@saboteur("RET-10", "RET-12")
def empty_aux_of_both_sides_is_left_out(lib: Lib) -> None:
    """With states and arguments, an aux without leaves has no place in the result."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if not (call.both and call.has_aux) or jax.tree.leaves(result[-1]):
            return result
        return result[:-1] if call.return_value else result[0]

    on_call(lib, hook)


@saboteur("GST-08", "DER-13")
def places_of_a_state_do_not_mix(lib: Lib) -> None:
    """A Hessian takes the places of one state for variables of their own, whose mixed second
    derivatives are zeros."""
    def hook(call: Call) -> Any:
        container = call.options.get("grad_states")
        states = places(container)
        if call.both or len(set(states)) == len(states):
            return call.proceed()
        grads, value, aux = with_value(call)
        if not isinstance(value, jax.Array):
            return without(call, grads, value, aux)

        def apart(row: int, columns: Any) -> Any:
            if not isinstance(states[row].value, jax.Array):
                return columns
            found = iter([
                jax.tree.map(jnp.zeros_like, block) if states[column] is states[row]
                and column != row else block
                for column, block in enumerate(by_place(container, columns))
            ])
            return map_states(lambda _: next(found), container)

        rows = iter([apart(*row) for row in enumerate(by_place(container, grads))])
        return without(call, map_states(lambda _: next(rows), container), value, aux)

    on_call(lib, hook, ("hessian",))


@saboteur("ARG-07", also="DER")
def keys_of_arguments_are_sorted_as_text(lib: Lib) -> None:
    """A dict in an argument is taken apart in the order of its integers, and put together in the
    order of their text, so that 10 comes before 9."""
    def mixed(node: Any) -> Any:
        if isinstance(node, (list, tuple)) and not hasattr(node, "_make"):
            return type(node)(map(mixed, node))
        if type(node) is not dict:
            return node
        made = {key: mixed(child) for key, child in node.items()}
        if not all(type(key) is int for key in made):
            return made
        placed = dict(zip(sorted(made, key=str), map(made.get, sorted(made)), strict=True))
        return placed if all(alike(placed[key], made[key]) for key in made) else made

    on_call(lib, lambda call: call.arg_grads(mixed), GRADIENTS)


@saboteur("AUX-03", also="AUX")
def large_integers_in_aux_wrap_around(lib: Lib) -> None:
    """A Python integer in aux goes through 32 bits."""
    def wrapped(x: Any) -> Any:
        return (x + 2**31) % 2**32 - 2**31 if type(x) is int else x

    def hook(call: Call) -> Any:
        result = call.proceed()
        return (*result[:-1], map_leaves(wrapped, result[-1])) if call.has_aux else result

    on_call(lib, hook)


# -- effects -----------------------------------------------------------------------------------


@saboteur("WRB-02")
def outputs_without_entries_write_nothing(lib: Lib) -> None:
    """A Jacobian of an output that has no entries is made without the effects of the call."""
    def hook(call: Call) -> Any:
        states = written(call)
        before = [state.value for state in states]
        grads, value, aux = with_value(call)
        if not any(jnp.size(leaf) for leaf in jax.tree.leaves(value)):
            for state, old in zip(states, before, strict=True):
                state.value = old
        return without(call, grads, value, aux)

    on_call(lib, hook, ("vector_grad", "jacrev", "jacobian", "jacfwd"))


@saboteur("WRB-15", also="WRB")
def failures_leave_inner_containers_changed(lib: Lib) -> None:
    """What f changed in place is taken back, if it raises, but not in a container within one."""
    lent: dict[Any, Any] = {}

    class Lent(Cell):
        def read(self) -> Any:
            value = super().read()
            if inside():
                lent.setdefault(self, value)
            return value

    on_state(lib, Lent)

    def left(old: Any, new: Any) -> Any:
        nested = isinstance(old, (dict, list)) and not refimpl.frames.has_tracers(new)
        return new if nested else old

    def hook(call: Call) -> Any:
        lent.clear()
        try:
            return call.proceed()
        except Exception:
            for state, new in {} if inside() else lent.items():
                old = state.value
                if type(old) is dict and isinstance(new, dict):
                    store(state, {key: left(old[key], new.get(key, old[key])) for key in old})
            raise

    on_call(lib, hook)


@saboteur("CMP-12", also="CMP")
def compiled_numbers_are_strong(lib: Lib) -> None:
    """A Python float that a compiled function is given is an array of the default dtype, which
    widens shorter ones."""
    def strong(x: Any) -> Any:
        return np.asarray(x, jnp.result_type(float)) if type(x) is float else x

    def hook(call: Call) -> Any:
        if call.options:
            return call.proceed()
        named = {key: strong(x) for key, x in call.kwargs.items()}
        return call.proceed(*map(strong, call.args), **named)

    on_call(lib, hook, ("jit",))


@saboteur("CMP-03", also="CMP")
def third_level_of_nesting_is_a_constant(lib: Lib) -> None:
    """What a transform in a transform in a transform returns is a constant for the others."""
    running = threading.local()

    def hook(call: Call) -> Any:
        running.depth = getattr(running, "depth", 0) + 1
        try:
            if running.depth < 3:
                return call.proceed()
            return call.grads(partial(map_leaves, jax.lax.stop_gradient))
        finally:
            running.depth -= 1

    on_call(lib, hook)


# -- control flow ------------------------------------------------------------------------------


@saboteur("CTL-03")
def branches_match_states_by_order(lib: Lib) -> None:
    """Where both branches of a cond write the same states in different orders, the second gives
    its values to the states in the order of the first, if that fits."""
    def wrote() -> list[refimpl.State]:
        return [s for s, was in frame().touched.items() if was and s is not STREAM]

    @wrap(lib, "cond")
    def cond(original: Any, pred: Any, yes: Any, no: Any, *operands: Any) -> Any:
        first: list[refimpl.State] = []

        def noting(*operands: Any) -> Any:
            result = yes(*operands)
            first[:] = wrote()
            return result

        def placing(*operands: Any) -> Any:
            result = no(*operands)
            mine = wrote()
            if set(mine) == set(first) and all(
                alike(a.value, b.value) for a, b in zip(mine, first, strict=True)
            ):
                for state, value in zip(first, [s.value for s in mine], strict=True):
                    state.value = value
            return result

        return original(pred, noting, placing, *operands)


@saboteur("CTL-02")
def unrolled_loops_in_reverse_stack_forwards(lib: Lib) -> None:
    """A loop that runs in reverse and is unrolled stacks what it returns in the order of time."""
    def turned(stacked: Any, reverse: bool, unroll: Any) -> Any:
        if not reverse or unroll in (1, False):  # 1 is True
            return stacked
        return jax.tree.map(lambda x: x[::-1], stacked)

    @wrap(lib, "for_loop")
    def for_loop(original: Any, f: Any, *xs: Any, length: Any = None, reverse: bool = False,
                 unroll: Any = 1) -> Any:
        stacked = original(f, *xs, length=length, reverse=reverse, unroll=unroll)
        return turned(stacked, reverse, unroll)

    @wrap(lib, "scan")
    def scan(original: Any, f: Any, init: Any, xs: Any, length: Any = None,
             reverse: bool = False, unroll: Any = 1) -> Any:
        carry, stacked = original(f, init, xs, length, reverse, unroll)
        return carry, turned(stacked, reverse, unroll)


# -- derivatives -------------------------------------------------------------------------------


@saboteur("DER-20")
def gradients_that_are_not_finite_are_zero(lib: Lib) -> None:
    """Where a derivative is infinite or no number, it is zero, for the sake of the training."""
    def finite(g: Any) -> Any:
        inexact = jnp.issubdtype(jnp.result_type(g), jnp.inexact)
        return jnp.where(jnp.isfinite(g), g, jnp.zeros_like(g)) if inexact else g

    on_call(lib, lambda call: call.grads(partial(map_leaves, finite)))


@saboteur("DER-30")
def key_zero_is_no_key(lib: Lib) -> None:
    """fwd_grad looks at the truth of its key, so that 0 gives other directions at every call."""
    def hook(call: Call) -> Any:
        key = call.options.get("key")
        return call.again(key=None) if type(key) is int and not key else call.proceed()

    on_call(lib, hook, ("fwd_grad",))


@saboteur("DER-25", "DER-26")
def cotangents_are_matched_by_order(lib: Lib) -> None:
    """The entries of a dict of cotangents are taken in the order in which they were inserted, and
    those of the output in that of their keys."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)

        def pulled(cotangent: Any) -> Any:
            if type(cotangent) is not dict:
                return pull(cotangent)
            keys = sorted(cotangent, key=str)
            placed = dict(zip(keys, cotangent.values(), strict=True))
            fits = all(alike(placed[key], cotangent[key]) for key in keys)
            return pull(placed if fits else cotangent)

        return output, pulled, *aux


@saboteur("DER-26")
def pullbacks_keep_their_point_in_the_function(lib: Lib) -> None:
    """An older pullback of a function pulls back at the point of the newest, where that fits."""
    newest: dict[int, tuple[Any, Any, Any]] = {}

    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)
        if inside() or refimpl.frames.has_tracers((args, output)):
            return output, pull, *aux
        newest[id(fun)] = fun, (args, output, options), pull

        def pulled(cotangent: Any) -> Any:
            _, (given, came, chosen), last = newest[id(fun)]
            fits = chosen == options and alike((given, came), (args, output))
            return (last if fits else pull)(cotangent)

        return output, pulled, *aux


# -- selections, filters, finders --------------------------------------------------------------


@saboteur("SEL-06", also="SEL")
def names_are_sorted_as_people_do(lib: Lib) -> None:
    """Numbers in names count by their size, so that layer2 comes before layer10."""
    def natural(part: Any) -> Any:
        chunks = re.split(r"(\d+)", part) if isinstance(part, str) else []
        return tuple((0, int(c), "") if c.isdecimal() else (1, 0, c) for c in chunks if c)

    def resorted(found: Any) -> Any:
        rank: dict[Any, int] = {}
        for path in found:
            for end in range(1, len(path) + 1):
                rank.setdefault(path[:end], len(rank))

        def key(path: Any) -> Any:
            return [(natural(part), rank[path[:end]]) for end, part in enumerate(path, 1)]

        return {path: found[path] for path in sorted(found, key=key)}

    on_selection(lib, lambda node, *fs: on_each(resorted, refimpl.graph.states(node, *fs)))


@saboteur("FLT-10", "FLT-11")
def two_negations_are_one(lib: Lib) -> None:
    """Not of a Not is that Not."""
    right = refimpl.util.filter.Not

    def negated(filter: Any) -> Any:
        return filter if isinstance(filter, right) else right(filter)

    lib.util.filter.Not = negated


@saboteur("FND-10")
def third_equal_key_overwrites_the_second(lib: Lib) -> None:
    """A key that is taken gets a number appended, and always the same one."""
    def keyed(found: Any, key_fn: Any) -> Any:
        made: dict[Any, Any] = {}
        for index, state in enumerate(found.values()):
            key = key_fn(index, state)
            made[f"{key}_1" if key in made else key] = state
        return made

    def hook(call: Call) -> Any:
        found, key_fn = call.proceed(), call.options.get("key_fn")
        if key_fn is None or call.options.get("return_type", "dict") != "dict":
            return found
        if call.options.get("usage") == "both":
            return {role: keyed(states, key_fn) for role, states in found.items()}
        return keyed(found, key_fn)

    on_call(lib, hook, ("StateFinder",))


# -- the stream, refusals, users' transforms ---------------------------------------------------


@saboteur("STA-10")
def seeds_lose_their_sign(lib: Lib) -> None:
    """A negative seed is that of the positive number."""
    def seed(number: Any = None) -> None:
        refimpl.random.seed(abs(number) if isinstance(number, int) else number)

    lib.random.seed = seed


@saboteur("ERR-11")
def three_untouched_states_are_named(lib: Lib) -> None:
    """The message about states that are not touched names three of them at most."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ValueError as error:
            used = call.used("all")
            missed = [state for state in selected(call) if state not in used]
            if "neither reads nor writes" not in str(error) or len(missed) <= 3:
                raise
            named = ", ".join(map(repr, missed[:3]))
            raise ValueError(f"the function neither reads nor writes {named} and others") from None

    on_call(lib, hook)


@saboteur("CUS-02")
def options_that_are_none_are_left_out(lib: Lib) -> None:
    """Of the options of a user's transform those that are None are left to its defaults."""
    class GradientTransform(refimpl.transform.GradientTransform):
        def __init__(self, target: Any, transform: Any, *args: Any, **options: Any) -> None:
            if params := options.get("transform_params"):
                given = {name: value for name, value in params.items() if value is not None}
                options["transform_params"] = given
            super().__init__(target, transform, *args, **options)

    lib.transform.GradientTransform = GradientTransform
