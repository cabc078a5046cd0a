"""Calls that fail and leave something behind, and worlds that are remembered too long."""

from __future__ import annotations

import types
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    created,
    inside,
    kept,
    on_call,
    on_state,
    store,
    written,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur

WIDE = "WRB ERR CMP CUS STA"


def dirty(call: Call, *excluded: Any) -> None:
    """Apply what the function does until it fails, but to the excluded states."""
    with kept(list(excluded)), suppress(BaseException):
        call.fun(*call.args, **call.kwargs)


def on_failure(lib: Lib, kinds: Any, do: Any) -> None:
    """Do something after a call that raised, and raise on."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except kinds as error:
            do(call, error)
            raise

    on_call(lib, hook)


@saboteur("WRB-15", "ERR-20", also=WIDE)
def failure_keeps_the_writes(lib: Lib) -> None:
    """Writes and changes in place go to the states at once, and a failure takes none back."""
    on_failure(lib, Exception, lambda call, error: dirty(call, STREAM))


@saboteur("WRB-16", also=WIDE)
def failure_keeps_the_draws(lib: Lib) -> None:
    """The random stream is no ordinary state, and stays advanced when the call fails."""
    on_failure(lib, Exception, lambda call, error: dirty(
        call, *[s for s in written_before_failing(call) if s is not STREAM]))


@saboteur("WRB-16", also=WIDE)
def refusals_keep_the_draws(lib: Lib) -> None:
    """What the function returned is checked after the random stream has moved on."""
    on_failure(lib, (TypeError, ValueError), lambda call, error: dirty(
        call, *[s for s in written_before_failing(call) if s is not STREAM]))


def written_before_failing(call: Call) -> list[Any]:
    """The states that a failing function may write: those in its closure and globals."""
    cells = [c.cell_contents for c in getattr(call.fun, "__closure__", None) or ()]
    found = [*cells, *getattr(call.fun, "__globals__", {}).values()]
    return [value for value in found if isinstance(value, refimpl.State)]


@saboteur("WRB-17", also=WIDE)
def exceptions_are_wrapped(lib: Lib) -> None:
    """An exception of the function arrives as the cause of a RuntimeError."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ArithmeticError as error:
            raise RuntimeError(f"the function failed: {error}") from error

    on_call(lib, hook)


@saboteur("WRB-19", also=WIDE)
def transforms_of_users_fail_dirty(lib: Lib) -> None:
    """If the user's own transform raises, what the function wrote stays."""
    def mark(call: Call, error: Any) -> None:
        if call.member == "GradientTransform":
            dirty(call)

    on_failure(lib, Exception, mark)


@saboteur("WRB-20", also="WRB")
def interrupts_keep_the_writes(lib: Lib) -> None:
    """States are put back in an `except Exception`, which a KeyboardInterrupt passes by."""
    on_failure(lib, KeyboardInterrupt, lambda call, error: dirty(call))


@saboteur("WRB-21", also=WIDE)
def failure_locks_the_transform(lib: Lib) -> None:
    """A flag that says the transform is running is not cleared when it fails."""
    def hook(call: Call) -> Any:
        if call.memory.get("busy"):
            raise RuntimeError("the transform is already running")
        call.memory["busy"] = True
        result = call.proceed()
        call.memory["busy"] = False
        return result

    on_call(lib, hook)


@saboteur("WRB-21", also=WIDE)
def failures_spoil_what_was_made(lib: Lib) -> None:
    """A state that was made in a call which failed has no value from then on."""
    made = created(lib)

    def hook(call: Call) -> Any:
        before = len(made)
        try:
            return call.proceed()
        except Exception:
            for state in made[before:]:
                store(state, refimpl.frames.UNSET)
            raise

    on_call(lib, hook)


@saboteur("WRB-22", also=WIDE)
def inner_failure_takes_back_everything(lib: Lib) -> None:
    """A failing inner call puts states back to where the outermost call began."""
    entry: list[dict[Any, Any]] = []

    def hook(call: Call) -> Any:
        outermost = not entry
        states = written_before_failing(call) + nested(call)
        entry.append({s: s.value for s in states})
        try:
            return call.proceed()
        except Exception:
            if not outermost:
                for state, value in entry[0].items():
                    state.value = value
            raise
        finally:
            entry.pop()

    on_call(lib, hook)


