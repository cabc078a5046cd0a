"""Known failures: what the file excuses, and everything about it that is news."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from spec.__main__ import BROKEN, UNUSABLE, main
from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.verdict import Outcome, Verdict
from spec.report import committed, document
from spec.run import known, known_file, versions
from tests.told import META, broken, kept, tell

RUN = ["check", "told", "--rules", "RET-05,RET-06"]
CHECK = "result_has_the_structure_of_the_row"


def failing(points: list[str], message: str = "raised TypeError: no 3") -> Callable[
    [Check, str], Outcome
]:
    """What breaks RET-05 at some points."""
    def answer(check: Check, point: str) -> Outcome:
        bad = check.rule == "RET-05" and point in points
        return broken(check, point, message) if bad else kept(check, point)

    return answer


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known.toml"


def written(file: Path, **changed: object) -> None:
    """Write a file of one entry."""
    entry = {"rule": "RET-05", "kind": "upstream", "reason": "to be mended",
             "message": "raised TypeError: no ...", **changed}
    lines = [f"{key} = {known_file._quoted(value) if isinstance(value, str) else value}"
             for key, value in entry.items() if value is not None]
    file.write_text("\n".join(['implementation = "told"', "[[known]]", *lines]), encoding="utf-8")


def test_a_known_failure_is_no_news_and_has_its_reason_in_the_report(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(file, check=CHECK, points=["grad"], link="https://example.org/1")
    tell(monkeypatch, failing(["grad"]))
    report = file.with_suffix(".json")
    assert main([*RUN, "--known", str(file), "--report", str(report)]) == 0
    shown = capsys.readouterr().out
    assert "2 rules: 1 pass, 1 known" in shown
    assert "\nknown\n  RET-05 upstream: to be mended (https://example.org/1)\n" in shown
    data = committed.read(report)
    jsonschema.validate(data, document.schema())
    (failure,) = data["failures"]
    assert failure["verdict"] == "known" and data["causes"] == []
    assert failure["known"] == "upstream: to be mended (https://example.org/1)"
    assert main([*RUN, "--expect", str(report)]) == 0  # there a known failure is a failure


@pytest.mark.parametrize(("entry", "points", "message", "news"), [
    ({}, ["grad"], "raised KeyError: 1",
     f"RET-05/{CHECK}[grad] is known to fail, but not so: expected 'raised TypeError: no ...', "
     "got 'raised KeyError: 1'"),
    ({}, [], "", "RET-05 is known to fail, and nothing of it does"),
    ({"check": CHECK, "points": ["grad", "jacrev"]}, ["grad"], "raised TypeError: no 3",
     f"RET-05/{CHECK}[jacrev] is known to fail, and is kept now"),
    ({"check": CHECK, "points": ["grad", "nograd"]}, ["grad"], "raised TypeError: no 3",
     f"RET-05/{CHECK}[nograd] is known to fail, and there is no such point"),
    ({"check": "gone"}, [], "", "RET-05/gone is known to fail, and nothing of that name was run"),
    ({"check": CHECK, "points": ["grad"]}, ["grad", "jacrev"], "raised TypeError: no 3", None),
])
def test_anything_else_about_a_known_failure_is_news(
    entry: dict[str, object], points: list[str], message: str, news: str | None, file: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    """The last case has no entry that is wrong, and one failure more than is known."""
    written(file, **entry)
    tell(monkeypatch, failing(points, message))
    assert main([*RUN, "--known", str(file)]) == BROKEN
    shown = capsys.readouterr().out
    assert f"differs from {file}: {news}" in shown if news else "differs" not in shown
    assert ("let --update-known write it again" in shown) is bool(news)


@pytest.mark.parametrize(("entry", "points", "status"), [
    ({"kind": "flaky"}, [], 0),
    ({"kind": "flaky"}, ["grad"], 0),
    ({"kind": "never"}, [], BROKEN),
    ({"when": '{version = ">=1.3"}'}, [], 0),
    ({"when": '{version = "<1.3", jax = ">=0.10"}'}, [], BROKEN),
    ({"rule": "RET-07"}, [], 0),
])
def test_an_entry_counts_where_it_can_be_true(
    entry: dict[str, str], points: list[str], status: int, file: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    """A flaky failure may pass; of other versions, and of rules not asked for, nothing is said."""
    written(file, **entry)
    if "when" in entry:
        text = file.read_text().replace('"{', "{").replace('}"', "}").replace('\\"', '"')
        file.write_text(text, encoding="utf-8")
    tell(monkeypatch, failing(points))
    assert main([*RUN, "--known", str(file)]) == status


@pytest.mark.parametrize(("entry", "words"), [
    ({"kind": "soon"}, "entry 1 (RET-05): kind: expected one of upstream, never, flaky"),
    ({"reason": " "}, "it lacks reason"),
    ({"rule": "RET-99"}, "its rule is none"),
    ({"points": ["a"]}, "points are those of a check"),
    ({"color": "red"}, "unknown keys color"),
])
def test_a_wrong_file_is_refused(
    entry: dict[str, object], words: str, file: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = tell(monkeypatch, kept)
    written(file, **entry)
    assert main([*RUN, "--known", str(file)]) == UNUSABLE
    assert words in capsys.readouterr().err and not asked


def test_a_file_of_another_implementation_or_an_unknown_package_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, kept)
    for text, words in [('implementation = "other"', "is of other, and this is a run of told"),
                        ("known = 1 = 2", "is no TOML"), ("rules = []", "expected implementation")]:
        file.write_text(text, encoding="utf-8")
        assert main([*RUN, "--known", str(file)]) == UNUSABLE
        assert words in capsys.readouterr().err
    assert "no version of torch, but of version, python" in versions.unknown(META, ["torch"])
    assert versions.fault("~=1") and not versions.fault(">=1, <2.0.1")
    assert versions.within("1.10rc1", ">=1.9,<=1.10") and not versions.within("", ">0")


def test_the_file_is_written_and_kept_up(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a person has said of an entry stays as long as the entry is true."""
    update = [*RUN, "--known", str(file), "--update-known"]

    def answer(check: Check, point: str) -> Outcome:
        said = {"grad": "grad raised TypeError: no 3", "jacrev": "jacrev raised TypeError: no 4",
                "hessian": 'differs "so"'}.get(point)
        return broken(check, point, said) if check.rule == "RET-05" and said else kept(check, point)

    tell(monkeypatch, answer)
    assert main(update) == 0
    assert f"{file} knows of failures of 1 rule" in capsys.readouterr().out
    first, second = tomllib.loads(file.read_text(encoding="utf-8"))["known"]
    assert first["points"] == ["grad", "jacrev"] and second["message"] == 'differs "so"'
    assert first["message"] == "...raised TypeError: no ..."
    assert first["reason"] == second["reason"] == "not looked into yet"
    assert main([*RUN, "--known", str(file)]) == 0
    text = file.read_text(encoding="utf-8").replace("not looked into yet", "it is so", 1)
    file.write_text(text, encoding="utf-8")
    tell(monkeypatch, failing(["grad"]))
    assert main([*RUN, "--known", str(file)]) == BROKEN
    assert main(update) == 0
    (left,) = tomllib.loads(file.read_text(encoding="utf-8"))["known"]
    assert left["points"] == ["grad"] and left["reason"] == "it is so"


