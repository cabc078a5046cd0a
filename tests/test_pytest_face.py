"""The suite as pytest runs it, from the wheel, in the project of somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
PLUGIN = "state_ad_spec.conformance.plugin"
SUITE = ["--pyargs", "state_ad_spec.conformance"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
                   cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run_in(folder: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, where the wheel is installed; no plugin loads by itself."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(folder)]),
                   "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment,
                          capture_output=True, text=True, check=False)


def pytest_in(folder: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest there, with the plugin and no other."""
    options = ["-q", "-p", PLUGIN, "-p", "no:cacheprovider"]
    return run_in(folder, site, "-m", "pytest", *options, *arguments)


def test_the_wheel_holds_no_name_that_a_host_may_have(site: Path) -> None:
    packages = {path.name for path in site.iterdir() if path.is_dir()}
    assert {name for name in packages if not name.endswith(".dist-info")} == {
        "refimpl", "state_ad_spec"}


def test_a_host_keeps_its_own_package_and_options(tmp_path: Path, site: Path) -> None:
    """Nothing of ours is loaded until it is asked for, and then all of it works beside the host."""
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "__init__.py").write_text("OWNER = 'the host'\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("""
def pytest_addoption(parser):
    for name in ("--device", "--impl", "--rules-profile", "--seed"):
        parser.addoption(name)
""", encoding="utf-8")
    (tmp_path / "test_host.py").write_text("""
import sys

def test_nothing_of_the_suite_is_loaded(request):
    import spec
    assert spec.OWNER == "the host"
    assert request.config.getoption("--device") == "tpu"
    ours = {name for name in sys.modules if name.partition(".")[0] in ("state_ad_spec", "refimpl")}
    package = "state_ad_spec"
    assert ours <= {package, f"{package}.conformance", f"{package}.conformance.plugin"}
    assert not {"jax", "numpy", "hypothesis"} & sys.modules.keys()
""", encoding="utf-8")
    done = pytest_in(tmp_path, site, "--device", "tpu")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    arguments = ["-m", "state_ad_spec", "check", "refimpl", "--rules", "STA-03", "--workers", "2",
                 "--html", "page.html"]
    done = run_in(tmp_path, site, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "<style>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    done = run_in(tmp_path, site, "-m", "state_ad_spec", "adapter", "json")
    assert "class transform:" in done.stdout, done.stdout + done.stderr


def test_a_failure_is_its_message_and_its_script(tmp_path: Path, site: Path) -> None:
    (tmp_path / "stuck.py").write_text("""
import numpy

array_namespace = numpy

class State:
    def __init__(self, value, name=None):
        self.value, self.name = value, "x" if name else None

class ParamState(State):
    pass
""", encoding="utf-8")
    arguments = [*SUITE, "--spec-impl", "stuck", "--spec-rules", "STA-03", "--spec-level", "MUST"]
    done = pytest_in(tmp_path, site, *arguments, "-W", "error", "--junitxml", "rules.xml")
    assert done.returncode == 1 and "2 failed" in done.stdout, done.stdout + done.stderr
    shown = done.stdout.split("STA-03 fail:")[1]
    assert "import stuck as lib" in shown and "expected ['0'], got ['x']" in shown
    assert "def test_rule" not in done.stdout and "Verdict." not in done.stdout
    told = ElementTree.parse(tmp_path / "rules.xml").iter("property")
    assert {(p.get("name"), p.get("value")) for p in told} == {("rule", "STA-03"),
                                                               ("verdict", "fail")}
    known = 'implementation = "stuck"\n[[known]]\nrule = "STA-03"\nkind = "never"\n' \
            'reason = "names are all x"\nmessage = "expected ... got [\'x\']"\n'
    (tmp_path / "known.toml").write_text(known, encoding="utf-8")
    done = pytest_in(tmp_path, site, *arguments, "-rx", "--spec-known", "known.toml")
    assert done.returncode == 0 and "2 xfailed" in done.stdout, done.stdout + done.stderr
    assert "never: names are all x: expected" in done.stdout


@pytest.mark.parametrize(("arguments", "words"), [
    (["--spec-impl", "nosuch", "--spec-rules", "STA-03"], "spec: cannot import 'nosuch'"),
    (["--spec-rules", "STA-03,STA-99"], "spec: 'STA-99' names no rule; those of STA are"),
])
def test_a_wrong_word_stops_the_suite_at_once(
    arguments: list[str], words: str, tmp_path: Path, site: Path
) -> None:
    done = pytest_in(tmp_path, site, *SUITE, *arguments)
    assert done.returncode == 4 and words in done.stdout + done.stderr


HOST = """
import random

import pytest


def pytest_collection_modifyitems(items):
    random.Random(7).shuffle(items)


@pytest.fixture(autouse=True)
def seeds():
    import numpy
    random.seed(3)
    numpy.random.seed(3)
"""


def test_the_order_and_the_processes_of_the_host_are_its_own(tmp_path: Path, site: Path) -> None:
    """As with pytest-xdist and pytest-randomly, which shuffles and seeds before each test."""
    (tmp_path / "conftest.py").write_text(HOST, encoding="utf-8")
    done = pytest_in(tmp_path, site, *SUITE, "--spec-rules", "STA-03,STA-13,RET-01",
                     "--spec-class", "jit", "-p", "xdist", "-n", "2", "-vv", "-rs")
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line for line in done.stdout.splitlines() if line.startswith("[gw")]
    places = {line.partition("]")[0] for line in ran}
    assert len(places) == 2 and all("PASSED" in line or "SKIPPED" in line for line in ran)
    assert sum("RET-01" in line for line in ran) > 4
    assert "needs transform.fwd_grad" in done.stdout
