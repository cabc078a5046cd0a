"""A run that does not end leaves an earlier report as it was, and can be gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spec.__main__ import BROKEN, CRASHED, INCOMPLETE, UNUSABLE, main
from spec.judge.check import Check
from spec.judge.verdict import Outcome
from spec.report import committed, document, journal
from tests.told import Answer, kept, tell

AXES = ["check", "told", "--rules", "RET-05"]


def stopping(error: BaseException, after: int) -> tuple[list[int], Answer]:
    """A function that answers so often, and then raises."""
    left = [after]

    def answer(check: Check, point: str) -> Outcome:
        if not left[0]:
            raise error
        left[0] -= 1
        return kept(check, point)

    return left, answer


@pytest.mark.parametrize(("error", "status", "words"), [
    (KeyboardInterrupt(), INCOMPLETE, "interrupted"),
    (AssertionError("a fault of ours"), CRASHED, "a fault of ours"),
])
def test_the_report_stays_and_the_run_is_resumed(
    error: BaseException, status: int, words: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "report.json"
    file.write_text("an earlier one", encoding="utf-8")
    left, answer = stopping(error, 3)
    tell(monkeypatch, answer)
    assert main([*AXES, "--report", str(file)]) == status
    shown = capsys.readouterr().err
    assert words in shown and "the same command with --resume goes on from there" in shown
    assert file.read_text() == "an earlier one"
    assert len(journal.read(journal.beside(file)).outcomes) == 3
    left[0] = 1000
    assert main([*AXES, "--report", str(file), "--resume"]) == 0
    assert left[0] > 0 and committed.read(file)["rules"] == {"RET-05": "pass"}
    assert list(tmp_path.iterdir()) == [file]


def test_what_was_decided_is_not_decided_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither after a line that was cut off, nor by a run of another seed."""
    arguments = [*AXES, "--report", str(tmp_path / "report.json")]
    file = tmp_path / "report.jsonl"
    _, answer = stopping(KeyboardInterrupt(), 3)
    tell(monkeypatch, answer)
    main(arguments)
    head, first, *_ = file.read_text().splitlines()
    known = json.loads(first) | {"verdict": "fail", "message": "as it was written"}
    file.write_text(f"{head}\n{json.dumps(known)}\n{{cut o", encoding="utf-8")
    asked = tell(monkeypatch, kept, seed=1)
    assert main([*arguments, "--resume"]) == UNUSABLE
    assert "is of another run: its seed is 0, and that of this one 1" in capsys.readouterr().err
    asked = tell(monkeypatch, kept)
    assert main([*arguments, "--resume"]) == BROKEN
    assert (f"{known['rule']}/{known['check']}", known["point"]) not in asked and asked
    assert "as it was written" in (tmp_path / "report.json").read_text()


def test_a_run_that_begins_anew_keeps_what_another_has_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody may have forgotten to say that it goes on."""
    file = tmp_path / "report.json"
    tell(monkeypatch, stopping(KeyboardInterrupt(), 3)[1])
    main([*AXES, "--report", str(file)])
    tell(monkeypatch, kept)
    assert main([*AXES, "--report", str(file)]) == 0
    assert "move it back and add --resume" in capsys.readouterr().err
    assert len(journal.read(tmp_path / "report.jsonl.before").outcomes) == 3


def test_a_report_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Path, target: Path) -> Path:
        raise OSError("no space left") if target.suffix == ".json" else KeyError(target)

    file = tmp_path / "report.json"
    file.write_text("an earlier one", encoding="utf-8")
    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="no space left"):
        document.write_text("new", file)
    assert file.read_text() == "an earlier one" and list(tmp_path.iterdir()) == [file]
