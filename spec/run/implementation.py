"""What a namespace under test must offer, and which names it lacks."""

from __future__ import annotations

import importlib
import os
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


DEVICES: Final = ("cpu", "gpu")
"""The devices that can be asked for."""


def load(name: str, device: str | None = None) -> Subject:
    """Import an implementation by module name and switch its arrays to double precision.

    Parameters
    ----------
    name : str
        The module.
    device : {'cpu', 'gpu'}, optional
        Where JAX's arrays are to live; JAX's own choice if left out.

    Raises
    ------
    Unusable
        If the module cannot be imported, or offers none of the interface.
    NoDevice
        If JAX finds no such device here.
    """
    if device == "cpu":
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
            _require(jax, device)
    return subject


def _keep_compiled(jax: Any) -> None:
    """Let processes and later runs share what JAX compiles, unless the user has said where."""
    if jax.config.jax_compilation_cache_dir is not None:
        return
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    jax.config.update("jax_compilation_cache_dir", str(Path(home) / "state-ad-spec"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _require(jax: Any, device: str) -> None:
    found = jax.default_backend()
    if device != found:
        raise NoDevice(f"JAX finds no {device} here, only a {found}")


def loaded_versions() -> dict[str, str]:
    """The versions of the packages that a result depends on, as far as they are loaded."""
    names = ("numpy", "hypothesis", "jax", "jaxlib")
    loaded = {name: sys.modules[name] for name in names if name in sys.modules}
    return {name: str(getattr(module, "__version__", "")) for name, module in loaded.items()}
