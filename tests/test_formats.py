"""The formats of a report agree, whatever a library has said."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from spec.__main__ import BROKEN, INCOMPLETE, UNUSABLE, main
from spec.chapters.rules import registry
from spec.judge.check import Check
from spec.judge.verdict import Outcome, Verdict
from spec.report import badge, committed, document
from spec.report.formats import FORMATS
from tests.told import broken, kept, tell

NASTY = "raised ValueError: <script>alert(1)</script> | *a* `b` ``` [x](y) & ]]> \\x1b \"q\""
SUFFIXES = {"junit": ".xml", "markdown": ".md", "html": ".html", "badge": ".svg"}
RULES = "RET-05,RET-06,RET-07,FLT-06,FLT-07,STA-01"


def answer(check: Check, point: str) -> Outcome:
    """Every verdict, somewhere."""
    key = check.rule, point
    if key in (("RET-05", "grad"), ("RET-05", "jacrev"), ("RET-07", "grad")):
        return broken(check, point, NASTY)
    if key == ("RET-06", "grad"):
        return broken(check, point, "raised KeyError: 'known'")
    verdicts = {("RET-07", "hessian"): Verdict.ERROR, ("RET-05", "hessian"): Verdict.ABSENT,
                ("FLT-06", "True"): Verdict.INCONCLUSIVE}
    if found := verdicts.get(key):
        said = "needs transform.hessian" if found is Verdict.ABSENT else f"{found}, it is"
        return Outcome(check.rule, check.name, point, found, said)
    return kept(check, point)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run, in every format."""
    folder = tmp_path_factory.mktemp("formats")
    files = {name: folder / f"report{suffix}" for name, suffix in SUFFIXES.items()}
    files["report"], known = folder / "report.json", folder / "known.toml"
    known.write_text('implementation = "told"\n[[known]]\nrule = "RET-06"\nkind = "never"\n'
                     'reason = "on purpose"\nmessage = "raised KeyError: ..."\n', encoding="utf-8")
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    with pytest.MonkeyPatch.context() as patch:
        tell(patch, answer)
        assert main(["check", "told", "--rules", RULES, "--known", str(known), *options]) == BROKEN
    return files


@pytest.fixture(scope="module")
def data(made: dict[str, Path]) -> dict[str, Any]:
    return committed.read(made["report"])


def test_the_data_have_every_verdict_and_follow_the_schema(data: dict[str, Any]) -> None:
    jsonschema.validate(data, document.schema())
    assert {v for at in data["points"].values() for v in at.values()} == set(map(str, Verdict))
    assert data["levels"] == {rule: registry()[rule].level for rule in data["rules"]}
    counted: Counter[str] = Counter()
    for by_authority in data["counts"].values():
        for counts in by_authority.values():
            counted.update(counts)
    assert counted == Counter(data["rules"].values())
    assert set(data["classes"]) == {"basic", "core", "products"}
    # fwd_grad is a point of three rules
    assert data["classes"]["products"] == {"pass": 3}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({k: v for k, v in data.items() if k != "points"}, document.schema())


def test_junit_has_a_test_case_for_every_point(made: dict[str, Path], data: dict[str, Any]) -> None:
    root = ElementTree.parse(made["junit"]).getroot()
    tag = {"fail": "failure", "error": "error", "inconclusive": "error", "known": "skipped",
           "absent": "skipped"}
    wanted = {(check.partition("/")[0], f"{check.partition('/')[2]}[{point}]"): tag.get(verdict, "")
              for check, at in data["points"].items() for point, verdict in at.items() if point}
    found = {(case.attrib["classname"], case.attrib["name"]): case[0].tag if len(case) else ""
             for case in root.iter("testcase")}
    assert wanted.items() <= found.items()
    assert len(found) == sum(map(len, data["points"].values()))
    for name, count in [("tests", len(found)),
                        *((f"{kind}s".replace("skippeds", "skipped"), n) for kind, n in
                          Counter(filter(None, found.values())).items())]:
        assert root.attrib[name] == root[0].attrib[name] == str(count)
    shown = [node.attrib["message"] for node in root.iter("failure")]
    assert set(shown) == {NASTY}
    assert "raised KeyError: 'known' (never: on purpose)" in {
        node.attrib["message"] for node in root.iter("skipped")}
    assert sum("import told as lib" in (node.text or "") for node in root.iter("failure")) == 3


