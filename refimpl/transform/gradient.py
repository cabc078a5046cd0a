"""GradientTransform: the one mechanism behind every member of the family (CUS-01).

A call goes through five steps:

1. select: take the values that the selected states have now, and the selected arguments (DER);
2. lift: make a pure function of these, which runs the user's function once, in a frame that
   binds the states to what the JAX transform hands in;
3. transform: differentiate the pure function; aux, loss and written values leave through
   `has_aux`;
4. shape: arrange the derivatives by the table (RET);
5. commit: settle the effects, once, after everything has succeeded (WRB, ERR).
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import ref

import jax
import jax.numpy as jnp

from ..frames import Effects, Either, Frame, StateError, current, lose, settle, transaction
from ..memory import watched
from ..reach import hides_tracer
from ..summary import expect_shallow, summary
from ..tree import Build, in_order_of_jax, is_mapping, pack
from ..typing import Argnums, Array, ArrayLike, Container, Function, P, Pytree
from .checks import expect_function
from .deferred import Deferred
from .selection import Selected, Selection

Triple: TypeAlias = tuple[Pytree, Pytree, Any]
"""Derivatives, full primal output, and aux."""
Shape: TypeAlias = Callable[[Pytree], Pytree]
"""What arranges derivatives for the user."""


@dataclass(eq=False)
class Run:
    """What a run of a lifted function did, and how to rebuild what leaves it from tracers."""

    effects: Effects
    build: Build

    def land(self, leaves: Sequence[Any]) -> tuple[Any, Any]:
        """Output and aux, from what JAX made of the tracers; the effects get their values back."""
        output, aux, self.effects.writes, self.effects.born, _ = self.build(leaves)
        return output, aux


@dataclass(eq=False)
class Carried:
    """What leaves a lifted function beside its output.

    Only tracers are leaves, so that JAX meets nothing but arrays. Everything else, of whatever
    type, stays in the Python objects that `run` holds. As these travel with the leaves, a
    transform may run the function several times: the run whose aux it returns counts. JAX may keep
    the structure for long, so it does not keep the run alive.
    """

    leaves: Sequence[Any]
    run: ref[Run]


jax.tree_util.register_dataclass(Carried, ["leaves"], ["run"])


class GradientTransform(Deferred[P, Pytree]):
    """A state-aware derivative of a function, made from a transform of pure functions.

    Parameters
    ----------
    target : callable
        The function to differentiate; any signature.
    transform : callable
        Called as ``transform(fun, argnums=0, has_aux=True, **transform_params)`` with a pure
        function of one argument. What it returns is called with that argument and must return
        ``(grads, aux)``, with the aux that ``fun`` gave.
    grad_states : State or container of State, optional
        The states to differentiate with respect to.
    argnums : int or sequence of int, optional
        The positional arguments to differentiate with respect to; 0 if neither is given.
    return_value : bool
        Return the value of the function too.
    has_aux : bool
        The function returns ``(output, aux)``.
    transform_params : dict, optional
        Further keyword arguments for `transform`.
    check_states : bool
        Raise ValueError if the function does not touch one of `grad_states`.

    Raises
    ------
    TypeError
        If `target` or `transform` cannot be called, `grad_states` holds something else than
        states, or `argnums` is no index.
    ValueError
        If an index stands twice in `argnums`.

    Notes
    -----
    Results by row are those of `grad`. Rules: RET-01 to RET-12, CUS-01 to CUS-10, ERR-15.
    """

    once = False
    """Whether the transform is known to differentiate once, and not its own result again."""

    def __init__(
        self,
        target: Callable[P, Any] | None = None,
        transform: Function | None = None,
        grad_states: Container = None,
        argnums: Argnums = None,
        return_value: bool = False,
        has_aux: bool | None = False,
        transform_params: dict[str, Any] | None = None,
        check_states: bool = True,
    ) -> None:
        self.target = expect_function(target, "target")
        self.transform = expect_function(transform, "transform")
        functools.update_wrapper(self, self.target, updated=())
        self.selection = Selection(grad_states, argnums)
        self.return_value = bool(return_value)
        self.has_aux = bool(has_aux)
        self.transform_params = dict(transform_params or {})
        self.check_states = check_states

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Pytree:
        """Differentiate at these arguments and the present values of the states.

        Returns
        -------
        pytree or tuple
            By row of the table in `grad`; ``grads`` is what the transform made of them.

        Raises
        ------
        TypeError
            If something selected has no derivative, the function does not return a pair although
            `has_aux` says so, or the transform does not return ``(grads, aux)``.
        ValueError
            If the function uses none of the values of a selected state.
        StateError
            If it writes a state where that could not take effect outside of a JAX transform.
        """
        result, loss, aux = self.differentiate(args, kwargs, self.selection.shape)
        extra = ((loss,) if self.return_value else ()) + ((aux,) if self.has_aux else ())
        return (result, *extra) if extra else result

    def differentiate(
        self, args: Sequence[Any], kwargs: dict[str, Any], shape: Shape = lambda grads: grads
    ) -> Triple:
        """Derivatives, as the transform returned them or shaped, full primal output, and aux."""
        return watched(self.target, lambda: self._differentiate(args, kwargs, shape))

    def _differentiate(self, args: Sequence[Any], kwargs: dict[str, Any], shape: Shape) -> Triple:
        positions = self.selection.positions(len(args))
        with transaction() as frame:
            frame.hosts = True
            states = [frame.peek(state) for state in self.selection.states]
            frame.bound.update(zip(self.selection.states, states, strict=True))
            selected = Selected(states, [args[position] for position in positions])
            allow_int = bool(self.transform_params.get("allow_int", False))
            self.selection.check_leaves(selected, allow_int)
            runs: list[Run] = []
            lifted = self._lift(args, kwargs, positions, frame, runs)
            call = self.transform(lifted, argnums=0, has_aux=True, **self.transform_params)
            grads, run, leaves = self._expect_pair(call(selected))
            frame.bound.clear()  # from here on a state is told of by what it holds outside
            loss, aux = run.land(leaves)
            loss = jax.tree.map(_as_array, loss)
            jax.tree.structure(grads)  # raises if it is no pytree
            self._check_touched(run.effects)
            # *Why this is hard, 4.* Anything may fail until here, a custom transform's result
            # that cannot be shaped, too. So the commit comes last.
            result = shape(grads), loss, in_order_of_jax(aux)
            settle(run.effects)
        return result

    def _lift(
        self,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        positions: Sequence[int],
        around: Frame,
        runs: list[Run],
    ) -> Callable[[Selected], tuple[Any, Carried]]:
        def lifted(selected: Selected) -> tuple[Any, Carried]:
            around.lost = ()
            if not self.once:
                outside = _outside(selected.states)
                around.bound.update(zip(self.selection.states, outside, strict=True))
            everything = list(args)
            for position, arg in zip(positions, selected.args, strict=True):
                everything[position] = arg
            # *Why this is hard, 3.* JAX may run this several times, and wants a pure function of
            # arrays. So each run has a frame of its own, which it leaves through `Carried`.
            bound = zip(self.selection.states, selected.states, strict=True)
            with Frame(bound) as frame:
                result = self.target(*everything, **kwargs)
                output, aux = self._split_aux(result) if self.has_aux else (result, None)
            if frame.born:
                around.first.update(frame.first)  # for a failure that comes later
            if not self.once:  # it may have moved the states
                lose(self.selection.states, inside=frame)
            effects = frame.close()
            around.lost = Either({*effects.writes}, *effects.sliced)
            with expect_shallow("aux, the output or a written value"):
                return output, carry(output, aux, effects, runs)

        return lifted

    def _split_aux(self, result: Any) -> tuple[Pytree, Any]:
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(
                "with has_aux=True the function must return a pair (output, aux), "
                f"got {summary(result)}"
            )
        return result[0], result[1]

    def _expect_pair(self, result: object) -> tuple[Pytree, Run, Sequence[Any]]:
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Carried):
            run = result[1].run()
            if run is not None:
                return result[0], run, result[1].leaves
        raise TypeError(
            f"what the transform {self.transform!r} returns must return (grads, aux), with the "
            f"aux of the function it was given, got {summary(result)}"
        )

    def _check_touched(self, effects: Effects) -> None:
        if not self.check_states:
            return
        missed = [
            f"{path} ({state!r})"
            for state, path in self.selection.paths.items()
            if state not in effects.touched
        ]
        if missed:
            raise ValueError(
                f"the function neither reads nor writes {', '.join(missed)}; "
                "check_states=False gives zeros instead"
            )


def _outside(values: Sequence[Any]) -> Sequence[Any]:
    """The values where the innermost derivative is taken, which is where its rules come late.

    That is in the trace of a further derivative, if there is one, or else on entry.
    """
    found = values

    @jax.custom_jvp
    def same(values: Any) -> Any:
        return values

    @same.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        nonlocal found
        (found,) = primals
        return found, *tangents

    same(values)
    return found


def carry(output: Any, aux: Any, effects: Effects, runs: list[Run]) -> Carried:
    """What leaves a run in the form in which JAX lets it through; `runs` keeps the run alive."""
    _expect_nothing_hidden(aux, effects)
    tracers: list[Any] = []
    copies = [copied for _, copied in effects.copies.values()]
    leaving = (output, aux, effects.writes, effects.born, copies)
    build = pack(leaving, tracers, set(map(id, copies)))
    effects.writes, effects.born = {}, {}
    runs.append(Run(effects, build))
    return Carried(tracers, ref(runs[-1]))


def _expect_nothing_hidden(aux: Any, effects: Effects) -> None:
    kept = {**effects.writes, **effects.born}
    found = [f"{state!r} is given" for state, value in kept.items() if hides_tracer(value)]
    # What was only read may be changed by hand. To look for that in any object is too dear.
    held = {s: value for s in effects.fetched if isinstance(value := current(s), dict)}
    found += [f"{s!r} holds" for s, it in held.items() if not is_mapping(it) and hides_tracer(it)]
    found += ["aux holds"] * hides_tracer(aux)
    for what in found:
        raise StateError(
            f"{what} an object that JAX does not know and that holds a traced value, which would "
            "never get its number. Register its class with jax.tree_util, or keep arrays and "
            "containers of them instead"
        )


def _as_array(leaf: ArrayLike) -> Array:
    return leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf)
