"""Where two reports differ: in the verdict of a rule, or of a check at a point of its axis.

A failure that is known is a failure.  Where the cases were drawn otherwise, a point of a generated
check may fail by luck, so there the check counts as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ..chapters import all_checks
from ..judge.verdict import Verdict, worst
from .digest import Data
from .words import amount

DRAWN_BY: Final = ("profile", "examples", "seed")
"""What the cases of a run depend on, besides the version of Hypothesis."""
NONE: Final = "nothing"


@dataclass(frozen=True)
class Change:
    """A verdict that is not the same in two reports.

    Attributes
    ----------
    where : str
        The rule, or the check with the point.
    before, after : str
        What both say of it.
    message : str
        What the later one says of the failure.
    """

    where: str
    before: str
    after: str
    message: str = ""

    @property
    def worse(self) -> bool:
        """Whether something is broken that was not."""
        return self.after == Verdict.FAIL and not self.before.startswith(Verdict.FAIL)

    @property
    def better(self) -> bool:
        """Whether something that was broken is not."""
        return self.before == Verdict.FAIL and not self.after.startswith(Verdict.FAIL)


def changes(old: Data, new: Data, rules: Collection[str]) -> list[Change]:
    """Where two reports differ on some rules, rule by rule; what is newly broken point by point."""
    before, after = _verdicts(old), _verdicts(new)
    points = _points_that_changed(old, new)
    found = []
    for rule in sorted(before.keys() | after.keys()):
        if rule in rules:
            was, now = before.get(rule, NONE), after.get(rule, NONE)
            whole = [Change(rule, was, now)] if was != now else []
            found += [*whole, *(change for change in points.get(rule, ())
                                if not whole or change.worse)]
    return found


def _verdicts(report: Data) -> dict[str, str]:
    """The verdict of every rule, with what was seen of an OPEN one."""
    seen = report["observed"]
    return {rule: f"{_plain(verdict)} ({seen[rule]})" if rule in seen else _plain(verdict)
            for rule, verdict in report["rules"].items()}


def _plain(verdict: str) -> str:
    return Verdict.FAIL if verdict == Verdict.KNOWN else verdict


def _points_that_changed(old: Data, new: Data) -> dict[str, list[Change]]:
    """The changes at points, by rule, for rules that both reports judge."""
    same = _draws(old["meta"]) == _draws(new["meta"])
    loose = frozenset() if same else frozenset(c.id for c in all_checks() if c.strategy)
    bad = _failures(old, loose), _failures(new, loose)
    there = _points(old, loose), _points(new, loose)
    both = old["rules"].keys() & new["rules"].keys()
    found: dict[str, list[Change]] = {}
    for key in dict.fromkeys([*bad[0], *bad[1]]):
        rule = key[0].partition("/")[0]
        was, now = (_verdict_at(key, *side) for side in zip(bad, there, strict=True))
        if rule in both and was != now:
            where = f"{key[0]}[{key[1]}]" if key[1] else key[0]
            message = bad[1].get(key, ("", ""))[1]
            found.setdefault(rule, []).append(Change(where, was, now, message))
    return found


def _draws(meta: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(meta[key] for key in DRAWN_BY), meta["packages"].get("hypothesis"))


Key = tuple[str, str]


def _failures(report: Data, loose: Collection[str]) -> dict[Key, tuple[str, str]]:
    """The verdict and the message at every point that is no pass; a loose check is one point."""
    found: dict[Key, tuple[str, str]] = {}
    for failure in report["failures"]:
        check = f"{failure['rule']}/{failure['check']}"
        for one in (failure, *failure["also"]):
            key = (check, "") if check in loose else (check, one["case"])
            said = _plain(failure["verdict"]), one["message"]
            found[key] = min(found.get(key, said), said, key=lambda pair: worst(pair[0]))
    return found


def _points(report: Data, loose: Collection[str]) -> dict[Key, None] | None:
    """The points that a report knows; None for a report that lists none but failures."""
    if "points" not in report:
        return None
    return {((check, "") if check in loose else (check, point)): None
            for check, points in report["points"].items() for point in points}


def _verdict_at(
    key: Key, bad: Mapping[Key, tuple[str, str]], there: Mapping[Key, None] | None
) -> str:
    if key in bad:
        return bad[key][0]
    return str(Verdict.PASS) if there is None or key in there else NONE


def condensed(found: Iterable[Change]) -> list[Change]:
    """Changes of which those of one check that say the same of several points are one."""
    groups: dict[tuple[str, str, str], list[Change]] = {}
    for change in found:
        check = change.where.partition("[")[0]
        groups.setdefault((check, change.before, change.after), []).append(change)
    return [mine[0] if len(mine) == 1 else
            replace(mine[0], where=f"{mine[0].where} and {amount(len(mine) - 1, 'more point')}")
            for mine in groups.values()]


def parts(found: Iterable[Change]) -> dict[str, list[Change]]:
    """Changes under the titles that a reader looks for, what is worse first."""
    parted: dict[str, list[Change]] = {"broken now": [], "not broken any more": [],
                                       "other changes": []}
    worse, better, rest = parted.values()
    for change in found:
        (worse if change.worse else better if change.better else rest).append(change)
    return parted


def lines(found: Iterable[Change]) -> Iterator[str]:
    """Changes as a comparison with what was expected has them."""
    for change in condensed(found):
        told = f": {change.message}" if change.message else ""
        yield f"{change.where}: expected {change.before}, got {change.after}{told}"
