"""The exit status tells, whatever was found and wherever it is told; without a process."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spec.__main__ import BROKEN, CRASHED, INCOMPLETE, KEPT, UNUSABLE, main
from spec.conformance import conftest
from spec.judge.check import Check
from spec.judge.verdict import Outcome, Verdict
from spec.run import implementation
from spec.run.implementation import Unusable, load
from spec.run.profiles import PROFILES
from tests.told import broken, kept, tell

RUN = ["check", "told", "--rules", "RET-05,RET-06"]


@pytest.mark.parametrize(("first", "others", "status"), [
    (Verdict.PASS, Verdict.ABSENT, KEPT),
    (Verdict.ABSENT, Verdict.ABSENT, INCOMPLETE),
    (Verdict.INCONCLUSIVE, Verdict.PASS, INCOMPLETE),
    (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, INCOMPLETE),
    (Verdict.ERROR, Verdict.PASS, CRASHED),
    (Verdict.ERROR, Verdict.INCONCLUSIVE, CRASHED),
    (Verdict.FAIL, Verdict.ERROR, BROKEN),
    (Verdict.FAIL, Verdict.PASS, BROKEN),
])
def test_nothing_but_kept_rules_is_a_success(
    first: Verdict, others: Verdict, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(check: Check, point: str) -> Outcome:
        verdict = first if (check.rule, point) == ("RET-05", "grad") else others
        return Outcome(check.rule, check.name, point, verdict, f"{verdict}, needs State")

    tell(monkeypatch, answer)
    assert main(RUN) == status


# -- what is told, and where -----------------------------------------------------------------------


def test_a_terminal_without_the_letters_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    tell(monkeypatch, lambda check, point: broken(check, point, "raised ValueError: \xe9 \u2603"))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert main(RUN) == BROKEN
    stream.seek(0)
    assert r"got:      ValueError: \xe9 \u2603" in stream.read()


@pytest.mark.parametrize(("variable", "value", "width"), [
    ("COLUMNS", "40", 40), ("COLUMNS", "200", 200), ("NO_COLOR", "1", 80),
])
def test_the_environment_steers_the_screen(
    variable: str, value: str, width: int, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scripts and what was seen are not wrapped, so that they can be pasted."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv(variable, value)
    tell(monkeypatch, broken)
    assert main(RUN) == BROKEN
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    (rule,) = [line for line in shown.splitlines() if line.startswith("1. RET-05 fail")]
    assert len(rule) == width


def test_colours_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    tell(monkeypatch, broken)
    main(RUN)
    assert "\x1b[" in capsys.readouterr().out


def test_a_full_disk_is_a_failure_of_ours() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "spec", "export"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False,
                              cwd=Path(__file__).parents[1])
    assert done.returncode == CRASHED and "No space left on device" in done.stderr
    assert "Exception ignored" not in done.stderr


# -- what is given ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "words"), [
    ('{"meta": ', "is no report: Expecting"), ("[]", "expected an object, got a list"),
    ('{"name": "something"}', "it lacks meta, rules"),
])
def test_a_file_that_is_no_report_is_one_clear_line(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")
    asked = tell(monkeypatch, kept)
    assert main([*RUN, "--expect", str(file)]) == UNUSABLE
    shown = capsys.readouterr()
    assert words in shown.err and shown.err.count("\n") == 1 and not asked and not shown.out


def test_a_report_in_a_folder_has_the_name_of_what_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(monkeypatch, kept)
    assert main([*RUN, "--report", str(tmp_path)]) == 0
    (file,) = tmp_path.iterdir()
    assert file.name == "told-1.2-py3.13.json"
    assert json.loads(file.read_text())["meta"]["implementation"] == "told"


@pytest.mark.parametrize("option", ["--profile", "--device"])
def test_an_unknown_choice_is_refused(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match=str(UNUSABLE)):
        main(["check", "no.such.module", option, "slow"])
    assert f"argument {option}" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["/proc/nope", "/etc/passwd"])
def test_a_database_that_keeps_nothing_is_refused(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--database", place]) == UNUSABLE
    assert f"--database {place}" in capsys.readouterr().err


@pytest.mark.parametrize(("lines", "words"), [
    ("import sys; sys.exit(0)", "it raised SystemExit: 0"),
    ("import no_such_dependency", "No module named 'no_such_dependency'"),
    ("x = (", "it raised SyntaxError"),
    ("raise KeyboardInterrupt", "it raised KeyboardInterrupt"),
    ("class Other: ...", "offers none of the names of the interface"),
])
def test_a_module_that_cannot_be_used_says_why(
    lines: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a worker, which the keyboard does not interrupt."""
    (tmp_path / "unusable.py").write_text(lines, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "unusable", raising=False)
    monkeypatch.setattr(implementation, "strays", lambda: (BaseException,))
    with pytest.raises(Unusable, match="unusable") as caught:
        load("unusable")
    assert words in str(caught.value)


