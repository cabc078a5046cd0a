"""Other definitions of JAX's primitives: the function is traced, and the trace is run anew with
some primitives replaced, so that the derivative is right but for these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal

import refimpl
from spec.language.transforms import FAMILY
from tests.saboteurs.hooks import Call, on_call
from tests.saboteurs.roster import Lib

Rules = Mapping[str, Callable[..., Any]]
"""What is done in the place of a primitive, by its name; ``inline`` for its own definition."""


def summed(fun: Callable[..., Any], **options: Any) -> Any:
    """The gradient of the sum of all entries."""
    def total(selected: Any) -> Any:
        output, aux = fun(selected)
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(output)), aux

    return jax.grad(total, **options)


JAXS: dict[str, Callable[..., Any]] = {"vector_grad": summed} | {
    name: getattr(jax, name) for name in FAMILY if hasattr(jax, name)}
"""The members that are replayed."""

WRAPPERS = ("pjit", "jit", "closed_call", "core_call")


def inline(*_: Any) -> Any:
    """Marks a primitive whose definition is replayed instead of its derivative rule."""
    raise AssertionError("a mark, never called")


def replace_primitives(lib: Lib, rules: Rules) -> None:
    """Let the members differentiate the function with some primitives replaced."""
    def hook(call: Call) -> Any:
        options = dict(call.options)
        names = ("holomorphic", "allow_int")
        params = {name: options.pop(name) for name in names if name in options}
        made = refimpl.transform.GradientTransform(
            call.fun, replaying(JAXS[call.member], rules), transform_params=params, **options)
        return made(*call.args, **call.kwargs)

    on_call(lib, hook, tuple(JAXS))


def replaying(derivative: Callable[..., Any], rules: Rules) -> Callable[..., Any]:
    """A transform of pure functions that traces, replays by the rules, and differentiates."""
    def transform(fun: Any, *, argnums: int, has_aux: bool, **params: Any) -> Any:
        def replayed(selected: Any) -> Any:
            closed, shape = jax.make_jaxpr(fun, return_shape=True)(selected)
            out = run(closed.jaxpr, closed.consts, jax.tree.leaves(selected), rules)
            return jax.tree.unflatten(jax.tree.structure(shape), out)

        return derivative(replayed, argnums=argnums, has_aux=has_aux, **params)

    return transform


def run(jaxpr: Jaxpr, consts: Sequence[Any], args: Sequence[Any], rules: Rules) -> list[Any]:
    """Evaluate a trace equation by equation."""
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))
    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else env[atom]

    for eqn in jaxpr.eqns:
        values = list(map(read, eqn.invars))
        rule = rules.get(eqn.primitive.name)
        inner: Any = eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
        if eqn.primitive.name in WRAPPERS or rule is inline:
            out = run(inner.jaxpr, inner.consts, values, rules)
        elif rule is not None:
            out = [rule(*values)]
        else:
            out = eqn.primitive.bind(*values, **eqn.primitive.get_bind_params(eqn.params))
            out = out if eqn.primitive.multiple_results else [out]
        env.update(zip(eqn.outvars, out, strict=True))
    return list(map(read, jaxpr.outvars))
