"""Fresh saboteurs, as in `quiet`, each of which needs two things at once to show.

What it takes is an object that stands twice, a shape that happens to be square, a number that does
not divide another, a call within a call, or an answer that was right when it was first asked for.
"""

from __future__ import annotations

import copy
import functools
import threading
from functools import partial
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp

import refimpl
from refimpl.frames import UNSET
from tests.saboteurs import roster
from tests.saboteurs.elsewhere import in_main
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    kept,
    map_leaves,
    on_build,
    on_call,
    on_selection,
    on_state,
    selected,
    states_in,
    store,
    written,
)
from tests.saboteurs.narrow import GRADIENTS, alike, change_places, wrap
from tests.saboteurs.quiet import FRESH
from tests.saboteurs.roster import Lib

__all__ = ["FRESH"]

saboteur = partial(roster.saboteur, roster=FRESH)


# -- means -------------------------------------------------------------------------------------


def new(kind: Any) -> Any:
    """A state that is not filled yet."""
    return kind.__new__(kind)


class Portable(Cell):
    """A mixin of states that can be copied and pickled, though their class has no place."""

    def content(self) -> dict[str, Any]:
        """What a copy of the state is made from."""
        me: Any = self
        made: dict[str, Any] = refimpl.State.__getstate__(me)
        return made

    def filled(self, content: dict[str, Any]) -> Any:
        """A state of this class with that content."""
        made = new(type(self))
        made.__setstate__(content)
        return made

    def __copy__(self) -> Any:
        return self.filled(self.content())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.filled(copy.deepcopy(self.content(), memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        param = isinstance(self, refimpl.ParamState)
        kind = refimpl.ParamState if param else refimpl.State
        return new, (kind,), self.content()


def rewired(function: Any, **names: Any) -> Any:
    """A function like one of refimpl's that finds other things under some global names."""
    made = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__,
                        function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return functools.update_wrapper(made, function)


def wrote_here() -> list[refimpl.State]:
    """The states that the running body has written, the random stream left out."""
    return [state for state, was in frame().touched.items() if was and state is not STREAM]


def is_inexact(x: Any) -> bool:
    """Whether it is an array of numbers that have derivatives."""
    return isinstance(x, jax.Array) and bool(jnp.issubdtype(x.dtype, jnp.inexact))


# -- effects -----------------------------------------------------------------------------------


@saboteur("WRB-22", also="WRB")
def caught_failures_take_back_too_much(lib: Lib) -> None:
    """A transform that fails within f, and is caught there, puts the states that it wrote to where
    f found them, whatever f itself had written to them before."""
    log = threading.local()

    class Logged(Portable):
        def write(self, value: Any) -> None:
            super().write(value)
            log.__dict__.setdefault("wrote", []).append(self)

    on_state(lib, Logged)

    def found(state: Any) -> Any:
        """What the state held when the running function began."""
        frames = refimpl.frames.stack.frames
        if state in frames[-1].bound:
            return frames[-1].bound[state]
        for below in reversed(frames[:-1]):
            if state in below.values or state in below.bound:
                return below.values.get(state, below.bound.get(state))
        return vars(state)["_value"]

    def hook(call: Call) -> Any:
        wrote = log.__dict__.setdefault("wrote", [])
        if not inside():
            wrote.clear()
        mark = len(wrote)
        try:
            return call.proceed()
        except Exception:
            mine = frame().values if inside() else {}
            for state in dict.fromkeys(wrote[mark:]):
                if state in mine and isinstance(value := found(state), jax.Array):
                    mine[state] = value
            raise

    on_call(lib, hook)


@saboteur("WRB-05", also="WRB")
def seeds_within_a_call_end_with_it(lib: Lib) -> None:
    """A function that seeds the random stream has it for itself: after the call of a transform
    the stream stands where it stood before."""
    seeded = threading.local()

    def seed(*number: Any) -> None:
        refimpl.random.seed(*number)
        seeded.on = seeded.__dict__.get("on", False) or inside()

    lib.random.seed = seed

    def hook(call: Call) -> Any:
        if inside():
            return call.proceed()
        before, seeded.on = STREAM.value, False
        result = call.proceed()
        if seeded.on:
            STREAM.value = before
        return result

    on_call(lib, hook)


@saboteur("WRB-01", also="DER")
def zero_tangents_have_no_effects(lib: Lib) -> None:
    """jvp along nothing but zeros, where the tangent is plain, has no effects."""
    own = {"has_aux", "grad_states", "state_tangents", "check_states"}

    def is_zero(x: Any) -> bool:
        known = isinstance(x, float) or (is_inexact(x) and not refimpl.frames.has_tracers(x))
        return known and not bool(jnp.any(x != 0))

    @wrap(lib, "jvp")
    def jvp(original: Any, fun: Any, primals: Any, tangents: Any, **options: Any) -> Any:
        leaves = jax.tree.leaves(tangents)
        if not leaves or not all(map(is_zero, leaves)):
            return original(fun, primals, tangents, **options)
        named = {name: given for name, given in options.items() if name not in own}
        find = refimpl.transform.StateFinder(fun, usage="write", return_type="list")
        try:
            found = find(*primals, **named)
        except Exception:
            found = []
        with kept(found):
            return original(fun, primals, tangents, **options)


# -- aux, arguments, containers ----------------------------------------------------------------


@saboteur("AUX-01", "WRB-14", also="AUX WRB")
def aux_follows_the_states(lib: Lib) -> None:
    """Where aux holds the very array that an unselected state held before f wrote it, it shows
    what the state holds after the call."""
    def hook(call: Call) -> Any:
        if not call.has_aux:
            return call.proceed()
        chosen = selected(call)
        states = [state for state in written(call) if state not in chosen]
        held = {id(value): (state, value) for state in states
                if isinstance(value := state.value, jax.Array)}
        result = call.proceed()
        moved = []

        def follow(leaf: Any) -> Any:
            state, value = held.get(id(leaf), (None, None))
            if state is None or leaf is not value or not alike(leaf, state.value):
                return leaf
            moved.append(leaf)
            return state.value

        aux = map_leaves(follow, result[-1])
        return (*result[:-1], aux) if moved else result

    on_call(lib, hook)


@saboteur("ARG-07", "DER-01", also="DER")
def arrays_given_twice_share_a_gradient(lib: Lib) -> None:
    """One array object that stands in two places of what is differentiated, in one argument or
    in two, is taken for one leaf: each place has the sum of the gradients."""
    def hook(call: Call) -> Any:
        index: Any = call.options.get("argnums")
        index = 0 if index is None else index
        many = not hasattr(index, "__index__")

        def shared(grads: Any) -> Any:
            given = [call.args[i] for i in index] if many else call.args[index]
            leaves, (parts, treedef) = jax.tree.leaves(given), jax.tree.flatten(grads)
            total: dict[int, Any] = {}
            if len(leaves) != len(parts) or not all(map(is_inexact, leaves)):
                return grads
            for leaf, part in zip(leaves, parts, strict=True):
                total[id(leaf)] = total[id(leaf)] + part if id(leaf) in total else part
            if len(total) == len(leaves):
                return grads
            return jax.tree.unflatten(treedef, [total[id(leaf)] for leaf in leaves])

        return call.arg_grads(shared)

    on_call(lib, hook, ("grad", "vector_grad"))


@saboteur("GST-17", also="GST")
def empty_states_silence_the_next(lib: Lib) -> None:
    """The state that follows one of size zero in a container has a gradient of zeros."""
    def change(grads: list[Any], _: Any) -> list[Any]:
        def empty(grad: Any) -> bool:
            return isinstance(grad, jax.Array) and not grad.size

        return [
            jax.tree.map(lambda g: jnp.zeros_like(g) if is_inexact(g) else g, grad)
            if i and empty(grads[i - 1]) and not empty(grad) else grad
            for i, grad in enumerate(grads)
        ]

    change_places(lib, change, GRADIENTS)


# -- derivatives of one member -----------------------------------------------------------------


@saboteur("DER-13", also="DER")
def square_mixed_blocks_are_transposed(lib: Lib) -> None:
    """In the Hessian of a scalar the block at the row of an argument and the column of a state is
    that of the row of the state and the column of the argument, if it is square."""
    def turned(block: Any) -> Any:
        return block.T if jnp.ndim(block) == 2 and len({*jnp.shape(block)}) == 1 else block

    def hook(call: Call) -> Any:
        index = call.options.get("argnums")
        if not call.both or not isinstance(index, int):
            return call.proceed()

        def mixed(grads: Any) -> Any:
            given, rows = call.args[index], grads[1]
            flat = isinstance(given, jax.Array) and given.ndim == 1
            if not flat or type(rows) is not tuple or len(rows) != 2:
                return grads
            return grads[0], (map_leaves(turned, rows[0]), rows[1])

        return call.grads(mixed)

    on_call(lib, hook, ("hessian",))


@saboteur("DER-09", also="DER")
def columns_draw_numbers_of_their_own(lib: Lib) -> None:
    """jacfwd runs a function that draws anew for the second column of a Jacobian and those beyond,
    which see other numbers than the first."""
    def hook(call: Call) -> Any:
        index = call.options.get("argnums") or 0
        known = isinstance(index, int) and -len(call.args) <= index < len(call.args)
        given = call.args[index] if known and not call.states else None
        if not isinstance(given, jax.Array) or not given.ndim:
            return call.proceed()
        used = call.used("write")
        states = [state for state in used if state is not STREAM]
        if STREAM not in used or not all(isinstance(s.value, jax.Array) for s in states):
            return call.proceed()
        before = STREAM.value
        with kept([STREAM, *states]):
            STREAM.value = jax.random.split(before)[1]
            result = call.proceed()
        others = result[0] if call.has_aux or call.return_value else result

        def mixed(grads: Any) -> Any:
            return jax.tree.map(lambda a, b: a.at[..., 1:].set(b[..., 1:]), grads, others)

        return call.grads(mixed)

    on_call(lib, hook, ("jacfwd",))


@saboteur("DER-31")
def directions_repeat_after_four_entries(lib: Lib) -> None:
    """The direction of fwd_grad repeats itself in an array of more than four entries."""
    class Random:
        def __getattr__(self, name: str) -> Any:
            return getattr(jax.random, name)

        def normal(self, key: Any, shape: Any, dtype: Any) -> Any:
            flat = jax.random.normal(key, shape, dtype).reshape(shape[0], -1)
            return flat[:, jnp.arange(flat.shape[1]) % 4].reshape(shape)

    class Jax:
        random = Random()

        def __getattr__(self, name: str) -> Any:
            return getattr(jax, name)

    def build(original: Any, fun: Any, options: dict[str, Any]) -> Any:
        made = original(fun, **options)
        made.transform = rewired(made.transform, jax=Jax())
        return made

    on_build(lib, build, ("fwd_grad",))


class Spreading:
    """What a pullback is called through, which lets single entries stand for all."""

    def __init__(self, output: Any) -> None:
        self.shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(output)]
        self.structure: object = jax.tree.structure(output)

    def __call__(self, pull: Any, cotangent: Any) -> Any:
        if jax.tree.structure(cotangent) != self.structure:
            return pull(cotangent)
        shapes = iter(self.shapes)
        return pull(jax.tree.map(lambda leaf: self.spread(leaf, next(shapes)), cotangent))

    @staticmethod
    def spread(leaf: Any, shape: tuple[int, ...]) -> Any:
        """The leaf in the shape that is due, if it has one entry in the place of several."""
        fits = jnp.shape(leaf) == (1,) and len(shape) == 1
        return jnp.broadcast_to(leaf, shape) if fits else leaf


@saboteur("ERR-19")
def single_cotangents_are_spread(lib: Lib) -> None:
    """A pullback takes a cotangent of shape (1,) for an output of shape (n,), and broadcasts it."""
    @wrap(lib, "vjp")
    def vjp(original: Any, /, fun: Any, *args: Any, **options: Any) -> Any:
        output, pull, *aux = original(fun, *args, **options)
        return output, jax.tree_util.Partial(Spreading(output), pull), *aux


# -- control flow, compiled functions ----------------------------------------------------------


@saboteur("CTL-07", "CTL-06", also="CTL")
def branches_stop_what_they_leave(lib: Lib) -> None:
    """Where only the first branch of a cond writes a state, and the second is taken, the state
    keeps its value, but no derivative flows through it any more."""
    @wrap(lib, "cond")
    def cond(original: Any, pred: Any, yes: Any, no: Any, *operands: Any) -> Any:
        if not callable(yes) or not callable(no):
            return original(pred, yes, no, *operands)
        first: list[refimpl.State] = []

        def noting(*operands: Any) -> Any:
            result = yes(*operands)
            first[:] = wrote_here()
            return result

        def stopping(*operands: Any) -> Any:
            result = no(*operands)
            for state in set(first).difference(wrote_here()):
                state.value = jax.tree.map(jax.lax.stop_gradient, state.value)
            return result

        return original(pred, noting, stopping, *operands)


@saboteur("CTL-03", also="CTL")
def steps_that_are_left_over_write_nothing(lib: Lib) -> None:
    """In a for_loop whose number of steps is no multiple of its `unroll`, what the last steps
    write to states is lost, though not what they return or draw."""
    @wrap(lib, "for_loop")
    def for_loop(original: Any, f: Any, *xs: Any, length: Any = None, reverse: bool = False,
                 unroll: Any = 1) -> Any:
        leaves = jax.tree.leaves(xs)
        sizes = {jnp.shape(x)[0] if jnp.ndim(x) else None for x in leaves} or {length}
        size: Any = sizes.pop()
        known = not sizes and type(size) is int and callable(f) and not reverse
        if not known or type(unroll) is not int or not 1 < unroll < size or not size % unroll:
            return original(f, *xs, length=length, reverse=reverse, unroll=unroll)
        end, wrote = size - size % unroll, dict[Any, None]()

        def noting(*entries: Any) -> Any:
            result = f(*entries)
            wrote.update(dict.fromkeys(wrote_here()))
            return result

        def steps(start: int, stop: int) -> Any:
            part = jax.tree.map(lambda x: x[start:stop], xs)
            return original(noting, *part, length=stop - start, unroll=unroll)

        first = steps(0, end)
        after = {state: state.value for state in wrote}
        rest = steps(end, size)
        for state, value in after.items():
            state.value = value
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, rest)


