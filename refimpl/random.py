"""Random numbers with NumPy's signatures, from one stateful stream.

The stream is a `State` like any other: draws inside of a transform take effect once, after
success, and compiled functions draw anew at every call (WRB). Functions of this module draw
from `DEFAULT`; `default_rng` makes further streams, with the same functions as methods. `size`
is None, an int or a tuple; `key` gives a key or seed to draw from instead of the stream.
"""

import secrets
from collections.abc import Callable
from typing import Any, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from .state import State

__all__ = [
    "DEFAULT",
    "Draw",
    "RandomState",
    "as_key",
    "bernoulli",
    "beta",
    "choice",
    "default_rng",
    "exponential",
    "gamma",
    "get_key",
    "normal",
    "permutation",
    "poisson",
    "rand",
    "randint",
    "randn",
    "random",
    "seed",
    "set_key",
    "shuffle",
    "split_key",
    "standard_normal",
    "truncated_normal",
    "uniform",
]


def as_key(seed_or_key: Any = None) -> Any:
    """A key from a key or a seed; without either, from the operating system."""
    if seed_or_key is None:
        seed_or_key = secrets.randbits(31)
    typed = jnp.issubdtype(getattr(seed_or_key, "dtype", np.uint32), jax.dtypes.prng_key)
    return seed_or_key if typed or np.ndim(seed_or_key) else jax.random.PRNGKey(seed_or_key)


class Draw(TypedDict, total=False):
    """Options of every draw: a key or seed to use instead of the stream, and the dtype."""

    key: Any
    dtype: Any


