"""The command line, as an implementer meets it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jax
import jsonschema
import pytest

import refimpl
from spec.__main__ import BROKEN, UNUSABLE, main
from spec.chapters.rules import registry
from spec.report import committed, document

FEW = ["--rules", "RET-01,RET-06", "--workers", "1", "--max-examples", "2"]


def check(*arguments: str) -> int:
    """The exit status of a check of a few rules in this process."""
    return main(["check", *arguments, *FEW])


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An empty module that can be imported as ``stranger``."""
    made = ModuleType("stranger")
    monkeypatch.setitem(sys.modules, "stranger", made)
    return made


def test_a_right_implementation_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("refimpl") == 0
    assert "2 rules: 2 pass" in capsys.readouterr().out


def test_an_unknown_module_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("no.such.module") == UNUSABLE
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "cannot import 'no.such.module'" in shown


def test_a_module_without_any_name_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], module: ModuleType
) -> None:
    assert check("stranger") == UNUSABLE
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "none of the names" in shown


def test_a_wrong_adapter_is_stopped_before_the_rules(
    capsys: pytest.CaptureFixture[str], module: ModuleType
) -> None:
    module.__dict__["transform"] = SimpleNamespace(grad=lambda f: f)
    assert check("stranger") == UNUSABLE
    assert "the adapter is wrong: transform.grad(x * x)" in capsys.readouterr().err


def test_a_module_that_lacks_names_is_judged_on_the_rest(
    capsys: pytest.CaptureFixture[str], module: ModuleType
) -> None:
    module.__dict__.update(State=refimpl.State, ParamState=refimpl.ParamState,
                           transform=SimpleNamespace(grad=refimpl.transform.grad))
    assert check("stranger") == 0
    shown = capsys.readouterr().out
    assert "6 absent" in shown and "2 rules: 2 pass" in shown


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU here")
def test_an_absent_gpu_is_a_skip_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("refimpl", "--device", "gpu") == 0
    assert "skipped, nothing was checked: JAX finds no gpu" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--max-examples", "--workers"])
def test_a_number_below_one_is_refused(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with pytest.raises(SystemExit, match=str(UNUSABLE)):
        main(["check", "refimpl", option, "0"])
    assert f"argument {option}: expected at least 1, got 0" in capsys.readouterr().err


def test_no_rule_by_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "refimpl", "--rules", "XYZ"]) == UNUSABLE
    assert "names no rule" in capsys.readouterr().err


def test_a_broken_rule_fails_the_run_and_shows_a_script_that_fails(
    capsys: pytest.CaptureFixture[str], module: ModuleType, tmp_path: Path
) -> None:
    def grad(*args: object, **options: object) -> object:
        right = refimpl.transform.grad(*args, **options)  # type: ignore[call-overload]
        return (lambda *a, **k: list(right(*a, **k))) if options.get("has_aux") else right

    module.__dict__.update(State=refimpl.State, ParamState=refimpl.ParamState,
                           transform=SimpleNamespace(grad=grad))
    report = tmp_path / "report.json"
    assert check("stranger", "--report", str(report)) == BROKEN
    failure = next(f for f in committed.read(report)["failures"] if f["verdict"] == "fail")
    assert failure["rule"] == "RET-06"
    told = [failure[key] for key in ("place", "expected", "actual")]
    assert told == ["result", "tuple of 2", "list of 2"]
    shown = capsys.readouterr().out
    assert failure["script"] in shown
    assert "at:       result\nexpected: tuple of 2\ngot:      list of 2\n" in shown
    assert len(failure["script"].splitlines()) <= 15
    with pytest.raises(AssertionError):
        exec(failure["script"], {})


def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("first.json", "second.json")]
    for file in files:
        check("refimpl", "--seed", "3", "--report", str(file))
    first, second = (file.read_text() for file in files)
    assert first == second
    jsonschema.validate(json.loads(first), document.schema())


def test_verdicts_are_compared_with_committed_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "committed.json"
    check("refimpl", "--report", str(file))
    assert check("refimpl", "--expect", str(file)) == 0
    assert check("refimpl", "--expect", str(tmp_path)) == UNUSABLE
    assert "write one with --report" in capsys.readouterr().out
    named = tmp_path / committed.file_name(committed.read(file)["meta"])
    assert check("refimpl", "--report", str(tmp_path)) == 0
    assert named.read_text() == file.read_text()
    assert check("refimpl", "--expect", str(tmp_path)) == 0
    file.write_text(file.read_text().replace('"RET-06": "pass"', '"RET-06": "fail"'))
    assert check("refimpl", "--expect", str(file)) == BROKEN
    assert "RET-06: expected fail, got pass" in capsys.readouterr().out


def test_the_export_holds_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export"]) == 0
    exported = json.loads(capsys.readouterr().out)
    rules = exported["families"] if isinstance(exported, dict) else exported
    assert [rule["id"] for family in rules for rule in family["rules"]] == list(registry())
