"""The return-structure table: twelve rows, and how a row builds and recognises a result.

A result is described by a small structure over four parts, ``var`` (gradients of states),
``arg`` (gradients of arguments), ``loss`` (the primal output) and ``aux``: a part stands for
itself, a tuple of structures for a Python tuple.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

Part = str
Structure = Part | tuple["Structure", ...]

PARTS: Final = {
    "var": "var_grads",
    "arg": "arg_grads",
    "loss": "loss",
    "aux": "aux",
}


def show(structure: Structure) -> str:
    """The structure as the tutorial's table writes it, e.g. ``((var_grads, arg_grads), aux)``."""
    if isinstance(structure, str):
        return PARTS[structure]
    return "(" + ", ".join(show(item) for item in structure) + ")"


def build(structure: Structure, parts: Mapping[Part, Any]) -> Any:
    """The result that has the structure and holds the given parts."""
    if isinstance(structure, str):
        return parts[structure]
    return tuple(build(item, parts) for item in structure)


def split(structure: Structure, result: Any) -> dict[Part, Any]:
    """The parts of a result of the structure.

    Raises
    ------
    ValueError
        If the result does not have the structure; the message says where.
    """
    if isinstance(structure, str):
        return {structure: result}
    if type(result) is not tuple or len(result) != len(structure):
        kind = type(result).__name__
        size = f" of {len(result)}" if isinstance(result, (tuple, list)) else ""
        raise ValueError(f"expected {show(structure)}, a tuple of {len(structure)}, "
                         f"got a {kind}{size}")
    parts: dict[Part, Any] = {}
    for item, value in zip(structure, result, strict=True):
        parts |= split(item, value)
    return parts


@dataclass(frozen=True)
class Row:
    """One row: which of states and arguments are asked for, two flags, and the result.

    Attributes
    ----------
    id : str
        The rule id, RET-01 to RET-12 in the tutorial's order.
    title : str
        The title of that rule.
    states, args : bool or None
        Whether ``grad_states``, ``argnums`` is given; ``None`` means either.
    has_aux, return_value : bool
        The flags of the call.
    result : Structure
        The structure of what the call returns.
    """

    id: str
    title: str
    states: bool
    args: bool | None
    has_aux: bool
    return_value: bool
    result: Structure

    @property
    def statement(self) -> str:
        """The row as a sentence."""
        given = {True: "given", False: "None"}
        argnums = "whatever `argnums`" if self.args is None else f"`argnums` {given[self.args]}"
        return (
            f"With `grad_states` {given[self.states]}, {argnums}, "
            f"`has_aux={self.has_aux}` and `return_value={self.return_value}`, "
            f"every transform of the family returns `{show(self.result)}`."
        )

    @property
    def quote(self) -> str:
        """The row as the tutorial's table has it."""
        words = {True: "not `None`", False: "`None`", None: "any"}
        cells = (words[self.states], words[self.args], f"`{self.has_aux}`",
                 f"`{self.return_value}`", f"`{show(self.result)}`")
        return f"| {' | '.join(cells)} |"

    def matches(self, *, states: bool, args: bool, has_aux: bool, return_value: bool) -> bool:
        """Whether a call with these arguments falls under this row."""
        return (
            self.states == states
            and self.args in (None, args)
            and (self.has_aux, self.return_value) == (has_aux, return_value)
        )


ROWS: Final = (
    Row("RET-01", "Arguments alone", False, None, False, False, "arg"),
    Row("RET-02", "Arguments and aux", False, None, True, False, ("arg", "aux")),
    Row("RET-03", "Arguments and loss", False, None, False, True, ("arg", "loss")),
    Row("RET-04", "Arguments, loss and aux", False, None, True, True, ("arg", "loss", "aux")),
    Row("RET-05", "States alone", True, False, False, False, "var"),
    Row("RET-06", "States and aux", True, False, True, False, ("var", "aux")),
    Row("RET-07", "States and loss", True, False, False, True, ("var", "loss")),
    Row("RET-08", "States, loss and aux", True, False, True, True, ("var", "loss", "aux")),
    Row("RET-09", "States and arguments", True, True, False, False, ("var", "arg")),
    Row("RET-10", "Both sides and aux", True, True, True, False, (("var", "arg"), "aux")),
    Row("RET-11", "Both sides and loss", True, True, False, True, (("var", "arg"), "loss")),
    Row("RET-12", "Both sides, loss, aux", True, True, True, True, (("var", "arg"), "loss", "aux")),
)

SIDES: Final = {"arguments": ROWS[:4], "states": ROWS[4:8], "both": ROWS[8:]}
"""The rows by what is differentiated."""


def row(*, states: bool, args: bool, has_aux: bool, return_value: bool) -> Row:
    """The one row that a call falls under."""
    call = dict(states=states, args=args, has_aux=has_aux, return_value=return_value)
    (found,) = (r for r in ROWS if r.matches(**call))
    return found


def combinations() -> list[dict[str, bool]]:
    """Every combination of the four choices of a call."""
    names = ("states", "args", "has_aux", "return_value")
    return [dict(zip(names, flags, strict=True)) for flags in product((False, True), repeat=4)]
