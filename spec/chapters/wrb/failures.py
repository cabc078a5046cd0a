"""Failures: whatever raises, wherever, the states and the random stream are as before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...judge import compare
from ...judge.check import drawn, generated, snippet
from ...judge.difference import Difference, Unreadable, Violation, raised
from ...judge.stream import next_draw
from ...judge.subject import Subject
from ...language.axes import (
    DISTINCT,
    EVERY,
    FIRST_ORDER,
    REPRESENTATIVES,
    Calls,
    keyed,
    representatives,
)
from ...language.cases import Case
from ...language.sources import count, moving, number, numbers, one_of, some_of, value
from ...language.values import SHAPES
from ...language.wishes import CALM, ORDINARY
from .table import Call, Cell, call, cells, failing, with_key

ANY = replace(ORDINARY, functions=CALM, shapes=SHAPES[:1])


@st.composite
def failures(draw: Any, drawn: SearchStrategy[Case], does: str) -> Call:
    """The cases of functions that write, or draw, with an exception at some step."""
    case = draw(drawn.filter(lambda case: bool(getattr(case.program, does))))
    return failing(case, draw(st.integers(0, len(case.program.body))))


def failed(chosen: Sequence[Cell], members: Sequence[str], does: str) -> dict[str, Calls]:
    """Every cell for some members, and generated calls of every member."""
    fixed = {
        f"{member} | {cell.id}": Calls(fixed=call(cell, member))
        for cell in chosen for member in members
    }
    return fixed | EVERY.calls(ANY, id="{member} | generated", change=partial(failures, does=does))


FAILED_WRITES = cells("selected", "unselected", "untouched", "argument", success=False)
FAILED_DRAWS = cells("random stream", success=False)


def attempt(subject: Subject, case: Case) -> dict[str, Any]:
    """The names of the script of a failing call.

    Raises
    ------
    Unreadable
        If the call did not raise, which the rule on exceptions judges.
    """
    names = case.run(subject.lib, subject.xp)
    if names["caught"] is None:
        raise Unreadable(Difference("caught", "caught is not None", "an error", "a result"),
                         "what a failure leaves")
    return names


@generated("WRB-15", Calls.strategy, failed(
    FAILED_WRITES, representatives("reverse", "jacobian", "forward", "second", "sample"), "writes"
), wide=8)
def states_are_as_before(subject: Subject, case: Case) -> None:
    """Every state, by the table and in generated programs."""
    names = attempt(subject, case)
    for var in case.program.states:
        place = f"{var.id}.value"
        try:
            found = compare.same(var.value, names[var.id].value, place)
        except Exception as error:  # it cannot be read
            after = f"reading {place} after the failed call"
            raise raised(error, after, f"[{place}]") from error
        if found:
            raise Violation(found, f"after the failed call, {found}")


CHANGES = (
    ("[1.0]", ".append(e)"), ("[1.0, 2.0]", ".clear()"), ("[1.0, 2.0]", ".__setitem__(1, e)"),
    ("{'a': 1.0}", ".update(a=e)"), ("{}", ".update(b=e)"), ("{'a': 1.0, 'b': 2.0}", ".pop('b')"),
)
OUTER = (
    ("{{'c': {0}, 'b': 0.5}}", "['c']"), ("[{0}, 2.0]", "[0]"), ("({0}, 0.5)", "[0]"),
    ("{{'a': [1.0], 'b': {0}}}", "['b']"),
)
"""Containers with the change of one, and with the place of another within."""


@st.composite
def changed_within(draw: Any, _: None) -> dict[str, str]:
    """A value, and a change in place of a container that up to two others hold, by a transform."""
    value, change = draw(st.sampled_from(CHANGES))
    for around, place in draw(st.lists(st.sampled_from(OUTER), max_size=2)):
        value, change = around.format(value), place + change
    return {"held": f"lambda: {value}", "change": f"lambda v, e: v{change}",
            "e": draw(one_of(("lambda x: 3.0", "lambda x: x"))), "x": draw(number()),
            "T": draw(one_of(f"lib.transform.{member}" for member in EVERY))}


@drawn("WRB-15", changed_within)
def what_f_changed_in_place_is_as_before(lib, jnp, T, held, change, e, x):
    """A container of the value, at any depth, is changed before f raises."""
    s = lib.State(held())
    def f(x):
        change(s.value, e(x))
        return 1 / 0
    try:
        T(f)(jnp.array(x))
    except Exception:  # of f, or of the change, where it is refused
        pass
    assert s.value == held(), {"at": "s.value", "expected": held(), "got": s.value}


@drawn("WRB-15", {"written": value(), "start": numbers(2), "way": one_of(("1", "-1")),
                  "x": number()}, EVERY.bound())
def what_cannot_be_written_leaves_the_states(lib, jnp, T, written, start, way, x):
    """A library that refuses a value of f's says so; then no other write is left, either."""
    a, b = [lib.State(jnp.array(v)) for v in start]
    def f(x):
        for state, new in ((a, x), (b, written))[::way]:
            state.value = new
        return x
    try:
        T(f)(jnp.array(x))
    except Exception:
        got = [a.value, b.value]
        assert got == start, {"at": "the states", "expected": start, "got": got}


