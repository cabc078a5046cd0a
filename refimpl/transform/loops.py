"""for_loop, scan and while_loop: the unrolled Python loop, traced once (CTL).

The states that a body writes travel in the carry of JAX's loop, the random stream among them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar, cast

import jax
import jax.numpy as jnp

from ..frames import UNSET, Frame, lookup, whole_stack
from ..state import State
from ..typing import ArrayLike, Function, Pytree, T
from .checks import expect_function
from .staged import Again, Beliefs, around, fits, note, placed, run, show

C = TypeVar("C")

_ENTRY: Final = UNSET
"""The belief that the value on entry counts. None is no such sign: it has types, which are None."""


def for_loop(
    f: Callable[..., T],
    *xs: Pytree,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> T:
    """Call a function with every entry of the leading axes of arrays, and stack its results.

    Parameters
    ----------
    f : callable
        Takes an entry of each of `xs`. What one step leaves to the next is in states, which must
        keep their structure, shapes and dtypes from step to step.
    *xs : pytree of arrays
        What to step through; none with a `length`.
    length, reverse, unroll
        As in `jax.lax.scan`.

    Returns
    -------
    pytree
        The results of the steps, stacked. Over no steps it is empty, and no state is touched.

    Raises
    ------
    TypeError
        If there are neither arrays nor a `length`.
    """
    expect_function(f, "f")
    if not xs and length is None:
        raise TypeError("for_loop needs arrays to step through, or a length")

    def step(_: None, entries: tuple[Any, ...]) -> tuple[None, Any]:
        return None, f(*entries)

    options = {"length": length, "reverse": reverse, "unroll": unroll}
    _, ys = _scan(_InCarry("for_loop", f), step, None, xs, options)
    return cast(T, ys)


def scan(
    f: Callable[[Any, Any], tuple[C, T]],
    init: Pytree,
    xs: Pytree,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[C, T]:
    """Fold a function that may read and write states over the leading axes of arrays.

    Parameters
    ----------
    f : callable
        ``f(carry, x)`` returns ``(carry, y)``.
    init : pytree
        The first carry.
    xs : pytree of arrays
        What to step through; None with a `length`.
    length, reverse, unroll
        As in `jax.lax.scan`.

    Returns
    -------
    tuple
        The last carry and the stacked y. Over no steps, no state is touched.
    """
    expect_function(f, "f")
    options = {"length": length, "reverse": reverse, "unroll": unroll}
    carry, ys = _scan(_InCarry("scan", f), f, init, xs, options)
    return cast(C, carry), cast(T, ys)


def _scan(states: "_InCarry", step: Function, init: Any, xs: Any, options: dict[str, Any]) -> Any:
    if _is_empty(xs, options["length"]):
        # Nothing runs, so nothing is read or written: the trace only tells the shapes.
        with whole_stack(), Frame():
            return jax.lax.scan(lambda *args: run(step, (), args)[0], init, xs, **options)

    def lifted(carry: Any, x: Any) -> Any:
        result, values = states.step(step, carry[0], carry[1], x)
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(
                f"f must return a pair (carry, y), got {type(result).__name__}: {result!r}"
            )
        return (values, result[0]), result[1]

    with around(states.written):
        (values, carry), ys = states.trace(
            lambda: jax.lax.scan(_anew(lifted), (states.start(), init), xs, **options)
        )
        states.settle(values)
    return carry, ys


def _is_empty(xs: Any, length: int | None) -> bool:
    sizes = [jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(xs)]
    return (0,) in sizes if sizes else length == 0


def while_loop(
    cond_fun: Callable[[Any], ArrayLike], body_fun: Callable[[Any], T], init_val: Pytree
) -> T:
    """Call a function on its own result as long as a condition holds.

    Both functions may read and write states; what the condition writes counts at every test, also
    at the last one. Derivatives are those of `jax.lax.while_loop`: forward mode only.

    Parameters
    ----------
    cond_fun : callable
        ``cond_fun(value)`` returns a scalar that is true as long as there are steps to make.
    body_fun : callable
        ``body_fun(value)`` returns the next value, of the same structure, shapes and dtypes.
    init_val : pytree
        The first value.
    """
    expect_function(cond_fun, "cond_fun")
    expect_function(body_fun, "body_fun")
    states = _InCarry("while_loop", body_fun, any_number=True)
    test_writes = False

    def test(carry: Any) -> Any:
        nonlocal test_writes
        values, own = carry
        going, effects = states.run(cond_fun, zip(states.carried, values, strict=True), (own,))
        test_writes = bool(effects.writes)
        if test_writes:
            states.again()
        return going

    def tested(carry: Any) -> Any:
        """The carry as a test that writes states leaves it, behind the result of the test."""
        going, values = states.step(cond_fun, *carry)
        return going, (values, carry[1])

    def body(carry: Any) -> Any:
        own, values = states.step(body_fun, *carry)
        return values, own

    def stage() -> Any:
        first = states.start(), init_val
        if not test_writes:
            return jax.lax.while_loop(_anew(test), _anew(body), first)
        return jax.lax.while_loop(lambda c: c[0], lambda c: tested(body(c[1])), tested(first))[1]

    with around(states.written):
        values, result = states.trace(stage)
        states.settle(values)
    return cast(T, result)


class _InCarry(Beliefs[Any]):
    """Beliefs of a loop: for each state that a body writes, how it starts.

    `_ENTRY` stands for the value on entry. If every step overwrites the state before it reads it,
    the value on entry counts only if there may be no step (`any_number`). If it does not count, it
    may be of any type, and the belief is the types of what is written.
    """

    def __init__(self, what: str, body: Function, any_number: bool = False) -> None:
        super().__init__(what, body)
        self.any_number = any_number
        self.carried: tuple[State, ...] = ()

    def start(self) -> list[Any]:
        """The values that the first step gets, of the states that are carried in this trace."""
        self.carried = tuple(self.held)
        return [
            lookup(state) if types is _ENTRY else jax.tree.map(_blank, types)
            for state, types in self.held.items()
        ]

    def step(self, fun: Function, values: Sequence[Any], *args: Any) -> tuple[Any, list[Any]]:
        """Run a body on the values of states from the carry; its result, and their new values."""
        before = dict(zip(self.carried, values, strict=True))
        try:
            output, effects = self.run(fun, before.items(), args)
        except Exception:
            blank = [state for state, types in self.held.items() if types is not _ENTRY]
            if not blank:
                raise
            # It may be this that the code reads here, and that had other types when it did not.
            self.held.update(dict.fromkeys(blank, _ENTRY))
            raise Again from None
        as_believed = self._compare(before, effects.writes)
        after = {**before, **effects.writes} if as_believed else before
        return output, list(after.values())

    def _compare(self, before: dict[State, Any], writes: dict[State, Any]) -> bool:
        # What the code wrote first in an earlier call, it may only read in this one.
        fetched = self.effects.fetched
        blank = [s for s in before if s in fetched and self.held.get(s, _ENTRY) is not _ENTRY]
        found, news, misfits = dict.fromkeys(blank, _ENTRY), bool(blank), []
        for state, value in writes.items():
            types = self.types_of(state, value)
            counts = self.any_number or state in fetched
            found[state] = _ENTRY if counts else types
            if state not in before or (counts and self.held.get(state, _ENTRY) is not _ENTRY):
                news = True
            elif not fits(old := self.types_of(state, before[state]), types):
                news = news or not counts
                misfits.append((state, old, types))
        if news:
            self.learn(found)
            return False
        for state, old, types in misfits:
            raise TypeError(
                f"{state!r} holds {show(old)} before a step of {self.what} and {show(types)} "
                "after it, but must keep its structure, shapes and dtypes from step to step. Give "
                "it a value of the right kind before the loop"
            )
        return True

    def settle(self, values: Sequence[Any]) -> None:
        """Commit the values that the loop ends with."""
        if self.any_number:
            note(self.effects.writes)
        super().settle(values)


def _anew(fun: Function) -> Function:
    """The same function for one more trace: of one and the same, JAX would remember the last."""
    return lambda *args: fun(*args)


def _blank(types: Any) -> Any:
    return jnp.zeros(types.shape, types.dtype, device=placed(types))
