"""Every entry of the table of misuse is noticed when it is flipped."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

import refimpl
from spec.chapters.err import misuse
from spec.chapters.err.misuse import Attempt, Misuse
from spec.chapters.rules import registry
from spec.expected import model
from spec.judge.subject import Subject
from spec.language.axes import EVERY
from spec.language.transforms import FAMILY
from tests.flipped import JAXS, SUBJECT, check_of, noticed


def refused(row: Misuse, asks: Any, member: str = "", subject: Subject = SUBJECT) -> bool:
    """Whether the reference, or another subject, refuses as the row asks."""
    script = Attempt(row, member or row.members[0], asks)
    check = check_of("ERR-20", "states_are_as_they_were")
    return not noticed(check, {"": script}, subject)


FLIPS: tuple[tuple[str, Any, str], ...] = (
    ("raises", "KeyError", "refusal"),
    ("names", ("no such word",), "refusal"),
    ("suggests", "KeyError", "class"),
    ("helps", ("no such word",), "words"),
)
"""Entries of a row of misuse: the field, another value, and who asks for it."""


@pytest.mark.parametrize("row", misuse.MISUSES, ids=lambda row: row.id)
def test_row_of_misuse_is_noticed(row: Misuse) -> None:
    for field, value, asks in FLIPS:
        if getattr(row, field):
            assert refused(row, asks), field
            assert not refused(replace(row, **{field: value}), asks), field


def belated() -> Subject:
    """The reference with transforms that look at nothing before they are called."""
    def late(transform: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *made, **options: lambda *args, **kwargs: (
            transform(*made, **options)(*args, **kwargs))

    family = {name: late(getattr(refimpl.transform, name)) for name in FAMILY}
    lib = SimpleNamespace(**vars(refimpl))
    lib.transform = SimpleNamespace(**(vars(refimpl.transform) | family))
    return Subject("refimpl", lib)


@pytest.mark.parametrize("row", misuse.MISUSES, ids=lambda row: row.id)
def test_stage_of_a_row_is_noticed(row: Misuse) -> None:
    """Early refusals are asked for where the rule says so, and late ones are taken elsewhere."""
    early = "constructed" in registry()[row.rule].statement
    assert early == (row.stage == "construction")
    if "{T}" in row.make:
        assert refused(row, "refusal", subject=belated()) != early
        other = replace(row, stage="either" if early else "construction")
        assert refused(other, "refusal", subject=belated()) == early


def of_jax() -> Subject:
    """JAX's own transforms of one state."""
    def lifted(transform: Callable[..., Any]) -> Callable[..., Any]:
        def make(f: Any, grad_states: Any, **options: Any) -> Any:
            def of(value: Any, *args: Any) -> Any:
                grad_states.value = value
                return f(*args)

            return lambda *args: transform(of, **options)(grad_states.value, *args)

        return make

    lib = model.library()
    lib.transform = SimpleNamespace(**{
        name: lifted(JAXS[namesake]) for name, member in FAMILY.items()
        if (namesake := member.alias or name) in JAXS
    })
    return Subject("refimpl", lib)


@cache
def refused_by_jax(id: str) -> frozenset[str]:
    """The members whose namesakes in JAX refuse what a row asks for."""
    (row,) = (row for row in misuse.MISUSES if row.id == id)
    subject = of_jax()
    names = vars(subject.lib.transform)
    return frozenset(name for name in names if refused(row, "refusal", name, subject))


def concerned(row: Misuse) -> frozenset[str]:
    """The members of which the rule of a row speaks."""
    statement = registry()[row.rule].statement
    if "{T}" not in row.make:
        return frozenset(Misuse.members)
    if "JAX's namesake" in statement:
        return refused_by_jax(row.id)
    return frozenset(name for name in FAMILY if f"`{name}`" in statement) or frozenset(FAMILY)


MOST = 4
"""A row that is walked for more members than these is walked for all that it concerns."""


def is_walked(rows: Iterable[Misuse]) -> bool:
    """Whether rows of one rule are walked for no member that is not concerned.

    Each is walked for all that are, or for a few of them beside a row that is walked for all.
    """
    full: list[int] = []
    few: list[int] = []
    for row in rows:
        members = set(row.members)
        if not members <= concerned(row):
            return False
        (full if members == concerned(row) else few).append(len(members))
    return bool(full) and max(few, default=0) <= MOST


def other_members(row: Misuse) -> Iterator[tuple[str, ...]]:
    """The members of a row without one that all share, or with one that is not concerned."""
    if row.members == EVERY:
        yield from (tuple(m for m in EVERY if m != name) for name in EVERY)
    yield from ((*row.members, name) for name in FAMILY if name not in concerned(row))


@pytest.mark.parametrize("row", misuse.MISUSES, ids=lambda row: row.id)
def test_members_of_a_row_are_noticed(row: Misuse) -> None:
    beside = [other for other in misuse.MISUSES if other.rule == row.rule and other is not row]
    assert is_walked([row, *beside])
    for members in other_members(row):
        assert not is_walked([replace(row, members=members), *beside]), members