@generated("WRB-16", with_key, failed(FAILED_DRAWS, EVERY, "draws"), wide=5)
def stream_is_as_before(subject: Subject, case: Case) -> None:
    """The next draw is the first one after the seed."""
    names = attempt(subject, case)
    random = names["lib"].random
    got = next_draw(random, "the next draw after the failed call")
    random.seed(case.program.seed)
    expected = next_draw(random)
    if got != expected:
        raise Violation(
            Difference("the next draw", "got == lib.random.normal(size=())",
                       f"{expected} as before the failure", f"{got}"),
            lines=[*case.lines(), "got = lib.random.normal(size=())",
                   f"lib.random.seed({case.program.seed})"],
        )


@snippet("WRB-16", EVERY.bound({
    "no pair for has_aux": {"options": "dict(has_aux=True)"},
    "an untouched state": {"options": "dict(grad_states=lib.State(jnp.array(1.0)))"},
}, "{point}, {member}", key=keyed))
def stream_is_as_it_was_after_a_refusal(lib, jnp, T, key, options):
    """The next draw is the first one after the seed."""
    lib.random.seed(7)
    first = now = lib.random.normal(size=())
    lib.random.seed(7)
    def f(x): return x * lib.random.normal(size=())
    try:
        T(f, **key, **options)(jnp.array(2.0))
    except Exception:
        now = lib.random.normal(size=())
    assert jnp.array_equal(now, first), {"expected": f"the draw {first}", "got": now}


@drawn("WRB-16", {"new": one_of(("None", "()", "[1.0]", "{'a': 1.0}"))}, EVERY.bound(key=keyed))
def stream_is_as_it_was_after_a_refused_write(lib, jnp, T, key, new):
    """Where a library refuses another structure, the next draw is the first one after the seed."""
    s = lib.State(1.0)
    lib.random.seed(7)
    first = now = lib.random.normal(size=())
    lib.random.seed(7)
    def f(x): return setattr(s, 'value', new) or x * lib.random.normal(size=())
    try:
        T(f, **key)(jnp.array(2.0))
    except Exception:
        now = lib.random.normal(size=())
    assert jnp.array_equal(now, first), {"expected": f"the draw {first}", "got": now}


ERRORS = ("ArithmeticError('planned')", "ValueError()", "KeyError('k')", "StopIteration(1)",
          "type('Own', (Exception,), {})('planned')", "AssertionError()")
INTERRUPTS = ("KeyboardInterrupt()", "SystemExit(1)", "GeneratorExit()",
              "type('Own', (BaseException,), {})()")


@drawn("WRB-17", {**moving(), "planned": one_of(ERRORS), "x": number()}, EVERY.bound())
@drawn("WRB-20", {**moving(), "planned": one_of(INTERRUPTS), "x": number()}, EVERY.bound())
def what_f_raises_arrives_and_takes_back_the_writes(lib, jnp, T, moves, move, start, planned, x):
    """An exception that was made before the call, raised after some writes."""
    s, caught = [lib.State(jnp.array(v)) for v in start], None
    def f(x):
        move(s, x)
        raise planned
    try:
        T(f)(jnp.array(x))
    except BaseException as error:
        caught = error
    assert caught is planned, {"expected": planned, "got": caught}
    got = [float(state.value) for state in s]
    assert got == start, {"at": "the states", "expected": start, "got": got}


