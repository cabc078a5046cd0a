"""JAX's own functions as an implementation: what a rule may ask for that says "as in JAX".

JAX knows no states.  Where states alone are selected, their values are made an argument of the
function, which is what somebody who has only JAX would write; where both sides are selected, or
where a state that the function wrote is read after the call, the name that a check lacks is absent.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax

from spec.judge.subject import Absent

__version__ = jax.__version__
calls: list[str] = []
"""The names of the transforms whose calls have returned, so that an exam knows what it has seen."""
written: list[State] = []
"""The states that functions have written since the last call began."""


class State:
    """A plain cell, which is lost when a transformed function has written it."""

    def __init__(self, value: Any, name: Any = None, *, tag: Any = None) -> None:
        self.name, self.tag, self.held, self.lost = name, tag, value, False

    @property
    def value(self) -> Any:
        """What it holds."""
        if self.lost:
            raise Absent("states that are written")
        return self.held

    @value.setter
    def value(self, value: Any) -> None:
        self.held, self.lost = value, False
        written.append(self)


class ParamState(State):
    """A State."""


Function = Callable[..., Any]


def member(base: Function) -> Function:
    """One of JAX's transforms, with states, `return_value`, and argument 0 for no `argnums`."""
    def transform(fun: Function, grad_states: Any = None, argnums: Any = None,
                  has_aux: bool = False, return_value: bool = False, check_states: bool = False,
                  **options: Any) -> Any:
        # JAX checks nothing of the kind, whatever check_states asks for.
        if grad_states is not None:
            if argnums is not None:
                raise Absent("both sides at once")
            fun, values = explicit(fun, grad_states)
        made = told(base, fun, 0 if argnums is None else argnums, has_aux, return_value, options)

        def run(*args: Any, **kwargs: Any) -> Any:
            written.clear()
            try:
                result = made(*(args if grad_states is None else (values(), *args)), **kwargs)
            finally:
                for state in written:
                    state.lost = True
            calls.append(base.__name__)
            return result

        return run

    return transform


def told(base: Function, fun: Function, argnums: Any, has_aux: bool, return_value: bool,
         options: Any) -> Function:
    """JAX's transform of a function, which hands out the function's value if it is asked to."""
    if not return_value:
        flags = {"has_aux": True} if has_aux else {}
        made: Function = base(fun, argnums=argnums, **flags, **options)
        return made

    def twice(*args: Any, **kwargs: Any) -> Any:
        returned = fun(*args, **kwargs)
        return (returned[0], returned) if has_aux else (returned, (returned,))

    both = base(twice, argnums=argnums, has_aux=True, **options)

    def run(*args: Any, **kwargs: Any) -> Any:
        gradient, returned = both(*args, **kwargs)
        return gradient, *returned

    return run


def explicit(fun: Function, grad_states: Any) -> tuple[Function, Callable[[], Any]]:
    """The function of the values of states and its own arguments, and what reads those values."""
    flat: Any = jax.tree.flatten(grad_states)
    states, tree = flat
    if not states or not all(isinstance(state, State) for state in states):
        raise Absent("containers without states")

    def of(values: Any, /, *args: Any, **kwargs: Any) -> Any:
        before = [state.held for state in states]
        for state, value in zip(states, tree.flatten_up_to(values), strict=True):
            state.held = value
        try:
            return fun(*args, **kwargs)
        finally:
            for state, value in zip(states, before, strict=True):
                state.held = value

    return of, lambda: tree.unflatten([state.value for state in states])


def vjp(fun: Function, *primals: Any, grad_states: Any = None, has_aux: bool = False,
        **options: Any) -> Any:
    """JAX's vjp, where neither states nor arguments are selected."""
    if grad_states is not None or options:
        raise Absent("sides that are selected")
    made: Any = jax.vjp
    return made(fun, *primals, has_aux=has_aux)


def jvp(fun: Function, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """JAX's jvp."""
    written.clear()
    try:
        return jax.jvp(fun, primals, tangents, has_aux=has_aux)
    finally:
        for state in written:
            state.lost = True


transform = SimpleNamespace(
    grad=member(jax.grad), jacrev=member(jax.jacrev), jacobian=member(jax.jacrev),
    jacfwd=member(jax.jacfwd), hessian=member(jax.hessian), vjp=vjp, jvp=jvp, jit=jax.jit,
    scan=jax.lax.scan, cond=jax.lax.cond, switch=jax.lax.switch, while_loop=jax.lax.while_loop,
    vmap=jax.vmap, checkpoint=jax.checkpoint,
)
