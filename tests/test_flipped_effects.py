"""Every entry of the write-back table is noticed when it is flipped."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import refimpl
from spec.chapters.wrb import table as writeback
from spec.chapters.wrb.table import ARGUMENT, ENTRY, OTHER, PATTERNS, TABLE, Cell, Pattern
from spec.judge.verdict import Verdict
from spec.language.axes import Calls
from spec.language.script import execute
from tests.flipped import check_of, verdicts

STATES = tuple(c for c in TABLE if c.after is not None and c.role != "random stream")


def holds(cell: Cell) -> bool:
    """Whether the state holds on the reference what the cell says."""
    case = writeback.call(cell, "grad")
    names = execute(case.lines(), refimpl, jax.numpy)
    if "s0" not in names:
        return cell.after == "entry"
    x = ENTRY if cell.role == "argument" else ARGUMENT
    known = {"entry": ENTRY, "other": OTHER, "x": x, "np": np}
    expected = eval(cell.pattern.leaves, known) if cell.after == "plain" else ENTRY
    value = names["s0"].value
    return bool(np.allclose(value["a"] if cell.pattern.container else value, expected))


@pytest.mark.parametrize("cell", STATES, ids=lambda cell: cell.id)
def test_cell_of_the_write_back_table_is_noticed(cell: Cell) -> None:
    assert holds(cell)
    if cell.pattern.leaves == "entry":  # plain and entry are then one
        return
    assert not holds(replace(cell, after="plain" if cell.after == "entry" else "entry"))
    wrong = replace(cell.pattern, leaves=f"1.5 * ({cell.pattern.leaves}) + 1.0")
    assert holds(replace(cell, pattern=wrong)) == (cell.after == "entry")


def next_draw(cell: Cell, last: str) -> float:
    """What the reference draws after the setup of a cell and one more line."""
    execute([*writeback.call(cell, "grad").setup(), last], refimpl, jax.numpy)
    return float(refimpl.random.normal(size=()))


def stream_holds(cell: Cell) -> bool:
    """Whether the random stream stands on the reference where the cell says."""
    case = writeback.call(cell, "grad")
    execute(case.lines(), refimpl, jax.numpy)
    got = float(refimpl.random.normal(size=()))
    plain = replace(cell, outcome="success")
    return got == next_draw(plain, f"f({case.arguments()})" if cell.after == "plain" else "")


STREAM = tuple(c for c in TABLE if c.after is not None and c.role == "random stream")


@pytest.mark.parametrize("cell", STREAM, ids=lambda cell: cell.id)
def test_cell_of_the_random_stream_is_noticed(cell: Cell) -> None:
    assert stream_holds(cell)
    plain = f"f({writeback.call(cell, 'grad').arguments()})"
    success = replace(cell, outcome="success")
    if next_draw(success, plain) == next_draw(success, ""):  # plain and entry are then one
        assert cell.pattern.id in ("no access", "same value")
        return
    assert not stream_holds(replace(cell, after="plain" if cell.after == "entry" else "entry"))


def is_written(pattern: Pattern) -> bool:
    """Whether the reference sees a plain call write the state."""
    case = writeback.call(replace(STATES[0], pattern=pattern), "grad")
    find = "found = lib.transform.StateFinder(f, usage='write', return_type='list')"
    names = execute([*case.setup(), f"{find}({case.arguments()})"], refimpl, jax.numpy)
    return any(state is names.get("s0") for state in names["found"])


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_writes_of_a_pattern_are_noticed(pattern: Pattern) -> None:
    assert pattern.container or pattern.writes == is_written(pattern)


def is_differentiated(cell: Cell) -> bool:
    """Whether the reference differentiates the state of a cell, at its value on entry."""
    case = writeback.call(cell, "grad")
    if case.selection is None or "s0" not in case.selection.states:
        return False
    check = check_of("WRB-07", "derivative_is_taken_at_the_value_on_entry")
    return list(verdicts(check, {"": Calls(fixed=case)})) == [Verdict.PASS]


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: cell.id)
def test_point_of_differentiation_is_noticed(cell: Cell) -> None:
    assert (cell.point == "entry") == (cell.after is not None and is_differentiated(cell))
