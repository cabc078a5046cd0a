"""The report as a badge: how many MUST are kept, as SVG or as data for a service that draws it."""

from __future__ import annotations

import json
from typing import Final
from xml.sax.saxutils import escape

from . import digest
from .digest import Data
from .words import classes_of

LABEL: Final = "state-ad-spec"
COLOURS: Final = {"brightgreen": "#2c7d1f", "yellow": "#8a6100", "red": "#b3261e",
                  "lightgrey": "#5c6370"}
WIDTH: Final = 6.6
"""What a character of the font takes on the average, in pixels."""


def words(data: Data) -> str:
    """What the badge says."""
    kept, judged = digest.binding(data)
    of = f" of {classes_of(data['meta'])}" if "classes" in data["meta"] else ""
    return f"{kept} of {judged} MUST{of}"


def colour(data: Data) -> str:
    """Green where every rule that was judged is kept, yellow where every MUST is."""
    kept, judged = digest.binding(data)
    if not judged:
        return "lightgrey"
    if kept < judged:
        return "red"
    return "brightgreen" if set(digest.totals(data)) <= {"pass", "absent"} else "yellow"


def endpoint(data: Data) -> str:
    """The data that shields.io draws a badge from."""
    told = {"schemaVersion": 1, "label": LABEL, "message": words(data), "color": colour(data)}
    return f"{json.dumps(told)}\n"


def svg(data: Data) -> str:
    """The picture."""
    said = words(data)
    left, right = (round(WIDTH * len(text)) + 12 for text in (LABEL, said))
    about = escape(f"{LABEL}: {said}, {digest.title(data)}")
    size = f'width="{left + right}" height="20"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
<title>{about}</title>
<clipPath id="round"><rect {size} rx="3"/></clipPath>
<g clip-path="url(#round)">
<rect width="{left}" height="20" fill="#444"/>
<rect x="{left}" width="{right}" height="20" fill="{COLOURS[colour(data)]}"/>
</g>
<g fill="#fff" text-anchor="middle" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">
<text x="{left / 2}" y="14">{LABEL}</text>
<text x="{left + right / 2}" y="14">{escape(said)}</text>
</g>
</svg>
"""
