"""vmap: a function in lanes side by side, each with its own draws (CTL).

All lanes start from the same values of shared states, and each from its own slice of mapped ones.
What a lane writes to a mapped state goes to its slice. A shared state has one value afterwards, so
all lanes must write the same to it. A random stream is neither: every lane gets a key of its own,
and the stream itself advances once.
"""

import functools
import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, TypeAlias
from weakref import WeakSet

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from ..frames import UNSET, Either, StateError, current, lookup, settle, stack
from ..random import DEFAULT, RandomState
from ..reach import guess_states
from ..state import State
from ..typing import Function, Predicate
from ..util.filter import to_predicate
from .checks import expect_function
from .staged import Beliefs, around, run


def vmap(
    fn: Function | None = None,
    *,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    spmd_axis_name: Any = None,
    in_states: Any = None,
    out_states: Any = None,
) -> Any:
    """A function of arrays with an additional axis, with a lane for each of its entries.

    Parameters
    ----------
    fn : callable, optional
        May read and write states; left out, the result is a decorator. A state that it creates and
        that outlives it holds the values of all lanes, along axis 0.
    in_axes, out_axes, axis_name, axis_size, spmd_axis_name
        As in `jax.vmap`.
    in_states : State, filter, container of these, or dict from axis to these, optional
        States that hold a value for each lane, along axis 0 if none is given. All others are
        shared.
    out_states : as `in_states`, optional
        States that hold a value for each lane afterwards; those of `in_states` do in any case.

    Raises
    ------
    ValueError
        If the lanes write values of their own to a shared state.
    """
    options: dict[str, Any] = {
        "in_axes": tuple(in_axes) if isinstance(in_axes, list) else in_axes,
        "out_axes": out_axes,
        "axis_name": axis_name,
        "axis_size": axis_size,
        "spmd_axis_name": spmd_axis_name,
    }
    if fn is None:
        return functools.partial(vmap, in_states=in_states, out_states=out_states, **options)
    expect_function(fn, "fn")
    mapped_in, mapped_out = _Axes(in_states, "in_states"), _Axes(out_states, "out_states")

    @functools.wraps(fn)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        return _Lanes(fn, options, mapped_in, mapped_out).call(args, kwargs)

    return mapped


class _Axes:
    """Which states are mapped, along which axis: by identity, or by filters."""

    def __init__(self, declared: Any, name: str) -> None:
        self.states: dict[State, int] = {}
        self.filters: list[tuple[int, Predicate]] = []
        if declared is None:
            return
        by_axis = isinstance(declared, dict) and all(type(key) is int for key in declared)
        for axis, selected in declared.items() if by_axis else [(0, declared)]:
            for entry in _entries(selected):
                if isinstance(entry, State):
                    if self.states.setdefault(entry, axis) != axis:
                        raise ValueError(f"{name} gives {entry!r} two different axes")
                else:
                    self.filters.append((axis, to_predicate(entry)))

    def all(self) -> list[int]:
        """Every axis that is given."""
        return [*self.states.values(), *(axis for axis, _ in self.filters)]

    def of(self, state: State) -> int | None:
        """The axis of a state, or None if it is shared."""
        return self.states[state] if state in self.states else _axis_by_filter(self.filters, state)


_Filters: TypeAlias = Sequence[tuple[int, Predicate]]


def _axis_by_filter(filters: _Filters, state: State) -> int | None:
    path = (state.name,) if state.name else ()
    return next((axis for axis, selects in filters if selects(path, state)), None)


class _Slices:
    """The states with a value of their own in every lane; a rule may be the first to read one."""

    def __init__(self, states: Iterable[State], filters: _Filters) -> None:
        self.states, self.filters = WeakSet(states), filters

    def __contains__(self, state: Any) -> bool:
        return state in self.states or _axis_by_filter(self.filters, state) is not None


def _entries(selected: Any) -> Iterator[Any]:
    if isinstance(selected, dict):
        selected = list(selected.values())
    if not isinstance(selected, (list, tuple, set, frozenset)):
        yield selected
        return
    for entry in selected:
        yield from _entries(entry)


