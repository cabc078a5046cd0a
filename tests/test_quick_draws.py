"""What a quick run draws has something in every cell of coverage, and enough of everything."""

from __future__ import annotations

from spec.chapters import all_checks
from spec.language.labels import covered
from spec.language.shares import FAMILIES, below, counted, shares
from spec.report.coverage import empty_cells
from tests import power


def test_no_cell_is_empty_and_every_floor_is_kept() -> None:
    """Cells of any check; shares of the rules on whole calls."""
    cells, whole = set[str](), []
    for check in all_checks():
        if check.strategy is None:
            continue
        for point in check.cases:
            cases = power.cases(check, point, 0)
            cells.update(*map(covered, cases))
            if check.rule.startswith(FAMILIES):
                whole += [one for case in cases for one in counted(case)]
    assert empty_cells(cells) == []
    assert below(shares(whole)) == []
