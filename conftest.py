"""The one setting that a whole test process shares: float64.

JAX's x64 flag is part of every cache key and must not change while arrays live, and brainstate
switches it off when it is imported. So brainstate, where it is installed, is imported first, and
the flag is switched on here once, for every test: oracles need float64, and figures printed from
float32 hold to their printed digits. A test about JAX's default precision runs a fresh interpreter.
"""

import importlib.util
import os

# Nearly every compiled program runs once: to make it quickly is worth more than to make it fast.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax
import jax.numpy as jnp
from hypothesis import settings

# By the name under which an installed package has registered it already, if there is one.
_INSTALLED = importlib.util.find_spec("state_ad_spec")
pytest_plugins = [f"{'state_ad_spec' if _INSTALLED else 'spec'}.conformance.plugin"]


def _enable_float64() -> None:
    if importlib.util.find_spec("brainstate") is not None:
        import brainstate

        brainstate.environ.set(precision=64)
    jax.config.update("jax_enable_x64", True)
    dtype = jnp.asarray(1.0).dtype
    if dtype != jnp.float64:
        raise RuntimeError(f"tests run in float64, but a new array has dtype {dtype}")


_enable_float64()

# The first use of a shape compiles, which takes far longer than Hypothesis's deadline allows.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
