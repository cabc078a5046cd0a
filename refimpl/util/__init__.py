"""Small things that are useful by themselves."""

from . import filter

__all__ = ["filter"]
