"""checkpoint: compute again in the backward pass instead of keeping (CTL)."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, Unpack, cast, overload

import jax
import jax.numpy as jnp

from ..frames import settle
from ..graph import Node
from ..state import State
from ..typing import Function, P, T
from .checks import expect_function
from .gradient import Carried, Run, carry
from .staged import around, run


class Options(TypedDict, total=False):
    """Those of `jax.checkpoint`."""

    prevent_cse: bool
    policy: Callable[..., bool] | None
    static_argnums: int | Sequence[int]


@overload
def checkpoint(fun: Callable[P, T], **options: Unpack[Options]) -> Callable[P, T]: ...
@overload
def checkpoint(
    fun: None = None, **options: Unpack[Options]
) -> Callable[[Callable[P, T]], Callable[P, T]]: ...
def checkpoint(
    fun: Function | None = None,
    *,
    prevent_cse: bool = True,
    policy: Callable[..., bool] | None = None,
    static_argnums: int | Sequence[int] = (),
) -> Any:
    """A function whose inner values are computed again for its derivatives, and not kept.

    It runs once and takes effect once: what is computed again are values, with the same draws.

    Parameters
    ----------
    fun : callable, optional
        May read and write states, and take modules and states as arguments; left out, the result
        is a decorator.
    prevent_cse, policy, static_argnums
        As in `jax.checkpoint`.
    """
    options: dict[str, Any] = {
        "prevent_cse": prevent_cse,
        "policy": policy,
        "static_argnums": static_argnums,
    }
    if fun is None:
        return functools.partial(checkpoint, **options)
    expect_function(fun, "fun")

    @functools.wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        objects = [arg if isinstance(arg, (State, Node)) else None for arg in args]
        named = {key: arg for key, arg in kwargs.items() if isinstance(arg, (State, Node))}

        def pure(*args: Any, **kwargs: Any) -> tuple[Any, Carried]:
            given = [arg if held is None else held for held, arg in zip(objects, args, strict=True)]
            output, effects = run(fun, (), given, {**kwargs, **named})
            written.update(effects.writes)
            return output, carry(None, None, effects, runs)

        written: set[State] = set()
        runs: list[Run] = []
        with around(lambda: written):
            given = [arg if held is None else None for held, arg in zip(objects, args, strict=True)]
            arrays = {key: arg for key, arg in kwargs.items() if key not in named}
            output, carried = jax.checkpoint(pure, **options)(*given, **arrays)
            traced = cast(Run, carried.run())  # `runs` keeps it alive
            # A constant leaves jax.checkpoint as a number, which is no array to write.
            traced.land([*map(jnp.asarray, carried.leaves)])
            settle(traced.effects)
        return output

    return checkpointed
