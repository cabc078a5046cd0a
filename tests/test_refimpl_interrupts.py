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
    grad,
    jit,
)
from tests.day import slice_of


class Interrupter:
    """Raises KeyboardInterrupt at one line of the library."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.lines = 0

    def __call__(self, frame: types.FrameType, event: str, _: object) -> Any:
        if not frame.f_code.co_filename.startswith(LIBRARY):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self.left:
                raise KeyboardInterrupt
        return self


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
