"""How `spec/` is installed: as `state_ad_spec`, a name that no other project's folder has.

A wheel carries the folder under that name. An editable install gets a package of that name whose
modules are those of the checkout, so that the installed command runs what is edited.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER, NAME = "spec", "state_ad_spec"

SHIM = """\
__path__ = [{folder!r}]
with open({init!r}, encoding="utf-8") as init:
    exec(compile(init.read(), {init!r}, "exec"))
"""


class Carry(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is hatchling's own
    """Put the package into the wheel, or into an editable install what leads to it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Say what goes in, and where; called by hatchling before it builds."""
        folder = Path(self.root, FOLDER)
        if version == "editable":
            shim = Path(tempfile.mkdtemp(), "__init__.py")
            shim.write_text(SHIM.format(folder=str(folder), init=str(folder / "__init__.py")),
                            encoding="utf-8")
            build_data["force_include_editable"][str(shim)] = f"{NAME}/__init__.py"
        else:
            build_data["force_include"][str(folder)] = NAME
