"""The random stream: seeds, NumPy's signatures, distributions, keys, and draws in transforms."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...judge.check import drawn
from ...language.axes import EVERY
from ...language.sources import Text, count, written

DRAWS = {
    "normal": "lib.random.normal(size=(3,))",
    "uniform": "lib.random.uniform(size=(3,))",
    "randn": "lib.random.randn(3)",
    "random": "lib.random.random((3,))",
}
"""Draws of three numbers."""


def draws(least: int, most: int) -> Text:
    """A function that draws three numbers so many times, by whatever functions."""
    several = st.lists(st.sampled_from(tuple(DRAWS.values())), min_size=least, max_size=most)
    return several.map(lambda texts: f"lambda: [{', '.join(texts)}]")


SEEDS = written(st.one_of(
    st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 30)).map(
        lambda drawn: [drawn[0], drawn[0] ^ 1 << drawn[1]]),
    st.integers(1, 2**31 - 1).map(lambda number: [number, -number])))
"""Two seeds that differ in one bit, wherever it stands, or in their sign."""


@drawn("STA-10", {"seeds": SEEDS, "draw": draws(1, 4)})
def seeds_repeat(lib, jnp, np, seeds, draw):
    """Draws after a seed, after the same again, and after another."""
    runs = []
    for seed in (seeds[0], seeds[0], seeds[1]):
        try:
            lib.random.seed(seed)
        except (ValueError, OverflowError):
            assert seed < 0, {"expected": f"the seed {seed}", "got": "an error"}
            continue  # not every generator takes a negative number
        runs.append(np.asarray(draw()))
    assert np.array_equal(runs[0], runs[1]), {"expected": runs[0], "got": runs[1]}
    repeated = any(np.any(runs[0] == run) for run in runs[2:])
    assert not repeated, {"expected": f"not {runs[0]}", "got": runs[2:]}


@drawn("STA-11", {"seed": count(0, 99), "before": draws(1, 3)}, {
    f"{name} before, {again}": {"one": f"lambda: {text}", "again": f"lambda: {DRAWS[again]}"}
    for name, text in DRAWS.items() for again in DRAWS
})
def draws_advance_the_stream(lib, jnp, np, seed, one, before, again):
    """A draw after others is not the draw after the seed, nor after fewer of them."""
    fresh = []
    for first in ((), (one,), (one, before)):
        lib.random.seed(seed)
        for draw in first:
            draw()
        fresh.append(np.asarray(again()))
    same = [np.any(fresh[i] == fresh[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert not any(same), {"expected": "other numbers", "got": fresh}


SIZES = ((), (4,), (2, 3), (0, 2))
PLACED = {"normal": ("loc", "scale"), "uniform": ("low", "high")}
"""The functions with two numbers before the size."""


@st.composite
def parameters(draw: Any, name: str) -> dict[str, str]:
    """A call of a function of random: by position, by name or half and half; array-likes too."""
    shape = draw(st.sampled_from((*SIZES, None)))
    sizes = [str(shape), str(shape[0])] if shape and len(shape) == 1 else [str(shape)]
    size = draw(st.sampled_from(sizes))
    if name == "randn":
        return {"draw": f"lambda random: random.randn({str(shape or ()).strip('(),')})"}
    if name == "random":
        words = draw(st.sampled_from((size, f"size={size}"))) if shape is not None else ""
        return {"draw": f"lambda random: random.random({words})"}
    pairs = [("1.0", "2.0"), ("0", "3")]
    if shape is None or (shape and shape[-1] == 3):  # others would not go together with the size
        pairs += [("[0.0, 1.0, 2.0]", "(3.0, 4.0, 5.0)"), ("0.0", "[1, 2, 3]")]
    if shape in (None, (2, 3)):
        pairs += [("jnp.zeros(3)", "jnp.ones((2, 1))")]
    values = draw(st.sampled_from(pairs))
    given = list(zip(PLACED[name], values, strict=True))[:draw(st.integers(0, 2))]
    named = draw(st.integers(0, len(given)))
    words = [text if i < named else f"{word}={text}" for i, (word, text) in enumerate(given)]
    if shape is not None:
        last = size if len(given) == named == 2 and draw(st.booleans()) else f"size={size}"
        words.append(last)
    return {"draw": f"lambda random: random.{name}({', '.join(words)})"}


@drawn("STA-12", parameters, {name: name for name in DRAWS}, wide=8)
def shapes_are_those_of_numpy(lib, jnp, np, draw):
    """The shape of one draw, beside that of NumPy's function; its dtype is floating."""
    got, want = draw(lib.random), np.shape(draw(np.random))
    assert jnp.shape(got) == want, {"expected": f"the shape {want}", "got": jnp.shape(got)}
    assert jnp.asarray(got).dtype.kind == "f", {"expected": "floating numbers", "got": got}


