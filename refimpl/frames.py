"""Frames: where the values of states live while a transform is running.

Every running transform owns a frame on a stack of its thread. A frame maps states to values:

- a *read* looks through the frames from the innermost outward, and last at the state itself;
- a *write* goes to the innermost frame and nowhere else;
- leaving a frame by success settles its writes one level down, leaving it by an exception
  drops them.

So a failed call needs no restoring, because nothing was changed (ERR, WRB); no tracer is ever
stored in a state that other threads can see (STA); and what a function read and wrote is known
from one ordinary run of it (FND).
"""

import gc
import itertools
import operator
import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary, WeakSet, ref

import jax
from jax.core import Tracer
from jax.extend.core import find_top_trace, get_opaque_trace_state

from . import memory
from .summary import expect_shallow
from .tree import Copies, content, copy_containers, holds, put_back, same_leaves, tracers_in

if TYPE_CHECKING:
    from .state import State

trace_now: Callable[[], object] = get_opaque_trace_state


class StateError(RuntimeError):
    """A state is used where its value cannot be kept honest."""


@jax.tree_util.register_static  # so that it can be what a compiled function gets for a value
class _Unset:
    def __repr__(self) -> str:
        return "<no value>"


UNSET: Final = _Unset()
"""Fills the slot of a state that was created in a frame and is not committed yet."""

EAGER: Final = trace_now()
"""The trace state outside of every JAX transform."""

EAGER_TRACE: Final = find_top_trace(())
"""The same as what ``find_top_trace(())`` is there: the fastest test, for what is always tested."""


