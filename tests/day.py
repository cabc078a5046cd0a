"""The day of a run: what is too much for every run is done in slices that rotate by the day.

``SPEC_DAY`` gives another day than today, and so the slice of a run that is to be repeated.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

VARIABLE = "SPEC_DAY"
T = TypeVar("T")


def today() -> date:
    """The day, which the processes that this one starts take over.

    Raises
    ------
    ValueError
        If SPEC_DAY is no date.
    """
    given = os.environ.setdefault(VARIABLE, date.today().isoformat())
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"{VARIABLE} must be a date like 2026-01-31, got {given!r}") from None


def slice_of(items: Sequence[T], days: int) -> list[T]:
    """One of so many slices; in so many days in a row every item has its turn."""
    return list(items[today().toordinal() % days::days])
