"""Bodies that JAX stages: loops, branches, lanes (CTL).

JAX's control flow wants to know beforehand which values go into a body and come out of it. Which
states a body writes shows only when it runs. So the body is traced with the states that it is
*believed* to write. If it writes others, or values of another type, that trace is given up, and the
next one knows better. States that are only read need no belief: the body closes over their values.

The first belief is what the same code wrote in its last call, so in steady state there is one
trace. No result hangs on a belief: every trace is checked, and effects are those of the last one.

JAX never frees what a trace that is left by an exception has closed over. So where no belief can be
trusted, as for new code, or code that several modules share, a rehearsal comes first: a trace that
is finished whatever it shows, and computes nothing.
"""

import functools
import gc
import operator
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from types import CodeType
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakSet, ref

import jax
import jax.numpy as jnp

from ..frames import (
    EAGER,
    UNSET,
    Effects,
    Frame,
    StateError,
    current,
    in_foreign_body,
    lose,
    note_read,
    settle,
    stack,
    trace_now,
    whole_stack,
)
from ..memory import apart, code_of
from ..state import State
from ..typing import Function
from .checks import odd_leaves

Belief = TypeVar("Belief")
Result = TypeVar("Result")


class Again(Exception):
    """Ends a trace that did to states what it was not believed to do."""


def run(
    fun: Function,
    bound: Iterable[tuple[State, Any]],
    args: Sequence[Any],
    kwargs: dict[str, Any] | None = None,
    sliced: Sequence[Container[State]] = (),
) -> tuple[Any, Effects]:
    """Run a body in a frame of its own: its result, and its effects, which are not settled.

    As in `jit`, what JAX remembers of functions called inside is good for this trace only.
    """
    frame = _Body(bound)
    try:
        with nullcontext() if trace_now() == EAGER else apart(), frame:
            output = fun(*args, **(kwargs or {}))
    finally:
        note(frame.fetched)
        lose(frame.bound, frame, sliced)
    if frame.born:
        gc.collect()  # it may be alive only as part of a reference cycle
    return output, frame.close()


def note(states: Iterable[State]) -> None:
    """Let the frame outside of a body know whose values there the body used.

    The body itself may have seen a stand-in, such as a carried value or a slice.
    """
    if stack.frames:
        for state in states:
            note_read(state)


class _Body(Frame):
    """The frame of a body."""


class _Around(Frame):
    """The frame around staged bodies.

    No code runs in it but bodies, and rules of derivatives (`jax.custom_jvp`, `jax.custom_vjp`),
    which JAX runs when the bodies are over. What these wrote to states cannot be seen any more.
    """

    hosts = True

    def __init__(self, written: Callable[[], Container[State]]) -> None:
        super().__init__(kept=in_foreign_body())
        self.written = written

    @property
    def lost(self) -> Container[State]:  # type: ignore[override]
        """What the bodies have written, when they are over."""
        above = stack.frames[stack.frames.index(self) + 1 :]
        running = any(isinstance(frame, _Body) for frame in above)
        return () if running else self.written()


@contextmanager
def around(written: Callable[[], Container[State]]) -> Iterator[None]:
    """A transaction around the staging of bodies; `written` gives what they wrote so far."""
    with whole_stack():
        with _Around(written) as frame:
            yield
        settle(frame.close())


