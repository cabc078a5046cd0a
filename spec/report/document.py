"""The report as a JSON document."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ..chapters.rules import Authority, Level, registry
from ..judge.verdict import Outcome, Verdict
from . import coverage
from .causes import causes
from .report import Report

FORMAT: Final = 3
"""The version of the schema, which takes reports of the second, too; a report without one is of the
first, which lacks what was new then."""


def document(report: Report) -> dict[str, Any]:
    """The report of a complete run as JSON data; see ``spec/report/report.schema.json``."""
    assert not report.unreached, "there is no report of a run that is not complete"
    verdicts = report.verdicts()
    return {
        "format": FORMAT,
        "meta": dict(report.meta),
        "rules": {rule: str(verdict) for rule, verdict in verdicts.items()},
        "levels": {rule: str(registry()[rule].level) for rule in verdicts},
        "counts": counts(verdicts),
        "classes": {name: _counted(v for rule, v in rules.items()
                                   if registry()[rule].level is Level.MUST)
                    for name, rules in report.by_class().items()},
        "observed": report.observed(),
        "causes": [{"words": cause.words, "rules": cause.rules, "points": cause.points,
                    "shown": cause.shown.name} for cause in causes(report)],
        "failures": [failure(alike) for alike in report.failures()],
        "points": points(report),
        "coverage": coverage.of(report),
        "examples": sum(outcome.examples for outcome in report.outcomes),
        "undecided": sum(outcome.undecided for outcome in report.outcomes),
    }


def counts(verdicts: Mapping[str, Verdict]) -> dict[str, dict[str, dict[str, int]]]:
    """How many rules of each level and authority have which verdict."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for level in Level:
        for authority in Authority:
            mine = _counted(verdict for id_, verdict in verdicts.items()
                            if (registry()[id_].level, registry()[id_].authority)
                            == (level, authority))
            if mine:
                found.setdefault(level, {})[authority] = mine
    return found


def _counted(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How often each verdict comes."""
    mine = Counter(verdicts)
    return {str(verdict): mine[verdict] for verdict in Verdict if verdict in mine}


def points(report: Report) -> dict[str, dict[str, str]]:
    """The verdict of every check at every point of its axis."""
    found: dict[str, dict[str, str]] = {}
    for mine in report.by_rule().values():
        for outcome in mine:
            at = found.setdefault(f"{outcome.rule}/{outcome.check}", {})
            at[outcome.point] = str(outcome.verdict)
    return found


def failure(alike: list[Outcome]) -> dict[str, Any]:
    """Outcomes of one check that are no pass, and in one way, as JSON data: the first in full, and
    what the others say."""
    outcome = alike[0]
    return {
        "rule": outcome.rule,
        "check": outcome.check,
        "case": outcome.point,
        **({"number": outcome.number} if outcome.number > 1 else {}),
        "verdict": str(outcome.verdict),
        "message": outcome.message,
        "place": outcome.place,
        "expected": outcome.expected or registry()[outcome.rule].statement,
        "actual": outcome.actual or outcome.message,
        "script": outcome.script,
        **({"known": outcome.known} if outcome.known else {}),
        "also": [{"case": other.point, "message": other.message} for other in alike[1:]],
    }


def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    text = resources.files(__package__).joinpath("report.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write(data: Mapping[str, Any], file: Path) -> None:
    """Write the data of a report as JSON: all of it, or nothing."""
    write_text(f"{json.dumps(data, indent=1, ensure_ascii=False)}\n", file)


def write_text(text: str, file: Path) -> None:
    """Write a file: all of it, or nothing, so that what was there before stays whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        fresh.write_text(text, encoding="utf-8", errors="backslashreplace")
        fresh.replace(file)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(file)) from error
    finally:
        fresh.unlink(missing_ok=True)
