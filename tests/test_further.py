"""A failure does not hide what stands behind it: each has a script, and none is told twice."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jsonschema
import pytest
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure

import refimpl
from spec.__main__ import main
from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.difference import Difference, Unreadable, Violation, raised
from spec.judge.subject import Subject
from spec.judge.verdict import Failure, Outcome, Verdict
from spec.language.script import Script
from spec.report import committed, digest, document, journal
from spec.report.journal import Kept
from spec.run.decide import decide
from spec.run.profiles import PROFILES, Profile
from spec.run.search import MOST, Search
from tests.saboteurs.asking import shows
from tests.saboteurs.hooks import Call, on_call
from tests.saboteurs.roster import Lib, copy_of
from tests.told import broken, kept, tell

LOOK = Profile("look", 30, 60)


# -- on cases that cost nothing --------------------------------------------------------------------


@dataclass(frozen=True)
class Made(Script):
    """A case that has a container, a size and a mode."""

    container: str
    size: int
    mode: str

    @property
    def labels(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({f"container: {self.container}", f"mode: {self.mode}",
                          f"size: {'large' if self.size > 4 else 'small'}"})

    def lines(self) -> list[str]:
        return [f"made({self.container!r}, {self.size}, {self.mode!r})"]


CASES = st.builds(Made, st.sampled_from(["dict", "dict", "dict", "list"]), st.integers(0, 9),
                  st.sampled_from(["x", "y", "z"]))


def shallow(case: Made) -> None:
    if case.container == "dict":
        raise raised(TypeError(f"no dict of {case.size}"))


def deep(case: Made) -> None:
    if case.size > 4:
        raise Violation(Difference("made", f"made == {case.size}", str(case.size), "4"))


def deeper(case: Made) -> None:
    if case.mode == "y":
        raise Violation(Difference("made", "made is None", "None", "y"))


def fails(defect: Any, case: Made) -> bool:
    try:
        defect(case)
    except Violation:
        return True
    return False


def asked(*defects: Any, profile: Profile = LOOK, seed: int = 0) -> tuple[Outcome, Counter[Made]]:
    """What is decided of a library with some defects, and how often each case was run."""
    ran: Counter[Made] = Counter()

    def judge(subject: Subject, case: Made) -> None:
        ran[case] += 1
        for defect in defects:
            defect(case)

    check = Check("RET-01", "made", judge, {"": None}, lambda _: CASES)
    return decide(check, Subject("refimpl", refimpl), "", profile, seed), ran


@pytest.mark.parametrize("seed", range(5))
def test_what_stands_behind_a_failure_is_told_without_it(seed: int) -> None:
    outcome, _ = asked(shallow, deep, deeper, seed=seed)
    told = {failure.actual.partition(":")[0]: failure.script for failure in outcome.each()}
    assert set(told) == {"TypeError", "4", "y"}
    assert len(outcome.each()) == MOST
    assert "dict" in told["TypeError"]
    assert "dict" not in told["4"] and "dict" not in told["y"]
    assert "'list', 5" in told["4"], "it is made small, too"


@pytest.mark.parametrize("defect", [shallow, deep, deeper])
@pytest.mark.parametrize("seed", range(5))
def test_one_defect_is_told_once(defect: Any, seed: int) -> None:
    outcome, ran = asked(defect, seed=seed)
    assert outcome.verdict is Verdict.FAIL and outcome.further == ()
    assert all(count == 1 for case, count in ran.items() if fails(defect, case))
    assert sum(ran.values()) == outcome.examples <= LOOK.examples + LOOK.shrinks


def illegible(case: Made) -> None:
    if case.container == "dict":
        raise Unreadable(Difference("made", "made is None", "None", "a dict"), "the result")


def rarely_illegible(case: Made) -> None:
    if case.container == "list" and case.size > 4:
        illegible(replace(case, container="dict"))


def test_what_cannot_be_read_fails_where_most_is_so() -> None:
    """Else a run on a library with one wrong structure would never be complete."""
    outcome, _ = asked(illegible)
    assert outcome.verdict is Verdict.FAIL and outcome.undecided == 0
    assert outcome.message == "the result cannot be read: made: expected None, got a dict"
    assert "dict" in outcome.script and "assert made is None" in outcome.script


def test_a_few_cases_that_cannot_be_read_are_left_to_the_rules_of_structure() -> None:
    outcome, ran = asked(rarely_illegible)
    assert outcome.verdict is Verdict.PASS and outcome.undecided == 0
    assert any(case.container == "list" and case.size > 4 for case in ran)


@pytest.mark.parametrize("seed", range(3))
def test_a_case_that_is_met_again_has_the_same_answer(seed: int) -> None:
    """A library that gives ids as keys is another one at each call; the search still ends."""
    calls: Counter[Made] = Counter()

    def fickle(case: Made) -> None:
        calls[case] += 1
        if (case.size + calls.total()) % 3 == 0:
            raise raised(TypeError(f"at call {calls.total()}"))

    outcome, ran = asked(fickle, seed=seed)
    assert outcome.verdict is Verdict.FAIL
    assert set(ran.values()) == {1}


def test_what_hypothesis_finds_unreliable_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library that fails may fail in another way when Hypothesis runs the case again."""
    draw = Search._draw

    def unreliable(search: Search, seed: int) -> None:
        try:
            draw(search, seed)
        except Violation as violation:
            raise FlakyFailure("unreliable", [violation]) from violation

    want, _ = asked(shallow)
    monkeypatch.setattr(Search, "_draw", unreliable)
    got, _ = asked(shallow)
    assert got.verdict is Verdict.FAIL and got.message == want.message


