"""Control flow that loses, repeats or mixes up what its bodies do to states."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from spec.language.transforms import CONTROL
from tests.saboteurs.hooks import STREAM, inside, kept
from tests.saboteurs.roster import ANYTHING, Lib, saboteur

Change = Callable[..., Any]
"""``(proceed) -> result``, where ``proceed(change=None)`` makes the call, with bodies changed."""

LOOPS = ("for_loop", "scan", "while_loop")
BRANCHES = ("cond", "switch")
MINE = "CTL CMP"


def on_control(lib: Lib, names: Sequence[str], hook: Callable[..., Any]) -> None:
    """Send calls of control flow to ``hook(proceed)``, which may change the bodies."""
    for name in names:
        setattr(lib.transform, name, _hooked(name, getattr(refimpl.transform, name), hook))


def _hooked(name: str, original: Any, hook: Callable[..., Any]) -> Any:
    if name in ("vmap", "checkpoint"):
        def make(fun: Any = None, **options: Any) -> Any:
            if fun is None:
                return lambda given: make(given, **options)

            @wraps(fun)
            def run(*args: Any, **kwargs: Any) -> Any:
                return hook(lambda change=_same: original(change(fun), **options)(*args, **kwargs))

            return run

        return make

    @wraps(original)
    def call(*args: Any, **options: Any) -> Any:
        return hook(lambda change=_same: original(*_changed(name, args, change), **options))

    return call


def _same(body: Any) -> Any:
    return body


def _changed(name: str, args: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
    """The arguments of a call with each of its bodies changed; a condition is none."""
    given = list(args)
    places = {"for_loop": (0,), "scan": (0,), "while_loop": (1,), "cond": (1, 2)}
    if name == "switch":
        given[1] = [change(branch) for branch in given[1]]
    for place in places.get(name, ()):
        given[place] = change(given[place])
    return given


def touched(proceed: Callable[..., Any], usage: str = "write") -> list[Any]:
    """The states that a call reads or writes, the random stream left out."""
    find = refimpl.transform.StateFinder(proceed, usage=usage, return_type="list")
    return [state for state in find() if state is not STREAM]


def before(action: Callable[[], None]) -> Callable[[Any], Any]:
    """A change of bodies: do something first."""
    def change(body: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            action()
            return body(*args, **kwargs)

        return run

    return change


# -- results and states ----------------------------------------------------------------------------


@saboteur("CTL-01", "CTL-02", also=ANYTHING)
def scan_runs_backwards(lib: Lib) -> None:
    """scan takes its entries from the last to the first."""
    def scan(f: Any, init: Any, xs: Any, length: Any = None, reverse: bool = False,
             unroll: Any = 1) -> Any:
        return refimpl.transform.scan(f, init, xs, length, not reverse, unroll)

    lib.transform.scan = scan


@saboteur("CTL-02", also=ANYTHING)
def results_are_not_stacked(lib: Lib) -> None:
    """for_loop returns the result of its last step."""
    def for_loop(f: Any, *xs: Any, **options: Any) -> Any:
        return jax.tree.map(lambda y: y[-1:], refimpl.transform.for_loop(f, *xs, **options))

    lib.transform.for_loop = for_loop


@saboteur("CTL-03", "CTL-10", "CTL-11", "CTL-12", "CTL-14", "CTL-22", "CTL-23", also=ANYTHING)
def carried_writes_are_lost(lib: Lib) -> None:
    """What the bodies of loops write is dropped when the loop ends."""
    def hook(proceed: Any) -> Any:
        with kept(touched(proceed)):
            return proceed()

    on_control(lib, LOOPS, hook)


@saboteur("CTL-11", also=ANYTHING)
def counters_count_once(lib: Lib) -> None:
    """A loop adds to a state of integers what its last step adds."""
    def hook(proceed: Any) -> Any:
        states = [s for s in touched(proceed) if jnp.result_type(_leaf(s)) == jnp.int64]
        old = [state.value for state in states]
        result = proceed()
        for state, value in zip(states, old, strict=True):
            state.value = jax.tree.map(lambda a, b: jnp.clip(b, a - 1, a + 1), value, state.value)
        return result

    on_control(lib, LOOPS, hook)


def _leaf(state: Any) -> Any:
    return next(iter(jax.tree.leaves(state.value)), 0.0)


@saboteur("CTL-12", also=ANYTHING)
def containers_are_left_alone(lib: Lib) -> None:
    """A state whose value is a container keeps its value on entry through a checkpoint."""
    def hook(proceed: Any) -> Any:
        with kept([s for s in touched(proceed) if isinstance(s.value, (dict, list, tuple))]):
            return proceed()

    on_control(lib, CONTROL, hook)


@saboteur("CTL-04", also=ANYTHING)
def read_states_must_be_arrays(lib: Lib) -> None:
    """Every state that a body reads is carried, too, and so must be an array."""
    def hook(proceed: Any) -> Any:
        for state in touched(proceed, "read"):
            for leaf in jax.tree.leaves(state.value):
                jnp.asarray(leaf)
        return proceed()

    on_control(lib, CONTROL, hook)


# -- the stream ------------------------------------------------------------------------------------


@saboteur("CTL-05", also=ANYTHING)
def every_step_draws_the_same(lib: Lib) -> None:
    """The stream starts anew in every step of a loop."""
    def hook(proceed: Any) -> Any:
        if STREAM not in refimpl.transform.StateFinder(proceed, return_type="list")():
            return proceed()
        key = STREAM.value
        return proceed(before(lambda: setattr(STREAM, "value", key)))

    on_control(lib, LOOPS, hook)


@saboteur("CTL-05", also=ANYTHING)
def stream_is_put_back(lib: Lib) -> None:
    """The stream stands after a call of control flow where it stood before."""
    def hook(proceed: Any) -> Any:
        with kept([STREAM]):
            return proceed()

    on_control(lib, (*LOOPS, "checkpoint"), hook)


@saboteur("CTL-17", also=ANYTHING)
def lanes_share_their_draws(lib: Lib) -> None:
    """The stream is a state like others, and gives the same number in every lane."""
    def vmap(fun: Any, **options: Any) -> Any:
        def mapped(*args: Any) -> Any:
            key = lib.random.split_key()
            return refimpl.transform.vmap(
                before(lambda: setattr(STREAM, "value", key))(fun), **options)(*args)

        return mapped

    lib.transform.vmap = vmap


# -- derivatives -----------------------------------------------------------------------------------


def stop(states: Sequence[Any]) -> None:
    """Cut derivatives through states."""
    for state in states:
        if all(jnp.issubdtype(jnp.result_type(v), jnp.floating)
               for v in jax.tree.leaves(state.value)):
            state.value = jax.lax.stop_gradient(state.value)


@saboteur("CTL-06", "CTL-07", "CTL-08", "CTL-09", "CTL-14", "CTL-20", also=ANYTHING)
def derivatives_end_at_a_step(lib: Lib) -> None:
    """Back-propagation through time goes back one step, as the carry is cut."""
    def hook(proceed: Any) -> Any:
        states = touched(proceed)
        return proceed(before(lambda: stop(states)))

    on_control(lib, (*LOOPS, "checkpoint"), hook)


@saboteur("CTL-07", also=ANYTHING)
def branches_cut_derivatives(lib: Lib) -> None:
    """What a branch writes is a constant for the derivative."""
    def hook(proceed: Any) -> Any:
        states, result = touched(proceed), proceed()
        stop(states)
        return result

    on_control(lib, BRANCHES, hook)


@saboteur("CTL-10", also=ANYTHING)
def a_derivative_runs_loops_twice(lib: Lib) -> None:
    """Under a derivative a loop of Python functions is run for its value once more."""
    def hook(proceed: Any) -> Any:
        if inside():
            proceed()
        return proceed()

    on_control(lib, LOOPS, hook)


# -- no steps, branches, states made in bodies -----------------------------------------------------


@saboteur("CTL-13", also=ANYTHING)
def no_step_is_one(lib: Lib) -> None:
    """A loop traces its body on the states themselves, which shows where there are no steps."""
    def for_loop(f: Any, *xs: Any, **options: Any) -> Any:
        if xs and not len(jax.tree.leaves(xs)[0]):
            f(*jax.tree.map(lambda x: jnp.zeros(x.shape[1:], x.dtype), xs))
        return refimpl.transform.for_loop(f, *xs, **options)

    lib.transform.for_loop = for_loop


@saboteur("CTL-15", also=ANYTHING)
def all_branches_write(lib: Lib) -> None:
    """Both branches are run, and one of the results is selected."""
    def cond(pred: Any, yes: Any, no: Any, *operands: Any) -> Any:
        results = yes(*operands), no(*operands)
        return jax.tree.map(lambda a, b: jnp.where(pred, a, b), *results)

    lib.transform.cond = cond


@saboteur("CTL-15", also=ANYTHING)
def the_first_branch_writes(lib: Lib) -> None:
    """States are written as the first branch writes them, whichever is taken."""
    def switch(index: Any, branches: Any, *operands: Any) -> Any:
        def pure(branch: Any) -> Any:
            def run(*operands: Any) -> Any:
                with kept(touched(lambda: branch(*operands))):
                    return branch(*operands)

            return run

        result = refimpl.transform.switch(index, [*map(pure, branches)], *operands)
        branches[0](*operands)
        return result

    lib.transform.switch = switch


@saboteur("CTL-16", also=ANYTHING)
def bodies_may_make_no_states(lib: Lib) -> None:
    """A state that is made while a loop is traced is refused."""
    depth: list[None] = []

    class State(refimpl.State):
        def __init__(self, *args: Any, **options: Any) -> None:
            if depth:
                raise RuntimeError("a body makes a state")
            super().__init__(*args, **options)

    def hook(proceed: Any) -> Any:
        depth.append(None)
        try:
            return proceed()
        finally:
            depth.pop()

    lib.State = State
    on_control(lib, LOOPS, hook)


# -- lanes -----------------------------------------------------------------------------------------


@saboteur("CTL-18", also=ANYTHING)
def lanes_get_the_first_entry(lib: Lib) -> None:
    """A mapped state is written in the order of lanes turned round."""
    def vmap(fun: Any, **options: Any) -> Any:
        made = refimpl.transform.vmap(fun, **options)

        def mapped(*args: Any) -> Any:
            result = made(*args)
            for state in _named(options.get("out_states")):
                state.value = jax.tree.map(lambda v: v[::-1], state.value)
            return result

        return mapped

    lib.transform.vmap = vmap


def _named(selected: Any) -> list[Any]:
    if isinstance(selected, refimpl.State):
        return [selected]
    children = selected.values() if isinstance(selected, dict) else selected or ()
    return [state for child in children for state in _named(child)]


@saboteur("CTL-19", "CTL-27", also=ANYTHING)
def the_last_lane_wins(lib: Lib) -> None:
    """Where lanes write different values to a shared state, it takes that of the last one."""
    def vmap(fun: Any, **options: Any) -> Any:
        def mapped(*args: Any) -> Any:
            try:
                return refimpl.transform.vmap(fun, **options)(*args)
            except ValueError:
                entries = [jax.tree.map(lambda a, at=i: a[at], args)
                           for i in range(len(jax.tree.leaves(args)[0]))]
                return jax.tree.map(lambda *ys: jnp.stack(ys), *[fun(*entry) for entry in entries])

        return mapped

    lib.transform.vmap = vmap


# -- the world -------------------------------------------------------------------------------------


@saboteur("CTL-20", also=ANYTHING)
def compiled_loops_keep_states(lib: Lib) -> None:
    """Under a compilation a loop takes the states of its first call for constants."""
    def jit(fun: Any, **options: Any) -> Any:
        made = refimpl.transform.jit(fun, **options)
        first: list[Any] = []

        def run(*args: Any, **kwargs: Any) -> Any:
            if not first:
                first.append(made(*args, **kwargs))
                return first[0]
            with kept(refimpl.transform.StateFinder(
                    fun, usage="write", return_type="list")(*args, **kwargs)):
                return made(*args, **kwargs)

        return run

    lib.transform.jit = jit


@saboteur("CTL-21", also=ANYTHING)
def failures_leave_writes(lib: Lib) -> None:
    """A body that raises leaves tracers and values in the states that it has written."""
    def hook(proceed: Any) -> Any:
        wrote: dict[Any, Any] = {}

        def change(body: Any) -> Any:
            def run(*args: Any, **kwargs: Any) -> Any:
                try:
                    return body(*args, **kwargs)
                except ZeroDivisionError:
                    wrote.update({state: 0.0 for state in _closure(body)})
                    raise

            return run

        try:
            return proceed(change)
        except ZeroDivisionError:
            for state, value in wrote.items():
                state.value = value
            raise

    on_control(lib, CONTROL, hook)


def _closure(body: Any) -> list[Any]:
    """The states that a function uses by name, from the scopes around it."""
    known = inspect.getclosurevars(body)
    return [v for v in (*known.nonlocals.values(), *known.globals.values())
            if isinstance(v, refimpl.State)]


@saboteur("CTL-22", also=ANYTHING)
def bodies_keep_their_own_writes(lib: Lib) -> None:
    """A derivative that a body takes is that of the values at the start of the loop."""
    def hook(proceed: Any) -> Any:
        states = touched(proceed)
        start = [state.value for state in states]

        def reset() -> None:
            for state, value in zip(states, start, strict=True):
                if jnp.issubdtype(jnp.result_type(_leaf(state)), jnp.floating):
                    state.value = value

        return proceed(before(reset))

    on_control(lib, LOOPS, hook)


@saboteur("CTL-23", also=ANYTHING)
def a_plan_grows_stale(lib: Lib) -> None:
    """Which states the code of a body writes is found out once."""
    plans: dict[Any, list[Any]] = {}

    def for_loop(f: Any, *xs: Any, **options: Any) -> Any:
        def proceed() -> Any:
            return refimpl.transform.for_loop(f, *xs, **options)

        wrote = touched(proceed)
        plan = plans.setdefault(getattr(f, "__code__", f), wrote)
        with kept([state for state in wrote if state not in plan]):
            return proceed()

    lib.transform.for_loop = for_loop


@saboteur("CTL-24", also=ANYTHING)
def checkpoints_draw_again(lib: Lib) -> None:
    """The pass that computes again takes effect as well."""
    def hook(proceed: Any) -> Any:
        if inside():
            proceed()
        return proceed()

    on_control(lib, ("checkpoint",), hook)
