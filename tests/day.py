"""The day of a run: what is too much for every run is done in slices that rotate by the day.

``SPEC_DAY`` gives another day than today, and so the slice of a run that is to be repeated, and
``every`` gives all slices at once. A run that names its files is asked for them, and has all
their tests.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeVar
from zlib import crc32

VARIABLE = "SPEC_DAY"
EVERY = "every"
T = TypeVar("T")

DAYS: Mapping[str, int] = {
    "spec/conformance/test_rules.py": 28,
    "tests/test_benchmark.py": 6,
    "tests/test_command_line.py": 8,
    "tests/test_docs.py": 6,
    "tests/test_examples.py": 3,
    "tests/test_filters.py": 3,
    "tests/test_gradients.py": 3,
    "tests/test_histories.py": 4,
    "tests/test_hostile.py": 4,
    "tests/test_oracles.py": 4,
    "tests/test_permitted.py": 4,
    "tests/test_pytest_face.py": 4,
    "tests/test_refimpl_control.py": 10,
    "tests/test_refimpl_custom_rules.py": 3,
    "tests/test_refimpl_frames.py": 6,
    "tests/test_refimpl_in_place.py": 6,
    "tests/test_refimpl_interrupts.py": 6,
    "tests/test_refimpl_jit.py": 4,
    "tests/test_refimpl_lanes.py": 10,
    "tests/test_refimpl_memory.py": 6,
    "tests/test_refimpl_objects.py": 4,
    "tests/test_refimpl_products.py": 3,
    "tests/test_refimpl_selecting.py": 3,
    "tests/test_refimpl_threads.py": 6,
    "tests/test_refimpl_transforms.py": 4,
    "tests/test_rules.py": 6,
    "tests/test_smallest.py": 10,
    "tests/test_strategies.py": 10,
    "tests/test_surroundings.py": 6,
}
"""In how many days a run of everything comes to all tests of a file; the other files are whole.

Where a file's tests are points of checks every check has its turn every other day, at another
point.
"""


TOGETHER: Mapping[str, int] = {
    "tests/test_devices.py": 6, "tests/test_quick_draws.py": 6, "tests/test_absent.py": 6}
"""The same of files whose tests share what is costly: they have one turn, in one process."""


def today() -> date | None:
    """The day, which the processes that this one starts take over; None if it is every day.

    Raises
    ------
    ValueError
        If SPEC_DAY is no date.
    """
    given = os.environ.setdefault(VARIABLE, date.today().isoformat())
    if given == EVERY:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"{VARIABLE} must be a date like 2026-01-31 or {EVERY!r}, got {given!r}"
                         ) from None


def slice_of(items: Sequence[T], days: int) -> list[T]:
    """One of so many slices; in so many days in a row every item has its turn."""
    day = today()
    return list(items) if day is None else list(items[day.toordinal() % days::days])


def turns(tests: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether each test of a run of everything has its turn.

    Parameters
    ----------
    tests : sequence of pairs
        The file that a test stands in, and the id of the check that it asks, if it asks one.
    """
    day, chosen = today(), list[bool]()
    seen, size = Counter[tuple[str, str]](), Counter(tests)
    for test in tests:
        file = test[0]
        if file in TOGETHER:
            days, turn = TOGETHER[file], list(TOGETHER).index(file)
        else:
            days, offset = DAYS.get(file, 1), crc32("".join(test).encode())
            step = 2 if 2 * size[test] <= days else 1
            days, turn = min(days, 2 * size[test]), step * seen[test] + offset
        chosen.append(day is None or (turn + day.toordinal()) % days == 0)
        seen[test] += 1
    return chosen
