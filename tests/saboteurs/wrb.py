"""Wrong effects of calls that succeed: writes lost, doubled, misplaced, or of the wrong kind."""

from __future__ import annotations

import copy
import operator
import threading
from collections import OrderedDict, defaultdict
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    intercept,
    kept,
    of_class,
    on_build,
    on_call,
    on_state,
    selected,
    store,
    under_jax,
    written,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur


def drop(lib: Lib, which: Any, members: tuple[str, ...] = ()) -> None:
    """Drop the writes of some states."""
    def hook(call: Call) -> Any:
        with kept(which(call)):
            return call.proceed()

    on_call(lib, hook, members)


@saboteur("WRB-01", also=ANYTHING)
def unselected_writes_are_dropped(lib: Lib) -> None:
    """Only selected states are written back."""
    drop(lib, lambda call: [s for s in written(call) if s not in selected(call)])


@saboteur("WRB-02", also=ANYTHING)
def selected_writes_are_dropped(lib: Lib) -> None:
    """Selected states are inputs of the derivative, and keep the values they had."""
    drop(lib, lambda call: [s for s in written(call) if s in selected(call)])


@saboteur("WRB-02", "WRB-14", also=ANYTHING)
def parameter_writes_are_dropped(lib: Lib) -> None:
    """Writes of a ParamState do not arrive; those of other states do."""
    drop(lib, lambda call: written(call, refimpl.ParamState))


@saboteur("WRB-01", "WRB-02", also=ANYTHING)
def hessian_applies_effects_twice(lib: Lib) -> None:
    """hessian nests two transforms, and each of them writes back."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if written(call):
            call.fun(*call.args, **call.kwargs)
        return result

    on_call(lib, hook, ("hessian",))


@saboteur("WRB-03", also="ARG DER CMP")
def argument_is_taken_for_the_state(lib: Lib) -> None:
    """An argument that holds the very array of a state is differentiated as the state."""
    def hook(call: Call) -> Any:
        linked = [s for s in call.used("read") if call.args and s.value is call.args[0]]
        plain = not (call.states or call.has_aux or call.return_value)
        if not linked or not plain or call.used("write"):
            return call.proceed()
        more = call.again(grad_states=linked[0], argnums=None)
        return call.grads(lambda g: jax.tree.map(jnp.add, g, more))

    on_call(lib, hook, ("grad", "vector_grad", "jacrev"))


@saboteur("WRB-04", also=ANYTHING)
def numbers_come_back_as_arrays(lib: Lib) -> None:
    """A state that is read comes back as an array, whatever it held."""
    def hook(call: Call) -> Any:
        found = call.used("all")
        result = call.proceed()
        for state in found:
            state.value = jax.tree.map(jnp.asarray, state.value)
        return result

    on_call(lib, hook)


@saboteur("WRB-05", also="DER CMP CUS")
def stream_advances_twice(lib: Lib) -> None:
    """The function is traced once more than it is run, and draws each time."""
    def hook(call: Call) -> Any:
        draws = STREAM in call.used("write")
        result = call.proceed()
        if draws:
            refimpl.random.normal()
        return result

    on_call(lib, hook)


@saboteur("WRB-05", also="DER CMP")
def directions_come_from_the_stream(lib: Lib) -> None:
    """fwd_grad draws from the stream that the user seeded, also where it is given a key."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        refimpl.random.split_key()
        return result

    on_call(lib, hook, ("fwd_grad",))


@saboteur("WRB-07", also=ANYTHING)
def gradient_at_the_written_value(lib: Lib) -> None:
    """The function runs once for its effects, and the derivative is taken afterwards."""
    def hook(call: Call) -> Any:
        states = written(call)
        if not states or STREAM in call.used("write"):
            return call.proceed()
        call.fun(*call.args, **call.kwargs)
        with kept(states):
            return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-07", also=ANYTHING)
def writes_detach(lib: Lib) -> None:
    """What is written to a state is detached from the graph, as by a write to .data."""
    class Detached(Cell):
        def write(self, value: Any) -> None:
            cut = jax.tree.map(lambda x: jax.lax.stop_gradient(x) if isinstance(
                x, jax.core.Tracer) else x, value)
            super().write(cut)

    on_state(lib, Detached)


@saboteur("WRB-08", also=ANYTHING)
def every_call_starts_afresh(lib: Lib) -> None:
    """The second call of a transform starts from the values that the first one found."""
    def hook(call: Call) -> Any:
        states = written(call)
        first = call.memory.setdefault("found", [s.value for s in states])
        for state, value in zip(states, first, strict=False):
            state.value = value
        return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-08", also=ANYTHING)
def second_call_has_no_effects(lib: Lib) -> None:
    """From its second call on a transform answers from a compiled function without effects."""
    def hook(call: Call) -> Any:
        again = call.memory.get("called", False)
        call.memory["called"] = True
        with kept(written(call) if again else []):
            return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-09", also="WRB CMP")
