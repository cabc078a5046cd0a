"""Libraries that do everything a program can do to the one that calls it.

Every point has a verdict all the same, the run goes on, and the exit status tells.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jax
import jsonschema
import pytest
from hypothesis import strategies as st

import refimpl
from spec.__main__ import BROKEN, COMMANDS, CRASHED, INCOMPLETE, UNUSABLE, main
from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome, Verdict
from spec.report import document, journal
from spec.run import pool
from spec.run.decide import decide
from spec.run.profiles import PROFILES

AXIS = """
from spec.judge.check import snippet

VALUES = {
    "array": "jnp.array([1.0, 2.0])", "scalar": "jnp.array(1.0)",
    "single": "jnp.array(1.0, dtype=jnp.float32)", "integers": "jnp.array([1, 2])",
    "booleans": "jnp.array([True, False])", "complex": "jnp.array(1.0 + 2.0j)",
    "zero-size": "jnp.zeros((0, 3))", "float": "0.5", "int": "3", "bool": "True", "None": "None",
    "dict": "{'b': jnp.ones(2), 'a': jnp.array(2)}", "list": "[jnp.ones(2), 0.5]",
    "tuple": "(jnp.ones(2), jnp.zeros(3))",
    "nested": "{'u': [jnp.ones(2), None], 't': ({}, (jnp.array(1.0),))}",
}


@snippet("STA-02", {f"{kind} | {name}": {"kind": f"lib.{kind}", "value": value}
                    for kind in ("State", "ParamState") for name, value in VALUES.items()})
def value_of_every_kind(lib, jnp, np, kind, value):
    got = kind(value).value
    assert type(got) is type(value), {"expected": type(value), "got": type(got)}
    assert repr(got) == repr(value), {"expected": repr(value), "got": repr(got)}
"""
RUN = "import sys, axis; from spec.__main__ import script; sys.exit(script())"
HOSTILE = """
import axis  # so that the worker knows the check, too
import os, signal, time
import numpy

array_namespace = numpy


class Silent:
    def __repr__(self):
        raise SystemExit("no repr")
    __eq__ = __str__ = __repr__


def recurse(n=0):
    return recurse(n + 1) + 1


def throw(error):
    raise error


DEEDS = {
    "float": lambda: os._exit(0),
    "int": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "bool": lambda: time.sleep(60),
    "NoneType": lambda: throw(SystemExit(0)),
    "dict b": lambda: throw(KeyboardInterrupt()),
    "dict u": lambda: "nothing",
    "list": lambda: throw(GeneratorExit()),
    "tuple": lambda: throw(ValueError("[red] \\ud83d \\x1b[31m" + 100_000 * "x")),
    "float32 1": recurse,
    "int64 2": Silent,
    "bool 2": lambda: throw(MemoryError()),
    "float64 0": lambda: throw(NotImplementedError("no empty arrays")),
    "complex128 1": lambda: print(100_000 * "noise ") or os.write(2, b"noise"),
}


def kind(value):
    if isinstance(value, dict):
        return f"dict {next(iter(value))}"
    array = isinstance(value, (numpy.ndarray, numpy.generic))
    return f"{value.dtype} {value.size}" if array else type(value).__name__


class State:
    def __init__(self, value, name=None):
        found = DEEDS.get(kind(value)) if type(self) is State else None
        changed = found() if found else None
        self.value = {Silent: changed, str: None}.get(type(changed), value)


class ParamState(State):
    pass