@drawn("WRB-19", {**moving(), "planned": one_of(ERRORS), "x": number()}, {
    "before": {"run": "lambda fun, args: None"}, "after": {"run": "lambda fun, args: fun(*args)"},
})
def failing_transform_of_the_user_leaves_the_states(lib, jnp, run, moves, move, start, planned, x):
    """The user's transform raises before or after it runs the function."""
    s, caught = [lib.State(jnp.array(v)) for v in start], None
    def transform(fun, *, argnums, has_aux):
        def fail(*args):
            run(fun, args)
            raise planned
        return fail
    try:
        lib.transform.GradientTransform(lambda x: move(s, x), transform=transform)(jnp.array(x))
    except Exception as error:
        caught = error
    got = caught, [float(state.value) for state in s]
    assert got == (planned, start), {"expected": (planned, start), "got": got}


@snippet("WRB-19")
def failure_after_the_derivative_leaves_the_states(lib, jnp, jax):
    """The user's transform raises after JAX has differentiated, so that tracers were written."""
    s, caught = lib.State(jnp.array(1.0)), None
    def f(x):
        s.value = s.value + x
        return x
    def transform(fun, *, argnums, has_aux):
        return lambda *args: (jax.grad(fun, argnums=argnums, has_aux=True)(*args), 1 / 0)
    try:
        lib.transform.GradientTransform(f, transform=transform)(jnp.array(2.0))
    except Exception as error:
        caught = error
    assert isinstance(caught, ZeroDivisionError), {"expected": "its own error", "got": caught}
    assert float(s.value) == 1.0, {"expected": 1.0, "got": s.value}


STOPPED = {
    "for_loop": "lib.transform.for_loop(f, x[None])",
    "scan": "lib.transform.scan(lambda c, x: (c + f(x), None), 0.0 * x, x[None])",
    "while_loop": "lib.transform.while_loop(lambda c: c < 2.5, lambda c: 3.0 + 0.0 * f(c), x)",
    "cond": "lib.transform.cond(x < 5.0, f, lambda x: x, x)",
    "switch": "lib.transform.switch(jnp.array(1), [lambda x: x, f], x)",
    "vmap": "lib.transform.vmap(f)(x[None])",
    "checkpoint": "lib.transform.checkpoint(f)(x)",
    "jit": "lib.transform.jit(f)(x)",
}
"""Calls that run a function once, beside those of the family."""


@drawn("WRB-30", {"first": count(1, 83)}, {
    f"{point} {name}": {"error": error, "T": text} for name, text in {
        **{member: f"lib.transform.{member}" for member in EVERY},
        **{name: f"lambda f, **_: lambda x: {call}" for name, call in STOPPED.items()},
    }.items() for point, error in {
        "interrupt": "KeyboardInterrupt", "no memory": "MemoryError"}.items()})
def stopped_at_any_line_of_the_library(lib, jnp, T, error, first):
    """Between any two lines of its own; where it is not written in Python, at none.

    What the states hold is looked at from another thread, which nothing that runs here yet hides.
    """
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from itertools import takewhile
    s, t, left = lib.State(jnp.array(1.0)), lib.State(jnp.array(1.0)), [0]
    def held(): return ThreadPoolExecutor(1).submit(lambda: [s.value + 0, t.value + 0]).result()
    def f(x):
        s.value, t.value = s.value + 1.0, t.value + 1.0
        return s.value * t.value * x
    def stop(frame, event, arg):
        left[0] -= event == "line"
        if left[0] == 0:
            raise error
        home = lib.State.__module__.partition(".")[0]
        return stop if frame.f_globals.get("__name__", "").startswith(home) else None
    for line in takewhile(lambda _: left[0] <= 0, range(first, 2500, 83)):  # it may have fewer
        left[0], before = line, held()
        sys.settrace(stop)
        try:
            T(f, grad_states=[s])(jnp.array(2.0))
        except error:
            pass
        finally:
            sys.settrace(None)
        assert held() in [before, [v + 1.0 for v in before]], {
            "expected": "all writes, or none", "got": held(), "at": f"line {line}"}
    want = [v + 1.0 for v in held()]
    T(f, grad_states=[s])(jnp.array(2.0))
    assert held() == want, {"at": "a further call", "expected": want, "got": held()}


@drawn("WRB-21", {**moving(), "xs": numbers(3), "fails": some_of((0, 1), 2, 3)}, EVERY.bound())
def transform_serves_again_after_a_failure(lib, jnp, T, moves, move, start, xs, fails):
    """Some of two or three calls fail after their writes; the others count."""
    s, t = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    def f(x):
        move(s, jnp.sum(x))
        return 1 / 0 if x.ndim else sum(jnp.sin(state.value) for state in s)
    call = T(f)
    for x, fail in zip(xs, fails, strict=False):
        try:
            call(jnp.array([x] if fail else x)), move(t, x)
        except ZeroDivisionError:
            pass
    got, want = (jnp.array([state.value for state in states]) for states in (s, t))
    assert jnp.allclose(got, want), {"at": "the states", "expected": want, "got": got}


