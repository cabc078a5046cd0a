"""The benchmark measures what it says: both forms of every line do the same work."""

import pytest

import refimpl
from tests import benchmark
from tests.benchmark import LINES, Figure, Line


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_both_forms_give_the_same_values(line: Line) -> None:
    benchmark.check(line, refimpl)


def test_forms_that_differ_are_not_timed() -> None:
    line = Line("two and three", lambda: lambda: 2.0, lambda lib: lambda: 3.0)
    with pytest.raises(AssertionError, match="two and three"):
        benchmark.measure(line, refimpl, rounds=1)


def test_a_figure_is_a_ratio_of_the_second_form_to_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock that the work itself moves."""
    now = [0.0]

    def taking(seconds: float) -> float:
        now[0] += seconds
        return 1.0

    monkeypatch.setattr("tests.benchmark.perf_counter", lambda: now[0])
    line = Line("slow", lambda: lambda: taking(0.5), lambda lib: lambda: taking(1.5))
    assert benchmark.measure(line, refimpl, rounds=3) == Figure("slow", 0.5, (3.0, 3.0, 3.0))


def test_the_command_prints_a_row_for_every_line_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.main(["--rounds", "1", "--only", "jacrev, jit"])
    assert capsys.readouterr().out.count("jacrev, jit") == 1
    with pytest.raises(SystemExit):
        benchmark.main(["--only", "no such words"])
    assert "names no line" in capsys.readouterr().err
