"""Known failures: a file that says which rules a library breaks, why, and what is seen.

It is strict, so that it stays true: a failure that passes now, one that says something else, and an
entry of which nothing is left are news, and news fail a run.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ..chapters.rules import registry
from ..judge.verdict import Failure, Outcome, Verdict
from . import versions


class Kind(StrEnum):
    """What is to be expected of a known failure."""

    UPSTREAM = "upstream"
    """A fault that the library means to mend."""
    NEVER = "never"
    """The library does otherwise on purpose."""
    FLAKY = "flaky"
    """It fails now and then, so that a pass is no news."""


@dataclass(frozen=True)
class Known:
    """A failure that is known.

    Attributes
    ----------
    rule : str
        The rule that is broken.
    kind : Kind
        What is to be expected of it.
    reason : str
        Why it is so.
    message : str
        What is seen: an exception or a difference, where ``...`` stands for anything.
    check : str
        The check that fails, where it is one of the rule's.
    points : tuple of str
        The points at which the check fails, each of them; without any, wherever it does.
    link : str
        Where one can read more.
    when : mapping
        The versions for which it holds, as ``{version = ">=0.5,<0.6", jax = ">=0.7"}``.
    """

    rule: str
    kind: Kind
    reason: str
    message: str
    check: str = ""
    points: tuple[str, ...] = ()
    link: str = ""
    when: Mapping[str, str] = field(default_factory=dict)

    def covers(self, outcome: Outcome) -> bool:
        """Whether it speaks of a check at a point."""
        return (outcome.rule == self.rule and self.check in ("", outcome.check)
                and (not self.points or outcome.point in self.points))

    def says(self, outcome: Outcome) -> bool:
        """Whether what was seen is what it expects."""
        parts = map(re.escape, self.message.split("..."))
        return re.fullmatch(".*".join(parts), outcome.message, re.DOTALL) is not None

    def holds(self, meta: Mapping[str, Any]) -> bool:
        """Whether it is of the versions of a run."""
        there = versions.of(meta)
        return all(versions.within(there[name], wanted) for name, wanted in self.when.items())

    @property
    def because(self) -> str:
        """Kind, reason and link in a line."""
        return f"{self.kind}: {self.reason}" + (f" ({self.link})" if self.link else "")

    @property
    def name(self) -> str:
        """What names it in a message."""
        return f"{self.rule}/{self.check}" if self.check else self.rule


TEXTS: Final = ("rule", "kind", "reason", "message", "check", "link")
NEEDED: Final = ("rule", "kind", "reason", "message")


def read(file: Path, meta: Mapping[str, Any]) -> tuple[Known, ...]:
    """Read the known failures of the implementation that is run.

    Raises
    ------
    ValueError
        If the file is of another implementation, or an entry is wrong; it says which and why.
    OSError
        If it cannot be read.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is no TOML: {error}") from error
    if strange := data.keys() - {"implementation", "known"}:
        raise ValueError(f"{file}: expected implementation and [[known]], got "
                         f"{', '.join(sorted(strange))}")
    if (other := data.get("implementation")) != meta["implementation"]:
        raise ValueError(f"{file} is of {other}, and this is a run of {meta['implementation']}")
    found = []
    for number, entry in enumerate(data.get("known", ()), 1):
        if wrong := _fault(entry) or versions.unknown(meta, entry.get("when", {})):
            raise ValueError(f"{file}: entry {number} ({entry.get('rule', 'no rule')}): {wrong}")
        found.append(Known(**{**entry, "kind": Kind(entry["kind"]),
                              "points": tuple(entry.get("points", ()))}))
    return tuple(found)