@saboteur("CTL-13", also="CTL")
def loops_that_do_not_begin_leave_blanks(lib: Lib) -> None:
    """A while_loop that makes no turn leaves zeros in a state that its body would have overwritten
    before it read it."""
    loops: Any = refimpl.transform.loops

    class Blank(loops._InCarry):
        def __init__(self, what: str, body: Any, any_number: bool = False) -> None:
            super().__init__(what, body)

    lib.transform.while_loop = rewired(refimpl.transform.while_loop, _InCarry=Blank)


@saboteur("CTL-18", also="CTL")
def square_states_come_back_along_axis_zero(lib: Lib) -> None:
    """What lanes write to a state that `in_states` maps along axis 1 is gathered along axis 0,
    where the state is square."""
    @wrap(lib, "vmap")
    def vmap(original: Any, fn: Any = None, **options: Any) -> Any:
        mapped, declared = original(fn, **options), options.get("in_states")
        by_axis = isinstance(declared, dict) and all(type(axis) is int for axis in declared)
        if fn is None or not by_axis or options.get("out_states") is not None:
            return mapped
        states = states_in(options["in_states"].get(1))

        @functools.wraps(mapped)
        def called(*args: Any, **kwargs: Any) -> Any:
            before = [refimpl.frames.current(state) for state in states]
            result = mapped(*args, **kwargs)
            for state, old in zip(states, before, strict=True):
                new = refimpl.frames.current(state)
                square = jnp.ndim(new) == 2 and len({*jnp.shape(new)}) == 1
                if new is not old and isinstance(new, jax.Array) and square:
                    state.value = new.T
            return result

        return called


