"""Generator power: how many drawn cases it takes, on average, to reach a cell of coverage.

    python -m tests.power [--write] [--seeds N]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import Phase

from spec.chapters import all_checks
from spec.judge.check import Check
from spec.language.labels import covered, label
from spec.report.coverage import AXES
from spec.run.profiles import PROFILES
from spec.run.search import seed_of

HOME = Path(__file__).parents[1] / "docs" / "results" / "coverage.json"
SEEDS = 5
SURE = 2
"""A cell is within reach if every one of the runs that were measured came to it so many times."""


def cases(check: Check, point: str, seed: int) -> list[Any]:
    """The cases that the quick profile draws for a point of a check."""
    assert check.strategy is not None
    found: list[Any] = []

    def collect(case: Any) -> None:
        found.append(case)

    settings: Any = hypothesis.settings(
        max_examples=PROFILES["quick"].share(check), phases=[Phase.generate], database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    given: Any = hypothesis.given(check.strategy(check.cases[point]))
    hypothesis.seed(seed_of(check, point, seed))(settings(given(collect)))()
    return found


def every(seed: int) -> Iterator[set[str]]:
    """The features of every case that a quick run draws and that is counted."""
    checks = [check for check in all_checks() if check.strategy is not None]
    return (one for c in checks for point in c.cases for case in cases(c, point, seed)
            if (one := covered(case)))


def measure(seeds: int) -> dict[str, Any]:
    """For every cell, the mean number of cases of a quick run until it is reached."""
    runs: list[Counter[str]] = []
    cases = 0
    for seed in range(seeds):
        found = list(every(seed))
        cases += len(found)
        runs.append(Counter(label for labels in found for label in labels))
        print(f"{seed + 1} of {seeds} seeds", file=sys.stderr, flush=True)

    def each(value: Callable[[list[int]], float | None]) -> dict[str, dict[str, float | None]]:
        return {axis: {cell: value([run[label(axis, cell)] for run in runs]) for cell in cells}
                for axis, cells in AXES.items()}

    return {
        "seeds": seeds, "cases": cases // seeds,
        "expected": each(lambda hits: expectation(cases, sum(hits))), "fewest": each(min),
    }


def expectation(cases: int, hits: int) -> float | None:
    """The mean number of cases until a hit; None if there was none."""
    return round(cases / hits, 1) if hits else None


def weak(measured: Mapping[str, Any]) -> list[str]:
    """The cells that a quick run may well miss."""
    return [
        f"{axis}: {cell} comes {times} times in a run" for axis, cells in measured["fewest"].items()
        for cell, times in cells.items() if times < SURE
    ]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the committed file")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    found = measure(given.seeds)
    if given.write:
        HOME.write_text(json.dumps(found, indent=1) + "\n")
    faults = weak(found)
    print("\n".join(faults) or f"{sum(map(len, AXES.values()))} cells, all within reach")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
