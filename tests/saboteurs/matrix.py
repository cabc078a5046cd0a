"""The kill matrix: which rules catch which saboteurs, in how many runs out of how many.

Rules that are meant to catch a saboteur are walked in full, once for every seed where cases are
drawn; of the others a few points of each check are taken.  Without ``--full`` rules that are
merely related, and may notice, are not asked; with ``--meant`` no others at all.

    python -m tests.saboteurs.matrix [--full | --meant] [--write | --check] [--seeds N] [--points N]
                                     [--examples N] [--workers N] [--only NAME ...] [--log FILE]

Every rule that was asked is a line of the log, and a run goes on where an earlier one with the
same log was stopped.  ``--only`` takes families, rules or saboteurs; together with ``--write`` it
renews their part of the committed matrix.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from spec.run.implementation import load
from spec.run.profiles import Profile
from tests.saboteurs.asking import Catch, binding, caught, rules
from tests.saboteurs.roster import Saboteur, all_saboteurs

ROOT = Path(__file__).parents[2]
HOME = ROOT / "docs" / "results" / "kill-matrix.json"
LOG = ROOT / "build" / "kill-matrix.jsonl"
SOURCES = ("spec", "refimpl", "tests/saboteurs")
LIFETIME = 12
"""Rules after which a process makes way for a new one: JAX keeps what it compiled."""


@dataclass(frozen=True)
class Asking:
    """How much is asked.

    Attributes
    ----------
    seeds : int
        In how many runs a rule is asked that is meant to catch a saboteur by drawn cases.
    points, examples : int
        How many points are taken of each check of a rule that is not, and how many cases drawn
        at each.
    others : {'none', 'unrelated', 'all'}
        Which rules are asked that are not meant to catch a saboteur.
    """

    seeds: int = 1
    points: int = 2
    examples: int = 2
    others: str = "unrelated"


@dataclass(frozen=True)
class Column:
    """What one rule catches.

    Attributes
    ----------
    rule : str
        The rule.
    asked : int
        How many saboteurs it was asked about.
    counts : mapping
        For every saboteur that was caught or ought to have been: in how many runs it was caught,
        and how many there were.  One run is all where no case is drawn.
    at : mapping
        Where a saboteur was caught first: check, point, seed, and how many examples that took on
        average.
    unrelated : mapping
        What was said of saboteurs that the rule has nothing to do with.
    cpu : float
        Seconds of CPU time.
    """

    rule: str
    asked: int
    counts: Mapping[str, Sequence[int]]
    at: Mapping[str, Sequence[Any]]
    unrelated: Mapping[str, str]
    cpu: float


def column(rule: str, names: Sequence[str], asking: Asking) -> Column:
    """Ask one rule about saboteurs."""
    load("refimpl")  # in double precision, with compiled operations kept between processes
    start, asked = time.process_time(), 0
    glance = Profile("glance", asking.examples, 0)
    counts: dict[str, Sequence[int]] = {}
    at: dict[str, Sequence[Any]] = {}
    unrelated: dict[str, str] = {}
    for saboteur in all_saboteurs():
        meant, related = rule in saboteur.breaks, saboteur.is_related(rule)
        others = {"none": False, "unrelated": not related, "all": True}[asking.others]
        if saboteur.name not in names or not (meant or others):
            continue
        asked += 1
        hits = every_seed(saboteur, rule, asking.seeds) if meant else [
            caught(saboteur, rule, 0, glance, asking.points)]
        found = [hit for hit in hits if hit is not None]
        if found or meant:
            counts[saboteur.name] = len(found), len(hits)
        if found and meant:
            mean = sum(hit.examples for hit in found) / len(found)
            at[saboteur.name] = found[0].check, found[0].point, found[0].seed, round(mean, 1)
        if found and not related:
            unrelated[saboteur.name] = found[0].message
    return Column(rule, asked, counts, at, unrelated, round(time.process_time() - start, 1))


def every_seed(saboteur: Saboteur, rule: str, seeds: int) -> list[Catch | None]:
    """Where a rule catches a saboteur in each of so many runs; in one, if nothing is drawn until
    then."""
    first = caught(saboteur, rule)
    if first is not None and not first.examples:
        return [first]
    return [first, *(caught(saboteur, rule, seed) for seed in range(1, seeds))]


# -- a run that can be stopped -----------------------------------------------------------------


@cache
def fingerprint() -> int:
    """A number that changes with the sources that a matrix depends on."""
    files = sorted(file for source in SOURCES for suffix in ("py", "toml")
                   for file in (ROOT / source).rglob(f"*.{suffix}"))
    return zlib.crc32(b"\0".join(file.read_bytes() for file in files))


class Log:
    """The columns that are made, a line each, with what they were made of.

    Parameters
    ----------
    file : Path
        Where lines are kept.
    question : tuple
        What was asked of which saboteurs; lines that answer another question are passed over.
    """

    def __init__(self, file: Path, question: Sequence[Any]) -> None:
        self.file, self.question = file, json.loads(json.dumps(question))

    def read(self) -> dict[str, Column]:
        """The columns that answer the question, by rule."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        entries = [json.loads(line) for line in lines]
        return {entry["column"]["rule"]: Column(**entry["column"])
                for entry in entries if entry["question"] == self.question}

    def add(self, column: Column) -> None:
        """Keep one more column."""
        self.file.parent.mkdir(exist_ok=True)
        with self.file.open("a") as file:
            file.write(json.dumps({"question": self.question, "column": asdict(column)}) + "\n")


