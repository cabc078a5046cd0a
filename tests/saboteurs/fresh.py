"""Saboteurs made from the statements of the rules alone, by somebody who had not read the checks.

They are simple and silent: wrong only beyond some size or depth, for one type, in one member of
the family, at a later call.  So they measure what the checks find that nobody told them.  Those
in `uncaught.py` are what no rule of the families that they concern notices yet; once caught, one
moves to its chapter.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs import roster
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    Cell,
    frame,
    inside,
    kept,
    map_leaves,
    map_states,
    on_call,
    on_each,
    on_selection,
    on_state,
    selected,
    written,
)
from tests.saboteurs.roster import Lib, Saboteur

FRESH: dict[str, Saboteur] = {}
saboteur = partial(roster.saboteur, roster=FRESH)


def on_leaves(lib: Lib, change: Any, members: tuple[str, ...] = ()) -> None:
    """Change the leaves of gradients."""
    on_call(lib, lambda call: call.grads(lambda g: map_leaves(change, g)), members)


# -- beyond some size or depth -----------------------------------------------------------------


@saboteur("DER-01", "DER-02")
def long_axes_lose_their_end(lib: Lib) -> None:
    """Gradients are zero from the fifth entry of the last axis on."""
    def cut(x: Any) -> Any:
        return x.at[..., 4:].set(0) if x.ndim and x.shape[-1] > 4 else x

    on_leaves(lib, cut, ("grad", "vector_grad"))


@saboteur("DER-01", "DER-02")
def three_axes_are_turned(lib: Lib) -> None:
    """The first axis of a gradient with three axes runs backwards."""
    on_leaves(lib, lambda x: x[::-1] if x.ndim == 3 else x, ("grad", "vector_grad"))


@saboteur("GST-14")
def fourth_state_is_a_constant(lib: Lib) -> None:
    """From the fourth selected state on, gradients of a list are zeros."""
    def zero(g: Any) -> Any:
        if not isinstance(g, list):
            return g
        return [*g[:3], *(map_leaves(jnp.zeros_like, x) for x in g[3:])]

    on_call(lib, lambda call: call.var_grads(zero))


@saboteur("ARG-03")
def third_index_is_a_constant(lib: Lib) -> None:
    """Of three or more indices, the gradients from the third on are zeros."""
    def zero(call: Call, g: Any) -> Any:
        several = isinstance(call.options.get("argnums"), (list, tuple)) and isinstance(g, tuple)
        return (*g[:2], *map_leaves(jnp.zeros_like, g[2:])) if several else g

    on_call(lib, lambda call: call.arg_grads(lambda g: zero(call, g)), ("grad", "jacrev"))


@saboteur("GST-06")
def third_level_is_reversed(lib: Lib) -> None:
    """Lists at the third level of a container of states come back in reverse."""
    def turned(g: Any, level: int = 1) -> Any:
        if isinstance(g, dict):
            return {key: turned(child, level + 1) for key, child in g.items()}
        if type(g) in (list, tuple):
            children = [turned(child, level + 1) for child in g]
            return type(g)(children[::-1] if level == 3 else children)
        return g

    def hook(call: Call) -> Any:
        plain = isinstance(call.options.get("grad_states"), (dict, list, tuple))
        leaves = all(isinstance(s.value, jax.Array) for s in selected(call))
        return call.var_grads(lambda g: turned(g)) if plain and leaves else call.proceed()

    on_call(lib, hook, ("grad", "vector_grad"))


@saboteur("GST-08")
def third_place_is_zero(lib: Lib) -> None:
    """A state that stands three times in a list has zeros in its third place."""
    def hook(call: Call) -> Any:
        places = call.options.get("grad_states")
        if not isinstance(places, list):
            return call.proceed()
        def zero(g: Any) -> Any:
            return [map_leaves(jnp.zeros_like, x) if places[:i].count(s) >= 2 else x
                    for i, (s, x) in enumerate(zip(places, g, strict=True))]

        return call.var_grads(lambda g: zero(g) if isinstance(g, list) else g)

    on_call(lib, hook, ("grad", "vector_grad"))


@saboteur("SEL-01", "SEL-05")
def third_level_of_modules_is_overlooked(lib: Lib) -> None:
    """States three attributes or more below a module are not found."""
    def near(flat: Any) -> Any:
        return {p: s for p, s in flat.items() if len(p) <= 3}

    on_selection(lib, lambda node, *fs: on_each(near, refimpl.graph.states(node, *fs)))


@saboteur("SEL-01")
def dicts_in_lists_are_overlooked(lib: Lib) -> None:
    """States in a dict that stands in a list of a module are not found."""
    def direct(flat: Any) -> Any:
        return {path: s for path, s in flat.items() if not any(
            isinstance(a, int) and isinstance(b, str) and i == len(path) - 2
            for i, (a, b) in enumerate(zip(path, path[1:], strict=False)))}

    on_selection(lib, lambda node, *fs: on_each(direct, refimpl.graph.states(node, *fs)))


@saboteur("FLT-03")
def two_tags_are_enough(lib: Lib) -> None:
    """Of three or more tags of a state, WithTag and text compare the first two."""
    def match(tag: str) -> Any:
        right = refimpl.util.filter.WithTag(tag)
        def matches(path: Any, state: Any) -> bool:
            tags = state.tag
            many = isinstance(tags, (set, frozenset, tuple, list)) and len(tags) > 2
            return tag in sorted(tags)[:2] if many else bool(right(path, state))

        return matches

    lib.util.filter.WithTag = match


@saboteur("FLT-04")
def paths_are_searched_to_the_third_step(lib: Lib) -> None:
    """PathContains looks at the first three steps of a path."""
    right = refimpl.util.filter.PathContains
    lib.util.filter.PathContains = lambda key: lambda path, state: right(key)(path[:3], state)


# -- for one type ------------------------------------------------------------------------------


@saboteur("GST-18", "DER-08")
def half_precision_has_no_gradient(lib: Lib) -> None:
    """The gradient of a float16 leaf is zero."""
    on_leaves(lib, lambda x: jnp.zeros_like(x) if x.dtype == jnp.float16 else x)


@saboteur("WRB-01", "WRB-02")
def third_key_is_not_written(lib: Lib) -> None:
    """Of a written dict of three or more keys, all but the first two keep what they held."""
    def hook(call: Call) -> Any:
        states = written(call)
        before = [state.value for state in states]
        result = call.proceed()
        for state, old in zip(states, before, strict=True):
            new = state.value
            if isinstance(new, dict) and isinstance(old, dict) and old.keys() == new.keys():
                first = list(new)[:2]
                state.value = {k: new[k] if k in first else old[k] for k in new}
        return result

    on_call(lib, hook)


@saboteur("WRB-11", "STA-01")
def written_flags_become_numbers(lib: Lib) -> None:
    """A written array of booleans arrives as integers."""
    class Numeric(Cell):
        def write(self, value: Any) -> None:
            super().write(jax.tree.map(
                lambda x: x.astype(int) if getattr(x, "dtype", None) == jnp.bool_ else x, value))

    on_state(lib, Numeric)


@saboteur("WRB-02", "WRB-01")
def written_numbers_become_arrays(lib: Lib) -> None:
    """A Python number that a function writes under a transform arrives as an array."""
    def hook(call: Call) -> Any:
        states = written(call)
        result = call.proceed()
        for state in states:
            if type(state.value) in (int, float):
                state.value = jnp.asarray(state.value)
        return result

    on_call(lib, hook)


@saboteur("AUX-04")
def inner_named_tuples_become_tuples(lib: Lib) -> None:
    """A named tuple within another container of aux loses its names."""
    def plain(node: Any, top: bool = False) -> Any:
        if type(node) is dict:
            return {key: plain(child) for key, child in node.items()}
        if type(node) in (list, tuple):
            return type(node)(map(plain, node))
        return tuple(node) if hasattr(node, "_make") and not top else node

    def hook(call: Call) -> Any:
        result = call.proceed()
        return (*result[:-1], plain(result[-1], top=True)) if call.has_aux else result

    on_call(lib, hook)


@saboteur("AUX-02")
def integers_in_aux_are_widened(lib: Lib) -> None:
    """Arrays of int32 in aux come back as int64."""
    def wide(x: Any) -> Any:
        return x.astype(jnp.int64) if getattr(x, "dtype", None) == jnp.int32 else x

    def hook(call: Call) -> Any:
        result = call.proceed()
        return (*result[:-1], map_leaves(wide, result[-1])) if call.has_aux else result

    on_call(lib, hook)


@saboteur("GST-15")
def one_array_is_one_state(lib: Lib) -> None:
    """Selected states that hold the very same array share the gradient of the first."""
    def hook(call: Call) -> Any:
        states = selected(call)
        first = {s: next(o for o in states if o.value is s.value) for s in states}
        if all(s is o for s, o in first.items()):
            return call.proceed()
        return call.again(grad_states=map_states(first.__getitem__, call.options["grad_states"]))

    on_call(lib, hook, ("grad", "vector_grad"))


# -- in one member of the family ---------------------------------------------------------------


@saboteur("DER-01", "DER-02")
def square_blocks_are_transposed(lib: Lib) -> None:
    """Square blocks of jacrev are transposed."""
    def turned(x: Any) -> Any:
        return x.T if x.ndim == 2 and x.shape[0] == x.shape[1] else x

    on_leaves(lib, turned, ("jacrev", "jacobian"))


@saboteur("DER-13")
def mixed_blocks_are_transposed(lib: Lib) -> None:
    """Square blocks off the diagonal of a Hessian by several arguments are transposed."""
    def turned(g: Any) -> Any:
        if not (isinstance(g, tuple) and all(isinstance(row, tuple) for row in g)):
            return g
        return tuple(tuple(
            x.T if i != j and isinstance(x, jax.Array) and x.ndim == 2
            and x.shape[0] == x.shape[1] else x
            for j, x in enumerate(row)) for i, row in enumerate(g))

    on_call(lib, lambda call: call.arg_grads(turned), ("hessian",))


@saboteur("DER-07")
def third_output_is_left_out(lib: Lib) -> None:
    """vector_grad sums the first two leaves of the output."""
    def hook(call: Call) -> Any:
        def two(*args: Any, **kwargs: Any) -> Any:
            return jax.tree.leaves(call.fun(*args, **kwargs))[:2]

        plain = not (call.has_aux or call.return_value)
        return call.again(two) if plain else call.proceed()

    on_call(lib, hook, ("vector_grad",))


@saboteur("WRB-05")
def jacfwd_leaves_the_stream(lib: Lib) -> None:
    """jacfwd does not advance the random stream where states are selected."""
    def hook(call: Call) -> Any:
        with kept([STREAM] if call.states else []):
            return call.proceed()

    on_call(lib, hook, ("jacfwd",))


@saboteur("WRB-15")
def failing_vector_grad_keeps_its_first_write(lib: Lib) -> None:
    """vector_grad leaves one of the written states behind when its function raises."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ArithmeticError:
            cells = [c.cell_contents for c in getattr(call.fun, "__closure__", None) or ()]
            for state in [c for c in cells if isinstance(c, refimpl.State)][:1]:
                state.value = map_leaves(lambda x: x + 1, state.value)
            raise

    on_call(lib, hook, ("vector_grad",))


