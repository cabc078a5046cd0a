"""Filters: predicates of a path and a value, and the shorthand forms of them (FLT-01 to FLT-15)."""

import typing
from collections.abc import Iterable
from dataclasses import dataclass

from ..typing import Filter, Path, Predicate

__all__ = [
    "All",
    "Any",
    "Everything",
    "Not",
    "Nothing",
    "OfType",
    "PathContains",
    "WithTag",
    "to_predicate",
]


def to_predicate(filter: Filter) -> Predicate:
    """The predicate that a filter stands for.

    A string selects by tag, a type by class, ``...`` and True everything, None and False
    nothing, a list or tuple whatever one of its entries selects; a callable is a predicate
    (FLT-01 to FLT-11).

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if isinstance(filter, str):
        return WithTag(filter)
    if isinstance(filter, type):
        return OfType(filter)
    if filter is ... or filter is True:
        return Everything()
    if filter is None or filter is False:
        return Nothing()
    if isinstance(filter, (list, tuple)):
        return Any(*filter)
    if callable(filter):
        return filter
    raise TypeError(
        f"a filter is a str, type, bool, ..., None, predicate, list or tuple, got {filter!r}"
    )


@dataclass(frozen=True)
class OfType:
    """Values of a class or its subclasses."""

    type: type

    def __call__(self, path: Path, value: object) -> bool:
        return isinstance(value, self.type)


@dataclass(frozen=True)
class WithTag:
    """Values whose `tag` is this string, or contains it."""

    tag: str

    def __post_init__(self) -> None:
        if not isinstance(self.tag, str):
            raise TypeError(f"tag must be a str, got {self.tag!r}")

    def __call__(self, path: Path, value: object) -> bool:
        tag = getattr(value, "tag", None)
        if isinstance(tag, str):
            return tag == self.tag
        return isinstance(tag, Iterable) and self.tag in tag


@dataclass(frozen=True)
class PathContains:
    """Values with this key somewhere in their path."""

    key: object

    def __call__(self, path: Path, value: object) -> bool:
        return self.key in path


@dataclass(frozen=True, init=False)
class _Combination:
    predicates: tuple[Predicate, ...]

    def __init__(self, *filters: Filter) -> None:
        object.__setattr__(self, "predicates", tuple(map(to_predicate, filters)))


@dataclass(frozen=True, init=False)
class Any(_Combination):
    """What at least one of the filters selects."""

    def __call__(self, path: Path, value: object) -> bool:
        return any(predicate(path, value) for predicate in self.predicates)


@dataclass(frozen=True, init=False)
class All(_Combination):
    """What all of the filters select."""

    def __call__(self, path: Path, value: object) -> bool:
        return all(predicate(path, value) for predicate in self.predicates)


@dataclass(frozen=True)
class Not:
    """What the filter does not select."""

    filter: Filter

    def __post_init__(self) -> None:
        object.__setattr__(self, "filter", to_predicate(self.filter))

    def __call__(self, path: Path, value: object) -> bool:
        return not typing.cast(Predicate, self.filter)(path, value)


@dataclass(frozen=True)
class Everything:
    """All values."""

    def __call__(self, path: Path, value: object) -> bool:
        return True


@dataclass(frozen=True)
class Nothing:
    """No value."""

    def __call__(self, path: Path, value: object) -> bool:
        return False
