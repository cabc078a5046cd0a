"""The committed results: complete, valid, and what they say of the reference implementation."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec import results
from spec.rules import registry

FILES = sorted(
    file for file in (Path(__file__).parent.parent / "docs" / "results").glob("*-py3.*.json")
)


def test_both_implementations_have_results() -> None:
    names = {file.name.split("-")[0] for file in FILES}
    assert names == {"refimpl", "brainstate"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_result_is_named_for_its_content_and_judges_every_rule(file: Path) -> None:
    report = results.read(file)
    assert results.file_name(report["meta"]) == file.name
    assert list(report["rules"]) == list(registry())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_few_cases_are_undecided(file: Path) -> None:
    report = results.read(file)
    assert report["undecided"] < 0.01 * report["examples"]
    assert "inconclusive" not in report["rules"].values()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_failure_has_a_short_script(file: Path) -> None:
    for failure in results.read(file)["failures"]:
        lines = [line for line in failure["script"].splitlines() if line.strip()]
        assert 0 < len(lines) <= 15, f"{failure['rule']} {failure['case']}: {len(lines)} lines"


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.name.startswith("refimpl")], ids=lambda file: file.stem
)
def test_the_reference_implementation_keeps_every_rule(file: Path) -> None:
    assert set(results.read(file)["rules"].values()) == {"pass"}
