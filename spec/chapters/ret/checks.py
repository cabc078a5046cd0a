"""Return structure: the twelve rows, in full, for every member of the family."""

from __future__ import annotations

from ...judge.aspects import judge_row
from ...judge.check import generated
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import EVERY, Calls
from ...language.cases import Case
from ...language.returns import ROWS
from ...language.wishes import calm

SIMPLE = calm(containers=("dict",), argnums=("int", "tuple"), most=2,
              auxes=("array", "dict", "nothing", "empty"))


def result_has_the_structure_of_the_row(subject: Subject, case: Case) -> None:
    """The result is the tuple of the table, with every part in its own place."""
    judge_row(observe(case, subject))


for _row in ROWS:
    _points = EVERY.calls(SIMPLE, (_row,))
    generated(_row.id, Calls.strategy, _points)(result_has_the_structure_of_the_row)
