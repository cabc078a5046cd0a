"""Axes that checks walk in full: members of the family, rows of the table, and calls of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .cases import Case
from .returns import SIDES, Row
from .strategies import cases
from .transforms import FAMILY, Member
from .wishes import Wish

Change = Callable[[SearchStrategy[Case]], SearchStrategy[Any]]


def as_drawn(drawn: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The change that is none."""
    return drawn


@dataclass(frozen=True)
class Calls:
    """The calls of one point of a check.

    Attributes
    ----------
    wish : Wish
        What calls to draw, with the members and the rows of the point.
    change : callable
        From the strategy of those calls to that of the point, which filters or maps them.
    fixed : Case or None
        The only call, where none is drawn.
    """

    wish: Wish = Wish()
    change: Change = as_drawn
    fixed: Case | None = None

    def strategy(self) -> SearchStrategy[Any]:
        """The calls, as a strategy."""
        if self.fixed is not None:
            return st.just(self.fixed)
        return self.change(cases(self.wish))


NO_PARAMETERS: Final[Mapping[str, Mapping[str, str]]] = {"": {}}


class Members(tuple[str, ...]):
    """Names of members of the family, as an axis of checks."""

    __slots__ = ()

    def where(self, **properties: Any) -> Members:
        """The members with these properties; a tuple of values stands for any of them.

        The properties are the attributes of :class:`spec.language.transforms.Member`.
        """
        def fits(member: Member) -> bool:
            found = ((getattr(member, name), value) for name, value in properties.items())
            return all(got in want if isinstance(want, tuple) else got == want
                       for got, want in found)

        return Members(name for name in self if fits(FAMILY[name]))

    def bound(
        self, points: Mapping[str, Mapping[str, str]] = NO_PARAMETERS,
        id: str = "{point} {member}", **by_member: Callable[[Member], str],
    ) -> dict[str, dict[str, str]]:
        """Points of a snippet: each of the given ones for every member, which is bound to ``T``.

        Further parameters are given by functions of the member.
        """
        return {
            id.format(point=point, member=name).strip(): {
                "T": f"lib.transform.{name}",
                **{word: text(FAMILY[name]) for word, text in by_member.items()},
                **parameters,
            }
            for point, parameters in points.items() for name in self
        }

    def calls(
        self, wish: Wish | Callable[[Member], Wish], rows: Sequence[Row] = (),
        id: str = "{member}", change: Change = as_drawn,
    ) -> dict[str, Calls]:
        """Points of a generated check: calls of every member under the rows, as wished.

        The wish may depend on the member; without rows they are those of the wish.
        """
        points = {}
        for name in self:
            asked = wish if isinstance(wish, Wish) else wish(FAMILY[name])
            asked = replace(asked, members=(name,), rows=tuple(rows) or asked.rows)
            points[id.format(member=name)] = Calls(asked, change)
        return points


def by_order(first: str, second: str, sample: str = "None") -> Callable[[Member], str]:
    """A parameter that depends on how often a member differentiates, or that it is a sample."""
    return lambda member: (first if member.order == 1 else second) if member.exact else sample


def keyed(member: Member) -> str:
    """A parameter: the options with which a member takes no key from the random stream."""
    return "{}" if member.exact else "{'key': 0}"


EVERY: Final = Members(FAMILY)
SCALAR: Final = EVERY.where(outputs="scalar")
EXACT: Final = EVERY.where(exact=True)
DISTINCT: Final = EXACT.where(alias="")
FIRST_ORDER: Final = DISTINCT.where(order=1)
"""All members; those of scalar functions alone; those with one right value; those without
aliases; and of them those that differentiate once."""

KINDS_OF_MEMBER: Final[Mapping[str, Mapping[str, Any]]] = {
    "reverse": {"mode": "reverse"},
    "forward": {"mode": "forward", "exact": True},
    "second": {"order": 2},
    "jacobian": {"layout": "jacobian"},
    "sample": {"exact": False},
}
"""Kinds of members, where one stands for all of its kind; each with the properties of the kind."""


def representatives(*kinds: str) -> Members:
    """The first member of each kind, for what need not be walked for all."""
    return Members(EVERY.where(**KINDS_OF_MEMBER[kind])[0] for kind in kinds)


REPRESENTATIVES: Final = representatives("reverse", "forward", "second")
"""The members for what depends on how derivatives are computed, and on nothing else."""


def rows(*sides: str, **flags: bool) -> tuple[Row, ...]:
    """The rows that differentiate these sides, with these flags of the call."""
    return tuple(
        row for side in sides for row in SIDES[side]
        if all(getattr(row, flag) == value for flag, value in flags.items())
    )


def plain(*sides: str) -> tuple[Row, ...]:
    """The rows without aux and value."""
    return rows(*sides, has_aux=False, return_value=False)
