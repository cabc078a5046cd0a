"""A script shows the code that ran, whatever has become of its file since."""

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from spec.chapters import all_checks
from spec.judge import check as home
from spec.judge.check import Check, snippet_source
from spec.judge.subject import Subject

TEXT = """from spec.judge.check import snippet

@snippet("RET-01")
def first(lib):
    assert lib.first

@snippet("RET-01")
def second(lib):
    assert lib.second
"""


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Check]:
    """The checks of a file that is edited after it was loaded."""
    found: dict[str, Check] = {}
    monkeypatch.setattr(home, "_CHECKS", found)
    file = tmp_path / "edited.py"
    file.write_text(TEXT, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("edited", file)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    file.write_text(TEXT.replace("\n@snippet", "\n\n\n\n\n@snippet", 1), encoding="utf-8")
    os.utime(file, (1, 1))
    return found


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_file_that_is_edited_later_changes_no_script(
    checks: dict[str, Check], name: str
) -> None:
    subject = Subject("none", SimpleNamespace())
    lines = snippet_source(checks[f"RET-01/{name}"], subject, {})
    assert lines[len(subject.header()):] == [f"assert lib.{name}"]


def test_the_checks_of_the_specification_are_known_by_their_own_code() -> None:
    """A function may check two rules, but no two functions show the same."""
    functions = {check.shown for check in all_checks() if check.strategy is None or check.filled}
    shown = {home._body(function) for function in functions}
    assert len(functions) > 100 and len(shown) == len(functions)
