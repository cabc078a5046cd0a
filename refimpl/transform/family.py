"""The members of the family that return gradients, Jacobians and Hessians.

Each is a transform of pure functions, handed to `GradientTransform` (CUS-01). Signatures are
uniform; without a function every member is a decorator (CUS-10).
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Concatenate, ParamSpec, Protocol, TypedDict, Unpack, cast, overload

import jax
import jax.numpy as jnp

from ..typing import Argnums, Array, Container, Function, P, Pytree
from .compile import Jitted, jit
from .gradient import Carried, GradientTransform, Shape, Triple
from .selection import Selected

Q = ParamSpec("Q")
R = ParamSpec("R")


_HARMLESS = {"static_argnums", "static_argnames", "keep_unused", "inline"}
_MOST = 64


class Member(GradientTransform[P]):
    """A transform that JAX can compile whole: T(jit(f)) runs as jit(T(f)).

    The function is frozen by its jit already, so results and effects are the same (CMP-02).
    """

    def __init__(self, target: Callable[P, Any], *args: Any, **options: Any) -> None:
        super().__init__(target, *args, **options)
        self.once = self.transform is not _hessian
        self._whole: Jitted | None = None
        if isinstance(target, Jitted) and target.options.keys() <= _HARMLESS:
            self._whole = self._compile(target)

    def _compile(self, target: Jitted) -> Jitted:
        """The transform of the function, or the same one if it was compiled before."""
        params = tuple(sorted(self.transform_params.items()))
        selected = tuple(self.selection.states), self.selection.argnums
        key = (self.transform, params, *selected, self.has_aux, self.check_states)
        with contextlib.suppress(TypeError):  # not everything can be hashed
            if key in target.wholes:
                return target.wholes[key]
        inner = GradientTransform(target.fun, *self._arguments[0][1:], **self._arguments[1])

        @functools.wraps(target.fun)
        def whole(*args: Any, **kwargs: Any) -> Any:
            found = inner.differentiate(args, kwargs)
            inner.selection.shape(found[0])  # raises here, before anything is committed
            return found

        made: Jitted = jit(whole, **target.options)
        while len(target.wholes) >= _MOST:
            target.wholes.pop(next(iter(target.wholes)), None)
        with contextlib.suppress(TypeError):
            target.wholes[key] = made
        return made

    def differentiate(
        self, args: Sequence[Any], kwargs: dict[str, Any], shape: Shape = lambda grads: grads
    ) -> Triple:
        """As in `GradientTransform`."""
        if self._whole is None:
            return super().differentiate(args, kwargs, shape)
        grads, loss, aux = self._whole(*args, **kwargs)
        return shape(grads), loss, aux


class Options(TypedDict, total=False):
    """Options that every member has; see `GradientTransform`."""

    has_aux: bool | None
    return_value: bool
    check_states: bool


class Either(Protocol[Q]):
    """Both uses of a member: with a function, and without one, as a decorator."""

    @overload
    def __call__(
        self, fun: Callable[R, Any], *args: Q.args, **options: Q.kwargs
    ) -> GradientTransform[R]: ...
    @overload
    def __call__(
        self, fun: None = None, *args: Q.args, **options: Q.kwargs
    ) -> Callable[[Callable[R, Any]], GradientTransform[R]]: ...


def member(transform: Function, told: Callable[Concatenate[Any, Q], Any]) -> Either[Q]:
    """A member of the family, made from a transform of pure functions, which has its docstring.

    Parameters
    ----------
    transform : callable
        As in `GradientTransform`.
    told : callable
        Has the signature of the member. It returns the function, which may be None, and the
        arguments of `GradientTransform` beside it and the transform.
    """

    name = transform.__name__.removeprefix("_")
    named = FunctionType(told.__code__, told.__globals__, name, told.__defaults__)
    named.__kwdefaults__, named.__qualname__ = told.__kwdefaults__, name  # for Python's errors

    @functools.wraps(told)
    def made(*args: Any, **kwargs: Any) -> Any:
        fun, options = named(*args, **kwargs)
        return Member(fun, transform=transform, **options)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = transform.__doc__
    return cast(Either[Q], made)


def _forward(
    fun: Function | None = None,
    grad_states: Container = None,
    argnums: Argnums = None,
    *,
    holomorphic: bool = False,
    **options: Unpack[Options],
) -> Any:
    params = {"holomorphic": holomorphic}
    return fun, dict(grad_states=grad_states, argnums=argnums, transform_params=params, **options)


def _reverse(
    fun: Function | None = None,
    grad_states: Container = None,
    argnums: Argnums = None,
    *,
    holomorphic: bool = False,
    allow_int: bool = False,
    **options: Unpack[Options],
) -> Any:
    params = {"holomorphic": holomorphic, "allow_int": allow_int}
    return fun, dict(grad_states=grad_states, argnums=argnums, transform_params=params, **options)


def _grad(fun: Function, **params: Any) -> Function:
    """Gradient of a scalar function with respect to states and arguments.

    Parameters
    ----------
    fun : callable, optional
        The function; left out, the result is a decorator.
    grad_states : State or container of State, optional
        The states to differentiate with respect to. Their gradients come in a like container.
    argnums : int or sequence of int, optional
        The positional arguments to differentiate with respect to; 0 if neither is given.
    holomorphic, allow_int : bool
        As in `jax.grad`.
    **options
        `has_aux`, `return_value` and `check_states` of `GradientTransform`.

    Returns
    -------
    GradientTransform
        What it returns when it is called is, by row of the return table:

        ============  =========  =======================
        return_value  has_aux    result
        ============  =========  =======================
        False         False      ``grads``
        False         True       ``(grads, aux)``
        True          False      ``(grads, value)``
        True          True       ``(grads, value, aux)``
        ============  =========  =======================

        ``grads`` is ``arg_grads`` without `grad_states`, ``var_grads`` with them, and
        ``(var_grads, arg_grads)`` with both `grad_states` and `argnums`.

    Raises
    ------
    TypeError
        If `fun` cannot be called, `grad_states` holds something else than states, or `argnums`
        is no index. In a call: if the output is no real scalar, if something selected has no
        derivative, or if the function does not return a pair although `has_aux` says so.
    ValueError
        If an index stands twice in `argnums`. In a call: if the function uses none of the
        values of a selected state, or if there is no argument of an index, which is a TypeError,
        too.

    Notes
    -----
    Rules: RET-01 to RET-12, DER-01, DER-02, GST-01 to GST-20, ARG-01 to ARG-18, ERR-01 to ERR-11.
    """
    return jax.grad(fun, **params)


def _vector_grad(fun: Function, *, argnums: int, has_aux: bool, **params: Any) -> Function:
    """Gradient of the sum of all entries of all outputs, whose number and shape are free.

    Parameters, results by row and errors are those of `grad`. Rules: RET-01 to RET-12, DER-07.
    """

    def total(selected: Selected) -> tuple[Array, Carried]:
        output, carried = fun(selected)
        sums = [jnp.sum(leaf) for leaf in jax.tree.leaves(output)]
        return functools.reduce(jnp.add, sums) if sums else jnp.zeros(()), carried

    return jax.grad(total, argnums=argnums, has_aux=has_aux, **params)


def _jacrev(fun: Function, *, argnums: int, has_aux: bool, **params: Any) -> Function:
    """Jacobian in reverse mode, for few outputs and many inputs.

    Parameters, results by row and errors are those of `grad`. ``var_grads`` and ``arg_grads``
    have JAX's layout: the structure of the output, with that of the states or arguments in place
    of each of its leaves. Rules: RET-01 to RET-12, DER-06.
    """
    row = jnp.zeros((), complex if params.get("holomorphic") else float)

    def padded(selected: Selected) -> tuple[Pytree, Carried]:
        output, carried = fun(selected)
        # JAX needs at least one row; this one depends on nothing, and is dropped below.
        return (output, None if _size(output) else row), carried

    base = jax.jacrev(padded, argnums=argnums, has_aux=has_aux, **params)

    def run(selected: Selected) -> tuple[Pytree, Carried]:
        if not _size(selected):
            return _no_columns(fun, selected)
        (rows, _), carried = base(selected)
        return rows, carried

    return run


def _jacfwd(fun: Function, *, argnums: int, has_aux: bool, **params: Any) -> Function:
    """Jacobian in forward mode, for many outputs and few inputs.

    Parameters, but for `allow_int`, results by row and errors are those of `grad`, and the layout
    is that of `jacrev`. Rules: RET-01 to RET-12, DER-06, GST-21.
    """
    base = jax.jacfwd(fun, argnums=argnums, has_aux=has_aux, **params)
    return lambda selected: base(selected) if _size(selected) else _no_columns(fun, selected)


def _hessian(fun: Function, **options: Any) -> Function:
    """Second derivatives, in JAX's layout: output, then row, then column.

    Parameters, but for `allow_int`, results by row and errors are those of `grad`. With states
    and arguments ``grads`` is ``(var_rows, arg_rows)``, and each entry of a row is
    ``(var_columns, arg_columns)``. Rules: RET-01 to RET-12, DER-06, DER-13.
    """

    return _jacfwd(_jacrev(fun, **options), **options)


def _no_columns(fun: Function, selected: Selected) -> tuple[Pytree, Carried]:
    """The Jacobian with respect to nothing, which JAX cannot always make: empty blocks."""
    output, carried = fun(selected)

    def block(row: Array, column: Array) -> Array:
        return jnp.zeros(jnp.shape(row) + jnp.shape(column), jnp.result_type(row))

    rows = jax.tree.map(lambda row: jax.tree.map(functools.partial(block, row), selected), output)
    return rows, carried


def _size(tree: Pytree) -> int:
    return sum(jnp.size(leaf) for leaf in jax.tree.leaves(tree))


grad = member(_grad, _reverse)
vector_grad = member(_vector_grad, _reverse)
jacrev = jacobian = member(_jacrev, _reverse)
jacfwd = member(_jacfwd, _forward)
hessian = member(_hessian, _forward)
