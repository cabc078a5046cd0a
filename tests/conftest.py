"""Fixtures that several test modules use. The precision is set in the root conftest.py."""

import importlib
from types import ModuleType

import pytest

from tests import day


def pytest_configure() -> None:
    """Fix the day before processes are started, which shall have the same."""
    day.today()


def pytest_report_header() -> str:
    """Say which day chose the slices, so that they can be asked for again."""
    return f"slices of {day.VARIABLE}={day.today()}"


@pytest.fixture(scope="module", params=["refimpl", "brainstate"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """Each implementation in turn, by the name it is imported under; skips an absent brainstate."""
    if request.param == "brainstate":
        pytest.importorskip("brainstate", reason="brainstate is not installed")
    return importlib.import_module(request.param)
