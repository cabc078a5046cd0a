"""Running the text that a failure shows: what a script defines, as names."""

from __future__ import annotations

from typing import Any


def execute(lines: list[str], lib: Any, xp: Any) -> dict[str, Any]:
    """Run script lines with the given library and array namespace; the names they define."""
    names: dict[str, Any] = {"lib": lib, "jnp": xp}
    exec(compile("\n".join(lines), "<case>", "exec"), names)  # noqa: S102
    return names
