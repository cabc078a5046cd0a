"""Checks: what decides, for one implementation, whether it keeps a rule.

There are two kinds.  A *snippet* is a short function over the library under test; its body is
the script that a failure shows.  A *generated* check draws cases (programs with one call) from
a Hypothesis strategy and judges each; the case prints as the script.  Either may have a finite
axis, which is always walked in full.  In between stands a snippet some of whose parameters are
*drawn*: it is generated, and its cases print as a snippet does.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..language.script import Script
from .difference import Inconclusive, Violation, told
from .stray import strays
from .subject import Subject

Judge = TypeVar("Judge", bound=Callable[[Subject, Any], str | None])

@dataclass(frozen=True)
class Check:
    """A check of one rule.

    Attributes
    ----------
    rule : str
        The id of the rule.
    name : str
        The name of the function, unique within the rule.
    function : callable
        The snippet, or the judge ``(subject, case)`` of a generated check.
    cases : mapping
        The finite axis: id to the parameters of a snippet (source text by parameter name) or to
        the argument of the strategy.  One entry with an empty id where there is no axis.
    strategy : callable or None
        From a point of the axis to the strategy that draws cases; None for a snippet.
    wide : int
        How many cases a point is given at the least, where they may combine so much that few of
        them show little.
    filled : callable or None
        The snippet some of whose parameters are drawn; None for every other check.
    """

    rule: str
    name: str
    function: Callable[..., Any]
    cases: Mapping[str, Any]
    strategy: Callable[[Any], SearchStrategy[Any]] | None = None
    wide: int = 0
    filled: Callable[..., Any] | None = None

    @property
    def shown(self) -> Callable[..., Any]:
        """The function whose code says to a reader what is checked."""
        return self.filled or self.function

    @property
    def id(self) -> str:
        """The rule and the name: unique among all checks."""
        return f"{self.rule}/{self.name}"


_CHECKS: dict[str, Check] = {}


def _register(check: Check) -> None:
    if check.id in _CHECKS:
        raise ValueError(f"check {check.id} is defined twice")
    _lines(inspect.unwrap(check.shown).__code__.co_filename)
    _CHECKS[check.id] = check


def snippet(
    rule: str, cases: Mapping[str, Mapping[str, str]] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function ``(lib, jnp, ...)`` whose assertions hold where the rule is kept.

    The message of an assertion is a dict of ``expected`` and ``got``, with ``at`` where a place
    is to be named; an assertion without is taken for one of the library.

    Its parameters are among ``lib`` (the implementation), ``jnp`` (the array namespace), ``np``
    (NumPy), ``jax`` (JAX itself, for what only JAX's own transforms can show), and the names
    that each case gives as source text.  For a rule of level OPEN the function returns which
    outcome it saw.
    """
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        points = dict(cases) if cases is not None else {"": {}}
        _register(Check(rule, function.__name__, function, points))
        return function

    return register


def generated(
    rule: str,
    strategy: Callable[[Any], SearchStrategy[Any]],
    cases: Mapping[str, Any] | None = None,
    wide: int = 0,
) -> Callable[[Judge], Judge]:
    """Register a judge ``(subject, case)`` of the cases that a strategy draws.

    For a rule of level OPEN it returns which outcome it saw.
    """
    def register(function: Judge) -> Judge:
        points = dict(cases) if cases is not None else {"": None}
        _register(Check(rule, function.__name__, function, points, strategy, wide))
        return function

    return register


Texts = SearchStrategy[Mapping[str, str]]
Given = Mapping[str, SearchStrategy[str]] | Texts | Callable[[Any], Texts]