def matrix(
    names: Sequence[str], wanted: Sequence[str], asking: Asking, workers: int, log: Log
) -> list[Column]:
    """Ask the rules that the log does not have yet, shared among processes."""
    done = {rule: found for rule, found in log.read().items() if rule in wanted}
    # Not an executor, which may wait for ever for the process that follows one that made way.
    with get_context("spawn").Pool(workers, maxtasksperchild=LIFETIME) as pool:
        ask = partial(column, names=names, asking=asking)
        for found in pool.imap_unordered(ask, [rule for rule in wanted if rule not in done]):
            log.add(found)
            done[found.rule] = found
            print(f"{found.rule}: {len(found.counts)} of {found.asked}, {found.cpu} s "
                  f"({len(done)} of {len(wanted)} rules)", file=sys.stderr, flush=True)
    return [done[rule] for rule in wanted]


# -- what is committed, and what is wrong with it ----------------------------------------------


def document(
    columns: Sequence[Column], asking: Asking, before: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """The matrix as it is committed; what it says of other rules and saboteurs stays."""
    known = before or {"caught": {}, "at": {}}
    caught, at = dict(known["caught"]), dict(known["at"])
    for found in columns:
        others = {k: v for k, v in caught.get(found.rule, {}).items() if k not in names}
        caught[found.rule] = dict(sorted({**others, **found.counts}.items()))
    for s in all_saboteurs():
        mine = {f.rule: list(f.at[s.name]) for f in columns if s.name in f.at}
        at[s.name] = {**at.get(s.name, {}), **mine}
    return {
        "asked": asdict(asking) if before is None else before["asked"],
        "saboteurs": {s.name: {"story": s.story, "breaks": sorted(s.breaks)}
                      for s in all_saboteurs()},
        "at": {s.name: {rule: at[s.name][rule] for rule in sorted(s.breaks)
                        if rule in at[s.name]} for s in all_saboteurs()},
        "caught": {rule: caught[rule] for rule in rules() if rule in caught},
    }


def text(document: Mapping[str, Any]) -> str:
    """A document as JSON, with a line for every saboteur and every rule."""
    parts = []
    for key, value in document.items():
        if key == "asked":
            parts.append(f'"{key}": {json.dumps(value)}')
            continue
        lines = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
        parts.append(f'"{key}": {{\n{lines}\n}}')
    return "{" + ",\n".join(parts) + "}\n"


def complaints(columns: Sequence[Column]) -> Iterator[str]:
    """What is wrong with a matrix, a line each."""
    for found in columns:
        for name, (hits, runs) in found.counts.items():
            if hits < runs and found.rule in breaks()[name]:
                yield f"{name} is caught by {found.rule} in {hits} of {runs} runs"
        for name, message in found.unrelated.items():
            yield f"{name} is caught by {found.rule}, which is unrelated: {message}"
    broken = {rule for mine in breaks().values() for rule in mine}
    yield from (f"{rule} has no saboteur" for rule in binding() if rule not in broken)


@cache
def breaks() -> dict[str, tuple[str, ...]]:
    """The rules that are meant to catch each saboteur."""
    return {s.name: s.breaks for s in all_saboteurs()}


def main(argv: Iterable[str] | None = None) -> int:
    """The command line."""
    given = arguments(None if argv is None else list(argv))
    others = "all" if given.full else "none" if given.meant else "unrelated"
    asking = Asking(given.seeds, given.points, given.examples, others)
    names, wanted = chosen(given.only)
    log = Log(given.log, (fingerprint(), asdict(asking), names))
    columns = matrix(names, wanted, asking, given.workers, log)
    print(f"{sum(found.cpu for found in columns):.0f} s of CPU time", file=sys.stderr)
    faults = list(complaints(columns))
    print("\n".join(faults))
    before = json.loads(HOME.read_text()) if given.only is not None else None
    if given.write:
        HOME.write_text(text(document(columns, asking, before, names)))
    if given.check:
        committed = json.loads(HOME.read_text())
        if committed["saboteurs"] != document(columns, asking)["saboteurs"]:
            faults.append("other saboteurs are committed")
            print(f"{HOME.name} is out of date: python -m tests.saboteurs.matrix --write")
    return 1 if faults else 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the committed matrix")
    parser.add_argument("--check", action="store_true", help="compare with the committed matrix")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--full", action="store_true", help="ask every rule about every saboteur")
    which.add_argument("--meant", action="store_true", help="ask no rule that is not meant")
    parser.add_argument("--seeds", type=int, default=1, help="runs of rules that are meant")
    parser.add_argument("--points", type=int, default=2, help="points of checks that are not")
    parser.add_argument("--examples", type=int, default=2, help="cases drawn at such a point")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", help="families, rules or saboteurs")
    parser.add_argument("--log", type=Path, default=LOG, help="where a run can go on")
    return parser.parse_args(argv)


def chosen(only: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The saboteurs and rules that are asked about.

    Raises
    ------
    ValueError
        If a word names no family, rule or saboteur.
    """
    every, wanted = [s.name for s in all_saboteurs()], rules()
    if only is None:
        return every, wanted
    if strangers := [w for w in only if w not in {*every, *wanted, *(r[:3] for r in wanted)}]:
        raise ValueError(f"--only names no family, rule or saboteur: {', '.join(strangers)}")
    return ([n for n in every if n in only] or every,
            [r for r in wanted if r in only or r[:3] in only] or wanted)


if __name__ == "__main__":
    sys.exit(main())
