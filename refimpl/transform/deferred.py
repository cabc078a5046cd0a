"""Classes that are decorators with options, too, and whose objects can be copied and pickled."""

import copy
import functools
import sys
import types
from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, Self, overload

from ..reach import guess_states
from ..typing import P, R

Q = ParamSpec("Q")


class Deferred(Generic[P, R]):
    """A transform of a function: an object made from the function and options.

    - Without a function, the class waits for one, and so is a decorator with options.
    - As an attribute of a class, it is a method.
    - Copies and pickles are made anew from the arguments. In the deep copy of a module, a
      transform that the module holds is one of the copied methods and states. A deep copy leaves
      functions as they are, and so the states that a function knows otherwise.
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

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self: "Deferred[Concatenate[Any, Q], R]", instance: object, owner: type | None = None
    ) -> Callable[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self._as_method(), instance)

    def _as_method(self) -> Any:
        """What is called with the object that has the method."""
        return self

    def __reduce__(self) -> Any:
        name = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (_make, (type(self), *self._arguments))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if isinstance(self.__reduce__(), str):
            return self
        args, options = self._arguments
        objects, functions = _parts(self)
        beside = types.FunctionType, Deferred
        copied = {id(state) for state in guess_states(*objects, beside=beside)}
        left = {id(s): s for s in guess_states(*functions) if id(s) not in copied}
        before = {key: memo[key] for key in left if key in memo}
        memo.update(left)
        try:
            return _make(type(self), *copy.deepcopy((args, options), memo))
        finally:
            for key in left:
                del memo[key]
            memo.update(before)


def _parts(fun: Any) -> tuple[list[Any], list[Any]]:
    """The objects that a deep copy of a callable copies with it, and the functions, which stay."""
    if isinstance(fun, types.FunctionType):
        return [], [fun]
    if isinstance(fun, types.MethodType):
        return [fun.__self__], [fun.__func__]
    if isinstance(fun, functools.partial):
        objects, functions = _parts(fun.func)
        return [*objects, *fun.args, *fun.keywords.values()], functions
    if not isinstance(fun, Deferred):
        return [fun], [type(fun).__call__]
    args, options = fun._arguments
    parts = [_parts(part) for part in (*args, *options.values()) if callable(part)]
    return [held for part in parts for held in part[0]], [f for part in parts for f in part[1]]


def _make(cls: type, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return cls(*args, **options)


def _decorate(cls: type, args: tuple[Any, ...], options: dict[str, Any], fun: Any) -> Any:
    return cls(fun, *args, **options)
