"""JAX's functions that trace a body, as a program on the model means them: unrolled, on NumPy.

They are about arrays alone; that a body reads a state makes no difference here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from ..language.trees import Tree
from . import model_control
from .model_control import Function, entry, length, stack


def fori_loop(lower: int, upper: int, body_fun: Function, init_val: Tree) -> Tree:
    """Call a function with every number from one to another, and on its own result."""
    for step in range(lower, upper):
        init_val = body_fun(step, init_val)
    return init_val


def vmap(fun: Function, in_axes: Sequence[int | None] | None = None) -> Function:
    """A function of arrays with an additional axis in front, of those that ``in_axes`` marks."""
    def mapped(*args: Tree) -> Tree:
        axes = [0] * len(args) if in_axes is None else in_axes
        lanes = length([arg for arg, axis in zip(args, axes, strict=True) if axis is not None])
        return stack([
            fun(*(arg if axis is None else entry(arg, lane)
                  for arg, axis in zip(args, axes, strict=True)))
            for lane in range(lanes)])

    return mapped


class Ruled:
    """A function with a rule for its derivative, which the model does not need."""

    def __init__(self, fun: Function) -> None:
        self.fun = fun

    def __call__(self, *args: Tree) -> Tree:
        return self.fun(*args)

    def defjvp(self, jvp: Function) -> None:
        """Take note of the rule."""

    def defvjp(self, fwd: Function, bwd: Function) -> None:
        """Take note of the rule."""


def library() -> SimpleNamespace:
    """The functions by name."""
    itself: Callable[[Function], Function] = model_control.checkpoint
    lax = SimpleNamespace(scan=model_control.scan, fori_loop=fori_loop,
                          map=model_control.for_loop, cond=model_control.cond,
                          switch=model_control.switch)
    return SimpleNamespace(lax=lax, vmap=vmap, checkpoint=itself, jit=itself, custom_jvp=Ruled,
                           custom_vjp=Ruled)