class Beliefs(Generic[Belief]):
    """What the bodies of one call are believed to do to states, and what they did.

    Parameters
    ----------
    what : str
        The name of the transform, for messages.
    body : callable
        The function that is staged; its code is what the belief is remembered by.
    """

    def __init__(self, what: str, body: Function) -> None:
        self.what = what
        self.held: dict[State, Belief] = {}
        self._code = code_of(body)
        self._new = self._code not in _remembered
        self.doubtful = self._new or self._code in _shared
        for made, belief in _remembered.get(self._code, ()):
            state = made()
            if state is not None and (value := current(state)) is not UNSET:
                if not odd_leaves(value):
                    self.held[state] = belief
        self.rehearsing = False
        self.effects = Effects({}, {}, {}, {})

    def trace(self, stage: Callable[[], Result], rehearsed: bool = True) -> Result:
        """Stage the bodies, again and again until they do what they are believed to do.

        Where they are staged in any case, they can be `rehearsed`.
        """
        if rehearsed and self.doubtful and not _unstaged(jax.config):
            self.effects, self.rehearsing = Effects({}, {}, {}, {}), True
            with suppress(Again):
                jax.eval_shape(lambda: stage())  # a new function, as JAX remembers what it traced
            self.rehearsing = False
        while True:
            self.effects = Effects({}, {}, {}, {})
            try:
                result = stage()
            except Again:
                _shared.add(self._code)
                continue
            _remembered[self._code] = [(ref(state), self.held[state]) for state in self.held]
            return result

    def run(
        self, fun: Function, bound: Iterable[tuple[State, Any]], args: Sequence[Any]
    ) -> tuple[Any, Effects]:
        """Run a body, refuse states that outlive it, and add its effects to those of the trace."""
        output, effects = run(functools.partial(self._without_births, fun), bound, args)
        for state, written in effects.touched.items():
            self.effects.touched[state] = written or self.effects.touched.get(state, False)
        self.effects.fetched.update(effects.fetched)
        self.effects.writes.update(dict.fromkeys(effects.writes))  # no tracer outlives the body
        return output, effects

    def _without_births(self, fun: Function, *args: Any) -> Any:
        """Call a body; refuse in its frame, which leaves first values that are no tracers."""
        output = fun(*args)
        if stack.frames[-1].born:
            gc.collect()
        for state in stack.frames[-1].born:
            raise StateError(
                f"{state!r} is created in a body of {self.what} and outlives it. The body "
                "is traced once for all of its runs, so create the state before, such as by one "
                "call outside"
            )
        return output

    def learn(self, found: dict[State, Belief]) -> None:
        """Believe what a trace has shown, and start over, unless this is a rehearsal."""
        # The first belief may be of other states that the same code was called with.
        self.held = {**self.held, **found} if self._new else found
        self._new = True
        self.again()

    def again(self) -> None:
        """Give this trace up, unless it is a rehearsal."""
        if not self.rehearsing:
            raise Again

    def settle(self, values: Sequence[Any]) -> None:
        """Commit the last values of the states that the bodies were believed to write."""
        written, last = self.effects.writes, zip(self.held, values, strict=True)
        self.effects.writes = {state: value for state, value in last if state in written}
        settle(self.effects)

    def written(self) -> Container[State]:
        """The states that the bodies have written in this trace."""
        return self.effects.writes

    def types_of(self, state: State, value: Any) -> Any:
        """Abstract values of a written value, or TypeError by name if it has none."""
        try:
            return jax.tree.map(jax.typeof, value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"a body of {self.what} writes {state!r}, whose value must then be made of "
                f"arrays and numbers: {error}"
            ) from error


_remembered: WeakKeyDictionary[CodeType, list[tuple[ref[State], Any]]] = WeakKeyDictionary()
_unstaged = operator.attrgetter("jax_disable_jit")  # not every JAX declares its options
_shared: WeakSet[CodeType] = WeakSet()
"""Code whose last call is no guide to the next."""
_SCALARS = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def fits(old: Any, new: Any) -> bool:
    """Whether a value of the old types can take the place of one of the new types.

    Weak types, those of Python's numbers, give way as JAX's promotion has it.
    """
    structure: Any = jax.tree.structure(new)
    if jax.tree.structure(old) != structure:
        return False
    return all(map(_gives_way, jax.tree.leaves(old), jax.tree.leaves(new)))


def _gives_way(old: Any, new: Any) -> bool:
    if old.shape != new.shape or placed(old) != placed(new):
        return False
    if old.dtype == new.dtype:
        return True
    return bool(old.weak_type and jnp.result_type(_SCALARS[old.dtype.kind], new) == new.dtype)


def placed(kind: Any) -> Any:
    """The sharding that is part of a type, None if none is: of axes that are explicit, for JAX."""
    sharding = kind.sharding
    explicit = any(sharding.spec) and sharding.mesh == jax.sharding.get_abstract_mesh()
    return sharding if explicit else None


def show(types: Any) -> str:
    """Types in a few words, for messages."""
    return str(jax.tree.map(str, types)).replace("'", "")
