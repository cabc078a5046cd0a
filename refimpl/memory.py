"""What JAX remembers of functions, and how a run keeps clear of it.

*Why this is hard, 1.* JAX traces the body of a loop, a branch, a checkpoint or a compiled helper
once, and remembers the result under the function, together with every value that the function
closed over. A state that it read is such a value: a constant, or a tracer of a trace that has
ended. If the function is made once and used again, the next use meets the old value, silently, or
an error; and so does the plain function, outside of every transform.

JAX cannot be told to forget, but what it remembers is bound to a *user context*. So a read in such
a body (a *kept read*) must happen in a context that is given up before it could matter: before a
state is written, and before the values of a frame appear or disappear. This has a price, as JAX
also compiles eager operations anew for a new context. Hence:

- `apart` runs what stages anyway (`jit`, StateFinder) in a context of this thread, which lasts
  until a kept read has spoiled it;
- `watched` runs what is eager in the context of the caller, where JAX remembers all operations.
  A kept read ends that run, before JAX remembers anything, and the function begins again in
  `apart`. Its code is noted, so that later calls begin there. A function that catches everything
  cannot keep its run going: what it made of it is dropped when its frame is closed.
"""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import CodeType, MethodType
from typing import Any, TypeVar
from weakref import WeakSet

import jax
import numpy as np
from jax.core import Tracer

Result = TypeVar("Result")

_CONTEXT = jax.make_user_context()


class _KeptRead(BaseException):
    """Ends a run that would leave the value of a state in what JAX remembers."""


class _Mode(threading.local):
    watching = ended = apart = spoiled = False

    def __init__(self) -> None:
        self.context = object()


_mode = _Mode()
_METHODS = (MethodType, staticmethod, classmethod)
_spare: list[object] = []
"""Contexts of helper threads that have ended, and that nothing has spoiled."""
_keeping: WeakSet[CodeType] = WeakSet()


def is_staging() -> bool:
    """Whether operations are recorded here rather than computed."""
    return isinstance(jax.lax.neg(np.float32(0.0)), Tracer)


def kept_read() -> None:
    """Note that a body which JAX may remember reads a state."""
    if _mode.apart:
        _mode.spoiled = True
    elif _mode.watching:
        _mode.ended = True
        raise _KeptRead


def stop_if_ended() -> None:
    """End the run for good if a function went on after a kept read had ended it."""
    if _mode.ended:
        raise _KeptRead


def renew() -> None:
    """Go on in a new context if this one is spoiled: states change their values here."""
    if _mode.spoiled:
        _mode.spoiled, _mode.context = False, object()
        if _mode.apart:
            _CONTEXT(_mode.context).__enter__()  # `apart` leaves for the one before all


@contextmanager
def apart() -> Iterator[None]:
    """Run with what JAX remembers kept apart from everything outside."""
    if _mode.apart:
        yield
        return
    with _CONTEXT(_mode.context):
        try:
            # Twice, here and below, as an interrupt may hit the place where one of them ends.
            with _while("apart"), _while("apart"):
                yield
        finally:
            renew()


@contextmanager
def apart_in_helper() -> Iterator[None]:
    """The same in a thread that works for another, in a context that any of these has left."""
    renew()  # the thread may have begun apart, and lived through changes of states since
    if _mode.apart:
        yield
        return
    with suppress(IndexError):
        _mode.context = _spare.pop()
    try:
        with apart():
            yield
    finally:
        _spare.append(_mode.context)
        _mode.context = object()


@contextmanager
def _while(mode: str) -> Iterator[None]:
    try:
        setattr(_mode, mode, True)
        yield
    finally:
        setattr(_mode, mode, False)


def watched(fun: Any, run: Callable[[], Result]) -> Result:
    """Run something eager that calls `fun`, apart if that is needed."""
    if _mode.apart or _mode.watching:
        return run()
    code = code_of(fun)
    if code not in _keeping:
        try:
            with _while("watching"), _while("watching"):
                return run()
        except (_KeptRead, Exception):
            if not _mode.ended:
                raise
            _keeping.add(code)
        finally:
            _mode.ended = False
    with apart():
        return run()


def code_of(fun: Any) -> CodeType:
    """The code behind a callable, which is the same however often the callable is made."""
    if isinstance(fun, CodeType):
        return fun
    while True:
        inner = fun.func if isinstance(fun, functools.partial) else None
        # From its own dict, as some objects have an answer to every question.
        inner = inner or (getattr(fun, "__dict__", None) or {}).get("__wrapped__")
        inner = fun.__func__ if isinstance(fun, _METHODS) else inner
        if inner is None:
            break
        fun = inner
    found = getattr(fun, "__code__", None) or getattr(type(fun).__call__, "__code__", None)
    return found if isinstance(found, CodeType) else watched.__code__
