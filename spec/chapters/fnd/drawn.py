"""Finding the states of a function: drawn orders of reads and writes, against a simple count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from ...judge.check import generated
from ...judge.difference import Difference, Violation
from ...judge.observation import run
from ...judge.subject import Subject
from ...language.script import Script

STEPS = {
    "read": "t = t + {0}.value",
    "write": "{0}.value = t",
    "update": "{0}.value = {0}.value * 2.0",
    "same": "{0}.value = {0}.value",
    "write and read": "{0}.value = t; t = t * {0}.value",
}
"""What a line of a function does to a state; all but the first write it."""


@dataclass(frozen=True)
class Accesses(Script):
    """A function as a sequence of accesses, and one usage of a finder; prints as a script."""

    steps: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    usage: str

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [
            *(f"s{i} = lib.{kind}(jnp.array({i}.5))" for i, kind in enumerate(self.kinds)),
            "def f(t):",
            *(f"    {STEPS[step].format(state)}" for step, state in self.steps),
            "    return t",
            f"find = lib.transform.StateFinder(f, usage={self.usage!r}, return_type='list')",
            "result = find(jnp.array(2.0))",
        ]

    def used(self) -> list[str]:
        """The states that are used, in the order of first access."""
        return list(dict.fromkeys(state for _, state in self.steps))

    def expected(self) -> list[str]:
        """The states of the usage."""
        written = {state for step, state in self.steps if step != "read"}
        wanted = {"all": (True, False), "read": (False,), "write": (True,)}[self.usage]
        return [state for state in self.used() if (state in written) in wanted]


@st.composite
def accesses(draw: Any, point: tuple[str, int]) -> Accesses:
    """Functions of so many accesses of up to four states, some of them never used."""
    usage, size = point
    kinds = draw(st.lists(st.sampled_from(("State", "ParamState")), min_size=2, max_size=4))
    states = st.sampled_from([f"s{i}" for i in range(len(kinds))])
    step = st.tuples(st.sampled_from(tuple(STEPS)), states)
    steps = draw(st.lists(step, min_size=size, max_size=size))
    return Accesses(tuple(steps), tuple(kinds), usage)


def judge(subject: Subject, case: Accesses) -> None:
    """The states found are those expected; the order counts where the rule speaks of it."""
    made = run(case, subject)
    name = {id(made[f"s{i}"]): f"s{i}" for i in range(len(case.kinds))}
    want, got = case.expected(), [name.get(id(s), "a stranger") for s in made["result"]]
    states = f"[{', '.join(want)}]"
    order = "[*map(id, {})]"
    if case.usage == "write":  # its order may be that of first access or of first write
        want, got, order = sorted(want), sorted(got), "sorted(map(id, {}))"
    if got != want:
        claim = f"{order.format('result')} == {order.format(states)}"
        raise Violation(Difference("result", claim, f"{want}", f"{got}"))


for _rule, _usage in (("FND-01", "all"), ("FND-02", "write"), ("FND-03", "read")):
    _points = {f"{_usage}, {n} accesses": (_usage, n) for n in range(7)}
    generated(_rule, accesses, _points)(judge)
