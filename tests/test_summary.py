"""The screen that a person sees, made from outcomes that are given."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from spec.chapters.basic import BASIC
from spec.judge.subject import CLASSES
from spec.judge.verdict import Outcome, Verdict
from spec.report.causes import causes, wanting
from spec.report.ladder import FIRST, broken, gained, lacking, ladder, next_step
from spec.report.report import Report
from spec.report.summary import show_header, show_next, show_summary

FAIL = Verdict.FAIL


def raising(rule: str, message: str, script: str = "a\nb") -> Outcome:
    return Outcome(rule, "c", "", FAIL, f"raised {message}", "", "no error", message, script)


def shown(outcomes: list[Outcome], width: int = 80, **unreached: int) -> list[str]:
    stream = io.StringIO()
    show_summary(Report({}, tuple(outcomes), unreached), Console(file=stream, width=width))
    return stream.getvalue().splitlines()


SAME = [raising("RET-09", "TypeError: 2 given", "long script"),
        raising("RET-11", "hessian raised TypeError: 3 given", "short"),
        Outcome("RET-10", "c", "", FAIL, "1 is not 2", "s", "2", "1", "other"),
        Outcome("ARG-01", "c", "", Verdict.PASS)]


def test_failures_of_one_raising_line_are_one_cause() -> None:
    first, second = causes(Report({}, tuple(SAME)))
    assert first.rules == ["RET-09", "RET-11"] and first.points == 2
    assert first.words == "raised TypeError: 2 given" and first.shown.script == "short"
    assert second.words == "expected 2, got 1"


def test_a_cause_has_one_script_and_names_the_other_rules() -> None:
    text = "\n".join(shown(SAME))
    assert "short" in text and "long script" not in text and "other" in text
    assert "The same: RET-09." in " ".join(text.split())
    assert "MUST, tutorial: 1 pass, 3 fail" in text
    assert text.splitlines()[-1] == "4 rules: 1 pass, 3 fail"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_many_causes_fit_a_line_each(width: int) -> None:
    from spec.chapters.rules import registry

    many = [raising(rule, f"TypeError: [red] {'abc'[i % 3] * (i + 1)}")
            for i, rule in enumerate(list(registry())[:60])]
    lines = shown(many, width)
    numbered = [line for line in lines if line.split(".")[0].isdigit() and "raised" in line]
    assert len(numbered) == 57 and all(len(line) <= width for line in numbered)
    assert "[red]" in numbered[0] or width == 40


def test_what_is_absent_is_a_line() -> None:
    absent = [Outcome(rule, "c", point, Verdict.ABSENT, f"needs {name}")
              for rule, point, name in [("RET-01", "a", "nn.Module"), ("RET-01", "b", "nn.Module"),
                                        ("RET-02", "", "nn.Module"), ("RET-03", "", "State")]]
    assert wanting(absent) == {"nn.Module": 2, "State": 1}
    assert "absent, with how many rules need it: nn.Module (2), State (1)" in shown(absent)
    assert next_step(Report({}, tuple(absent))).startswith("next: offer State, which 1 rule ")
    assert next_step(Report({}, tuple(absent[:3]))).startswith("next: offer nn.Module, which 2 ")


def test_the_last_line_says_what_to_do() -> None:
    kept = Outcome("RET-01", "c", "", Verdict.PASS)
    broke = Outcome("RET-02", "c", "", Verdict.ERROR, "the checker itself failed")
    told = next_step(Report({}, tuple(SAME)))
    assert told == ("next: RET-09 States and arguments: --next shows it alone; "
                    "what it shows breaks 1 more")
    assert "itself, then --rules RET-09" in next_step(Report({}, tuple(SAME)), full=True)
    assert "report the error" in next_step(Report({}, (kept, broke)))
    assert "--resume" in next_step(Report({}, (kept,), {"RET-02": 3}))
    assert "--expect" in next_step(Report({}, (kept,)))
    assert shown([kept], **{"RET-02": 3})[-1] == "1 rule: 1 pass; 3 points not reached"


def test_the_ladder_has_every_rule_once_and_begins_with_what_the_others_stand_on() -> None:
    from spec.chapters.rules import Level, registry

    rungs = ladder()
    assert sorted(rungs) == sorted(registry())
    levels = [registry()[id_].level for id_ in rungs]
    assert set(levels[:len(FIRST)]) == {Level.MUST}
    assert levels == sorted(levels, key=list(Level).index)
    assert rungs.index("STA-01") < rungs.index("RET-01") < rungs.index("RET-05")


def test_class_basic_is_called_green_while_core_is_not() -> None:
    green = [Outcome(rule, "c", "", Verdict.PASS) for rule in BASIC]
    hard = Outcome("RET-05", "c", "hessian", FAIL, needs=frozenset({"transform.hessian"}))
    jit = Outcome("CMP-01", "c", "", FAIL, needs=frozenset({"transform.jit"}))
    more = Outcome("RET-05", "c", "hessian", Verdict.ABSENT, "needs transform.hessian",
                   needs=frozenset({"transform.hessian"}))
    for last, words in [
        (raising("WRB-24", "TypeError"), "WRB-24 Writes under JAX's transforms: "),
        (hard, "RET-05 States alone: "), (more, "offer transform.hessian, "),
    ]:
        told = next_step(Report({}, (*green, last)))
        assert told.startswith(f"class basic is green; core next: {words}")
        assert next_step(Report({}, (*green[1:], last))).startswith("next: ")
    assert next_step(Report({}, (*green, jit))).startswith("next: CMP-01 ")
    assert next_step(Report({}, tuple(green))).startswith("next: keep it so")
    line = f"MUST kept by class: basic {len(BASIC)} of {len(BASIC)}, core {len(BASIC) - 1} of "
    assert line in "\n".join(shown([*green, hard]))


def test_the_next_rule_is_shown_alone() -> None:
    first = [*SAME, raising("STA-06", "TypeError: 2 given", "the longest of the scripts")]
    stream = io.StringIO()
    show_next(Report({}, tuple(first)), Console(file=stream, width=80))
    text = stream.getvalue()
    assert "STA-06 fail" in text and "the longest of the scripts" in text
    assert "\nshort" not in text and "\nother" not in text
    assert "case:     STA-06/c" in text and text.endswith("5 rules: 1 pass, 4 fail\n")


def test_the_name_to_offer_next_is_one_of_core() -> None:
    absent = [Outcome(rule, "c", "", Verdict.ABSENT, f"needs {name}")
              for rule, name in [("RET-01", "transform.vjp"), ("RET-02", "transform.vjp"),
                                 ("RET-03", "transform.jacrev")]]
    assert lacking(Report({}, tuple(absent))) == "transform.jacrev"
    assert lacking(Report({}, tuple(absent[:2]))) == "transform.vjp"


def test_the_name_to_offer_next_is_an_easy_one_that_works_alone() -> None:
    """Not the one that most rules need, which may well be the hardest."""
    def absent(rule: str, point: str, *names: str) -> Outcome:
        return Outcome(rule, "c", point, Verdict.ABSENT, f"needs {', '.join(names)}")

    asked = [absent("DER-30", "", "transform.hessian"), absent("DER-31", "", "transform.hessian"),
             absent("STA-01", "", "nn.Module", "transform.jacrev"),
             absent("RET-01", "vector_grad", "transform.vector_grad"),
             absent("RET-01", "hessian", "transform.hessian"),
             Outcome("RET-02", "c", "", Verdict.ABSENT, "needs jax")]
    assert lacking(Report({}, tuple(asked))) == "transform.vector_grad"
    assert lacking(Report({}, tuple(asked[:2] + asked[4:]))) == "transform.hessian"
    assert lacking(Report({}, (asked[2],))) == "nn.Module"
    assert lacking(Report({}, (asked[5],))) == ""
    assert wanting(asked)["transform.jacrev"] == 1


def test_a_rule_that_is_judged_without_a_name_does_not_wait_for_it() -> None:
    def waits(rule: str, *names: str) -> Outcome:
        return Outcome(rule, "c", "hessian", Verdict.ABSENT, f"needs {', '.join(names)}")

    kept = Outcome("RET-02", "c", "grad", Verdict.PASS)
    asked = (waits("RET-01", "transform.hessian"), kept, waits("RET-02", "transform.hessian"),
             waits("RET-03", "transform.hessian", "nn.Module"))
    assert gained(Report({}, asked), "transform.hessian") == (1, 2)
    for outcomes, words in [
        (asked, "which 1 rule waits for and 2 more would use"),
        (asked[:1], "which 1 rule waits for"), (asked[1:3], "which 1 rule would use"),
        ((asked[0], waits("RET-04", "transform.hessian")), "which 2 rules wait for"),
    ]:
        assert next_step(Report({}, outcomes)) == (
            f"next: offer transform.hessian, {words}, or leave it out for good")


def test_the_header_breaks_between_two_items() -> None:
    meta = {"implementation": "told", "version": "1.2", "device": "cpu", "specification": "0.1.0",
            "python": "3.13.0", "packages": {"jax": "0.11.0", "numpy": "2.5.5"},
            "profile": "quick", "seed": 0}
    stream = io.StringIO()
    show_header(meta, 3, 4, Console(file=stream, width=60))
    assert stream.getvalue().splitlines() == [
        "told 1.2 on the cpu: specification 0.1.0, Python 3.13.0,", "jax 0.11.0, numpy 2.5.5",
        "3 rules at 4 points, profile quick, seed 0"]


def test_beyond_the_first_rungs_what_needs_little_comes_first() -> None:
    def fails(rule: str, *needs: str) -> Outcome:
        return Outcome(rule, "c", "", FAIL, needs=frozenset(needs))

    jit = fails("CMP-01", "State", "transform.grad", "transform.jit")
    many = fails("DER-06", "State", "transform.grad", "nn.Module")
    few = fails("WRB-20", "State", "transform.grad")
    assert broken(Report({}, (jit, many, few))) == few.rule
    assert broken(Report({}, (jit, many))) == many.rule
    assert broken(Report({}, (jit,))) == jit.rule
    first = fails(FIRST[-1], *CLASSES["core"], *CLASSES["random"])
    assert broken(Report({}, (few, first))) == first.rule