SPOILED = {name: {"spoil": f"lambda out: {text}"} for name, text in {
    "an error in f": "1 / 0", "an output of integers": "jnp.sum(out).astype(int)",
    "an output of text": "'text'"}.items()}


@drawn("WRB-21", {"v": number(), "x": number()}, EVERY.bound(SPOILED, "{point}, {member}"))
def a_state_made_on_demand_serves_after_a_failure(lib, jnp, T, spoil, v, x):
    """The call that makes and keeps it fails in f or behind it, and the next one reads it."""
    made, out = [], [jnp.sin, spoil]
    def f(x):
        made or made.append(lib.State(jnp.array(v)))
        return out.pop()(made[0].value * x)
    try:
        T(f)(jnp.array(x))
    except Exception:
        pass
    out[:] = jnp.sin, jnp.sin
    T(f)(jnp.array(x))
    assert made[0].value == v, {"expected": v, "got": made[0].value}


@drawn("WRB-22", {**moving(), "x": number(), "chosen": one_of(("[]", "[1]", "[2, 0]"))},
       EVERY.bound())
def inner_failure_takes_back_its_own_writes(lib, jnp, T, moves, move, start, x, chosen):
    """The outer function writes, calls a transform that fails after a write, and goes on."""
    s, t = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    words = {"grad_states": [s[i] for i in chosen]} if chosen else {}
    def f(x):
        move(s, x)
        try:
            lib.transform.grad(lambda y: (move(s, 7.0 * y), 1 / 0), **words)(x)
        except ZeroDivisionError:
            move(s, 0.5 * x)
        return sum(jnp.sin(state.value) for state in s)
    T(f)(jnp.array(x)), move(t, x), move(t, 0.5 * x)
    got, want = (jnp.array([state.value for state in states]) for states in (s, t))
    assert jnp.allclose(got, want), {"at": "the states", "expected": want, "got": got}


@drawn("WRB-22", {"member": one_of(f"lib.transform.{member}" for member in DISTINCT),
                  "draw": st.just("lambda n: [lib.random.normal(size=()) for _ in range(n)]"),
                  "draws": some_of((0, 1, 2), 3, 3), "x": number()}, EVERY.bound(key=keyed))
def inner_failure_takes_back_its_own_draws(lib, jnp, T, key, member, draw, draws, x):
    """Draws before a transform that fails, of the function of that one, and after it."""
    def f(x):
        draw(draws[0])
        try:
            member(lambda y: (draw(draws[1]), 1 / 0))(x)
        except ZeroDivisionError:
            draw(draws[2])
        return jnp.sin(x)
    lib.random.seed(7)
    got = [T(f, **key)(jnp.array(x)), *draw(1)][-1]
    lib.random.seed(7)
    want = draw(draws[0] + draws[2] + 1)[-1]
    assert jnp.array_equal(got, want), {"at": "the next draw", "expected": want, "got": got}


@snippet("WRB-22", REPRESENTATIVES.bound())
def inner_failure_leaves_selected_states_as_they_were(lib, jnp, T):
    s, n = lib.State(jnp.array(2.0)), lib.State(jnp.array(0.0))
    def g():
        n.value, s.value = n.value + 100.0, s.value * 50.0
        return 1 / 0

    def f():
        try:
            lib.transform.grad(g, grad_states=s)()
        except ZeroDivisionError:
            return s.value ** 2 * (n.value + 1.0)

    got, want = T(f, grad_states=s)(), 2.0 if T is lib.transform.hessian else 4.0
    assert [*map(float, (got, n.value, s.value))] == [want, 0, 2], {"expected": want, "got": got}


ONE_OR_TWO = tuple(f"lib.transform.{member}" for member in FIRST_ORDER) + tuple(
    f"lambda f: lib.transform.{outer}(lib.transform.{inner}(f))"
    for outer in ("jit", *FIRST_ORDER) for inner in FIRST_ORDER)
"""Transforms, and transforms of transforms."""


