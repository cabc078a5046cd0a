"""A person reads refimpl in an hour: it does not grow, and its functions stay short.

The ceilings are where the code stands, with a little room for mends, so that they come down: who
makes the code shorter lowers them, and who adds to it looks first for what can go.
"""

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator
from pathlib import Path

import refimpl

ROOT = Path(refimpl.__file__).parent
MECHANISM = ("state", "frames", "tree", "selection", "gradient", "family", "products")
CONTROL = ("branches", "lanes", "loops", "checkpoint", "staged")
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(text: str) -> set[int]:
    """The lines of a text that hold code, and no docstring or comment alone."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = [range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in LAYOUT]
    return set().union(*lines).difference(*docstrings(ast.parse(text)))


def docstrings(tree: ast.Module) -> Iterator[range]:
    """The lines of each expression that is nothing but a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                yield range(node.lineno, (node.end_lineno or node.lineno) + 1)


def sizes() -> dict[Path, int]:
    return {path: len(code_lines(path.read_text())) for path in ROOT.rglob("*.py")}


def test_only_code_counts() -> None:
    text = '"""Doc."""\n\n# why\ndef f(\n    a,  # what\n):\n    """Doc\n    doc."""\n    g()\n'
    assert code_lines(text) == {4, 5, 6, 9}


def test_the_mechanism_does_not_grow() -> None:
    assert sum(size for path, size in sizes().items() if path.stem in MECHANISM) <= 1190


def test_all_but_control_flow_does_not_grow() -> None:
    assert sum(size for path, size in sizes().items() if path.stem not in CONTROL) <= 2502


def test_functions_stay_short() -> None:
    lengths = []
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        code = code_lines(text)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                end = node.end_lineno or node.lineno
                lengths.append(len(code.intersection(range(node.lineno, end + 1))))
    assert statistics.median(lengths) <= 6 and max(lengths) < 40
