"""The command line, as an implementer meets it."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import jax
import jsonschema
import pytest

from spec.__main__ import BROKEN, INCOMPLETE, UNUSABLE, main, script
from spec.chapters.rules import Authority, Level, registry
from spec.report import committed, document
from spec.run import selection

FEW = ["--rules", "RET-01,RET-06", "--workers", "1", "--max-examples", "2"]


def check(*arguments: str) -> int:
    """The exit status of a check of a few rules in this process."""
    return main(["check", *arguments, *FEW])


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of an empty module that can be imported as ``stranger``."""
    monkeypatch.syspath_prepend(tmp_path)
    made = tmp_path / "stranger.py"
    made.write_text("", encoding="utf-8")
    return made


HEAD = """
from types import SimpleNamespace
import refimpl
from refimpl import ParamState, State
"""
LISTS = HEAD + """
def grad(*args, **options):
    right = refimpl.transform.grad(*args, **options)
    return (lambda *a, **k: list(right(*a, **k))) if options.get("has_aux") else right

transform = SimpleNamespace(grad=grad)
"""


def test_a_right_implementation_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("refimpl") == 0
    *head, totals, advice = capsys.readouterr().out.splitlines()
    assert head[0].startswith("refimpl ") and "on the " in head[0]
    assert any(re.match(r"2 rules at \d+ points, profile quick, seed 0", line) for line in head)
    assert totals == "2 rules: 2 pass" and advice.startswith("next: keep it so")


def test_an_unknown_module_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("no.such.module") == UNUSABLE
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "cannot import 'no.such.module'" in shown


def test_a_module_without_any_name_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], module: Path
) -> None:
    assert check("stranger") == UNUSABLE
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "none of the names" in shown


def test_a_wrong_adapter_is_stopped_before_the_rules(
    capsys: pytest.CaptureFixture[str], module: Path
) -> None:
    module.write_text(f"{HEAD}transform = SimpleNamespace(grad=lambda f: f)")
    assert check("stranger") == UNUSABLE
    assert "the adapter is wrong: transform.grad(x * x)" in capsys.readouterr().err


def test_a_module_that_lacks_names_is_judged_on_the_rest(
    capsys: pytest.CaptureFixture[str], module: Path
) -> None:
    module.write_text(f"{HEAD}transform = SimpleNamespace(grad=refimpl.transform.grad)")
    assert check("stranger") == 0
    shown = capsys.readouterr().out
    assert "absent, with how many rules need it: transform." in shown
    assert "2 rules: 2 pass" in shown
    assert check("stranger", "--full") == 0
    assert "6 absent" in capsys.readouterr().out


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU here")
def test_an_absent_gpu_is_a_skip_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("refimpl", "--device", "gpu") == INCOMPLETE
    assert "skipped, nothing was checked: JAX finds no gpu" in capsys.readouterr().err


