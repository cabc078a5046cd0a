"""The chapters of the specification: for each its rules, its tables and its checks."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from ..judge.check import Check, registered


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, by rule and then in the order of definition."""
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    return registered()
