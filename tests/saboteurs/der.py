"""Wrong numbers: derivatives of the wrong thing, at the wrong place, or in the wrong order."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    map_leaves,
    map_nodes,
    on_call,
    on_state,
    selected,
    unless_writing,
)
from tests.saboteurs.primitives import inline, replace_primitives
from tests.saboteurs.roster import Lib, saboteur

FIRST = ("grad", "vector_grad")
BLOCKS = ("jacrev", "jacfwd", "jacobian")


def off(name: str, slope: Any) -> Any:
    """A primitive whose derivative is wrong by one part in a thousand."""
    right = getattr(jnp, name)
    wrong = jax.custom_jvp(lambda x: right(x))
    wrong.defjvp(lambda p, t: (wrong(p[0]), 1.001 * slope(p[0]) * t[0]))
    return wrong


@saboteur("DER-01", "DER-02", also="GST ARG WRB CUS CMP AUX")
def sine_is_off_by_one_in_a_thousand(lib: Lib) -> None:
    """The derivative rule of the sine is wrong by one part in a thousand."""
    replace_primitives(lib, {"sin": off("sin", jnp.cos)})


@saboteur("DER-02", also="GST ARG WRB CUS CMP")
def tanh_is_off_by_one_in_a_thousand(lib: Lib) -> None:
    """The derivative rule of one primitive among many, tanh, is wrong by one in a thousand."""
    replace_primitives(lib, {"tanh": off("tanh", lambda x: 1.0 - jnp.tanh(x) ** 2)})


@saboteur("DER-02", also="ARG CMP CUS ERR GST WRB")
def only_parameters_have_gradients(lib: Lib) -> None:
    """A selected state that is no ParamState gets zeros."""
    def zero(call: Call, g: Any) -> Any:
        states = selected(call)
        if call.member == "hessian" or not isinstance(g, list) or len(g) != len(states):
            return g
        pairs = zip(g, states, strict=True)
        return [x if isinstance(s, refimpl.ParamState) else jax.tree.map(jnp.zeros_like, x)
                for x, s in pairs]

    on_call(lib, lambda call: call.var_grads(lambda g: zero(call, g)))


def rotated(tree: Any) -> Any:
    """A dict's values given to the keys in another order, below any container."""
    if isinstance(tree, dict) and len(tree) > 1:
        return dict(zip(tree, list(tree.values())[::-1], strict=True))
    if isinstance(tree, (list, tuple)) and not hasattr(tree, "_make"):
        return type(tree)(map(rotated, tree))
    return tree


@saboteur("DER-04", also="GST")
def leaves_of_a_state_change_places(lib: Lib) -> None:
    """A state's dict is flattened in sorted order and filled again in the order of insertion."""
    on_call(lib, lambda c: c.var_grads(lambda g: rotated(g) if isinstance(g, list) else g), FIRST)


@saboteur("DER-04", "ARG-07", also="GST DER ARG STA")
def derivatives_by_nodes_become_lists(lib: Lib) -> None:
    """By a container of a class that JAX was told of, the derivative is a list of its leaves."""
    on_call(lib, lambda call: call.grads(lambda g: map_nodes(jax.tree.leaves, g)))


@saboteur("DER-06", also="RET GST CMP")
def output_structure_is_lost(lib: Lib) -> None:
    """A Jacobian of a structured output is a flat list of the blocks of its leaves."""
    def hook(call: Call) -> Any:
        loss = call.again(has_aux=call.has_aux, return_value=True, check_states=False)[1]
        tree: Any = jax.tree.structure(loss)
        if call.both or call.has_aux or jax.tree_util.treedef_is_leaf(tree):
            return call.proceed()
        return call.grads(lambda g: tree.flatten_up_to(g))

    on_call(lib, unless_writing(hook), BLOCKS)


@saboteur("DER-06", also="DER")
def sides_stand_within_the_output(lib: Lib) -> None:
    """A Jacobian of both sides has the structure of the output outermost, and pairs within."""
    def hook(call: Call) -> Any:
        def inside(grads: Any) -> Any:
            var, arg = grads
            return {key: (var[key], arg[key]) for key in var}

        def structured(grads: Any) -> bool:
            return all(isinstance(side, dict) and list(side) == ["p", "q"] for side in grads)

        return call.grads(lambda g: inside(g) if call.both and structured(g) else g)

    on_call(lib, hook, ("jacrev", "jacfwd", "jacobian"))


@saboteur("DER-07", also="ARG CMP")
def vector_grad_is_a_mean(lib: Lib) -> None:
    """vector_grad differentiates the mean of the entries, not their sum."""
    def hook(call: Call) -> Any:
        size = jax.eval_shape(lambda: call.again(return_value=True)[1])
        count = sum(leaf.size for leaf in jax.tree.leaves(size))
        return call.grads(lambda g: map_leaves(lambda x: x / count, g))

    on_call(lib, unless_writing(hook), ("vector_grad",))


@saboteur("DER-07", also="ERR")
def vector_grad_takes_one_leaf(lib: Lib) -> None:
    """vector_grad sums the entries of the first leaf of the output alone."""
    def hook(call: Call) -> Any:
        def first(*args: Any, **kwargs: Any) -> Any:
            out = call.fun(*args, **kwargs)
            out, rest = (out[0], out[1:]) if call.has_aux else (out, ())
            leaf = jax.tree.leaves(out)[0]
            return (leaf, *rest) if rest else leaf

        return call.proceed() if call.return_value else call.again(first)

    on_call(lib, hook, ("vector_grad",))