def test_where_nothing_fails_nothing_more_is_run() -> None:
    outcome, ran = asked()
    assert outcome.verdict is Verdict.PASS
    assert sum(ran.values()) == outcome.examples <= LOOK.examples


def test_the_same_seed_tells_the_same() -> None:
    assert asked(shallow, deep, deeper)[0] == asked(shallow, deep, deeper)[0]


def test_who_wants_no_smaller_failure_wants_but_one() -> None:
    assert asked(shallow, deep, profile=replace(LOOK, shrinks=0))[0].further == ()


def test_a_cause_that_is_known_is_not_run_any_more() -> None:
    _, alone = asked(shallow, profile=replace(LOOK, examples=60))
    assert sum(case.container == "dict" for case in alone) < 30, "of some 45 that are drawn"


def test_of_a_check_with_many_points_some_are_searched_on_and_others_by_another_seed() -> None:
    points = {str(point): None for point in range(36)}
    check = Check("RET-01", "made", lambda *_: None, points, lambda _: CASES)
    quick = PROFILES["quick"]
    by_seed = [{point for point in points if quick.goes_on(check, point, seed)}
               for seed in range(6)]
    assert set(map(len, by_seed)) == {6} and set.union(*by_seed) == set(points)
    assert sum(PROFILES["standard"].goes_on(check, point, 0) for point in points) == 18
    assert all(PROFILES["thorough"].goes_on(check, point, 0) for point in points)


# -- on a library with two defects -----------------------------------------------------------------

POINT, FEW = "states grad plain", Profile("few", 12, 12)
TOGETHER = "CMP-21/structure_values_and_effects_hold_together"


def dicts_come_back_as_lists(call: Call) -> Any:
    """Every dict of states gives a list of gradients: nobody gets beyond the row."""
    if type(call.options.get("grad_states")) is not dict:
        return call.proceed()
    return call.var_grads(lambda grads: list(grads.values()))


def writes_are_lost_with_aux(call: Call) -> Any:
    """With aux, the states that are not selected hold after a call what they held before."""
    if not call.options.get("has_aux"):
        return call.proceed()
    selected = jax.tree.leaves(call.options.get("grad_states"),
                               is_leaf=lambda node: isinstance(node, refimpl.State))
    before = {state: state.value for state in call.used() if state not in selected
              and state is not refimpl.random.DEFAULT}
    result = call.proceed()
    for state, value in before.items():
        state.value = value
    return result


def with_defects(*defects: Any) -> Subject:
    lib: Lib = copy_of(refimpl)
    for defect in defects:
        on_call(lib, defect)
    return Subject("saboteur_two_defects", lib)


def together(subject: Subject) -> Outcome:
    (check,) = [check for check in all_checks() if check.id == TOGETHER]
    return decide(check, subject, POINT, FEW, 0)


