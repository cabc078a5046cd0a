"""States that are no faithful cells, and random numbers that are not those of the stream."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any
from unittest import mock
from weakref import WeakSet

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    first_in_all,
    inside,
    intercept,
    kept,
    map_nodes,
    on_build,
    on_call,
    on_state,
    selected,
    states_in,
    written,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur


@saboteur("STA-06", also=ANYTHING)
def first_values_are_kept(lib: Lib) -> None:
    """A transform differentiates at the values that the states held at its first call."""
    def hook(call: Call) -> Any:
        states = selected(call)
        first = call.memory.setdefault("first", [s.value for s in states])
        if written(call):
            return call.proceed()
        with kept(states):
            for state, value in zip(states, first, strict=True):
                state.value = value
            return call.proceed()

    on_call(lib, hook)


random = refimpl.random


@saboteur("STA-01", also=ANYTHING)
def values_become_arrays(lib: Lib) -> None:
    """Numbers in the value of a state are converted to arrays when it is made."""
    class Converting:
        def __init__(self, value: Any, *args: Any, **options: Any) -> None:
            array = jax.tree.map(lambda x: jnp.asarray(x) if isinstance(x, (int, float)) else x,
                                 value)
            super().__init__(array, *args, **options)  # type: ignore[call-arg]

    on_state(lib, Converting)


@saboteur("STA-01", also=ANYTHING)
def dicts_are_sorted(lib: Lib) -> None:
    """A dict that is written to a state is flattened, and comes back with its keys sorted."""
    class Sorting(Cell):
        def read(self) -> Any:
            value = super().read()
            return dict(sorted(value.items())) if type(value) is dict else value

    on_state(lib, Sorting)


@saboteur("STA-01", also=ANYTHING)
def parts_of_nodes_are_mixed_up(lib: Lib) -> None:
    """In a call, a node that is no list, tuple or dict is read with its first part in all places,
    as if a part were known by where it was in memory."""
    class Mixed(Cell):
        def read(self) -> Any:
            value = super().read()
            return map_nodes(first_in_all, value) if inside() else value

    on_state(lib, Mixed)


@saboteur("STA-01", also=ANYTHING)
def dicts_of_other_kinds_become_plain(lib: Lib) -> None:
    """In a call, an ordered dict and its like are read as a dict."""
    class Plain(Cell):
        def read(self) -> Any:
            value = super().read()
            return dict(value) if inside() and isinstance(value, dict) else value

    on_state(lib, Plain)


@saboteur("STA-02", also=ANYTHING)
def parameters_are_no_states(lib: Lib) -> None:
    """ParamState has a base class of its own."""
    class State(refimpl.State):
        pass

    lib.State = State


@saboteur("STA-03", also="STA WRB FND ERR")
def names_are_made_unique(lib: Lib) -> None:
    """A state's name gets a number appended."""
    count = itertools.count()

    class Numbered:
        def __init__(self, value: Any, name: Any = None, **options: Any) -> None:
            name = name if name is None else f"{name}_{next(count)}"
            super().__init__(value, name, **options)  # type: ignore[call-arg]

    on_state(lib, Numbered)


@saboteur("STA-04", also=ANYTHING)
def equal_values_are_equal_states(lib: Lib) -> None:
    """States compare by their values, as data classes do."""
    class Valued:
        def __eq__(self, other: object) -> bool:
            return type(self) is type(other) and repr(self) == repr(other)

        def __hash__(self) -> int:
            return hash(repr(self))

    on_state(lib, Valued)


@saboteur("STA-05", also="STA")
def one_value_is_one_cell(lib: Lib) -> None:
    """States that are made from one object share it, so that a write reaches all of them."""
    owners: dict[int, list[Any]] = {}

    class Sharing(Cell):
        def __init__(self, value: Any, *args: Any, **options: Any) -> None:
            super().__init__(value, *args, **options)  # type: ignore[call-arg]
            alike = owners.setdefault(id(value), [value])
            if inside() or isinstance(value, (int, float)):
                return
            vars(self)["_alike"] = alike
            alike.append(self)

        def write(self, value: Any) -> None:
            super().write(value)
            for other in vars(self).get("_alike", [None])[1:]:
                if other is not self and not inside():
                    Cell.write(other, value)

    on_state(lib, Sharing)


@saboteur("STA-06", also=ANYTHING)
def values_are_taken_when_built(lib: Lib) -> None:
    """A transform differentiates at the values that its states held when it was built."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        states = states_in(options.get("grad_states"))
        values = [state.value for state in states]

        def run(proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
            with kept(states):
                for state, value in zip(states, values, strict=True):
                    state.value = value
                return proceed(*args, **kwargs)

        return intercept(original(fun, **options), run)

    on_build(lib, build, ("grad",))


@saboteur("STA-07", also=ANYTHING)
def modules_copy_their_states(lib: Lib) -> None:
    """A state that is assigned to an attribute of a module is copied."""
    class Module(refimpl.nn.Module):
        def __setattr__(self, name: str, value: Any) -> None:
            if isinstance(value, refimpl.State):
                value = type(value)(value.value, value.name, tag=value.tag)
            super().__setattr__(name, value)

    lib.nn.Module = Module


@saboteur("STA-08", also=ANYTHING)
def known_classes_only(lib: Lib) -> None:
    """Transforms look states up by their exact class."""
    def hook(call: Call) -> Any:
        for state in selected(call):
            if type(state) not in (lib.State, lib.ParamState, refimpl.random.RandomState):
                raise TypeError(f"{type(state).__name__} is no known kind of state")
        return call.proceed()

    on_call(lib, hook)


@saboteur("STA-09", also="STA")
def threads_share_a_stack(lib: Lib) -> None:
    """What a running transform keeps is shared by all threads."""
    running: list[Any] = []

    def hook(call: Call) -> Any:
        if inside():
            return call.proceed()
        mine = object()
        running[:] = [mine]
        result = call.proceed()
        return result if running == [mine] else jax.tree.map(jnp.zeros_like, result)

    on_call(lib, hook)


@saboteur("STA-09", also="STA")
def threads_of_a_function_see_constants(lib: Lib) -> None:
    """What a function hands to a thread that was there before runs as if it were nobody's."""
    def hook(call: Call) -> Any:
        with mock.patch.object(ThreadPoolExecutor, "submit", refimpl.threads._submit):
            return call.proceed()

    on_call(lib, hook)


