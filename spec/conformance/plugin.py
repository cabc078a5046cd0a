"""The options of the suite: which implementation, how many examples, which seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spec.judge.subject import Subject
from spec.run import smoke
from spec.run.decide import PROFILES, Profile
from spec.run.implementation import DEVICES, NoDevice, Unusable, load


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--impl``, ``--rules-profile``, ``--rules-seed``, ``--rules-database``, ``--device``."""
    group = parser.getgroup("spec", "the conformance suite of state-aware differentiation")
    group.addoption("--impl", default="refimpl", help="module to check (default: refimpl)")
    group.addoption("--rules-profile", choices=PROFILES, default="quick",
                    help="how many cases a generated check draws (default: quick)")
    group.addoption("--rules-seed", type=int, default=0, help="same seed, same cases (default: 0)")
    group.addoption("--rules-database", default="",
                    help="folder of failing cases, which are tried first")
    group.addoption("--device", choices=DEVICES, help="where JAX's arrays live")


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    """The implementation under test; a wrong adapter stops the run at once."""
    try:
        found = load(request.config.getoption("--impl"), request.config.getoption("--device"))
    except NoDevice as error:
        pytest.skip(str(error))
    except Unusable as error:
        pytest.exit(f"spec: {error}", returncode=4)
    if faults := smoke.faults(found):
        pytest.exit(f"spec: the adapter is wrong: {'; '.join(faults)}", returncode=4)
    return found


@pytest.fixture(scope="session")
def rules_profile(request: pytest.FixtureRequest) -> Profile:
    """How much is drawn."""
    profile = PROFILES[request.config.getoption("--rules-profile")]
    return replace(profile, database=request.config.getoption("--rules-database"))


@pytest.fixture(scope="session")
def rules_seed(request: pytest.FixtureRequest) -> int:
    """The seed of every generated check."""
    return int(request.config.getoption("--rules-seed"))
