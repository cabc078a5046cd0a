"""Checks: what decides, for one implementation, whether it keeps a rule.

There are two kinds.  A *snippet* is a short function over the library under test; its body is
the script that a failure shows.  A *generated* check draws cases (programs with one call) from
a Hypothesis strategy and judges each; the case prints as the script.  Either may have a finite
axis, which is always walked in full.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from hypothesis.strategies import SearchStrategy

from .subject import Subject


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
        The snippet, or the judge ``(subject, case) -> None`` of a generated check.
    cases : mapping
        The finite axis: id to the parameters of a snippet (source text by parameter name) or to
        the argument of the strategy.  One entry with an empty id where there is no axis.
    strategy : callable or None
        From a point of the axis to the strategy that draws cases; None for a snippet.
    wide : int
        How many cases a point is given at the least, where they may combine so much that few of
        them show little.
    """

    rule: str
    name: str
    function: Callable[..., Any]
    cases: Mapping[str, Any]
    strategy: Callable[[Any], SearchStrategy[Any]] | None = None
    wide: int = 0

    @property
    def id(self) -> str:
        """The rule and the name: unique among all checks."""
        return f"{self.rule}/{self.name}"


_CHECKS: dict[str, Check] = {}


def _register(check: Check) -> None:
    if check.id in _CHECKS:
        raise ValueError(f"check {check.id} is defined twice")
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
) -> Callable[[Callable[[Subject, Any], None]], Callable[[Subject, Any], None]]:
    """Register a judge ``(subject, case) -> None`` of the cases that a strategy draws."""
    def register(function: Callable[[Subject, Any], None]) -> Callable[[Subject, Any], None]:
        points = dict(cases) if cases is not None else {"": None}
        _register(Check(rule, function.__name__, function, points, strategy, wide))
        return function

    return register


def registered() -> tuple[Check, ...]:
    """Every check of the modules that are loaded, by rule and then in the order of definition."""
    return tuple(sorted(_CHECKS.values(), key=lambda check: check.rule))


def bindings(check: Check, subject: Subject, point: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of a snippet for an implementation at a point of its axis."""
    names: dict[str, Any] = {"lib": subject.lib, "jnp": subject.xp}
    parameters = inspect.signature(check.function).parameters
    if "jax" in parameters:
        names["jax"] = subject.jax
    if "np" in parameters:
        names["np"] = numpy
    values = {name: eval(text, names) for name, text in point.items()}
    return {name: value for name, value in (names | values).items() if name in parameters}


def snippet_source(
    check: Check, subject: Subject, point: Mapping[str, str], outcomes: Sequence[str] = ()
) -> list[str]:
    """The script of a snippet at a point of its axis; it shows the outcome, or demands one of some.
    """
    header = subject.header()
    if "np" in inspect.signature(check.function).parameters:
        header.append("import numpy as np")
    parameters = [f"{name} = {text}" for name, text in point.items()]
    seen = rf"assert (\1) in {tuple(outcomes)!r}" if outcomes else r"print(\1)"
    body = (re.sub(r"^return (.*)$", seen, line) for line in _body(check.function))
    return [*header, *parameters, *body]


def _body(function: Callable[..., Any]) -> list[str]:
    text = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(text).body[0]
    assert isinstance(definition, ast.FunctionDef)
    first = definition.body[1 if ast.get_docstring(definition) is not None else 0]
    decorators = getattr(first, "decorator_list", [])  # which stand above what they decorate
    start = min(node.lineno for node in (first, *decorators))
    return textwrap.dedent("\n".join(text.splitlines()[start - 1:])).splitlines()
