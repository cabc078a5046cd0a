"""What is differentiated: the selected states and arguments, as one pytree node.

A JAX transform sees a single argument, a `Selected`. JAX puts nodes of that type wherever its
own layout of the result has the structure of the argument, so the result is shaped by looking
for them (RET, GST, ARG).
"""

import copy
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..container import scan
from ..state import State
from ..summary import expect_shallow
from ..tree import Build
from ..typing import Argnums, Container, Pytree


class ArgnumsError(TypeError, ValueError):
    """Argnums that do not fit the call: JAX raises either of the two bases, depending on how."""


@dataclass(eq=False)
class Selected:
    """Values of the selected states and arguments, or derivatives with respect to them."""

    states: list[Any]
    args: list[Any]


jax.tree_util.register_dataclass(Selected, ["states", "args"], [])


def _is_selected(node: object) -> bool:
    return isinstance(node, Selected)


def parse_argnums(argnums: Any) -> int | tuple[int, ...] | None:
    """Check the form of argnums: None, an index, or a sequence of distinct indices."""
    if argnums is None:
        return None
    if _is_sequence(argnums):
        indices = tuple(_index(entry, argnums) for entry in argnums)
        if len(set(indices)) < len(indices):
            raise ValueError(f"argnums must not repeat an index, got {argnums!r}")
        return indices
    return _index(argnums, argnums)


def _is_sequence(argnums: object) -> bool:
    if getattr(argnums, "ndim", 1) == 0:  # an array of no dimensions is a number with __iter__
        return False
    return isinstance(argnums, Iterable) and not isinstance(argnums, (str, bytes, dict, set))


def _index(entry: Any, argnums: object) -> int:
    try:
        if not isinstance(entry, bool):
            return operator.index(entry)
    except TypeError:
        pass
    raise TypeError(f"argnums must be an int, a sequence of ints or None, got {argnums!r}")


class Selection:
    """The declaration of what to differentiate, and the shape of results.

    Parameters
    ----------
    grad_states : container of State, or None
        States in lists, tuples, named tuples and dicts, to any depth.
    argnums : int, sequence of int, or None
        Positional arguments; None means argument 0 if there are no states.
    """

    def __init__(self, grad_states: Container, argnums: Argnums) -> None:
        found: dict[State, tuple[int, str]] = {}
        self.argnums = parse_argnums(argnums)
        self.fill_states: Build | None = None
        if grad_states is not None:
            with expect_shallow("grad_states"):
                self.fill_states = scan(grad_states, "grad_states", found)
        elif self.argnums is None:
            self.argnums = 0
        self.paths = {state: path for state, (_, path) in found.items()}
        self.states = list(self.paths)

    def positions(self, count: int) -> tuple[int, ...]:
        """The selected positions among `count` positional arguments."""
        if self.argnums is None:
            return ()
        wanted = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        for index in wanted:
            if not -count <= index < count:
                raise ArgnumsError(
                    f"argnums={index} asks for a positional argument that is not there: "
                    f"the call has {count}"
                )
        found = tuple(index % count for index in wanted)
        if len(set(found)) < len(found):
            raise ArgnumsError(f"argnums={self.argnums} names one of {count} arguments twice")
        return found

    def check_leaves(self, selected: Selected, allow_int: bool) -> None:
        """Refuse leaves that have no derivative, by name."""
        if all(_differentiable(leaf, allow_int) for leaf in jax.tree.leaves(selected)):
            return
        positions = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        names = [f"{path} ({state!r})" for state, path in self.paths.items()]
        names += [f"argument {position}" for position in positions]
        for name, value in zip(names, [*selected.states, *selected.args], strict=False):
            for path, leaf in jax.tree_util.tree_leaves_with_path(value):
                if not _differentiable(leaf, allow_int):
                    kind = getattr(leaf, "dtype", type(leaf).__name__)
                    raise TypeError(
                        f"cannot differentiate with respect to {name}"
                        f"{' at ' + jax.tree_util.keystr(path) if path else ''}: it holds {kind}, "
                        "where floating point (or complex) numbers are needed"
                    )

    def shape(self, grads: Pytree) -> Pytree:
        """Give derivatives the shape of the table's result: its pair is outermost."""
        leaves = jax.tree.leaves(grads, is_leaf=_is_selected)
        if leaves and not any(map(_is_selected, leaves)):
            return grads  # not ours to shape: a custom transform returned something else
        if self.fill_states is None or self.argnums is None:
            return self._columns(grads)
        return _replace(self._of_states, grads), _replace(self._of_args, grads)

    def without_states(self) -> "Selection":
        """One that can do nothing but shape, for what JAX may keep."""
        made = copy.copy(self)
        made.paths, made.states = {}, []
        return made

    def _columns(self, row: Pytree) -> Pytree:
        """The same with the pair in place: where a row of second derivatives ends, it is inside."""
        if self.fill_states is None:
            return _replace(self._of_args, row)
        if self.argnums is None:
            return _replace(self._of_states, row)
        return _replace(lambda found: (self._of_states(found), self._of_args(found)), row)

    def _of_states(self, found: Selected) -> Pytree:
        assert self.fill_states is not None
        return self.fill_states([self._columns(grad) for grad in found.states])

    def _of_args(self, found: Selected) -> Pytree:
        grads = tuple(self._columns(grad) for grad in found.args)
        return grads if isinstance(self.argnums, tuple) else grads[0]


def _replace(part: Callable[[Selected], Pytree], tree: Pytree) -> Pytree:
    """The tree with a part of each outermost `Selected` in place of it."""
    return jax.tree.map(
        lambda leaf: part(leaf) if _is_selected(leaf) else leaf, tree, is_leaf=_is_selected
    )


def _differentiable(leaf: object, allow_int: bool) -> bool:
    if isinstance(leaf, (bool, int)):
        return allow_int
    if isinstance(leaf, (float, complex)):
        return True
    dtype = getattr(leaf, "dtype", np.dtype(object))
    kinds = (jnp.inexact, jnp.integer, jnp.bool_) if allow_int else (jnp.inexact,)
    return any(jnp.issubdtype(dtype, kind) for kind in kinds)
