"""The options of the suite, which pytest must know before it knows whether the suite is run.

Every pytest run loads this module wherever the package is installed. So it loads nothing else, and
every option has a prefix.
"""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of which begin with ``--spec-``."""
    group = parser.getgroup("spec", "the conformance suite of state-aware differentiation")
    group.addoption("--spec-impl", default="refimpl", metavar="NAME",
                    help="module to check (default: refimpl)")
    group.addoption("--spec-rules", default="", metavar="RET,DER-01",
                    help="only these families and rules")
    group.addoption("--spec-level", default="", metavar="MUST,SHOULD",
                    help="only rules of these levels")
    group.addoption("--spec-authority", default="", metavar="tutorial,jax",
                    help="only rules on these authorities")
    group.addoption("--spec-class", default="", metavar="products,jit",
                    help="only class basic, or only what core and these classes allow to judge")
    group.addoption("--spec-profile", default="quick", metavar="PROFILE",
                    help="how many cases a generated check draws: quick, standard or thorough")
    group.addoption("--spec-seed", type=int, default=0, help="same seed, same cases (default: 0)")
    group.addoption("--spec-database", default="", metavar="DIR",
                    help="folder of failing cases, which are tried first")
    group.addoption("--spec-known", default="", metavar="FILE",
                    help="file of known failures, which are expected to fail as it says")
    group.addoption("--spec-device", metavar="DEVICE",
                    help="where JAX's arrays live: cpu, gpu, cpu:1")