def test_markdown_has_the_counts_and_a_script_for_every_cause(
    made: dict[str, Path], data: dict[str, Any]
) -> None:
    text = made["markdown"].read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in text.splitlines() if line.startswith("| ")]
    head, _, *body = rows
    found = {level: {} for level in data["counts"]}  # type: dict[str, dict[str, dict[str, int]]]
    for level, authority, *counts in body:
        found[level][authority] = {verdict: int(count) for verdict, count
                                   in zip(head[2:], counts, strict=True) if count != "0"}
    assert found == data["counts"]
    assert text.count("<details>") == len(data["causes"]) - 2  # no script for what is undecided
    assert "<script>" not in text and r"\<script\>alert" in text
    assert "RET\\-06" not in text and "- RET-06 States and aux: never: on purpose" in text
    assert "Absent, with how many rules need it: `transform.hessian` (1)." in text


class Page(HTMLParser):
    """What a page says of its rules, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rules: dict[str, str] = {}
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.links: set[str] = set()
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags[tag] += 1
        if tag not in ("meta",):
            self.open.append(tag)
        if tag == "section":
            self.rules[str(given["id"])] = str(given["class"]).split()[1]
        self.links |= {str(given[key]) for key in ("href", "src") if key in given}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_has_every_rule_and_loads_nothing(
    made: dict[str, Path], data: dict[str, Any]
) -> None:
    text = made["html"].read_text(encoding="utf-8")
    page = Page(text)
    assert page.rules == data["rules"] and not page.open
    assert page.links <= {f"#{rule}" for rule in data["rules"]}
    assert not page.tags.keys() & {"script", "link", "img", "iframe"} and "@import" not in text
    said = "".join(page.text)
    assert NASTY in said and "on purpose" in said and "transform.hessian" in said
    assert all(f["script"] in said for f in data["failures"])


def test_the_badge_has_what_the_others_say(
    made: dict[str, Path], data: dict[str, Any], tmp_path: Path
) -> None:
    root = ElementTree.parse(made["badge"]).getroot()
    said = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    must = [verdict for rule, verdict in data["rules"].items() if data["levels"][rule] == "MUST"]
    words = f"{must.count('pass')} of {len(must)} MUST"
    assert said == ["state-ad-spec", words]
    endpoint = tmp_path / "badge.json"
    assert main(["render", str(made["report"]), "--badge", str(endpoint)]) == 0
    assert json.loads(endpoint.read_text()) == {"schemaVersion": 1, "label": "state-ad-spec",
                                                "message": words, "color": "red"}
    for name in ("markdown", "html"):
        text = made[name].read_text(encoding="utf-8")
        assert f"{words} kept" in text and "products 3 of 3." in text


@pytest.mark.parametrize(("rules", "levels", "colour"), [
    ({"A": "pass", "B": "absent"}, "MM", "brightgreen"),
    ({"A": "pass", "B": "fail"}, "MS", "yellow"),
    ({"A": "known", "B": "pass"}, "MM", "red"),
    ({"A": "absent"}, "M", "lightgrey"),
])
def test_the_badge_is_green_where_all_that_was_judged_is_kept(
    rules: dict[str, str], levels: str, colour: str
) -> None:
    words = {"M": "MUST", "S": "SHOULD"}
    told = {"rules": rules, "levels": dict(zip(rules, map(words.get, levels), strict=True))}
    assert badge.colour(told) == colour


def test_a_report_is_rendered_later_as_it_would_have_been(
    made: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(FORMATS) == set(SUFFIXES)
    files = {name: tmp_path / f"later{suffix}" for name, suffix in SUFFIXES.items()}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert main(["render", str(made["report"]), *options]) == 0
    assert all(files[name].read_text() == made[name].read_text() for name in FORMATS)
    assert main(["render", str(made["report"])]) == UNUSABLE
    assert "render needs one of --junit, --markdown, --html, --badge" in capsys.readouterr().err
    assert main(["render", str(made["report"]), "--html", str(tmp_path)]) == UNUSABLE
    assert "expected a file" in capsys.readouterr().err
    old = tmp_path / "old.json"
    old.write_text(re.sub(r'"format": 3,', "", made["report"].read_text()), encoding="utf-8")
    assert main(["render", str(old), *options]) == UNUSABLE
    assert "is of an older format, without format: run the check" in capsys.readouterr().err


def test_a_run_that_is_not_complete_writes_no_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(check: Check, point: str) -> Outcome:
        raise KeyboardInterrupt

    tell(monkeypatch, interrupted)
    file = tmp_path / "page.html"
    assert main(["check", "told", "--rules", "RET-05", "--html", str(file)]) == INCOMPLETE
    assert not file.exists()