class _Stack(threading.local):
    """The frames of a thread, the innermost last."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []


stack = _Stack()
pulls: "dict[int, ref[Lost]]" = {}
_clock = itertools.count(1)


class Either:
    """Contains what any of some containers does."""

    def __init__(self, *parts: Container[Any]) -> None:
        self.parts = parts

    def __contains__(self, key: object) -> bool:
        return any(key in part for part in self.parts)


class Lost(WeakSet["State"]):
    """For a pull: the states without the values, any more or here, that its function saw."""

    def __init__(self, states: "Iterable[State]", sliced: "Sequence[Container[State]]") -> None:
        super().__init__(states)
        self.sliced = [*sliced]
        self.frames = WeakSet(stack.frames)
        self.time = next(_clock)
        key, forget = id(self), pulls.pop  # as Python ends, `pulls` may be gone before
        pulls[key] = ref(self, lambda _: forget(key, None))

    def __contains__(self, state: Any) -> bool:
        since = (f for f in stack.frames if f not in self.frames and f.lost is not self)
        changed = state._changed > self.time or super().__contains__(state)
        lost = changed or state in Either(*self.sliced)
        return lost or any(frame.has(state) for frame in since)


def note_change(states: "Iterable[State]") -> None:
    """Note that states change, for the pulls that are alive."""
    dropped = next((frame for frame in stack.frames if frame.dropped), None)
    if dropped is not None:
        lose(states, dropped)  # which is all that will ever know of it
        return
    now = next(_clock)
    for state in states:
        state._changed = now


def lose(
    states: "Iterable[State]", inside: "Frame", sliced: "Sequence[Container[State]]" = ()
) -> None:
    """Note that what states hold in a frame is gone, for pulls that were made in it."""
    for made in list(pulls.values()):
        lost = made()
        if lost is not None and inside in lost.frames:
            lost.update(states)
            lost.sliced += sliced


@dataclass(eq=False)
class Effects:
    """What one run of a function did to states, in the order of first access."""

    touched: dict["State", bool]
    """Every state that was read or written; True for a written one."""
    fetched: dict["State", None]
    """Every state whose value from outside of the run was used."""
    writes: dict["State", Any]
    """The value that each written state has at the end of the run."""
    born: dict["State", Any]
    """The value of each state that was created during the run and is still alive."""
    sliced: "Sequence[Container[State]]" = ()
    """The states that lanes in it saw their slices of."""
    copies: Copies = field(default_factory=dict)
    """The containers and arrays that stood in for those outside, and were perhaps changed."""


class Frame:
    """The values of states during one run of a function.

    Parameters
    ----------
    bound : iterable of (State, value)
        Values that stand in for those outside of the frame, such as tracers.
    kept : bool
        Whether the frame is in a function that JAX may remember, see `memory`. A function that
        was made for this one run, such as one that a transform hands to JAX, is none.
    """

    lost: "Container[State]" = ()
    """States that were written inside, by what is over: rules of derivatives come too late."""
    hosts = False
    """Whether nothing runs in it but functions with frames of their own, and such rules."""
    dropped = False
    """Whether nothing that is written in it is settled."""
    renewed: "WeakSet[State] | None" = None
    """The created states that were written since."""

    def __init__(self, bound: "Iterable[tuple[State, Any]]" = (), kept: bool = False) -> None:
        self.trace, self.level = EAGER, EAGER_TRACE
        self.thread = threading.get_ident()
        self.kept = kept
        self.bound: dict[State, Any] = dict(bound)
        self.values: dict[State, Any] = {}
        self.originals: dict[State, Any] = {}
        self.copies: Copies = {}
        self.copied: list[tuple[State, Any, Any]] = []
        """The originals of the copies, each with a state that holds it and what was in it."""
        self.lent: list[tuple[State, Any, Any]] = []
        self.heirs: list[list[Frame]] = []
        """The stacks of threads that were started in it, which end with it."""
        self.touched: dict[State, bool] = {}
        self.fetched: dict[State, None] = {}
        self.sliced: list[Container[State]] = []
        """The states that lanes in it saw their slices of, which rules cannot see later."""
        self.staged_in_rules: dict[State, None] = {}
        """Of the outermost frame: the tracers that rules of derivatives closed over, as staged."""
        # Weak, so that a state that only lived inside of the function is not kept or committed.
        self.born: WeakKeyDictionary[State, Any] = WeakKeyDictionary()
        self.first: WeakKeyDictionary[State, Any] = WeakKeyDictionary()

    def __enter__(self) -> "Frame":
        memory.renew()
        self.trace, self.level = trace_now(), find_top_trace(())
        stack.frames.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        frames = stack.frames
        if self in frames:
            del frames[frames.index(self) :]
        for heir in self.heirs:
            with suppress(ValueError):
                heir.remove(self)
        memory.renew()
        if kind is not None or self.dropped:
            lose([*self.values, *self.born], inside=self)
        if kind is not None:
            leave_born({s: value for s, value in self.first.items() if not has_tracers(value)})

    def has(self, state: Any) -> bool:
        """Whether it is where the state has its value, as seen from above."""
        return state in self.bound or state in self.values or self.owns(state)

    def owns(self, state: "State") -> bool:
        """Whether the state was created in this frame."""
        return state._value is UNSET and state in self.born

    def read(self, state: "State") -> Any:
        """Value of the state as code running in this (innermost) frame sees it."""
        now = trace_now()
        foreign = now != self.trace
        if foreign and memory.is_staging():
            memory.kept_read()
        if state in self.lost:
            raise _late(state)
        value = self.values.get(state, UNSET)
        if value is UNSET and self.owns(state):
            return self.born[state] if now == state._home else self._lend(state, self.born[state])
        if value is UNSET:
            frames = note_read(state, late=True)
            value = lookup(state)
            if not isinstance(value, jax.Array):
                for frame in reversed(frames):
                    value = frame._private_copy(state, value)
        self.touched.setdefault(state, False)
        if stack.frames[0].thread != self.thread:
            self._expect_own_thread(state, value)
        return self._lend(state, value) if foreign else value

    def _expect_traceable(self, state: "State", value: Any) -> None:
        if not has_tracers(value):
            return
        self._expect_own_thread(state, value)
        if not self._is_traced_here(value):
            raise in_rule(state)
        if memory.is_staging() and self._is_in_rule():
            stack.frames[0].staged_in_rules.setdefault(state)

    def _expect_own_thread(self, state: "State", value: Any) -> None:
        holders = (frame for frame in reversed(stack.frames) if frame.has(state))
        if next(holders, self).thread != threading.get_ident() and has_tracers(value):
            raise StateError(
                f"{state!r} is read in a thread that was started inside of a transform, where JAX "
                "cannot trace it. Read it before, in the transform's thread, or start it outside"
            )

    def _is_traced_here(self, value: Any) -> bool:
        """Whether all tracers of a value mean something to the trace that is running."""
        if not self._is_in_rule():
            return True
        with suppress(jax.errors.UnexpectedTracerError):
            return all(type(jax.lax.expand_dims(t, (0,))) is type(t) for t in tracers_in(value))
        return False

    def _is_in_rule(self) -> bool:
        """Whether the rule of a derivative runs here, and no body of the function.

        JAX runs a rule outside of the trace of the function that asks for it, and may lose the
        derivatives of what it closes over, silently. A body is traced below that of the function.
        """
        level = find_top_trace(())
        while level is not self.level and level is not None:
            level = getattr(level, "parent_trace", None)
        return self.hosts or level is None

    def peek(self, state: "State") -> Any:
        """Value of the state, noted as used but not as read by the function."""
        note_read(state, late=True)
        value = lookup(state)
        self._expect_own_thread(state, value)
        return value

    def _private_copy(self, state: "State", value: Any) -> Any:
        # The function may change containers and NumPy arrays in place; what lies outside of the
        # frame must not notice.
        with expect_shallow(state):
            copy = copy_containers(value, self.copies)
        if copy is not value:
            new = itertools.islice(self.copies.values(), len(self.copied), None)
            self.copied += [(state, original, content(original)) for original, _ in new]
            self.originals[state] = value
            self.values[state] = copy
        return copy

    def _lend(self, state: "State", value: Any) -> Any:
        """What a foreign trace may look at, but not change in place: that would not count."""
        self._expect_traceable(state, value)
        lent = value if isinstance(value, jax.Array) else copy_containers(value)
        if lent is not value:
            self.lent.append((state, copy_containers(value), lent))
        return lent

    def write(self, state: "State", value: Any) -> None:
        """Set the state in this (innermost) frame; refuse under a foreign JAX trace."""
        memory.renew()
        now, owned = trace_now(), self.owns(state)
        if now != self.trace and not (owned and now == state._home):
            raise _dishonest(state)
        if owned:
            self.born[state] = value
            self.renewed = self.renewed or WeakSet()
            self.renewed.add(state)
            state._home = now
        else:
            self.values[state] = value
            self.touched[state] = True
        if pulls:
            note_change((state,))

    def close(self) -> Effects:
        """Sum up what happened, once the function has returned."""
        memory.stop_if_ended()
        for state, before, lent in self.lent:
            if not same_leaves(before, lent):
                raise _dishonest(state)
        for state, original, before in self.copied:
            if not holds(original, before):
                raise StateError(
                    f"a {type(original).__name__} that {state!r} holds was changed by another "
                    "name than the value of the state, in the course of a transform. The function "
                    "works on a copy, so that a failure changes nothing: change it by the value"
                )
        writes = {}
        for state, written in self.touched.items():
            if not written and state in self.originals:
                written = not same_leaves(self.originals[state], self.values[state])
                self.touched[state] = written
                note_change([state] if written and not self.dropped else ())
            if written:
                writes[state] = self.values[state]
        born = self._close_born() if self.born else {}
        late = [*self.sliced, self.renewed] if self.renewed else self.sliced
        return Effects(self.touched, self.fetched, writes, born, late, self.copies)

    def _close_born(self) -> "dict[State, Any]":
        if any(state._home != self.trace for state in self.born):
            gc.collect()  # it may be alive only as part of a reference cycle
        for state in self.born:
            if state._home != self.trace:
                raise _dishonest(state)
        return dict(self.born)


def note_read(state: "State", late: bool = False) -> list[Frame]:
    """Tell every frame that the value of a state comes through that it is used.

    Reads are facts: the frames know of it at once, however those above them will end. A read may
    be `late`: later than a write that it should see, and that it cannot see any more.

    Returns
    -------
    list of Frame
        These frames, the innermost first.
    """
    frames, kept = [], False
    for frame in reversed(stack.frames):
        if late and state in frame.lost:
            raise _late(state)
        if state in frame.values or frame.owns(state):
            break
        frame.fetched.setdefault(state)
        frames.append(frame)
        if state in frame.bound:
            break
        kept = kept or frame.kept
    if kept:
        memory.kept_read()
    return frames


def current(state: "State") -> Any:
    """Value of the state as seen from here, or UNSET if there is none, noted nowhere."""
    for frame in reversed(stack.frames):
        if state in frame.values:
            return frame.values[state]
        if state in frame.bound:
            return frame.bound[state]
    if state._value is not UNSET:
        return state._value
    for frame in reversed(stack.frames):
        if state in frame.born:
            return frame.born[state]
    return UNSET


def lookup(state: "State") -> Any:
    """Value of the state as seen from here, noted nowhere."""
    value = current(state)
    if value is UNSET:
        raise StateError(
            f"{state!r} has no value: it was created during a call that failed or is not "
            "finished, or in another thread's running transform"
        )
    return value


def create(state: "State", value: Any) -> None:
    """Give a new state its first value, in the innermost frame if there is one."""
    state._home = trace_now()
    if stack.frames:
        state._value = UNSET
        stack.frames[-1].born[state] = stack.frames[-1].first[state] = value
        with suppress(RecursionError):  # copied, as the function may change it in place
            stack.frames[-1].first[state] = copy_containers(value)
    else:
        state._value = value


def leave_born(first: "Mapping[State, Any]") -> None:
    """Leave created states with their first values one level down, though the frame is gone.

    What holds on to such a state will not create it again.
    """
    for state, value in first.items():
        create(state, value)
        if stack.frames:
            state._home = stack.frames[-1].trace


def assign(state: "State", value: Any) -> None:
    """Write a state: into the innermost frame, or for good where there is none."""
    if stack.frames:
        stack.frames[-1].write(state, value)
        return
    now = trace_now()
    if now != state._home or (now == EAGER and has_tracers(value)):
        raise _dishonest(state)
    state._value = value
    if pulls:
        note_change((state,))


def settle(effects: Effects) -> None:
    """Commit what a finished run did, one level down: all of it or nothing.

    *Why this is hard, 2.* An interrupt may come between any two steps of the interpreter. So
    everything is checked and prepared first, and then published by one call of C code.
    """
    now = trace_now()
    top = stack.frames[-1] if stack.frames else None
    for state in effects.writes:
        if now != (state._home if top is None or top.owns(state) else top.trace):
            raise _dishonest(state)
    back, actions = put_back(effects.copies)
    writes = {state: back(value) for state, value in effects.writes.items()}
    born = {state: back(value) for state, value in effects.born.items()}
    if top is None:
        for state, value in {**effects.writes, **effects.born}.items():
            # What got past `write`: tracers put into a container while it was held.
            if now == EAGER and has_tracers(value):
                raise _dishonest(state)
        for state, value in born.items():  # nobody misses these, if it stops here
            state._value, state._home = value, now
        publish([state._cell for state in writes], list(writes.values()), actions)
        return
    for state in effects.fetched:
        note_read(state)
    for state, written in effects.touched.items():
        if written:
            top.write(state, writes[state])
        elif not top.owns(state):
            top.touched.setdefault(state, False)
    for state, value in born.items():
        create(state, value)
    publish((), (), actions)


def publish(
    cells: Sequence[dict[str, Any]],
    values: Sequence[Any],
    actions: Sequence[Callable[[], Any]] = (),
) -> None:
    """Set the committed values of states, and do what else is to be done, at one stroke."""
    sets = map(operator.setitem, cells, _NAME, values)
    _run(itertools.chain(map(operator.call, actions), sets) if actions else sets)


_run = deque[Any](maxlen=0).extend
_NAME = itertools.repeat("_value")


def in_foreign_body() -> bool:
    """Whether this is a function that JAX stages, and that the innermost frame did not make."""
    return bool(stack.frames) and trace_now() != stack.frames[-1].trace and memory.is_staging()


@contextmanager
def whole_stack() -> Iterator[None]:
    """Leave no frame behind, even if an interrupt hits a frame while it is entered or left."""
    before = stack.frames.copy()
    try:
        yield
    finally:  # not by their number, as a frame that was taken over from another thread may end
        while stack.frames and stack.frames[-1] not in before:
            stack.frames.pop()


@contextmanager
def transaction() -> Iterator[Frame]:
    """A frame around a whole call: all of its effects are committed at the end, or none."""
    with whole_stack():
        with Frame(kept=in_foreign_body()) as frame:
            yield frame
        settle(frame.close())


def has_tracers(value: Any) -> bool:
    """Whether a value has the tracer of a JAX transform in it."""
    return isinstance(value, Tracer) if isinstance(value, jax.Array) else bool(tracers_in(value))


def in_rule(state: "State") -> StateError:
    """The error for a value that a function with a custom derivative cannot take in."""
    return StateError(
        f"{state!r} is traced here, such as what is differentiated or compiled, and is read by a "
        "function with a custom derivative, where JAX loses it. So hand the value to the function "
        "as an argument"
    )


def _late(state: "State") -> StateError:
    return StateError(
        f"{state!r} is read by the rule of a custom derivative (or by a transform), which runs "
        "when the function is over. It was changed since, or has another value here, as in a lane "
        "or a compiled pull, so what the rule should see is gone: hand the value to the function "
        "as an argument, or return it from the rule's fwd"
    )


def _dishonest(state: "State") -> StateError:
    return StateError(
        f"{state!r} is written inside a JAX transform (jax.jit, jax.vmap, jax.grad, "
        "jax.checkpoint, jax.lax control flow, ...) that knows nothing about states, so the "
        "write could not take effect outside of it. Return the value and write it there, or "
        "use the state-aware transforms of refimpl.transform. (A random stream is written by "
        "every draw that is not given a key.)"
    )
