"""Labels: the choices that made a case, noted where each was made.

A choice has a name and finitely many options, and the module that makes it declares it.  What is
drawn carries a label ``choice: option`` for every choice that was made on the way.  So coverage
counts what was chosen, and nothing has to guess from a value or a script what it was meant to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from hypothesis import strategies as st

from .script import Script

DrawFn = Any
TOGETHER: Final = "together"


def label(axis: str, option: str) -> str:
    """The label of an option of an axis."""
    return f"{axis}: {option}"


@dataclass(frozen=True)
class Choice:
    """A choice that is counted.

    Attributes
    ----------
    name : str
        What is chosen, unique among the choices.
    options : tuple of str
        All that can be chosen.
    traits : mapping
        What may also be said of a case, and the options that show it.  Coverage counts which
        traits come together, since some mistakes take two to show.
    """

    name: str
    options: tuple[str, ...]
    traits: Mapping[str, Iterable[str]] = field(default_factory=dict)

    def label(self, option: str) -> str:
        """The label of an option.

        Raises
        ------
        ValueError
            If there is no such option.
        """
        if option not in self.options:
            raise ValueError(f"{option!r} is no option of the choice {self.name!r}; there are "
                             f"{', '.join(self.options)}")
        return label(self.name, option)

    def instead(self, labels: Iterable[str], option: str) -> frozenset[str]:
        """The labels of a case for which this choice is made anew."""
        mine = {self.label(other) for other in self.options}
        return frozenset(labels) - mine | {self.label(option)}


CHOICES: Final[dict[str, Choice]] = {}
"""Every choice of the modules that are loaded."""

TRAITS: Final[dict[str, frozenset[str]]] = {}
"""For every trait, the labels that show it."""


def choice(
    name: str, options: Iterable[str], traits: Mapping[str, Iterable[str]] | None = None
) -> Choice:
    """Declare a choice, once; its traits belong to it alone."""
    made = Choice(name, tuple(options), dict(traits or {}))
    shown = {trait: frozenset(map(made.label, chosen)) for trait, chosen in made.traits.items()}
    if taken := [name] * (name in CHOICES) + sorted(shown.keys() & TRAITS.keys()):
        raise ValueError(f"declared twice: {', '.join(taken)}")
    CHOICES[name] = made
    TRAITS.update(shown)
    return made


def together(labels: Iterable[str]) -> set[str]:
    """The pairs of traits that the labels of one case show, as labels."""
    have = frozenset(labels)
    shown = [trait for trait, signs in TRAITS.items() if have & signs]
    return {label(TOGETHER, " + ".join(two)) for two in combinations(shown, 2)}


def covered(case: Any) -> set[str]:
    """The labels of a case and its pairs of traits; none where it is no script."""
    found = case.labels if isinstance(case, Script) else frozenset[str]()
    return {*found, *together(found)}


def axes() -> dict[str, tuple[str, ...]]:
    """All that is counted: the options of every choice, and the pairs of traits."""
    found = {made.name: made.options for made in CHOICES.values()}
    return {**found, TOGETHER: tuple(" + ".join(two) for two in combinations(TRAITS, 2))}


class Chooser:
    """Draws what a case is made of, and notes what was chosen.

    Parameters
    ----------
    draw : callable
        Hypothesis's, of the strategy that makes the case.
    """

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.labels: set[str] = set()

    def choose(self, made: Choice, options: Sequence[str] = ()) -> str:
        """One of the options, or of some of them, in the proportions in which they are given."""
        option: str = self.draw(st.sampled_from(options or made.options))
        return self.note(made, option)

    def note(self, made: Choice, option: str) -> str:
        """An option that was chosen in another way."""
        self.labels.add(made.label(option))
        return option