def test_both_defects_of_a_member_have_a_script() -> None:
    both = together(with_defects(dicts_come_back_as_lists, writes_are_lost_with_aux))
    alone = {defect: with_defects(defect)
             for defect in (dicts_come_back_as_lists, writes_are_lost_with_aux)}
    assert len(both.each()) == 2
    shown = {failure.script: [defect for defect, subject in alone.items()
                              if shows(failure.script, subject.lib)] for failure in both.each()}
    assert sorted(shown.values(), key=str) == sorted(([defect] for defect in alone), key=str)


@pytest.mark.parametrize("defect", [dicts_come_back_as_lists, writes_are_lost_with_aux])
def test_a_defect_of_a_member_is_told_once(defect: Any) -> None:
    outcome = together(with_defects(defect))
    assert outcome.verdict is Verdict.FAIL and outcome.further == ()


# -- in what is told of a run ----------------------------------------------------------------------

RULES = "RET-05,RET-06"
FURTHER = Failure("result[1]: expected 2, got 3", "check.py:9", "result[1]", "2", "3",
                  "import told as lib\nassert lib.second() == 2")


def two_at_grad(check: Check, point: str) -> Outcome:
    """RET-05 fails in one way at two points, and at one of them in another way, too."""
    if check.rule != "RET-05" or point not in ("grad", "jacrev"):
        return kept(check, point)
    outcome = replace(broken(check, point), kind="TypeError lib.py:1")
    return replace(outcome, further=(FURTHER,)) if point == "grad" else outcome


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A run, in every format."""
    tell(monkeypatch, two_at_grad)
    files = {name: tmp_path / f"report.{name}" for name in ("junit", "markdown", "html")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    files["report"] = tmp_path / "report.json"
    main(["check", "told", "--rules", RULES, "--report", str(files["report"]),
          *options])
    return files


def test_a_report_has_a_script_for_every_way_to_fail(
    made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data = committed.read(made["report"])
    jsonschema.validate(data, document.schema())
    first, second = data["failures"]
    assert (first["case"], [one["case"] for one in first["also"]]) == ("grad", ["jacrev"])
    assert (second["case"], second["number"], second["also"]) == ("grad", 2, [])
    assert (second["expected"], second["actual"], second["script"]) == ("2", "3", FURTHER.script)
    check = f"RET-05/{first['check']}[grad]"
    assert [cause["shown"] for cause in data["causes"]] == [check, f"{check} #2"]
    assert [failure for _, failure in digest.causes(data)] == [first, second]
    assert main(["check", "told", "--rules", RULES, "--failures"]) == 1
    every = [capsys.readouterr().out, *(file.read_text() for file in made.values())]
    assert all("lib.second()" in text and "grad" in text for text in every)


def test_what_was_told_before_is_no_change(made: dict[str, Path]) -> None:
    assert main(["check", "told", "--rules", RULES, "--expect", str(made["report"])]) == 0


def test_a_journal_keeps_what_is_behind_a_failure(tmp_path: Path) -> None:
    check = next(check for check in all_checks() if check.rule == "RET-05")
    outcome = two_at_grad(check, "grad")
    with journal.Journal(tmp_path / "a.jsonl", Kept({}, (), (outcome,))):
        pass
    assert journal.read(tmp_path / "a.jsonl").outcomes == (outcome,)


def test_a_failure_behind_a_known_one_is_news_until_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, two_at_grad)
    file = tmp_path / "known.toml"
    file.write_text('''implementation = "told"
[[known]]
rule = "RET-05"
kind = "upstream"
reason = "to be mended"
message = "raised TypeError: no"
''')
    run = ["check", "told", "--rules", RULES, "--known", str(file)]
    assert main(run) == 1
    shown = capsys.readouterr().out
    assert "lib.second()" in shown and "lib('grad')" not in shown
    assert main([*run, "--update-known"]) == 0 and main(run) == 0
    entries = tomllib.loads(file.read_text())["known"]
    assert [entry["message"] for entry in entries] == ["raised TypeError: no", FURTHER.message]
    assert "points" not in entries[0] and entries[1]["points"] == ["grad"]
