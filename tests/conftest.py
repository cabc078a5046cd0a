"""Fixtures that several test modules use. The precision is set in the root conftest.py."""

import importlib
import os
from types import ModuleType

import pytest

from spec.judge.check import Check
from tests import day

WHOLE = "SPEC_WHOLE_RUN"
"""Set for the processes that share a run in which no file was named."""


def pytest_configure(config: pytest.Config) -> None:
    """Fix the day before processes are started, which shall have the same."""
    day.today()
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        os.environ[WHOLE] = "1"


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep tests that share what is costly in one process, where there are several."""
    if getattr(config.option, "numprocesses", None):
        config.option.dist = "loadgroup"


def pytest_report_header() -> str:
    """Say which day chose the slices, so that they can be asked for again."""
    return f"slices of {day.VARIABLE}={day.today() or day.EVERY}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together what shares something, and in a run of everything what has its turn."""
    files = [item.path.relative_to(config.rootpath).as_posix() for item in items]
    for item, file in zip(items, files, strict=True):
        if file in day.TOGETHER:
            item.add_marker(pytest.mark.xdist_group(file))
    if WHOLE not in os.environ:
        return
    chosen = day.turns([*zip(files, map(_check, items), strict=True)])
    others = [item for item, now in zip(items, chosen, strict=True) if not now]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item, now in zip(items, chosen, strict=True) if now]


def _check(item: pytest.Item) -> str:
    """The id of the check that a test asks at one of its points, if it asks one."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    check = parameters.get("check")
    return check.id if isinstance(check, Check) else ""


@pytest.fixture(scope="module", params=["refimpl", "brainstate"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """Each implementation in turn, by the name it is imported under; skips an absent brainstate."""
    if request.param == "brainstate":
        pytest.importorskip("brainstate", reason="brainstate is not installed")
    return importlib.import_module(request.param)
