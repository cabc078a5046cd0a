"""What the docstrings of refimpl promise: rules that exist, and errors that are named."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import refimpl
from refimpl import transform
from spec.chapters.rules import registry

ROOT = Path(refimpl.__file__).parent
ID = re.compile(r"\b[A-Z]{3}-\d{2}\b")
RANGE = re.compile(r"\b([A-Z]{3})-(\d{2}) to ([A-Z]{3})-(\d{2})\b")


def texts() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.rglob("*.py")}


@pytest.mark.parametrize("name, text", texts().items(), ids=texts())
def test_every_rule_that_is_named_exists(name: str, text: str) -> None:
    unknown = set(ID.findall(text)) - set(registry())
    assert not unknown, f"{name} names rules that do not exist: {sorted(unknown)}"
    for family, first, other, last in RANGE.findall(text):
        assert family == other and int(first) < int(last), f"{name}: {family}-{first} to {last}"


def test_the_members_name_their_rules() -> None:
    control = {"checkpoint", "cond", "for_loop", "scan", "switch", "vmap", "while_loop"}
    for name in sorted({*transform.__all__} - control):
        text = inspect.getdoc(getattr(transform, name)) or ""
        assert ID.search(text), f"{name} names no rule that it keeps"


def public() -> Iterator[tuple[str, Any]]:
    """Every public function, class and method of refimpl, by its name."""
    modules: list[ModuleType] = [
        refimpl.state, refimpl.random, refimpl.graph, refimpl.nn, refimpl.container,
        refimpl.util.filter, transform,
    ]  # fmt: skip
    for module in modules:
        for name in module.__all__:
            entry = getattr(module, name)
            if callable(entry):
                yield f"{module.__name__}.{name}", entry
            if inspect.isclass(entry):
                for key, method in vars(entry).items():
                    if inspect.isfunction(method) and not key.startswith("_"):
                        yield f"{module.__name__}.{name}.{key}", method


@pytest.mark.parametrize("entry", [pytest.param(e, id=name) for name, e in public()])
def test_what_raises_says_so(entry: Any) -> None:
    """A function with a raise statement of its own has a section that names the error."""
    text = inspect.getdoc(entry) or ""
    assert text, "it has no docstring"
    if not inspect.isfunction(entry):
        return
    for error in re.findall(r"^ +raise (\w+)\(", inspect.getsource(entry), re.MULTILINE):
        assert re.search(rf"^Raises\n-+\n(?s:.*)\b{error}\b", text, re.MULTILINE), error
