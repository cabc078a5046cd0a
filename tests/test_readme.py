"""The README is run: its Python here, its long commands by CI.

A shell line of the README is either one that `.ci/run` takes from the README and runs, or one that
a test below runs as it stands. There is no third kind.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHECK_AN_ADAPTER = ".venv/bin/python -m spec check adapter --rules RET-01"


def blocks(language: str) -> list[str]:
    """The contents of the fenced blocks that name this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def run_by_ci() -> list[str]:
    """The README's lines that .ci/run picks, each by a string that it must contain."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    picks = re.findall(r"^readme '(.+?)'", script, flags=re.MULTILINE)
    lines = [[line for line in README.splitlines() if pick in line] for pick in picks]
    assert all(len(found) == 1 for found in lines), f"{picks} pick {lines}, not one line each"
    return [found[0] for found in lines]


def promised_output(source: str) -> list[str]:
    """The comment behind each `print(...)`."""
    prints = [line for line in source.splitlines() if line.lstrip().startswith("print")]
    return [line.partition(")  # ")[2] for line in prints]


def test_every_block_is_of_a_kind_that_is_looked_at() -> None:
    fences = re.findall(r"^```(.*)$", README, flags=re.MULTILINE)
    assert set(fences[::2]) == {"sh", "python", "text"}
    assert set(fences[1::2]) == {""}
    assert [len(blocks(kind)) for kind in ("python", "text")] == [2, 1]


def test_every_command_is_run() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert sorted(commands) == sorted([*run_by_ci(), CHECK_AN_ADAPTER])


def test_the_tour_prints_what_it_says() -> None:
    """In a fresh interpreter, with JAX's own defaults, as a reader has it."""
    tour, _ = blocks("python")
    promised = promised_output(tour)
    assert promised and all(promised)
    command = [sys.executable, "-c", tour]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == promised


def test_the_adapter_is_checked_as_it_says(tmp_path: Path) -> None:
    """The command runs beside the adapter, which keeps the rule as far as it goes."""
    _, adapter = blocks("python")
    name = adapter.partition("\n")[0].removeprefix("# ")
    (tmp_path / name).write_text(adapter, encoding="utf-8")
    command = [sys.executable, *CHECK_AN_ADAPTER.split()[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-2].endswith("1 pass")
    assert "absent" in result.stdout


def test_the_names_are_those_of_the_interface() -> None:
    """A line of names shares the part before the last dot of its first name."""
    from spec.judge.subject import NAMES

    listed = []
    for line in blocks("text")[0].splitlines():
        first, *others = line.split()
        prefix = first.rpartition(".")[0]
        listed += [first, *(f"{prefix}.{name}".lstrip(".") for name in others)]
    assert sorted(listed) == sorted(NAMES)