LOCATIONS, SCALES = (0.0, 3.0, -2.0), (1.0, 0.5, 4.0)


@st.composite
def distributions(draw: Any, name: str) -> dict[str, str]:
    """4000 numbers of a function of random, and what is known of their distribution."""
    place, width = draw(st.sampled_from(LOCATIONS)), draw(st.sampled_from(SCALES))
    seed = draw(st.integers(0, 9))
    words = {"normal": f"normal({place}, {width}, 4000)", "randn": "randn(4000)",
             "uniform": f"uniform({place}, {place + width}, 4000)", "random": "random(4000)"}[name]
    if name in ("randn", "random"):
        place, width = 0.0, 1.0
    normal = name in ("normal", "randn")
    return {
        "draw": f"lambda: lib.random.seed({seed}) or lib.random.{words}",
        "mean": str(place if normal else place + width / 2),
        "std": str(width if normal else width * 12 ** -0.5),
        "bounds": str((place - 9 * width, place + 9 * width) if normal else (place, place + width)),
        "kurtosis": "3.0" if normal else "1.8",
    }


@drawn("STA-13", distributions, {name: name for name in DRAWS})
def draws_follow_their_distribution(lib, jnp, np, draw, mean, std, bounds, kurtosis):
    """The moments of 4000 numbers within six standard errors; their bounds."""
    x = np.asarray(draw(), dtype=float)
    error = 6 * std / 4000 ** 0.5
    assert abs(x.mean() - mean) < error, {"expected": f"the mean {mean}", "got": x.mean()}
    assert abs(x.std() - std) < error, {"expected": f"the standard deviation {std}", "got": x.std()}
    inside = bounds[0] <= x.min() and x.max() <= bounds[1]
    assert inside, {"expected": f"numbers in {bounds}", "got": f"{x.min()} to {x.max()}"}
    got = np.mean((x - x.mean()) ** 4) / x.var() ** 2
    assert abs(got - kurtosis) < 6 * (24 / 4000) ** 0.5, {
        "expected": f"a kurtosis of {kurtosis}", "got": got}


@drawn("STA-14", {"seed": count(0, 99), "between": draws(0, 2)})
def keys_are_fresh(lib, jnp, np, jax, seed, between):
    """Numbers that JAX draws from keys, draws between them, and the same after the seed again."""
    def run():
        lib.random.seed(seed)
        return [(between(), float(jax.random.normal(lib.random.split_key())))[1] for _ in range(3)]
    x, again = run(), run()
    assert len(set(x)) == 3, {"expected": "three different numbers", "got": x}
    assert again == x, {"expected": x, "got": again}


@drawn("STA-15", {"seed": count(0, 99), "draw": draws(1, 3)}, EVERY.bound())
def draws_inside_are_those_of_a_plain_call(lib, jnp, T, seed, draw):
    """The numbers are kept in a state, and come back as aux."""
    s = lib.State(jnp.zeros(3))
    def f(x):
        s.value = sum(i * v for i, v in enumerate(draw(), 1)) + 0.0 * x
        return jnp.sum(s.value) * jnp.sin(x), s.value
    lib.random.seed(seed)
    want = f(jnp.array(1.0))[1]
    lib.random.seed(seed)
    got = T(f, has_aux=True)(jnp.array(1.0))[1]
    assert jnp.allclose(got, want), {"expected": f"{want} as aux", "got": got}
    assert jnp.allclose(s.value, want), {"expected": f"{want} in the state", "got": s.value}
