"""Misuse that is let through, or refused with the wrong words or the wrong class."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.hooks import (
    STREAM,
    Call,
    on_build,
    on_call,
    on_filters,
    on_refusal,
    on_selection,
)
from tests.saboteurs.roster import Lib, saboteur
from tests.saboteurs.wrb_failures import dirty, on_failure


@saboteur("ERR-20", also="WRB ERR CMP CUS STA")
def refusals_come_too_late(lib: Lib) -> None:
    """What the function returned is checked after its writes were applied."""
    on_failure(lib, (TypeError, ValueError), lambda call, error: dirty(call, STREAM))


Finder = refimpl.transform.StateFinder
ALSO = "ERR ARG GST DER AUX CUS WRB"


def forgive(lib: Lib, words: str) -> None:
    """Let a refusal pass whose message holds the words, with zero for a result."""
    def answer(error: Exception) -> Any:
        if words in str(error):
            return jnp.zeros(())
        raise error

    on_refusal(lib, answer)


@saboteur("ERR-01", also=ALSO)
def repeated_indices_pass(lib: Lib) -> None:
    """An index that stands twice in argnums is taken once."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        argnums = options.get("argnums")
        if isinstance(argnums, (list, tuple)):
            options = {**options, "argnums": tuple(dict.fromkeys(argnums))}
        return original(fun, **options)

    on_build(lib, build)


@saboteur("ERR-02", also=ALSO)
def floats_are_indices(lib: Lib) -> None:
    """A float is cut off to an index."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        argnums = options.get("argnums")
        if isinstance(argnums, float):
            options = {**options, "argnums": int(argnums)}
        return original(fun, **options)

    on_build(lib, build)


@saboteur("ERR-03", also=ALSO)
def indices_wrap_around(lib: Lib) -> None:
    """An index beyond the arguments counts on from the first."""
    def wrapped(call: Call) -> Any:
        argnums, count = call.options.get("argnums"), len(call.args)
        if argnums is None or not count:
            return call.proceed()
        if isinstance(argnums, (list, tuple)):
            return call.again(argnums=tuple(i % count for i in argnums))
        return call.again(argnums=argnums % count)

    on_call(lib, wrapped)


@saboteur("ERR-03", also=ALSO)
def index_is_named_as_normalized(lib: Lib) -> None:
    """The message names the index after adding the number of arguments."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ValueError as error:
            if "not there" in str(error):
                raise ValueError("tuple index out of range") from error
            raise

    on_call(lib, hook)


@saboteur("ERR-04", also=ALSO)
def strangers_among_states_are_constants(lib: Lib) -> None:
    """What is no state in grad_states is ignored."""
    forgive(lib, "must be a State")


@saboteur("ERR-05", "ERR-06", also=ALSO)
def integers_have_zero_gradients(lib: Lib) -> None:
    """Integers are differentiated, with zeros for a gradient."""
    forgive(lib, "cannot differentiate")


@saboteur("ERR-21", also=ALSO)
def integer_leaf_is_not_named(lib: Lib) -> None:
    """The refusal of an integer leaf does not say which leaf it is."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except TypeError as error:
            if "cannot differentiate" in str(error):
                raise TypeError("grad requires real- or complex-valued inputs") from error
            raise

    on_call(lib, hook)


@saboteur("ERR-07", also=ALSO)
def first_of_any_number_is_the_output(lib: Lib) -> None:
    """With has_aux the first value is the output and the rest, if any, the aux."""
    def hook(call: Call) -> Any:
        def paired(*args: Any, **kwargs: Any) -> Any:
            out = call.fun(*args, **kwargs)
            return (out[0], out[1:]) if isinstance(out, tuple) and len(out) != 2 else out

        return call.again(paired) if call.has_aux else call.proceed()

    on_call(lib, hook)


@saboteur("ERR-09", also=ALSO)
def outputs_are_summed(lib: Lib) -> None:
    """grad of an array differentiates the sum of its entries."""
    def hook(call: Call) -> Any:
        def summed(*args: Any, **kwargs: Any) -> Any:
            out = call.fun(*args, **kwargs)
            return out if call.has_aux else jax.tree.map(jnp.sum, out)

        return call.again(summed)

    on_call(lib, hook, ("grad",))


@saboteur("ERR-10", also=ALSO)
def imaginary_parts_are_dropped(lib: Lib) -> None:
    """A complex output is differentiated by its real part."""
    def hook(call: Call) -> Any:
        def real(*args: Any, **kwargs: Any) -> Any:
            out = call.fun(*args, **kwargs)
            return out if call.has_aux else jax.tree.map(jnp.real, out)

        holomorphic = call.options.get("holomorphic")
        return call.proceed() if holomorphic else call.again(real)

    on_call(lib, hook, ("grad", "jacrev"))


@saboteur("ERR-11", also=ALSO)
def untouched_states_have_zeros(lib: Lib) -> None:
    """A state that the function does not touch has a gradient of zeros, without a word."""
    on_call(lib, lambda call: call.again(check_states=False) if call.states else call.proceed())


@saboteur("ERR-11", also=ALSO)
def first_untouched_state_is_named(lib: Lib) -> None:
    """Of several states that are not touched, the message names the first."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except ValueError as error:
            if "neither reads nor writes" in str(error):
                raise ValueError(str(error).partition(",")[0]) from error
            raise

    on_call(lib, hook)


