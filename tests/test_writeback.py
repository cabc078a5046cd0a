"""The write-back table: one meaning for every cell, true on the model, and wholly checked."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from spec.chapters import all_checks
from spec.chapters.wrb.table import (
    AFTER,
    ARGUMENT,
    ENTRY,
    IMPOSSIBLE,
    OTHER,
    OUTCOMES,
    PATTERNS,
    ROLES,
    TABLE,
    Cell,
    call,
)
from spec.expected import model
from spec.language.programs import Fail
from spec.language.script import execute

POSSIBLE = [cell for cell in TABLE if cell.after is not None]
OF_STATES = [cell for cell in POSSIBLE if cell.role != "random stream"]


def run(cell: Cell) -> Any:
    """What the state of a cell holds after a plain call on the model."""
    case = call(cell, "grad")
    names = execute(case.setup(), model.library(), np)
    arguments = case.arguments().replace("jnp", "np")
    names["f"](*eval(f"({arguments},)", {**names, "np": np}))
    value = names["s0"].value
    return value["a"] if cell.pattern.container else value


def test_every_combination_is_one_cell() -> None:
    found = [(cell.role, cell.pattern.id, cell.outcome) for cell in TABLE]
    expected = product(ROLES, (pattern.id for pattern in PATTERNS), OUTCOMES)
    assert found == list(expected)


def test_every_cell_has_a_meaning_or_a_reason() -> None:
    for cell in TABLE:
        assert (cell.after in AFTER) != bool(cell.reason), cell.id


def test_reasons_name_roles_and_patterns() -> None:
    assert {role for role, _ in IMPOSSIBLE} <= set(ROLES)
    assert {pattern for _, pattern in IMPOSSIBLE} <= {pattern.id for pattern in PATTERNS}


def test_only_selected_states_are_differentiated() -> None:
    """And only by a call that returns."""
    expected = [c for c in POSSIBLE if c.role == "selected" and c.outcome == "success"]
    assert [cell for cell in TABLE if cell.point == "entry"] == expected


def test_failed_calls_leave_what_was_there() -> None:
    assert {cell.after for cell in POSSIBLE if not cell.succeeds} == {"entry"}


@pytest.mark.parametrize("cell", [c for c in OF_STATES if c.succeeds], ids=lambda c: c.id)
def test_plain_calls_leave_what_the_table_says(cell: Cell) -> None:
    entry = {"entry": ENTRY, "other": OTHER, "np": np}
    x = ENTRY if cell.role == "argument" else ARGUMENT
    expected = eval(cell.pattern.leaves, {**entry, "x": x})
    assert run(cell) == pytest.approx(expected, abs=0)
    assert cell.after == ("plain" if cell.pattern.writes else "entry")


@pytest.mark.parametrize("cell", [c for c in OF_STATES if c.succeeds and c.after == "plain"],
                         ids=lambda c: c.id)
def test_lost_writes_would_show(cell: Cell) -> None:
    """What is left differs from what was there, but where the same value is written."""
    assert (run(cell) == ENTRY) == (cell.pattern.id == "same value")


@pytest.mark.parametrize("cell", [c for c in POSSIBLE if not c.succeeds], ids=lambda c: c.id)
def test_failing_programs_raise_where_the_table_says(cell: Cell) -> None:
    body = call(cell, "grad").program.body
    place = [type(statement) for statement in body].index(Fail)
    assert place == (0 if cell.outcome == "failure before" else len(body) - 1)
    assert body.count(Fail()) == 1


def test_every_cell_is_checked() -> None:
    """By a point of a check, but for changes in place, which have a script of their own."""
    judged = {repr(case) for point in points() if (case := fixed(point)) is not None}
    missing = {cell.id for cell in POSSIBLE if not judged & texts(cell)}
    assert missing == {
        f"{role} | in place | success" for role in ("selected", "unselected")
    }


def points() -> list[Any]:
    """The points of all generated checks of the family."""
    return [
        point for check in all_checks() if check.rule.startswith("WRB") and check.strategy
        for point in check.cases.values()
    ]


def fixed(point: Any) -> Any:
    """The call that a point fixes, if it does."""
    cell = getattr(point, "cell", None)
    return getattr(point, "fixed", None) if cell is None else call(cell, point.member)


def texts(cell: Cell) -> set[str]:
    """The scripts that check a cell."""
    return {repr(call(cell, member)) for member in ("grad", "fwd_grad")}
