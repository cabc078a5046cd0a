"""The report as a JSON document."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from spec.chapters.rules import registry
from spec.judge.verdict import Outcome
from spec.report import coverage
from spec.report.report import Report


def document(report: Report) -> dict[str, Any]:
    """The report of a complete run as JSON data; see ``spec/report/report.schema.json``."""
    assert not report.unreached, "there is no report of a run that is not complete"
    return {
        "meta": dict(report.meta),
        "rules": {rule: str(verdict) for rule, verdict in report.verdicts().items()},
        "observed": report.observed(),
        "failures": [failure(alike) for alike in report.failures()],
        "coverage": coverage.of(report),
        "examples": sum(outcome.examples for outcome in report.outcomes),
        "undecided": sum(outcome.undecided for outcome in report.outcomes),
    }


def failure(alike: list[Outcome]) -> dict[str, Any]:
    """Outcomes of one check that are no pass, as JSON data: the first in full, and what the
    others say."""
    outcome = alike[0]
    return {
        "rule": outcome.rule,
        "check": outcome.check,
        "case": outcome.point,
        "verdict": str(outcome.verdict),
        "message": outcome.message,
        "place": outcome.place,
        "expected": outcome.expected or registry()[outcome.rule].statement,
        "actual": outcome.actual or outcome.message,
        "script": outcome.script,
        "also": [{"case": other.point, "message": other.message} for other in alike[1:]],
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    text = resources.files("spec.report").joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write(report: Report, file: Path) -> None:
    """Write a report as JSON: all of it, or nothing."""
    write_text(f"{json.dumps(document(report), indent=1, ensure_ascii=False)}\n", file)


def write_text(text: str, file: Path) -> None:
    """Write a file: all of it, or nothing, so that what was there before stays whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.part")
    try:
        fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
