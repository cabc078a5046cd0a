"""The table of misuse: complete, unambiguous, and able to fail."""

import builtins
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spec.chapters.err import misuse
from spec.chapters.err.misuse import MISUSES, Attempt, Misuse
from spec.chapters.rules import registry
from spec.expected import model
from spec.language.script import execute
from spec.language.transforms import FAMILY


def first_members(scripts: Iterable[Attempt]) -> list[Attempt]:
    """One script of every row: those for its other members differ in a name alone."""
    return [script for script in scripts if script.member == script.row.members[0]]


REFUSALS = first_members(script for rule in dict.fromkeys(row.rule for row in MISUSES)
                         for script in misuse.scripts(rule))
UNCHANGED = first_members(misuse.unchanged())
EVERY = [*REFUSALS, *UNCHANGED, *misuse.helpful(), *misuse.conventional()]

Refuse = Callable[[], Any]


def library(refuse: Refuse) -> Any:
    """A library whose every transform, finder and selection does nothing but `refuse`."""

    def transform(*args: Any, **options: Any) -> Any:
        refuse()
        return lambda *args, **kwargs: None

    class Module(model.Module):
        def states(self, *filters: Any) -> Any:
            return refuse()

    lib = model.library()
    lib.nn = SimpleNamespace(Module=Module)
    names = (*FAMILY, "GradientTransform", "StateFinder", "jvp")
    lib.transform = SimpleNamespace(**dict.fromkeys(names, transform))
    lib.transform.vjp = lambda *args, **options: (None, transform)
    return lib


def allow() -> None:
    """Refuse nothing."""


def refusal(kind: str, words: tuple[str, ...]) -> Refuse:
    """Raise an exception of a class with these words."""

    def refuse() -> None:
        raise getattr(builtins, kind or "ArithmeticError")(" ".join(words))

    return refuse


def rows(where: Callable[[Misuse], bool]) -> list[Any]:
    """The rows of a kind, by their ids."""
    return [pytest.param(row, id=row.id) for row in MISUSES if where(row)]


def test_ids_are_unique() -> None:
    assert len({row.id for row in MISUSES}) == len(MISUSES)


@pytest.mark.parametrize("row", rows(lambda row: True))
def test_a_row_refers_to_what_exists(row: Misuse) -> None:
    assert registry()[row.rule].family == "ERR"
    assert row.members and set(row.members) <= set(FAMILY)
    for kind in filter(None, (row.raises, row.suggests)):
        assert issubclass(getattr(builtins, kind), Exception)
    assert not (row.raises and row.suggests), "a class is demanded or suggested, not both"


@pytest.mark.parametrize("row", rows(lambda row: "{T}" not in row.make))
def test_a_row_without_the_transform_is_walked_once(row: Misuse) -> None:
    assert len(row.members) == 1


@pytest.mark.parametrize("row", rows(lambda row: bool(row.names or row.helps)))
def test_the_words_are_not_in_every_message(row: Misuse) -> None:
    usual = "must be expected got argument state transform float64 int32 with 0 1 2 3"
    assert all(word not in usual for word in row.names), "any message holds the word"


@pytest.mark.parametrize("script", EVERY, ids=lambda s: f"{s.row.id}, {s.member}, {s.asks}")
def test_a_script_is_short_and_compiles(script: Attempt) -> None:
    lines = script.lines()
    compile("\n".join(lines), "<script>", "exec")
    assert len(lines) + 3 <= 15
    assert any(line.startswith("assert ") for line in lines)


@pytest.mark.parametrize("script", REFUSALS, ids=lambda s: f"{s.row.id}, {s.member}")
def test_a_library_that_refuses_nothing_fails(script: Attempt) -> None:
    with pytest.raises(AssertionError, match="expected"):
        execute(script.lines(), library(allow), np)


@pytest.mark.parametrize("script", EVERY, ids=lambda s: f"{s.row.id}, {s.member}, {s.asks}")
def test_a_library_that_refuses_as_asked_passes(script: Attempt) -> None:
    row = script.row
    words = (*row.names, *row.helps)
    execute(script.lines(), library(refusal(row.raises or row.suggests, words)), np)


@pytest.mark.parametrize(
    "script", [s for s in REFUSALS if s.row.raises], ids=lambda s: f"{s.row.id}, {s.member}"
)
def test_another_class_fails_where_one_is_demanded(script: Attempt) -> None:
    with pytest.raises(AssertionError, match=script.row.raises):
        execute(script.lines(), library(refusal("KeyError", script.row.names)), np)


@pytest.mark.parametrize(
    "script", [s for s in REFUSALS if s.row.names], ids=lambda s: f"{s.row.id}, {s.member}"
)
def test_a_silent_message_fails_where_words_are_demanded(script: Attempt) -> None:
    with pytest.raises(AssertionError, match="expected"):
        execute(script.lines(), library(refusal(script.row.raises, ())), np)


@pytest.mark.parametrize("script", list(misuse.conventional()), ids=lambda s: s.row.id)
def test_another_class_fails_where_one_is_suggested(script: Attempt) -> None:
    with pytest.raises(AssertionError, match=script.row.suggests):
        execute(script.lines(), library(refusal("KeyError", ())), np)


@pytest.mark.parametrize("script", list(misuse.helpful()), ids=lambda s: s.row.id)
def test_a_silent_message_fails_where_words_help(script: Attempt) -> None:
    with pytest.raises(AssertionError, match="expected"):
        execute(script.lines(), library(refusal("TypeError", ())), np)


@pytest.mark.parametrize(
    "script", UNCHANGED, ids=lambda s: f"{s.row.id}, {s.member}"
)
def test_a_refusal_that_leaves_traces_fails(script: Attempt) -> None:
    made: list[Any] = []

    class State(model.State):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)

    def refuse() -> None:
        made[0].value = np.array(99.0)
        raise TypeError("too late")

    lib = library(refuse)
    lib.State = State
    with pytest.raises((AssertionError, IndexError), match="changed|indices|subscript"):
        execute(script.lines(), lib, np)
