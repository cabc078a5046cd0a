"""Numbers of things in words, so that one of them is not several."""

from __future__ import annotations


def amount(count: int, thing: str) -> str:
    """How many there are: ``1 rule``, ``2 rules``."""
    return f"{count} {thing}{'' if count == 1 else 's'}"
