"""Mutation testing of the reference implementation: small faults, each judged in a process.

``judge`` is the suite that a mutant faces: every snippet, a few points of every generated check
with a few examples each, and what no rule notices then meets the reference's own tests; it ends
at the first failure.  ``run`` mutates copies of the working tree with Cosmic Ray, which starts
``judge`` anew for every mutant, so that JAX's threads and caches do not outlive it.  At every
place of the source one fault of each kind is tried: that ``+`` may become ``-`` or ``*`` is one
question, not ten.  ``again`` judges the survivors of the committed run anew.

    python -m tests.mutation judge
    python -m tests.mutation run [--write] [--sample N] [--seed N] [--workers N] MODULE...
    python -m tests.mutation again [--write] [--workers N]
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
HOME = ROOT / "docs" / "results" / "mutation.json"
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "refimpl").rglob("*.py")
    if path.name != "__init__.py"
)
TIMEOUT = 300.0
POINTS = 6
"""Points of every generated check that a mutant faces."""
POLL = 10.0
"""Seconds between two looks at how far the workers are."""
IDLE = ("BitOr", "Is_Eq", "IsNot_NotEq")
"""Operators without an effect: ``|`` stands in annotations alone, where any other fails at import,
and what is compared by identity here is None, a class or a state, which equal only themselves."""


def judge() -> int:
    """Decide points of every rule on the reference, one of each check first, then run its own
    tests; 1 at a failure, whose check or test is printed."""
    from spec.chapters import all_checks
    from spec.judge.verdict import Verdict
    from spec.run.decide import decide
    from spec.run.implementation import load
    from tests.saboteurs.asking import GLANCE, spread

    subject = load("refimpl")
    faced = [
        (check.strategy is not None, turn, check, point) for check in all_checks()
        for turn, point in enumerate(
            check.cases if check.strategy is None else spread(list(check.cases), POINTS))
    ]
    for _, _, check, point in sorted(faced, key=lambda entry: entry[:2]):
        outcome = decide(check, subject, point, GLANCE, 0)
        if outcome.verdict is Verdict.FAIL:
            print(f"{check.id} {point}: {outcome.message}")
            return 1
    return own_tests()


def own_tests() -> int:
    """Run the reference's own tests up to the first that fails; 0 if none does.

    In a process of their own: pytest refuses one in which its plugins were imported before it.
    """
    tests = sorted(str(path) for path in (ROOT / "tests").glob("test_refimpl_*.py"))
    words = ["-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *tests], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        failed = re.search(r"^(?:FAILED|ERROR) (tests/\S+)", done.stdout, re.MULTILINE)
        print(f"{failed[1] if failed else 'tests/'}: the reference's own test")
    return int(bool(done.returncode))


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


Choose = Callable[[Path], tuple[int, list[str]]]
"""From a session to how many faults there are, and which of them are judged."""


def run(modules: list[str], choose: Choose, workers: int) -> dict[str, Any]:
    """Judge chosen faults of some modules, each worker in a copy of the tree."""
    with tempfile.TemporaryDirectory() as folder:
        trees = [Path(folder) / f"tree-{number}" for number in range(workers)]
        ignored = shutil.ignore_patterns(".git", ".tox", "__pycache__", "docs", ".*_cache")
        for tree in trees:
            shutil.copytree(ROOT, tree, ignore=ignored)
        settings = Path(folder) / "cosmic-ray.toml"
        settings.write_text(configuration(modules))
        session = Path(folder) / "session.sqlite"
        cosmic_ray(trees[0], "baseline", str(settings))  # the judge must pass the reference
        cosmic_ray(trees[0], "init", str(settings), str(session))
        total, jobs = choose(session)
        sessions = [tree / "session.sqlite" for tree in trees]
        for number, own in enumerate(sessions):
            shutil.copy(session, own)
            keep(own, jobs[number::workers])
        started = [
            subprocess.Popen(program("exec", str(settings), own.name), cwd=tree)
            for tree, own in zip(trees, sessions, strict=True)
        ]
        while any(process.poll() is None for process in started):
            time.sleep(POLL)
            done = sum(len(rows(own)) for own in sessions)
            print(f"{done} of {len(jobs)}", file=sys.stderr, flush=True)
        if any(process.returncode for process in started):
            raise RuntimeError("a worker of the mutation run failed; its message is above")
        return {"places": total, **results(row for s in sessions for row in rows(s))}


def program(*words: str) -> list[str]:
    """A command line of Cosmic Ray."""
    return [sys.executable, "-m", "cosmic_ray.cli", *words]


def cosmic_ray(tree: Path, *words: str) -> None:
    """Run Cosmic Ray in a copy of the tree."""
    subprocess.run(program(*words), cwd=tree, check=True)


def kind(operator: str) -> str:
    """What sort of fault an operator of Cosmic Ray makes, whatever it puts in."""
    name = operator.rpartition("/")[2]
    return re.sub(r"(Replace(?:Binary|Comparison|Unary)Operator)_.*", r"\1", name)


def chosen(session: Path, sample: int, seed: int) -> tuple[int, list[str]]:
    """How many places with a kind of fault there are, and one fault for each of a sample."""
    with sqlite3.connect(session) as base:
        every = base.execute("""select job_id, operator_name, module_path, start_pos_row,
            start_pos_col from mutation_specs
            order by module_path, start_pos_row, start_pos_col, operator_name, occurrence""")
        at: dict[tuple[Any, ...], list[str]] = {}
        for job, operator, *place in every:
            if not any(name in operator for name in IDLE):
                at.setdefault((*place, kind(operator)), []).append(job)
    draw = random.Random(seed)
    faults = [draw.choice(jobs) for jobs in at.values()]
    return len(at), draw.sample(faults, min(sample, len(faults)))


def survived(session: Path, before: dict[str, Any]) -> tuple[int, list[str]]:
    """The faults that survived an earlier run, found by module, operator and occurrence."""
    known = {(s["module"], s["operator"], s["occurrence"]) for s in before["survivors"]}
    with sqlite3.connect(session) as base:
        every = base.execute(
            "select job_id, module_path, operator_name, occurrence from mutation_specs")
        jobs = [job for job, path, *fault in every if (Path(path).as_posix(), *fault) in known]
    return before["places"], jobs


def keep(session: Path, jobs: Iterable[str]) -> None:
    """Drop all other faults from a session."""
    with sqlite3.connect(session) as base:
        for job in {job for job, in base.execute("select job_id from mutation_specs")} - set(jobs):
            base.execute("delete from mutation_specs where job_id = ?", (job,))
            base.execute("delete from work_items where job_id = ?", (job,))


def rows(session: Path) -> list[tuple[Any, ...]]:
    """What a session has judged."""
    query = """select m.module_path, m.operator_name, m.occurrence, m.start_pos_row,
                      r.test_outcome, r.diff, r.output
               from mutation_specs m join work_results r on m.job_id = r.job_id"""
    with sqlite3.connect(session) as base:
        return base.execute(query).fetchall()


def results(judged: Iterable[tuple[Any, ...]]) -> dict[str, Any]:
    """How many faults were killed, and the survivors.

    A fault that stops the module from being imported shows nothing about the checks: it is
    stillborn, and counts neither as judged nor as killed.
    """
    found = list(judged)
    survivors = [
        {"module": Path(path).as_posix(), "line": row, "operator": operator,
         "occurrence": occurrence, "change": change(diff)}
        for path, operator, occurrence, row, outcome, diff, _ in found
        if "SURVIVED" in str(outcome).upper()
    ]
    survivors.sort(key=lambda entry: (entry["module"], entry["line"], entry["change"]))
    by = Counter(killer(str(output or "")) for *_, output in found)
    return {"by_rules": by["rules"], "by_tests": by["tests"],
            "stillborn": by[""] - len(survivors), "survivors": survivors}


def killer(output: str) -> str:
    """What killed a fault, by what the judge printed last: the rules, the tests, or neither."""
    if re.search(r"^[A-Z]{3}-\d\d/", output, re.MULTILINE):
        return "rules"
    return "tests" if re.search(r"^tests/", output, re.MULTILINE) else ""


def change(diff: str) -> str:
    """The changed lines of a diff."""
    lines = diff.splitlines()[3:]
    return " -> ".join(line[1:].strip() for line in lines if line[:1] in "+-")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("judge", "run", "again"))
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--write", action="store_true", help="write the committed file")
    parser.add_argument("--sample", type=int, default=10**9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_intermixed_args()
    if given.command == "judge":
        return judge()
    if given.command == "again":
        before = json.loads(HOME.read_text())
        found = run(MODULES, lambda session: survived(session, before), given.workers)
        found |= {key: found[key] + before[key] for key in ("by_rules", "by_tests", "stillborn")}
    else:
        found = run(given.modules or MODULES,
                    lambda session: chosen(session, given.sample, given.seed), given.workers)
    if given.write:
        HOME.write_text(json.dumps(found, indent=1) + "\n")
    for fault in found["survivors"]:
        print(f"{fault['module']}:{fault['line']}: {fault['change']}")
    print(f"killed by rules: {found['by_rules']}, by tests of the reference: "
          f"{found['by_tests']}, survivors: {len(found['survivors'])}, "
          f"stillborn: {found['stillborn']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
