"""Every entry of every data table is noticed: flip it, and a check fails on the reference.

A table entry that can be changed without notice is not specified.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import jax
import numpy as np
import pytest

import refimpl
from spec import filters, misuse, returns, writeback
from spec.checks import Check, all_checks, err, flt, ret
from spec.filters import FORMS, MEANINGS, Form
from spec.implementation import Subject
from spec.misuse import Misuse, Script
from spec.returns import ROWS, Row
from spec.runner import Profile, Verdict, decide
from spec.transforms import FAMILY, Layout, Member
from spec.truth import execute
from spec.writeback import ARGUMENT, ENTRY, OTHER, TABLE, Cell

SUBJECT = Subject("refimpl", refimpl)
PROFILE = Profile("mutation", 5, 0)


def check_of(rule: str, name: str) -> Check:
    """A check by its rule and name."""
    (found,) = (c for c in all_checks() if c.rule == rule and c.name == name)
    return found


def noticed(check: Check, cases: Mapping[str, Any]) -> bool:
    """Whether a check fails on the reference at any of these points."""
    changed = replace(check, cases=cases)
    verdicts = (decide(changed, SUBJECT, point, PROFILE, 0).verdict for point in cases)
    return Verdict.FAIL in verdicts


# -- the return table ----------------------------------------------------------------------------


def other_results(row: Row) -> Iterator[Any]:
    """Results that the row might be given by mistake, of parts that its calls have."""
    result = row.result
    yield (result,)
    yield (result, "loss") if "loss" not in result else (result, result)
    if isinstance(result, tuple):
        yield result[::-1]
        yield result[0] if len(result) == 2 else result[:-1]
        if isinstance(result[0], tuple):
            yield (*result[0], *result[1:])
            yield (result[0][::-1], *result[1:])


def by_row(row: Row) -> Mapping[str, Any]:
    """The point of the plainest member for a row."""
    return {"grad": ret.Cell(row, "grad")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_result_of_a_row_is_noticed(row: Row) -> None:
    check = check_of(row.id, "result_has_the_structure_of_the_row")
    assert not noticed(check, by_row(row))
    for result in other_results(row):
        assert noticed(check, by_row(replace(row, result=result))), result


def is_partition(rows: Iterable[Row]) -> bool:
    """Whether every call falls under exactly one row."""
    rows = tuple(rows)
    return all(sum(row.matches(**call) for row in rows) == 1 for call in returns.combinations())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_condition_of_a_row_is_noticed(row: Row) -> None:
    assert is_partition(ROWS)
    for field, value in product(("states", "args", "has_aux", "return_value"),
                                (True, False, None)):
        if getattr(row, field) is value or (value is None and field != "args"):
            continue
        other: dict[str, Any] = {field: value}
        flipped = replace(row, **other)
        assert not is_partition(flipped if r is row else r for r in ROWS), (field, value)


# -- the transform family ------------------------------------------------------------------------

JAXS = {"grad": jax.grad, "jacrev": jax.jacrev, "jacfwd": jax.jacfwd, "hessian": jax.hessian}


def fits_jax(member: Member) -> bool:
    """Whether the options of a member are those of its namesake in JAX, if it has one."""
    namesake = JAXS.get(member.alias or member.name)
    if namesake is None:
        return not (member.holomorphic or member.allow_int)
    offered = inspect.signature(namesake).parameters
    return all(getattr(member, o) == (o in offered) for o in ("holomorphic", "allow_int"))


@pytest.mark.parametrize("name", FAMILY)
def test_options_of_a_member_are_noticed(name: str) -> None:
    member = FAMILY[name]
    assert fits_jax(member)
    assert not fits_jax(replace(member, holomorphic=not member.holomorphic))
    assert not fits_jax(replace(member, allow_int=not member.allow_int))


def wrong_structure_or_values(name: str) -> bool:
    """Whether the checks of structure and values fail for a member."""
    structure = check_of("RET-05", "result_has_the_structure_of_the_row")
    if noticed(structure, {name: structure.cases[name]}):
        return True
    values = check_of("DER-02", "derivatives_of_states_are_right")
    return name in values.cases and noticed(values, {name: values.cases[name]})


def other_layouts(member: Member) -> Iterator[Layout]:
    """The layouts that can be told from the member's own.

    The Jacobian of a scalar is laid out like its gradient, and a sample like a gradient.
    """
    layouts: tuple[Layout, ...] = ("gradient", "jacobian", "hessian")
    alike = layouts[:2] if member.outputs == "scalar" else (member.layout,)
    yield from (layout for layout in layouts if layout not in alike)


@pytest.mark.parametrize("name", FAMILY)
def test_layout_of_a_member_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not wrong_structure_or_values(name)
    for layout in other_layouts(FAMILY[name]):
        with monkeypatch.context() as patch:
            patch.setitem(FAMILY, name, replace(FAMILY[name], layout=layout))
            assert wrong_structure_or_values(name), layout


@pytest.mark.parametrize("name", [m for m in FAMILY if FAMILY[m].outputs == "scalar"])
def test_scalar_output_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILY, name, replace(FAMILY[name], outputs="any"))
    assert wrong_structure_or_values(name)


# -- filters -------------------------------------------------------------------------------------


def filter_points(form: str) -> Mapping[str, Any]:
    """The points of a form, with the answers that the table gives now."""
    operands = filters.OPERANDS[FORMS[form].meaning.operand]
    chosen = [filters.Filter(form, operand) for operand in operands]
    return flt.points(chosen, filters.POOL, filters.flat_source(filters.POOL))


@pytest.mark.parametrize("form", FORMS)
def test_meaning_of_a_form_is_noticed(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    means = FORMS[form].means
    rule = next(rule for rule, name in flt.RULES.items() if name == means)
    check = check_of(rule, "predicate_matches_what_the_filter_means")
    assert not noticed(check, filter_points(form))
    alike = [m for m in MEANINGS if MEANINGS[m].operand == MEANINGS[means].operand and m != means]
    for other in alike:
        with monkeypatch.context() as patch:
            patch.setitem(FORMS, form, Form(FORMS[form].pattern, other))
            assert noticed(check, filter_points(form)), other


@pytest.mark.parametrize("means", MEANINGS)
def test_predicate_of_a_meaning_is_noticed(means: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = next(rule for rule, name in flt.RULES.items() if name == means)
    check = check_of(rule, "predicate_matches_what_the_filter_means")
    meaning = MEANINGS[means]
    negated = replace(meaning, holds=lambda sample, operand: not meaning.holds(sample, operand))
    monkeypatch.setitem(MEANINGS, means, negated)
    form = next(name for name in FORMS if FORMS[name].means == means)
    assert noticed(check, filter_points(form))


# -- write-back ----------------------------------------------------------------------------------

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


# -- misuse --------------------------------------------------------------------------------------


def refused(row: Misuse, asks: Any) -> bool:
    """Whether the reference refuses as the row asks."""
    script = Script(row, row.members[0], asks)
    check = check_of("ERR-20", "states_are_as_they_were")
    assert err.only(script) is not None
    return not noticed(check, {"": script})


FLIPS: tuple[tuple[str, Any, str], ...] = (
    ("raises", "KeyError", "refusal"),
    ("names", ("no such word",), "refusal"),
    ("suggests", "KeyError", "class"),
    ("helps", ("no such word",), "words"),
)
"""Entries of a row of misuse: the field, another value, and who asks for it."""


@pytest.mark.parametrize("row", misuse.ROWS, ids=lambda row: row.id)
def test_row_of_misuse_is_noticed(row: Misuse) -> None:
    for field, value, asks in FLIPS:
        if getattr(row, field):
            assert refused(row, asks), field
            assert not refused(replace(row, **{field: value}), asks), field
