"""Committed results: the verdicts that a release of an implementation is known to have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from ..chapters.rules import registry
from .changes import changes, lines
from .document import schema


def read(file: Path) -> dict[str, Any]:
    """Read a committed report.

    Raises
    ------
    ValueError
        If the file is no JSON, or lacks a part of a report.
    """
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is no report: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{file} is no report: expected an object, got a {type(data).__name__}")
    if missing := [key for key in schema()["required"] if key not in data]:
        raise ValueError(f"{file} is no report: it lacks {', '.join(missing)}")
    return data


def file_name(meta: Mapping[str, Any]) -> str:
    """The name of a committed report: implementation, its version, the Python it ran on, and the
    device where it is no CPU."""
    python = ".".join(str(meta["python"]).split(".")[:2])
    device = "" if meta["device"] == "cpu" else f"-{meta['device']}"
    return f"{meta['implementation']}-{meta['version']}-py{python}{device}.json"


def committed(place: Path, meta: Mapping[str, Any]) -> Path:
    """The committed report that a run is to be compared with.

    Parameters
    ----------
    place : Path
        A report, or a folder of reports; in a folder, that of the same implementation and
        version, on the same Python where there is one.
    meta : mapping
        What is run.

    Raises
    ------
    FileNotFoundError
        If the folder holds none of that version.
    """
    if not place.is_dir():
        return place
    name = file_name(meta)
    same_version = sorted(place.glob(name.rpartition("-py")[0] + "-py*.json"))
    if not same_version:
        raise FileNotFoundError(f"{place} holds no report of that version; "
                                f"write one with --report {place / name}")
    return place / name if place / name in same_version else same_version[-1]


def differences(
    report: Mapping[str, Any], expected: Mapping[str, Any], asked: Set[str]
) -> list[str]:
    """Where the verdicts of a run, or what it saw of the OPEN rules, differ from committed ones.

    Of the committed ones only those count that were asked for, and those of rules that are gone.
    """
    gone = expected["rules"].keys() - registry().keys()
    return list(lines(changes(expected, report, asked | gone)))
