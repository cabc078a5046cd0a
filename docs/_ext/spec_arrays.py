"""``{array-functions}``: what the scripts of the checks call of a library's array namespace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from docutils import nodes
from spec_nodes import listed, term
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import spec
from spec.language.operations import OPERATIONS
from spec.language.wishes import UNARY

NAME: Final = re.compile(r"\bjnp\.(\w+(?:\.\w+)*)")
SCRIPTS: Final = ("language", "chapters")
"""The rooms that hold whatever a script is made of."""


def called(texts: Iterable[str]) -> set[str]:
    """The names of the array namespace in some sources."""
    return {name for text in texts for name in NAME.findall(text)}


def sources() -> Iterable[str]:
    """The sources of scripts."""
    home = Path(str(spec.__file__)).parent
    return (file.read_text(encoding="utf-8")
            for room in SCRIPTS for file in (home / room).rglob("*.py"))


class ArrayFunctions(SphinxDirective):
    """The functions that drawn programs differentiate, the other ones, and the dtypes."""

    def run(self) -> list[nodes.Node]:
        every = called(sources())
        dtypes = {name for name in every if isinstance(getattr(np, name, None), type)}
        drawn = called([*UNARY, *(operation.text for operation in OPERATIONS)])
        groups = {"functions that drawn programs differentiate": drawn,
                  "other functions": every - drawn - dtypes, "dtypes": dtypes}
        return [nodes.definition_list("", *(
            term(words, listed([[nodes.literal("", name)] for name in sorted(names)]))
            for words, names in groups.items()))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("array-functions", ArrayFunctions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
