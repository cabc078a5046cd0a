"""Mutation testing of the reference implementation: small faults, each judged in a process.

``judge`` is the suite that a mutant faces: a few points of every rule, a few examples each, and
it ends at the first failure.  ``run`` mutates a copy of the working tree with Cosmic Ray, which
starts ``judge`` anew for every mutant, so that JAX's threads and caches do not outlive it.

    python -m tests.mutation judge
    python -m tests.mutation run [--sample N] [--seed N] MODULE...
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HOME = ROOT / "docs" / "results" / "mutation.json"
MODULES = (
    "refimpl/frames.py", "refimpl/transform/gradient.py", "refimpl/transform/selection.py",
    "refimpl/transform/finder.py", "refimpl/graph.py", "refimpl/util/filter.py",
)
TIMEOUT = 1200.0
POINTS = 6
"""Points of every check that a mutant faces."""


def judge() -> int:
    """Decide a few points of every rule on the reference; 1 at the first failure."""
    from spec.checks import all_checks
    from spec.implementation import load
    from spec.runner import Verdict, decide
    from tests.saboteurs.matrix import GLANCE, spread

    subject = load("refimpl")
    for check in sorted(all_checks(), key=lambda check: check.strategy is not None):
        for point in spread(list(check.cases), POINTS):
            outcome = decide(check, subject, point, GLANCE, 0)
            if outcome.verdict is Verdict.FAIL:
                print(f"{check.id} {point}: {outcome.message}")
                return 1
    return 0


def configuration(modules: list[str]) -> str:
    """The configuration of Cosmic Ray."""
    command = f"{sys.executable} -m tests.mutation judge"
    return "\n".join([
        "[cosmic-ray]",
        f"module-path = {json.dumps(modules)}",
        f"timeout = {TIMEOUT}",
        "excluded-modules = []",
        f"test-command = {json.dumps(command)}",
        "[cosmic-ray.distributor]",
        'name = "local"',
    ])


def run(modules: list[str], sample: int, seed: int) -> dict[str, Any]:
    """Judge a sample of all mutants of some modules in a copy of the tree."""
    with tempfile.TemporaryDirectory() as folder:
        tree, session = Path(folder) / "tree", Path(folder) / "session.sqlite"
        ignored = shutil.ignore_patterns(".git", ".tox", "__pycache__", "docs", ".*_cache")
        shutil.copytree(ROOT, tree, ignore=ignored)
        settings = Path(folder) / "cosmic-ray.toml"
        settings.write_text(configuration(modules))

        def cosmic_ray(*words: str) -> None:
            program = [sys.executable, "-m", "cosmic_ray.cli", *words]
            subprocess.run(program, cwd=tree, check=True)

        cosmic_ray("baseline", str(settings))  # the judge must let the reference pass
        cosmic_ray("init", str(settings), str(session))
        total = thin(session, sample, seed)
        cosmic_ray("exec", str(settings), str(session))
        return {"mutants": total, "seed": seed, **results(session)}


def thin(session: Path, sample: int, seed: int) -> int:
    """Keep a random sample of the mutants of a session; how many there were.

    The operator ``|`` stands in annotations alone, where any other fails at import.
    """
    with sqlite3.connect(session) as base:
        every = base.execute("""select job_id, operator_name from mutation_specs
            order by module_path, operator_name, occurrence""").fetchall()
        jobs = [job for job, operator in every if "BitOr" not in operator]
        kept = set(random.Random(seed).sample(jobs, min(sample, len(jobs))))
        for job in {job for job, _ in every} - kept:
            base.execute("delete from mutation_specs where job_id = ?", (job,))
            base.execute("delete from work_items where job_id = ?", (job,))
    return len(jobs)


def results(session: Path) -> dict[str, Any]:
    """How many of the sample were killed, and the survivors."""
    query = """select m.module_path, m.operator_name, m.start_pos_row, r.test_outcome, r.diff
               from mutation_specs m join work_results r on m.job_id = r.job_id"""
    with sqlite3.connect(session) as base:
        rows = base.execute(query).fetchall()
    survivors = [
        {"place": f"{Path(path).as_posix()}:{row}", "operator": operator.rpartition("/")[2],
         "change": change(diff)}
        for path, operator, row, outcome, diff in rows if "SURVIVED" in str(outcome).upper()
    ]
    survivors.sort(key=lambda entry: (entry["place"], entry["change"]))
    return {"judged": len(rows), "killed": len(rows) - len(survivors), "survivors": survivors}


def change(diff: str) -> str:
    """The changed lines of a diff."""
    lines = diff.splitlines()[3:]
    return " -> ".join(line[1:].strip() for line in lines if line[:1] in "+-")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("judge", "run"))
    parser.add_argument("modules", nargs="*", default=list(MODULES))
    parser.add_argument("--sample", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_intermixed_args()
    if given.command == "judge":
        return judge()
    found = run(given.modules or list(MODULES), given.sample, given.seed)
    HOME.write_text(json.dumps(found, indent=1) + "\n")
    print(f"killed {found['killed']} of {found['judged']}; survivors: {len(found['survivors'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
