"""Drawn programs that apply JAX's functions to bodies, made anew or once, over states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...judge import compare
from ...judge.check import generated
from ...judge.difference import Violation
from ...judge.observation import Observation, expectation, run
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import Calls, plain
from ...language.cases import Case
from ...language.foreign import ANEW, ANEW_OF_STATES, ONCE, ONCE_OF_STATES, RULES, WAYS
from ...language.returns import SIDES
from ...language.script import execute, go_on
from ...language.strategies import cases
from ...language.values import SHAPES
from ...language.wishes import CALM, ORDINARY, Wish
from .together import judge_together, judge_whole

SURELY: Final = (ANEW_OF_STATES, ANEW_OF_STATES, ANEW, ONCE)
"""How bodies are made with which JAX must be right."""

BACKWARD: Final = ("grad", "vector_grad", "jacrev")
PUSHED: Final = ("jacfwd", "fwd_grad")
BOTH_MODES: Final = tuple(way for way in WAYS if way != "custom_vjp")
"""What JAX differentiates in both modes; a rule of `jax.custom_vjp` knows one."""


def within(base: Wish) -> dict[str, Calls]:
    """Programs that apply JAX's functions, each in its turn, and are otherwise as is wished."""
    def applying(ways: tuple[str, ...], members: tuple[str, ...], **more: Any) -> Calls:
        wish = replace(base, jax=ways, made=SURELY, members=members, most=3, shapes=SHAPES[:1],
                       steps=(0, 2), functions=CALM)
        return Calls(replace(wish, **more))

    return {**{way: applying((way,), BACKWARD) for way in WAYS},
            "forward": applying(BOTH_MODES, PUSHED),
            "second": applying(BOTH_MODES, ("hessian",), most=2,
                               rows=(*SIDES["arguments"], *SIDES["states"]))}


@generated("CMP-08", Calls.strategy, within(Wish(writes=True, draws=True)), wide=3)
def bodies_within_the_function(subject: Subject, case: Case) -> None:
    """Structure, effects and derivative."""
    judge_together(subject, case)


@generated("CMP-21", Calls.strategy, within(ORDINARY))
def bodies_beside_everything_else(subject: Subject, case: Case) -> None:
    """Structure, effects and derivative, beside everything else that a call can have."""
    judge_together(subject, case)


MADE_ONCE: Final = Wish(
    ("grad", "grad", "jacfwd"), plain("states"), writes=True, shapes=SHAPES[:1], most=2,
    steps=(0, 1), functions=("jnp.sin({0})",), arguments=(0, 1), outputs=("scalar",),
    jax=tuple(way for way in WAYS if way not in RULES), made=(ONCE_OF_STATES,))
"""Few statements beside, since a library may have JAX compile all of them anew at every call."""


@dataclass(frozen=True)
class Twice(Case):
    """A case whose call follows one of the same transform, from other values of the states."""

    def call(self) -> str:
        """The lines of both calls; the first may raise."""
        given, ids = self.arguments(), [var.id for var in self.program.states]
        return "\n".join([
            f"g = {self.transformed()}", *(f"v_{name} = {name}.value" for name in ids),
            *self.others(), f"try: g({given})", "except Exception: pass",
            *(f"{name}.value = v_{name}" for name in ids), f"result = {self.last()}({given})"])

    def others(self) -> Iterator[str]:
        """The lines that give the states their other values."""
        def other(leaf: Any) -> Any:
            return 0.5 * leaf + 0.25 if trees.is_inexact(leaf) else leaf

        for var in self.program.states:
            yield f"{var.id}.value = {trees.literal(trees.map_leaves(other, var.value))}"

    def last(self) -> str:
        """What is called at last."""
        return "g"


@dataclass(frozen=True)
class PlainlyLast(Twice):
    """A case whose function is called as it is, after one of its transform, which may raise."""

    def last(self) -> str:
        """What is called at last."""
        return "f"


def made_once(kind: type[Case]) -> SearchStrategy[Case]:
    """Programs whose bodies were made once and read states, called in a certain way.

    Most are compiled, which costs less than to have JAX compile every operation of them.
    """
    functions = st.sampled_from(("f", "lib.transform.jit(f)", "lib.transform.jit(f)"))
    return st.builds(lambda case, function: kind(**{**vars(case), "function": function}),
                     cases(MADE_ONCE), functions)


@generated("CMP-20", made_once, {"": Twice})
def bodies_made_once_are_right_or_refused(subject: Subject, case: Case) -> str:
    """At the second of two values of every state; where it raises, the states are left alone."""
    names = execute(case.setup(), subject.lib, subject.xp, subject.foreign)
    try:
        go_on(case.call().splitlines(), names)
    except Exception as error:
        left_alone(case, names, error)
        return "raises"
    judge_whole(Observation(case, subject, names["result"], state_values(case, names), names))
    return "agrees"


def state_values(case: Case, names: dict[str, Any]) -> dict[str, Any]:
    """What every state holds."""
    return {var.id: names[var.id].value for var in case.program.states}


def left_alone(case: Case, names: dict[str, Any], error: Exception) -> None:
    """After a call that raised every state holds what it held on entry."""
    for state, got in state_values(case, names).items():
        if found := compare.same(names[f"v_{state}"], got, f"{state}.value"):
            raise Violation(found, f"after {type(error).__name__}, {found}") from error


@generated("CMP-22", made_once, {"": PlainlyLast})
def plain_calls_of_bodies_made_once(subject: Subject, case: Case) -> None:
    """What the function returns, and what the states hold then."""
    names = run(case, subject, "the plain call")
    want = expectation(case, subject)
    out = (want.out, want.aux) if case.row.has_aux else want.out
    left = state_values(case, names)
    for place, right, got in (
        ("result", out, names["result"]),
        *((f"{state}.value", want.after[state], got) for state, got in left.items()),
    ):
        if found := compare.same(right, got, place, dtypes=want.dtypes_known):
            raise Violation(found, f"after the plain call, {found}")
