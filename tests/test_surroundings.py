"""Libraries that change what surrounds them, and places where a checker finds little to stand on.

The verdict of a point does not depend on what the library did at another, a run ends when its
points are decided, and what cannot be written is told in a line.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from spec.__main__ import BROKEN, CRASHED, UNUSABLE, main
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Outcome, Verdict
from spec.report import committed, journal
from spec.report.journal import Journal
from spec.run.decide import decide
from spec.run.profiles import PROFILES
from tests.told import kept, tell

ROOT = Path(__file__).parents[1]
AXIS = '''
from spec.judge.check import snippet

VALUES = {
    "array": "jnp.array([1.0, 2.0])", "float": "0.5", "int": "3", "bool": "True", "None": "None",
    "dict": "{'b': jnp.ones(2)}", "nested": "{'u': [jnp.ones(2), None]}", "list": "[0.5]",
    "tuple": "(0.5,)", "single": "jnp.array(1.0, dtype=jnp.float32)",
    "complex": "jnp.array(1.0 + 2.0j)",
}


@snippet("STA-02", {name: {"value": value} for name, value in VALUES.items()})
def value_of_every_kind(lib, jnp, np, value):
    assert repr(lib.State(value).value) == repr(value)
'''
RUN = "import sys, axis; from spec.__main__ import script; sys.exit(script())"
RESTLESS = '''
import axis  # so that the worker knows the check, too
import atexit, os, signal, sys, threading, time
from pathlib import Path

import numpy

array_namespace = numpy


def fork():
    """Two processes go on from here, of which one is nobody's."""
    os.fork()


def leave_a_child():
    """It would live longer than any run."""
    if not os.fork():
        time.sleep(1000)
    Path(__file__).with_name("child").write_text(f"{os.getpgid(0)}")


def interrupt():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise KeyboardInterrupt


def fail_at_the_end():
    atexit.register(lambda: 1 / 0)


def never_end():
    threading.Thread(target=time.sleep, args=(1000,), daemon=False).start()


def kind(value):
    if isinstance(value, dict):
        return f"dict {next(iter(value))}"
    array = isinstance(value, (numpy.ndarray, numpy.generic))
    return f"{value.dtype} {value.size}" if array else type(value).__name__


DEEDS = {
    "float": lambda: os.chdir("/"),
    "int": lambda: sys.stdout.close(),
    "bool": interrupt,
    "NoneType": fail_at_the_end,
    "dict b": never_end,
    "dict u": fork,
    "list": leave_a_child,
    "tuple": lambda: os.closerange(3, 200),
    "float32 1": lambda: setattr(sys, "stderr", None),
    "complex128 1": lambda: (print("still here"), open(Path(__file__).name).close()),
}


class State:
    def __init__(self, value, name=None):
        if type(self) is State and (deed := DEEDS.get(kind(value))):
            deed()
        self.value = value


class ParamState(State):
    pass
