"""Regenerate the files of docs/results that this machine can make.

    python -m tests.results [PRODUCT ...]

Without a name, all are made, the long ones last. Reports are named after the version of the library
and the Python that runs this; those of another Python are made by
`tox -e results-py311,results-py313`, those of earlier versions of brainstate by
`tox -e results-brainstate041,results-brainstate042`, and those of libraries by an adapter by
`tox -e results-adapters`. A product whose packages are not installed is left as it is, and the
command says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "docs" / "results"
WORKERS = str(os.cpu_count() or 1)


@dataclass(frozen=True)
class Product:
    """A committed result: what makes it, and the package without which nothing can.

    Attributes
    ----------
    arguments : tuple of str
        What follows ``python -m``.
    needs : str
        The package.
    """

    arguments: tuple[str, ...]
    needs: str = "refimpl"

    def there(self) -> bool:
        """Whether the package is installed."""
        return importlib.util.find_spec(self.needs) is not None


def report(module: str, needs: str = "") -> Product:
    """The report of an implementation, or of an adapter of one, which may well break rules."""
    return Product(("spec", "check", module, "--failures", "--workers", WORKERS,
                    "--report", f"{RESULTS}{os.sep}"), needs or module)


PRODUCTS = {
    "refimpl": report("refimpl"),
    "brainstate": report("brainstate"),
    "tests.adapters.flax_nnx": report("tests.adapters.flax_nnx", "flax"),
    "tests.adapters.autograd_states": report("tests.adapters.autograd_states", "autograd"),
    "coverage": Product(("tests.power", "--write")),
    "kill-matrix": Product(("tests.saboteurs.matrix", "--full", "--write", "--seeds", "5",
                            "--workers", WORKERS)),
    "examples": Product(("tests.saboteurs.examples", "--write")),
    "mutation": Product(("tests.mutation", "run", "--write", "--workers", WORKERS), "cosmic_ray"),
}
BROKEN = 1
"""The exit status of a check that found broken rules: its report is a result all the same."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the products that are named, or all; 0 if each was made or cannot be made here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("products", nargs="*", metavar="PRODUCT", help=", ".join(PRODUCTS))
    names = parser.parse_args(argv).products or list(PRODUCTS)
    if unknown := [name for name in names if name not in PRODUCTS]:
        parser.error(f"no product is called {', '.join(unknown)}; there are {', '.join(PRODUCTS)}")
    failed = []
    for name in names:
        product = PRODUCTS[name]
        if not product.there():
            print(f"{name}: left as it is, {product.needs} is not installed", flush=True)
            continue
        print(f"{name}: python -m {' '.join(product.arguments)}", flush=True)
        status = subprocess.run([sys.executable, "-m", *product.arguments]).returncode
        if status not in (0, BROKEN if product.arguments[:2] == ("spec", "check") else 0):
            failed.append(f"{name} ended with status {status}")
    print("\n".join(failed) or "all results that can be made here are made")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
