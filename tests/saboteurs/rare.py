"""Fresh saboteurs, as in `later`, each of which goes wrong only in what a user meets now and then.

What it takes is a value that is put back, a state that stands twice, a keyword in another order,
an index that a partial binds, a second instance, a loop around lanes: what a tracker of issues is
full of, and a first test is not.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any
from weakref import ref

import jax
import jax.numpy as jnp
import numpy as np

import refimpl
from tests.saboteurs import roster
from tests.saboteurs.elsewhere import in_body
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    frame,
    inside,
    map_leaves,
    nest,
    on_build,
    on_call,
    on_each,
    on_state,
    states_in,
)
from tests.saboteurs.later import FRESH, Portable, is_inexact
from tests.saboteurs.narrow import GRADIENTS, alike, places, wrap
from tests.saboteurs.roster import Lib

__all__ = ["FRESH"]

saboteur = partial(roster.saboteur, roster=FRESH)

JACOBIANS = ("jacrev", "jacobian", "jacfwd", "hessian")


# -- means -------------------------------------------------------------------------------------


def now(state: Any) -> Any:
    """What a state holds, noted nowhere."""
    return refimpl.frames.current(state)


def sequence(given: Any) -> Sequence[Any]:
    """An option that is one or several."""
    if given is None:
        return ()
    return given if isinstance(given, (list, tuple)) else (given,)


# -- derivatives -------------------------------------------------------------------------------


@saboteur("DER-07", also="DER")
def sums_begin_in_the_type_of_the_first(lib: Lib) -> None:
    """vector_grad adds up the leaves of an output in the dtype of the first, so that floats that
    follow an integer, such as a count, have no derivative."""
    def cast(output: Any) -> Any:
        leaves = jax.tree.leaves(output)
        kinds = list(map(jnp.result_type, leaves))
        if not kinds or jnp.issubdtype(kinds[0], jnp.inexact):
            return output
        if not any(jnp.issubdtype(kind, jnp.inexact) for kind in kinds):
            return output
        return [jnp.asarray(leaf).astype(kinds[0]).astype(float) for leaf in leaves]

    def hook(call: Call) -> Any:
        compiled = isinstance(call.fun, type(refimpl.transform.jit(lambda: None)))
        if call.has_aux or compiled:
            return call.proceed()

        def summed(*args: Any, **kwargs: Any) -> Any:
            output = call.fun(*args, **kwargs)
            return cast(output), output

        grads, output = call.again(summed, has_aux=True, return_value=False)
        return (grads, jax.tree.map(jnp.asarray, output)) if call.return_value else grads

    on_call(lib, hook, ("vector_grad",))


@saboteur("DER-13", "ARG-03", also="DER ARG")
def columns_come_in_the_order_of_the_arguments(lib: Lib) -> None:
    """In a Hessian by several arguments, the rows come in the order of argnums, and the columns
    of each row in that of the arguments."""
    def hook(call: Call) -> Any:
        index = call.options.get("argnums")
        if call.states or not isinstance(index, (list, tuple)) or len(index) < 2:
            return call.proceed()
        count = len(index)

        def mixed(rows: Any) -> Any:
            if type(rows) is not tuple or len(rows) != count:
                return rows
            if any(type(row) is not tuple or len(row) != count for row in rows):
                return rows
            order = sorted(range(count), key=lambda i: int(index[i]) % len(call.args))
            return tuple(tuple(row[i] for i in order) for row in rows)

        return call.grads(mixed)

    on_call(lib, hook, ("hessian",))


@saboteur("DER-02", "CMP-02", also="DER CMP")
def compiled_functions_are_differentiated_once(lib: Lib) -> None:
    """Where f calls a compiled function twice, no derivative flows through what the second call
    returns."""
    def hook(call: Call) -> Any:
        if not inside():
            return call.proceed()
        here, last = frame(), call.memory.get("_ran_in", lambda: None)()
        result = call.proceed()
        if last is here:
            return map_leaves(lambda x: jax.lax.stop_gradient(x) if is_inexact(x) else x, result)
        call.memory["_ran_in"] = ref(here)
        return result

    on_call(lib, hook, ("jit",))


@saboteur("AUX-07", also="AUX RET")
def complex_losses_are_reported_as_real(lib: Lib) -> None:
    """A holomorphic gradient is made from the real part of the function, which is then what
    `return_value` gives."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if not call.options.get("holomorphic") or not call.return_value:
            return result
        return result[0], jnp.real(result[1]), *result[2:]

    on_call(lib, hook, ("grad",))


# -- effects -----------------------------------------------------------------------------------