@pytest.mark.parametrize("home", [None, "/proc/none"])
def test_without_a_home_there_is_a_run(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)
    told: dict[str, object] = {}
    config = SimpleNamespace(jax_compilation_cache_dir=None, update=told.__setitem__)
    implementation._keep_compiled(SimpleNamespace(config=config))
    place = str(told["jax_compilation_cache_dir"])
    assert place.endswith(os.path.join(".cache", "state-ad-spec"))
    assert place.startswith(home or "/")


def test_a_check_leaves_nothing_where_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user has said where Hypothesis keeps what it does."""
    monkeypatch.setenv("XDG_CACHE_HOME", "/some/where")
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", "/mine")
    implementation.leave_no_trace()
    assert os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] == "/mine"
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY")
    implementation.leave_no_trace()
    assert os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] == "/some/where/state-ad-spec/hypothesis"
    monkeypatch.delenv("HYPOTHESIS_STORAGE_DIRECTORY")


@pytest.mark.parametrize(("given", "words"), [
    ({"level": "WISH"}, "expected some of MUST, SHOULD, MAY, OPEN, got 'WISH'"),
    ({"authority": "jax,me"}, "expected some of tutorial, jax, invariant, recommended, got 'me'"),
    ({"rules": "STA-03", "level": "OPEN"}, "no rule is of that level, authority and class"),
])
def test_a_choice_that_leaves_nothing_is_refused(given: dict[str, str], words: str) -> None:
    config: Any = SimpleNamespace(
        getoption=lambda name: given.get(name.removeprefix("--spec-"), ""))
    with pytest.raises((ValueError, ArgumentTypeError), match=words):
        conftest.chosen(config)


def test_the_options_of_pytest_choose_as_those_of_the_command_do() -> None:
    given = {"--spec-rules": "FLT-06,STA", "--spec-level": "SHOULD",
             "--spec-authority": "recommended", "--spec-class": ""}
    config: Any = SimpleNamespace(getoption=given.__getitem__)
    assert {check.rule for check in conftest.chosen(config)} >= {"FLT-06"}
    assert all(check.rule == "FLT-06" or check.rule.startswith("STA")
               for check in conftest.chosen(config))


@pytest.mark.parametrize(("option", "value", "words"), [
    ("--spec-profile", "slow", "expected one of quick, standard, thorough, got 'slow'"),
    ("--spec-device", "abacus", "--spec-device: "),
])
def test_a_wrong_option_stops_pytest_at_once(option: str, value: str, words: str) -> None:
    config = SimpleNamespace(getoption=lambda name: value if name == option else None)
    request: Any = SimpleNamespace(config=config)
    with pytest.raises(pytest.exit.Exception, match=words) as caught:
        if option == "--spec-profile":
            conftest.option(request, option, tuple(PROFILES))
        conftest.where(request)
    assert caught.value.returncode == 4
