"""Histories: an implementation and the NumPy model side by side, compared after every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...expected import model_transforms
from ...judge import compare
from ...judge.check import generated
from ...judge.difference import Violation, raised
from ...judge.subject import Subject
from ...language import histories
from ...language.histories import History
from ...language.moves import FEATURES
from ...language.script import go_on

Snapshot = dict[str, Any]

SHORT = 1e-5
"""The tolerance once a history has met float32: some 80 of its units in the last place."""


@generated("STA-16", histories.histories, {"copies": "copies"})
@generated("WRB-26", histories.histories, {
    name: name for name in FEATURES if name != "copies"}, wide=3)
def history_agrees_with_plain_objects(subject: Subject, history: History) -> None:
    """States and results after every step; in a history that draws, a draw follows each call."""
    expected = snapshots(subject, history)
    names: dict[str, Any] = {"lib": subject.lib, "jnp": subject.xp}
    rtol = 1e-8
    for index, (step, want) in enumerate(zip(history.steps, expected, strict=True), 1):
        if any("float32" in line for line in step.lines):  # from here on it may be in any value
            rtol = SHORT
        try:
            go_on(step.lines, names)
        except Exception as error:
            raise raised(error, f"step {index}", lines=history.until(index)) from error
        try:
            left = values_at_places(names)
        except Exception as error:  # what stands there is no state any more
            reads = [name for name in want if name not in names]
            raise raised(error, f"a state after step {index}",
                         lines=[*history.until(index), *reads]) from error
        for name, value in want.items():
            got = names[name] if name in names else left[name]
            # What the model differentiates is float64, and beside float32 JAX's weak types
            # decide what a sum is, which NumPy does not know.
            known = name != step.result and rtol != SHORT
            if found := compare.same(value, got, name, rtol, dtypes=known):
                raise Violation(found, f"after step {index}, {found}", history.until(index))


def values_at_places(names: dict[str, Any]) -> Snapshot:
    """The values of all states, by the source that reads them."""
    return {f"{place}.value": state.value for place, state in histories.places(names)}


def snapshots(subject: Subject, history: History) -> list[Snapshot]:
    """What every name that is compared holds on the model after every step."""
    def number(seed: int, shapes: tuple[Any, ...]) -> Any:
        subject.lib.random.seed(seed)
        return [np.asarray(subject.lib.random.normal(size=shape)) for shape in shapes][-1]

    names: dict[str, Any] = {"lib": model_transforms.library(number), "jnp": np}
    found = []
    for step in history.steps:
        go_on(step.lines, names)
        result = {step.result: names[step.result]} if step.result else {}
        found.append(values_at_places(names) | result)
    return found
