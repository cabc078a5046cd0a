"""Choosing and repeating: classes of conformance, one case by its id, a rule and two reports."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import refimpl
from spec.__main__ import BROKEN, UNUSABLE, main
from spec.chapters import all_checks
from spec.chapters.basic import BASIC
from spec.chapters.rules import registry
from spec.command import adapter
from spec.command.explain import _broken
from spec.judge.check import Check
from spec.judge.subject import CLASSES, NAMES, Absent, Subject, lookup
from spec.judge.verdict import Outcome, Verdict
from spec.language.transforms import FAMILY
from spec.report import committed
from spec.report.report import Report
from spec.run import smoke
from spec.run.worker import hidden
from tests.told import broken, kept, tell

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of arguments that are wrong."""
    with pytest.raises(SystemExit, match=str(UNUSABLE)):
        main(arguments)
    return " ".join(capsys.readouterr().err.split())


# -- classes ---------------------------------------------------------------------------------------


def test_every_name_is_in_one_class() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_names_of_other_classes_are_as_absent() -> None:
    assert hidden(()) == frozenset() and "transform.grad" not in hidden(["jit"])
    asked: set[str] = set()
    lib = Subject("refimpl", refimpl, hidden(["jit"])).guarded(asked).lib
    assert lib.transform.jit is refimpl.transform.jit and lib.State is refimpl.State
    with pytest.raises(Absent, match="transform.vjp"):
        lib.transform.vjp  # noqa: B018
    with pytest.raises(Absent, match="util.filter.Any"):
        lib.util.filter.Any  # noqa: B018
    assert asked == {"transform.jit", "State", "transform.vjp", "util.filter.Any"}


def test_a_run_of_a_class_is_about_its_points_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(check: Check, point: str) -> Outcome:
        name = {"hessian": "transform.jacrev, transform.vjp",
                "jacrev": "transform.jacrev"}.get(point)
        if name is None:
            return kept(check, point)
        return Outcome(check.rule, check.name, point, Verdict.ABSENT, f"needs {name}")

    tell(monkeypatch, answer, classes=["jit"])
    file = tmp_path / "report.json"
    run = ["check", "told", "--rules", "RET-05"]
    assert main([*run, "--class", "jit", "--report", str(file)]) == 0
    shown = capsys.readouterr().out
    assert ", those of class core, jit alone, profile quick, seed 0" in " ".join(shown.split())
    assert "\n1 rule of class core, jit: 1 pass\n" in shown
    (points,) = committed.read(file)["points"].values()
    assert "hessian" not in points and points["jacrev"] == "absent" and points["grad"] == "pass"
    tell(monkeypatch, kept)
    assert main([*run, "--expect", str(file)]) == UNUSABLE
    assert "is of the classes core and jit, and this is a run of all" in capsys.readouterr().err
    assert main([*run, "--class", "jit", "--known", str(file)]) == UNUSABLE
    words = refused([*run, "--class", "jit,gpu"], capsys)
    assert f"expected some of {', '.join(CLASSES)}, got gpu" in words


def test_a_run_of_class_basic_is_about_its_rules_and_names_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hidden(["basic"]) == {*NAMES} - {*CLASSES["basic"]}

    def answer(check: Check, point: str) -> Outcome:
        lacks = f"transform.{point}"
        if lacks in hidden(["basic"]):
            return Outcome(check.rule, check.name, point, Verdict.ABSENT, f"needs {lacks}",
                           needs=frozenset({lacks}))
        return kept(check, point)

    asked = tell(monkeypatch, answer, classes=["basic"])
    file, badge = tmp_path / "report.json", tmp_path / "badge.json"
    run = ["check", "told", "--class", "basic"]
    assert main([*run, "--report", str(file), "--badge", str(badge)]) == 0
    shown = capsys.readouterr().out
    assert {check.partition("/")[0] for check, _ in asked} == {*BASIC}
    assert f"\nMUST kept by class: basic {len(BASIC)} of {len(BASIC)}\n" in shown
    assert shown.splitlines()[-1] == (
        "class basic is green; core next: check again without --class")
    data = committed.read(file)
    assert set(data["classes"]) == {"basic"} and "absent" not in str(data["points"])
    assert json.loads(badge.read_text())["message"] == f"{len(BASIC)} of {len(BASIC)} MUST of basic"
    assert main([*run, "--rules", "CTL"]) == UNUSABLE
    assert "no rule is of that level, authority and class" in capsys.readouterr().err


