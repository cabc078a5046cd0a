"""Threads over refimpl, and those that a function starts."""

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from refimpl import ParamState, State, StateError
from refimpl.frames import Frame
from refimpl.transform import (
    grad,
)


def test_threads_do_not_meet() -> None:
    states = [ParamState(jnp.array(float(i))) for i in range(4)]
    counts = [State(0.0) for _ in states]
    shared, wrong = State(3.0), []

    def work(own: int) -> None:
        def f(x: Any) -> Any:
            counts[own].value = counts[own].value + 1.0
            traced = [isinstance(state.value, jax.core.Tracer) for state in states]
            if traced != [index == own for index in range(len(states))]:
                wrong.append(traced)
            return states[own].value ** 2 * x * shared.value

        for _ in range(25):
            result = grad(f, states[own], 0)(2.0)
            if result != (12.0 * own, 3.0 * own**2):
                wrong.append(result)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(states))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [count.value for count in counts] == [25.0] * 4


class TestHelperThreads:
    """Threads that the function itself starts."""

    @staticmethod
    def aside(work: Callable[[], Any]) -> Any:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(work).result()

    def test_a_traced_state_is_refused_by_name(self) -> None:
        w = ParamState(jnp.array(2.0), name="culprit")
        for f in (lambda x: self.aside(lambda: w.value * x), lambda x: self.aside(lambda: w.value)):
            with pytest.raises(StateError, match="culprit.*thread"):
                grad(f, w)(3.0)
            assert w.value == 2.0

    def test_a_write_is_refused_and_leaves_nothing(self) -> None:
        log = State(jnp.array(0.0), name="culprit")
        with pytest.raises(StateError, match="culprit"):
            grad(lambda x: self.aside(lambda: setattr(log, "value", x)))(3.0)
        assert log.value == 0.0

    def test_a_constant_is_read_and_noted(self) -> None:
        scale = State(jnp.array(2.0))

        def f(x: Any) -> Any:
            return self.aside(lambda: scale.value) * x

        assert grad(f)(3.0) == 2.0
        with Frame() as frame:
            f(3.0)
        assert set(frame.fetched) == {scale}

    def test_a_thread_that_lives_on_sees_what_is_committed(self) -> None:
        w, seen, go = ParamState(jnp.array(2.0)), [], threading.Event()

        def later() -> None:
            go.wait()
            seen.append(w.value)

        threads: list[threading.Thread] = []

        def f(x: Any) -> Any:
            threads.append(threading.Thread(target=later))
            threads[0].start()
            w.value = w.value * x
            return w.value

        grad(f, w)(3.0)
        go.set()
        threads[0].join()
        assert [float(value) for value in seen] == [6.0]
