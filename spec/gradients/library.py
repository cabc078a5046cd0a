"""The library that a state belongs to."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any


def library_of(states: Sequence[Any]) -> Any:
    """The module whose ``State`` the states are, and that has a ``transform``.

    Raises
    ------
    TypeError
        If there is none among the packages of the states' classes.
    """
    for kind in (kind for state in states for kind in type(state).__mro__):
        parts = kind.__module__.split(".")
        for end in range(1, len(parts) + 1):
            module = sys.modules.get(".".join(parts[:end]))
            base = getattr(module, "State", None)
            if isinstance(base, type) and issubclass(kind, base) and hasattr(module, "transform"):
                return module
    found = ", ".join(sorted({type(state).__name__ for state in states})) or "no state"
    raise TypeError(f"check_grads: grad_states holds {found}, of no module with the names State "
                    "and transform; expected states of a library with the interface, or lib=")
