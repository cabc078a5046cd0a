"""What a namespace under test must offer, and which names it lacks."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any, Final

from ..judge.difference import name_and_line
from ..judge.stray import strays
from ..judge.subject import NAMES, Subject


class Unusable(Exception):
    """The module named on the command line cannot be checked; the message says why."""


class NoDevice(Exception):
    """The device that was asked for is not there; the message says what is."""


_DEVICES: Final = re.compile(r"(cpu|gpu)(?::(\d+))?")
"""The devices that can be asked for: of a kind, and perhaps which of them."""


def device(text: str) -> str:
    """A device that can be asked for.

    Raises
    ------
    ValueError
        If it is none; the message says what is expected.
    """
    if not _DEVICES.fullmatch(text):
        raise ValueError(f"expected cpu or gpu, or one of several such as cpu:1, got {text!r}")
    return text


def load(name: str, device: str | None = None) -> Subject:
    """Import an implementation by module name and switch its arrays to double precision.

    Parameters
    ----------
    name : str
        The module.
    device : str, optional
        Where JAX's arrays are to live, as `device` has it; JAX's own choice if left out.

    Raises
    ------
    Unusable
        If the module cannot be imported, or offers none of the interface.
    NoDevice
        If JAX finds no such device here.
    """
    if device is not None and device.startswith("cpu"):
        os.environ["JAX_PLATFORMS"] = "cpu"  # otherwise JAX prefers a GPU where it finds one
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise Unusable(f"cannot import {name!r}: {error}") from error
    except strays() as error:
        raise Unusable(f"cannot import {name!r}: it raised {name_and_line(error)}") from error
    subject = Subject(name, module)
    if len(subject.missing) == len(NAMES):
        raise Unusable(f"module {name!r} offers none of the names of the interface, "
                       f"for example {', '.join(NAMES[:3])}")
    if subject.on_jax:
        # An implementation may switch double precision off when it is imported, so only now.
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        _keep_compiled(jax)
        # Some GPUs multiply float32 matrices with ten bits; a comparison needs all of them.
        jax.config.update("jax_default_matmul_precision", "highest")
        if device is not None:
            _settle_on(jax, device)
    return subject


def cache() -> Path:
    """The folder for what any later run can use."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "state-ad-spec"


def leave_no_trace() -> None:
    """Let Hypothesis keep its tables there, and not in a folder of whoever runs a check."""
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(cache() / "hypothesis"))


def _keep_compiled(jax: Any) -> None:
    """Let processes and later runs share what JAX compiles, unless the user has said where."""
    if jax.config.jax_compilation_cache_dir is not None:
        return
    jax.config.update("jax_compilation_cache_dir", str(cache()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _settle_on(jax: Any, device: str) -> None:
    """Let new arrays live on a device."""
    kind, _, index = device.partition(":")
    if kind != (found := jax.default_backend()):
        raise NoDevice(f"JAX finds no {kind} here, only a {found}")
    if not index:
        return
    there = jax.devices(kind)
    if int(index) >= len(there):
        raise NoDevice(f"JAX finds no {device} here, only {', '.join(map(_name, there))}")
    jax.config.update("jax_default_device", there[int(index)])


def _name(device: Any) -> str:
    return f"{device.platform}:{device.id}"


def loaded_versions() -> dict[str, str]:
    """The versions of the packages that a result depends on, as far as they are loaded."""
    names = ("numpy", "hypothesis", "jax", "jaxlib")
    loaded = {name: sys.modules[name] for name in names if name in sys.modules}
    return {name: str(getattr(module, "__version__", "")) for name, module in loaded.items()}
