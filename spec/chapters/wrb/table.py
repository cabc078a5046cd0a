"""Write-back as data: what a state holds after a call, and where it is differentiated.

Three axes span the table: the *role* of a state in a call, the *access pattern* of the function
to it, and the *outcome* of the call.  Each cell says what the state holds afterwards and at which
value a derivative with respect to it is taken, or why the cell cannot occur.  Every cell that
can occur is also a program, so that the table is checked as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal

import numpy as np
from hypothesis.strategies import SearchStrategy

from ...language.axes import Calls
from ...language.cases import Case, Selection
from ...language.programs import (
    Assign,
    Draw,
    Fail,
    Line,
    Param,
    Program,
    Ref,
    Statement,
    Var,
    Write,
)
from ...language.returns import ROWS
from ...language.strategies import FAILURE

RoleId = Literal["selected", "unselected", "untouched", "argument", "random stream"]
After = Literal["entry", "plain"]
Point = Literal["entry", "not applicable"]

ROLES: Final[Mapping[RoleId, str]] = {
    "selected": "a state that grad_states selects",
    "unselected": "a state that f uses and grad_states does not select",
    "untouched": "a state that f does not use",
    "argument": "a state whose value the caller passes as the argument to differentiate",
    "random stream": "the stream of lib.random",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "success": "the call returns",
    "failure before": "f raises before it accesses the state",
    "failure after": "f raises after its last access to the state",
}
AFTER: Final[Mapping[After, str]] = {
    "entry": "what it held when the call began",
    "plain": "what one plain call of f leaves",
}

ENTRY, OTHER, ARGUMENT, SEED = 0.5, -1.5, 0.75, 7
"""The values of the state ``s0``, another state ``s1``, the argument ``x0``, and the seed."""


@dataclass(frozen=True)
class Pattern:
    """How f accesses the state ``s0``, or the random stream.

    Attributes
    ----------
    id : str
        The name of the pattern.
    state : tuple of statements or None
        What f does to the state; None where that cannot be.
    out : str
        What f returns.
    leaves : str
        What a plain call leaves in the state, over ``entry``, ``other`` and ``x``.
    stream : tuple of statements or None
        What f does to the random stream; None where that cannot be.
    writes : bool
        Whether the state, or the stream, is written.
    container : bool
        Whether the state's value is a dict with the number under ``'a'``.
    """

    id: str
    state: tuple[Statement, ...] | None
    out: str
    leaves: str = "entry"
    stream: tuple[Statement, ...] | None = None
    writes: bool = True
    container: bool = False


PATTERNS: Final = (
    Pattern("no access", (), "jnp.sin(x0)", stream=(), writes=False),
    Pattern("read", (Assign("t0", "jnp.sin(s0.value)"),), "x0 * t0", writes=False),
    Pattern(
        "write only", (Write("s0", "jnp.array(4.0)"),), "jnp.sin(x0)", "4.0",
        stream=(Line("lib.random.seed(3)"),),
    ),
    Pattern(
        "read then write",
        (Assign("t0", "jnp.sin(s0.value)"), Write("s0", "s0.value + t0")),
        "x0 * t0", "entry + np.sin(entry)",
        stream=(Draw("t0", ()),),
    ),
    Pattern(
        "write then read",
        (Write("s0", "3.0 * s0.value"), Assign("t0", "jnp.sin(s0.value)")),
        "x0 * t0", "3.0 * entry",
        stream=(Line("lib.random.seed(3)"), Draw("t0", ())),
    ),
    Pattern(
        "same value", (Write("s0", "s0.value"),), "x0 * jnp.sin(s0.value)",
        stream=(Line(f"lib.random.seed({SEED})"),),
    ),
    Pattern("from an argument", (Write("s0", "2.0 * x0"),), "jnp.sin(s0.value)", "2.0 * x"),
    Pattern(
        "from another state", (Write("s0", "2.0 * s1.value"),), "jnp.sin(x0) * s0.value",
        "2.0 * other",
    ),
    Pattern(
        "written twice",
        (Write("s0", "2.0 * s0.value"), Write("s0", "s0.value + x0")),
        "jnp.sin(s0.value)", "2.0 * entry + x",
        stream=(Draw("t0", ()), Draw("t0", ())),
    ),
    Pattern(
        "under a condition", (Line("if flag: s0.value = s0.value * x0"),), "jnp.sin(s0.value)",
        "entry * x",
        stream=(Line("t0 = lib.random.normal(size=()) if flag else 0.0"),),
    ),
    Pattern(
        "in place", (Line("s0.value['a'] = 2.0 * x0"),), "jnp.sin(x0) * s0.value['a']", "2.0 * x",
        container=True,
    ),
    Pattern(
        "created in the call",
        (Line("s = lib.State(2.0 * x0)"), Line("s.value = s.value + s0.value")),
        "jnp.sin(s.value)", writes=False,
    ),
)

IMPOSSIBLE: Final[Mapping[tuple[RoleId, str], str]] = {
    ("selected", "no access"): "a selected state that f does not touch is an error of its own",
    ("selected", "created in the call"): "what does not exist yet cannot be selected",
    ("unselected", "no access"): "this is the role untouched",
    ("argument", "in place"): "the change would reach the argument too",
    ("argument", "created in the call"): "its value cannot be passed before it exists",
    ("random stream", "read"): "a draw always advances the stream",
    ("random stream", "from an argument"): "a seed is no differentiable value",
    ("random stream", "from another state"): "a seed is no differentiable value",
    ("random stream", "in place"): "the stream has no container for a value",
    ("random stream", "created in the call"): "there is one stream",
    **{("untouched", p.id): "it would be used" for p in PATTERNS if p.id != "no access"},
}
"""Why a role and a pattern do not go together, where they do not."""


@dataclass(frozen=True)
class Cell:
    """One cell of the table.

    Attributes
    ----------
    role, pattern, outcome : str
        Where it stands.
    after : {'entry', 'plain', None}
        What the state holds after the call; None where the cell cannot occur.
    point : {'entry', 'not applicable'}
        Where a derivative with respect to the state is taken.
    reason : str
        Why the cell cannot occur.
    """

    role: RoleId
    pattern: Pattern
    outcome: str
    after: After | None
    point: Point
    reason: str = ""

    @property
    def id(self) -> str:
        """The three coordinates."""
        return f"{self.role} | {self.pattern.id} | {self.outcome}"

    @property
    def succeeds(self) -> bool:
        """Whether the call returns."""
        return self.outcome == "success"


def _cell(role: RoleId, pattern: Pattern, outcome: str) -> Cell:
    if reason := IMPOSSIBLE.get((role, pattern.id), ""):
        return Cell(role, pattern, outcome, None, "not applicable", reason)
    success = outcome == "success"
    after: After = "plain" if success and pattern.writes else "entry"
    return Cell(role, pattern, outcome, after,
                "entry" if success and role == "selected" else "not applicable")


TABLE: Final = tuple(_cell(r, p, o) for r, p, o in product(ROLES, PATTERNS, OUTCOMES))
"""Every cell, by role, then pattern, then outcome."""


def cells(*roles: RoleId, success: bool, **wanted: Any) -> list[Cell]:
    """The cells of some roles that can occur, by their outcome and attributes of the pattern."""
    return [
        cell for cell in TABLE
        if cell.role in roles and cell.after is not None and cell.succeeds == success
        and all(getattr(cell.pattern, name) == value for name, value in wanted.items())
    ]


@dataclass(frozen=True)
class Call(Case):
    """The call of a cell.

    ``fed`` says that the argument is the value of ``s0``; ``fails`` that the call is expected
    to raise, so that the script catches the exception as ``caught``.
    """

    fed: bool = False
    fails: bool = False

    def arguments(self) -> str:
        """The arguments as source."""
        return "s0.value" if self.fed else super().arguments()

    def lines(self) -> list[str]:
        """The script; where the call fails, it goes on."""
        if not self.fails:
            return super().lines()
        return [*self.setup(), "caught = None", f"try: {self.call()}",
                "except Exception as error: caught = error"]


def failing(case: Case, step: int) -> Call:
    """The call of a case whose function raises before the given statement of its body."""
    body = case.program.body
    step = min(step, len(body))
    place = "after the last step" if step == len(body) else "between steps"
    place = place if step else "before the first step"
    program = replace(case.program, body=(*body[:step], Fail(), *body[step:]))
    return Call(program, case.member, case.row, case.selection, case.argnums, case.args,
                case.kwargs, case.options, FAILURE.instead(case.labels, place), fails=True)


def program(cell: Cell) -> Program:
    """The function of a cell and the states it uses."""
    pattern, stream = cell.pattern, cell.role == "random stream"
    body = pattern.stream if stream else pattern.state
    assert body is not None, cell.reason
    out = pattern.out
    if stream:
        drawn = any("t0" in statement.source() for statement in body)
        out = "jnp.sin(x0) * t0" if drawn else "jnp.sin(x0)"
    value = np.array(ENTRY)
    params = [Param("x0")]
    if any("flag" in statement.source() for statement in body):
        params.append(Param("flag", True, has_default=True))
    text = out + "".join(statement.source() for statement in body)
    first = Var("s0", {"a": value} if pattern.container else value)
    states = [first] if cell.role in ("selected", "untouched", "argument") or "s0" in text else []
    if "s1" in text:
        states.append(Var("s1", np.array(OTHER)))
    return Program(tuple(states), tuple(params), body, out, seed=SEED if stream else None)


def call(cell: Cell, member: str) -> Call:
    """The call of a transform that a cell is about."""
    selected, fed = cell.role == "selected", cell.role == "argument"
    case = Call(
        program(cell), member, ROWS[4] if selected else ROWS[0],
        selection=Selection([Ref("s0")]) if selected else None,
        argnums=None if selected else 0,
        args=(np.array(ENTRY if fed else ARGUMENT),),
    )
    if not cell.succeeds:
        before = cell.outcome == "failure before"
        case = failing(case, 0 if before else len(case.program.body))
    return replace(case, fed=fed)


def keyed(case: Case) -> Case:
    """The case with a key where it would ask for one: what fwd_grad does without is DER-35."""
    if case.member != "fwd_grad":
        return case
    return replace(case, options={**case.options, "key": "0"})


def with_key(calls: Calls) -> SearchStrategy[Case]:
    """The calls of a point, with a key where one can be given."""
    return calls.strategy().map(keyed)
