"""``--expect``: point by point, and never against a report of something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spec.__main__ import BROKEN, UNUSABLE, main
from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.verdict import Outcome
from spec.report import committed
from spec.report.changes import changes
from tests.told import broken, kept, tell

RULE = "FLT-06"
RUN = ["check", "told", "--rules", RULE]


def at(*points: str) -> Any:
    """What breaks every check at these points."""
    def answer(check: Check, point: str) -> Outcome:
        return broken(check, point) if point in points else kept(check, point)

    return answer


POINTS = [point for check in all_checks() if check.rule == RULE for point in check.cases]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The report of a run that breaks the rule at one point."""
    made = tmp_path / "report.json"
    tell(monkeypatch, at(POINTS[0]))
    assert main([*RUN, "--report", str(made)]) == BROKEN
    return made


def test_a_point_that_breaks_in_a_rule_that_was_broken_is_a_difference(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*RUN, "--expect", str(file)]) == 0
    tell(monkeypatch, at(*POINTS[:2]))
    assert main([*RUN, "--expect", str(file)]) == BROKEN
    shown = capsys.readouterr().out
    assert f"[{POINTS[1]}]: expected pass, got fail: raised TypeError: no" in shown
    assert shown.endswith(f"if that is right, write it again: --report {file}\n")
    tell(monkeypatch, at(POINTS[1]))
    assert main([*RUN, "--expect", str(file)]) == BROKEN
    assert f"[{POINTS[0]}]: expected fail, got pass" in capsys.readouterr().out


def test_a_report_of_another_implementation_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, kept, implementation="other")
    assert main([*RUN, "--expect", str(file)]) == UNUSABLE
    assert "is a report on told, and this is a run of other" in capsys.readouterr().err


def test_a_report_of_a_part_of_a_run_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part, page = file.with_name("part.json"), file.with_suffix(".md")
    main([*RUN, "--shard", "2/2", "--report", str(part), "--markdown", str(page)])
    assert committed.read(part)["meta"]["part"] == "2/2"
    assert "part 2/2 of a run" in page.read_text()
    assert main([*RUN, "--expect", str(part)]) == UNUSABLE
    assert "is a report on the part 2/2 of a run: merge the parts" in capsys.readouterr().err


def test_a_report_of_the_first_format_lists_the_points_that_fail(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = committed.read(file)
    for key in ("format", "levels", "counts", "classes", "causes", "points"):
        del data[key]
    file.write_text(json.dumps(data), encoding="utf-8")
    assert main([*RUN, "--expect", str(file)]) == 0
    tell(monkeypatch, at(*POINTS[:2]))
    assert main([*RUN, "--expect", str(file)]) == BROKEN
    assert "expected pass, got fail" in capsys.readouterr().out


def test_what_was_drawn_otherwise_is_compared_by_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A drawn case may break a rule at one point by luck, and with another seed at another."""
    drawn = next(c for c in all_checks() if c.strategy and len(c.cases) > 2)
    points = list(drawn.cases)
    reports = []
    for number, (bad, seed) in enumerate([(points[0], 0), (points[1], 1), (points[1], 0)]):
        tell(monkeypatch, at(bad), seed=seed)
        made = tmp_path / f"{number}.json"
        main(["check", "told", "--rules", drawn.rule, "--report", str(made)])
        reports.append(committed.read(made))
    mine = [[c for c in changes(reports[0], other, {drawn.rule}) if c.where.startswith(drawn.id)]
            for other in reports]
    assert [len(found) for found in mine] == [0, 0, 2]
    assert sorted(change.worse for change in mine[2]) == [False, True]