@saboteur("DER-08", "GST-18", also="ARG")
def gradients_are_widened(lib: Lib) -> None:
    """Gradients come back in double precision whatever the parameter is."""
    def wide(x: Any) -> Any:
        return x.astype(jnp.float64) if x.dtype == jnp.float32 else x

    on_call(lib, lambda call: call.grads(lambda g: map_leaves(wide, g)))


@saboteur("DER-08", also="GST")
def single_precision_goes_through_bfloat16(lib: Lib) -> None:
    """Gradients of float32 parameters pass through bfloat16, as products do on some devices."""
    def half(x: Any) -> Any:
        return x.astype(jnp.bfloat16).astype(x.dtype) if x.dtype == jnp.float32 else x

    on_call(lib, lambda call: call.grads(lambda g: map_leaves(half, g)))


@saboteur("DER-09", also="WRB CMP STA ERR")
def draws_again_for_the_derivative(lib: Lib) -> None:
    """The primal and the derivative see different random numbers."""
    stream = STREAM

    def hook(call: Call) -> Any:
        if stream not in call.used("write"):
            return call.proceed()
        call.fun(*call.args, **call.kwargs)
        after = stream.value
        result = call.proceed()
        stream.value = after
        return result

    on_call(lib, hook)


@saboteur("DER-12", also="ARG GST")
def jacobian_is_forward(lib: Lib) -> None:
    """jacobian is another name of jacfwd."""
    lib.transform.jacobian = lib.transform.jacfwd


@saboteur("DER-13", also="GST")
def hessian_rows_and_columns_change_places(lib: Lib) -> None:
    """The block at a row and a column is the one of that column and row."""
    def transposed(g: Any) -> Any:
        if isinstance(g, dict) and all(isinstance(row, dict) for row in g.values()):
            return {r: {c: g[c][r] for c in g} for r in g}
        return g

    on_call(lib, lambda c: c.var_grads(transposed), ("hessian",))


@saboteur("DER-13", also="RET")
def mixed_blocks_are_zero(lib: Lib) -> None:
    """hessian takes the second derivatives of states and of arguments, and no mixed ones."""
    def unmixed(g: Any) -> Any:
        def clear(tree: Any) -> Any:
            return jax.tree.map(jnp.zeros_like, tree)

        try:
            (vv, va), (av, aa) = g[0][0], g[1][0]
        except (TypeError, ValueError, KeyError, IndexError):
            return g
        return [(vv, clear(va))], ((clear(av), aa),)

    on_call(lib, lambda c: c.grads(unmixed) if c.both else c.proceed(), ("hessian",))


@saboteur("DER-02", also="DER GST WRB CMP CUS RET ARG AUX")
def only_the_first_read_counts(lib: Lib) -> None:
    """What was read once is cached, and read again it is a constant."""
    class OnceRead(Cell):
        def read(self) -> Any:
            value = super().read()
            if isinstance(value, jax.core.Tracer) and vars(self).get("_read") is value:
                return jax.lax.stop_gradient(value)
            vars(self)["_read"] = value
            return value

    on_state(lib, OnceRead)


@saboteur("DER-16", also="DER WRB GST RET CUS CMP")
def other_states_are_followed(lib: Lib) -> None:
    """The gradient of every other state of the same shape is added to the first one's."""
    def hook(call: Call) -> Any:
        chosen = selected(call)
        if not chosen or call.both or call.has_aux or call.return_value:
            return call.proceed()
        like = jnp.shape(chosen[0].value) if not isinstance(chosen[0].value, dict) else None
        others = [s for s in call.used("read") if s not in chosen
                  and isinstance(s.value, jax.Array) and s.value.shape == like]
        if not others:
            return call.proceed()
        more = call.again(grad_states=others[:1])[0]
        def add(g: Any) -> Any:
            return g + more if isinstance(g, jax.Array) else g

        return call.grads(add)

    on_call(lib, unless_writing(hook), FIRST)


@saboteur("DER-18", also="DER CMP FND GST RET SEL WRB")
def stop_gradient_is_ignored(lib: Lib) -> None:
    """Derivatives are central differences, which see through stop_gradient."""
    def hook(call: Call) -> Any:
        if call.both or call.has_aux or call.return_value:
            return call.proceed()
        states = selected(call)
        cell = states[0] if states else None
        start: Any = cell.value if cell is not None else call.args[0] if call.args else None
        if jnp.shape(start) != () or not isinstance(start, jax.Array) or len(states) > 1:
            return call.proceed()
        def at(value: Any) -> Any:
            args = call.args if cell is not None else (value, *call.args[1:])
            if cell is not None:
                cell.value = value
            return call.fun(*args, **call.kwargs)

        step = 1e-4
        slope = (at(start + step) - at(start - step)) / (2 * step)
        at(start)
        exact = call.proceed()
        same = jnp.shape(slope) == jnp.shape(exact)
        return jnp.where(jnp.abs(slope - exact) < 1e-6, exact, slope) if same else exact

    on_call(lib, unless_writing(hook), ("grad", "vector_grad", "jacrev", "jacfwd"))


@saboteur("DER-19", also="GST ARG")
def custom_rules_are_lost(lib: Lib) -> None:
    """A trace of the function is replayed without its custom derivative rules."""
    replace_primitives(lib, {"custom_jvp_call": inline, "custom_vjp_call": inline,
                        "custom_vjp_call_jaxpr": inline})


@saboteur("DER-20", also="GST ARG")
def ties_go_to_the_first(lib: Lib) -> None:
    """Where two operands of a maximum are equal, the first receives the whole gradient."""
    replace_primitives(lib, {"max": lambda x, y: jnp.where(x >= y, x, y)})
