"""Committed results: the verdicts that a release of an implementation is known to have."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from spec.report import Report


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    text = resources.files("spec.data").joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write(report: Report, file: Path) -> None:
    """Write a report as JSON, after validating it."""
    data = report.as_json()
    jsonschema.validate(data, schema())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(file: Path) -> dict[str, Any]:
    """Read a committed report.

    Raises
    ------
    jsonschema.ValidationError
        If the file is not a report.
    """
    data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.validate(data, schema())
    return data


def differences(report: Report, expected: dict[str, Any]) -> list[str]:
    """Where the verdicts of a run differ from committed ones, one line for every rule."""
    old: dict[str, str] = expected["rules"]
    new = {rule: str(verdict) for rule, verdict in report.verdicts().items()}
    return [
        f"{rule}: expected {old.get(rule, 'no such rule')}, got {new.get(rule, 'not run')}"
        for rule in sorted(old.keys() | new.keys())
        if old.get(rule) != new.get(rule)
    ]
