"""The cases of the vectors: every row of the return table, and every transform of the family."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import hypothesis
from hypothesis import Phase

from ..language.cases import Case
from ..language.programs import Fail
from ..language.returns import ROWS, Row
from ..language.strategies import cases
from ..language.wishes import UNARY, Wish
from .terms import has_words

MEMBERS: Final = ("grad", "vector_grad", "jacrev", "jacfwd", "hessian")
SOME: Final = tuple(row for row in ROWS if row.id in ("RET-03", "RET-05", "RET-08", "RET-10"))
"""The rows that are drawn for the other transforms too: a row means the same for all of them."""
TRIES: Final = 12
"""Of so many cases the one with the most statements is kept: the smallest is drawn first."""
WISH: Final = Wish(
    kinds=("array", "array", "dict", "tuple", "list", "empty"), draws=True, writes=True,
    outputs=("scalar", "array", "tree"),
    containers=("one", "list", "tuple", "dict", "nested", "none", "twice"),
    argnums=("int", "negative", "list", "tuple"), steps=(1, 5),
    functions=tuple(text for text in UNARY if has_words(text.format("x"))),
)
"""The vectors keep their form when the language learns a function."""
SHORT: Final = replace(WISH, shapes=((), (3,)), most=2, kinds=("array", "dict"),
                       outputs=("scalar", "tree"))
"""For the Hessian, whose size is the square of its input's."""


def all_cases(only: str = "") -> Iterator[tuple[str, Case]]:
    """The cases by their ids, or one of them; ``-fails`` raise after their last statement."""
    for member in MEMBERS:
        for row in ROWS if member == "grad" else SOME:
            if only in ("", id := f"{row.id}-{member}"):
                yield id, drawn(member, row)
        if only in ("", id := f"{ROWS[-1].id}-{member}-fails"):
            case = drawn(member, ROWS[-1], "fails")
            body = (*case.program.body, Fail())
            yield id, replace(case, program=replace(case.program, body=body))


def drawn(member: str, row: Row, word: str = "") -> Case:
    """The case of a transform and a row; the same with the same version of Hypothesis."""
    wish = replace(SHORT if member == "hessian" else WISH, members=(member,), rows=(row,))
    found: list[Case] = []

    def keep(case: Case) -> None:
        found.append(case)

    settings: Any = hypothesis.settings(
        max_examples=TRIES, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(hypothesis.HealthCheck))
    given: Any = hypothesis.given(cases(wish))
    settings(hypothesis.seed(zlib.crc32(f"{member} {row.id} {word}".encode()))(given(keep)))()
    return max(found, key=lambda case: (len(case.program.writes) > 0, len(case.program.body)))
