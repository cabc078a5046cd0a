"""Classes that are decorators with options, too, and whose objects can be copied and pickled."""

import functools
import sys
from typing import Any

__all__ = ["Deferred"]


class Deferred:
    """A transform of a function: an object made from the function and options.

    - Without a function, the class waits for one, and so is a decorator with options.
    - Copies and pickles are made anew from the arguments. In the deep copy of a module, a
      transform that the module holds is one of the copied methods and states.
    - A transform that decorates a function is known by the function's name, as the function
      would be: its copy is itself, and its pickle is the name.
    """

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **options: Any) -> Any:
        if (not args or args[0] is None) and options.keys().isdisjoint(("target", "fn", "fun")):
            return functools.partial(_decorate, cls, args[1:], options)
        made = super().__new__(cls)
        made._arguments = args, options
        return made

    def __reduce__(self) -> Any:
        name = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (_make, (type(self), *self._arguments))


def _make(cls: type, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return cls(*args, **options)


def _decorate(cls: type, args: tuple[Any, ...], options: dict[str, Any], fun: Any) -> Any:
    return cls(fun, *args, **options)
