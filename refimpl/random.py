"""Random numbers with NumPy's signatures, from one stateful stream.

The stream is a `State` like any other: draws inside of a transform take effect once, after
success, and compiled functions draw anew at every call (WRB). Functions of this module draw
from `DEFAULT`; `default_rng` makes further streams, with the same functions as methods. `size`
is None, an int or a tuple; `key` gives a key or seed to draw from instead of the stream.
"""

import secrets
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .state import State

__all__ = [
    "DEFAULT",
    "RandomState",
    "as_key",
    "bernoulli",
    "beta",
    "categorical",
    "choice",
    "default_rng",
    "exponential",
    "gamma",
    "get_key",
    "gumbel",
    "laplace",
    "logistic",
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


def _located(sampler: Callable[..., Any], doc: str) -> Callable[..., Any]:
    """A draw from a family of distributions with a location and a scale."""

    def draw(
        self: "RandomState",
        loc: Any = 0.0,
        scale: Any = 1.0,
        size: Any = None,
        key: Any = None,
        dtype: Any = None,
    ) -> Any:
        return loc + scale * self._draw(sampler, (loc, scale), size, key, dtype)

    draw.__doc__ = doc
    return draw


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
        parameters: tuple[Any, ...],
        size: Any,
        key: Any,
        dtype: Any = None,
        passed: tuple[Any, ...] = (),
    ) -> Any:
        """Numbers from a sampler of `jax.random`, of the shape that NumPy would give them."""
        if size is None:
            shape = jnp.broadcast_shapes(*map(jnp.shape, parameters))
        else:
            shape = tuple(map(int, size)) if np.ndim(size) else (int(size),)
        kind = {} if dtype is None else {"dtype": dtype}
        return sampler(self._key(key), *passed, shape=shape, **kind)

    def random(self, size: Any = None, key: Any = None, dtype: Any = None) -> Any:
        """Uniform in [0, 1)."""
        return self._draw(jax.random.uniform, (), size, key, dtype)

    def rand(self, *shape: int, key: Any = None, dtype: Any = None) -> Any:
        """Uniform in [0, 1), of the given shape."""
        return self.random(shape, key, dtype)

    def standard_normal(self, size: Any = None, key: Any = None, dtype: Any = None) -> Any:
        """Normal with mean 0 and variance 1."""
        return self._draw(jax.random.normal, (), size, key, dtype)

    def randn(self, *shape: int, key: Any = None, dtype: Any = None) -> Any:
        """Standard normal, of the given shape."""
        return self.standard_normal(shape, key, dtype)

    normal = _located(jax.random.normal, "Normal with mean loc and standard deviation scale.")
    laplace = _located(jax.random.laplace, "Laplace (double exponential).")
    logistic = _located(jax.random.logistic, "Logistic.")
    gumbel = _located(jax.random.gumbel, "Gumbel.")

    def uniform(
        self,
        low: Any = 0.0,
        high: Any = 1.0,
        size: Any = None,
        key: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Uniform in [low, high)."""
        return low + (high - low) * self._draw(jax.random.uniform, (low, high), size, key, dtype)

    def truncated_normal(
        self,
        lower: Any,
        upper: Any,
        size: Any = None,
        loc: Any = 0.0,
        scale: Any = 1.0,
        key: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Normal with mean loc and standard deviation scale, between lower and upper."""
        bounds = ((lower - loc) / scale, (upper - loc) / scale)
        every = (lower, upper, loc, scale)
        return loc + scale * self._draw(
            jax.random.truncated_normal, every, size, key, dtype, passed=bounds
        )

    def exponential(
        self, scale: Any = 1.0, size: Any = None, key: Any = None, dtype: Any = None
    ) -> Any:
        """Exponential with mean scale."""
        return scale * self._draw(jax.random.exponential, (scale,), size, key, dtype)

    def gamma(
        self, shape: Any, scale: Any = 1.0, size: Any = None, key: Any = None, dtype: Any = None
    ) -> Any:
        """Gamma with the given shape and scale."""
        return scale * self._draw(
            jax.random.gamma, (shape, scale), size, key, dtype, passed=(shape,)
        )

    def beta(self, a: Any, b: Any, size: Any = None, key: Any = None, dtype: Any = None) -> Any:
        """Beta."""
        return self._draw(jax.random.beta, (a, b), size, key, dtype, passed=(a, b))

    def poisson(self, lam: Any = 1.0, size: Any = None, key: Any = None, dtype: Any = None) -> Any:
        """Poisson with mean lam."""
        return self._draw(jax.random.poisson, (lam,), size, key, dtype, passed=(lam,))

    def bernoulli(self, p: Any = 0.5, size: Any = None, key: Any = None) -> Any:
        """True with probability p."""
        return self._draw(jax.random.bernoulli, (p,), size, key, passed=(p,))

    def randint(
        self, low: Any, high: Any = None, size: Any = None, key: Any = None, dtype: Any = None
    ) -> Any:
        """Integers in [low, high), or in [0, low) without high."""
        bounds = (0, low) if high is None else (low, high)
        return self._draw(jax.random.randint, bounds, size, key, dtype, passed=bounds)

    def categorical(self, logits: Any, axis: int = -1, size: Any = None, key: Any = None) -> Any:
        """Indices along an axis, with unnormalised log probabilities."""
        shape = None if size is None else tuple(size) if np.ndim(size) else (int(size),)
        return jax.random.categorical(self._key(key), logits, axis=axis, shape=shape)

    def choice(
        self, a: Any, size: Any = None, replace: bool = True, p: Any = None, key: Any = None
    ) -> Any:
        """Entries of a, or of arange(a), along the first axis."""
        shape = () if size is None else tuple(size) if np.ndim(size) else (int(size),)
        return jax.random.choice(self._key(key), a, shape, replace, p)

    def permutation(self, x: Any, axis: int = 0, independent: bool = False, key: Any = None) -> Any:
        """A random order of x, or of arange(x)."""
        return jax.random.permutation(self._key(key), x, axis, independent)

    def shuffle(self, x: Any, axis: int = 0, key: Any = None) -> Any:
        """A shuffled copy of x (arrays are immutable here)."""
        return self.permutation(jnp.asarray(x), axis, key=key)


# Both start at seed 0, written out so that importing this module computes nothing.
DEFAULT = RandomState(np.zeros(2, np.uint32), name="refimpl.random.DEFAULT")
TANGENTS = RandomState(np.zeros(2, np.uint32), name="refimpl.random.TANGENTS")


def seed(seed_or_key: Any = None) -> None:
    """Start the stream anew, and with it the one that `fwd_grad` takes tangents from."""
    DEFAULT.seed(seed_or_key)
    TANGENTS.seed(DEFAULT.value)


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
categorical = DEFAULT.categorical
choice = DEFAULT.choice
exponential = DEFAULT.exponential
gamma = DEFAULT.gamma
gumbel = DEFAULT.gumbel
laplace = DEFAULT.laplace
logistic = DEFAULT.logistic
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
