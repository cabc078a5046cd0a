"""Wrong containers of gradients, and gradients in the wrong place of a container."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    map_leaves,
    map_states,
    on_call,
    on_each,
    on_state,
    selected,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur
from tests.saboteurs.sel import View, change_selections

PLACES = "GST RET DER WRB CUS CMP SEL FND"


def on_container(lib: Lib, kind: Any, change: Any) -> None:
    """Change var_grads where the container of states is of a kind."""
    def hook(call: Call) -> Any:
        if not kind(call.options.get("grad_states")):
            return call.proceed()
        return call.var_grads(lambda g: change(g, call))

    on_call(lib, hook)


def is_a(*kinds: type) -> Any:
    """Whether a container is of exactly one of the types."""
    return lambda node: type(node) in kinds


@saboteur("GST-01", also=ANYTHING)
def bare_state_in_a_list(lib: Lib) -> None:
    """A bare State is treated as a list of one."""
    on_container(lib, lambda node: isinstance(node, refimpl.State), lambda g, call: [g])


@saboteur("GST-02", "CUS-03", also=PLACES)
def tuples_come_back_as_lists(lib: Lib) -> None:
    """A tuple of states gives a list of gradients."""
    on_container(lib, is_a(tuple), lambda g, call: list(g) if type(g) is tuple else g)


@saboteur("GST-03", also=PLACES)
def named_tuples_lose_their_names(lib: Lib) -> None:
    """A named tuple of states gives a plain tuple."""
    on_container(lib, lambda node: hasattr(node, "_make"),
                 lambda g, call: tuple(g) if hasattr(g, "_make") else g)


@saboteur("GST-09", "GST-04", also=PLACES)
def keys_are_reversed(lib: Lib) -> None:
    """Keys of var_grads come back from a stack, last in first out."""
    on_container(lib, is_a(dict), lambda g, call: dict(reversed(g.items()))
                 if type(g) is dict else g)


@saboteur("GST-05", also=PLACES)
def keys_must_sort(lib: Lib) -> None:
    """A dict of states with keys that do not compare is refused."""
    def hook(call: Call) -> Any:
        if isinstance(call.options.get("grad_states"), dict):
            sorted(call.options["grad_states"])
        return call.proceed()

    on_call(lib, hook)


@saboteur("GST-06", also=PLACES)
def inner_tuples_become_lists(lib: Lib) -> None:
    """Containers within a container come back as lists; only the outer one is rebuilt."""
    def listed(g: Any) -> Any:
        if type(g) is dict:
            return {key: listed(child) for key, child in g.items()}
        return [listed(child) for child in g] if type(g) in (list, tuple) else g

    def outer(g: Any, call: Call) -> Any:
        return {key: listed(child) for key, child in g.items()} if type(g) is dict else g

    on_container(lib, is_a(dict), outer)


@saboteur("GST-06", "GST-12", also=PLACES)
def empty_containers_are_dropped(lib: Lib) -> None:
    """Empty containers vanish from the container they stand in."""
    def pruned(node: Any) -> Any:
        if isinstance(node, refimpl.State) or node is None:
            return node
        if type(node) in (list, tuple):
            kept = [pruned(child) for child in node]
            return type(node)(child for child in kept if child not in ([], (), {}))
        if type(node) is dict:
            return {k: v for k, v in ((k, pruned(v)) for k, v in node.items())
                    if not (isinstance(v, (dict, list, tuple)) and not v)}
        return node

    on_call(lib, lambda c: c.again(grad_states=pruned(c.options["grad_states"])) if c.states
           else c.proceed())


@saboteur("GST-07", also=PLACES)
def none_is_left_out(lib: Lib) -> None:
    """None entries of a container are left out of var_grads."""
    def pruned(node: Any) -> Any:
        if isinstance(node, dict):
            return {k: pruned(v) for k, v in node.items() if v is not None}
        if type(node) in (list, tuple):
            return type(node)(pruned(child) for child in node if child is not None)
        return node

    on_call(lib, lambda c: c.again(grad_states=pruned(c.options["grad_states"])) if c.states
           else c.proceed())


@saboteur("GST-08", also=PLACES)
def repeated_states_share_their_gradient(lib: Lib) -> None:
    """A state in two places has half of its gradient in each."""
    def hook(call: Call) -> Any:
        places: list[Any] = []
        map_states(places.append, call.options.get("grad_states"))
        if len(set(places)) == len(places) or call.member in ("hessian", "jacrev", "jacfwd",
                                                              "jacobian"):
            return call.proceed()
        return call.var_grads(lambda g: map_leaves(lambda x: x / len(places), g))

    on_call(lib, hook)


@saboteur("GST-10", also=PLACES)
def treefied_gradients_are_flat(lib: Lib) -> None:
    """For nested mappings from treefy_states var_grads is flat."""
    def flat(g: Any, call: Call) -> Any:
        return g.to_flat() if isinstance(g, refimpl.graph.NestedDict) else g

    on_container(lib, is_a(refimpl.graph.NestedDict), flat)


@saboteur("GST-11", also="FND")
def found_states_are_a_view(lib: Lib) -> None:
    """A finder returns a container of its own that transforms do not know."""
    on_call(lib, lambda call: View(call.proceed()), ("StateFinder",))


@saboteur("GST-12", also="RET ERR")
def empty_means_not_given(lib: Lib) -> None:
    """An empty container of states is taken for None, by its truth value."""
    def hook(call: Call) -> Any:
        given = call.options.get("grad_states")
        empty = given is not None and not selected(call)
        return call.again(grad_states=None) if empty else call.proceed()

    on_call(lib, hook)


@saboteur("GST-14", also=PLACES + " AUX")
def order_is_that_of_creation(lib: Lib) -> None:
    """Gradients are put in the order in which the states were made."""
    count = iter(range(10 ** 9))

    class Counted:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            vars(self)["_born"] = next(count)

    on_state(lib, Counted)

    def hook(call: Call) -> Any:
        states = selected(call)
        if len(states) < 2:
            return call.proceed()
        order = sorted(states, key=lambda state: vars(state).get("_born", 0))
        other = dict(zip(states, order, strict=True))
        return call.again(grad_states=map_states(other.__getitem__, call.options["grad_states"]))

    on_call(lib, hook)


@saboteur("GST-15", also=PLACES)
def names_tell_states_apart(lib: Lib) -> None:
    """Gradients are kept in a dict by name, so that two states of a name share the last one."""
    def hook(call: Call) -> Any:
        last = {s.name: s for s in selected(call) if s.name is not None}
        if len(last) == len(selected(call)) or not last:
            return call.proceed()
        def named(state: Any) -> Any:
            return last.get(state.name, state)

        return call.again(grad_states=map_states(named, call.options["grad_states"]))

    on_call(lib, hook)


@saboteur("GST-16", "ARG-08", also="GST ARG DER CMP AUX RET")
def float_gradients_are_floats(lib: Lib) -> None:
    """A scalar gradient comes back as a Python float."""
    def number(x: Any) -> Any:
        plain = isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer)
        return float(x) if plain and x.weak_type and x.shape == () else x

    on_call(lib, lambda call: call.grads(lambda g: map_leaves(number, g)))


@saboteur("GST-17", also="GST DER ARG")
def empty_arrays_are_flattened(lib: Lib) -> None:
    """The gradient of an array of no entries has the shape (0,)."""
    def flat(x: Any) -> Any:
        return jnp.zeros(0, x.dtype) if x.size == 0 and x.ndim == 2 else x

    on_call(lib, lambda call: call.grads(lambda g: map_leaves(flat, g)))


@saboteur("GST-18", also="GST DER ARG")
def first_dtype_for_all(lib: Lib) -> None:
    """All gradients have the dtype of the first leaf."""
    def alike(g: Any) -> Any:
        leaves = [x for x in jax.tree.leaves(g) if x.dtype != jax.dtypes.float0]
        return map_leaves(lambda x: x.astype(leaves[0].dtype), g) if leaves else g

    on_call(lib, lambda call: call.grads(alike))


@saboteur("GST-19", also=ANYTHING)
def all_states_must_be_floating(lib: Lib) -> None:
    """Whatever state the function uses must hold floating numbers, as if it were selected."""
    def hook(call: Call) -> Any:
        stream = STREAM
        for leaf in jax.tree.leaves([s.value for s in call.used("all") if s is not stream]):
            if not jnp.issubdtype(jnp.result_type(leaf), jnp.inexact):
                raise TypeError(f"grad requires real-valued inputs, got {leaf}")
        return call.proceed()

    on_call(lib, hook)


@saboteur("GST-20", also="GST")
def ordered_dicts_become_dicts(lib: Lib) -> None:
    """Any mapping of states gives a plain dict."""
    on_container(lib, lambda node: isinstance(node, OrderedDict) or hasattr(
        node, "default_factory"), lambda g, call: dict(g) if isinstance(g, dict) else g)


@saboteur("GST-18", also="DER ARG")
def all_leaves_share_one_dtype(lib: Lib) -> None:
    """Leaves are raveled into one vector, so that all gradients have the widest dtype."""
    def common(g: Any) -> Any:
        leaves = jax.tree.leaves(g)
        kinds = [x.dtype for x in leaves if x.dtype != jax.dtypes.float0]
        if len(kinds) < 2 or len(kinds) < len(leaves):
            return g
        return map_leaves(lambda x: x.astype(jnp.result_type(*kinds)), g)

    on_call(lib, lambda call: call.grads(common))


@saboteur("GST-16", "ARG-08", also="DER CUS ERR WRB")
def numbers_are_no_arrays(lib: Lib) -> None:
    """A Python number cannot be differentiated."""
    def hook(call: Call) -> Any:
        values = [state.value for state in selected(call)]
        if any(isinstance(x, float) for x in jax.tree.leaves((values, call.args))):
            raise AttributeError("'float' object has no attribute 'dtype'")
        return call.proceed()

    on_call(lib, hook)


@saboteur("GST-17", also="DER ARG")
def empty_arrays_are_left_out(lib: Lib) -> None:
    """The derivative with respect to an array of no entries is None."""
    def left_out(g: Any) -> Any:
        return map_leaves(lambda x: x if x.size else None, g)

    on_call(lib, lambda call: call.grads(left_out))


@saboteur("GST-14", also="DER GST WRB RET CMP CUS")
def three_states_are_too_many(lib: Lib) -> None:
    """From three selected states on, the last two change places."""
    def hook(call: Call) -> Any:
        states = selected(call)
        if len(states) < 3:
            return call.proceed()
        other = dict(zip(states, [*states[:-2], states[-1], states[-2]], strict=True))
        container = map_states(other.__getitem__, call.options["grad_states"])
        return call.again(grad_states=container)

    on_call(lib, hook)


@saboteur("GST-09", also="SEL GST FLT CUS RET ARG")
def selections_are_views(lib: Lib) -> None:
    """A selection is a view, of a type that no transform takes for a container."""
    change_selections(lib, View, treefy=False)


@saboteur("GST-10", also="SEL FLT")
def treefied_selections_are_views(lib: Lib) -> None:
    """A treefied selection is a view, of a type that no transform takes for a container."""
    lib.graph.treefy_states = lambda node, *fs: on_each(View, refimpl.graph.treefy_states(
        node, *fs))


@saboteur("GST-14", also=ANYTHING)
def states_beyond_the_sixth_are_constants(lib: Lib) -> None:
    """What is selected after six others gets a gradient of zeros."""
    def spoilt(grads: Any) -> Any:
        late = list(grads)[6:] if isinstance(grads, dict) else range(6, len(grads))
        new = {key: map_leaves(jnp.zeros_like, grads[key]) for key in late}
        if isinstance(grads, dict):
            return {**grads, **new}
        return type(grads)(new.get(i, one) for i, one in enumerate(grads))

    def hook(call: Call) -> Any:
        return call.var_grads(spoilt) if (
            type(call.options.get("grad_states")) in (list, tuple, dict)
            and call.member in ("grad", "vector_grad", "jacfwd")) else call.proceed()

    on_call(lib, hook)