def test_the_update_needs_a_file_and_a_whole_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--update-known"]) == UNUSABLE
    assert "so it needs one" in capsys.readouterr().err
    assert main([*RUN, "--known", "nosuch.toml"]) == UNUSABLE
    assert "there is no such file" in capsys.readouterr().err
    assert main([*RUN, "--known", "x.toml", "--update-known", "--shard", "1/2"]) == UNUSABLE
    assert "--known needs the whole run" in capsys.readouterr().err


def test_the_file_of_the_guide_is_right(file: Path) -> None:
    """Its points are points, and its names are those of a report."""
    page = (Path(__file__).parents[1] / "docs" / "guides" / "ci.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^:caption: known.toml\n\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    file.write_text(shown, encoding="utf-8")
    first, second = known.read(file, {**META, "implementation": "mylib"})
    assert first.when and second.points and known_file.text("mylib", [first, second]) == shown
    (check,) = (c for c in all_checks() if c.id == second.name)
    assert set(second.points) <= set(check.cases)


def test_a_point_by_itself_is_known_or_news(file: Path) -> None:
    """As the pytest face asks, which never sees a whole run."""
    entries = [known.Known("RET-05", known.Kind.NEVER, "so", "raised ...", CHECK, ("grad",)),
               known.Known("RET-06", known.Kind.NEVER, "so", "raised ...")]
    bad = Outcome("RET-05", CHECK, "grad", Verdict.FAIL, "raised TypeError")
    found, news = known.at_point(entries, bad)
    assert (found.verdict, found.known, news) == (Verdict.KNOWN, "never: so", "")
    assert known.at_point(entries, replace(bad, message="another"))[0].verdict is Verdict.FAIL
    good = replace(bad, verdict=Verdict.PASS)
    assert "is kept now" in known.at_point(entries, good)[1]
    assert known.at_point(entries, replace(good, point="jacrev"))[1] == ""
    assert known.at_point(entries, replace(good, rule="RET-06"))[1] == ""
