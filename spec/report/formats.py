"""The formats of a report besides JSON, all of which are made from its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from . import badge, junit, markdown, page
from .digest import Data
from .document import write_text


def badge_of(file: Path) -> Callable[[Data], str]:
    """What makes a badge, by the suffix of its file."""
    return badge.endpoint if file.suffix == ".json" else badge.svg


FORMATS: Final[Mapping[str, tuple[str, Callable[[Path], Callable[[Data], str]]]]] = {
    "junit": ("JUnit XML", lambda file: junit.render),
    "markdown": ("Markdown, for the summary of a CI job", lambda file: markdown.render),
    "html": ("one HTML page", lambda file: page.render),
    "badge": ("a badge, SVG or, in a .json file, data for shields.io", badge_of),
}
"""The formats by their options: what each is, and what makes it for a file."""


def write(data: Data, files: Mapping[str, Path | None]) -> None:
    """Write the formats that have a file."""
    for name, (_, maker) in FORMATS.items():
        if file := files.get(name):
            write_text(maker(file)(data), file)
