"""Wrong reading of argnums, and arguments that do not arrive as they were given."""

from __future__ import annotations

import functools
import inspect
import types
from collections import defaultdict
from typing import Any

import jax
import jax.numpy as jnp

import refimpl
from tests.saboteurs.der import FIRST, rotated
from tests.saboteurs.hooks import (
    Call,
    of_class,
    on_build,
    on_call,
)
from tests.saboteurs.roster import Lib, saboteur

WIDE = "ARG RET DER CMP CUS AUX ERR GST WRB"


def renumbered(lib: Lib, change: Any) -> None:
    """Change argnums, by the call, where it is given or implied."""
    def hook(call: Call) -> Any:
        other = change(call, call.options.get("argnums"))
        return call.proceed() if other is None else call.again(argnums=other)

    on_call(lib, hook)


@saboteur("ARG-01", also=WIDE)
def second_argument_for_the_first(lib: Lib) -> None:
    """Without argnums, differentiates the last argument where JAX differentiates the first."""
    renumbered(lib, lambda call, argnums: len(call.args) - 1
               if argnums is None and not call.states and call.args else None)


@saboteur("ARG-06", also=WIDE)
def states_count_as_arguments(lib: Lib) -> None:
    """All states go in as one first argument, and argnums is not shifted by one."""
    def shifted(call: Call, argnums: Any) -> Any:
        if not (call.both and type(argnums) is int and len(call.args) > 1):
            return None
        return (argnums - 1) % len(call.args)

    renumbered(lib, shifted)


@saboteur("ARG-02", also="ARG")
def only_python_integers(lib: Lib) -> None:
    """An index must be an int of Python."""
    def hook(call: Call) -> Any:
        given = call.options.get("argnums")
        for index in given if isinstance(given, (list, tuple)) else [given]:
            if index is not None and type(index) is not int:
                raise TypeError(f"argnums must be int, got {type(index).__name__}")
        return call.proceed()

    on_call(lib, hook)


@saboteur("ARG-03", also=WIDE)
def argnums_are_sorted(lib: Lib) -> None:
    """argnums becomes a set, so that gradients come in the order of the arguments."""
    renumbered(lib, lambda call, argnums: tuple(sorted(i % len(call.args) for i in argnums))
               if isinstance(argnums, (list, tuple)) and call.args else None)


@saboteur("ARG-03", also=WIDE)
def sequence_of_one_is_an_int(lib: Lib) -> None:
    """A sequence of one index gives the bare gradient."""
    renumbered(lib, lambda call, argnums: argnums[0]
               if isinstance(argnums, (list, tuple)) and len(argnums) == 1 else None)


@saboteur("ARG-04", also="ARG RET")
def empty_argnums_mean_zero(lib: Lib) -> None:
    """Empty argnums are taken for None by their truth value."""
    renumbered(lib, lambda call, argnums: 0 if argnums in ((), []) and call.args else None)


@saboteur("ARG-05", also=WIDE)
def negative_indices_count_states(lib: Lib) -> None:
    """A negative index counts from one place too far."""
    def off(call: Call, argnums: Any) -> Any:
        if type(argnums) is int and argnums < 0 and len(call.args) > 1:
            return (argnums - 1) % len(call.args)
        return None

    renumbered(lib, off)


@saboteur("ARG-06", also="ARG")
def self_is_an_argument(lib: Lib) -> None:
    """For a bound method index 0 is self, so that every index is one too low."""
    def off(call: Call, argnums: Any) -> Any:
        if not isinstance(call.fun, types.MethodType) or type(argnums) is not int:
            return None
        if argnums == 0:
            raise TypeError(f"grad requires real-valued inputs, got {call.fun.__self__!r}")
        return argnums - 1

    renumbered(lib, off)


@saboteur("ARG-07", also=WIDE)
def none_in_arguments_is_zero(lib: Lib) -> None:
    """A None in a differentiated argument has a zero for its gradient."""
    def filled(g: Any) -> Any:
        return jax.tree.map(lambda x: jnp.zeros(()) if x is None else x, g,
                            is_leaf=lambda x: x is None)

    on_call(lib, lambda call: call.arg_grads(filled))


@saboteur("ARG-07", also="DER")
def leaves_of_an_argument_change_places(lib: Lib) -> None:
    """An argument's dict is flattened in sorted order and filled again in that of insertion."""
    on_call(lib, lambda c: c.proceed() if c.states else c.grads(rotated), FIRST)


@saboteur("ARG-08", also=WIDE)
def float_arguments_are_refused(lib: Lib) -> None:
    """A Python float as a differentiated argument has no shape."""
    def hook(call: Call) -> Any:
        if not call.states and call.args and isinstance(call.args[0], float):
            raise AttributeError("'float' object has no attribute 'shape'")
        return call.proceed()

    on_call(lib, hook)


TAKEN = ("fun", "fn", "argnums", "args", "kwargs", "has_aux", "grad_states", "self", "target",
         "transform", "key")