def writes_are_kept_by_name(lib: Lib) -> None:
    """Writes are collected in a dict by the states' names, so that the last of a name wins."""
    def hook(call: Call) -> Any:
        states = [s for s in written(call) if s.name is not None]
        result = call.proceed()
        last = {state.name: state.value for state in states}
        for state in states:
            state.value = last[state.name]
        return result

    on_call(lib, hook)


def as_lists(value: Any) -> Any:
    """A value whose tuples have become lists."""
    if isinstance(value, dict):
        return {key: as_lists(child) for key, child in value.items()}
    return [as_lists(child) for child in value] if isinstance(value, (list, tuple)) else value


def change_written(lib: Lib, change: Any) -> None:
    """Change the values of written states after a call."""
    def hook(call: Call) -> Any:
        states = written(call)
        before = [state.value for state in states]
        result = call.proceed()
        for state, old in zip(states, before, strict=True):
            state.value = change(old, state.value)
        return result

    on_call(lib, hook)


@saboteur("WRB-01", "WRB-02", also=ANYTHING)
def written_tuples_become_lists(lib: Lib) -> None:
    """A written container comes back through a serialiser that knows no tuples."""
    change_written(lib, lambda old, new: as_lists(new))


@saboteur("WRB-01", "WRB-02", also=ANYTHING)
def first_leaf_alone_is_written(lib: Lib) -> None:
    """Of a written container only the first leaf arrives, the others keep their old values."""
    def first(old: Any, new: Any) -> Any:
        trees: list[Any] = [jax.tree.flatten(old), jax.tree.flatten(new)]
        (leaves, tree), (fresh, same) = trees
        alike = tree == same
        return jax.tree.unflatten(tree, [*fresh[:1], *leaves[1:]]) if alike else new

    change_written(lib, first)


@saboteur("WRB-11", also=ANYTHING)
def writes_keep_the_old_dtype(lib: Lib) -> None:
    """A written array is cast to the dtype of the one it replaces."""
    def cast(old: Any, new: Any) -> Any:
        arrays = isinstance(old, jax.Array) and isinstance(new, jax.Array)
        return new.astype(old.dtype) if arrays else new

    change_written(lib, cast)


@saboteur("WRB-27", also=ANYTHING)
def writes_keep_the_old_structure(lib: Lib) -> None:
    """A write that changes the structure of a state's value is left out."""
    def left_out(old: Any, new: Any) -> Any:
        structures: list[Any] = [jax.tree.structure(value) for value in (old, new)]
        return new if structures[0] == structures[1] else old

    change_written(lib, left_out)


@saboteur("WRB-14", also=ANYTHING)
def value_from_a_second_run(lib: Lib) -> None:
    """return_value runs the function again, after its writes, and drops the second effects."""
    def hook(call: Call) -> Any:
        result, states = call.proceed(), written(call)
        if not (call.return_value and states) or STREAM in call.used("write"):
            return result
        with kept(states):
            out = call.fun(*call.args, **call.kwargs)
        return (result[0], out[0] if call.has_aux else out, *result[2:])

    on_call(lib, hook)


@saboteur("WRB-14", also=ANYTHING)
def reads_do_not_see_writes(lib: Lib) -> None:
    """Within a call a read gives the value on entry; writes are collected for the end."""
    class Deferred(Cell):
        def read(self) -> Any:
            entry = vars(self).get("_entry")
            if inside() and entry is not None and entry[0] is frame():
                return entry[1]
            return super().read()

        def write(self, value: Any) -> None:
            if inside():
                vars(self)["_entry"] = frame(), self.read()
            super().write(value)

    on_state(lib, Deferred)


@saboteur("WRB-23", also=ANYTHING)
def a_tracer_stays_behind(lib: Lib) -> None:
    """What the function wrote last is stored as it was while it was traced."""
    def hook(call: Call) -> Any:
        states, traced = written(call), list[Any]()
        def spied(*args: Any, **kwargs: Any) -> Any:
            result = call.fun(*args, **kwargs)
            traced[:] = [state.value for state in states]
            return result

        result = call.again(spied)
        for state, value in zip(states, traced, strict=False):
            if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(value)):
                state.value = value
        return result

    on_call(lib, hook, ("grad", "jacrev"))


@saboteur("WRB-23", also=ANYTHING)
def aux_is_traced(lib: Lib) -> None:
    """aux leaves the call by a closure, still traced."""
    def hook(call: Call) -> Any:
        seen: list[Any] = []
        def spied(*args: Any, **kwargs: Any) -> Any:
            out = call.fun(*args, **kwargs)
            seen.append(out[1])
            return out

        if not call.has_aux:
            return call.proceed()
        result = call.again(spied)
        return (*result[:-1], seen[-1])

    on_call(lib, hook)


@saboteur("WRB-28", also="WRB CMP STA")
def transforms_remember_what_they_traced(lib: Lib) -> None:
    """The last output of the function, as it was traced, is kept in an attribute."""
    def hook(call: Call) -> Any:
        def spied(*args: Any, **kwargs: Any) -> Any:
            call.memory["last"] = result = call.fun(*args, **kwargs)
            return result

        return call.again(spied)

    on_call(lib, hook)


