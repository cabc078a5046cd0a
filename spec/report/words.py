"""Words that every form of a report uses: numbers of things, the classes that were asked for."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..judge.subject import covered


def amount(count: int, thing: str) -> str:
    """How many there are: ``1 rule``, ``2 rules``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def filled(items: Iterable[str], width: int) -> str:
    """Items with commas between them, in lines that break between two items alone."""
    whole = ", ".join(item.replace(" ", "\N{NO-BREAK SPACE}") for item in items)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def classes_of(meta: Mapping[str, Any]) -> str:
    """The classes that a run of some was asked for, and core, which has basic in it."""
    return ", ".join(spoken(meta["classes"]))


def spoken(classes: Collection[str]) -> list[str]:
    """The classes that come with some, without basic where core says it."""
    covers = covered(classes)
    return [name for name in covers if name != "basic" or "core" not in covers]