@saboteur("DER-28")
def third_tangent_is_dropped(lib: Lib) -> None:
    """jvp takes the third argument and those after it for constants."""
    right = refimpl.transform.jvp

    def jvp(fun: Any, primals: Any, tangents: Any, **options: Any) -> Any:
        rest = jax.tree.map(jnp.zeros_like, tuple(tangents[2:]))
        return right(fun, primals, (*tangents[:2], *rest), **options)

    lib.transform.jvp = jvp


# -- at a later call, or with two writes -------------------------------------------------------


@saboteur("DER-26")
def third_pullback_is_zero(lib: Lib) -> None:
    """A pullback gives zeros from its third call on."""
    right = refimpl.transform.vjp

    def vjp(fun: Any, *primals: Any, **options: Any) -> Any:
        out, pull, *aux = right(fun, *primals, **options)
        calls: list[None] = []
        def tired(cotangent: Any) -> Any:
            calls.append(None)
            found = pull(cotangent)
            return found if len(calls) < 3 else jax.tree.map(jnp.zeros_like, found)

        return (out, tired, *aux)

    lib.transform.vjp = vjp


@saboteur("WRB-08", "WRB-26")
def third_call_writes_nothing(lib: Lib) -> None:
    """The third call of a transform has no effects on states."""
    def hook(call: Call) -> Any:
        count = call.memory["count"] = call.memory.get("count", 0) + 1
        with kept(written(call) if count == 3 else []):
            return call.proceed()

    on_call(lib, hook)


