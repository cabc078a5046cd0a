"""The mutation run: what kills a fault, and that every survivor is explained."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests import mutation

SURVIVORS = mutation.ROOT / "docs" / "survivors.toml"


def test_every_survivor_is_explained_and_no_other_fault() -> None:
    left = json.loads(mutation.HOME.read_text())["survivors"]
    told = tomllib.loads(SURVIVORS.read_text())["survivor"]
    explained = {(entry["module"], entry["change"]) for entry in told if entry["why"].endswith(".")}
    assert explained == {(fault["module"], fault["change"]) for fault in left}


@pytest.mark.parametrize(("output", "by"), [
    ("ARG-01/none_is_argument_zero grad: expected 1.0, got 2.0", "rules"),
    ("tests/test_refimpl_jit.py::test_one: the reference's own test", "tests"),
    ("Traceback (most recent call last):\nTypeError: no rule says 'ARG-01/'", ""),
    ("", ""),
])
def test_killer_is_what_the_judge_printed(output: str, by: str) -> None:
    assert mutation.killer(output) == by


@pytest.mark.parametrize("holds", [True, False])
def test_own_tests_run_beside_what_the_judge_has_imported(
    holds: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As strictly as this project's own: a warning about pytest's plugins would be an error."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_refimpl_one.py").write_text(f"def test_one(): assert {holds}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    assert mutation.own_tests() == (0 if holds else 1)
    said = capsys.readouterr().out
    assert said == "" if holds else mutation.killer(said) == "tests" and "test_one" in said


@pytest.mark.parametrize(("operator", "kind"), [
    ("core/ReplaceComparisonOperator_Is_IsNot", "ReplaceComparisonOperator"),
    ("core/ReplaceBinaryOperator_Add_Pow", "ReplaceBinaryOperator"),
    ("core/AddNot", "AddNot"),
])
def test_operators_of_a_kind_are_one(operator: str, kind: str) -> None:
    assert mutation.kind(operator) == kind


def test_results_tell_the_stillborn_from_the_killed() -> None:
    diff = "--- mutation diff ---\n--- a/m.py\n+++ b/m.py\n-    x = 1\n+    x = 2\n"
    judged = [
        ("m.py", "core/A", 0, 7, "TestOutcome.SURVIVED", diff, ""),
        ("m.py", "core/B", 0, 7, "TestOutcome.KILLED", diff, "RET-01/check point: message"),
        ("m.py", "core/C", 0, 7, "TestOutcome.KILLED", diff, "tests/test_a.py: the own test"),
        ("m.py", "core/D", 0, 7, "TestOutcome.KILLED", diff, "SyntaxError"),
    ]
    found = mutation.results(judged)
    assert (found["by_rules"], found["by_tests"], found["stillborn"]) == (1, 1, 1)
    (survivor,) = found["survivors"]
    assert (survivor["module"], survivor["line"]) == ("m.py", 7)
    assert survivor["change"] == "x = 1 -> x = 2"
