"""What no rule notices of the fresh saboteurs yet, with a script that shows each of them.

A script fails on the saboteur and not on the reference, so that every entry is a real fault: the
to-do list of the checks.
"""

from __future__ import annotations

UNCAUGHT: dict[str, str] = {}