@saboteur("WRB-24", also="WRB CMP STA ERR")
def foreign_writes_are_dropped(lib: Lib) -> None:
    """A write under a transform of JAX that knows nothing about states is ignored."""
    class Lenient(Cell):
        def write(self, value: Any) -> None:
            try:
                super().write(value)
            except refimpl.StateError:
                return

    on_state(lib, Lenient)


@saboteur("WRB-12", also=ANYTHING)
def shared_arrays_are_copied_apart(lib: Lib) -> None:
    """In a call every state has an array of its own, also where two hold the same one."""
    class Apart(Cell):
        def read(self) -> Any:
            first = inside() and self not in frame().values
            value = super().read()
            if first and isinstance(value, np.ndarray):
                super().write(value.copy())
            return super().read()

    on_state(lib, Apart)


@saboteur("WRB-12", also=ANYTHING)
def containers_are_lent_as_copies(lib: Lib) -> None:
    """In a call every read of a dict or list gives a copy, so that a change in place is lost."""
    class Lending(Cell):
        def read(self) -> Any:
            value = super().read()
            lent = inside() and isinstance(value, (dict, list))
            return jax.tree.map(lambda leaf: leaf, value) if lent else value

    on_state(lib, Lending)


@saboteur("WRB-12", also=ANYTHING)
def dicts_of_other_kinds_are_lent_as_copies(lib: Lib) -> None:
    """In a call every read of a subclass of dict gives a copy, so that a change is lost."""
    class Lending(Cell):
        def read(self) -> Any:
            value = super().read()
            lent = inside() and isinstance(value, dict) and type(value) is not dict
            return copy.copy(value) if lent else value

    on_state(lib, Lending)


@saboteur("WRB-12", also=ANYTHING)
def dicts_are_changed_by_their_update(lib: Lib) -> None:
    """After a call a dict gets new content by its own `update`, whatever that does."""
    def hook(call: Call) -> Any:
        with mock.patch.object(operator, "setitem", lambda d, k, v: d.update({k: v})):
            return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-12", also=ANYTHING)
def calls_work_on_snapshots(lib: Lib) -> None:
    """A call works on copies, and puts these in the place of what others know by another name."""
    look: Any = refimpl.frames.current

    class Snapshot(Cell):
        def read(self) -> Any:
            held = look(self)
            if inside() and self not in frame().values and isinstance(held, (list, np.ndarray)):
                super().write(held.copy())
            return super().read()

    on_state(lib, Snapshot)


@saboteur("WRB-29", also=ANYTHING)
def changes_in_place_under_jax_count_once(lib: Lib) -> None:
    """Under a transform of JAX the very container is handed out, and may be changed."""
    look: Any = refimpl.frames.lookup

    class Open(Cell):
        def read(self) -> Any:
            value = super().read()
            return look(self) if under_jax() else value

    on_state(lib, Open)


@saboteur("WRB-29", also=ANYTHING)
def held_containers_take_what_jax_traces(lib: Lib) -> None:
    """What a call leaves in a container is not looked at for values that JAX traces."""
    def hook(call: Call) -> Any:
        with mock.patch.object(refimpl.frames, "has_tracers", lambda value: False):
            return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-30", also=ANYTHING)
def writes_arrive_one_by_one(lib: Lib) -> None:
    """The states are set one by one when the call is over, so that a stop may part them."""
    def hook(call: Call) -> Any:
        states = written(call)
        with kept(states):
            result = call.proceed()
            after = [state.value for state in states]
        for state, value in zip(states, after, strict=True):
            state.value = value
        return result

    on_call(lib, hook)


@saboteur("WRB-26", also=ANYTHING)
def calls_in_other_threads_have_no_effects(lib: Lib) -> None:
    """What a call writes in another thread than that in which its transform was made is lost."""
    def build(original: Any, fun: Any, options: dict[str, Any]) -> Any:
        made, home = original(fun, **options), threading.get_ident()

        def run(proceed: Any, /, *args: Any, **words: Any) -> Any:
            call = Call("", made, fun, options, args, words, proceed)
            with kept(written(call) if threading.get_ident() != home else []):
                return proceed(*args, **words)

        return intercept(made, run)

    on_build(lib, build)


def once_written(lib: Lib, change: Any) -> None:
    """Change what the written states hold when the outermost call ends."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if not inside():
            for state in written(call):
                store(state, change(state.value))
        return result

    on_call(lib, hook)


@saboteur("WRB-02", also="WRB STA CMP RET AUX")
def ordered_dicts_that_are_written_are_plain(lib: Lib) -> None:
    """An ordered dict in a state that f writes is a plain one after the call."""
    once_written(lib, of_class(OrderedDict, dict))


@saboteur("WRB-02", also="WRB STA CMP RET AUX")
def default_dicts_that_are_written_forget_their_default(lib: Lib) -> None:
    """A default dict in a state that f writes makes nothing any more after the call."""
    once_written(lib, of_class(defaultdict, partial(defaultdict, None)))