class _Lanes(Beliefs[Any]):
    """One call of a mapped function.

    What is believed of a state is that it needs a value for each lane without being declared by
    itself: it is a random stream that the function draws from, or a filter selects it.
    """

    def __init__(
        self, fn: Function, options: dict[str, Any], axes_in: _Axes, axes_out: _Axes
    ) -> None:
        super().__init__("vmap", fn)
        self.fn = fn
        self.options = options
        self.axes_in = axes_in
        self.axes_out = axes_out
        self.places = tuple(dict.fromkeys((None, 0, *axes_in.all(), *axes_out.all())))
        # A draw from a stream that is known or in sight needs no second trace, which would double
        # what the function does beside its results, such as `jax.debug.print`.
        seen = [s for s in guess_states(fn) if isinstance(s, RandomState)] if self.doubtful else []
        streams = (s for s in (DEFAULT, *seen) if current(s) is not UNSET)
        self.held = {s: UNSET for s in (*streams, *self.held) if self._is_per_lane(s)}
        self.bound: list[State] = []
        self.keys: dict[State, Any] = {}
        self.groups: list[list[State]] = []
        self.size = 0

    def call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run all lanes, and commit what they did."""
        with around(self.written):
            output, groups, born = self.trace(lambda: self._stage(args, kwargs), rehearsed=False)
            writes = {state: keys[0] for state, keys in self.keys.items()}
            for states, values in zip(self.groups, groups, strict=True):
                writes.update(zip(states, values, strict=True))
            effects = self.effects
            if not self.size:  # nothing ran
                effects.touched, effects.writes = dict.fromkeys(effects.touched, False), {}
            effects.writes = {state: writes[state] for state in effects.writes}
            effects.born = dict(zip(effects.born, born, strict=True))
            settle(effects)
        return output

    def _stage(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        axes = {state: self.axes_in.of(state) for state in (*self.axes_in.states, *self.held)}
        mapped = {state: axis for state, axis in axes.items() if axis is not None}
        size = self.size = self._size(args, kwargs, mapped)
        self.keys = {
            state: jax.random.split(lookup(state), size + 1)
            for state, axis in axes.items()
            if axis is None
        }
        self.bound = [*mapped, *self.keys]
        place = self._place_of_lanes(args, kwargs, mapped)
        values = [*map(lookup, mapped), *(place(keys[1:]) for keys in self.keys.values())]
        along = functools.partial(
            jax.vmap,
            in_axes=([*mapped.values(), *(0 for _ in self.keys)], self.options["in_axes"], 0),
            axis_size=size,
            axis_name=self.options["axis_name"],
            spmd_axis_name=self.options["spmd_axis_name"],
        )
        lanes = along(self._lane, out_axes=(self.options["out_axes"], self.places, 0))
        try:
            return lanes(values, args, kwargs)
        except ValueError as error:
            shared = self.groups[0] if self.groups else []
            for index, state in enumerate(shared):
                one = along(functools.partial(self._shared_write, index), out_axes=None)
                self._expect_one_value(state, one, (values, args, kwargs), error, len(shared) == 1)
            raise

    def _place_of_lanes(
        self, args: Sequence[Any], kwargs: dict[str, Any], mapped: dict[State, int]
    ) -> Callable[[Any], Any]:
        """What puts the keys where the lanes are, as JAX asks for if axes are explicit."""
        parts = [(self.options["in_axes"], tuple(args)), (0, kwargs)]
        parts += [(axis, lookup(state)) for state, axis in mapped.items()]
        for leaf, axis in itertools.chain.from_iterable(itertools.starmap(_leaves, parts)):
            kind = jax.typeof(leaf).sharding
            if any(kind.spec):
                mesh = getattr(leaf, "sharding", kind).mesh  # a tracer has none
                along = NamedSharding(mesh, PartitionSpec(kind.spec[axis]))
                return functools.partial(jax.sharding.reshard, out_shardings=along)
        return lambda keys: keys

    def _lane(self, values: list[Any], args: Any, kwargs: Any) -> tuple[Any, Any, list[Any]]:
        """The function in a lane: its result, its writes by their axes, and its new states."""
        self.groups = []
        bound = zip(self.bound, values, strict=True)
        filtered = _Slices((), self.axes_in.filters)
        output, self.effects = run(self.fn, bound, args, kwargs, [filtered])
        self._expect_bound()
        for frame in stack.frames:
            frame.sliced.append(self._slices())
        writes, born = self.effects.writes, self.effects.born
        self.effects.writes, self.effects.born = dict.fromkeys(writes), dict.fromkeys(born)
        self.effects.copies = {}  # what was changed in place in a lane holds its tracers
        self.groups = [[] for _ in self.places]
        for state in writes:
            self.types_of(state, writes[state])  # to be told of by name
            if state not in self.keys or state not in self.effects.fetched:
                self.groups[self.places.index(self._place(state))].append(state)
        grouped = tuple([writes[state] for state in group] for group in self.groups)
        return output, grouped, list(born.values())

    def written(self) -> Container[State]:
        """Also what every lane saw a slice of."""
        return Either(self.effects.writes, self._slices())

    def _slices(self) -> "_Slices":
        bound = (s for s in self.bound if s not in self.keys or s in self.effects.fetched)
        return _Slices(bound, self.axes_in.filters)

    def _shared_write(self, index: int, *given: Any) -> Any:
        return self._lane(*given)[1][0][index]

    def _is_per_lane(self, state: State) -> bool:
        return isinstance(state, RandomState) or self.axes_in.of(state) is not None

    def _place(self, state: State) -> int | None:
        axis = self.axes_out.of(state)
        return self.axes_in.of(state) if axis is None else axis

    def _expect_bound(self) -> None:
        """Start over if a state that needs a value for each lane had the same in all of them."""
        missed = {
            state: UNSET
            for state in self.effects.fetched
            if state not in self.bound and self._is_per_lane(state)
        }
        if not missed:
            return
        for state in self.effects.born:
            raise StateError(
                f"vmap has met {next(iter(missed))!r}, which needs a value for each lane, "
                f"and cannot run its function again, as that created {state!r}. Name the "
                "former in in_states, or use it in a function that creates no states"
            )
        self.learn({state: UNSET for state in self.held if state in self.effects.fetched} | missed)

    def _expect_one_value(
        self, state: State, lanes: Function, given: Any, error: ValueError, alone: bool
    ) -> None:
        try:
            lanes(*given)
        except (ValueError, StateError) as again:
            if isinstance(again, StateError) and not alone:  # a state was made, and is gone
                return
            raise ValueError(
                f"the lanes of vmap write values of their own to {state!r}, which they share. "
                "Give it an axis in out_states (and in in_states, if every lane has a value of its "
                "own to begin with), or write what is the same in all lanes, such as a mean over "
                "axis_name"
            ) from error

    def _size(self, args: Sequence[Any], kwargs: dict[str, Any], mapped: dict[State, int]) -> int:
        """How many lanes there are. Whether arguments agree is for JAX to see."""
        given = self.options["axis_size"]
        sizes: list[Any] = [] if given is None else [given]
        fits = True
        try:
            sizes += _lengths(self.options["in_axes"], tuple(args)) + _lengths(0, kwargs)
        except ValueError:  # in_axes that do not fit the arguments
            fits = False
        for state, axis in mapped.items():
            found = _lengths(axis, lookup(state))
            if len({*sizes[:1], *found}) > 1 or None in found:
                raise ValueError(
                    f"{state!r} has no axis {axis} with an entry for each lane of vmap"
                    + (f", of which there are {sizes[0]}" if sizes else "")
                )
            sizes += found
        if not sizes and fits:
            raise ValueError("vmap needs an argument or a state with an axis, or axis_size")
        return int(sizes[0]) if sizes else 1


def _lengths(axes: Any, tree: Any) -> list[Any]:
    """The length of each array along the axis that it is mapped over, None where it has none."""
    shapes = [(jnp.shape(leaf), axis) for leaf, axis in _leaves(axes, tree)]
    return [shape[axis] if -len(shape) <= axis < len(shape) else None for shape, axis in shapes]


def _leaves(axes: Any, tree: Any) -> list[tuple[Any, int]]:
    """The arrays that are mapped, each with its axis."""
    found: list[tuple[Any, int]] = []

    def visit(axis: int | None, part: Any) -> None:
        if axis is not None:
            found.extend((leaf, axis) for leaf in jax.tree.leaves(part))

    jax.tree.map(visit, axes, tree, is_leaf=lambda axis: axis is None)
    return found
