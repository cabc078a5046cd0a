"""flax.nnx under the names of the interface, as far as its public functions say the same.

Names, keywords and their order are translated, and nothing is repaired.  One bridge is needed:
nnx differentiates by Variables that a function takes as arguments, and the specification by states
that it closes over.  So the Variables hold the traced values of such an argument during the call.
That a Variable from outside cannot be written within a transform is nnx's own rule, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import flax
import jax
from flax import nnx
from flax.nnx import filterlib

__version__ = flax.__version__
Function = Callable[..., Any]


class State(nnx.Variable[Any]):
    """A Variable with `value`, which nnx has renamed."""

    def __init__(self, value: Any, name: str | None = None, *, tag: Any = None) -> None:
        super().__init__(value, name=name, tag=tag)

    @property
    def value(self) -> Any:
        """What `get_value` gives."""
        return self.get_value()

    @value.setter
    def value(self, value: Any) -> None:
        self.set_value(value)


class ParamState(State):
    """A trainable Variable."""


class Selecting:
    """Makes a module of nnx one that takes lists, and that has `states`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**{"pytree": False, **options})

    def states(self, *filters: Any) -> Any:
        """The Variables below, by their paths."""
        predicates = [filterlib.to_predicate(filter) for filter in filters or (...,)]
        groups: list[dict[Any, Any]] = [{} for _ in predicates]
        for path, node in nnx.iter_graph(self):
            if isinstance(node, nnx.Variable):
                first = (group for group, matches in zip(groups, predicates, strict=True)
                         if matches(path, node))
                next(first, {})[path] = node
        return groups[0] if len(groups) == 1 else tuple(groups)


class Module(Selecting, nnx.Module):
    """A module of nnx; a selection is nnx's walk through the graph, and its filters."""


# -- transforms ------------------------------------------------------------------------------------


def bound(fun: Function, variables: Sequence[State], kwargs: dict[str, Any]) -> Function:
    """A function whose first argument is what some Variables hold during the call."""
    def put(values: Sequence[Any]) -> None:
        for variable, value in zip(variables, values, strict=True):
            object.__setattr__(variable, "_raw_value", value)  # its setter refuses, here

    def run(values: Sequence[Any], *args: Any) -> Any:
        before = [variable.get_raw_value() for variable in variables]
        put(values)
        try:
            return fun(*args, **kwargs)
        finally:
            put(before)

    return run


def grad(
    fun: Function, grad_states: Any = None, argnums: Any = None, *, has_aux: bool = False,
    return_value: bool = False, check_states: bool = True, **options: Any,
) -> Function:
    """nnx.value_and_grad, by arguments and by Variables that the function closes over."""
    flat: Any = jax.tree.flatten(grad_states, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    leaves, tree = flat
    variables = list({id(leaf): leaf for leaf in leaves}.values())  # they cannot be hashed
    number = 0 if argnums is None and grad_states is None else argnums
    numbers = () if number is None else (number,) if isinstance(number, int) else tuple(number)

    def call(*args: Any, **kwargs: Any) -> Any:
        chosen = (0, *(1 + (index % len(args) if index < 0 else index) for index in numbers))
        derive = nnx.value_and_grad(bound(fun, variables, kwargs), argnums=chosen,
                                    has_aux=has_aux, **options)
        value, (by_variable, *by_arg) = derive([v.get_raw_value() for v in variables], *args)
        found = dict(zip(map(id, variables), by_variable, strict=True))
        var = tree.unflatten([found[id(leaf)] for leaf in leaves])
        sides = [] if grad_states is None else [var]
        if number is not None:
            sides.append(by_arg[0] if isinstance(number, int) else tuple(by_arg))
        loss, aux = value if has_aux else (value, None)
        first = sides[0] if len(sides) == 1 else tuple(sides)
        extra = ([loss] if return_value else []) + ([aux] if has_aux else [])
        return (first, *extra) if extra else first

    return call


def vjp(fun: Function, *primals: Any, grad_states: Any = None, argnums: Any = 0,
        has_aux: bool = False) -> Any:
    """nnx.vjp, which knows arguments alone."""
    if grad_states is not None:
        raise NotImplementedError("nnx.vjp differentiates by arguments, not by what is closed over")
    out, pull, *aux = nnx.vjp(fun, *primals, has_aux=has_aux, graph_updates=False)

    def pullback(cotangent: Any) -> Any:
        found = pull(cotangent)
        return found[argnums] if isinstance(argnums, int) else tuple(found[i] for i in argnums)

    return out, pullback, *aux


def jvp(fun: Function, primals: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """nnx.jvp."""
    return nnx.jvp(fun, tuple(primals), tuple(tangents), has_aux=has_aux, graph_updates=False)


# -- random numbers --------------------------------------------------------------------------------


class Stream:
    """The functions of `random`, on one nnx.Rngs."""

    def __init__(self) -> None:
        self.seed(0)

    def seed(self, seed: Any, /) -> None:
        """Begin anew."""
        self.rngs = nnx.Rngs(seed)

    def split_key(self) -> Any:
        """A key that is new."""
        return self.rngs.default()

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Normal numbers."""
        return loc + scale * self.rngs.normal(shape(size))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Even numbers."""
        return self.rngs.uniform(shape(size), minval=low, maxval=high)

    def randn(self, *dn: int) -> Any:
        """Standard normal numbers."""
        return self.rngs.normal(dn)

    def random(self, size: Any = None) -> Any:
        """Even numbers from 0 to 1."""
        return self.rngs.uniform(shape(size))


def shape(size: Any) -> tuple[int, ...]:
    """A shape as JAX takes it."""
    return () if size is None else (size,) if isinstance(size, int) else tuple(size)


nn, random = SimpleNamespace(Module=Module), Stream()
transform = SimpleNamespace(
    grad=grad, vjp=vjp, jvp=jvp, jit=nnx.jit, cond=nnx.cond, switch=nnx.switch,
    while_loop=nnx.while_loop, checkpoint=nnx.remat,
)
util = SimpleNamespace(filter=SimpleNamespace(
    to_predicate=filterlib.to_predicate, OfType=nnx.OfType, WithTag=nnx.WithTag,
    PathContains=nnx.PathContains, Any=nnx.Any, All=nnx.All, Not=nnx.Not,
    Everything=nnx.Everything, Nothing=nnx.Nothing,
))
