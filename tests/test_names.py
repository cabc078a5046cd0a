"""Names: what a reader learns in one module of a room holds in all of them."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SPEC = Path(__file__).parent.parent / "spec"


def defined(path: Path) -> Iterator[str]:
    """The public names that a module defines at its top."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


@pytest.mark.parametrize(
    "room", ["chapters", "command", "gradients", "judge", "language", "run"])
def test_name_of_a_room_has_one_meaning(room: str) -> None:
    """Checks among them: two rules may ask the same, but each of its own matter."""
    places = Counter(name for path in sorted((SPEC / room).rglob("*.py"))
                     for name in set(defined(path)) if not name.startswith("_"))
    assert places
    assert [name for name, count in places.items() if count > 1] == []


def test_a_class_has_one_meaning_in_all_of_spec() -> None:
    places = Counter(node.name for path in sorted(SPEC.rglob("*.py"))
                     for node in ast.parse(path.read_text(encoding="utf-8")).body
                     if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))
    assert places
    assert [name for name, count in places.items() if count > 1] == []