def drawn(
    rule: str, given: Given, cases: Mapping[str, Any] | None = None, wide: int = 0
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a snippet some of whose parameters are drawn.

    Parameters
    ----------
    rule, cases, wide
        As of :func:`snippet` and :func:`generated`.
    given : mapping, strategy or callable
        Strategies of source text by parameter, or one of all of them where they hang together;
        or, from a point, the strategy of all its parameters.  A text may use the parameters
        before it, those of the point first.
    """
    points = dict(cases) if cases is not None else {"": None}

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def strategy(point: Any) -> SearchStrategy[Filled]:
            if callable(given):
                return given(point).map(lambda found: Filled(function, found))
            texts = given if isinstance(given, SearchStrategy) else st.fixed_dictionaries(
                dict(given))
            return texts.map(lambda found: Filled(function, {**(point or {}), **found}))

        _register(
            Check(rule, function.__name__, judge_filled, points, strategy, wide, function))
        return function

    return register


@dataclass(frozen=True)
class Filled(Script):
    """A snippet with its parameters; prints as the script of the snippet."""

    function: Callable[..., Any]
    parameters: Mapping[str, str]

    def lines(self) -> list[str]:
        """The whole script, without its header; the outcome of a rule of level OPEN is ``seen``."""
        numbers = ["import numpy as np"] if _takes(self.function, "np") else []
        given = [f"{name} = {text}" for name, text in self.parameters.items()]
        body = (re.sub(r"^return (.*)$", r"seen = \1", line) for line in _body(self.function))
        return [*numbers, *given, *body]


def judge_filled(subject: Subject, case: Filled) -> Any:
    """What the snippet returns; an assertion that does not hold is a violation."""
    try:
        return case.function(**_arguments(case.function, subject, case.parameters))
    except (Violation, Inconclusive):
        raise
    except strays() as error:
        message, difference = told(error)
        raise Violation(difference, message) from error


def registered() -> tuple[Check, ...]:
    """Every check of the modules that are loaded, by rule and then in the order of definition."""
    return tuple(sorted(_CHECKS.values(), key=lambda check: check.rule))


def bindings(check: Check, subject: Subject, point: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a snippet for an implementation at a point of its axis."""
    return _arguments(check.function, subject, point)


def _arguments(
    function: Callable[..., Any], subject: Subject, texts: Mapping[str, str]
) -> dict[str, Any]:
    """What a snippet is called with: the names that are provided, and what the texts give."""
    names: dict[str, Any] = {"lib": subject.lib, "jnp": subject.xp}
    if _takes(function, "jax"):
        names["jax"] = subject.jax
    if _takes(function, "np"):
        names["np"] = numpy
    for name, text in texts.items():
        names[name] = eval(text, names)
    return {name: names[name] for name in _parameters(function) if name in names}


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


def _takes(function: Callable[..., Any], name: str) -> bool:
    return name in _parameters(function)


def snippet_source(
    check: Check, subject: Subject, point: Mapping[str, str], outcomes: Sequence[str] = ()
) -> list[str]:
    """The script of a snippet at a point of its axis; it shows the outcome, or demands one of some.
    """
    header = subject.header()
    if _takes(check.function, "np"):
        header.append("import numpy as np")
    parameters = [f"{name} = {text}" for name, text in point.items()]
    seen = rf"assert (\1) in {tuple(outcomes)!r}" if outcomes else r"print(\1)"
    body = (re.sub(r"^return (.*)$", seen, line) for line in _body(check.function))
    return [*header, *parameters, *body]


@cache
def _body(function: Callable[..., Any]) -> tuple[str, ...]:
    code = inspect.unwrap(function).__code__
    block = inspect.getblock(_lines(code.co_filename)[code.co_firstlineno - 1:])
    text = textwrap.dedent("".join(block))
    definition = ast.parse(text).body[0]
    assert isinstance(definition, ast.FunctionDef)
    first = definition.body[1 if ast.get_docstring(definition) is not None else 0]
    decorators = getattr(first, "decorator_list", [])  # which stand above what they decorate
    start = min(node.lineno for node in (first, *decorators))
    return tuple(textwrap.dedent("\n".join(text.splitlines()[start - 1:])).splitlines())


@cache
def _lines(file: str) -> tuple[str, ...]:
    """The lines of a file, read when its first check is registered.

    A file may be edited while a long run is under way; where a function stood, another may stand
    then, and a script would show the code of another check.
    """
    return tuple(linecache.getlines(file))
