"""The suite as pytest runs it, in the project of somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLUGIN = "spec.conformance.plugin"


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest there, with the plugin and no other."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
                   "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True,
                          text=True, check=False)


def test_a_host_keeps_its_own_options_and_loads_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("""
def pytest_addoption(parser):
    for name in ("--device", "--impl", "--rules-profile", "--seed"):
        parser.addoption(name)
""", encoding="utf-8")
    (tmp_path / "test_host.py").write_text("""
import sys

def test_nothing_of_the_suite_is_loaded(request):
    assert request.config.getoption("--device") == "tpu"
    ours = {name for name in sys.modules if name.partition(".")[0] in ("spec", "refimpl")}
    assert ours <= {"spec", "spec.conformance", "spec.conformance.plugin"}
    assert not {"jax", "numpy", "hypothesis"} & sys.modules.keys()
""", encoding="utf-8")
    done = pytest_in(tmp_path, "--device", "tpu")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_failure_is_its_message_and_its_script(tmp_path: Path) -> None:
    (tmp_path / "stuck.py").write_text("""
import numpy

array_namespace = numpy

class State:
    def __init__(self, value, name=None):
        self.value, self.name = value, "x" if name else None

class ParamState(State):
    pass
""", encoding="utf-8")
    arguments = ["--pyargs", "spec.conformance", "--spec-impl", "stuck", "-k", "STA-03"]
    done = pytest_in(tmp_path, *arguments)
    assert done.returncode == 1 and "2 failed" in done.stdout, done.stdout + done.stderr
    shown = done.stdout.split("STA-03 fail:")[1]
    assert "import stuck as lib" in shown and "expected ('a', 'b'), got ('x', 'x')" in shown
    assert "def test_rule" not in done.stdout and "Verdict." not in done.stdout
    wrong = pytest_in(tmp_path, *arguments, "--spec-profile", "slow")
    assert wrong.returncode == 4
    assert "expected one of quick, standard, thorough, got 'slow'" in wrong.stdout + wrong.stderr
