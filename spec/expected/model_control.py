"""The model library's control flow: the unrolled Python program, on NumPy.

Every function of class control means a Python program over states.  Here it is that program: a
loop is a loop, a branch an ``if``, and the lanes of ``vmap`` run one after the other, each from
the same values of the states that lanes share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..language import trees
from ..language.trees import Tree
from .journal import Journaled, journal

Function = Callable[..., Any]


def for_loop(f: Function, *xs: Tree, reverse: bool = False, unroll: int = 1) -> Tree:
    """Call a function with every entry of the leading axes, and stack its results."""
    return scan(lambda _, x: (None, f(*x)), None, xs, reverse, unroll)[1]


def scan(
    f: Function, init: Tree, xs: Tree, reverse: bool = False, unroll: int = 1
) -> tuple[Tree, Tree]:
    """Fold a function over the leading axes, from the last entry if in reverse.

    The results stand where their entries do; how the loop is compiled makes no difference.
    """
    turn = slice(None, None, -1 if reverse else None)
    ys = []
    for step in range(length(xs))[turn]:
        init, y = f(init, entry(xs, step))
        ys.append(y)
    return init, stack(ys[turn])


def while_loop(cond_fun: Function, body_fun: Function, init_val: Tree) -> Tree:
    """Call a function on its own result as long as a condition holds."""
    while cond_fun(init_val):
        init_val = body_fun(init_val)
    return init_val


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Tree) -> Tree:
    """Call one of two functions."""
    return (true_fun if pred else false_fun)(*operands)


def switch(index: Any, branches: Sequence[Function], *operands: Tree) -> Tree:
    """Call one of several functions; the index is clamped."""
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def checkpoint(fun: Function) -> Function:
    """The function itself: what is kept and what is computed again makes no difference."""
    return fun


def jit(fun: Function) -> Function:
    """The function itself: that it is compiled makes no difference."""
    return fun


def vmap(fn: Function, *, in_states: Any = None, out_states: Any = None) -> Function:
    """A function of arrays with an additional axis in front, lane by lane."""
    into, out = set(states_in(in_states)), set(states_in(out_states))

    def mapped(*args: Tree) -> Tree:
        start = {state: state.value for state in into}
        results, ends = [], []
        for lane in range(length((args, list(start.values())))):
            for state, value in start.items():
                state.value = entry(value, lane)
            with journal() as before:
                results.append(fn(*(entry(arg, lane) for arg in args)))
            ends.append({state: state.value for state in before})
            for state, value in before.items():
                state.value = value
        for state, value in start.items():
            state.value = value
        for state in set(ends[0]).intersection(*ends):  # others were made in one lane
            values = [end[state] for end in ends]
            state.value = stack(values) if state in into | out else values[0]
        return stack(results)

    return mapped


def states_in(selected: Any) -> Iterator[Journaled]:
    """The states of a container, or of a dict from axis 0 to one."""
    if isinstance(selected, Journaled):
        yield selected
        return
    children: Iterable[Any] = selected or ()
    for child in selected.values() if isinstance(selected, Mapping) else children:
        yield from states_in(child)


def length(xs: Tree) -> int:
    """The length of the leading axes."""
    return next(len(leaf) for _, leaf in trees.leaves(xs))


def entry(xs: Tree, index: int) -> Tree:
    """An entry of the leading axes."""
    return trees.map_leaves(lambda leaf: np.asarray(leaf)[index], xs)


def stack(results: Sequence[Tree]) -> Tree:
    """Results side by side along a leading axis."""
    flat = [[leaf for _, leaf in trees.leaves(result)] for result in results]
    columns = iter(list(zip(*flat, strict=True)))
    return trees.map_leaves(lambda _: np.stack([np.asarray(v) for v in next(columns)]), results[0])


def library() -> SimpleNamespace:
    """The functions by name."""
    return SimpleNamespace(for_loop=for_loop, scan=scan, while_loop=while_loop, cond=cond,
                           switch=switch, checkpoint=checkpoint, vmap=vmap, jit=jit)
