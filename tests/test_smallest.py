"""The smallest library of the guide keeps class basic, in forty lines."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from spec.chapters import all_checks
from spec.chapters.basic import BASIC
from spec.chapters.rules import Level, registry
from spec.judge.subject import CLASSES, NAMES, Subject
from spec.judge.verdict import Outcome, Verdict
from spec.report.report import Report
from spec.run.decide import decide
from spec.run.profiles import Profile
from spec.run.worker import hidden

FILE = Path(__file__).parents[1] / "docs" / "examples" / "smallest.py"
LOOK = Profile("look", 4, 0)
"""Of one case alone the names may be beyond the class, so that nothing is asked."""


@cache
def subject() -> Subject:
    """The library, as class basic asks for it."""
    place = importlib.util.spec_from_file_location("smallest", FILE)
    assert place is not None and place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return Subject("smallest", module, hidden(["basic"]))


def asked(rule: str) -> list[Outcome]:
    """What it does at every point of a rule that class basic asks for."""
    decided = [decide(check, subject(), point, LOOK, 0)
               for check in all_checks() if check.rule == rule for point in check.cases]
    return [outcome for outcome in decided if hidden(["basic"]).isdisjoint(outcome.lacks)]


@pytest.mark.parametrize("rule", BASIC)
def test_the_smallest_library_keeps_class_basic(rule: str) -> None:
    mine = asked(rule)
    assert not [f"{o.id}: {o.message}" for o in mine if o.verdict is not Verdict.PASS]
    report = Report({"classes": ["basic"]}, tuple(mine))
    assert report.by_class() == {"basic": {rule: Verdict.PASS}}


def test_class_basic_is_of_what_binds() -> None:
    assert {registry()[rule].level for rule in BASIC} == {Level.MUST}
    assert len({*BASIC}) == len(BASIC)


def test_the_smallest_library_is_small_and_has_the_names_of_basic() -> None:
    """Forty lines that hold code: no comment, no docstring, nothing blank."""
    assert subject().missing == {*NAMES} - {*CLASSES["basic"]}
    text = FILE.read_text(encoding="utf-8")
    code = re.sub(r'^ *""".*?"""$', "", text, flags=re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 40


def test_its_passes_mean_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the copy of what is read, a failure does not take back a change in place."""
    monkeypatch.setattr(subject().lib.State, "value", property(
        lambda state: [frame[state] for frame in subject().lib.frames if state in frame][-1],
        subject().lib.State.value.fset))
    assert {outcome.verdict for outcome in asked("WRB-15")} == {Verdict.PASS, Verdict.FAIL}
