"""Modules: objects that hold states and other modules in their attributes (STA-07)."""

import jax
import jax.numpy as jnp

from . import graph
from .container import misfits, write
from .state import State
from .tree import copy_containers
from .typing import Filter, Pytree

__all__ = ["Module"]

_SHOWN = 12


class Module(graph.Node):
    """Base class of what has states: assign them, and other modules, to attributes."""

    states = graph.states

    def state_dict(self, filter: Filter = ...) -> dict[str, Pytree]:
        """The values of the selected states, by the dotted paths to them: ``'layers.0.w'``.

        Raises
        ------
        ValueError
            If two paths are the same when they are written with dots.
        """
        return {key: copy_containers(state.value) for key, state in self._dotted(filter).items()}

    def load_state_dict(self, values: dict[str, Pytree], filter: Filter = ...) -> None:
        """Set the selected states to values that `state_dict` gave, all or none.

        NumPy arrays, as files give them, become JAX arrays where the state holds one.

        Raises
        ------
        ValueError
            If there is a value too few or too many, or one that differs in structure, shape or
            dtype from what it replaces; all are named, and nothing is changed.
        """
        states = self._dotted(filter)
        wrong = [f"{key}: missing" for key in states if key not in values]
        wrong += [f"{key}: unexpected" for key in values if key not in states]
        for key, state in states.items():
            if key in values:
                wrong += [f"{key}: {text}" for text in misfits(state.value, values[key])]
        if wrong:
            raise ValueError("\n  ".join([f"the values do not fit {type(self).__name__}:", *wrong]))
        write({state: _like(state.value, values[key]) for key, state in states.items()})

    def _dotted(self, filter: Filter) -> dict[str, State]:
        dotted: dict[str, State] = {}
        for path, state in graph.states(self, filter).items():
            key = ".".join(map(str, path))
            if key in dotted:
                raise ValueError(f"two states of {type(self).__name__} have the path {key!r}")
            dotted[key] = state
        return dotted

    def __repr__(self) -> str:
        found = list(self.states().items())
        inside = [f"{'.'.join(map(str, path))}={state!r}" for path, state in found[:_SHOWN]]
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        return f"{type(self).__name__}({', '.join(inside + more)})"


def _like(old: Pytree, new: Pytree) -> Pytree:
    kept = copy_containers(new)
    return jax.tree.map(lambda a, b: jnp.asarray(b) if isinstance(a, jax.Array) else b, old, kept)