'''
FOUND = {
    "float": "after the call: the working directory changed",
    "int": "after the call: sys.stdout changed",
    "bool": "raised KeyboardInterrupt",
    "tuple": "the process ",
    "single": "after the call: sys.stderr changed",
}


def outcomes(file: Path) -> dict[str, str]:
    """What a report says of the points that are no pass."""
    failures = json.loads(file.read_text(encoding="utf-8"))["failures"]
    return {one["case"]: one["message"] for first in failures for one in (first, *first["also"])}


def alive(group: int) -> list[str]:
    """The processes of a group that still do something."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, number = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(number) == group and state != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_no_point_meets_what_another_left_behind(tmp_path: Path) -> None:
    """All by one worker, in its folder, where a later point finds a file and prints."""
    (tmp_path / "restless.py").write_text(RESTLESS, encoding="utf-8")
    (tmp_path / "axis.py").write_text(AXIS, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    done = subprocess.run([sys.executable, "-c", RUN, "check", "restless", "--rules", "STA-02",
                           "--workers", "1", "--timeout", "300", "--report", "report.json"],
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, text=True,
                          capture_output=True, timeout=250, check=False)
    assert done.returncode == BROKEN, done.stderr
    told = outcomes(tmp_path / "report.json")
    assert {point: told.get(point, "")[:len(words)] for point, words in FOUND.items()} == FOUND
    assert {point: told[point] for point in told.keys() - FOUND.keys()} == {}
    points = committed.read(tmp_path / "report.json")["points"]["STA-02/value_of_every_kind"]
    assert len(points) == 11 and list(points.values()).count("fail") == len(FOUND)
    assert alive(int((tmp_path / "child").read_text())) == []


def spoil(lib: Any) -> None:
    lib.random.kept.clear()


def draw(lib: Any) -> None:
    assert lib.random.kept


def drawn_after_it_was_spoiled(lib: SimpleNamespace) -> Verdict:
    """The verdict of a point that draws, after one that leaves the stream useless."""
    subject = Subject("numpy", SimpleNamespace(array_namespace=numpy, random=lib))
    first, second = (Check("STA-16", deed.__name__, deed, {"": {}}) for deed in (spoil, draw))
    decide(first, subject, "", PROFILES["quick"], 0)
    return decide(second, subject, "", PROFILES["quick"], 0).verdict


def test_each_point_begins_the_random_stream_anew() -> None:
    kept = ["key"]
    lib = SimpleNamespace(kept=kept, seed=kept.append)
    assert drawn_after_it_was_spoiled(lib) is Verdict.PASS


@pytest.mark.parametrize("seed", [None, sys.exit])
def test_a_stream_that_cannot_be_seeded_ends_no_run(seed: object) -> None:
    assert drawn_after_it_was_spoiled(SimpleNamespace(kept=["key"], seed=seed)) is Verdict.FAIL


# -- where little is to be had ---------------------------------------------------------------------

ALONE = """
import socket, sys

def refuse(*arguments, **options):
    raise OSError("there is no network")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from spec.__main__ import script
sys.exit(script())
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write in")
def test_neither_a_network_nor_a_place_to_write_is_needed() -> None:
    """Whoever may write everywhere cannot in ``/proc``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": "/proc/none",
                   "HOME": "/proc/none"}
    done = subprocess.run([sys.executable, "-c", ALONE, "check", "refimpl", "--rules", "RET-01",
                           "--max-examples", "1", "--workers", "1"], cwd="/proc", text=True,
                          env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 rule: 1 pass" in done.stdout and "Traceback" not in done.stderr


def test_runs_share_what_is_compiled(tmp_path: Path) -> None:
    """Two begin at once with nothing; both find the same."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "spec", "check", "refimpl", "--rules", "RET-01",
               "--max-examples", "1", "--workers", "1", "--report"]
    files = [tmp_path / f"{name}.json" for name in "ab"]
    both = [subprocess.Popen([*command, str(file)], cwd=ROOT, env=environment,
                             stdout=subprocess.DEVNULL) for file in files]
    assert [run.wait(300) for run in both] == [0, 0]
    first, second = (file.read_text(encoding="utf-8") for file in files)
    assert first == second and list((tmp_path / "cache" / "state-ad-spec").iterdir())


def test_a_report_that_another_run_is_about_to_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["check", "told", "--rules", "RET-05", "--report", str(tmp_path / "report.json")]
    asked = tell(monkeypatch, kept)
    with Journal(tmp_path / "report.jsonl", journal.Kept({}, (), ())):
        for more in ([], ["--resume"]):
            assert main([*arguments, *more]) == UNUSABLE
            words = capsys.readouterr().err
            assert "report.jsonl is being written by another run" in words and not asked
        assert [file.name for file in tmp_path.iterdir()] == ["report.jsonl"]
    assert main(arguments) == 0


# -- a full disk -----------------------------------------------------------------------------------


def full(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_is_full_at_the_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.jsonl.part").symlink_to("/dev/full")
    asked = tell(monkeypatch, kept)
    assert main(["check", "told", "--rules", "RET-05", "--report",
                 str(tmp_path / "report.json")]) == UNUSABLE
    words = capsys.readouterr().err
    assert "No space left on device" in words and "report.jsonl" in words
    assert words.count("\n") == 1 and not asked and not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have room again for the report."""
    def answer(check: Check, point: str) -> Outcome:
        monkeypatch.setattr(Journal, "_line", full)
        return kept(check, point)

    asked = tell(monkeypatch, answer)
    assert main(["check", "told", "--rules", "RET-05", "--report",
                 str(tmp_path / "report.json")]) == 0
    words = capsys.readouterr().err
    assert words.count("the run goes on, and what it decides from here on is not kept") == 1
    assert len(asked) > 3 and committed.read(tmp_path / "report.json")["rules"]


def test_a_report_that_does_not_fit_is_told_and_can_be_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    arguments = ["check", "told", "--rules", "RET-05", "--report", str(file)]
    tell(monkeypatch, kept)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        assert main(arguments) == CRASHED
    shown = capsys.readouterr()
    assert "1 rule: 1 pass" in shown.out and "Traceback" not in shown.err
    assert f"No space left on device: '{file}'" in shown.err
    assert "the same command with --resume" in shown.err and not file.exists()
    asked = tell(monkeypatch, kept)
    assert main([*arguments, "--resume"]) == 0
    assert not asked and committed.read(file)["rules"] == {"RET-05": "pass"}
