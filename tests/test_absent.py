"""What an implementation lacks is absent, never broken: every name of the interface, in turn."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

import refimpl
from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.subject import NAMES, Absent, Subject
from spec.judge.verdict import Verdict
from spec.run.decide import decide
from spec.run.profiles import Profile
from tests.day import slice_of
from tests.saboteurs.asking import looked_up
from tests.saboteurs.roster import copy_of

ONE = Profile("one", 1, 0)
TURNS = 5
"""In how many turns of the file every name is taken away: a number prime to that of its days."""


@cache
def points() -> dict[str, list[tuple[Check, str]]]:
    """For every name, the first point of every check that looks it up.

    What a snippet looks up stands in its text and in that of its point; what drawn cases look
    up is recorded on the reference, at the first point.
    """
    found: dict[str, list[tuple[Check, str]]] = defaultdict(list)
    for check in all_checks():
        if check.strategy is not None:
            first = next(iter(check.cases))
            for name in looked_up(check, first, ONE, 0):
                found[name].append((check, first))
            continue
        body = inspect.getsource(check.function)
        for name in NAMES:
            mention = re.compile(rf"\blib\.{re.escape(name)}\b")
            texts = {point: " ".join(values.values()) for point, values in check.cases.items()}
            at = next((p for p, text in texts.items() if mention.search(text)), None)
            if at is None and mention.search(body):
                at = next(iter(texts))
            if at is not None:
                found[name].append((check, at))
    for name in [name for name in NAMES if name not in found]:
        found[name] = [next(looking_up(name))]
    return found


def looking_up(name: str) -> Iterator[tuple[Check, str]]:
    """The points of drawn checks that say the name, and do look it up."""
    said = re.compile(rf"\b{name.rpartition('.')[2]}\b")
    for check in all_checks():
        for point in check.cases if check.strategy is not None else ():
            if said.search(point) and name in looked_up(check, point, ONE, 0):
                yield check, point


def without(name: str) -> Any:
    """The reference without a name of the interface."""
    lib = copy_of(refimpl)
    room: Any = lib
    *path, last = name.split(".")
    for part in path:
        room = getattr(room, part)
    delattr(room, last)
    return lib


@pytest.mark.parametrize("name", slice_of(sorted(NAMES), TURNS))
def test_a_check_that_looks_up_an_absent_name_is_absent(name: str) -> None:
    """Or it passes, where it turns out to do without the name; it never fails."""
    subject = Subject("refimpl", without(name))
    outcomes = [decide(check, subject, point, ONE, 0) for check, point in points()[name]]
    assert [o for o in outcomes if o.verdict not in (Verdict.ABSENT, Verdict.PASS)] == []
    assert Verdict.ABSENT in {outcome.verdict for outcome in outcomes}


def test_an_absent_name_ends_a_check_that_catches_every_exception() -> None:
    """What is not there must not be taken for an error of what is."""
    lib = Subject("library", SimpleNamespace(State=refimpl.State)).guarded().lib
    assert lib.State is refimpl.State
    with pytest.raises(Absent, match=r"^transform\.grad$"):
        try:
            lib.transform.grad(abs)
        except Exception:  # as a check does that asks whether something is refused
            pytest.fail("an absent name looks like an error of the library")
