"""Fixtures that several test modules use. The precision is set in the root conftest.py."""

import importlib
import os
from types import ModuleType

import pytest

from tests import day

WHOLE = "SPEC_WHOLE_RUN"
"""Set for the processes that share a run in which no file was named."""


def pytest_configure(config: pytest.Config) -> None:
    """Fix the day before processes are started, which shall have the same."""
    day.today()
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        os.environ[WHOLE] = "1"


def pytest_report_header() -> str:
    """Say which day chose the slices, so that they can be asked for again."""
    return f"slices of {day.VARIABLE}={day.today() or day.EVERY}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to other days what does not have its turn in a run of everything."""
    if WHOLE not in os.environ:
        return
    files = [item.path.relative_to(config.rootpath).as_posix() for item in items]
    chosen = day.turns(files)
    others = [item for item, now in zip(items, chosen, strict=True) if not now]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item, now in zip(items, chosen, strict=True) if now]


@pytest.fixture(scope="module", params=["refimpl", "brainstate"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """Each implementation in turn, by the name it is imported under; skips an absent brainstate."""
    if request.param == "brainstate":
        pytest.importorskip("brainstate", reason="brainstate is not installed")
    return importlib.import_module(request.param)