def nested(call: Call) -> list[Any]:
    """The states that functions in the closure of the function reach."""
    cells = [c.cell_contents for c in getattr(call.fun, "__closure__", None) or ()]
    inner = [c.cell_contents for f in cells for c in getattr(f, "__closure__", None) or ()]
    return [value for value in inner if isinstance(value, refimpl.State)]


@saboteur("WRB-22", also=WIDE)
def inner_failure_keeps_its_writes(lib: Lib) -> None:
    """Only the outermost call takes back what a failed call wrote."""
    def hook(call: Call) -> Any:
        below = inside()
        try:
            return call.proceed()
        except Exception:
            if below:
                dirty(call)
            raise

    on_call(lib, hook)


@saboteur("WRB-25", also="WRB CMP FND STA")
def closures_are_copied(lib: Lib) -> None:
    """A transform keeps what the function's names stand for when it is made or first called."""
    def hook(call: Call) -> Any:
        known = call.memory
        if "frozen" not in known:
            known["frozen"] = frozen(call.fun)
        return call.again(known["frozen"])

    on_call(lib, hook)


def frozen(fun: Any) -> Any:
    """A function with a copy of its closure and globals."""
    if not isinstance(fun, types.FunctionType):
        return fun
    cells = tuple(types.CellType(c.cell_contents) for c in fun.__closure__ or ())
    made = types.FunctionType(fun.__code__, dict(fun.__globals__), fun.__name__,
                              fun.__defaults__, cells)
    made.__kwdefaults__ = fun.__kwdefaults__
    return made


@saboteur("WRB-25", also=ANYTHING)
def everything_is_compiled_once(lib: Lib) -> None:
    """A transform compiles its function, and so keeps the flags of its first call."""
    def hook(call: Call) -> Any:
        compiled = call.memory.setdefault("compiled", refimpl.transform.jit(call.true_call))
        try:
            return compiled(*call.args, **call.kwargs)
        except (TypeError, jax.errors.JAXTypeError):
            return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-26", also="WRB CMP STA CUS ARG")
def fourth_call_is_the_third(lib: Lib) -> None:
    """From its third call with equal arguments on, a transform answers from a cache."""
    def hook(call: Call) -> Any:
        known = call.memory
        calls = known.setdefault("calls", [])
        calls.append(None)
        if len(calls) > 2 and "kept" in known:
            with kept(written(call)):
                call.proceed()
            return known["kept"]
        known["kept"] = call.proceed()
        return known["kept"]

    on_call(lib, hook)


@saboteur("WRB-24", also="WRB CMP")
def foreign_writes_take_a_number(lib: Lib) -> None:
    """A write of a traced value under a transform of JAX stores zeros of its shape."""
    class Inventive(Cell):
        def write(self, value: Any) -> None:
            try:
                super().write(value)
            except refimpl.StateError:
                store(self, jax.tree.map(lambda x: jnp.zeros(jnp.shape(x)[:0]), value))

    on_state(lib, Inventive)


@saboteur("WRB-30", also="WRB CTL")
def interrupted_loops_write_no_more(lib: Lib) -> None:
    """A loop that is interrupted leaves its frame behind, so that no later one writes for good."""
    original, left = lib.transform.for_loop, list[BaseException]()

    def for_loop(f: Any, *xs: Any, **options: Any) -> Any:
        found = refimpl.transform.StateFinder(f, usage="write", return_type="list")
        states = found(*[x[0] for x in xs]) if left else []
        try:
            with kept(states):
                return original(f, *xs, **options)
        except KeyboardInterrupt as error:
            left.append(error)
            raise

    lib.transform.for_loop = for_loop


@saboteur("WRB-15", "WRB-16", also=WIDE)
def writes_are_refused_one_by_one(lib: Lib) -> None:
    """A write of another structure is refused when all is committed, and what else was written,
    the random stream included, has arrived."""
    def hook(call: Call) -> Any:
        before: dict[Any, Any] = {s: jax.tree.structure(s.value) for s in call.used("write")}
        result = call.proceed()
        for state, structure in before.items():
            if not inside() and jax.tree.structure(state.value) != structure:
                raise ValueError(f"{state} must keep its structure")
        return result

    on_call(lib, hook)
