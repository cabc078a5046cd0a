"""State-aware automatic differentiation on JAX: the reference implementation.

A `State` is a mutable cell. The transforms in `refimpl.transform` differentiate and compile
functions that read and write states, and behave as the specification demands.
"""

from . import graph, nn, random, transform, util
from . import threads as threads  # what is handed to other threads runs in frames, too
from .container import update, values
from .frames import StateError
from .state import BatchState, HiddenState, LongTermState, ParamState, ShortTermState, State

__version__ = "0.1.0"

__all__ = [
    "BatchState",
    "HiddenState",
    "LongTermState",
    "ParamState",
    "ShortTermState",
    "State",
    "StateError",
    "graph",
    "nn",
    "random",
    "transform",
    "update",
    "util",
    "values",
]
