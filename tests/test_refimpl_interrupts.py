"""An interrupt between any two lines of refimpl leaves states and stack whole."""

import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import refimpl
from refimpl import State
from refimpl.frames import stack
from refimpl.transform import (
    checkpoint,
    cond,
    for_loop,
    grad,
    jit,
    switch,
    vmap,
    while_loop,
)
from tests.day import slice_of


class Interrupter:
    """Raises KeyboardInterrupt at one line of the library."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.lines = 0
        self.names: list[str] = []

    def __call__(self, frame: types.FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(LIBRARY):
            return None
        if event == "line":
            self.lines += 1
            self.names.append(frame.f_code.co_name)
            if self.lines == self.left:
                raise KeyboardInterrupt
        return self


COME_AND_GO = {"around", "whole_stack", "__enter__", "__exit__", "settle"}
"""Where frames come and go."""
LIBRARY = str(pathlib.Path(refimpl.__file__).parent)


def interrupted(call: Callable[[], Any], at: int) -> tuple[bool, int]:
    """Whether a call was interrupted at a line, and how many lines it ran."""
    interrupter = Interrupter(at)
    before = sys.gettrace()
    sys.settrace(interrupter)
    try:
        call()
    except KeyboardInterrupt:
        return True, interrupter.lines
    finally:
        sys.settrace(before)
    return False, interrupter.lines


def names_of_lines(call: Callable[[], Any]) -> list[str]:
    """The functions of the library whose lines a call runs, one for each line."""
    follower = Interrupter(-1)
    before = sys.gettrace()
    sys.settrace(follower)
    try:
        call()
    finally:
        sys.settrace(before)
    return follower.names


@pytest.mark.skipif(sys.gettrace() is not None, reason="something else traces lines")
@pytest.mark.parametrize("way", ["eager", "nested", "jit", "new jit"])
def test_an_interrupt_at_any_line_leaves_states_and_stack_whole(way: str) -> None:
    weights = [State(jnp.array(float(i))) for i in range(3)]
    array = State(np.zeros(2))
    box: State[Any] = State({"n": 0, "parts": [1.0]})

    def numbers() -> Any:
        return [float(w._value) for w in weights], float(box._value["n"]), float(
            box._value["parts"][0]), float(array._value[0])

    def f(x: Any) -> Any:
        for w in weights:
            w.value = w.value + 1.0
        box.value["n"] += 1
        box.value["parts"][0] = box.value["parts"][0] + 1.0
        if way in ("eager", "nested"):
            array.value[0] += 1.0
        return sum(w.value for w in weights) * x

    compiled = jit(f)
    makes: dict[str, Callable[[], Any]] = {
        "eager": lambda: grad(f, weights),
        "nested": lambda: grad(lambda x: grad(f, weights)(x)[0] * x),
        "jit": lambda: compiled,
        "new jit": lambda: jit(f),
    }
    made = makes[way]
    made()(1.0)
    _, lines = interrupted(lambda: made()(1.0), -1)
    assert lines > 5
    every = 1 if way in ("eager", "jit") else 5
    for at in slice_of(range(1, lines + 1, every), 3):
        before = numbers()
        stopped, _ = interrupted(lambda: made()(1.0), at)
        after = numbers()
        steps = [now - then for now, then in zip(after[0], before[0], strict=True)]
        steps += [after[1] - before[1], after[2] - before[2]]
        assert steps in ([0.0] * 5, [1.0] * 5), f"half committed at line {at}"
        assert stack.frames == []
        if stopped and at % 17 == 1:
            made()(1.0)
            assert numbers()[0] == [value + 1.0 for value in after[0]]


STEPS = jnp.arange(3.0)


def in_checkpoint(step: Callable[[Any], Any]) -> Any:
    return checkpoint(step)(1.0)


BODIES: dict[str, Callable[[Any], Any]] = {
    "for_loop": lambda step: for_loop(step, STEPS),
    "no step": lambda step: for_loop(step, STEPS[:0]),
    "while_loop": lambda step: while_loop(lambda x: x < 3.0, lambda x: step(x) * 0.0 + 3.0, 1.0),
    "cond": lambda step: cond(jnp.array(True), step, lambda x: x, 1.0),
    "switch": lambda step: switch(jnp.array(1), [lambda x: x, step], 1.0),
    "vmap": lambda step: vmap(lambda x: step(1.0) + x)(STEPS),
    "checkpoint": in_checkpoint,
    "a gradient of a loop": lambda step: grad(lambda x: jnp.sum(for_loop(step, STEPS * x)))(1.0),
}


@pytest.mark.skipif(sys.gettrace() is not None, reason="something else traces lines")
@pytest.mark.parametrize("way", BODIES)
def test_an_interrupt_at_any_line_of_control_flow_leaves_states_and_stack_whole(way: str) -> None:
    w, box = State(jnp.array(1.0)), State({"n": jnp.array(0.0)})

    def step(x: Any) -> Any:
        w.value = w.value + 1.0
        box.value = {"n": box.value["n"] + 1.0}
        return w.value * x

    def numbers() -> tuple[float, float]:
        return float(w._value), float(box._value["n"])

    def call() -> float:
        before = numbers()
        BODIES[way](step)
        return numbers()[0] - before[0]

    call()
    done = call()
    names = names_of_lines(call)
    assert len(names) > 5
    turns = [at for at, name in enumerate(names, 1) if name in COME_AND_GO]
    for at in sorted({*turns[:12], *turns[-24:], *slice_of(range(1, len(names) + 1), 40)}):
        before = numbers()
        interrupted(call, at)
        after = numbers()
        steps = [now - then for now, then in zip(after, before, strict=True)]
        assert steps in ([0.0, 0.0], [done, done]), f"half committed at line {at}"
        assert stack.frames == [], f"a frame is left at line {at}"
    assert call() == done
