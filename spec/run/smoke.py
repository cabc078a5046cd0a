"""A gate before the rules: a handful of uses so plain that only a wrong adapter fails them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..judge.difference import name_and_line
from ..judge.stray import strays
from ..judge.subject import Subject


def _state_holds_its_value(lib: Any, xp: Any) -> bool:
    state = lib.State(xp.array([1.0, 2.0]))
    state.value = state.value + 1.0
    return bool(np.allclose(np.asarray(state.value), [2.0, 3.0]))


def _param_state_is_a_state(lib: Any, xp: Any) -> bool:
    return isinstance(lib.ParamState(xp.array(1.0)), lib.State)


def _double_precision_is_kept(lib: Any, xp: Any) -> bool:
    return str(lib.State(xp.array([0.5])).value.dtype) == "float64"


def _grad_of_a_square(lib: Any, xp: Any) -> bool:
    gradient = lib.transform.grad(lambda x: x * x)(xp.array(3.0))
    return bool(np.allclose(np.asarray(gradient), 6.0))


def _grad_of_a_state(lib: Any, xp: Any) -> bool:
    """A library may take one kind of container alone; that is a broken rule, and no wrong adapter.
    """
    state = lib.State(xp.array(3.0))
    forms: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
        ([state], lambda found: found[0]), (state, lambda found: found),
        ({"s": state}, lambda found: found["s"]),
    )
    failed: list[BaseException] = []
    for container, entry in forms:
        try:
            transformed = lib.transform.grad(lambda: state.value ** 2, grad_states=container)
            return bool(np.allclose(np.asarray(entry(transformed())), 6.0))
        except strays() as error:
            failed.append(error)
    raise failed[0]


USES: tuple[tuple[str, tuple[str, ...], Callable[[Any, Any], bool]], ...] = (
    ("State(v).value holds what was written", ("State",), _state_holds_its_value),
    ("a ParamState is a State", ("State", "ParamState"), _param_state_is_a_state),
    ("a State of float64 stays float64", ("State",), _double_precision_is_kept),
    ("transform.grad(x * x) at 3 is 6", ("transform.grad",), _grad_of_a_square),
    ("transform.grad(s.value ** 2, grad_states=[s]) at 3 is [6]",
     ("State", "transform.grad"), _grad_of_a_state),
)


def faults(subject: Subject) -> list[str]:
    """What a namespace fails of the plainest uses, one line each."""
    found = []
    for words, names, use in USES:
        if subject.missing.intersection(names):
            continue
        try:
            held = use(subject.lib, subject.xp)
        except strays() as error:
            found.append(f"{words}: raised {name_and_line(error)}")
            continue
        if not held:
            found.append(f"{words}: does not hold")
    return found