@drawn("WRB-24", {**moving(), "x": number(), "i": count(0, 2), "k": number(),
                  "T": one_of(ONE_OR_TWO)}, {
    "vmap": {"wrap": "lambda g: jax.vmap(g)(jnp.ones(3))"},
    "jit": {"wrap": "lambda g: jax.jit(g)(jnp.array(1.0))"},
    "grad": {"wrap": "lambda g: jax.grad(g)(jnp.array(1.0))"},
    "checkpoint": {"wrap": "lambda g: jax.checkpoint(g)(jnp.array(1.0))"},
    "scan": {"wrap": "lambda g: jax.lax.scan(lambda c, v: (c, g(v)), 0.0, jnp.ones(3))[1]"},
    "cond": {"wrap": "lambda g: jax.lax.cond(jnp.array(True), g, lambda v: v, 1.0)"},
})
def write_under_a_raw_transform_is_refused(
    lib, jnp, jax, wrap, moves, move, start, x, i, k, T
):
    """A traced value is written in a function that JAX itself transforms, after other writes."""
    s, caught = [lib.State(jnp.array(v)) for v in start], None
    def g(v):
        s[i].value = k * v
        return jnp.sin(v)
    try:
        T(lambda x: (move(s, x), x * jnp.sum(wrap(g)))[1])(jnp.array(x))
    except Exception as error:
        caught = error
    got = [float(state.value) for state in s]
    assert got == start, {"at": "the states", "expected": start, "got": got}
    assert caught is not None, {"expected": "an error", "got": "a result"}


@drawn("WRB-29", {"n": count(0, 3), "step": count(1, 3), "size": count(1, 3)}, {
    "vmap": {"wrap": "lambda g, xs: jax.vmap(g)(xs)"},
    "scan": {"wrap": "lambda g, xs: jax.lax.scan(lambda c, v: (c, g(v)), 0.0, xs)[1]"},
    "jit": {"wrap": "lambda g, xs: jax.jit(g)(xs)"},
})
def a_change_in_place_is_refused_as_an_assignment_is(lib, jnp, jax, wrap, n, step, size):
    """A counter of Python in a dict, written in the two ways."""
    def counted(write):
        s = lib.State({"n": n})
        try:
            lib.transform.grad(lambda x: x * jnp.sum(
                wrap(lambda v: write(s) or jnp.sin(v), jnp.ones(size))))(jnp.array(2.0))
        except Exception:
            return "refused", s.value["n"]
        return "applied", s.value["n"]

    want = counted(lambda s: setattr(s, "value", {"n": s.value["n"] + step}))
    got = counted(lambda s: s.value.update(n=s.value["n"] + step))
    assert got == want, {"expected": want, "got": got}


@drawn("WRB-29", {"v": number(), "x": number(), "size": count(1, 3)}, {
    f"{name}, held": wrap for name, wrap in {
        "grad": {"wrap": "lambda g, xs: jax.grad(g)(xs[0])"},
        "vmap": {"wrap": "lambda g, xs: jax.vmap(g)(xs)"},
        "scan": {"wrap": "lambda g, xs: jax.lax.scan(lambda c, v: (c, g(v)), 0.0, xs)[1]"},
        "jit": {"wrap": "lambda g, xs: jax.jit(g)(xs)"}}.items()})
def a_held_container_takes_no_traced_value(lib, jnp, jax, wrap, v, x, size):
    """It was read before, outside of JAX's transform, and is changed within."""
    s, caught = lib.State({"k": v}), None
    def f(x):
        held = s.value
        return x * jnp.sum(wrap(lambda v: held.update(k=v) or jnp.sin(v), jnp.ones(size)))
    try:
        lib.transform.grad(f)(jnp.array(x))
    except Exception as error:
        caught = error
    assert repr(s.value) == repr({"k": v}), {"at": "s.value", "expected": v, "got": s.value}
    assert caught is not None, {"expected": "an error", "got": "a result"}


@drawn("WRB-28", {"v": number(), "k": number(), "x": number()}, EVERY.bound())
def nothing_traced_is_alive(lib, jnp, jax, T, v, k, x):
    """A call of a function that reads and writes, under JAX's own search for leaks."""
    s, leak = lib.State(jnp.array(v)), None
    def f(x):
        s.value = k * s.value * x
        return jnp.sin(s.value)
    t = T(f)
    try:
        with jax.checking_leaks():
            t(jnp.array(x))
    except Exception as error:  # whatever else may be wrong with the call is not asked here
        leak = error if "Leaked" in str(error) else None
    assert leak is None, {"expected": "no leak", "got": str(leak)[:80]}
