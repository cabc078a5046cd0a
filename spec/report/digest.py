"""What every form of a report says of its data: made once, so that the forms agree.

The data are those of the JSON report; see :mod:`spec.report.document`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..chapters.rules import registry
from ..judge.verdict import Verdict, case_id, failure_name, lacked
from .document import schema
from .words import amount, classes_of

Data = Mapping[str, Any]

JUDGED: Final = tuple(verdict for verdict in Verdict if verdict is not Verdict.ABSENT)


@dataclass(frozen=True)
class Decided:
    """A check at a point, with what is told where it is no pass.

    Attributes
    ----------
    id, rule : str
        The id of the case, and its rule.
    verdict : str
        The verdict.
    told : tuple
        What was seen, in every way in which the point fails, each with the entry of the report
        that tells of it and has the script of one point of the check; empty for a pass.
    """

    id: str
    rule: str
    verdict: str
    told: tuple[tuple[str, Mapping[str, Any]], ...]

    @property
    def message(self) -> str:
        """What was seen, in a line for every way in which the point fails."""
        return "\n".join(message for message, _ in self.told)


def require_all(data: Data, name: str) -> None:
    """Refuse a report that lacks a part, as those of the first format do.

    Raises
    ------
    ValueError
        If it does.
    """
    lacking = [key for key in ("format", *schema()["dependentRequired"]["format"])
               if key not in data]
    if lacking:
        raise ValueError(f"{name} is of an older format, without {', '.join(lacking)}: run the "
                         f"check again")


def points(data: Data) -> Iterator[Decided]:
    """Every check at every point, in the order of the specification."""
    told: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for failure in data["failures"]:
        for one in (failure, *failure["also"]):
            id_ = case_id(failure["rule"], failure["check"], one["case"])
            told.setdefault(id_, []).append((one["message"], failure))
    for check, at in data["points"].items():
        rule, _, name = check.partition("/")
        for point, verdict in at.items():
            id_ = case_id(rule, name, point)
            yield Decided(id_, rule, verdict, tuple(told.get(id_, ())))


def totals(data: Data) -> dict[str, int]:
    """How many rules have which verdict."""
    counted = Counter(data["rules"].values())
    return {str(verdict): counted[verdict] for verdict in Verdict if verdict in counted}


def binding(data: Data) -> tuple[int, int]:
    """How many MUST are kept, and how many could be judged."""
    mine = Counter(verdict for rule, verdict in data["rules"].items()
                   if data["levels"][rule] == "MUST")
    return mine[Verdict.PASS], sum(mine[verdict] for verdict in JUDGED)


def by_class(data: Data) -> Iterator[tuple[str, int, int]]:
    """Every class, how many MUST of it are kept, and how many could be judged."""
    for name, counts in data["classes"].items():
        if judged := sum(counts.get(verdict, 0) for verdict in JUDGED):
            yield name, counts.get(Verdict.PASS, 0), judged


def sentence(data: Data) -> str:
    """The result in a line."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in totals(data).items())
    return f"{amount(len(data['rules']), 'rule')}: {counts}"


def title(data: Data) -> str:
    """What was run."""
    meta = data["meta"]
    return f"{meta['implementation']} {meta['version']}"


def circumstances(data: Data) -> dict[str, str]:
    """With what it was run, in words."""
    meta = data["meta"]
    packages = ", ".join(f"{name} {version}" for name, version in meta["packages"].items())
    found = {"specification": meta["specification"], "Python": meta["python"],
             "platform": f"{meta['platform']}, {meta['device']}", "packages": packages,
             "profile": f"{meta['profile']}, seed {meta['seed']}"}
    if "part" in meta:
        found["part"] = f"{meta['part']} of a run"
    if "classes" in meta:
        found["classes"] = classes_of(meta)
    return found


def tables(data: Data) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Level, authority, and how many rules have which verdict."""
    for level, by_authority in data["counts"].items():
        for authority, counts in by_authority.items():
            yield level, authority, counts


def causes(data: Data) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every cause, with the failure that shows it."""
    shown = {name_of(failure): failure for failure in data["failures"]}
    for cause in data["causes"]:
        yield cause, shown[cause["shown"]]


def name_of(failure: Mapping[str, Any]) -> str:
    """What names a failure, as causes do that are shown by it."""
    case = case_id(failure["rule"], failure["check"], failure["case"])
    return failure_name(case, failure.get("number", 1))


def known(data: Data) -> Iterator[Mapping[str, Any]]:
    """The failures that are known."""
    return (failure for failure in data["failures"] if "known" in failure)


def lacking(data: Data) -> dict[str, int]:
    """The names that are absent, with how many rules need each."""
    pairs = {(name, point.rule) for point in points(data) if point.verdict == Verdict.ABSENT
             for name in lacked(point.message)}
    return dict(Counter(name for name, _ in sorted(pairs)).most_common())


def rule_title(rule: str) -> str:
    """The title of a rule; that of one that is gone is gone with it."""
    return registry()[rule].title if rule in registry() else "withdrawn"


def statement(rule: str) -> str:
    """What a rule demands."""
    return registry()[rule].statement if rule in registry() else ""
