"""Classes that are decorators with options, too."""

import functools
from typing import Any

__all__ = ["Deferred"]


class Deferred:
    """Makes a class usable as a decorator with options: without a function it waits for one."""

    def __new__(cls, fun: Any = None, /, *_: Any, **options: Any) -> Any:
        if fun is None and options.keys().isdisjoint(("target", "fn", "fun")):
            return functools.partial(cls, **options)
        return super().__new__(cls)
