"""Products with a vector: vjp, jvp and the forward gradient (DER-25 to DER-31)."""

from collections.abc import Sequence
from types import CodeType
from typing import Any, Literal, Unpack, cast

import jax
import jax.numpy as jnp

from .. import random
from ..container import pairs
from ..frames import Effects, Frame, Lost, in_foreign_body, settle, whole_stack
from ..memory import code_of, watched
from ..state import State
from ..summary import summary
from ..typing import Argnums, Container, Function, Pytree, Seed
from .family import Options, member
from .gradient import Carried, GradientTransform, Run
from .selection import Selected, Selection


class _Once(GradientTransform):
    once = True


def vjp(
    fun: Function,
    /,
    *primals: Pytree,
    grad_states: Container = None,
    argnums: Argnums = 0,
    has_aux: bool = False,
    check_states: bool = True,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Value of a function, and the function that pulls cotangents of its output back.

    Parameters
    ----------
    fun : callable
        The function.
    *primals
        Positional arguments of the function.
    grad_states, argnums, has_aux, check_states
        As in `grad`; argument 0 is left alone if there are states but no arguments.
    **kwargs
        Keyword arguments of the function.

    Returns
    -------
    tuple
        ``(output, vjp_fn)``, and ``(output, vjp_fn, aux)`` with `has_aux`. ``vjp_fn(cotangent)``
        has the structure of ``grads`` in `grad` and no effects. It is a pytree, and may leave and
        enter compiled functions.

    Raises
    ------
    TypeError, ValueError
        As in `grad`, at once; ``vjp_fn`` if the cotangent does not fit the output.
    StateError
        If a custom derivative's ``bwd`` reads a state that was changed since the call, or has
        another value where ``vjp_fn`` is called, as if it is compiled.

    Notes
    -----
    Rules: DER-25 to DER-27, DER-34, ERR-19.
    """
    if not primals and grad_states is not None and argnums == 0:
        argnums = None
    call = _Once(fun, _vjp, grad_states, argnums, False, has_aux, None, check_states)
    (pull, lost), output, aux = call.differentiate(primals, kwargs)
    pulled = jax.tree_util.Partial(_PullBack(call.selection, lost, code_of(fun)), pull)
    return (output, pulled, aux) if has_aux else (output, pulled)


def _vjp(fun: Function, *, argnums: int, has_aux: Literal[True]) -> Function:
    def run(selected: Selected) -> tuple[Pytree, Carried]:
        _, pull, carried = jax.vjp(fun, selected, has_aux=True)
        effects = cast(Run, carried.run()).effects
        lost = {state for state, written in effects.touched.items() if written}
        return (pull, Lost(lost, effects.sliced)), carried

    return run


class _PullBack:
    """The static part of a vjp function: how results are shaped, and what its rules cannot see."""

    def __init__(self, selection: Selection, lost: Lost, code: CodeType) -> None:
        self.selection = selection.without_states()
        self.lost = lost
        self.code = code

    def __call__(self, pull: Function, cotangent: Pytree) -> Pytree:
        return watched(self.code, lambda: self._pull(pull, cotangent))

    def _pull(self, pull: Function, cotangent: Pytree) -> Pytree:
        with whole_stack():
            with Frame(kept=in_foreign_body()) as frame:
                frame.hosts = frame.dropped = True
                frame.lost = self.lost
                (grads,) = pull(cotangent)
                grads = self.selection.shape(grads)
            read = dict.fromkeys(frame.close().touched, False)
            settle(Effects(read, frame.fetched, {}, {}))
        return grads


def jvp(
    fun: Function,
    /,
    primals: Sequence[Pytree],
    tangents: Sequence[Pytree],
    *,
    grad_states: Container = None,
    state_tangents: Pytree = None,
    has_aux: bool = False,
    check_states: bool = True,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Value of a function and its derivative along tangents of arguments and states.

    Parameters
    ----------
    fun : callable
        The function.
    primals, tangents : sequence
        Positional arguments of the function, and a tangent for each.
    grad_states, state_tangents
        Container of states, and a like container of tangents.
    has_aux, check_states
        As in `grad`.
    **kwargs
        Keyword arguments of the function.

    Returns
    -------
    tuple
        ``(output, tangent)``, and ``(output, tangent, aux)`` with `has_aux`.

    Raises
    ------
    TypeError
        If `primals` and `tangents`, or `grad_states` and `state_tangents`, are not alike; and as
        in `grad`.
    ValueError
        If a state has two places with a tangent each; and as in `grad`.

    Notes
    -----
    Rules: DER-27, DER-28, ERR-19.
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError(
            "primals and tangents must be tuples or lists, "
            f"got {type(primals).__name__} and {type(tangents).__name__}"
        )
    if len(primals) != len(tangents):
        raise TypeError(f"{len(primals)} primals need as many tangents, got {len(tangents)}")
    if (grad_states is None) != (state_tangents is None):
        raise TypeError("grad_states and state_tangents must be given together")
    found: dict[State, Any] = {}
    for path, state, tangent in pairs(grad_states, state_tangents, "grad_states", "state_tangents"):
        if found.setdefault(state, tangent) is not tangent:
            raise ValueError(f"{path}: {state!r} has two places, but not one tangent")
    params = {"tangents": Selected(list(found.values()), list(tangents))}
    argnums = range(len(primals))
    call = _Once(fun, _jvp, grad_states, argnums, False, has_aux, params, check_states)
    slope, output, aux = call.differentiate(primals, kwargs)
    return (output, slope, aux) if has_aux else (output, slope)


def _jvp(fun: Function, *, argnums: int, has_aux: bool, tangents: Selected) -> Function:
    def run(selected: Selected) -> tuple[Pytree, Carried]:
        _, tangent, carried = jax.jvp(fun, (selected,), (tangents,), has_aux=has_aux)
        return tangent, carried

    return run


def _fwd_grad(
    fun: Function, *, argnums: int, has_aux: bool, tangent_size: int | None, key: Seed | None
) -> Function:
    """Unbiased estimate of the gradient of a scalar function in forward mode: (g . v) v.

    Parameters
    ----------
    fun, grad_states, argnums, **options
        As in `grad`.
    tangent_size : int, optional
        How many standard normal tangents v to average over; 1 by default.
    key : int or key, optional
        Where the tangents come from. Without it they come from a stream of their own, which
        `random.seed` resets, and never from the one that the function draws from (WRB-05).

    Returns
    -------
    GradientTransform
        Its results by row are those of `grad`.

    Raises
    ------
    TypeError
        In a call: if the output is no real scalar, or something selected is complex; and as in
        `grad`.
    ValueError
        If `tangent_size` is not positive; and as in `grad`.

    Notes
    -----
    Rules: RET-01 to RET-12, DER-29 to DER-31.
    """

    def push(selected: Selected, tangent: Selected) -> tuple[Pytree, Carried]:
        output, slope, carried = jax.jvp(fun, (selected,), (tangent,), has_aux=has_aux)
        kinds = map(jnp.result_type, jax.tree.leaves((output, tangent)))
        real = all(jnp.issubdtype(kind, jnp.floating) for kind in kinds)
        if [jnp.shape(leaf) for leaf in jax.tree.leaves(output)] != [()] or not real:
            raise TypeError(
                "fwd_grad needs a real scalar output and real numbers to differentiate with "
                f"respect to, got the output {summary(output)}"
            )
        (along,) = jax.tree.leaves(slope)
        return jax.tree.map(lambda leaf: along.astype(leaf.dtype) * leaf, tangent), carried

    def run(selected: Selected) -> tuple[Pytree, Carried]:
        draw = random.TANGENTS.split_key() if key is None else random.as_key(key)
        leaves, treedef = jax.tree.flatten(selected)
        count = 1 if tangent_size is None else tangent_size
        keys = jax.random.split(draw, max(len(leaves), 1))
        normals = [
            jax.random.normal(k, (count, *jnp.shape(leaf)), jnp.result_type(leaf))
            for k, leaf in zip(keys, leaves, strict=False)
        ]
        tangents = jax.tree.unflatten(treedef, normals)
        if not leaves:
            return push(selected, tangents)
        grads, carried = jax.vmap(push, (None, 0), (0, None))(selected, tangents)
        return jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), grads), carried

    return run


def _estimate(
    fun: Function | None = None,
    grad_states: Container = None,
    argnums: Argnums = None,
    *,
    tangent_size: int | None = None,
    key: Seed | None = None,
    **options: Unpack[Options],
) -> Any:
    if tangent_size is not None and (isinstance(tangent_size, bool) or tangent_size < 1):
        raise ValueError(f"tangent_size must be a positive int, got {tangent_size!r}")
    params = {"tangent_size": tangent_size, "key": key}
    return fun, dict(grad_states=grad_states, argnums=argnums, transform_params=params, **options)


fwd_grad = member(_fwd_grad, _estimate)
