"""Loss and aux that do not pass unharmed."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.saboteurs.hooks import (
    STREAM,
    Call,
    first_in_all,
    kept,
    map_nodes,
    of_class,
    on_call,
    written,
)
from tests.saboteurs.roster import Lib, saboteur

WIDE = "AUX RET CUS CMP WRB ARG DER"


def change_aux(lib: Lib, change: Any, members: tuple[str, ...] = ()) -> None:
    """Change the aux of every result."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        return (*result[:-1], change(result[-1])) if call.has_aux else result

    on_call(lib, hook, members)


def change_loss(lib: Lib, change: Any) -> None:
    """Change the loss of every result."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        return (result[0], change(result[1]), *result[2:]) if call.return_value else result

    on_call(lib, hook)


def arrays(change: Any) -> Any:
    """A change of the arrays of a tree."""
    return lambda tree: jax.tree.map(lambda x: change(x) if hasattr(x, "dtype") else x, tree)


@saboteur("AUX-01", also=WIDE)
def aux_of_a_second_run(lib: Lib) -> None:
    """aux is computed by another run of the function, which sees the writes of the first."""
    def hook(call: Call) -> Any:
        result, states = call.proceed(), written(call)
        if not (call.has_aux and states) or STREAM in call.used("write"):
            return result
        with kept(states):
            return (*result[:-1], call.fun(*call.args, **call.kwargs)[1])

    on_call(lib, hook)


@saboteur("AUX-02", also=WIDE + " GST")
def aux_has_a_batch_axis(lib: Lib) -> None:
    """In forward mode aux has an axis more, one entry for every tangent."""
    change_aux(lib, arrays(lambda x: x[None]), ("jacfwd", "hessian"))


@saboteur("AUX-03", also=WIDE)
def numbers_in_aux_become_arrays(lib: Lib) -> None:
    """Python numbers in aux come back as arrays."""
    def array(x: Any) -> Any:
        return jnp.asarray(x) if isinstance(x, (int, float)) else x

    change_aux(lib, lambda aux: jax.tree.map(array, aux))


@saboteur("AUX-04", also=WIDE)
def tuples_in_aux_become_lists(lib: Lib) -> None:
    """Tuples in aux come back as lists."""
    def listed(node: Any) -> Any:
        if type(node) is dict:
            return {key: listed(child) for key, child in node.items()}
        return list(map(listed, node)) if isinstance(node, (list, tuple)) else node

    change_aux(lib, listed)


@saboteur("AUX-04", also=WIDE)
def pairs_in_aux_are_spread(lib: Lib) -> None:
    """An aux that is a pair is spread into the result."""
    def hook(call: Call) -> Any:
        result = call.proceed()
        if call.has_aux and type(result[-1]) is tuple:
            return (*result[:-1], *result[-1])
        return result

    on_call(lib, hook)


@saboteur("AUX-05", "AUX-13", also=WIDE)
def objects_in_aux_are_copied(lib: Lib) -> None:
    """aux is a deep copy."""
    change_aux(lib, copy.deepcopy)


@saboteur("AUX-06", also=WIDE)
def keys_of_aux_are_reversed(lib: Lib) -> None:
    """A dict in aux comes back with its last key first."""
    def turned(node: Any) -> Any:
        if type(node) is dict:
            return {key: turned(node[key]) for key in reversed(node)}
        return node

    change_aux(lib, turned)


@saboteur("AUX-07", also=WIDE)
def loss_is_the_sum(lib: Lib) -> None:
    """The loss of an output with many entries is their sum."""
    change_loss(lib, arrays(jnp.sum))


@saboteur("AUX-07", also=WIDE)
def loss_is_a_python_number(lib: Lib) -> None:
    """A scalar loss comes back as a Python float."""
    def number(x: Any) -> Any:
        scalar = isinstance(x, jax.Array) and not isinstance(x, jax.core.Tracer)
        return float(x) if scalar and x.shape == () else x

    change_loss(lib, lambda loss: jax.tree.map(number, loss))


@saboteur("AUX-07", also=WIDE)
def loss_is_single(lib: Lib) -> None:
    """The loss is reported in single precision."""
    change_loss(lib, arrays(lambda x: x.astype(jnp.float32) if x.dtype == np.float64 else x))


@saboteur("AUX-04", also=WIDE)
def nodes_in_aux_become_lists(lib: Lib) -> None:
    """In aux a container of a class that JAX was told of comes back as a list of its leaves."""
    change_aux(lib, lambda aux: map_nodes(jax.tree.leaves, aux))


@saboteur("AUX-07", also=WIDE)
def nodes_in_the_loss_hold_one_leaf(lib: Lib) -> None:
    """In the loss all leaves of a container of such a class are the first."""
    change_loss(lib, lambda loss: map_nodes(first_in_all, loss))


@saboteur("AUX-10", also=WIDE + " GST")
def aux_is_differentiated(lib: Lib) -> None:
    """The gradient is that of primal and aux together."""
    def hook(call: Call) -> Any:
        def joined(*args: Any, **kwargs: Any) -> Any:
            out, aux = call.fun(*args, **kwargs)
            extra = [jnp.sum(x) for x in jax.tree.leaves(aux) if isinstance(x, jax.Array)
                     and jnp.issubdtype(x.dtype, jnp.floating)]
            return out + sum(extra), aux

        return call.again(joined) if call.has_aux else call.proceed()

    on_call(lib, hook, ("grad",))


@saboteur("AUX-11", also="AUX ERR")
def pair_must_be_a_list(lib: Lib) -> None:
    """With has_aux the function must return a list, and a tuple is an output."""
    def hook(call: Call) -> Any:
        def checked(*args: Any, **kwargs: Any) -> Any:
            out = call.fun(*args, **kwargs)
            if type(out) is list:
                raise TypeError("a list is no pair")
            return out

        return call.again(checked) if call.has_aux else call.proceed()

    on_call(lib, hook)


@saboteur("AUX-12", also="AUX")
def flags_must_be_true_itself(lib: Lib) -> None:
    """A flag counts where it is True, and not where it is 1."""
    def hook(call: Call) -> Any:
        flags = ("has_aux", "return_value")
        given: dict[str, Any] = {k: call.options.get(k, False) is True for k in flags}
        return call.again(**given)

    on_call(lib, hook)


@saboteur("AUX-04", also="AUX RET CMP")
def ordered_dicts_in_aux_are_sorted(lib: Lib) -> None:
    """An ordered dict in aux comes back in the order of its keys."""
    change_aux(lib, of_class(OrderedDict, lambda it: OrderedDict(sorted(it.items()))))
