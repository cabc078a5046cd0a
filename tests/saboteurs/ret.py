"""Wrong results: members swapped, lost, or in the wrong container."""

from __future__ import annotations

from typing import Any

from tests.saboteurs.hooks import (
    Call,
    on_call,
)
from tests.saboteurs.roster import ANYTHING, Lib, saboteur

FLAGS = ("RET-04", "RET-08", "RET-12")


@saboteur(*FLAGS, also="AUX CUS DER GST WRB CMP")
def aux_before_loss(lib: Lib) -> None:
    """Returns (grads, aux, loss) where (grads, loss, aux) is due."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if call.has_aux and call.return_value:
            return result[0], result[2], result[1]
        return result

    on_call(lib, hook)


@saboteur("RET-09", "RET-10", "RET-11", "RET-12", also="ARG CMP CUS DER GST")
def arguments_before_states(lib: Lib) -> None:
    """Returns (arg_grads, var_grads) where both are selected."""
    on_call(lib, lambda c: c.grads(lambda g: (g[1], g[0])) if c.both else c.proceed())


@saboteur("RET-02", "RET-03", "RET-06", "RET-07", "RET-10", "RET-11", also="AUX CMP CUS WRB")
def list_for_tuple(lib: Lib) -> None:
    """Returns [grads, aux] or [grads, loss] as a list."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        return list(result) if call.has_aux != call.return_value else result

    on_call(lib, hook)


@saboteur("RET-06", also="AUX CMP ERR")
def aux_lost_with_states(lib: Lib) -> None:
    """Forgets aux when only states are differentiated and no value is asked for."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        lost = call.states and not call.both and call.has_aux and not call.return_value
        return result[0] if lost else result

    on_call(lib, hook)


@saboteur("RET-10", "RET-11", "RET-12", also="CUS GST CMP")
def flat_triple_with_both(lib: Lib) -> None:
    """Returns (var_grads, arg_grads, loss, aux) flat where the first two belong together."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if call.both and (call.has_aux or call.return_value):
            return (*result[0], *result[1:])
        return result

    on_call(lib, hook)


@saboteur("RET-01", also="ARG AUX CUS DER STA WRB")
def lonely_gradient_in_a_tuple(lib: Lib) -> None:
    """Wraps a lonely arg_grads into a 1-tuple."""
    def hook(call: Call) -> Any:
        plain = not (call.states or call.has_aux or call.return_value)
        return (call.proceed(),) if plain and call.options.get("argnums") is None else (
            call.proceed())

    on_call(lib, hook)


@saboteur("RET-05", also=ANYTHING)
def states_gradient_in_a_tuple(lib: Lib) -> None:
    """Returns (var_grads,) when only states are differentiated."""
    def hook(call: Call) -> Any:
        plain = call.states and not (call.both or call.has_aux or call.return_value)
        return (call.proceed(),) if plain else call.proceed()

    on_call(lib, hook)


@saboteur("RET-03", "RET-04", also="ARG AUX")
def value_first_as_jax_has_it(lib: Lib) -> None:
    """Returns (value, grads) as jax.value_and_grad does, when only arguments are selected."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if call.return_value and not call.states:
            return (result[1], result[0], *result[2:])
        return result

    on_call(lib, hook)


@saboteur("RET-12")
def hessian_forgets_the_value(lib: Lib) -> None:
    """hessian alone ignores return_value when everything is asked for."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        full = call.both and call.has_aux and call.return_value
        return (result[0], result[2]) if full else result

    on_call(lib, hook, ("hessian",))


@saboteur("RET-07", "RET-11", also="ARG AUX CMP CUS GST")
def value_lost_in_forward_mode(lib: Lib) -> None:
    """jacfwd forgets the value when states are differentiated."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        return result[0] if call.states and call.return_value and not call.has_aux else result

    on_call(lib, hook, ("jacfwd",))
