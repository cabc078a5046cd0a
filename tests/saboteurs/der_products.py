"""Wrong numbers of special kinds: complex ones, integers, products with vectors, directions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    Call,
    Cell,
    map_leaves,
    on_call,
    on_state,
    states_in,
)
from tests.saboteurs.roster import Lib, saboteur

T = refimpl.transform


def conjugated(g: Any) -> Any:
    """Every complex gradient conjugated."""
    return map_leaves(lambda x: jnp.conj(x) if jnp.iscomplexobj(x) else x, g)


@saboteur("DER-22", "DER-21", also="DER")
def complex_gradients_are_conjugated(lib: Lib) -> None:
    """The gradient of a complex parameter is conjugated, ready for descent, as in PyTorch."""
    on_call(lib, lambda call: call.grads(conjugated))


@saboteur("DER-21", also="DER")
def holomorphic_in_the_place_of_has_aux(lib: Lib) -> None:
    """hessian passes holomorphic where its inner transform expects has_aux."""
    def hook(call: Call) -> Any:
        if call.options.get("holomorphic") and not call.has_aux:
            raise TypeError("cannot unpack non-iterable value into output and aux")
        return call.proceed()

    on_call(lib, hook, ("hessian",))


@saboteur("DER-23", also="DER")
def integers_have_integer_gradients(lib: Lib) -> None:
    """With allow_int the gradient of an integer leaf is a zero of its own dtype."""
    def zero(x: Any) -> Any:
        return jnp.zeros(x.shape, int) if x.dtype == jax.dtypes.float0 else x

    on_call(lib, lambda call: call.grads(lambda g: map_leaves(zero, g)))


def change_pullback(lib: Lib, change: Any) -> None:
    """Replace the pullback of vjp by ``change(pull, output)``."""
    def vjp(fun: Any, *primals: Any, **options: Any) -> Any:
        out, pull, *aux = T.vjp(fun, *primals, **options)
        return (out, change(pull, out), *aux)

    lib.transform.vjp = vjp


@saboteur("DER-25", also="DER ERR")
def pullback_of_ones(lib: Lib) -> None:
    """The pullback ignores its cotangent and pulls ones back."""
    change_pullback(lib, lambda pull, out: lambda cotangent: pull(jax.tree.map(jnp.ones_like, out)))


@saboteur("DER-26", also="DER")
def pullback_is_used_up(lib: Lib) -> None:
    """A pullback frees what it holds when it is called, and cannot be called again."""
    def once(pull: Any, out: Any) -> Any:
        called: list[None] = []
        def used(cotangent: Any) -> Any:
            if called:
                raise RuntimeError("trying to backward through the graph a second time")
            called.append(None)
            return pull(cotangent)

        return used

    change_pullback(lib, once)


@saboteur("DER-34", also="DER")
def pullbacks_take_the_last_argument(lib: Lib) -> None:
    """vjp without argnums pulls back to the last of several arguments."""
    def vjp(fun: Any, *primals: Any, argnums: Any = None, **options: Any) -> Any:
        if argnums is None:
            argnums = len(primals) - 1 if options.get("grad_states") is None else 0
        return T.vjp(fun, *primals, argnums=argnums, **options)

    lib.transform.vjp = vjp


@saboteur("DER-27", also="DER")
def aux_before_the_pullback(lib: Lib) -> None:
    """vjp returns (output, aux, pullback)."""
    def vjp(fun: Any, *primals: Any, **options: Any) -> Any:
        out, pull, *aux = T.vjp(fun, *primals, **options)
        return (out, *aux, pull)

    lib.transform.vjp = vjp


@saboteur("DER-27", also="DER")
def aux_of_jvp_is_lost(lib: Lib) -> None:
    """jvp returns (output, tangent) with and without aux."""
    lib.transform.jvp = lambda *args, **options: T.jvp(*args, **options)[:2]


@saboteur("DER-27", also="DER")
def aux_of_jvp_is_always_there(lib: Lib) -> None:
    """jvp returns (output, tangent, None) where there is no aux."""
    def jvp(*args: Any, **options: Any) -> Any:
        found = T.jvp(*args, **options)
        return found if options.get("has_aux") else (*found, None)

    lib.transform.jvp = jvp


@saboteur("DER-28", also="DER")
def tangents_of_first_argument_only(lib: Lib) -> None:
    """jvp pushes the tangent of the first argument and takes the others for constants."""
    def jvp(fun: Any, primals: Any, tangents: Any, **options: Any) -> Any:
        rest = [jax.tree.map(jnp.zeros_like, tangent) for tangent in tangents[1:]]
        return T.jvp(fun, primals, (*tangents[:1], *rest), **options)

    lib.transform.jvp = jvp


@saboteur("DER-28", also="DER")
def tangents_of_first_leaf_only(lib: Lib) -> None:
    """jvp pushes the tangent of the first leaf of an argument; all others are constants."""
    def jvp(fun: Any, primals: Any, tangents: Any, **options: Any) -> Any:
        def first(tangent: Any) -> Any:
            leaves, treedef = jax.tree.flatten(tangent)
            return jax.tree.unflatten(treedef, [*leaves[:1], *map(jnp.zeros_like, leaves[1:])])

        return T.jvp(fun, primals, tuple(map(first, tangents)), **options)

    lib.transform.jvp = jvp


def change_sample(lib: Lib, change: Any) -> None:
    """Change the result of fwd_grad."""
    on_call(lib, lambda call: call.grads(lambda g: map_leaves(change, g)), ("fwd_grad",))


@saboteur("DER-29", also="DER GST")
def slope_without_its_sign(lib: Lib) -> None:
    """The forward gradient forgets the sign of the slope."""
    change_sample(lib, jnp.abs)


@saboteur("DER-29", also="DER GST")
def directions_are_normalized(lib: Lib) -> None:
    """The result is divided by the length of the gradient."""
    def unit(g: Any) -> Any:
        norm = jnp.sqrt(sum(jnp.sum(x ** 2) for x in jax.tree.leaves(g)) + 1e-12)
        return map_leaves(lambda x: x / norm, g)

    on_call(lib, lambda call: call.grads(unit), ("fwd_grad",))


@saboteur("DER-30", also="DER")
def key_of_directions_is_ignored(lib: Lib) -> None:
    """fwd_grad takes a key and draws from its own stream all the same."""
    on_call(lib, lambda call: call.again(key=None), ("fwd_grad",))


def directions(lib: Lib, draw: Any) -> None:
    """Let fwd_grad draw its directions by ``draw(key, leaf, index)``."""
    def transform(fun: Any, *, argnums: int, has_aux: bool, key: Any) -> Any:
        def run(selected: Any) -> Any:
            leaves, tree = jax.tree.flatten(selected)
            tangents = [draw(key, leaf, i) for i, leaf in enumerate(leaves)]
            tangent = jax.tree.unflatten(tree, tangents)
            _, slope, carried = jax.jvp(fun, (selected,), (tangent,), has_aux=True)
            return jax.tree.map(lambda t: slope * t, tangent), carried

        return run

    def hook(call: Call) -> Any:
        options = {k: v for k, v in call.options.items() if k != "tangent_size"}
        key = options.pop("key", None)
        key = refimpl.random.TANGENTS.split_key() if key is None else refimpl.random.as_key(key)
        made = T.GradientTransform(call.fun, transform, transform_params={"key": key}, **options)
        return made(*call.args, **call.kwargs)

    on_call(lib, hook, ("fwd_grad",))


@saboteur("DER-31", also="DER ERR GST")
def one_direction_for_every_leaf(lib: Lib) -> None:
    """Every leaf gets the same random numbers, as the key is not split."""
    directions(lib, lambda key, leaf, i: jax.random.normal(key, jnp.shape(leaf)))


@saboteur("DER-31", also="DER ERR GST")
def directions_are_uniform(lib: Lib) -> None:
    """Directions are uniform numbers, whose variance is a third."""
    directions(lib, lambda key, leaf, i: jax.random.uniform(
        jax.random.fold_in(key, i), jnp.shape(leaf), minval=-1.0, maxval=1.0))


@saboteur("DER-36", "DER-31", also="DER ERR GST")
def directions_are_the_next_draws(lib: Lib) -> None:
    """Directions are the next numbers of the user's stream, and the function draws them, too."""
    def draw(key: Any, leaf: Any, index: int) -> Any:
        stream = refimpl.random.DEFAULT
        start = stream.value
        drawn = refimpl.random.normal(size=jnp.shape(leaf))
        stream.value = start
        return drawn.astype(jnp.result_type(leaf))

    directions(lib, draw)


@saboteur("DER-36", also="DER")
def directions_hang_on_the_age_of_states(lib: Lib) -> None:
    """fwd_grad takes the selected states by age, so another order gives other directions."""
    ages: dict[Any, int] = {}

    class Aged(Cell):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            ages[self] = len(ages)

    def hook(call: Call) -> Any:
        key, states = call.options.get("key"), states_in(call.options.get("grad_states"))
        known = [ages.get(state, 0) for state in states]
        if key is None or known == sorted(known):
            return call.proceed()
        return call.again(key=jax.random.fold_in(refimpl.random.as_key(key), 1))

    on_state(lib, Aged)
    on_call(lib, hook, ("fwd_grad",))