@saboteur("WRB-14", "WRB-01")
def third_write_is_lost(lib: Lib) -> None:
    """Of three or more writes to one state in a call, the third and later ones are lost."""
    class Tired(Cell):
        def write(self, value: Any) -> None:
            where, count = vars(self).get("_writes", (None, 0))
            now = frame() if inside() else None
            count = count + 1 if now is not None and where is now else 1
            vars(self)["_writes"] = now, count
            if count < 3:
                super().write(value)

    on_state(lib, Tired)


@saboteur("CMP-14")
def jit_forgets_the_third_state(lib: Lib) -> None:
    """Of the states that a compiled function writes, the third and later ones are not written."""
    def hook(call: Call) -> Any:
        if "third" not in call.memory:  # looked for once, as that runs the function
            call.memory["third"] = written(call)[2:]
        with kept(call.memory["third"]):
            return call.proceed()

    on_call(lib, hook, ("jit",))


@saboteur("FND-02", "FND-01")
def finders_stop_at_four(lib: Lib) -> None:
    """A finder returns at most four states."""
    def hook(call: Call) -> Any:
        found = call.proceed()
        if isinstance(found, dict):
            return found if call.transform.usage == "both" else dict(list(found.items())[:4])
        return found[:4]

    on_call(lib, hook, ("StateFinder",))


@saboteur("ARG-16", "ARG-09")
def first_keywords_are_kept(lib: Lib) -> None:
    """A keyword argument that a later call leaves out has the value of the call before."""
    def hook(call: Call) -> Any:
        known = call.memory.setdefault("keywords", {})
        known.update(call.kwargs)
        return call.proceed(*call.args, **known) if call.args else call.proceed()

    on_call(lib, hook)


@saboteur("STA-13")
def draws_repeat_after_ten(lib: Lib) -> None:
    """normal gives the first ten numbers over and over."""
    right = refimpl.random.normal

    def normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        numbers = right(loc, scale, size)
        if numbers.size <= 10:
            return numbers
        return jnp.resize(jnp.ravel(numbers)[:10], numbers.shape)

    lib.random.normal = normal
