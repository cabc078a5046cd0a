"""``render``: a report in other formats, without a run."""

from __future__ import annotations

import argparse

from ..report import committed, digest, formats
from . import status
from .check import refuse


def render(arguments: argparse.Namespace) -> int:
    """Write the formats that are asked for."""
    try:
        data = committed.read(arguments.source)
        digest.require_all(data, str(arguments.source))
    except (ValueError, OSError) as error:
        return refuse(str(error))
    formats.write(data, vars(arguments))
    return status.KEPT
