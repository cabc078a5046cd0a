"""Filters that are read wrongly, wherever they are read."""

from __future__ import annotations

from typing import Any

import refimpl
from tests.saboteurs.hooks import (
    on_filters,
    on_selection,
)
from tests.saboteurs.roster import Lib, saboteur

ROOM = refimpl.util.filter
FORMS = "FLT SEL FND GST"


@saboteur("FLT-01", also=FORMS)
def class_means_exactly_that_class(lib: Lib) -> None:
    """A class matches by `type(state) is cls`, so that subclasses are left out."""
    def exact(filter: Any) -> Any:
        return (lambda path, state: type(state) is filter) if isinstance(filter, type) else None

    on_filters(lib, exact)


@saboteur("FLT-01", also=FORMS)
def of_type_means_exactly_that_class(lib: Lib) -> None:
    """OfType compares types, where a bare class asks isinstance."""
    lib.util.filter.OfType = lambda kind: lambda path, state: type(state) is kind


@saboteur("FLT-02", "FLT-03", also=FORMS)
def tag_is_searched_as_text(lib: Lib) -> None:
    """A string matches every tag that contains it as text."""
    def within(filter: Any) -> Any:
        if isinstance(filter, str):
            return lambda path, state: filter in str(getattr(state, "tag", "") or "")
        return None

    on_filters(lib, within)


@saboteur("FLT-02", also=FORMS)
def string_means_a_part_of_the_path(lib: Lib) -> None:
    """A string matches paths that contain it, as PathContains does."""
    on_filters(lib, lambda f: ROOM.PathContains(f) if isinstance(f, str) else None)


@saboteur("FLT-03", also=FORMS)
def only_the_first_tag_counts(lib: Lib) -> None:
    """Of several tags the first in alphabetical order is compared."""
    def first(filter: Any) -> Any:
        if isinstance(filter, str):
            return lambda path, state: sorted(state.tag or ())[:1] == [filter]
        return None

    on_filters(lib, first)


@saboteur("FLT-04", also=FORMS)
def paths_are_compared_as_text(lib: Lib) -> None:
    """PathContains searches the key in the path joined with dots."""
    def joined(key: Any) -> Any:
        return lambda path, state: str(key) in ".".join(map(str, path))

    lib.util.filter.PathContains = joined


@saboteur("FLT-05", "FLT-14", also=FORMS)
def callables_get_the_state_first(lib: Lib) -> None:
    """A callable filter is called with the state and then the path."""
    def swapped(filter: Any) -> Any:
        if callable(filter) and type(filter).__module__ == "builtins" and (
                not isinstance(filter, type)):
            return lambda path, state: filter(state, path)
        return None

    on_filters(lib, swapped)


@saboteur("FLT-05", also=FORMS)
def callables_must_return_true_itself(lib: Lib) -> None:
    """A callable matches where it returns True, and not where it returns another true value."""
    def strict(filter: Any) -> Any:
        if callable(filter) and not isinstance(filter, type):
            return lambda path, state: filter(path, state) is True
        return None

    on_filters(lib, strict)


@saboteur("FLT-06", also=FORMS)
def everything_wants_a_tag(lib: Lib) -> None:
    """`...` matches the states that have any tag at all."""
    on_filters(lib, lambda f: (lambda path, state: bool(state.tag)) if f is ... else None)


@saboteur("FLT-07", also=FORMS)
def none_means_no_filter(lib: Lib) -> None:
    """None is read as the absence of a filter, and matches everything."""
    on_filters(lib, lambda f: ROOM.Everything() if f is None else None)


@saboteur("FLT-08", also=FORMS)
def list_wants_all_of_its_filters(lib: Lib) -> None:
    """A list or tuple of filters is read as All where it is meant as Any."""
    on_filters(lib, lambda f: ROOM.All(*f) if isinstance(f, (list, tuple)) else None)


@saboteur("FLT-09", also=FORMS)
def all_of_nothing_is_nothing(lib: Lib) -> None:
    """All without filters matches no state."""
    original = lib.util.filter.All
    lib.util.filter.All = lambda *fs: original(*fs) if fs else ROOM.Nothing()


@saboteur("FLT-10", also=FORMS)
def not_of_a_list_negates_its_parts(lib: Lib) -> None:
    """Not of a list matches where one of the parts does not match."""
    def negated(filter: Any) -> Any:
        if isinstance(filter, (list, tuple)):
            return ROOM.Any(*map(ROOM.Not, filter))
        return ROOM.Not(filter)

    lib.util.filter.Not = negated


@saboteur("FLT-11", also="FLT")
def combinations_take_predicates_only(lib: Lib) -> None:
    """Any, All and Not call their operands, so that a class in them is constructed."""
    def called(filters: Any, path: Any, state: Any) -> list[bool]:
        return [bool(f(path, state)) if callable(f) else bool(f) for f in filters]

    lib.util.filter.Any = lambda *fs: lambda path, state: any(called(fs, path, state))
    lib.util.filter.All = lambda *fs: lambda path, state: all(called(fs, path, state))


@saboteur("FLT-14", also="SEL FLT")
def filters_get_a_text_for_the_path(lib: Lib) -> None:
    """A callable filter is called with the path joined with dots."""
    def joined(filter: Any) -> Any:
        if callable(filter) and not isinstance(filter, type):
            return lambda path, state: filter(".".join(map(str, path)), state)
        return filter

    on_selection(lib, lambda node, *fs: refimpl.graph.states(node, *map(joined, fs)))


@saboteur("FLT-15", also="FLT")
def tags_are_read_once(lib: Lib) -> None:
    """The tag of a state is remembered when it is first asked for."""
    def remembered(filter: Any) -> Any:
        if not isinstance(filter, str):
            return None
        def match(path: Any, state: Any) -> bool:
            tags = vars(state).setdefault("_tags", state.tag)
            return tags is not None and filter in tags

        return match

    on_filters(lib, remembered)
