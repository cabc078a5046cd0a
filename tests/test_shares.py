"""What a quick run draws for the rules on whole calls has enough of everything in it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from spec.judge.verdict import Outcome, Verdict
from spec.language.cases import Case
from spec.language.histories import History
from spec.language.programs import Program, Var, Write
from spec.language.returns import ROWS
from spec.language.shares import FLOORS, below, counted, shares
from spec.language.strategies import DTYPE
from spec.report import coverage
from spec.report.journal import Journal, Kept, read
from spec.report.report import Report


def plain(body: int) -> Case:
    """A drawn call that writes so many times."""
    program = Program((Var("s0", 1.0),), (), (Write("s0", "2.0"),) * body, "s0.value")
    return Case(program, "grad", ROWS[0], args=(1.0,),
                labels=frozenset({DTYPE.label("float64")}))


def test_shares_count_drawn_cases_alone() -> None:
    table = replace(plain(2), labels=frozenset())
    drawn = [one for case in (table, plain(0), plain(1), plain(2), "no case")
             for one in counted(case)]
    assert shares(drawn) == {name: 0 for name in FLOORS} | {
        "write a state": Fraction(2, 3), "write twice": Fraction(1, 3)}


def test_histories_have_shares_of_their_own() -> None:
    """Calls beside them make no share of theirs smaller."""
    nested = History((), frozenset({"history: nested"}))
    measured = shares([one for case in (nested, History(()), plain(0)) for one in counted(case)])
    assert measured["nest a transform"] == Fraction(1, 2) and measured["fail and go on"] == 0


def test_a_share_under_its_floor_is_told() -> None:
    told = below(shares(counted(plain(0))))
    assert len(told) == len(FLOORS)
    assert told[0] == "0% write a state; expected at least 50%"


def test_a_report_counts_the_families_that_judge_whole_calls() -> None:
    once, twice = (counted(plain(count)) for count in (1, 2))
    outcomes = (
        Outcome("WRB-01", "a", "", Verdict.PASS, counted=once),
        Outcome("GST-19", "b", "", Verdict.PASS, counted=twice),
        Outcome("DER-01", "c", "", Verdict.PASS, counted=twice),
    )
    measured = coverage.shares_of(Report({}, outcomes))
    assert measured["write a state"] == 1 and measured["write twice"] == Fraction(1, 2)
    assert shares(()) == dict.fromkeys(FLOORS, 0)


def test_a_journal_keeps_what_was_counted(tmp_path: Path) -> None:
    outcome = Outcome("WRB-01", "a", "", Verdict.PASS, counted=counted(plain(2)))
    file = tmp_path / "report.jsonl"
    with Journal(file, Kept({}, ("WRB-01/a",), ())) as journal:
        journal.add(outcome)
    assert read(file).outcomes == (outcome,)
