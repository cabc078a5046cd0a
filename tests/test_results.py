"""The committed results: complete, valid, and what they say of the reference implementation."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

from spec.chapters.rules import families, registry
from spec.report import committed, document
from spec.report.digest import name_of
from spec.run.versions import numbers
from tests import results

DOCS = Path(__file__).parent.parent / "docs"
FILES = sorted((DOCS / "results").glob("*-py3.*.json"))


def named(name: str) -> list[Path]:
    """The reports of an implementation."""
    return [file for file in FILES if file.name.startswith(f"{name}-")]


def test_implementations_and_adapters_have_results() -> None:
    names = {file.name.split("-")[0] for file in FILES}
    assert {"refimpl", "brainstate"} <= names
    others = {name.removeprefix("tests.adapters.") for name in names - {"refimpl", "brainstate"}}
    adapters = {file.stem for file in (Path(__file__).parent / "adapters").glob("*.py")}
    assert others and others <= adapters


def test_a_library_has_results_of_several_versions() -> None:
    """From one to the next the page of versions shows what changed."""
    versions = {committed.read(file)["meta"]["version"] for file in named("brainstate")}
    assert len(versions) > 2


def test_the_reference_on_autograd_breaks_nothing() -> None:
    (file,) = named("tests.adapters.autograd_states")
    verdicts = committed.read(file)["rules"]
    assert set(verdicts.values()) == {"pass", "absent"}
    assert list(verdicts.values()).count("pass") > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_result_is_valid_and_named_for_its_content(file: Path) -> None:
    """A rule that is newer than the file is not run yet, and one may have been withdrawn."""
    report = committed.read(file)
    jsonschema.validate(report, document.schema())
    assert committed.file_name(report["meta"]) == file.name
    withdrawn = {gone.id for family in families().values() for gone in family.withdrawn}
    assert set(report["rules"]) <= {*registry(), *withdrawn}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_few_cases_are_undecided(file: Path) -> None:
    report = committed.read(file)
    assert report["undecided"] < 0.01 * report["examples"]
    assert "inconclusive" not in report["rules"].values()


LONGEST = 22
"""Lines of a script: fifteen as those of any snippet, and one for each parameter that is drawn."""
LONG = {"CMP-21": 25, "CTL-14": 30, "GST-14": 32, "WRB-16": 30, "WRB-30": 34}
"""Rules with longer scripts: everything at once, where the search came to its limit; lanes within
lanes; eight states, with the modules that hold them; a tracer to stop a library.  What ends in the
random stream fails by other ways when a statement is left out."""
WHOLE = 30
"""Lines of a script that shows all of a check: where a library breaks every case, as one that was
made for something else may, no smaller one says more."""
OLDEST, OLDEST_WHOLE = "brainstate-0.4.1-", 40
"""It breaks every `hessian` of states and nearly every branch, so that much of a program stays."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_failure_has_a_short_script(file: Path) -> None:
    failures = committed.read(file)["failures"]
    for failure in (failure for failure in failures if failure["verdict"] != "absent"):
        lines = [line for line in failure["script"].splitlines() if line.strip()]
        adapted = file.name.startswith("tests.adapters.")
        most = max(LONG.get(failure["rule"], LONGEST), WHOLE if adapted else 0)
        most = OLDEST_WHOLE if file.name.startswith(OLDEST) else most
        assert 0 < len(lines) <= most, f"{failure['rule']} {failure['case']}: {len(lines)} lines"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_cause_has_a_script_and_no_advice_is_counted_as_a_must(file: Path) -> None:
    report = committed.read(file)
    scripts = {name_of(failure): failure["script"] for failure in report["failures"]}
    assert all(scripts[cause["shown"]] for cause in report["causes"])
    failing = {rule for rule, verdict in report["rules"].items() if verdict == "fail"}
    assert failing == {rule for cause in report["causes"] for rule in cause["rules"]}
    assert "recommended" not in report["counts"].get("MUST", {})


@pytest.mark.parametrize("file", named("refimpl"), ids=lambda file: file.stem)
def test_the_reference_implementation_keeps_every_rule(file: Path) -> None:
    assert set(committed.read(file)["rules"].values()) == {"pass"}


LOOKED_AT = [0, 5, 4]
"""The first version whose own tests were read."""


def test_what_a_library_tests_itself_is_told_of_rules_that_it_breaks() -> None:
    told = tomllib.loads((DOCS / "own_tests.toml").read_text(encoding="utf-8"))
    assert set(told) == {"asserts", "runs"} and not told["asserts"].keys() & told["runs"].keys()
    tests = told["asserts"].keys() | told["runs"].keys()
    for file in named("brainstate"):
        report = committed.read(file)
        broken = {rule for rule, verdict in report["rules"].items() if verdict == "fail"}
        assert tests <= broken or numbers(report["meta"]["version"]) < LOOKED_AT


def test_every_committed_result_is_a_product() -> None:
    """Nothing in the folder is written by hand."""
    names = {file.name.split("-")[0] if file in FILES else file.stem
             for file in (DOCS / "results").glob("*.json")}
    assert names == set(results.PRODUCTS)


def test_an_unknown_product_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        results.main(["refimpl", "nothing"])
    assert "no product is called nothing; there are refimpl, " in capsys.readouterr().err


@pytest.mark.parametrize(("status", "result"), [(0, 0), (1, 0), (3, 1)])
def test_a_report_of_broken_rules_is_a_result_and_a_crash_is_none(
    status: int, result: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str]) -> SimpleNamespace:
        assert command[1:4] == ["-m", "spec", "check"]
        return SimpleNamespace(returncode=status)

    monkeypatch.setattr("subprocess.run", run)
    assert results.main(["refimpl"]) == result
    assert ("ended with status 3" in capsys.readouterr().out) == bool(result)