@saboteur("ERR-12", also="ERR SEL")
def everything_may_come_first(lib: Lib) -> None:
    """`...` before other filters takes all states, and nothing is left for the others."""
    def select(node: Any, *filters: Any) -> Any:
        early = any(f is ... or f is True for f in filters[:-1])
        rest = [refimpl.util.filter.Everything() if f is ... or f is True else f for f in filters]
        return refimpl.graph.states(node, *(rest if early else filters))

    on_selection(lib, select)


@saboteur("ERR-13", also="ERR FLT")
def unknown_filters_match_nothing(lib: Lib) -> None:
    """A filter of no known form matches nothing."""
    def convert(filter: Any) -> Any:
        known = filter is None or filter is ... or callable(filter)
        if known or isinstance(filter, (str, bool, list, tuple)):
            return None
        return refimpl.util.filter.Nothing()

    on_filters(lib, convert)


@saboteur("ERR-14", also="ERR FND")
def unknown_usage_means_all(lib: Lib) -> None:
    """A finder takes any other usage for 'all', and any other return_type for 'dict'."""
    known = {"usage": ("read", "write", "both"), "return_type": ("list", "tuple")}

    def build(original: Any, fn: Any, options: Any) -> Any:
        return original(fn, **{k: v for k, v in options.items() if v in known.get(k, (v,))})

    on_build(lib, build, ("StateFinder",))


@saboteur("ERR-15", also="ERR CUS")
def transforms_may_return_anything(lib: Lib) -> None:
    """A user's transform that returns no pair gives zeros."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except TypeError as error:
            if "(grads, aux)" in str(error):
                return jnp.zeros(())
            raise

    on_call(lib, hook)


@saboteur("ERR-16", also=ALSO)
def unknown_keywords_are_dropped(lib: Lib) -> None:
    """Keyword arguments that the function does not have are left out."""
    def hook(call: Call) -> Any:
        try:
            return call.proceed()
        except TypeError as error:
            if "unexpected keyword" in str(error):
                return call.proceed(*call.args) if call.args else jnp.zeros(())
            raise

    on_call(lib, hook)


@saboteur("ERR-17", also=ALSO)
def constants_are_functions(lib: Lib) -> None:
    """A number is taken for the function that returns it."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        return original(fun if callable(fun) else lambda x: fun + 0.0 * jnp.sum(x), **options)

    on_build(lib, build)


@saboteur("ERR-18", also="ERR CUS")
def unknown_options_are_ignored(lib: Lib) -> None:
    """Options that a transform does not have are ignored."""
    known = ("grad_states", "argnums", "has_aux", "return_value", "check_states", "holomorphic",
             "allow_int", "key", "tangent_size")
    on_build(lib, lambda original, fun, options: original(
        fun, **{k: v for k, v in options.items() if k in known}))


@saboteur("ERR-19", also="ERR DER")
def vectors_are_broadcast(lib: Lib) -> None:
    """vjp and jvp broadcast a vector that does not fit."""
    vjp = refimpl.transform.vjp

    def lenient(fun: Any, *primals: Any, **options: Any) -> Any:
        out, pull, *aux = vjp(fun, *primals, **options)
        def fitted(cotangent: Any) -> Any:
            fits = jnp.shape(cotangent) == jnp.shape(out)
            return pull(cotangent if fits else jnp.broadcast_to(jnp.mean(cotangent), out.shape))

        return (out, fitted, *aux)

    lib.transform.vjp = lenient


def restate(lib: Lib, change: Any) -> None:
    """Raise other errors for the refusals of a transform."""
    def answer(error: Exception) -> Any:
        raise change(error) from error

    on_refusal(lib, answer)


@saboteur("ERR-21", also=ALSO)
def messages_say_nothing(lib: Lib) -> None:
    """Every refusal says "invalid argument"."""
    restate(lib, lambda error: type(error)("invalid argument"))


@saboteur("ERR-22", also=ALSO)
def every_refusal_is_an_assertion(lib: Lib) -> None:
    """Input is checked by assert statements."""
    restate(lib, lambda error: AssertionError(str(error)))


@saboteur("ERR-23", also=ALSO)
def untouched_states_have_none(lib: Lib) -> None:
    """With check_states=False the gradient of an untouched state is a scalar zero."""
    def hook(call: Call) -> Any:
        if call.options.get("check_states", True) is not False:
            return call.proceed()
        def zero(x: Any) -> Any:
            return x if jnp.any(x != 0) else jnp.zeros((), x.dtype)

        return call.grads(lambda g: jax.tree.map(zero, g))

    on_call(lib, hook)