def test_a_point_is_of_the_classes_whose_names_it_needs() -> None:
    def outcome(rule: str, verdict: Verdict, *needs: str) -> Outcome:
        return Outcome(rule, "c", "", verdict, needs=frozenset(needs))

    report = Report({}, (
        outcome("RET-01", Verdict.PASS, "State", "transform.grad"),
        outcome("RET-01", Verdict.FAIL, "State", "transform.jit", "random.normal"),
        outcome("RET-02", Verdict.ABSENT, "transform.hessian"),
        outcome("RET-04", Verdict.PASS),
    ))
    assert report.by_class() == {
        "basic": {"RET-01": Verdict.PASS},
        "core": {"RET-01": Verdict.PASS, "RET-02": Verdict.ABSENT, "RET-04": Verdict.PASS},
        "jit": {"RET-01": Verdict.FAIL}, "random": {"RET-01": Verdict.FAIL}}


# -- one case --------------------------------------------------------------------------------------


def test_a_case_is_decided_once_more_by_the_id_that_a_failure_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, broken)
    main(["check", "told", "--rules", "RET-05"])
    (id_,) = re.findall(r"^case: +(\S+)$", capsys.readouterr().out, re.MULTILINE)
    asked = tell(monkeypatch, broken)
    assert main(["run", "told", id_]) == BROKEN
    shown = capsys.readouterr().out
    assert len(asked) == 1 and f"case:     {id_}" in shown and "import told as lib" in shown
    tell(monkeypatch, kept)
    assert main(["run", "told", id_, "--seed", "7"]) == 0


NO_CASE = f"names none of the {len(FAMILY)} cases of RET-05, which are RET-05/result_has"


