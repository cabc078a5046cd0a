"""Differences: one place where a value is not what it must be, and the claim that says so.

A difference is made where two things are compared, from the expected value itself.  Its claim is
source for a script: true where the value is right, and not true of the value that was found.  It
holds no figure that an implementation gave.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..expected.oracles import Judgement
from ..language import trees
from .stray import strays

VOLATILE = (
    (re.compile(r"(?<![\w./])(/[^\s/:]+)+/(?=[^\s/:]+)"), ""),  # not in an address, nor in a/b/c
    (re.compile(r"0x[0-9a-f]{6,}"), "0x..."),
    (re.compile(r"(?<![\d.])\d{12,}\b"), "..."),
)
"""What differs from run to run or machine to machine in a text: paths, addresses, ids."""
LONGEST = 2000
"""The characters of a text that are kept; a library may say a hundred thousand."""


@dataclass(frozen=True)
class Difference:
    """What must stand at a place, and what stands there.

    Attributes
    ----------
    place : str
        The source that reaches the place from the names of the script; may be empty.
    claim : str
        An expression that is true where the implementation is right.  Empty if the script
        fails by itself.
    expected, actual : str
        Both in a few words, for people.
    """

    place: str
    claim: str
    expected: str
    actual: str

    def __str__(self) -> str:
        told = f"expected {self.expected}, got {self.actual}"
        return f"{self.place}: {told}" if self.place else told


class Violation(Exception):
    """An implementation breaks a rule.

    Parameters
    ----------
    difference : Difference
        What was expected and what was seen.
    message : str
        All of it in one sentence, where that is not the difference alone.
    lines : sequence of str
        The script up to where it went wrong, where that is not all of the case.
    """

    def __init__(
        self, difference: Difference, message: str = "", lines: Sequence[str] = ()
    ) -> None:
        super().__init__(message or str(difference))
        self.difference, self.lines = difference, lines


class Inconclusive(Exception):
    """The check itself could not decide."""


class Unreadable(Inconclusive):
    """What a check judges does not stand where it can be read, which other rules judge.

    Of a few cases nothing is said, so that one failure is not told as many; where most of them
    are so, the rule is not kept either.

    Parameters
    ----------
    difference : Difference
        What stands there.
    what : str
        What cannot be read.
    """

    def __init__(self, difference: Difference, what: str) -> None:
        super().__init__(f"{what} cannot be read: {difference}")
        self.violation = Violation(difference, str(self))


def raised(
    error: BaseException, by: str = "", claim: str = "", lines: Sequence[str] = ()
) -> Violation:
    """The violation that an implementation raises what it should not."""
    words = name_and_line(error)
    difference = Difference("", claim, "no error", words)
    return Violation(difference, f"{by} raised {words}".strip(), lines)


def told(error: BaseException) -> tuple[str, Difference]:
    """What an exception says against an implementation: in a sentence, and as a difference.

    Parameters
    ----------
    error : BaseException
        A violation; an assertion of a snippet, whose argument is a dict with ``expected`` and
        ``got``, and ``at`` where a place is to be named; or what a library raised, its own
        assertions among it.
    """
    if isinstance(error, Violation):
        return lasting(str(error)), error.difference
    said = error.args[0] if isinstance(error, AssertionError) and error.args else None
    if isinstance(said, dict) and {"expected", "got"} <= said.keys():
        at, expected, got = (words(said.get(key, "")) for key in ("at", "expected", "got"))
        difference = Difference(at, "", expected, got)
        return lasting(str(difference)), difference
    violation = raised(error)
    return str(violation), violation.difference


def words(value: Any) -> str:
    """A text as it is; any other value as Python shows it, in one line."""
    if isinstance(value, str):
        return value
    try:
        return " ".join(repr(value).split())
    except strays():  # an array that was deleted, for example
        return f"a {type(value).__name__}"


def name_and_line(error: BaseException) -> str:
    """The class of an exception, and the first line of its message if it has any."""
    name, line = type(error).__name__, first_line(error)
    return f"{name}: {line}" if line else name


def first_line(error: BaseException) -> str:
    """The first line of an exception's message, the same in every run and on every machine."""
    try:
        text = str(error)
    except strays():
        return "its message cannot be shown"
    return lasting((text.strip().splitlines() or [""])[0])


def lasting(text: str) -> str:
    """A text that can be kept: without what differs from run to run or machine to machine, at most
    so long, and with escapes for what is no character of a text."""
    if (more := len(text) - LONGEST) > 0:
        text = f"{text[:LONGEST]} ... and {more} characters more"
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    """A character, or the escape of one that would steer a terminal or that no file takes."""
    if character.isprintable() or character == "\n":
        return character
    return character.encode("unicode_escape").decode("ascii")


