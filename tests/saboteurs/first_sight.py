"""Which of the fresh saboteurs a quick run catches: the rules they break, then their families.

    python -m tests.saboteurs.first_sight [NAME ...]

The status is 1 where `uncaught.py` says otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from multiprocessing import get_context

from spec.run.implementation import load
from tests.saboteurs.asking import caught, rules
from tests.saboteurs.rare import FRESH
from tests.saboteurs.uncaught import UNCAUGHT


def noticed(name: str) -> str:
    """The first rule that catches a saboteur and where; empty if none of its families does."""
    load("refimpl")
    saboteur = FRESH[name]
    families = {rule[:3] for rule in saboteur.breaks}
    others = [rule for rule in rules() if rule[:3] in families and rule not in saboteur.breaks]
    for rule in (*saboteur.breaks, *others):
        if catch := caught(saboteur, rule):
            return f"{rule} {catch.check} {catch.point!r} after {catch.examples}: {catch.message}"
    return ""


def main(names: Sequence[str]) -> int:
    """Say of every saboteur what catches it; 1 where the list of those uncaught is wrong."""
    asked = list(names) or sorted(FRESH)
    missed = []
    # Not that of concurrent.futures, which hangs on Python 3.11 when its processes are replaced.
    with get_context("spawn").Pool(2, maxtasksperchild=4) as pool:
        for name, found in zip(asked, pool.imap(noticed, asked), strict=True):
            print(f"{name}: {found or 'UNCAUGHT'}", flush=True)
            missed += [] if found else [name]
    print(f"caught {len(asked) - len(missed)} of {len(asked)}")
    return 0 if set(missed) == set(UNCAUGHT) & set(asked) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
