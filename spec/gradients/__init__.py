"""Gradient checks for functions over states, of any library that has the interface.

For a user of such a library, in the tests of a model or of a custom derivative rule.  Nothing here
imports a library: it is found from the states, or given.
"""

from .check import check_grads
from .failures import Undecided, WrongDerivative, WrongEffect

__all__ = ["Undecided", "WrongDerivative", "WrongEffect", "check_grads"]