def describe(value: Any) -> str:
    """A value in a few words."""
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        return f"{type(value).__name__} with keys {list(value)!r}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} of {len(value)}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"array of shape {tuple(value.shape)} and dtype {value.dtype}"
    return f"{type(value).__name__} {value!r}"


# -- what may differ at a place --------------------------------------------------------------------


def of_type(place: str, wanted: type, got: Any) -> Difference:
    """The class of a value."""
    return Difference(place, _is_a(place, wanted), f"a {wanted.__name__}", describe(got))


def of_factory(place: str, wanted: type, got: Any) -> Difference:
    """What a default dict makes."""
    return Difference(f"{place}.default_factory", f"{place}.default_factory is {wanted.__name__}",
                      wanted.__name__, getattr(got, "__name__", repr(got)))


def of_size(place: str, wanted: type | None, size: int, got: Any) -> Difference:
    """The class and the length of a sequence; without a class, a list or a tuple will do."""
    alike = _is_a(place, wanted) if wanted else f"isinstance({place}, (list, tuple))"
    name = wanted.__name__ if wanted else "list or tuple"
    return Difference(place, f"{alike} and len({place}) == {size}", f"{name} of {size}",
                      describe(got))


def _is_a(place: str, wanted: type) -> str:
    if getattr(builtins, wanted.__name__, None) is wanted:
        return f"type({place}) is {wanted.__name__}"
    return (f"(type({place}).__module__, type({place}).__qualname__) == "
            f"{(wanted.__module__, wanted.__qualname__)!r}")


def of_keys(place: str, keys: Sequence[Any], got: Any, *, ordered: bool = False) -> Difference:
    """The keys of a mapping, in their order where that counts."""
    kind = "list" if ordered else "set"
    wanted = f"{list(keys)!r}" if ordered else f"set({list(keys)!r})"
    actual = f"keys {list(got.keys())!r}" if hasattr(got, "keys") else describe(got)
    return Difference(place, f"{kind}({place}.keys()) == {wanted}", f"keys {list(keys)!r}", actual)


def of_symbol(place: str, wanted: Any, got: Any) -> Difference:
    """Something that is no number: None, ``...`` or a text."""
    claim = f"{place} is {wanted!r}" if wanted in (None, ...) else f"{place} == {wanted!r}"
    return Difference(place, claim, repr(wanted), describe(got))


def of_kind(place: str, wanted: str, got: Any) -> Difference:
    """An array or a number, which was wanted, and something else."""
    claim = (f"getattr({place}, 'dtype', object) != object or "
             f"isinstance({place}, (bool, int, float, complex))")
    return Difference(place, claim, wanted, describe(got))


def of_trace(place: str, got: Any) -> Difference:
    """A value that still depends on a trace, where a concrete one is due."""
    return Difference(place, f"jnp.ravel({place}).tolist() is not None", "a concrete value",
                      f"a {type(got).__name__}")


def of_shape(place: str, wanted: tuple[int, ...], got: Any) -> Difference:
    """The shape of an array."""
    return Difference(place, f"jnp.shape({place}) == {wanted}", f"an array of shape {wanted}",
                      describe(got))


def of_dtype(place: str, wanted: Any, got: Any) -> Difference:
    """The dtype of an array."""
    name = np.dtype(wanted).name
    return Difference(place, f"jnp.asarray({place}).dtype == {name!r}", f"dtype {name}",
                      f"dtype {got}")


def of_value(place: str, wanted: Any, got: Any, rtol: float) -> Difference:
    """The entries of an array or a number, up to a tolerance, relative and absolute."""
    nan = ", equal_nan=True" if np.any(np.isnan(wanted)) else ""
    text = trees.literal(wanted)
    return Difference(place, f"jnp.allclose({place}, {text}, {rtol}, {rtol}{nan})", text,
                      trees.literal(got))


def of_entry(place: str, judged: Judgement) -> Difference:
    """The entry of a derivative that the oracles find wrong.

    The claim has the oracle's own figure, and the tolerance that decided: the error that the
    oracle's formula admits for this entry, in a dtype shorter than float64 plus the rounding of
    that dtype, ``2**13 eps (1 + max|D|)``.  So every derivative that the check accepts fulfils it.
    """
    claim = f"abs({place} - {judged.expected!r}) <= {judged.tol!r}"
    return Difference(place, claim, repr(judged.expected), repr(judged.got))