WITNESS = """
import jax
import refimpl
from types import SimpleNamespace
from refimpl import State, random

def note(value):
    with open({seen!r}, "a", encoding="utf-8") as file:
        for leaf in jax.tree.leaves(value):
            if isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer):
                for device in leaf.devices():
                    print(device.platform, device.id, sep=":", file=file)
    return value

class ParamState(refimpl.ParamState):
    value = property(lambda self: note(refimpl.State.value.fget(self)), refimpl.State.value.fset)

def grad(*args, **options):
    right = refimpl.transform.grad(*args, **options)
    return lambda *a, **k: note(right(*a, **k))

transform = SimpleNamespace(grad=grad)
"""
OWN_VALUES = "DER-02/derivatives_are_slopes_of_own_values[grad]"


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU here")
def test_everything_lives_on_the_device_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: Path
) -> None:
    """On a second virtual one, gradients and the values whose differences they are held against."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    seen = tmp_path / "seen"
    module.write_text(WITNESS.format(seen=str(seen)), encoding="utf-8")
    few = ["--device", "cpu:1", "--max-examples", "2"]
    assert main(["run", "stranger", OWN_VALUES, *few]) == 0
    noted = seen.read_text(encoding="utf-8").split()
    assert len(noted) > 30 and set(noted) == {"cpu:1"}


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="there is a GPU here")
def test_a_device_that_is_not_there_is_told_with_those_that_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    assert check("refimpl", "--device", "cpu:2") == INCOMPLETE
    assert "JAX finds no cpu:2 here, only cpu:0, cpu:1" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--max-examples", "--workers"])
def test_a_number_below_one_is_refused(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with pytest.raises(SystemExit, match=str(UNUSABLE)):
        main(["check", "refimpl", option, "0"])
    assert f"argument {option}: expected at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value", "words"), [
    ("--rules", "XYZ", "'XYZ' names no rule"),
    ("--rules", "GST-01,GST-99", "'GST-99' names no rule; those of GST are GST-01 to GST-"),
    ("--rules", "GTS-01", "'GTS-01' names no rule; close to it: GST-01"),
    ("--rules", "SEL-04", "SEL-04 was withdrawn"),
    ("--level", "MUST,WILL", "expected some of MUST, SHOULD, MAY, OPEN, got 'WILL'"),
    ("--authority", "me", "expected some of tutorial, jax, invariant, recommended, got 'me'"),
    ("--shard", "3/2", "expected a part of a whole such as 2/4, got '3/2'"),
    ("--timeout", "0", "expected more than 0 seconds, got 0"),
    ("--device", "tpu", "expected cpu or gpu, or one of several such as cpu:1, got 'tpu'"),
])
def test_a_wrong_argument_is_refused_with_a_pointer(
    capsys: pytest.CaptureFixture[str], option: str, value: str, words: str
) -> None:
    """Before the library is imported, which does not even exist."""
    with pytest.raises(SystemExit, match=str(UNUSABLE)):
        main(["check", "no.such.module", option, value])
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("options", "words"), [
    (["--report", "/proc/nope/r.json"], "--report /proc/nope/r.json: "),
    (["--report", "/dev/full"], "expected a file or a folder"),
    (["--expect", "nosuch.json"], "there is no such file or folder"),
    (["--resume"], "it needs --report"),
])
def test_wrong_paths_are_refused_before_anything_is_run(
    capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert check("no.such.module", *options) == UNUSABLE
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and words in shown


@pytest.mark.parametrize("text", ["./path.py", "", "a..b"])
def test_what_is_no_name_of_a_module_is_refused(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    with pytest.raises(SystemExit, match=str(UNUSABLE)):
        check(text)
    assert "expected the name of a module" in capsys.readouterr().err


def test_rules_are_chosen_by_family_level_and_authority() -> None:
    every = selection.rules(())
    assert every == set(registry()) and selection.rules([" ret-01", "FLT"]) > {"RET-01", "FLT-06"}
    chosen = {c.rule for c in selection.checks(every, (Level.MUST,), (Authority.JAX,))}
    assert chosen == {rule.id for rule in registry().values()
                      if (rule.level, rule.authority) == (Level.MUST, Authority.JAX)}


def test_shards_are_the_plan() -> None:
    points = list(range(23))
    parts = [selection.shard(points, i, 3) for i in (1, 2, 3)]
    assert sorted(sum(parts, [])) == points and all(parts)


def test_a_broken_rule_fails_the_run_and_shows_a_script_that_fails(
    capsys: pytest.CaptureFixture[str], module: Path, tmp_path: Path
) -> None:
    module.write_text(LISTS)
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


PLAIN = """
import itertools
import numpy

array_namespace, numbers = numpy, itertools.count()

class State:
    def __init__(self, value, name=None):
        self.value, self.name = value, name or f"State{next(numbers)}"

class ParamState(State):
    pass
"""


def test_verdicts_are_compared_with_committed_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, module: Path
) -> None:
    def check(*arguments: str) -> int:
        return main(["check", "stranger", *arguments, "--rules", "STA-02", "--workers", "1"])

    module.write_text(PLAIN)
    file = tmp_path / "committed.json"
    assert check("--report", str(file)) == 0
    assert check("--expect", str(file)) == 0
    assert check("--expect", str(tmp_path)) == UNUSABLE
    assert "write one with --report" in capsys.readouterr().err
    named = tmp_path / committed.file_name(committed.read(file)["meta"])
    assert check("--report", str(tmp_path)) == 0
    assert named.read_text() == file.read_text()
    assert check("--expect", str(tmp_path)) == 0
    file.write_text(file.read_text().replace('"STA-02": "pass"', '"STA-02": "fail"'))
    assert check("--expect", str(file)) == BROKEN
    assert "STA-02: expected fail, got pass" in capsys.readouterr().out


def test_the_export_holds_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export"]) == 0
    exported = json.loads(capsys.readouterr().out)
    rules = exported["families"] if isinstance(exported, dict) else exported
    assert [rule["id"] for family in rules for rule in family["rules"]] == list(registry())


def test_the_installed_command_finds_an_adapter_beside_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It starts without the working directory on the path, unlike ``python -m``."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"state-ad-spec": "state_ad_spec.__main__:script"}
    (tmp_path / "beside.py").write_text(f"{HEAD}transform = None")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    monkeypatch.setattr(sys, "argv", ["state-ad-spec", "check", "beside", "--rules", "STA-02"])
    assert script() == 0
    assert capsys.readouterr().out.startswith("beside unknown on the ")
