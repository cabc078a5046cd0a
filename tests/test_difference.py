"""A difference's claim is true of what was expected, and not true of what was found."""

from __future__ import annotations

import ast
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import LinearRegression
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spec.expected import oracles
from spec.expected.layout import AnyMapping, Slot
from spec.judge import compare, difference
from spec.judge.derivative import decide
from spec.judge.difference import Difference, describe, lasting, words

FLOAT = np.dtype(np.float64)


def traced(kind: str) -> Any:
    """A value that a trace has left behind."""
    seen: list[Any] = []

    def keep(x: Any) -> Any:
        seen.append(x)
        return x

    one = jnp.array(1.0)
    match kind:
        case "jvp":
            jax.jvp(keep, (one,), (one,))
        case "jit":
            jax.jit(keep)(one)
        case "vmap":
            jax.vmap(keep)(jnp.ones(2))
    return seen[0]


def holds(claim: str, value: Any, namespace: Any = jnp) -> bool:
    """Whether a claim about ``result`` is true of a value, in a script of its own."""
    names = {"jnp": namespace, "result": value}
    try:
        exec(f"assert {claim}", names)  # noqa: S102
    except Exception:
        return False
    return True


class Text(str):
    """A text of a class of its own."""


VALUES: dict[str, tuple[Any, Any]] = {
    "a number": (1.5, 2.5),
    "an integer": (np.array(3), np.array(4)),
    "a boolean": (True, False),
    "a complex number": (1 + 2j, 1 + 3j),
    "an array": (np.array([1.0, 2.0]), np.array([1.0, 2.5])),
    "an array by a little": (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9])),
    "single precision": (np.float32(0.1), np.float32(0.2)),
    "nan": (np.array([np.nan, 1.0]), np.array([0.0, 1.0])),
    "a number for nan": (1.0, float("nan")),
    "inf": (np.array(np.inf), np.array(-np.inf)),
    "a complex nan": (np.array(complex("nan+1j")), np.array(1j)),
    "a dtype": (np.array([1.0]), np.array([1.0], np.float32)),
    "a shape": (np.zeros((2, 1)), np.zeros(2)),
    "an empty array": (np.zeros((0,)), np.zeros((2,))),
    "an empty array of another shape": (np.zeros((0, 3)), np.zeros((0,))),
    "an empty array for one": (np.ones(2), np.zeros((0,))),
    "a list for an array": (np.array([1.0, 2.0]), [1.0, 2.0]),
    "None for an array": (np.array([1.0, 2.0]), None),
    "an object for a number": (1.0, object()),
    "an array of objects for a number": (np.array([1.0]), np.array([None])),
    "a text for a number": (1.0, "1.0"),
    "a number for None": (None, 1.0),
    "a text": ("mean", "sum"),
    "None for a text": ("mean", None),
    "a text with quotes": ("it's", 'it"s'),
    "the ellipsis": (..., 1.0),
    "a list for a tuple": ((1.0, 2.0), [1.0, 2.0]),
    "a tuple for a named tuple": (LinearRegression(1.0, 2.0), (1.0, 2.0)),
    "a named tuple for a tuple": ((1.0, 2.0), LinearRegression(1.0, 2.0)),
    "a field of a named tuple": (LinearRegression(1.0, 2.0), LinearRegression(1.0, 3.0)),
    "a length": ([1.0], [1.0, 2.0]),
    "an empty tuple": ((), (1.0,)),
    "a key too few": ({"a": 1.0, "b": 2.0}, {"a": 1.0}),
    "a key of another kind": ({0: 1.0, (1, "x"): 2.0}, {"0": 1.0, (1, "x"): 2.0}),
    "an empty dict": ({}, {"a": 1.0}),
    "a list for a dict": ({"a": 1.0}, [1.0]),
    "None for a dict": ({"a": 1.0}, None),
    "a dict for an ordered dict": (OrderedDict(b=1.0, a=2.0), {"b": 1.0, "a": 2.0}),
    "the order of an ordered dict": (OrderedDict(b=1.0, a=2.0), OrderedDict(a=2.0, b=1.0)),
    "a dict for a default dict": (defaultdict(list, a=1.0), {"a": 1.0}),
    "what a default dict makes": (defaultdict(list, a=1.0), defaultdict(None, a=1.0)),
    "deep inside": ({"a": [(1.0, None), {"b": 2.0}]}, {"a": [(1.0, None), {"b": 3.0}]}),
    "a tracer of jvp": (1.0, traced("jvp")),
    "a tracer of jit": (np.array(1.0), traced("jit")),
    "a tracer of vmap": ({"a": np.array(1.0)}, {"a": traced("vmap")}),
}
"""An expected value and another, for every way in which values can differ."""