def _fault(entry: Mapping[str, Any]) -> str:
    """What is wrong with an entry."""
    if strange := entry.keys() - {field.name for field in fields(Known)}:
        return f"unknown keys {', '.join(sorted(strange))}"
    if wrong := [key for key in TEXTS if not isinstance(entry.get(key, ""), str)]:
        return f"expected a text for {', '.join(wrong)}"
    if lacking := [key for key in NEEDED if not entry.get(key, "").strip()]:
        return f"it lacks {', '.join(lacking)}"
    if entry["kind"] not in tuple(Kind):
        return f"kind: expected one of {', '.join(Kind)}, got {entry['kind']!r}"
    if entry["rule"] not in registry():
        return "its rule is none"
    points, when = entry.get("points", []), entry.get("when", {})
    if not (isinstance(points, list) and all(isinstance(point, str) for point in points)):
        return f"points: expected a list of texts, got {points!r}"
    if points and not entry.get("check"):
        return "points are those of a check, so it needs one"
    if not (isinstance(when, dict) and all(isinstance(text, str) for text in when.values())):
        return f"when: expected a table of texts, got {when!r}"
    return next(filter(None, map(versions.fault, when.values())), "")


def judge(
    entries: Sequence[Known], outcomes: Iterable[Outcome], meta: Mapping[str, Any],
    asked: Collection[str],
) -> tuple[tuple[Outcome, ...], list[str]]:
    """The outcomes of a whole run, those that are known marked so, and what is news of the entries.

    Parameters
    ----------
    entries : sequence of Known
        What is known.
    outcomes : iterable of Outcome
        All that the run decided.
    meta : mapping
        What was run; entries of other versions do not count.
    asked : collection of str
        The rules that were asked for; entries of others do not count.
    """
    mine = [known for known in entries if known.rule in asked and known.holds(meta)]
    found = tuple(_marked(mine, outcome) for outcome in outcomes)
    return found, [line for known in mine for line in _news(known, found)]


def at_point(entries: Sequence[Known], outcome: Outcome) -> tuple[Outcome, str]:
    """One outcome by itself, known if it is, and what is news of the entries that name its point.

    Whether an entry without points is stale, only a whole run can tell.
    """
    found = _marked(entries, outcome)
    for known in entries:
        if known.points and known.covers(found) and known.kind is not Kind.FLAKY and (
                found.verdict is Verdict.PASS):
            return found, f"{found.id} is known to fail ({known.because}), and is kept now"
    return found, ""


def _marked(entries: Iterable[Known], outcome: Outcome) -> Outcome:
    """An outcome, known where all that fails is what entries say; else it tells of the rest."""
    if outcome.verdict is not Verdict.FAIL:
        return outcome
    mine = [known for known in entries if known.covers(outcome)]
    failures = {failure: [known for known in mine if known.says(failure)]
                for failure in outcome.each()}
    news = [failure for failure, found in failures.items() if not found]
    if not news:
        reasons = dict.fromkeys(found[0].because for found in failures.values())
        return replace(outcome, verdict=Verdict.KNOWN, known="; ".join(reasons))
    return news[0].failing(*map(Failure.of, news))


def _news(known: Known, outcomes: Iterable[Outcome]) -> list[str]:
    """Where an entry is not true any more."""
    mine = [outcome for outcome in outcomes if known.covers(outcome)]
    bad = [o for o in mine if o.verdict is Verdict.FAIL]
    lines = [f"{o.id} is known to fail, but not so: expected {known.message!r}, got "
             f"{o.message!r}" for o in bad]
    gone = [point for point in known.points if point not in {o.point for o in mine}]
    lines += [f"{known.name}[{point}] is known to fail, and there is no such point"
              for point in gone]
    if not mine and not gone:
        return [f"{known.name} is known to fail, and nothing of that name was run"]
    if known.kind is Kind.FLAKY:
        return lines
    right = [o for o in mine if o.verdict not in (Verdict.FAIL, Verdict.KNOWN)]
    if known.points:
        return lines + [f"{o.id} is known to fail, and is {_now(o)}" for o in right]
    if len(right) == len(mine):
        lines.append(f"{known.name} is known to fail, and nothing of it does")
    return lines


def _now(outcome: Outcome) -> str:
    return "kept now" if outcome.verdict is Verdict.PASS else f"{outcome.verdict} now"
