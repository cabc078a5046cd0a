"""cond and switch: the Python `if`, with every branch traced (CTL).

A branch gives the states that any of the branches writes: those that it does not write itself, as
it found them.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp

from ..frames import lookup
from ..state import State
from ..typing import ArrayLike, Function, Pytree, T
from .checks import expect_function
from .staged import Beliefs, around, fits, note, show


def cond(
    pred: ArrayLike, true_fun: Callable[..., T], false_fun: Callable[..., T], *operands: Pytree
) -> T:
    """Call one of two functions that may read and write states.

    Parameters
    ----------
    pred : scalar
        Which one: the first if it is true or not zero.
    true_fun, false_fun : callable
        Take the operands, and return the same structure, shapes and dtypes. A state may be written
        in one of them only.
    *operands : pytree of arrays
        Arguments.
    """
    expect_function(true_fun, "true_fun")
    expect_function(false_fun, "false_fun")
    states = _Written("cond", (true_fun, false_fun))
    return cast(T, states.call(lambda yes, no: jax.lax.cond(pred, yes, no, *operands)))


def switch(index: ArrayLike, branches: Sequence[Callable[..., T]], *operands: Pytree) -> T:
    """Call one of several functions that may read and write states.

    Parameters
    ----------
    index : integer scalar
        Which one; clamped to those that there are.
    branches : sequence of callable
        Take the operands, and return the same structure, shapes and dtypes. A state may be written
        in some of them only.
    *operands : pytree of arrays
        Arguments.

    Raises
    ------
    ValueError
        If there are no branches.
    """
    if not branches:
        raise ValueError("switch needs at least one branch")
    for number, branch in enumerate(branches):
        expect_function(branch, f"branches[{number}]")
    states = _Written("switch", branches)
    return cast(T, states.call(lambda *staged: jax.lax.switch(index, staged, *operands)))


class _Written(Beliefs[Any]):
    """Beliefs of branches: the types of each state that one of them writes."""

    def __init__(self, what: str, branches: Sequence[Function]) -> None:
        super().__init__(what, branches[0])
        self.branches = branches
        self._kept: dict[State, None] = {}

    def call(self, choose: Callable[..., Any]) -> Any:
        """Stage the branches, let JAX choose one, and commit what it wrote."""
        with around(self.written):
            output, values = self.trace(functools.partial(self._stage, choose))
            note(self._kept)
            self.settle(values)
        return output

    def _stage(self, choose: Callable[..., Any]) -> Any:
        wrote: dict[int, dict[State, Any]] = {}

        def staged(number: int, branch: Function) -> Function:
            def run(*operands: Any) -> tuple[Any, list[Any]]:
                output, effects = self.run(branch, (), operands)
                writes = effects.writes
                wrote[number] = {s: self.types_of(s, value) for s, value in writes.items()}
                if len(wrote) == len(self.branches):
                    self._compare(wrote)
                if self.rehearsing:
                    return output, []
                ends = (writes[state] if state in writes else lookup(state) for state in self.held)
                return output, list(map(_cast, ends, self.held.values()))

            return run

        self._kept = {}
        chosen = choose(*(staged(*item) for item in enumerate(self.branches)))
        if len(wrote) < len(self.branches):  # nothing was staged (`jax.disable_jit`)
            self._compare(wrote)
        return chosen

    def _compare(self, wrote: dict[int, dict[State, Any]]) -> None:
        """Compare the types of what each branch writes with the belief."""
        found = {}
        for state in dict.fromkeys(state for types in wrote.values() for state in types):
            kinds = [types[state] for types in wrote.values() if state in types]
            if len(kinds) < len(wrote):
                kinds.append(self.types_of(state, lookup(state)))
                self._kept.setdefault(state)
            found[state] = self._meet(state, kinds)
        held = self.held
        if any(state not in held or not _equal(held[state], found[state]) for state in found):
            self.learn(found)

    def _meet(self, state: State, kinds: list[Any]) -> Any:
        for types in kinds:
            if all(fits(other, types) for other in kinds):
                return types
        raise TypeError(
            f"{state!r} ends as {' or '.join(map(show, kinds))}, depending on the branch of "
            f"{self.what}, but must have one structure, and the same shapes and dtypes"
        )


def _equal(a: Any, b: Any) -> bool:
    return bool(jax.tree.flatten(a) == jax.tree.flatten(b))


def _cast(value: Any, types: Any) -> Any:
    """The value with weak types turned into what the other branches write."""
    if not fits(jax.tree.map(jax.typeof, value), types):
        return value  # a belief that is about to be corrected
    return jax.tree.map(_cast_leaf, value, types)


def _cast_leaf(leaf: Any, kind: Any) -> Any:
    own = jax.typeof(leaf)
    if (own.dtype, own.weak_type) == (kind.dtype, kind.weak_type):
        return leaf
    return jnp.asarray(leaf, kind.dtype)
