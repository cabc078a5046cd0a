"""Drawn functions that are compiled, against plain calls on NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from hypothesis.strategies import SearchStrategy

from ...expected import model
from ...judge import compare
from ...judge.check import generated
from ...judge.difference import Violation
from ...judge.observation import run
from ...judge.subject import Subject
from ...language.axes import plain
from ...language.cases import Case
from ...language.script import Script, execute
from ...language.strategies import cases
from ...language.values import SHAPES
from ...language.wishes import Wish

CALLS: Final = 2
COMPILED: Final = Wish(
    ("vector_grad",), plain("arguments"), nested=True, writes=True, shapes=SHAPES[:1],
    outputs=("scalar", "tree", "ordered"), most=6, steps=(2, 8), bystanders=True, arguments=(1, 3),
    functions=("jnp.sin({0})",), forms=True, models=True)
"""Functions that write much and are compiled fast; no conditions, since under jit a state has no
value to ask for, and no draws, which are CMP-15's."""


@dataclass(frozen=True)
class Jitted(Script):
    """The function of a case, compiled, and two calls of it."""

    case: Case

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [*self.case.setup(), "compiled = lib.transform.jit(f)",
                *self.calls("compiled")]

    def calls(self, function: str) -> list[str]:
        """The calls."""
        return [f"result{i} = {function}({self.case.arguments()})" for i in range(CALLS)]


def jitted(_: None) -> SearchStrategy[Jitted]:
    """Functions to be compiled."""
    return cases(COMPILED).map(Jitted)


def plainly(script: Jitted) -> dict[str, Any]:
    """The names of the script on the model, where the function is called as it is."""
    return execute([*script.case.setup(), *script.calls("f")], model.library(), np)


@generated("CMP-14", jitted)
def compiled_functions_do_what_plain_ones_do(subject: Subject, script: Jitted) -> None:
    """What two calls return, and what every state holds after them."""
    want, got = plainly(script), run(script, subject, "jit")
    places = [f"result{i}" for i in range(CALLS)]
    held = [f"{var.id}.value" for var in script.case.program.states]
    for place in (*places, *held):
        found = compare.same(eval(place, want), eval(place, got), place)
        if found:
            raise Violation(found, f"after two calls, {found}")