@saboteur("ARG-09", also="ARG")
def keywords_of_its_own_are_taken(lib: Lib) -> None:
    """A keyword argument that has the name of a parameter of the wrapper does not arrive."""
    def hook(call: Call) -> Any:
        kept = {k: v for k, v in call.kwargs.items() if k not in TAKEN}
        return call.proceed(*call.args, **kept)

    on_call(lib, hook)


@saboteur("ARG-10", also="ARG DER CMP")
def defaults_win(lib: Lib) -> None:
    """A parameter with a default keeps it, whatever the call says by keyword."""
    def hook(call: Call) -> Any:
        try:
            parameters = inspect.signature(call.fun).parameters
        except (TypeError, ValueError):
            return call.proceed()
        kept = {k: v for k, v in call.kwargs.items()
                if k not in parameters or parameters[k].default is inspect.Parameter.empty}
        return call.proceed(*call.args, **kept)

    on_call(lib, hook)


@saboteur("ARG-11", also="ARG FND")
def keyword_only_arguments_are_unknown(lib: Lib) -> None:
    """Arguments are passed by position in the order of the signature, keyword-only ones too."""
    def hook(call: Call) -> Any:
        try:
            kinds = {p.kind for p in inspect.signature(call.fun).parameters.values()}
        except (TypeError, ValueError):
            return call.proceed()
        if inspect.Parameter.KEYWORD_ONLY in kinds or inspect.Parameter.VAR_POSITIONAL in kinds:
            raise TypeError("takes 1 positional argument but 2 were given")
        return call.proceed()

    on_call(lib, hook)


@saboteur("ARG-12", also="ARG CMP")
def all_arguments_become_arrays(lib: Lib) -> None:
    """Numbers among the arguments are converted to arrays, differentiated or not."""
    def hook(call: Call) -> Any:
        args = [jnp.asarray(a) if type(a) in (int, bool) else a for a in call.args]
        return call.proceed(*args, **call.kwargs)

    on_call(lib, hook)


@saboteur("ARG-13", also="ARG CMP DER ERR")
def every_argument_must_be_floating(lib: Lib) -> None:
    """Integer arrays are refused among all the arguments, not only the differentiated ones."""
    def hook(call: Call) -> Any:
        for leaf in jax.tree.leaves(call.args):
            if isinstance(leaf, jax.Array) and not jnp.issubdtype(leaf.dtype, jnp.inexact):
                raise TypeError(f"grad requires real-valued inputs, got {leaf.dtype}")
        return call.proceed()

    on_call(lib, hook)


@saboteur("ARG-14", also="ARG CMP")
def functions_need_a_name(lib: Lib) -> None:
    """The name of the function is read, which partial objects and instances do not have."""
    def hook(call: Call) -> Any:
        if isinstance(call.fun, functools.partial) or not hasattr(call.fun, "__name__"):
            raise AttributeError(f"{type(call.fun).__name__!r} object has no '__name__'")
        return call.proceed()

    on_call(lib, hook)


@saboteur("ARG-15", also="ARG")
def containers_of_the_caller_change(lib: Lib) -> None:
    """Numbers in a dict or list of the caller are replaced in place by arrays."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        for arg in call.args:
            items = list(arg.items()) if isinstance(arg, dict) else (
                list(enumerate(arg)) if isinstance(arg, list) else [])
            for key, value in items:
                if isinstance(value, (float, jax.Array)):
                    arg[key] = jnp.array(value)
        return result

    on_call(lib, hook)


@saboteur("ARG-16", also="ARG CMP CUS WRB")
def first_shapes_are_kept(lib: Lib) -> None:
    """A transform is bound to the shapes of its first call."""
    def hook(call: Call) -> Any:
        shapes = [jnp.shape(a) for a in jax.tree.leaves(call.args) if hasattr(a, "shape")]
        first = call.memory.setdefault("first", shapes)
        if first != shapes:
            raise TypeError(f"expected arguments of shapes {first}, got {shapes}")
        return call.proceed()

    on_call(lib, hook)


@saboteur("ARG-17", also="ARG")
def methods_do_not_bind(lib: Lib) -> None:
    """A transform in the body of a class does not pass the instance on."""
    def build(original: Any, fun: Any, options: Any) -> Any:
        made = original(fun, **options)

        class Unbound(type(made)):  # type: ignore[misc]
            def __get__(self, instance: Any, owner: type | None = None) -> Any:
                return self

        made.__class__ = Unbound
        return made

    on_build(lib, build)


@saboteur("ARG-18", also="ARG")
def everything_is_traced(lib: Lib) -> None:
    """Every array and every state is traced, whether or not it is differentiated."""
    def hook(call: Call) -> Any:
        plain = isinstance(call.options.get("grad_states"), (refimpl.State, type(None)))
        if not plain or call.kwargs or len(call.args) < 2 or not all(
                isinstance(arg, jax.Array) for arg in call.args):
            return call.proceed()
        return refimpl.transform.jit(call.proceed)(*call.args)

    on_call(lib, hook)


@saboteur("ARG-07", also=WIDE)
def gradients_by_default_dicts_forget_the_default(lib: Lib) -> None:
    """A gradient that mirrors a default dict makes nothing for other keys."""
    forget = of_class(defaultdict, functools.partial(defaultdict, None))
    on_call(lib, lambda call: call.grads(forget))
