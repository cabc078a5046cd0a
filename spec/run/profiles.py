"""How much is drawn, by the names of the command line."""

from __future__ import annotations

from dataclasses import dataclass

from ..judge.check import Check


@dataclass(frozen=True)
class Profile:
    """How much is drawn.

    Attributes
    ----------
    name : str
        The name on the command line.
    examples : int
        Cases for every point of a generated check, at the least.
    shrinks : int
        After a failure, how many cases may be run in search of a smaller one.
    database : str
        A folder where failing cases are kept, and tried first the next time; empty for none,
        so that a run depends on its seed alone.
    together : int
        Cases for all points of a check together, at the least. What its points have in common
        is drawn in each of them, so that a check with many needs fewer for each.
    """

    name: str
    examples: int
    shrinks: int = 60
    database: str = ""
    together: int = 0

    def share(self, check: Check) -> int:
        """How many cases every point of a generated check is given."""
        if not self.together:
            return self.examples
        return max(self.examples, -(-self.together // len(check.cases)), check.wide)

    def search(self, check: Check) -> int:
        """How many cases may be run in search of a smaller failure of a point.

        A check that fails at many points shows the shortest script of all, so each may be brief.
        """
        if not self.together:
            return self.shrinks
        return min(self.shrinks, max(FEWEST, 10 * self.together // len(check.cases)))

    def goes_on(self, check: Check, point: str, seed: int) -> bool:
        """Whether it is searched for what stands behind a failure of a point.

        A check that fails at many points shows the same behind most of them, so that some will
        do, which are others for another seed.  Who looks for no smaller failure wants but one.
        """
        apart = -(-len(check.cases) // (self.together * ENOUGH // 20)) if self.together else 1
        return self.shrinks > 0 and (list(check.cases).index(point) + seed) % apart == 0


FEWEST = 8
"""Cases in search of a smaller failure, for a point of a check that has very many."""
ENOUGH = 6
"""For every 20 cases of a check, the points at which it is searched behind a failure."""

PROFILES = {p.name: p for p in (
    Profile("quick", 1, together=20),
    Profile("standard", 5, 300, together=100),
    Profile("thorough", 1000, 3000),
)}