@saboteur("CMP-12", also="CMP")
def compiled_closures_are_told_apart_by_equality(lib: Lib) -> None:
    """Functions of the same code are compiled once if what they close over is equal, as 1, 1.0
    and True are."""
    shared: dict[Any, Any] = {}

    @wrap(lib, "jit")
    def jit(original: Any, fun: Any = None, **options: Any) -> Any:
        made = original(fun, **options)
        if options or not isinstance(fun, FunctionType) or not fun.__closure__:
            return made
        if fun.__defaults__ or fun.__kwdefaults__:
            return made
        try:
            key = fun.__code__, *(cell.cell_contents for cell in fun.__closure__)
            return shared.setdefault(key, made)
        except (TypeError, ValueError):  # not everything can be hashed, and a cell may be empty
            return made


# -- finders, selections, filters --------------------------------------------------------------


@saboteur("FND-14", also="FND")
def finders_in_a_call_see_older_flags(lib: Lib) -> None:
    """A finder that is called within a transform sees flags, numbers and text in states as they
    were before the call, whatever the function has written since."""
    plain = (bool, int, float, str, type(None))

    def hook(call: Call) -> Any:
        if not inside():
            return call.proceed()
        values = frame().values
        now = {state: value for state, value in values.items() if isinstance(value, plain)
               and isinstance(vars(state).get("_value", UNSET), plain)}
        values.update({state: vars(state)["_value"] for state in now})
        try:
            return call.proceed()
        finally:
            values.update(now)

    on_call(lib, hook, ("StateFinder",))


