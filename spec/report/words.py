"""Words that every form of a report uses: numbers of things, the classes that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def amount(count: int, thing: str) -> str:
    """How many there are: ``1 rule``, ``2 rules``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def classes_of(meta: Mapping[str, Any]) -> str:
    """The classes that a run of some was asked for, and core, which nobody can leave out."""
    return ", ".join(dict.fromkeys(("core", *meta["classes"])))
