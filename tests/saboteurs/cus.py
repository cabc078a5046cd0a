"""Users' own transforms that are told the wrong things, or not treated as members are."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from spec.language.transforms import FAMILY
from tests.saboteurs.hooks import (
    Call,
    kept,
    on_build,
    on_call,
    written,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur

Gradient = refimpl.transform.GradientTransform


@saboteur("CUS-01", also=ANYTHING)
def members_are_functions(lib: Lib) -> None:
    """Members of the family return plain functions."""
    def plain(original: Any, fun: Any, options: Any) -> Any:
        made = original(fun, **options)
        return lambda *args, **kwargs: made(*args, **kwargs)

    on_build(lib, plain)


def change_custom(lib: Lib, change: Any) -> None:
    """Change the transform that a user gives to GradientTransform."""
    class Custom(Gradient):
        def __init__(self, target: Any, transform: Any, *args: Any, **options: Any) -> None:
            super().__init__(target, change(transform, options), *args, **options)

    lib.transform.GradientTransform = Custom


@saboteur("CUS-02", also=ANYTHING)
def has_aux_is_that_of_the_user(lib: Lib) -> None:
    """A user's transform is told the has_aux of the call, not that there always is an aux."""
    def change(transform: Any, options: Any) -> Any:
        def told(fun: Any, **params: Any) -> Any:
            return transform(fun, **{**params, "has_aux": bool(options.get("has_aux"))})

        return told

    change_custom(lib, change)


@saboteur("CUS-02", also=ANYTHING)
def argnums_by_position(lib: Lib) -> None:
    """A user's transform is given argnums by position."""
    change_custom(lib, lambda transform, options: lambda fun, *, argnums, **params: transform(
        fun, argnums, **params))


def custom(lib: Lib, hook: Any) -> None:
    """Hook calls of users' own transforms alone."""
    on_call(lib, lambda call: hook(call) if call.member == "GradientTransform"
           else call.proceed())


@saboteur("CUS-03", also=ANYTHING)
def custom_value_comes_first(lib: Lib) -> None:
    """For users' transforms the value stands first, as in jax.value_and_grad."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        return (result[1], result[0], *result[2:]) if call.return_value else result

    custom(lib, hook)


@saboteur("CUS-04", also=ANYTHING)
def custom_transforms_have_no_effects(lib: Lib) -> None:
    """What the function writes under a user's transform is dropped."""
    def hook(call: Call) -> Any:
        with kept(written(call)):
            return call.proceed()

    custom(lib, hook)


@saboteur("CUS-05", also=ANYTHING)
def custom_blocks_are_diagonal(lib: Lib) -> None:
    """Blocks of a user's transform are summed down to the shape of the state."""
    def hook(call: Call) -> Any:
        return call.var_grads(lambda g: jax.tree.map(
            lambda x: jnp.sum(x, axis=0) if x.ndim > 1 else x, g))

    custom(lib, hook)


@saboteur("CUS-06", also=ANYTHING)
def custom_transform_is_ignored(lib: Lib) -> None:
    """Whatever the user's transform, the gradient is returned."""
    def change(transform: Any, options: Any) -> Any:
        return lambda fun, *, argnums, has_aux, **params: jax.grad(fun, argnums, has_aux=True)

    change_custom(lib, change)


@saboteur("CUS-07", also=ANYTHING)
def custom_transform_per_state(lib: Lib) -> None:
    """A user's transform is applied for every state and argument alone."""
    def hook(call: Call) -> Any:
        states = call.options.get("grad_states")
        if not call.both or not isinstance(states, list) or written(call):
            return call.proceed()
        if call.has_aux or call.return_value:
            return call.proceed()
        alone = [call.again(grad_states=[s], argnums=None)[0] for s in states]
        return alone, call.again(grad_states=None)

    custom(lib, hook)


@saboteur("CUS-04", also=ANYTHING)
def every_run_takes_effect(lib: Lib) -> None:
    """Every run of the function within a user's transform takes effect."""
    def hook(call: Call) -> Any:
        runs: list[None] = []
        def counted(*args: Any, **kwargs: Any) -> Any:
            runs.append(None)
            return call.fun(*args, **kwargs)

        result = call.again(counted)
        for _ in runs[1:]:
            call.fun(*call.args, **call.kwargs)
        return result

    custom(lib, hook)


@saboteur("CUS-10", also=ANYTHING)
def members_are_no_decorators(lib: Lib) -> None:
    """A member of the family needs a function."""
    def strict(original: Any) -> Any:
        return lambda fun, *args, **options: original(fun, *args, **options)

    for name in FAMILY:
        setattr(lib.transform, name, strict(getattr(lib.transform, name)))