"""
DEAD = {
    "State | float": "the process ended with status 0",
    "State | int": "the process ended by signal SIGSEGV",
    "State | bool": "no result within 8 seconds",
    "State | None": "raised SystemExit: 0",
    "State | dict": "raised KeyboardInterrupt",
    "State | list": "raised GeneratorExit",
    "State | tuple": "raised ValueError: [red]",
    "State | single": "raised RecursionError",
    "State | integers": "expected <class 'numpy.ndarray'>",
    "State | booleans": "raised MemoryError",
    "State | zero-size": "raised NotImplementedError: no empty arrays",
    "State | nested": "expected <class 'dict'>, got <class 'NoneType'>",
}


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a library that can be imported as ``hostile``."""
    (tmp_path / "axis.py").write_text(AXIS, encoding="utf-8")
    (tmp_path / "hostile.py").write_text(HOSTILE, encoding="utf-8")
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(tmp_path)])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the hostile library, with a check that walks values of every kind."""
    return subprocess.run([sys.executable, "-c", RUN, *arguments], cwd=folder, text=True,
                          capture_output=True, timeout=300, check=False)


def test_the_run_goes_on_and_every_point_has_its_verdict(hostile: Path) -> None:
    file = hostile / "report.json"
    done = run(hostile, "check", "hostile", "--rules", "STA-02", "--workers", "2", "--timeout",
               "8", "--report", str(file))
    assert done.returncode == BROKEN
    report = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(report, document.schema())
    told = {one["case"]: one["message"] for first in report["failures"]
            for one in [first, *first["also"]]}
    for point, message in DEAD.items():
        assert told[point].startswith(message), (point, told[point])
    assert "State | complex" not in told
    assert not any(point.startswith("ParamState") for point in told)
    assert max(map(len, told.values())) < 2200
    shown = done.stdout
    assert "noise" not in shown and "\x1b" not in shown


@pytest.mark.parametrize(("lines", "words"), [
    ("import os; os._exit(0)", "the process ended with status 0"),
    ("raise ValueError('no')", "raised ValueError: no"),
    ("import time; time.sleep(60)", "longer than 2 seconds"),
])
def test_an_import_that_fails_is_one_clear_line(
    lines: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "failing.py").write_text(lines, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pool, "START", 2.0 if "sleep" in lines else 100.0)
    arguments = ["check", "failing", "--rules", "STA-01", "--timeout", "1"]
    assert main(arguments) == UNUSABLE
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1 and words in shown.err and not shown.out


def test_what_a_budget_does_not_reach_is_reported(hostile: Path) -> None:
    file = hostile / "report.json"
    done = run(hostile, "check", "hostile", "--rules", "STA-02", "--workers", "1", "--report",
               str(file), "--budget", "0.01")
    assert done.returncode == INCOMPLETE
    assert "31 points of 1 rule were not reached" in done.stdout
    assert not file.exists() and len(journal.read(journal.beside(file)).outcomes) == 0


def begun(folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """A run in a process of its own, of which an outcome or two are written."""
    started = subprocess.Popen([sys.executable, "-c", RUN, *arguments], cwd=folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    file = folder / "report.jsonl"
    while not (file.exists() and len(file.read_text().splitlines()) > 2):
        assert started.poll() is None
        time.sleep(0.2)
    return started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_says_what_it_knows_and_leaves_the_report(
    number: signal.Signals, hostile: Path
) -> None:
    """It is stopped where the library hangs; a point before that was broken."""
    file = hostile / "report.json"
    file.write_text("as it was", encoding="utf-8")
    started = begun(hostile, ["check", "hostile", "--rules", "STA-02", "--workers", "1",
                              "--timeout", "500", "--report", str(file)])
    started.send_signal(number)
    shown, errors = started.communicate(timeout=60)
    assert file.read_text(encoding="utf-8") == "as it was"
    known = journal.read(hostile / "report.jsonl").outcomes
    failed = Verdict.FAIL in {outcome.verdict for outcome in known}
    assert 0 < len(known) < 30
    assert started.returncode == (BROKEN if failed else INCOMPLETE)
    assert b"interrupted" in errors and b"points not reached" in shown
    assert b"the same command with --resume" in errors and b"Traceback" not in errors


def test_what_a_run_that_is_killed_has_written_can_be_read(hostile: Path) -> None:
    """It is gone on with in ``test_unfinished``."""
    started = begun(hostile, ["check", "hostile", "--rules", "STA-02", "--workers", "1",
                              "--timeout", "500", "--report", str(hostile / "report.json")])
    started.kill()
    started.communicate()
    assert not (hostile / "report.json").exists()
    assert 0 < len(journal.read(hostile / "report.jsonl").outcomes) < 30


def test_parts_of_a_run_are_merged(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check = ["check", "hostile", "--rules", "STA-03,STA-04,STA-05,STA-06",
             "--workers", "1"]
    main([*check, "--report", str(hostile / "whole.json")])
    parts = [hostile / f"part{i}.json" for i in (1, 2)]
    for i, file in enumerate(parts, 1):
        main([*check, "--shard", f"{i}/2", "--report", str(file)])
    journals = [str(file.with_suffix(".jsonl")) for file in parts]
    merged = hostile / "merged.json"
    assert main(["merge", *journals, "--report", str(merged)]) == BROKEN
    assert merged.read_text() == (hostile / "whole.json").read_text()
    assert main(["merge", journals[0], "--report", str(merged)]) == BROKEN
    assert "these journals are not the whole run" in capsys.readouterr().err
    assert merged.read_text() == (hostile / "whole.json").read_text()
    assert main(["merge", str(merged)]) == UNUSABLE
    assert "is no journal of a run" in capsys.readouterr().err


# -- without a process -----------------------------------------------------------------------------


def the_check(name: str) -> Check:
    (found,) = (check for check in all_checks() if check.name == name)
    return found


def decided(check: Check, point: str, state: object) -> Outcome:
    lib = SimpleNamespace(State=state, ParamState=refimpl.ParamState, transform=refimpl.transform)
    return decide(check, Subject("refimpl", lib), point, PROFILES["quick"], 0)


def test_a_changed_configuration_is_found_and_put_back() -> None:
    def state(value: object) -> refimpl.State:
        jax.config.update("jax_enable_x64", False)
        return refimpl.State(value)

    check = the_check("states_of_one_value_are_apart")
    outcome = decided(check, next(iter(check.cases)), state)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.message == "after the call: jax.config.jax_enable_x64 changed"
    assert jax.numpy.asarray(1.0).dtype == "float64"


class Case(int):
    """A case that prints as a script."""

    def lines(self) -> list[str]:
        return [f"case = {int(self)}"]


def broken(judge: Callable[[Subject, Case], None]) -> Outcome:
    """What becomes of a generated check whose judge raises."""
    cases = st.integers(0, 3).map(Case)
    return decided(Check("RET-01", "made", judge, {"": None}, lambda _: cases), "", refimpl.State)


def test_an_error_of_the_checker_is_no_fault_of_the_library_and_no_success() -> None:
    def judge(subject: Subject, case: Case) -> None:
        raise KeyError(case)

    judge.__globals__["__name__"], before = "spec.judge", __name__
    try:
        outcome = broken(judge)
    finally:
        judge.__globals__["__name__"] = before
    assert outcome.verdict is Verdict.ERROR
    assert "the checker itself failed: raised KeyError" in outcome.message


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), RuntimeError("broken repr")])
def test_what_a_library_raises_late_is_its_own_fault(error: BaseException) -> None:
    """As from a ``__repr__`` that is called when the call is over."""
    def judge(subject: Subject, case: Case) -> None:
        raise error  # from this module, which is none of the checker

    outcome = broken(judge)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.message.startswith(f"raised {type(error).__name__}")


def test_a_crash_of_ours_has_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(arguments: object) -> int:
        raise AssertionError

    monkeypatch.setitem(COMMANDS, "check", crash)
    assert main(["check", "refimpl"]) == CRASHED
