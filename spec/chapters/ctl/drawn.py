"""Drawn programs of control flow, against the unrolled Python program on NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from ...judge import compare
from ...judge.aspects import judge_effects, judge_part
from ...judge.check import generated
from ...judge.derivative import judge_values
from ...judge.difference import Violation
from ...judge.observation import Observation, observe
from ...judge.subject import Subject
from ...language.control import MANY, PLACEHOLDER, Compiled, Control, ControlWish, programs
from ...language.transforms import CONTROL

SERIAL = tuple(name for name in CONTROL if name != "vmap")
"""The functions that run their bodies one after the other, so that draws have an order."""

LOOPS = ("for_loop", "scan", "while_loop")
COUNTED = ("count", "flag")
FORWARD = ("while_loop",)
"""The functions that JAX differentiates in forward mode alone."""


def each(names: Iterable[str] = CONTROL, **wish: Any) -> dict[str, ControlWish]:
    """A point for each of the functions: programs with one block."""
    return {name: ControlWish((name,), **wish) for name in names}


def under(
    *members: str, names: Iterable[str] = CONTROL, **wish: Any
) -> dict[str, ControlWish]:
    """A point for each member and each function that it differentiates."""
    return {
        f"{member} of {name}": ControlWish((name,), members=(member,), **wish)
        for member in members for name in names
        if name not in FORWARD or member == "jacfwd"
    }


def many() -> dict[str, ControlWish]:
    """A point for each function that repeats its body, which it does often."""
    return {f"many of {name}": ControlWish((name,), steps=MANY, lanes=MANY)
            for name in (*LOOPS, "vmap")}


def pairs_of_blocks() -> dict[str, ControlWish]:
    """A point for each function in a body of each function; loops in loops draw numbers."""
    return {f"{inner} in {outer}": ControlWish(
        (outer, inner), lines=("read", "count", "flag", "update"),
        sure=("update", "draw") if {outer, inner} <= set(LOOPS) else ("update",),
        members=(PLACEHOLDER, "jacfwd")) for outer in CONTROL for inner in CONTROL}


def compiled_programs(wish: ControlWish) -> SearchStrategy[Control]:
    """Programs that are compiled."""
    return programs(wish).map(lambda case: Compiled(**vars(case)))


def judge_result(seen: Observation) -> None:
    """What the call returns is what the unrolled program returns."""
    if seen.case.member != PLACEHOLDER:
        judge_part(seen, "loss")
    elif found := compare.same(seen.expected.out, seen.result, "result"):
        raise Violation(found, f"what the program returns differs: {found}")


def judge_next_draw(seen: Observation) -> None:
    """The draw after the call is the one that follows the unrolled program's."""
    random = seen.expected.lib.random
    want, got = random.record[random.position], seen.names["after"]
    if found := compare.same(want, np.asarray(got), "after", dtypes=False):
        raise Violation(found, f"the draw after the call differs: {found}")


def judge_all(seen: Observation) -> None:
    """Stream, result, effects, and the derivative if there is one."""
    judge_next_draw(seen)
    judge_result(seen)
    judge_effects(seen)
    if seen.case.member != PLACEHOLDER:
        judge_values(seen)


@generated("CTL-02", programs, each(tree=True) | many() | {
    "vmap, shared": ControlWish(("vmap",), kinds=("vector",), mapped=False, sure=("read",))})
def results_are_those_unrolled(subject: Subject, case: Control) -> None:
    """What the function returns, stacked where it is a loop."""
    judge_result(observe(case, subject))


@generated("CTL-03", programs, each() | many())
def states_are_those_unrolled(subject: Subject, case: Control) -> None:
    """What every state holds afterwards."""
    judge_effects(observe(case, subject))


@generated("CTL-05", programs, each(SERIAL, sure=("draw",)))
def draws_are_those_unrolled(subject: Subject, case: Control) -> None:
    """The numbers show in the result; one more is drawn after the call."""
    seen = observe(case, subject)
    judge_next_draw(seen)
    judge_result(seen)


@generated("CTL-06", programs, under("grad", "vector_grad", "jacrev", "jacfwd") | {
    f"{member} of scan, no floats": ControlWish(("scan",), members=(member,), sure=("read",),
                                                carries=("counter", "flag"))
    for member in ("grad", "vector_grad", "jacrev", "jacfwd")})
def derivative_for_states(subject: Subject, case: Control) -> None:
    """By the oracles, on the unrolled program."""
    judge_values(observe(case, subject))


@generated("CTL-07", programs, under("grad", "jacfwd", selects=False))
def derivative_for_arguments(subject: Subject, case: Control) -> None:
    """By the oracles, through states that are not selected."""
    judge_values(observe(case, subject))


@generated("CTL-08", programs, under("hessian", names=(n for n in CONTROL if n not in FORWARD)))
def second_derivative(subject: Subject, case: Control) -> None:
    """By the oracles, on the unrolled program."""
    judge_values(observe(case, subject))


@generated("CTL-10", programs, under("grad", "jacfwd", "hessian"))
def effects_under_a_derivative(subject: Subject, case: Control) -> None:
    """Value, states and stream as after one plain call."""
    seen = observe(case, subject)
    judge_next_draw(seen)
    judge_result(seen)
    judge_effects(seen)


@generated("CTL-11", programs, each(sure=COUNTED) | under("grad", names=SERIAL, sure=COUNTED))
def counters_and_flags(subject: Subject, case: Control) -> None:
    """What the counter and the flag hold, called and differentiated."""
    judge_all(observe(case, subject))


@generated("CTL-12", programs, each(kinds=("dict",)) | under("grad", "jacfwd", kinds=("dict",)))
def containers_are_carried(subject: Subject, case: Control) -> None:
    """A dict of an array and a tuple, called and differentiated."""
    judge_all(observe(case, subject))


@generated("CTL-14", programs, pairs_of_blocks())
def blocks_nest(subject: Subject, case: Control) -> None:
    """Two of the functions, one in a body of the other."""
    judge_all(observe(case, subject))


@generated("CTL-16", programs, each(sure=("born",)) | under("grad", names=SERIAL, sure=("born",)))
def states_of_a_body(subject: Subject, case: Control) -> None:
    """A state that every run makes for itself."""
    judge_all(observe(case, subject))


@generated("CTL-20", compiled_programs, each() | under("grad", "jacfwd"))
def compiled_programs_agree(subject: Subject, case: Control) -> None:
    """Twice from the same start; the second call is judged."""
    judge_all(observe(case, subject))
