"""Modules: objects that hold states and other modules in their attributes (SEL)."""

from typing import Any

from . import graph

__all__ = ["Module"]


class Module(graph.Node):
    """Base class of what has states: assign them, and other modules, to attributes."""

    def states(self, *filters: Any) -> Any:
        """The states of this module and of all below it; see `graph.states`."""
        return graph.states(self, *filters)

    def __repr__(self) -> str:
        found = self.states()
        inside = ", ".join(f"{'.'.join(map(str, path))}={state}" for path, state in found.items())
        return f"{type(self).__name__}({inside})"
