"""Selections from modules that are incomplete, misplaced, or out of order."""

from __future__ import annotations

import zlib
from typing import Any

import refimpl
from tests.saboteurs.hooks import (
    nest,
    on_each,
    on_selection,
)
from tests.saboteurs.roster import Lib, saboteur

states = refimpl.graph.states
MAPPINGS = "SEL GST FLT CUS RET"


def change_selections(lib: Lib, change: Any, treefy: bool = True) -> None:
    """Change every mapping of a selection."""
    on_selection(lib, lambda node, *fs: on_each(change, states(node, *fs)), treefy)


@saboteur("SEL-01", also=MAPPINGS)
def states_in_lists_are_overlooked(lib: Lib) -> None:
    """States in lists and tuples of a module are not found."""
    def outside(flat: Any) -> Any:
        return {p: s for p, s in flat.items() if not any(isinstance(k, int) for k in p)}

    change_selections(lib, outside)


@saboteur("SEL-01", "SEL-16", also=MAPPINGS + " ARG")
def selection_holds_copies(lib: Lib) -> None:
    """A selection holds copies of the states."""
    def copies(flat: Any) -> Any:
        return {p: type(s)(s.value, s.name, tag=s.tag) for p, s in flat.items()}

    change_selections(lib, copies)


@saboteur("SEL-02", also=MAPPINGS)
def one_filter_gives_a_tuple(lib: Lib) -> None:
    """One filter gives a 1-tuple of mappings, as several do."""
    def select(node: Any, *filters: Any) -> Any:
        return (states(node, *filters),) if len(filters) == 1 else states(node, *filters)

    on_selection(lib, select, treefy=False)


@saboteur("SEL-03", "SEL-14", also="SEL ERR")
def last_filter_wins(lib: Lib) -> None:
    """A state that several filters match goes to the last of them."""
    def select(node: Any, *filters: Any) -> Any:
        if len(filters) < 2 or filters[-1] in (..., True):
            return states(node, *filters)
        return tuple(reversed(states(node, *reversed(filters))))

    on_selection(lib, select, treefy=False)


@saboteur("SEL-03", also="SEL ERR")
def every_match_counts(lib: Lib) -> None:
    """A state that several filters match is in each of their mappings."""
    def select(node: Any, *filters: Any) -> Any:
        many = len(filters) > 1
        return tuple(states(node, f) for f in filters) if many else states(node, *filters)

    on_selection(lib, select)


@saboteur("SEL-03", also="SEL")
def the_rest_is_everything(lib: Lib) -> None:
    """`...` after other filters matches everything, not only what is left."""
    def select(node: Any, *filters: Any) -> Any:
        found = states(node, *filters)
        if len(filters) > 1 and (filters[-1] is ... or filters[-1] is True):
            return (*found[:-1], states(node))
        return found

    on_selection(lib, select)


@saboteur("SEL-05", also=MAPPINGS)
def indices_are_text(lib: Lib) -> None:
    """Indices of lists are written as text into paths."""
    change_selections(lib, lambda flat: {
        tuple(str(k) if isinstance(k, int) else k for k in p): s for p, s in flat.items()})


@saboteur("SEL-02", "SEL-14", also="SEL FLT")
def selections_take_no_lists(lib: Lib) -> None:
    """Selections read only the first filter of a list; to_predicate reads them all."""
    def select(node: Any, *filters: Any) -> Any:
        return refimpl.graph.states(node, *(
            f[0] if isinstance(f, (list, tuple)) and f else f for f in filters))

    on_selection(lib, select)


@saboteur("SEL-05", also=MAPPINGS + " ARG")
def paths_start_above(lib: Lib) -> None:
    """A path begins with the name of the module's class."""
    def select(node: Any, *filters: Any) -> Any:
        name = type(node).__name__
        return on_each(lambda flat: {(name, *p): s for p, s in flat.items()},
                       states(node, *filters))

    on_selection(lib, select)


@saboteur("SEL-06", also=MAPPINGS)
def order_is_by_hash(lib: Lib) -> None:
    """A selection is ordered by a hash of the paths."""
    def hashed(item: Any) -> int:
        return zlib.crc32(repr(item[0]).encode())

    change_selections(lib, lambda flat: dict(sorted(flat.items(), key=hashed)))


@saboteur("SEL-06", also=MAPPINGS)
def indices_are_sorted_as_text(lib: Lib) -> None:
    """A selection is sorted by the text of its paths, so that 10 comes before 9."""
    def text(item: Any) -> list[str]:
        return [str(key) for key in item[0]]

    change_selections(lib, lambda flat: dict(sorted(flat.items(), key=text)))


@saboteur("SEL-06", also=MAPPINGS)
def order_is_that_of_assignment(lib: Lib) -> None:
    """Attributes are visited in the order in which they were assigned."""
    def by_assignment(node: Any, *filters: Any) -> Any:
        if not hasattr(node, "__dict__"):
            return states(node, *filters)
        order = list(vars(node))
        return on_each(lambda flat: dict(sorted(
            flat.items(), key=lambda item: order.index(item[0][0]))), states(node, *filters))

    on_selection(lib, by_assignment)


@saboteur("SEL-07", also="SEL GST")
def equal_values_are_one_state(lib: Lib) -> None:
    """States are told apart by class and value, so that equal ones appear once."""
    def distinct(flat: Any) -> Any:
        seen: dict[str, Any] = {}
        for path, state in flat.items():
            seen.setdefault(f"{type(state).__name__} {state.value} {state.tag}", path)
        return {p: s for p, s in flat.items() if p in set(seen.values())}

    change_selections(lib, distinct)


