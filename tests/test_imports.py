"""Who imports whom: spec and refimpl know nothing of each other, and spec knows nothing of JAX.

The import contract in pyproject.toml says the same to import-linter. Here the rule is stricter, a
list of what may be imported, and it also holds for what is imported at run time.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

MAY_IMPORT = {
    # Not "spec": within the package imports are relative, since a wheel carries it by another name.
    # NumPy's bfloat16 is that of ml_dtypes, which is imported where it is asked for.
    "spec": {"ml_dtypes", "numpy", "hypothesis", "pytest", "_pytest", "rich"},
    # NumPy's arrays and dtypes are what JAX takes; typing_extensions is read by checkers alone.
    "refimpl": {"refimpl", "jax", "numpy", "typing_extensions"},
}
NEVER_LOADED = {
    "spec": {"jax", "jaxlib", "refimpl", "brainstate"},
    "refimpl": {"spec", "brainstate", "pytest", "hypothesis"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The top-level package of every absolute import in a file, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def loaded_after(statement: str) -> set[str]:
    """Top-level packages that are loaded in a fresh interpreter after a statement."""
    script = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_only_the_listed_packages_are_imported(package: str) -> None:
    allowed = MAY_IMPORT[package] | sys.stdlib_module_names
    assert modules(package)
    strangers = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name in imported(path)
        if name not in allowed
    }
    assert not strangers


def test_importing_spec_is_light() -> None:
    """`import spec` must stay quick, so it loads neither a test runner nor an implementation."""
    loaded = loaded_after("import spec")
    assert "spec" in loaded
    assert not loaded & (NEVER_LOADED["spec"] | {"pytest", "_pytest", "hypothesis", "rich"})


@pytest.mark.parametrize("package", NEVER_LOADED)
def test_no_module_loads_what_it_must_not_know(package: str) -> None:
    """Not even indirectly, through another package that would import it."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules(package)
        if path.stem not in {"__main__", "conftest"}
    ]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert package in loaded
    assert not loaded & NEVER_LOADED[package]


def test_a_check_needs_four_packages_and_no_more(tmp_path: Path) -> None:
    """A plain checkout on a machine with a GPU may have nothing else."""
    report = tmp_path / "report.json"
    absent = ("pytest", "_pytest", "xdist", "jsonschema", "scipy", "sphinx")
    script = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from spec.__main__ import main
sys.exit(main({["check", "refimpl", "--rules", "RET-01", "--workers", "1", "--max-examples", "1",
                "--report", str(report)]!r}))
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert report.exists()