@saboteur("SEL-03", also="SEL")
def rest_of_three_filters_is_all(lib: Lib) -> None:
    """After two filters or more, a last one that takes the rest takes all states."""
    def select(node: Any, *filters: Any) -> Any:
        found = refimpl.graph.states(node, *filters)
        if len(filters) < 3 or (filters[-1] is not ... and filters[-1] is not True):
            return found
        return (*found[:-1], refimpl.graph.states(node))

    on_selection(lib, select)


@saboteur("FLT-15", also="FLT SEL")
def negations_remember_their_answers(lib: Lib) -> None:
    """A Not answers for a state as it did when it was first asked, whatever its tag is now."""
    class Not(refimpl.util.filter.Not):
        def __post_init__(self) -> None:
            super().__post_init__()
            vars(self)["answers"] = WeakKeyDictionary()

        def __call__(self, path: Any, value: Any) -> bool:
            if not isinstance(value, refimpl.State):
                return super().__call__(path, value)
            answers: Any = vars(self)["answers"]
            if value not in answers:
                answers[value] = super().__call__(path, value)
            return bool(answers[value])

    lib.util.filter.Not = Not


# -- copies, threads ---------------------------------------------------------------------------


@saboteur("STA-16")
def deep_copies_in_a_call_are_old(lib: Lib) -> None:
    """A deep copy of a state that is made inside of a transform holds, as a constant, what the
    state held before the call."""
    class Older(Portable):
        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            content, before = self.content(), vars(self)["_value"]
            if inside() and before is not UNSET:
                content["_value"] = before
            return self.filled(copy.deepcopy(content, memo))

    on_state(lib, Older)


@saboteur("WRB-15", "STA-09")
def failures_in_a_thread_leave_what_was_written(lib: Lib) -> None:
    """In a thread that is not the main one, what f wrote before it raised stays, if it can."""
    running = threading.local()

    class Logged(Portable):
        def write(self, value: Any) -> None:
            super().write(value)
            running.__dict__.setdefault("wrote", {})[self] = value

    on_state(lib, Logged)

    def hook(call: Call) -> Any:
        if in_main() or inside():
            return call.proceed()
        running.wrote = {}
        try:
            return call.proceed()
        except Exception:
            for state, value in running.wrote.items():
                if not refimpl.frames.has_tracers(value):
                    store(state, value)
            raise
        finally:
            running.wrote = {}

    on_call(lib, hook)