class RandomState(State):
    """A stream of random numbers; its value is the key that the next draw splits.

    Parameters
    ----------
    seed_or_key : int or key, optional
        Where the stream starts.
    """

    def __init__(self, seed_or_key: Any = None, name: str | None = None) -> None:
        super().__init__(as_key(seed_or_key), name=name)

    def seed(self, seed_or_key: Any = None) -> None:
        """Start the stream anew."""
        self.value = as_key(seed_or_key)

    def split_key(self, n: int | None = None) -> Any:
        """Advance the stream and return a fresh key, or an array of n of them."""
        keys = jax.random.split(self.value, 2 if n is None else n + 1)
        self.value = keys[0]
        return keys[1] if n is None else keys[1:]

    def _key(self, key: Any) -> Any:
        return self.split_key() if key is None else as_key(key)

    def _draw(
        self,
        sampler: Callable[..., Any],
        size: Any,
        draw: Draw,
        *parameters: Any,
        passed: tuple[Any, ...] = (),
    ) -> Any:
        """Numbers from a sampler of `jax.random`, of the shape that NumPy would give them."""
        least = jnp.broadcast_shapes(*map(jnp.shape, (*parameters, *passed)))
        shape = least if size is None else _as_shape(size)
        if jnp.broadcast_shapes(least, shape) != shape:
            raise ValueError(f"size {shape} does not hold parameters of shape {least}")
        dtype = draw.get("dtype")
        kind = {} if dtype is None else {"dtype": dtype}
        return sampler(self._key(draw.get("key")), *passed, shape=shape, **kind)

    def random(self, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Uniform in [0, 1)."""
        return self._draw(jax.random.uniform, size, draw)

    def rand(self, *shape: int, **draw: Unpack[Draw]) -> Any:
        """Uniform in [0, 1), of the given shape."""
        return self.random(shape, **draw)

    def standard_normal(self, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Normal with mean 0 and variance 1."""
        return self._draw(jax.random.normal, size, draw)

    def randn(self, *shape: int, **draw: Unpack[Draw]) -> Any:
        """Standard normal, of the given shape."""
        return self.standard_normal(shape, **draw)

    def normal(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, **draw: Unpack[Draw]
    ) -> Any:
        """Normal with mean loc and standard deviation scale."""
        loc, scale = _arrays(loc, scale)
        return loc + scale * self._draw(jax.random.normal, size, draw, loc, scale)

    def uniform(
        self, low: Any = 0.0, high: Any = 1.0, size: Any = None, **draw: Unpack[Draw]
    ) -> Any:
        """Uniform in [low, high)."""
        low, high = _arrays(low, high)
        return low + (high - low) * self._draw(jax.random.uniform, size, draw, low, high)

    def truncated_normal(
        self,
        lower: Any,
        upper: Any,
        size: Any = None,
        loc: Any = 0.0,
        scale: Any = 1.0,
        **draw: Unpack[Draw],
    ) -> Any:
        """Normal with mean loc and standard deviation scale, between lower and upper."""
        lower, upper, loc, scale = _arrays(lower, upper, loc, scale)
        bounds = ((lower - loc) / scale, (upper - loc) / scale)
        sampler = jax.random.truncated_normal
        return loc + scale * self._draw(sampler, size, draw, loc, scale, passed=bounds)

    def exponential(self, scale: Any = 1.0, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Exponential with mean scale."""
        (scale,) = _arrays(scale)
        return scale * self._draw(jax.random.exponential, size, draw, scale)

    def gamma(self, shape: Any, scale: Any = 1.0, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Gamma with the given shape and scale."""
        shape, scale = _arrays(shape, scale)
        return scale * self._draw(jax.random.gamma, size, draw, scale, passed=(shape,))

    def beta(self, a: Any, b: Any, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Beta with the given exponents."""
        return self._draw(jax.random.beta, size, draw, passed=_arrays(a, b))

    def poisson(self, lam: Any = 1.0, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Poisson with mean lam."""
        return self._draw(jax.random.poisson, size, draw, passed=_arrays(lam))

    def bernoulli(self, p: Any = 0.5, size: Any = None, *, key: Any = None) -> Any:
        """True with probability p."""
        return self._draw(jax.random.bernoulli, size, {"key": key}, passed=_arrays(p))

    def randint(self, low: Any, high: Any = None, size: Any = None, **draw: Unpack[Draw]) -> Any:
        """Integers in [low, high), or in [0, low) without high."""
        bounds = _arrays(0, low) if high is None else _arrays(low, high)

        def sampler(key: Any, low: Any, high: Any, *, shape: Any, **kind: Any) -> Any:
            return jax.random.randint(key, shape, low, high, **kind)

        return self._draw(sampler, size, draw, passed=bounds)

    def choice(
        self, a: Any, size: Any = None, replace: bool = True, p: Any = None, *, key: Any = None
    ) -> Any:
        """Entries of a, or of arange(a), along the first axis."""
        shape = () if size is None else _as_shape(size)
        a, p = _arrays(a, p)
        return jax.random.choice(self._key(key), a, shape, replace, p)

    def permutation(
        self, x: Any, axis: int = 0, independent: bool = False, *, key: Any = None
    ) -> Any:
        """A random order of x, or of arange(x)."""
        (x,) = _arrays(x)
        return jax.random.permutation(self._key(key), x, axis, independent)

    def shuffle(self, x: Any, axis: int = 0, *, key: Any = None) -> Any:
        """A shuffled copy of x (arrays are immutable here)."""
        return self.permutation(jnp.asarray(x), axis, key=key)


def _arrays(*parameters: Any) -> tuple[Any, ...]:
    """Lists and the like as arrays; numbers stay, as they leave the dtype to the draw."""
    return tuple(
        value if value is None or np.isscalar(value) or hasattr(value, "dtype")
        else jnp.asarray(value)
        for value in parameters
    )


def _as_shape(size: Any) -> tuple[int, ...]:
    return tuple(map(int, size)) if np.ndim(size) else (int(size),)


# The keys are written out (the first is that of seed 0), so that importing computes nothing.
DEFAULT = RandomState(np.array([0, 0], np.uint32), name="refimpl.random.DEFAULT")
TANGENTS = RandomState(np.array([1, 0], np.uint32), name="refimpl.random.TANGENTS")


def seed(seed_or_key: Any = None) -> None:
    """Start the stream anew, and with it the one that `fwd_grad` takes tangents from."""
    DEFAULT.seed(seed_or_key)
    TANGENTS.seed(jax.random.fold_in(DEFAULT.value, 1))


def default_rng(seed_or_key: Any = None) -> RandomState:
    """A stream of its own."""
    return RandomState(seed_or_key)


def get_key() -> Any:
    """The key that the next draw splits."""
    return DEFAULT.value


def set_key(key: Any) -> None:
    """Continue the stream from a key."""
    DEFAULT.seed(key)


bernoulli = DEFAULT.bernoulli
beta = DEFAULT.beta
choice = DEFAULT.choice
exponential = DEFAULT.exponential
gamma = DEFAULT.gamma
normal = DEFAULT.normal
permutation = DEFAULT.permutation
poisson = DEFAULT.poisson
rand = DEFAULT.rand
randint = DEFAULT.randint
randn = DEFAULT.randn
random = DEFAULT.random
shuffle = DEFAULT.shuffle
split_key = DEFAULT.split_key
standard_normal = DEFAULT.standard_normal
truncated_normal = DEFAULT.truncated_normal
uniform = DEFAULT.uniform