@pytest.mark.parametrize(("text", "words"), [
    ("RET-05/result_has_the_structure_of_the_row[grd]", NO_CASE),
    ("RET-05", NO_CASE),
    ("SEL-04/anything", "SEL-04 was withdrawn"),
    ("nothing", "names no rule"),
])
def test_a_wrong_case_is_refused_with_a_pointer(
    text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(["run", "no.such.module", text], capsys)


# -- a rule ----------------------------------------------------------------------------------------


def test_a_rule_is_explained_by_a_script_that_keeps_it(
    capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "wrb-07"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("WRB-07 Point of differentiation\nMUST, invariant: ")
    assert "source: ruling 9" in shown and "derivative_flows_through_a_written_state" in shown
    script = shown.partition("):\n\n")[2].partition("\n\nbroken by")[0]
    exec(script, {})


def test_a_rule_of_drawn_cases_is_explained_by_one_that_runs(
    capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "RET-09"]) == 0
    first = capsys.readouterr().out
    assert "which was drawn for it" in first
    names: dict[str, object] = {}
    exec(first.partition("):\n\n")[2].partition("\n\nbroken by")[0], names)
    result = names["result"]
    assert isinstance(result, tuple) and len(result) == 2
    assert main(["explain", "RET-09"]) == 0 and capsys.readouterr().out == first


def test_of_the_examples_at_hand_the_shortest_is_shown() -> None:
    def failure(script: str) -> dict[str, str]:
        return {"rule": "RET-05", "verdict": "fail", "message": f"no {script}", "script": script}

    reports = [{"meta": {"implementation": name, "version": "1"}, "failures": list(map(failure, s))}
               for name, s in [("first", ["", "a\nb\nc"]), ("second", ["a\nb", "d\ne"])]]
    shown = list(_broken(registry()["RET-05"], reports))
    assert shown[:3] == ["broken by second 1: no a\nb", "", "a\nb"]


def test_an_example_that_breaks_a_rule_comes_from_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one, and without the results that a checkout has, it says so."""
    tell(monkeypatch, broken)
    file = tmp_path / "report.json"
    main(["check", "told", "--rules", "RET-05", "--report", str(file)])
    monkeypatch.setattr("spec.command.explain.RESULTS", tmp_path / "nowhere")
    capsys.readouterr()
    main(["explain", "RET-05", "--report", str(file)])
    assert "broken by told 1.2: raised TypeError: no\n\nimport told as lib" in (
        capsys.readouterr().out)
    main(["explain", "RET-05"])
    assert "No example that breaks it is at hand: --report FILE" in capsys.readouterr().out
    assert main(["explain", "RET-05", "--report", str(tmp_path / "no.json")]) == UNUSABLE
    assert "expected one rule such as WRB-07, got 'RET'" in refused(["explain", "RET"], capsys)
    assert "names no rule" in refused(["explain", "RET-77"], capsys)


# -- two reports -----------------------------------------------------------------------------------


def test_two_reports_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaking(*bad: tuple[str, str]) -> Callable[[Check, str], Outcome]:
        return lambda check, point: (broken if (check.rule, point) in bad else kept)(check, point)

    files = []
    for name, bad in [("a", [("RET-05", "grad"), ("RET-06", "grad")]),
                      ("b", [("RET-05", "grad"), ("RET-05", "jacrev"), ("RET-05", "hessian")])]:
        tell(monkeypatch, breaking(*bad))
        files.append(str(tmp_path / f"{name}.json"))
        main(["check", "told", "--rules", "RET-05,RET-06", "--report", files[-1]])
    capsys.readouterr()
    assert main(["compare", *files]) == BROKEN
    shown = capsys.readouterr().out.splitlines()
    assert "  RET-06 States and aux: was fail, is pass" in shown
    row = "RET-05/result_has_the_structure_of_the_row"
    assert f"  {row}[jacrev] and 1 more point: was pass, is fail: raised TypeError: no" in shown
    assert shown[-1] == ("broken now: 0 rules and 2 points; not broken any more: 1 rule and 0 "
                         "points; other changes: 0 rules and 0 points")
    assert main(["compare", files[1], files[1]]) == 0
    assert main(["compare", files[0], "nosuch.json"]) == UNUSABLE


def test_committed_reports_of_two_versions_are_compared(
    capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(map(str, RESULTS.glob("brainstate-*-py3.*.json")))
    assert main(["compare", files[0], files[-1]]) in (0, BROKEN)
    shown = capsys.readouterr().out
    assert shown.startswith("before: brainstate ") and "\nafter:  brainstate " in shown


# -- an adapter ------------------------------------------------------------------------------------


def test_the_template_of_a_library_with_the_names_offers_them_all(
    capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adapter", "refimpl"]) == 0
    source = capsys.readouterr().out
    made = ModuleType("made")
    exec(source, vars(made))
    for name in NAMES:
        assert lookup(made, name) is lookup(refimpl, name), name
    assert not Subject("made", made).missing and max(map(len, source.splitlines())) <= 100


def test_the_template_of_a_flat_library_offers_what_stands_at_its_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But no module that happens to be imported there."""
    (tmp_path / "flat.py").write_text("import random\nfrom refimpl import State, ParamState\n"
                                      "from refimpl.transform import grad, hessian\n"
                                      "from refimpl.nn import Module\n"
                                      "from refimpl.random import normal\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    made = ModuleType("made")
    exec(adapter.template("flat"), vars(made))
    offered = frozenset(NAMES) - Subject("made", made).missing
    assert offered == {"State", "ParamState", "transform.grad", "transform.hessian", "nn.Module",
                       "random.normal"}
    assert lookup(made, "transform.grad") is refimpl.transform.grad


def test_the_template_of_any_other_library_runs_and_lacks_what_that_lacks() -> None:
    made = ModuleType("made")
    source = adapter.template("json")
    exec(source, vars(made))
    assert Subject("made", made).missing == frozenset(NAMES)
    ast.parse(source)
    assert vars(made)["__version__"] == json.__version__  # type: ignore[attr-defined]


# -- the gate --------------------------------------------------------------------------------------


def faults(grad: Callable[..., object]) -> list[str]:
    lib = SimpleNamespace(State=refimpl.State, ParamState=refimpl.ParamState,
                          transform=SimpleNamespace(grad=grad))
    return smoke.faults(Subject("made", lib))


def test_an_adapter_whose_gradients_of_states_are_all_wrong_is_stopped() -> None:
    right = refimpl.transform.grad

    def refuses(fun: Callable[..., object], **options: object) -> object:
        if options:
            raise TypeError("too many positional arguments")
        return right(fun)

    def only_bare(fun: Callable[..., object], grad_states: Any = None) -> object:
        if isinstance(grad_states, (list, dict)):
            raise NotImplementedError("a bare state")
        return right(fun, grad_states)

    assert faults(right) == [] and faults(only_bare) == []
    (fault,) = faults(refuses)
    assert fault == ("transform.grad(s.value ** 2, grad_states=[s]) at 3 is [6]: "
                     "raised TypeError: too many positional arguments")
    (fault,) = faults(lambda fun, grad_states=None: (
        right(fun) if grad_states is None else lambda: [0.0]))
    assert fault.endswith("does not hold")


def test_every_case_has_an_id_of_its_own() -> None:
    ids = [Outcome(c.rule, c.name, point, Verdict.PASS).id
           for c in all_checks() for point in c.cases]
    assert len(set(ids)) == len(ids)
