"""Every entry of the tables of results, transforms and filters is noticed when it is flipped."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import jax
import pytest

import refimpl
from spec.chapters.err import misuse
from spec.chapters.err.misuse import Attempt
from spec.chapters.flt import checks as flt
from spec.chapters.ret import checks as ret
from spec.language import filters, returns
from spec.language.axes import SCALAR, representatives
from spec.language.filters import FORMS, MEANINGS, Form
from spec.language.returns import ROWS, Row
from spec.language.transforms import FAMILY, Layout, Member
from tests.flipped import JAXS, check_of, noticed

# -- the return table ------------------------------------------------------------------------------


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
    return representatives("reverse").calls(ret.SIMPLE, (row,))


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


# -- the transform family --------------------------------------------------------------------------

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


@pytest.mark.parametrize("name", SCALAR)
def test_scalar_output_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILY, name, replace(FAMILY[name], outputs="any"))
    assert wrong_structure_or_values(name)


@pytest.mark.parametrize("name", FAMILY)
def test_any_output_is_noticed(name: str) -> None:
    """A member of scalar outputs is asked to refuse others, and only such a member does."""
    rows = {row.id: Attempt(row, name, "refusal")
            for row in misuse.MISUSES if row.members == SCALAR}
    failing = noticed(check_of("ERR-09", "is_refused"), rows)
    assert rows and failing == (FAMILY[name].outputs == "any")


def looped(x: Any) -> Any:
    """A loop of as many turns as its data say, which reverse mode cannot run backwards."""
    def turn(carry: Any) -> Any:
        return carry[0] + 1, jax.numpy.sin(carry[1])

    return jax.lax.while_loop(lambda carry: carry[0] < 2, turn, (0, x))[1]


@jax.custom_vjp
def pulled(x: Any) -> Any:
    """A function of which only the pullback is known, so that forward mode fails."""
    return jax.numpy.sin(x)


pulled.defvjp(lambda x: (pulled(x), x), lambda x, g: (g * jax.numpy.cos(x),))


def works(transform: Callable[..., Any], f: Callable[..., Any]) -> bool:
    """Whether a transform of a function can be called."""
    try:
        transform(f)(jax.numpy.array(0.5))
    except (TypeError, ValueError):
        return False
    return True


def mode(transform: Callable[..., Any]) -> str:
    """How a transform computes, told by what it cannot."""
    reverse, forward = not works(transform, looped), not works(transform, pulled)
    return "both" if reverse and forward else "reverse" if reverse else "forward"


@pytest.mark.parametrize("name", FAMILY)
def test_mode_of_a_member_is_noticed(name: str) -> None:
    assert mode(getattr(refimpl.transform, name)) == FAMILY[name].mode
    if namesake := JAXS.get(FAMILY[name].alias or name):
        assert mode(namesake) == FAMILY[name].mode


@cache
def answers(name: str) -> tuple[str, ...]:
    """What a member gives for a number, and for leaves that differ in dtype from the input."""
    def leaves(x: Any) -> Any:
        return {"a": jax.numpy.sin(x), "b": (x ** 2).astype("float64")}

    found = []
    for f in (lambda x: jax.numpy.sum(x ** 3), leaves):
        try:
            got = getattr(refimpl.transform, name)(f)(jax.numpy.array([1.0, 2.0], "float32"))
            found.append(repr(got))
        except TypeError:
            found.append("refused")
    return tuple(found)


@pytest.mark.parametrize("name", FAMILY)
def test_alias_of_a_member_is_noticed(name: str) -> None:
    """A member is another name for the first one that cannot be told from it."""
    first = next(other for other in FAMILY if other == name or answers(other) == answers(name))
    assert FAMILY[name].alias == ("" if first == name else first)


# -- filters ---------------------------------------------------------------------------------------


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
