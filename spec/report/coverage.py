"""What a run really covered: for every choice that is counted, the options that were made.

The table is the set of the choices that the language declares; what a run covered is read off
the labels of its cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from ..language import histories, labels, strategies
from ..language.shares import FAMILIES, shares
from .report import Report

DECLARING: Final = (strategies, histories)
"""The modules that declare choices; they are loaded, so that the table is whole."""

AXES: Final[Mapping[str, tuple[str, ...]]] = labels.axes()
"""The choices and their options, and the pairs of traits."""


def table(covered: Iterable[str]) -> dict[str, dict[str, bool]]:
    """For every axis, which of its cells are among the labels."""
    seen = set(covered)
    return {
        axis: {cell: labels.label(axis, cell) in seen for cell in cells}
        for axis, cells in AXES.items()
    }


def of(report: Report) -> dict[str, dict[str, bool]]:
    """For every axis, which of its cells the cases of a run covered."""
    return table(label for outcome in report.outcomes for label in outcome.labels)


def shares_of(report: Report) -> dict[str, Fraction]:
    """What the calls that were drawn for the rules on whole calls are made of."""
    return shares([one for outcome in report.outcomes if outcome.rule.startswith(FAMILIES)
                   for one in outcome.counted])


def empty_cells(covered: Iterable[str]) -> list[str]:
    """The cells that are not among the labels, as labels."""
    return [
        labels.label(axis, cell) for axis, cells in table(covered).items()
        for cell, hit in cells.items() if not hit
    ]
