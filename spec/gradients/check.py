"""The gradient check itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..expected.layout import Array, placed_after
from .calls import Restarts, flat, found_by
from .derivative import gathered, hessian_slots, jacobian_slots
from .library import library_of
from .point import Point, is_floating, leaves_of
from .slopes import Slopes

Mode = Literal["fwd", "rev"]


def check_grads(
    f: Callable[..., Any], *args: Any, grad_states: Any = None,
    argnums: int | Sequence[int] | None = None, modes: Sequence[Mode] = ("fwd", "rev"),
    order: Literal[1, 2] = 1, has_aux: bool = False, watch: Sequence[Any] | None = None,
    lib: Any = None,
) -> None:
    """Check a function's derivatives against differences, and its effects against a plain call.

    Every transform must give the slopes of the function's own values, must return what a plain
    call returns, and must leave the states and the random stream where a plain call leaves them.
    All states are then put back; the stream has moved on as by one split of its key.

    Parameters
    ----------
    f : callable
        A function that may read and write states, draw random numbers, and return any pytree of
        real floating arrays.  It must be smooth around the point.
    *args : pytree
        Its arguments.
    grad_states : container of State, optional
        The states to differentiate.
    argnums : int or sequence of int, optional
        The arguments to differentiate: by default all that hold floating numbers and nothing
        else; none with ``()``.
    modes : sequence of {'fwd', 'rev'}, optional
        Whether `jacfwd` is checked, and `jacrev` (or `grad`, where the output is a scalar).  A rule
        made with `jax.custom_vjp` knows reverse mode alone.
    order : {1, 2}, optional
        Up to which order.  The second is `hessian`, against differences of the first.
    has_aux : bool, optional
        Whether the function returns an output and an aux.
    watch : sequence of State, optional
        The states whose values after a call are compared, besides `grad_states`; by default those
        that the library's StateFinder finds.
    lib : namespace, optional
        The library; by default the package of the states' class.

    Raises
    ------
    WrongDerivative
        If a derivative is wrong; the message names the state or argument, the entry, both numbers
        and the tolerance.
    WrongEffect
        If a transform returns or leaves something else than a plain call.
    Undecided
        If the differences are too uncertain to tell, as they are at a kink.
    TypeError, ValueError
        If the call itself is no use: there is nothing to differentiate, or no double precision.

    Notes
    -----
    The differences are of sixth order and come with an estimate of their error, which is the
    tolerance: nothing is to be chosen.  They are taken on the arrays of the library, so on the
    device where these live.  States and arguments in float32 are moved by differences in float64,
    and their derivative is allowed the rounding of float32.
    """
    if order not in (1, 2):
        raise ValueError(f"check_grads: order is {order!r}; expected 1 or 2")
    if not modes:
        raise ValueError("check_grads: modes is empty; expected 'fwd', 'rev' or both")
    if unknown := [mode for mode in modes if mode not in ("fwd", "rev")]:
        raise ValueError(f"check_grads: modes holds {unknown[0]!r}; expected 'fwd' and 'rev'")
    point = Point(grad_states, args, _positions(args, argnums))
    if not point.vector.size:
        raise ValueError("check_grads: there is nothing to differentiate; expected a state in "
                         "grad_states or an argument of floating numbers")
    library = library_of(point.states) if lib is None else lib
    others = found_by(library, lambda: f(*args)) if watch is None else list(watch)
    with Restarts(library, _names(point, others)) as calls:
        run = _Run(f, point, calls, library, has_aux)
        for mode in modes:
            run.first(mode)
        if order == 2:
            run.second(modes[0])


def _positions(args: Sequence[Any], argnums: int | Sequence[int] | None) -> list[int]:
    """The arguments to differentiate, counted from the start."""
    if argnums is None:
        return [index for index, arg in enumerate(args) if is_floating(arg)]
    given = [argnums] if isinstance(argnums, int) else list(argnums)
    if wrong := [index for index in given if not -len(args) <= index < len(args)]:
        raise IndexError(f"check_grads: argnums holds {wrong[0]}, and there are {len(args)} "
                         "arguments")
    return [index % len(args) for index in given]


def _names(point: Point, others: Sequence[Any]) -> dict[str, Any]:
    """The states to be compared, each once, by what a message calls them."""
    found = dict(zip(point.places, point.states, strict=True))
    for state in others:
        if not any(state is known for known in found.values()):
            name = getattr(state, "name", None)
            kind = type(state).__name__
            found[f"state {name!r}" if isinstance(name, str) and f"state {name!r}" not in found
                  else f"state {len(found)}, a {kind}"] = state
    return found


class _Run:
    """One function at one point of one library."""

    def __init__(
        self, f: Callable[..., Any], point: Point, calls: Restarts, lib: Any, has_aux: bool
    ) -> None:
        self.f, self.point, self.calls, self.lib, self.has_aux = f, point, calls, lib, has_aux
        self.name = getattr(f, "__name__", "f")
        self.plain = calls.seen(lambda: f(*point.args))
        self.outputs, self.size = placed_after(0, self._output(self.plain.result))
        leaves = leaves_of("output", self.outputs)
        self.scalar = [leaf.block.shape for leaf in leaves] == [()] and leaves[0].place == "output"
        self.what = ["" if self.scalar else leaf.entry(number) + " "
                     for leaf in leaves for number in leaf.numbers]
        self.slopes = Slopes(self._values, point, self.what)

    def first(self, mode: Mode) -> None:
        """Check the first derivative in a mode, and what the call leaves."""
        self.slopes.judge(*self._derivative(self._member(mode)))

    def second(self, mode: Mode) -> None:
        """Check the second derivative by differences of the first, and what the call leaves."""
        rows = [leaf.entry(number) for leaf in self.point.leaves for number in leaf.numbers]
        what = [f"{out}in the row of {row} " for out in self.what for row in rows]
        slopes = Slopes(lambda vector: self._gradient(vector, self._member(mode)).ravel(),
                        self.point, what)
        slopes.judge(*self._derivative("hessian"))

    # -- evaluations -----------------------------------------------------------------------------

    def _member(self, mode: Mode) -> str:
        if mode == "fwd":
            return "jacfwd"
        return "grad" if self.scalar else "jacrev"

    def _output(self, result: Any) -> Any:
        return result[0] if self.has_aux else result

    def _values(self, vector: Array) -> Array:
        """The function's output at a flat vector."""
        states, args = self.point.values(vector)
        result = self.calls.at(self.point.states, states, lambda: self.f(*args))
        return flat(self._output(result), self.name)

    def _transformed(self, member: str) -> Callable[..., Any]:
        states, positions = self.point.states, list(self.point.positions)
        made: Callable[..., Any] = getattr(self.lib.transform, member)(
            self.f, grad_states=states or None, argnums=positions or None, has_aux=self.has_aux,
            return_value=True)
        return made

    def _gradient(self, vector: Array, member: str) -> Array:
        """The first derivative at a flat vector."""
        states, args = self.point.values(vector)
        result = self.calls.at(self.point.states, states, lambda: self._transformed(member)(*args))
        return self._gathered(member, result)[0]

    def _derivative(self, member: str) -> tuple[str, Array]:
        """The name of a derivative and its rows at the point; its call must be like a plain one."""
        who = f"{member} of {self.name}"
        try:
            seen = self.calls.seen(lambda: self._transformed(member)(*self.point.args))
        except Exception as error:
            error.add_note(f"Raised by {who}, in check_grads; a plain call returned.")
            raise
        whole, returned = self._gathered(member, seen.result)
        self.calls.compare(who, self.plain, seen, returned)
        return who, whole.reshape(-1, self.point.vector.size)

    def _gathered(self, member: str, result: Any) -> tuple[Array, Any]:
        size, second = self.point.vector.size, member == "hessian"
        slots = (hessian_slots if second else jacobian_slots)(self.point, self.outputs)
        shape = (self.size, size, size) if second else (self.size, size)
        return gathered(f"{member} of {self.name}", slots, result, shape, self.has_aux)
