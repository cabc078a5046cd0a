"""``compare``: what changed between two reports, of two versions of a library for example."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from ..chapters.rules import registry
from ..report import committed
from ..report.changes import Change, changes, condensed, parts
from ..report.words import amount
from . import status
from .check import refuse


def compare(arguments: argparse.Namespace) -> int:
    """Print the verdicts that are not the same, what is newly broken first; 1 if anything is."""
    try:
        old, new = (committed.read(file) for file in (arguments.before, arguments.after))
    except (ValueError, OSError) as error:
        return refuse(str(error))
    console = Console()

    def say(line: str, style: str = "") -> None:
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    say(f"before: {_described(old['meta'])}")
    say(f"after:  {_described(new['meta'])}")
    found = changes(old, new, {*old["rules"], *new["rules"]})
    parted = parts(found)
    for title, mine in parted.items():
        if mine:
            say(f"\n{title}", "bold")
        for change in condensed(mine):
            say(f"  {_line(change)}")
    say(f"\n{_totals(parted)}")
    return status.BROKEN if any(change.worse for change in found) else status.KEPT


def _described(meta: Mapping[str, Any]) -> str:
    packages = "".join(f", {name} {meta['packages'][name]}" for name in ("jax", "numpy")
                       if name in meta["packages"])
    return (f"{meta['implementation']} {meta['version']} on the {meta['device']}, specification "
            f"{meta['specification']}, Python {meta['python']}{packages}")


def _line(change: Change) -> str:
    rule = registry().get(change.where)
    title = f" {rule.title}" if rule else ""
    told = f": {change.message}" if change.message else ""
    return f"{change.where}{title}: was {change.before}, is {change.after}{told}"


def _totals(parted: Mapping[str, list[Change]]) -> str:
    """How many rules, and how many points besides, are under each title."""
    counts = []
    for title, mine in parted.items():
        rules = sum("/" not in change.where for change in mine)
        counts.append(f"{title}: {amount(rules, 'rule')} and "
                      f"{amount(len(mine) - rules, 'point')}")
    return "; ".join(counts)
