"""The scripts of docs/examples do what the guides say, each in a fresh interpreter."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
RECURRENT = ROOT / "docs" / "examples" / "recurrent.py"


def run(script: Path, *arguments: str) -> str:
    command = [sys.executable, str(script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("library", ["refimpl", "brainstate"])
def test_the_recurrent_network_learns(library: str, tmp_path: Path) -> None:
    """On brainstate by changing one import, as the guide has it."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    text, count = re.subn(
        r"^import refimpl as lib.*$",
        f"import {library} as lib",
        RECURRENT.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    script, picture = tmp_path / "recurrent.py", tmp_path / "curve.svg"
    script.write_text(text, encoding="utf-8")
    output = run(script, "--epochs", "3", "--picture", str(picture))
    chance, first, last = map(float, re.findall(r"\d\.\d+", output))
    assert count == 1 and last < first and last < 0.3 * chance
    curves = ElementTree.parse(picture).findall(".//{*}polyline")
    assert [len(curve.attrib["points"].split()) for curve in curves] == [3, 3]


def test_the_picture_of_the_guide_is_one_that_the_script_draws() -> None:
    page = (ROOT / "docs" / "guides" / "recurrent.md").read_text(encoding="utf-8")
    assert "--picture docs/pictures/recurrent.svg" in page
    drawn = ElementTree.parse(ROOT / "docs" / "pictures" / "recurrent.svg")
    curves = drawn.findall(".//{*}polyline")
    assert [len(curve.attrib["points"].split()) for curve in curves] == [40, 40]
