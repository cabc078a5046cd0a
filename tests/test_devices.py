"""States on several devices, and training in several processes: as on one device, in one process.

Virtual devices are there from the start of an interpreter or not at all, so these tests start some.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import sharded

ROOT = Path(__file__).parent.parent
PARALLEL = "docs/examples/parallel.py"


def start(*arguments: str, devices: int = 1) -> subprocess.Popen[str]:
    """This Python, with so many virtual CPU devices."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    try:
        told, errors = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    return told


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    """What was wrong with each program."""
    wrong: dict[str, str] = json.loads(output(start("-m", "tests.sharded", devices=8)))
    return wrong


PROGRAMS = [
    f"{name}, {kind}" for kind, (_, programs) in sharded.KINDS.items() for name in programs
]


def test_every_program_was_run(found: dict[str, str]) -> None:
    assert sorted(found) == sorted([*PROGRAMS, "refused"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_states_stay_where_they_are_shared_out(found: dict[str, str], program: str) -> None:
    """And hold what they would hold on one device; so does the result."""
    assert found[program] == ""


def test_branches_that_share_out_differently_are_refused_by_name(found: dict[str, str]) -> None:
    assert found["refused"].startswith("State 's' float64[8] ends as float64[8] or float64[8@d]")


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """The script of the guide, in one process with one device, and in two with one each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    output(start(PARALLEL, "--save", str(tmp_path / "one.npz")))
    joined = ["--coordinator", coordinator, "--processes", "2", "--process"]
    both = [
        start(PARALLEL, *joined, str(process), "--save", str(tmp_path / f"{process}.npz"))
        for process in range(2)
    ]
    assert all("2 devices, error" in output(process) for process in both)
    one = np.load(tmp_path / "one.npz")
    for process in range(2):
        many = np.load(tmp_path / f"{process}.npz")
        assert many.files == one.files and len(one.files) > 3
        for name in one.files:
            np.testing.assert_allclose(many[name], one[name], rtol=1e-10, atol=1e-14)