@pytest.mark.parametrize(("expected", "actual"), VALUES.values(), ids=list(VALUES))
@pytest.mark.parametrize("namespace", [jnp, np], ids=["jax", "numpy"])
def test_a_claim_on_values_tells_right_from_wrong(
    expected: Any, actual: Any, namespace: Any
) -> None:
    found = compare.same(expected, actual, "result")
    assert found is not None
    assert holds(found.claim, expected, namespace), found.claim
    assert not holds(found.claim, actual, namespace), found.claim
    assert ast.parse(found.place) and found.place.startswith("result")
    assert found.expected and found.actual and found.expected != found.actual


@pytest.mark.parametrize("value", [v for pair in VALUES.values() for v in pair[:1]],
                         ids=list(VALUES))
def test_nothing_differs_from_itself(value: Any) -> None:
    assert compare.same(value, value, "result") is None


class Flat(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items_ = items

    def __getitem__(self, key: str) -> Any:
        return self.items_[key]

    def __iter__(self) -> Any:
        return iter(self.items_)

    def __len__(self) -> int:
        return len(self.items_)


@dataclass(frozen=True)
class Mirror:
    """A structure with slots, a value that has it, and one that has not."""

    expected: Any
    right: Any
    wrong: Any
    strict: bool = True


S, V = Slot((slice(None),), (), FLOAT), Slot((slice(None),), (2,), FLOAT)
ONE, TWO = np.array(1.0), np.array([1.0, 2.0])
PAIR = LinearRegression._make

MIRRORS = {
    "a shape": Mirror(V, TWO, ONE),
    "a list for an array": Mirror(V, TWO, [1.0, 2.0]),
    "a mapping for a number": Mirror(S, ONE, Flat({"a": ONE})),
    "None for an array": Mirror(S, ONE, None),
    "an object": Mirror(S, ONE, object()),
    "a tracer": Mirror((S,), (ONE,), (traced("jvp"),)),
    "something for None": Mirror([None, S], [None, ONE], [ONE, ONE]),
    "a class of sequence": Mirror([S, S], [ONE, ONE], (ONE, ONE)),
    "a named tuple": Mirror(PAIR((S, S)), PAIR((ONE, ONE)), (ONE, ONE)),
    "a length": Mirror((S, S), (ONE, ONE), (ONE,)),
    "any sequence": Mirror([S], (ONE,), {"a": ONE}, strict=False),
    "the length of any sequence": Mirror([S], (ONE,), (), strict=False),
    "the class of a dict": Mirror({"a": S}, {"a": ONE}, OrderedDict(a=ONE)),
    "an ordered dict": Mirror(OrderedDict(a=S), OrderedDict(a=ONE), {"a": ONE}),
    "the order of an ordered dict": Mirror(OrderedDict(b=S, a=S), OrderedDict(b=ONE, a=ONE),
                                           OrderedDict(a=ONE, b=ONE)),
    "keys in any order": Mirror({"b": S, "a": S}, {"a": ONE, "b": ONE}, {"a": ONE}, strict=False),
    "a list for a dict": Mirror({"a": S}, {"a": ONE}, [ONE]),
    "any mapping": Mirror(AnyMapping({("m", "w"): S}), MappingProxyType({("m", "w"): ONE}), (ONE,)),
    "the order of any mapping": Mirror(AnyMapping({"b": S, "a": S}), Flat({"b": ONE, "a": ONE}),
                                       Flat({"a": ONE, "b": ONE})),
    "a dict in any order": Mirror({"b": S, "a": S}, {"a": ONE, "b": ONE}, {"b": ONE}),
    "a dict and no mapping": Mirror({"a": S}, {"a": ONE}, Flat({"a": ONE})),
    "deep inside": Mirror({"a": [AnyMapping({0: V})]}, {"a": [{0: TWO}]}, {"a": [{0: ONE}]}),
}


@pytest.mark.parametrize("case", MIRRORS.values(), ids=list(MIRRORS))
def test_a_claim_on_structure_tells_right_from_wrong(case: Mirror) -> None:
    assert compare.mirrors(case.expected, case.right, "result", strict=case.strict) is None
    found = compare.mirrors(case.expected, case.wrong, "result", strict=case.strict)
    assert found is not None
    assert holds(found.claim, case.right), found.claim
    assert not holds(found.claim, case.wrong), found.claim
    slots = compare.paired(case.expected, case.right, "result")
    assert all(eval(place, {"result": case.right}) is not None for _, _, place in slots)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_claim_on_an_entry_has_the_tolerance_that_decided(dtype: Any) -> None:
    """What the oracles accept fulfils the claim, up to the last bit; what they reject does not."""
    best = np.array([[1.0, -3.0]])
    estimate = oracles.Estimate(best, np.full(best.shape, 1e-10))
    wrong = best + np.array([[0.0, 0.1]])
    decided = decide(wrong, [estimate], dtype=dtype)
    assert decided is not None
    found = difference.of_entry("result[0, 1]", decided)
    assert found.claim == f"abs(result[0, 1] - -3.0) <= {decided.tol!r}"
    assert not holds(found.claim, wrong)
    for share, right in ((0.0, True), (0.999, True), (1.001, False)):
        got = best + np.array([[0.0, share * decided.tol]])
        judged = oracles.judge(got, estimate, dtype=dtype)
        assert (judged.decision is not oracles.Decision.FAIL) == right
        assert holds(found.claim, got) == right


@pytest.mark.parametrize(("found", "right", "wrong"), [
    (difference.of_type("result", int, 1.0), 1, 1.0),
    (difference.of_type("result", Text, "a"), Text("a"), "a"),
    (difference.of_type("result", type(None), 1.0), None, 1.0),
    (difference.of_size("result", tuple, 2, [1, 2]), (1, 2), [1, 2]),
    (difference.of_keys("result", ["a"], None), {"a": 1}, None),
], ids=["int", "class", "None", "tuple", "keys"])
def test_a_claim_on_a_class_tells_right_from_wrong(
    found: Difference, right: Any, wrong: Any
) -> None:
    assert holds(found.claim, right) and not holds(found.claim, wrong)


def test_values_are_told_in_a_few_words() -> None:
    told = [describe(value) for value in (None, {"a": 1}, [1, 2], np.zeros((2, 1)), "a")]
    assert told == ["None", "dict with keys ['a']", "list of 2",
                    "array of shape (2, 1) and dtype float64", "str 'a'"]
    assert words(np.eye(2)) == "array([[1., 0.], [0., 1.]])"


def test_a_value_that_cannot_be_shown_is_named() -> None:
    class Deleted:
        def __repr__(self) -> str:
            raise RuntimeError("deleted")

    assert words(Deleted()) == "a Deleted"


@pytest.mark.parametrize(("text", "kept"), [
    ("see https://flax.example.org/en/latest/errors.html#x", None),
    ("d/dx of a/b/c is 1/2", None),
    ('File "/usr/lib/python3/x.py", line 3', 'File "x.py", line 3'),
    ("at /opt/a/b.py:12 (/tmp/run-1/c)", "at b.py:12 (c)"),
])
def test_of_a_path_the_last_part_is_kept_and_an_address_is_whole(
    text: str, kept: str | None
) -> None:
    assert lasting(text) == (text if kept is None else kept)