def walk(node: Any, path: Any = (), above: Any = ()) -> Any:
    """All paths to states, shared ones too."""
    if isinstance(node, refimpl.State):
        yield path, node
    elif id(node) not in above:
        items = (enumerate(node) if isinstance(node, (list, tuple)) else
                 sorted(node.items(), key=str) if isinstance(node, dict) else
                 sorted(vars(node).items()) if hasattr(node, "__dict__") else ())
        for key, child in items:
            yield from walk(child, (*path, key), (*above, id(node)))


@saboteur("SEL-07", "SEL-08", also="SEL GST")
def shared_states_appear_twice(lib: Lib) -> None:
    """A state that is reached in several ways appears under each of its paths."""
    def select(node: Any, *filters: Any) -> Any:
        return states(node, *filters) if filters else dict(walk(node))

    on_selection(lib, select)


@saboteur("SEL-08", also="SEL GST")
def last_path_wins(lib: Lib) -> None:
    """What is reached in several ways is found under the last of its paths."""
    def select(node: Any, *filters: Any) -> Any:
        last = {id(state): path for path, state in walk(node)}
        return on_each(lambda flat: {last[id(s)]: s for s in flat.values()},
                       states(node, *filters))

    on_selection(lib, select)


@saboteur("SEL-09", also="SEL")
def cycles_are_followed(lib: Lib) -> None:
    """Modules that were visited are not remembered, so that a cycle never ends."""
    def deep(node: Any, above: Any = ()) -> None:
        if id(node) in above:
            raise RecursionError("maximum recursion depth exceeded")
        items = node if isinstance(node, (list, tuple)) else (
            node.values() if isinstance(node, dict) else
            vars(node).values() if isinstance(node, refimpl.nn.Module) else ())
        for child in items:
            deep(child, (*above, id(node)))

    def select(node: Any, *filters: Any) -> Any:
        deep(node)
        return states(node, *filters)

    on_selection(lib, select)


@saboteur("SEL-10", also="SEL")
def whatever_holds_a_value_is_a_state(lib: Lib) -> None:
    """Every attribute that is no container is taken for a state."""
    def select(node: Any, *filters: Any) -> Any:
        found = states(node, *filters)
        if filters or not isinstance(node, refimpl.nn.Module):
            return found
        known = (refimpl.State, refimpl.nn.Module, list, tuple, dict)
        more = {(k,): v for k, v in vars(node).items() if not isinstance(v, known)}
        return found | more

    on_selection(lib, select)


@saboteur("SEL-11", also="SEL FLT")
def selections_are_remembered(lib: Lib) -> None:
    """The walk is made once for every module, and later changes are not seen."""
    seen: dict[int, Any] = {}

    def select(node: Any, *filters: Any) -> Any:
        if filters:
            return states(node, *filters)
        return seen.setdefault(id(node), (node, states(node)))[1]

    on_selection(lib, select)


@saboteur("SEL-12", also="SEL GST FLT CUS RET ARG")
def mapping_without_its_methods(lib: Lib) -> None:
    """A selection iterates over pairs, where a mapping iterates over keys."""
    class Pairs(dict):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter(self.items())

    change_selections(lib, Pairs, treefy=False)


@saboteur("SEL-02", also="SEL GST FLT")
def nothing_selected_is_none(lib: Lib) -> None:
    """Where no state matches there is None, not an empty mapping."""
    change_selections(lib, lambda flat: flat or None, treefy=False)


@saboteur("SEL-14", also="SEL GST FLT")
def treefied_in_reverse(lib: Lib) -> None:
    """treefy_states visits last attributes first."""
    lib.graph.treefy_states = lambda node, *fs: on_each(
        lambda flat: nest(dict(reversed(list(flat.items())))), states(node, *fs))


@saboteur("SEL-15", also="SEL GST")
def treefied_flat(lib: Lib) -> None:
    """treefy_states returns a flat mapping that only claims to be nested."""
    class Flat(dict):  # type: ignore[type-arg]
        def to_flat(self) -> Any:
            return dict(self)

    lib.graph.treefy_states = lambda node, *fs: on_each(Flat, states(node, *fs))


@saboteur("SEL-16", also="SEL GST FLT")
def treefied_copies(lib: Lib) -> None:
    """treefy_states returns copies of the states, as a snapshot does."""
    def copies(flat: Any) -> Any:
        return nest({p: type(s)(s.value, s.name, tag=s.tag) for p, s in flat.items()})

    lib.graph.treefy_states = lambda node, *fs: on_each(copies, states(node, *fs))


@saboteur("SEL-17", also="SEL")
def treefied_modules_only(lib: Lib) -> None:
    """treefy_states takes modules and nothing else."""
    def treefy(node: Any, *filters: Any) -> Any:
        if not isinstance(node, refimpl.nn.Module):
            raise TypeError(f"expected a module, got {type(node).__name__}")
        return refimpl.graph.treefy_states(node, *filters)

    lib.graph.treefy_states = treefy


class View:
    """A mapping that transforms do not know."""

    def __init__(self, flat: Any) -> None:
        self.flat = flat

    def __getattr__(self, name: str) -> Any:
        return getattr(self.flat, name)

    def __iter__(self) -> Any:
        return iter(self.flat)

    def __len__(self) -> int:
        return len(self.flat)

    def __contains__(self, key: Any) -> bool:
        return key in self.flat

    def __getitem__(self, key: Any) -> Any:
        return self.flat[key]
