"""What can be left out of a script at once, where the search for a smaller one was ended.

A search changes the choices that made a case, which for a large one takes longer than there is
time for. To leave out a statement that nothing else reads is one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from .call_forms import AUXES
from .cases import Case
from .histories import History
from .programs import Program

ROOT = "m"
"""The name of a program's module."""
NAME = re.compile(r"[A-Za-z_]\w*")
BOUND = re.compile(r"^\s*(?:def )?([A-Za-z_]\w*)(?: = |\()")


def smaller(case: Any) -> Iterator[Any]:
    """The case without one of its parts, the last ones first; what it needs it keeps."""
    if isinstance(case, History):
        for index in removable([step.lines for step in case.steps]):
            yield replace(case, steps=without(case.steps, index))
    elif isinstance(case, Case):
        for program in shorter_programs(case):
            yield replace(case, program=program)


def shorter_programs(case: Case) -> Iterator[Program]:
    """The program of a case without its early return, its aux, its module, a statement or a
    state, or in a plainer form."""
    program = case.program
    if program.module is not None:
        alone = replace(program, module=None, methods=())
        rest = [*alone.setup(case.row.has_aux), case.transformed(), *case.between]
        if ROOT not in names(rest):
            yield alone
    if program.early is not None:
        yield replace(program, early=None)
    if program.form != Program.form:
        yield replace(program, form=Program.form)
    if program.aux and len(program.aux) > len(AUXES["nothing"]):
        yield replace(program, aux=AUXES["nothing"])
    parts = wholes(program.body)
    body = [[line for statement in part for line in statement.source().splitlines()]
            for part in parts]
    tail = replace(program, body=(), states=()).setup(case.row.has_aux)
    for index in removable([*body, tail]):
        if index < len(body):
            yield replace(program, body=tuple(chain.from_iterable(without(parts, index))))
    used = names([*case.arguments().splitlines(), case.transformed(), *tail, *sum(body, [])])
    for index, state in reversed([*enumerate(program.states)]):
        if state.id not in used:
            yield replace(program, states=without(program.states, index))


def wholes(body: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
    """The statements of a body, those together of which one has the lines that are indented under
    the head of another: neither is a statement without the other."""
    parts: list[tuple[Any, ...]] = []
    for statement in body:
        if parts and statement.source()[:1].isspace():
            parts[-1] = (*parts[-1], statement)
        else:
            parts.append((statement,))
    return tuple(parts)


def removable(parts: Sequence[Sequence[str]]) -> Iterator[int]:
    """The parts of a script that bind no name which another part reads, the last ones first."""
    for index in reversed(range(len(parts))):
        before, after = sum(map(list, parts[:index]), []), sum(map(list, parts[index + 1:]), [])
        if not (bound(parts[index]) - bound(before)) & names(after):
            yield index


def bound(lines: Sequence[str]) -> set[str]:
    """The names that lines assign or define, for what stands outside of the functions in them."""
    found: set[str] = set()
    function: int | None = None  # how far the head of the function is indented that we are in
    for line in "\n".join(lines).splitlines():
        indent = len(line) - len(line.lstrip())
        if function is None or indent <= function:
            function = indent if line.lstrip().startswith("def ") else None
            found.update(BOUND.findall(line))
    return found


def names(lines: Sequence[str]) -> set[str]:
    """The names that stand in lines."""
    return set(NAME.findall("\n".join(lines)))


def without(parts: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    """All but one of several parts."""
    return parts[:index] + parts[index + 1:]
