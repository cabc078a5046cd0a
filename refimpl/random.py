"""Random numbers with NumPy's signatures, from one stateful stream.

The stream is a `State` like any other: draws inside of a transform take effect once, after
success, and compiled functions draw anew at every call (WRB-05, STA-10, STA-11).

Every function takes `size`, which is None, an int or a tuple; `key`, a key or seed to draw from
instead of the stream; and `dtype`. For a stream of one's own, hand its keys to the functions:
``normal(key=stream.split_key())``.
"""

import itertools
import secrets
import threading
from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from .frames import UNSET, stack
from .state import State
from .typing import Array, ArrayLike, DType, Key, Seed, Size

__all__ = [
    "DEFAULT",
    "RandomState",
    "as_key",
    "normal",
    "randn",
    "random",
    "seed",
    "split_key",
    "uniform",
]

# Folded into a key, these give keys that `jax.random.split` does not reach: it counts from 0.
_FOR_THREADS, _FOR_TANGENTS = 0xFFFFFFFF, 0xFFFFFFFE


def as_key(seed_or_key: Seed | None = None) -> Key:
    """A key from a key or a seed; without either, from the operating system."""
    if seed_or_key is None:
        seed_or_key = secrets.randbits(31)
    typed = jnp.issubdtype(getattr(seed_or_key, "dtype", np.uint32), jax.dtypes.prng_key)
    if typed or np.ndim(seed_or_key):
        return cast(Key, seed_or_key)
    return jax.random.PRNGKey(cast(int, seed_or_key))


class _Origin:
    """Where the streams of all threads begin; each thread that draws takes the next number."""

    def __init__(self, key: Any, made: dict[str, Any]) -> None:
        self.key = key
        self._made = made  # where the key appears when the call that makes the stream is over
        self._numbers = itertools.count()

    def branch(self) -> Any:
        """The key that a further thread begins with; UNSET while the stream is being made."""
        if self.key is UNSET:
            self.key = self._made.get("_value", UNSET)
        if self.key is UNSET:
            return UNSET
        with jax.ensure_compile_time_eval():  # the thread may draw first in a traced function
            trunk = jax.random.fold_in(self.key, _FOR_THREADS)
            return jax.random.fold_in(trunk, next(self._numbers))


class RandomState(State[Key]):
    """A stream of random numbers; its value is the key that the next draw splits.

    The thread that makes or seeds a stream draws from the key itself. Every other thread draws
    from a branch of its own, so that threads never draw the same number, whether they draw in
    plain code, in compiled functions or in transforms that overlap in time; no lock could keep
    two of these apart without making one wait for the other.

    Parameters
    ----------
    seed_or_key : int or key, optional
        Where the stream starts.
    name : str, optional
        As in `State`.
    """

    _origin: _Origin
    _here: threading.local
    _uncopied = (*State._uncopied, "_origin", "_here")

    def __new__(cls, *_: Any, **__: Any) -> "RandomState":
        made = super().__new__(cls)
        made._here = threading.local()
        made._origin = _Origin(UNSET, vars(made._here))
        return made

    def __init__(self, seed_or_key: Seed | None = None, name: str | None = None) -> None:
        super().__init__(as_key(seed_or_key), name=name)

    @property
    def _value(self) -> Any:
        """The committed key of the calling thread."""
        origin, here = self._origin, vars(self._here)  # as another thread may be seeding
        if here.get("origin") is not origin or here["_value"] is UNSET:
            here.update(origin=origin, _value=origin.branch())
        return here["_value"]

    @_value.setter
    def _value(self, key: Any) -> None:
        if self._origin.key is UNSET:
            self._origin.key = key
        vars(self._here).update(origin=self._origin, _value=key)

    @property
    def _cell(self) -> dict[str, Any]:
        vars(self._here)["_value"] = self._value  # now it has begun in this thread
        return vars(self._here)

    def seed(self, seed_or_key: Seed | None = None) -> None:
        """Start the stream anew, for all threads; inside of a transform, for this thread."""
        self.value = as_key(seed_or_key)
        if not stack.frames:
            self._origin = _Origin(self._value, {})
            self._value = self._origin.key

    def split_key(self, n: int | None = None) -> Key:
        """Advance the stream and return a fresh key, or an array of n of them."""
        keys = jax.random.split(self.value, 2 if n is None else n + 1)
        self.value = keys[0]
        return keys[1] if n is None else keys[1:]


# The keys are written out (the first is that of seed 0), so that importing computes nothing.
DEFAULT = RandomState(np.array([0, 0], np.uint32), name="refimpl.random.DEFAULT")
TANGENTS = RandomState(np.array([1, 0], np.uint32), name="refimpl.random.TANGENTS")


def seed(seed_or_key: Seed | None = None) -> None:
    """Start the stream anew, and with it the one that `fwd_grad` takes tangents from.

    Parameters
    ----------
    seed_or_key : int or key, optional
        Where to start; without it, somewhere that the operating system chooses.
    """
    DEFAULT.seed(seed_or_key)
    TANGENTS.seed(jax.random.fold_in(DEFAULT.value, _FOR_TANGENTS))


def split_key(n: int | None = None) -> Key:
    """Advance the stream and return a fresh key, or an array of n of them."""
    return DEFAULT.split_key(n)


def random(size: Size = None, *, key: Seed | None = None, dtype: DType | None = None) -> Array:
    """Uniform in [0, 1)."""
    return _draw(jax.random.uniform, size, key, dtype)


def uniform(
    low: ArrayLike = 0.0,
    high: ArrayLike = 1.0,
    size: Size = None,
    *,
    key: Seed | None = None,
    dtype: DType | None = None,
) -> Array:
    """Uniform in [low, high).

    Raises
    ------
    ValueError
        If `size` is not what the parameters broadcast to; so in `normal`.
    """
    start, end = _array(low), _array(high)
    unit = _draw(jax.random.uniform, size, key, dtype, start, end)
    return cast(Array, start + (end - start) * unit)


def randn(*shape: int, key: Seed | None = None, dtype: DType | None = None) -> Array:
    """Standard normal, of the given shape."""
    return _draw(jax.random.normal, shape, key, dtype)


def normal(
    loc: ArrayLike = 0.0,
    scale: ArrayLike = 1.0,
    size: Size = None,
    *,
    key: Seed | None = None,
    dtype: DType | None = None,
) -> Array:
    """Normal with mean `loc` and standard deviation `scale`."""
    mean, deviation = _array(loc), _array(scale)
    standard = _draw(jax.random.normal, size, key, dtype, mean, deviation)
    return cast(Array, mean + deviation * standard)


def _draw(
    sampler: Callable[..., Array],
    size: Size,
    key: Seed | None,
    dtype: DType | None,
    *parameters: Any,
) -> Array:
    """Numbers from a sampler of `jax.random`, of the shape that NumPy would give them."""
    least = jnp.broadcast_shapes(*map(jnp.shape, parameters))
    shape = least if size is None else tuple(map(int, np.atleast_1d(size)))
    if jnp.broadcast_shapes(least, shape) != shape:
        raise ValueError(f"size {shape} does not hold parameters of shape {least}")
    kind = {} if dtype is None else {"dtype": dtype}
    return sampler(split_key() if key is None else as_key(key), shape=shape, **kind)


def _array(parameter: ArrayLike) -> Any:
    """A list and the like as an array; a number stays, as it leaves the dtype to the draw."""
    plain = np.isscalar(parameter) or hasattr(parameter, "dtype")
    return parameter if plain else jnp.asarray(parameter)