@saboteur("STA-09", also="STA")
def threads_that_a_function_starts_see_constants(lib: Lib) -> None:
    """The same of a thread that the function starts."""
    def hook(call: Call) -> Any:
        with (mock.patch.object(Thread, "start", refimpl.threads._start),
              mock.patch.object(ThreadPoolExecutor, "submit", refimpl.threads._submit)):
            return call.proceed()

    on_call(lib, hook)


@saboteur("STA-10", also="STA DER WRB CMP FND ERR")
def seeds_are_ignored(lib: Lib) -> None:
    """random.seed leaves the stream where it is."""
    lib.random.seed = lambda *args: None


def change_draws(lib: Lib, change: Any, names: tuple[str, ...]) -> None:
    """Replace functions of random by ``change(original)``."""
    for name in names:
        setattr(lib.random, name, change(getattr(random, name)))


@saboteur("STA-11", also="STA WRB CMP FND")
def uniform_numbers_have_their_own_stream(lib: Lib) -> None:
    """One of the functions does not advance the stream."""
    def still(original: Any) -> Any:
        def draw(*args: Any, **options: Any) -> Any:
            with kept([STREAM]):
                return original(*args, **options)

        return draw

    change_draws(lib, still, ("uniform",))


@saboteur("STA-12", also="STA WRB DER CMP AUX")
def size_comes_first(lib: Lib) -> None:
    """normal(size, loc, scale) takes the size as its first argument, as JAX does."""
    def first(original: Any) -> Any:
        def draw(size: Any = None, loc: Any = 0.0, scale: Any = 1.0) -> Any:
            return original(loc, scale, size)

        return draw

    change_draws(lib, first, ("normal",))


@saboteur("STA-13", also="STA")
def scale_is_a_variance(lib: Lib) -> None:
    """The scale of a normal distribution is taken for its variance."""
    def variance(original: Any) -> Any:
        def draw(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
            return original(loc, jnp.sqrt(scale), size)

        return draw

    change_draws(lib, variance, ("normal",))


@saboteur("STA-13", also="STA")
def normal_numbers_are_uniform(lib: Lib) -> None:
    """Normal numbers are uniform ones, stretched to the same mean and standard deviation."""
    def stretched(original: Any) -> Any:
        def draw(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
            return loc + scale * random.uniform(-(3 ** 0.5), 3 ** 0.5, size)

        return draw

    change_draws(lib, stretched, ("normal",))


@saboteur("STA-14", also="STA")
def keys_repeat(lib: Lib) -> None:
    """split_key returns the key of the stream and does not advance it."""
    lib.random.split_key = lambda n=None: STREAM.value


@saboteur("STA-15", also="STA WRB DER CMP AUX CUS ERR")
def inner_draws_are_skipped(lib: Lib) -> None:
    """A transform draws once for itself before it calls the function."""
    def hook(call: Call) -> Any:
        if STREAM not in call.used("write"):
            return call.proceed()
        with kept([STREAM]):
            call.fun(*call.args, **call.kwargs)
            after = STREAM.value
        random.split_key()
        result = call.proceed()
        STREAM.value = after
        return result

    on_call(lib, hook)


@saboteur("STA-16", also="STA")
def copies_share_their_transforms(lib: Lib) -> None:
    """A deep copy of a module holds the transforms of the original."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        made = original(fun, **options)

        class Shared(type(made)):  # type: ignore[misc]
            def __deepcopy__(self, memo: Any) -> Any:
                return self

        made.__class__ = Shared
        return made

    on_build(lib, build)


MADE: WeakSet[Any] = WeakSet()
"""The states that were made by their class, and by no copy."""


class Listed(refimpl.State):
    """A state that is listed when it is made."""

    def __init__(self, *args: Any, **words: Any) -> None:
        super().__init__(*args, **words)
        MADE.add(self)


class ListedParam(Listed, refimpl.ParamState):
    """A trainable state that is listed when it is made."""


@saboteur("STA-16", also=ANYTHING)
def copies_are_not_known(lib: Lib) -> None:
    """States are listed when they are made, and what a call writes to others is lost."""
    lib.State, lib.ParamState = Listed, ListedParam

    def hook(call: Call) -> Any:
        with kept([s for s in written(call) if isinstance(s, Listed) and s not in MADE]):
            return call.proceed()

    on_call(lib, hook)
