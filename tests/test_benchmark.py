"""The benchmark measures what it says: all forms of every line do the same work."""

from types import SimpleNamespace
from typing import Any

import pytest

import refimpl
from tests import benchmark
from tests.benchmark import LINES, Figure, Line

REFIMPL = SimpleNamespace(__name__="refimpl")


def line_of(pure: Any, stateful: Any) -> Line:
    return Line("two forms", lambda: pure, lambda lib: stateful, 1.5)


@pytest.mark.parametrize(
    # The lines of 1000 states are those of 100, only longer.
    "line", [line for line in LINES if not line.name.endswith(", 1000")], ids=lambda line: line.name
)
def test_both_forms_give_the_same_values(line: Line) -> None:
    benchmark.check(line, refimpl)


def test_forms_that_differ_are_not_timed() -> None:
    line = line_of(lambda: 2.0, lambda: 3.0)
    with pytest.raises(AssertionError, match="two forms"):
        benchmark.check(line, REFIMPL)
    assert benchmark.measure(line, [REFIMPL], rounds=1).ratios == {"refimpl": "AssertionError"}


def test_a_library_of_other_words_has_a_form_of_its_own_or_none() -> None:
    line = line_of(lambda: 2.0, lambda: 2.0)
    found = benchmark.measure(line, [SimpleNamespace(__name__="flax.nnx")], rounds=1)
    assert found.ratios == {"flax.nnx": "none"}


def test_a_figure_is_a_ratio_of_a_form_to_that_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that the work itself moves."""
    now = [0.0]

    def taking(seconds: float) -> float:
        now[0] += seconds
        return 1.0

    monkeypatch.setattr("tests.benchmark.perf_counter", lambda: now[0])
    line = line_of(lambda: taking(0.5), lambda: taking(1.5))
    found = benchmark.measure(line, [REFIMPL], rounds=3)
    assert found == Figure("two forms", 1.5, 0.5, {"refimpl": (3.0, 3.0, 3.0)})
    table = benchmark.table([found], ["refimpl"])
    assert list(table.columns[-1].cells) == ["3.00 (3.00 to 3.00) !"]  # above its bound


def test_a_clock_stands_still_while_jax_compiles() -> None:
    (line,) = (line for line in LINES if line.name == "descent step, tracing, 1")
    work = line.pure()
    before = benchmark.compiling()[0]
    traced, whole = benchmark.best(work, 1, line.clock), benchmark.best(work, 1)
    assert benchmark.compiling()[0] > before and traced < whole


def test_the_command_prints_a_row_for_every_line_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.main(["--rounds", "1", "--only", "jacrev, jit"])
    assert capsys.readouterr().out.count("jacrev, jit") == 1
    with pytest.raises(SystemExit):
        benchmark.main(["--only", "no such words"])
    assert "names no line" in capsys.readouterr().err
