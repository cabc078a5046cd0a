"""Versions, as far as a condition on them asks: ``>=0.5,<0.6``."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final

COMPARE: Final = {"<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
                  ">=": operator.ge, ">": operator.gt}
CLAUSE: Final = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\s*")


def of(meta: Mapping[str, Any]) -> dict[str, str]:
    """The versions that a run knows: of the implementation (``version``), of Python, of packages.
    """
    return {"version": meta["version"], "python": meta["python"], **meta["packages"]}


def unknown(meta: Mapping[str, Any], names: Iterable[str]) -> str:
    """Which of some names no version is known of."""
    there = of(meta)
    strange = [name for name in names if name not in there]
    return (f"when: there is no version of {', '.join(strange)}, but of {', '.join(there)}"
            if strange else "")


def fault(condition: str) -> str:
    """What is wrong with a condition."""
    if all(CLAUSE.fullmatch(clause) for clause in condition.split(",")):
        return ""
    return f"expected a condition on a version such as '>=0.5,<0.6', got {condition!r}"


def within(version: str, condition: str) -> bool:
    """Whether a version fulfils all clauses of a condition; what has no number fulfils none."""
    if not (mine := numbers(version)):
        return False
    for clause in condition.split(","):
        found = CLAUSE.fullmatch(clause)
        assert found is not None, fault(condition)
        pairs = list(zip_longest(mine, numbers(found[2]), fillvalue=0))
        if not COMPARE[found[1]]([a for a, _ in pairs], [b for _, b in pairs]):
            return False
    return True


def numbers(version: str) -> list[int]:
    """The numbers that a version begins with; what follows, as in ``1.2rc1``, does not count."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return [int(part) for part in found[0].split(".")] if found else []
