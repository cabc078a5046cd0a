"""Threads over refimpl, and those that a function starts."""

import concurrent.futures
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from refimpl import ParamState, State, StateError
from refimpl.frames import Frame, transaction
from refimpl.transform import grad, jit, vjp


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


@pytest.fixture(params=["new", "idle"])
def aside(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Run something in another thread: a new one, or one that waits in a pool since before."""
    if request.param == "new":

        def run(work: Callable[[], Any]) -> Any:
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return pool.submit(work).result()

        yield run
        return
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        yield lambda work: pool.submit(work).result()


class TestHelperThreads:
    """Threads that the function itself starts, and those that it hands work to."""

    def test_a_traced_state_is_refused_by_name(self, aside: Callable[..., Any]) -> None:
        w = ParamState(jnp.array(2.0), name="culprit")
        for f in (lambda x: aside(lambda: w.value * x), lambda x: aside(lambda: w.value)):
            with pytest.raises(StateError, match="culprit.*thread"):
                grad(f, w)(3.0)
            assert w.value == 2.0

    def test_a_write_is_refused_and_leaves_nothing(self, aside: Callable[..., Any]) -> None:
        log = State(jnp.array(0.0), name="culprit")
        with pytest.raises(StateError, match="culprit"):
            grad(lambda x: aside(lambda: setattr(log, "value", x)))(3.0)
        assert log.value == 0.0

    def test_a_constant_is_read_and_noted(self, aside: Callable[..., Any]) -> None:
        scale = State(jnp.array(2.0))

        def f(x: Any) -> Any:
            return aside(lambda: scale.value) * x

        assert grad(f)(3.0) == 2.0
        with Frame() as frame:
            f(3.0)
        assert set(frame.fetched) == {scale}

    def test_a_failed_call_drops_what_it_handed_on(self, aside: Callable[..., Any]) -> None:
        log = State(0.0)

        def f(x: Any) -> Any:
            aside(lambda: setattr(log, "value", 5.0))
            raise KeyError

        with pytest.raises(KeyError), transaction():
            f(3.0)
        assert log.value == 0.0
        aside(lambda: setattr(log, "value", 5.0))
        assert log.value == 5.0

    def test_others_who_use_the_pool_meanwhile_are_left_alone(self) -> None:
        w, begun, asked = ParamState(jnp.array(2.0)), threading.Event(), threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:

            def f(x: Any) -> Any:
                pool.submit(int).result()  # starts the only thread of the pool
                begun.set()
                asked.wait(10)
                return w.value**2

            def other() -> None:
                begun.wait(10)
                seen.append(pool.submit(lambda: w.value).result())
                asked.set()

            seen: list[Any] = []
            thread = threading.Thread(target=other)
            thread.start()
            assert grad(f, w)(3.0) == 4.0
            thread.join()
        assert not isinstance(seen[0], jax.core.Tracer) and seen[0] == 2.0

    def test_a_thread_that_lives_on_sees_what_is_committed(self) -> None:
        w, seen, go = ParamState(jnp.array(2.0)), [], threading.Event()

        def later() -> None:
            go.wait()
            seen.append(w.value)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(int).result()
            handed: list[Any] = []

            def f(x: Any) -> Any:
                handed.append(threading.Thread(target=later))
                handed[0].start()
                handed.append(pool.submit(later))
                w.value = w.value * x
                return w.value

            grad(f, w)(3.0)
            go.set()
            handed[0].join()
        assert [float(value) for value in seen] == [6.0, 6.0]

    def test_a_state_is_refused_by_name_in_transforms_of_its_own(
        self, aside: Callable[..., Any]
    ) -> None:
        w = ParamState(jnp.array(2.0), name="culprit")
        for read in (jit(lambda: w.value * 2.0), grad(lambda: w.value**2, w)):
            with pytest.raises(StateError, match="culprit.*thread"):
                grad(lambda x, read=read: aside(read) * x, w)(3.0)

        def f(x: Any) -> Any:
            made = State(x * 2.0, name="culprit")
            return aside(lambda: grad(lambda y: y * made.value)(3.0)) * x

        with pytest.raises(StateError, match="culprit.*thread"):
            grad(f)(3.0)
        other = ParamState(jnp.array(2.0))
        assert grad(lambda x: aside(grad(lambda: other.value**2, other)) * x)(3.0) == 4.0

    def test_an_inner_transform_that_ends_leaves_the_outer_one(self) -> None:
        w, go, handed = ParamState(jnp.array(2.0), name="culprit"), threading.Event(), list[Any]()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            hand = jit(lambda: handed.append(pool.submit(lambda: (go.wait(10), w.value)[1])))

            def f(x: Any) -> Any:
                hand()
                go.set()
                return handed[0].result() * w.value * x

            with pytest.raises(StateError, match="culprit.*thread"):
                grad(f, w)(3.0)

    def test_a_thread_that_lives_on_keeps_its_own_frames(self) -> None:
        v, begun, go = ParamState(jnp.array(5.0)), threading.Event(), threading.Event()
        results: list[Any] = []

        def g() -> Any:
            first = v.value
            begun.set()
            go.wait(10)
            return first * v.value

        thread = threading.Thread(target=lambda: results.append(grad(g, v)()))

        def f(x: Any) -> Any:
            thread.start()
            begun.wait(10)
            return x

        grad(f)(1.0)
        go.set()
        thread.join()
        assert results == [10.0]

    def test_what_jax_remembers_there_is_not_met_again(self, aside: Callable[..., Any]) -> None:
        s = State(jnp.array(2.0))

        def body(carry: Any, x: Any) -> Any:
            return carry + s.value * x, None

        def scanned() -> Any:
            return jax.lax.scan(body, 0.0, jnp.ones(2))[0]

        for value in (2.0, 5.0):
            s.value = jnp.array(value)
            assert grad(lambda x: x * aside(scanned))(3.0) == 2 * value
        assert grad(lambda x: x * scanned())(3.0) == 10.0

    def test_a_change_by_another_thread_spoils_a_pull(self, aside: Callable[..., Any]) -> None:
        s = State(jnp.array(3.0), name="culprit")
        h = jax.custom_vjp(lambda x: x * s.value)
        h.defvjp(lambda x: (x * s.value, None), lambda _, g: (g * s.value,))
        pull = vjp(lambda x: h(x), jnp.array(1.0))[1]
        assert pull(1.0) == 3.0
        aside(lambda: setattr(s, "value", jnp.array(100.0)))
        with pytest.raises(StateError, match="culprit"):
            pull(1.0)

    def test_a_commit_by_another_thread_spoils_a_pull_that_was_made_before_it(self) -> None:
        s, written, go = State(jnp.array(3.0), name="culprit"), threading.Event(), threading.Event()
        h = jax.custom_vjp(lambda x: x * s.value)
        h.defvjp(lambda x: (x * s.value, None), lambda _, g: (g * s.value,))

        def f(x: Any) -> Any:
            s.value = jnp.array(100.0)
            written.set()
            go.wait(10)
            return x

        other = threading.Thread(target=lambda: grad(f)(1.0))
        other.start()
        written.wait(10)
        pull = vjp(lambda x: h(x), jnp.array(1.0))[1]
        assert pull(1.0) == 3.0
        go.set()
        other.join()
        with pytest.raises(StateError, match="culprit"):
            pull(1.0)

    def test_helpers_one_after_another_share_what_is_compiled(self) -> None:
        traced: list[int] = []

        @jax.jit
        def h(x: Any) -> Any:
            traced.append(1)
            return x + 1

        def f(x: Any) -> Any:
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return x * pool.submit(lambda: float(h(jnp.ones(()))) + 0.0).result()

        for _ in range(5):
            assert grad(f)(2.0) == 2.0
        assert len(traced) <= 2

    def test_aux_may_hold_the_pool(self) -> None:
        w, pools = State(2.0), list[Any]()

        def f(x: Any) -> Any:
            pools[:] = pools or [concurrent.futures.ThreadPoolExecutor(1)]
            pools[0].submit(int).result()
            return x * w.value**2, types.SimpleNamespace(pool=pools[0])

        assert jit(lambda x: grad(f, w, has_aux=True)(x)[0])(2.0) == 8.0
        pools[0].shutdown()
