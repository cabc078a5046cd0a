"""Writing the file of known failures: what is true of it stays, and what is new is added."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ..judge.verdict import Outcome, Verdict
from .known import Kind, Known, judge

UNSEEN: Final = "not looked into yet"
"""The reason of an entry that was written by the command."""
SHORT: Final = 12
"""The characters that the beginnings of messages must share to say the same."""


def updated(
    entries: Sequence[Known], outcomes: Sequence[Outcome], meta: Mapping[str, Any],
    asked: Collection[str],
) -> list[Known]:
    """The entries that are true after a run: those that were, narrowed to it, and new ones.

    Entries of rules that were not asked for, and of other versions, stay as they are.
    """
    found, left = [], list(outcomes)
    for known in entries:
        if known.rule not in asked or not known.holds(meta):
            found.append(known)
            continue
        after, _ = judge([known], left, meta, asked)
        points = tuple(was.point for was, now in zip(left, after, strict=True) if now != was)
        if known.kind is Kind.FLAKY:
            found.append(known)
        elif points:
            found.append(replace(known, points=points) if known.points else known)
        left = [o for o in after if o.verdict is not Verdict.KNOWN]
    return sorted([*found, *_fresh(left)], key=lambda known: (known.rule, known.check))


def _fresh(outcomes: Sequence[Outcome]) -> Iterator[Known]:
    """Entries for failures that no entry knows: one for each check and way to fail."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        for failure in outcome.each() if outcome.verdict is Verdict.FAIL else ():
            key = failure.rule, failure.check, _way(failure.message)
            groups.setdefault(key, []).append(failure)
    for (rule, check, _), mine in groups.items():
        points = tuple(dict.fromkeys(outcome.point for outcome in mine))
        yield Known(rule, Kind.UPSTREAM, UNSEEN, common(o.message for o in mine), check,
                    () if points == ("",) else points)


def _way(message: str) -> str:
    """What the messages of one way to fail begin with, without names of members and numbers."""
    head, _, rest = re.sub(r"^\S+ raised ", "raised ", message).partition(": ")
    return re.sub(r"\d+", "#", f"{head[:40]}: {' '.join(rest.split()[:1])}")


def common(messages: Iterable[str]) -> str:
    """A pattern that all messages match: what they begin and end with, and ``...`` between."""
    every = sorted(set(messages))
    if len(every) == 1:
        return every[0]
    every = [re.sub(r"^(\S+ )?raised ", "...raised ", message) for message in every]
    head = os.path.commonprefix(every)
    turned = [message[len(head):][::-1] for message in every]
    tail = os.path.commonprefix(turned)[::-1]
    return f"{head}...{tail if len(tail) >= SHORT else ''}"


def text(implementation: str, entries: Iterable[Known]) -> str:
    """The file."""
    parts = [f"implementation = {_quoted(implementation)}\n"]
    for known in entries:
        lines = ["[[known]]", f"rule = {_quoted(known.rule)}"]
        lines += [f"check = {_quoted(known.check)}"] if known.check else []
        lines += [f"points = {_listed(known.points)}"] if known.points else []
        lines += [f"{key} = {_quoted(getattr(known, key))}"
                  for key in ("message", "kind", "reason", "link") if getattr(known, key)]
        if known.when:
            pairs = (f"{_key(name)} = {_quoted(said)}" for name, said in known.when.items())
            lines.append(f"when = {{{', '.join(pairs)}}}")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _listed(points: Sequence[str]) -> str:
    """A list on a line, or on one for each where there are many."""
    line = f"[{', '.join(map(_quoted, points))}]"
    if len(line) <= 80:
        return line
    return "\n".join(["[", *(f"    {_quoted(point)}," for point in points), "]"])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else _quoted(name)


def _quoted(value: str) -> str:
    """A text as TOML has it; its escapes are among those of JSON."""
    clean = value.encode("utf-8", "backslashreplace").decode("utf-8")
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")
