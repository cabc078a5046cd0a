"""Names: what a reader learns in one chapter of the specification holds in all of them."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from spec.chapters import all_checks

CHAPTERS = Path(__file__).parent.parent / "spec" / "chapters"


def defined(path: Path) -> Iterator[str]:
    """The public names that a module defines at its top."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_name_of_a_chapter_has_one_meaning() -> None:
    """But for checks: two rules may ask the same, each of its own matter."""
    checks = {check.name for check in all_checks()}
    places = Counter(name for path in sorted(CHAPTERS.rglob("*.py")) for name in set(defined(path))
                     if not name.startswith("_") and name not in checks)
    assert places
    assert [name for name, count in places.items() if count > 1] == []