@saboteur("WRB-01", "WRB-14", also="WRB STA")
def what_is_put_back_counts_as_unchanged(lib: Lib) -> None:
    """A write of the very array that a state held before the call is left out as no change,
    though f has written something else in between."""
    class Thrifty(Portable):
        def write(self, value: Any) -> None:
            held = vars(self).get("_value")
            if inside() and isinstance(value, jax.Array) and value is held:
                if now(self) is not value:
                    return
            super().write(value)

    on_state(lib, Thrifty)


class Restoring:
    """What a pullback is called through, which puts states back."""

    def __init__(self, states: list[refimpl.State], held: list[Any]) -> None:
        self.states, self.held = states, held

    def __call__(self, pull: Any, cotangent: Any) -> Any:
        result = pull(cotangent)
        for state, value in zip(self.states, self.held, strict=True):
            if not inside() and now(state) is not value:
                state.value = value
        return result


@saboteur("DER-26", also="DER")
def pulls_put_selected_states_back(lib: Lib) -> None:
    """A pullback binds the selected states to what they held when it was made, and leaves them
    so, whatever was written to them since."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)
        states = states_in(options.get("grad_states"))
        held = [now(state) for state in states]
        if inside() or not states or refimpl.frames.has_tracers(held):
            return output, pull, *aux
        return output, jax.tree_util.Partial(Restoring(states, held), pull), *aux


@saboteur("WRB-02", "GST-08", also="WRB GST")
def states_selected_twice_keep_their_value(lib: Lib) -> None:
    """What f writes to a state that has two places in `grad_states` is overwritten by what stands
    in its second place, which is the value on entry."""
    def hook(call: Call) -> Any:
        given = places(call.options.get("grad_states"))
        before = {state: now(state) for state in given if given.count(state) > 1}
        result = call.proceed()
        for state, value in before.items():
            if now(state) is not value:
                state.value = value
        return result

    on_call(lib, hook)


@saboteur("WRB-17", also="WRB")
def exhausted_iterators_are_runtime_errors(lib: Lib) -> None:
    """f runs in a generator, so that a StopIteration of its own, as of `next`, arrives as a
    RuntimeError."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except StopIteration as error:
            raise RuntimeError("generator raised StopIteration") from error

    on_call(lib, hook)


# -- arguments and their gradients -------------------------------------------------------------


@saboteur("ARG-03", also="RET ARG")
def lists_of_indices_give_lists(lib: Lib) -> None:
    """With `argnums` a list, the gradients come in a list."""
    def hook(call: Call) -> Any:
        many = isinstance(call.options.get("argnums"), list)
        return call.arg_grads(list) if many else call.proceed()

    on_call(lib, hook, GRADIENTS)


@saboteur("ARG-12", "ARG-15", also="ARG")
def containers_given_by_keyword_are_copied(lib: Lib) -> None:
    """A list or dict that is given by keyword reaches the function as a copy, so that what the
    function notes there is lost."""
    def hook(call: Call) -> Any:
        if not call.kwargs:
            return call.proceed()
        named = {key: copy.copy(it) if type(it) in (list, dict) else it
                 for key, it in call.kwargs.items()}
        return call.true_call(*call.args, **named)

    on_call(lib, hook)


@saboteur("ARG-06", "ARG-14", also="ARG")
def indices_count_what_a_partial_binds(lib: Lib) -> None:
    """For a `functools.partial`, the indices of `argnums`, where it is given, count the positional
    arguments that the partial binds, too."""
    def hook(call: Call) -> Any:
        fun, index = call.fun, call.options.get("argnums")
        if not isinstance(fun, partial) or not fun.args or index is None:
            return call.proceed()
        made = getattr(refimpl.transform, call.member)(fun.func, **call.options)
        return made(*fun.args, *call.args, **{**fun.keywords, **call.kwargs})

    on_call(lib, hook, (*GRADIENTS, *JACOBIANS))


@saboteur("ARG-17", also="ARG STA")
def methods_stay_with_their_first_instance(lib: Lib) -> None:
    """A transform in the body of a class is bound once, to the instance of the class that asks for
    it first, and keeps that."""
    def build(original: Any, fun: Any, options: dict[str, Any]) -> Any:
        made = original(fun, **options)
        first: dict[type, Any] = {}

        class Method(type(made)):  # type: ignore[misc]
            def __get__(self, instance: Any, owner: Any = None) -> Any:
                if instance is None:
                    return self
                return super().__get__(first.setdefault(type(instance), instance), owner)

        made.__class__ = Method
        return made

    on_build(lib, build)


# -- selections, finders -----------------------------------------------------------------------


