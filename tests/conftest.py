"""Fixtures that several test modules use. The precision is set in the root conftest.py."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture(scope="module", params=["refimpl", "brainstate"])
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """Each implementation in turn, by the name it is imported under; skips an absent brainstate."""
    if request.param == "brainstate":
        pytest.importorskip("brainstate", reason="brainstate is not installed")
    return importlib.import_module(request.param)
