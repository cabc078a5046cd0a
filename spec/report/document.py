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
    """The report as JSON data; see ``spec/report/report.schema.json``."""
    unreached = {"unreached": dict(report.unreached)} if report.unreached else {}
    return {
        "meta": dict(report.meta),
        "rules": {rule: str(verdict) for rule, verdict in report.verdicts().items()},
        "observed": report.observed(),
        "failures": [failure(alike) for alike in report.failures()],
        "coverage": coverage.of(report),
        "examples": sum(outcome.examples for outcome in report.outcomes),
        "undecided": sum(outcome.undecided for outcome in report.outcomes),
        **unreached,
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
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(report), indent=1, ensure_ascii=False)
    fresh = file.with_name(f"{file.name}.part")
    fresh.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
    fresh.replace(file)