@saboteur("SEL-17", also="SEL")
def states_beside_modules_are_overlooked(lib: Lib) -> None:
    """In a list, tuple or dict that holds modules, `treefy_states` goes through the modules, and
    misses a state that stands beside them."""
    def treefy(node: Any, *filters: Any) -> Any:
        held = list(node.values()) if isinstance(node, dict) else node
        mixed = isinstance(held, (list, tuple)) and any(
            isinstance(child, refimpl.nn.Module) for child in held)

        def below(flat: Any) -> Any:
            return nest({p: s for p, s in flat.items() if len(p) > 1 or not mixed})

        return on_each(below, refimpl.graph.states(node, *filters))

    lib.graph.treefy_states = treefy


@saboteur("FND-01", "FND-17", also="FND")
def what_bodies_use_is_found_last(lib: Lib) -> None:
    """A finder puts states that a body of control flow uses first behind those that the function
    uses itself, also if it does so later."""
    late: dict[Any, bool] = {}

    class Noted(Portable):
        def read(self) -> Any:
            late.setdefault(self, in_body())
            return super().read()

        def write(self, value: Any) -> None:
            late.setdefault(self, in_body())
            super().write(value)

    on_state(lib, Noted)

    def hook(call: Call) -> Any:
        late.clear()
        found = call.proceed()
        if call.options.get("usage", "all") != "all" or call.options.get("key_fn") is not None:
            return found
        states = list(found.values()) if isinstance(found, dict) else found
        moved = sorted(states, key=lambda state: late.get(state, False))
        return dict(enumerate(moved)) if isinstance(found, dict) else type(found)(moved)

    on_call(lib, hook, ("StateFinder",))


# -- control flow ------------------------------------------------------------------------------


@saboteur("CTL-01", also="CTL")
def conditions_are_indices_of_branches(lib: Lib) -> None:
    """cond is a switch of two branches, so that a negative number and a fraction are false."""
    @wrap(lib, "cond")
    def cond(original: Any, pred: Any, *args: Any, **named: Any) -> Any:
        if jnp.result_type(pred) != jnp.bool_:
            pred = jnp.asarray(pred).astype(int) > 0
        return original(pred, *args, **named)


@saboteur("CTL-18", also="CTL")
def states_are_gathered_along_out_axes(lib: Lib) -> None:
    """What lanes write to mapped states is gathered along the axis that `out_axes` gives for
    results, and not along their own."""
    @wrap(lib, "vmap")
    def vmap(original: Any, fn: Any = None, **options: Any) -> Any:
        mapped, axis = original(fn, **options), options.get("out_axes")
        states = states_in([options.get("in_states"), options.get("out_states")])
        if fn is None or type(axis) is not int or not axis or not states:
            return mapped

        @functools.wraps(mapped)
        def called(*args: Any, **kwargs: Any) -> Any:
            before = list(map(now, states))
            result = mapped(*args, **kwargs)
            for state, old in zip(states, before, strict=True):
                new = now(state)
                if new is not old and isinstance(new, jax.Array) and new.ndim > axis:
                    state.value = jnp.moveaxis(new, 0, axis)
            return result

        return called


@saboteur("CTL-14", "CTL-17", also="CTL")
def lanes_in_a_body_leave_the_stream(lib: Lib) -> None:
    """A vmap in a body of control flow does not move the random stream, so that its lanes draw the
    same in every step of a loop."""
    @wrap(lib, "vmap")
    def vmap(original: Any, fn: Any = None, **options: Any) -> Any:
        mapped = original(fn, **options)
        if fn is None:
            return mapped

        @functools.wraps(mapped)
        def called(*args: Any, **kwargs: Any) -> Any:
            before = now(STREAM)
            result = mapped(*args, **kwargs)
            if in_body() and now(STREAM) is not before:
                STREAM.value = before
            return result

        return called


@saboteur("CTL-24", "CTL-05", also="CTL")
def checkpoints_draw_once(lib: Lib) -> None:
    """A function under checkpoint that is called twice in one call draws the second time what it
    drew the first time, as for the pass that computes again."""
    @wrap(lib, "checkpoint")
    def checkpoint(original: Any, fun: Any = None, **options: Any) -> Any:
        made = original(fun, **options)
        if fun is None:
            return made
        first: list[Any] = [lambda: None, None]

        @functools.wraps(made)
        def called(*args: Any, **kwargs: Any) -> Any:
            here, before = frame(), now(STREAM)
            if here is None:
                return made(*args, **kwargs)
            if first[0]() is here:
                STREAM.value = first[1]
                result = made(*args, **kwargs)
                STREAM.value = jax.random.split(before)[0]
                return result
            result = made(*args, **kwargs)
            if now(STREAM) is not before:
                first[:] = ref(here), before
            return result

        return called


# -- compiled functions ------------------------------------------------------------------------


