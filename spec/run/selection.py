"""Which points of which checks a run is about."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from ..chapters import all_checks
from ..chapters.basic import BASIC
from ..chapters.rules import Authority, Level, families, registry
from ..judge.check import Check
from ..judge.verdict import Outcome, case_id
from .pool import CHUNK
from .worker import hidden

Point = tuple[Check, str]
Item = TypeVar("Item")


def rules(names: Iterable[str]) -> frozenset[str]:
    """The ids of the rules that are named by their own id or that of their family; all if none is.

    Raises
    ------
    ValueError
        If a name is no rule and no family; it says which was meant, or what has replaced it.
    """
    wanted = [name.strip().upper() for name in names if name.strip()]
    if unknown := [name for name in wanted if name not in families() and name not in registry()]:
        raise ValueError("; ".join(map(_pointer, unknown)))
    return frozenset(rule.id for rule in registry().values()
                     if not wanted or rule.id in wanted or rule.family in wanted)


def _pointer(name: str) -> str:
    """What to write in the place of a name that names no rule."""
    for chapter in families().values():
        for gone in chapter.withdrawn:
            if gone.id == name:
                return f"{name} was withdrawn ({gone.reason}); now it is {', '.join(gone.by)}"
    if family := families().get(name[:3]):
        first, last = family.rules[0].id, family.rules[-1].id
        return f"{name!r} names no rule; those of {family.id} are {first} to {last}"
    close = difflib.get_close_matches(name, [*families(), *registry()], 3)
    meant = f"close to it: {', '.join(close)}" if close else (
        f"the families are {', '.join(families())}")
    return f"{name!r} names no rule; {meant}"


def checks(
    ids: frozenset[str], levels: Sequence[Level] = (), authorities: Sequence[Authority] = (),
    classes: Collection[str] = (),
) -> list[Check]:
    """The checks of rules, those of some levels or authorities only where some are given.

    Classes choose among the points of a rule, but for basic, which has rules of its own.
    """
    mine = ids.intersection(BASIC) if {*classes} == {"basic"} else ids

    def chosen(check: Check) -> bool:
        rule = registry()[check.rule]
        return (check.rule in mine and (not levels or rule.level in levels)
                and (not authorities or rule.authority in authorities))

    return [check for check in all_checks() if chosen(check)]


def case(text: str) -> Point:
    """The check and the point that a case id names, as ``RET-05/name[grad]``.

    Raises
    ------
    ValueError
        If it names none; it says what may have been meant.
    """
    every = {case_id(check.rule, check.name, point): (check, point)
             for check in all_checks() for point in check.cases}
    if text in every:
        return every[text]
    rule = text[:6].upper()
    if rule not in registry():
        raise ValueError(_pointer(rule))
    mine = [id_ for id_ in every if id_.startswith(rule)]
    close = difflib.get_close_matches(text, mine, 3) or mine[:3]
    raise ValueError(f"{text!r} names none of the {len(mine)} cases of {rule}, which are "
                     f"{', '.join(close)}{' and others' if len(mine) > len(close) else ''}")


def asked(points: Sequence[Point], outcomes: Iterable[Outcome], classes: Collection[str]) -> tuple[
    list[Point], tuple[Outcome, ...]
]:
    """The points of a plan that belong to some classes, and their outcomes in its order.

    A point that needs a name of another class is known by its outcome alone: that of a library
    which lacks the name.
    """
    others = hidden(classes)
    found = {(f"{o.rule}/{o.check}", o.point): o for o in outcomes}
    left = [(check, point) for check, point in points
            if (check.id, point) not in found or others.isdisjoint(found[check.id, point].lacks)]
    return left, tuple(found[c.id, point] for c, point in left if (c.id, point) in found)


def unreached(points: Iterable[Point], outcomes: Iterable[Outcome]) -> dict[str, int]:
    """For every rule, how many planned points have no verdict."""
    done = {(f"{o.rule}/{o.check}", o.point) for o in outcomes}
    return dict(Counter(c.rule for c, point in points if (c.id, point) not in done))


def shard(points: Sequence[Item], number: int, of: int) -> list[Item]:
    """One of several parts of a plan that together are the plan, about equal in work."""
    return [point for i, point in enumerate(points) if i // CHUNK % of == number - 1]