@saboteur("CMP-13", also="CMP")
def static_arguments_are_told_apart_by_hash(lib: Lib) -> None:
    """Static arguments of one type are looked up by their hash alone, which is the same for the
    axes -1 and -2."""
    def hook(call: Call) -> Any:
        numbers = sequence(call.options.get("static_argnums"))
        names = sequence(call.options.get("static_argnames"))
        known = call.memory.setdefault("_static", {})

        def looked_up(it: Any) -> Any:
            return known.setdefault((type(it), hash(it)), it) if isinstance(it, int) else it

        static = {number % len(call.args) for number in numbers} if call.args else set()
        args = [looked_up(it) if i in static else it for i, it in enumerate(call.args)]
        named = {key: looked_up(it) if key in names else it for key, it in call.kwargs.items()}
        return call.true_call(*args, **named)

    on_call(lib, hook, ("jit",))


@saboteur("CMP-14", "CMP-12", also="CMP")
def compiled_writes_go_where_the_last_trace_wrote(lib: Lib) -> None:
    """A compiled function knows the states that its latest trace wrote: when it is called as it
    was before that, its values go to them, if they fit."""
    def kind(leaf: Any) -> Any:
        if isinstance(leaf, (bool, str)):
            return leaf
        array = isinstance(leaf, (int, float, complex, np.ndarray, jax.Array))
        return (jnp.shape(leaf), jnp.result_type(leaf)) if array else id(leaf)

    log = threading.local()

    class Logged(Portable):
        def write(self, value: Any) -> None:
            super().write(value)
            log.__dict__.setdefault("wrote", {})[self] = None

    on_state(lib, Logged)

    def hook(call: Call) -> Any:
        if inside():
            return call.proceed()
        leaves, treedef = jax.tree.flatten((call.args, call.kwargs))
        key, traces = (treedef, *map(kind, leaves)), call.memory.setdefault("_traces", {})
        if key not in traces:
            log.wrote = {}
            result = call.proceed()
            if log.wrote:
                traces[key] = call.memory["_last"] = list(log.wrote)
            return result
        own, last = traces[key], call.memory["_last"]
        before = {state: state.value for state in (*own, *last)}
        result = call.proceed()
        values = [state.value for state in own]
        fits = len(own) == len(last) and alike(values, [before[state] for state in last])
        if own != last and fits:
            for state in own:
                state.value = before[state]
            for state, value in zip(last, values, strict=True):
                state.value = value
        return result

    on_call(lib, hook, ("jit",))


@saboteur("CMP-12", "CMP-11", also="CMP")
def compiled_keywords_go_by_their_order(lib: Lib) -> None:
    """A compiled function takes the values of keywords in the order in which a call gives them,
    and their names in that of the first call with these names."""
    def hook(call: Call) -> Any:
        orders = call.memory.setdefault("_orders", {})
        order = orders.setdefault(frozenset(call.kwargs), tuple(call.kwargs))
        named = dict(zip(order, call.kwargs.values(), strict=True))
        return call.true_call(*call.args, **named)

    on_call(lib, hook, ("jit",))


# -- random streams ----------------------------------------------------------------------------


@saboteur("CTL-17", also="CTL STA")
def lanes_begin_with_the_key_that_stays(lib: Lib) -> None:
    """vmap splits the stream into as many keys as there are lanes, and goes on with the first of
    them, so that the next number that is drawn is the one that the first lane drew."""
    @wrap(lib, "vmap")
    def vmap(original: Any, fn: Any = None, **options: Any) -> Any:
        mapped = original(fn, **options)
        if fn is None or options.get("in_axes", 0) != 0:
            return mapped

        @functools.wraps(mapped)
        def called(*args: Any, **kwargs: Any) -> Any:
            before = now(STREAM)
            result = mapped(*args, **kwargs)
            sizes = [jnp.shape(leaf)[0] for leaf in jax.tree.leaves((args, kwargs))]
            size = sizes[0] if sizes else options.get("axis_size")
            if now(STREAM) is not before and size:
                STREAM.value = jax.random.split(before, size + 1)[1]
            return result

        return called


@saboteur("CMP-15", "STA-10", also="CMP STA WRB")
def compiled_code_seeds_once(lib: Lib) -> None:
    """A function that seeds the random stream does so when it is compiled and first called; a
    later call goes on with the stream as it is."""
    class Mode(threading.local):
        off = seen = False

    mode = Mode()

    def seed(*number: Any) -> None:
        if mode.off:
            return
        refimpl.random.seed(*number)
        mode.seen = mode.seen or inside()

    lib.random.seed = seed

    def hook(call: Call) -> Any:
        if inside():
            return call.proceed()
        if not call.memory.get("_seeds"):
            mode.seen = False
            result = call.proceed()
            call.memory["_seeds"] = mode.seen
            return result
        mode.off = True
        try:
            return call.again(functools.wraps(call.fun)(lambda *a, **k: call.fun(*a, **k)))
        finally:
            mode.off = False

    on_call(lib, hook, ("jit",))
