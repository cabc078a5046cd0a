"""Write-back, in scripts: several states, repeated calls, and the world at the time of a call."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.axes import EVERY, EXACT, FIRST_ORDER
from ...language.sources import (
    WRITES_OF_ALL,
    count,
    moving,
    number,
    numbers,
    one_of,
    some_of,
    written,
)

THREE = {**moving(), "chosen": one_of(("[]", "[1]", "[2, 0]"))}
"""Parameters of a function that writes three states, of which some are selected."""


@drawn("WRB-08", {**THREE, "xs": numbers(3)}, EVERY.bound())
def calls_add_up(lib, jnp, np, T, moves, move, start, chosen, xs):
    """Three calls of one transform, beside plain calls on other states."""
    s, t = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    def f(s, x):
        move(s, x)
        return sum(jnp.sin(state.value) for state in s) * x
    words = {"grad_states": [s[i] for i in chosen]} if chosen else {}
    call = T(lambda x: f(s, x), **words)
    for x in xs:
        call(jnp.array(x)), f(t, jnp.array(x))
        got, want = ([float(state.value) for state in states] for states in (s, t))
        assert np.allclose(got, want), {"at": "the states", "expected": want, "got": got}


@drawn("WRB-09", {**THREE, "moves": WRITES_OF_ALL, "x": number(), "kinds": some_of((0, 1), 3, 3),
                  "start": numbers(3) | one_of(("[1.0, 1.0, 1.0]", "[2.0, 1.0, 2.0]"))},
       EVERY.bound())
def states_of_one_name_are_written_apart(lib, jnp, np, T, moves, move, start, chosen, x, kinds):
    """Three states of one name, in two classes, and maybe of one value."""
    made = [((lib.State, lib.ParamState)[kind], v) for kind, v in zip(kinds, start, strict=True)]
    s, t = ([kind(jnp.array(v), name="s") for kind, v in made] for _ in range(2))
    def f(s, x):
        move(s, x)
        return sum(jnp.sin(state.value) for state in s) * x
    words = {"grad_states": [s[i] for i in chosen]} if chosen else {}
    T(lambda x: f(s, x), **words)(jnp.array(x)), f(t, jnp.array(x))
    got, want = ([float(state.value) for state in states] for states in (s, t))
    assert np.allclose(got, want), {"at": "the states", "expected": want, "got": got}


BACK = written(st.lists(st.tuples(
    st.integers(0, 1), st.sampled_from((-1, 0, 1, 2, 3))), min_size=2, max_size=5))
"""Writes of two states, as pairs: the state ``i`` becomes a new value, or one of those before."""


@drawn("WRB-14", {"moves": BACK, "start": numbers(2), "chosen": one_of(("[]", "[0]", "[1, 0]")),
                  "x": number()}, EVERY.bound(id="{member} | put back"))
def values_held_before_are_written_again(lib, jnp, T, moves, start, chosen, x):
    """The very arrays, of the same state or of the other one, and read after each write."""
    s, t = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    def f(s, x):
        held, out = [state.value for state in s], 0.0
        for i, j in moves:
            s[i].value = held[j % len(held)] if j >= 0 else 2.0 * s[i].value + x
            out, held = out + jnp.sin(s[0].value + x * s[1].value), [*held, s[i].value]
        return out
    words = {"grad_states": [s[i] for i in chosen]} if chosen else {}
    out = [T(lambda x: f(s, x), return_value=True, **words)(jnp.array(x))[1], f(t, jnp.array(x))]
    got, want = (jnp.array([y, *(a.value for a in of)]) for y, of in zip(out, (s, t), strict=True))
    assert jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("WRB-23", EVERY.bound())
def loss_and_aux_are_concrete(lib, jnp, np, T):
    """Two results that are kept convert to Python numbers, and steer Python."""
    s = lib.State(jnp.array(2.0))
    def f(x):
        return s.value * x, {"y": [s.value * x], "old": s.value}
    call = T(f, grad_states=s, has_aux=True, return_value=True)
    kept = [call(jnp.array(3.0)), call(jnp.array(4.0))]
    got = [float(v) for _, loss, aux in kept for v in (loss, aux["y"][0], aux["old"])]
    assert got == [6.0, 6.0, 2.0, 8.0, 8.0, 2.0], {"expected": (6, 6, 2, 8, 8, 2), "got": got}
    shape = np.asarray(kept[0][2]["y"][0]).shape
    assert shape == () and bool(kept[0][1] > 5), {
        "expected": "6 of shape ()", "got": f"shape {shape}"}


PRODUCTS = {
    "WRB-01": {"jvp": {"run": "lambda f, s, x, t: lib.transform.jvp(f, (x,), (t,))"},
               "vjp": {"run": "lambda f, s, x, t: lib.transform.vjp(f, x)[1](t)"}},
    "WRB-02": {"vjp": {"run": "lambda f, s, x, t: lib.transform.vjp(f, x, grad_states=s)[1](t)"}},
}
"""Products with a vector, of a function of three states, which are not selected, or are, as only
`vjp` can."""


@drawn("WRB-01", {**moving(), "x": number(), "t": one_of(("1.0", "0.0", "-0.5"))},
       PRODUCTS["WRB-01"])
@drawn("WRB-02", {**moving(), "x": number(), "t": one_of(("1.0", "0.0", "-0.5"))},
       PRODUCTS["WRB-02"])
def products_leave_what_a_plain_call_leaves(lib, jnp, run, moves, move, start, x, t):
    """Along any vector, zero among them; some of the states are written."""
    s, twins = ([lib.State(jnp.array(v)) for v in start] for _ in range(2))
    def f(x): return move(s, x) and sum(jnp.sin(state.value) for state in s)
    run(f, s, jnp.array(x), jnp.array(t)), move(twins, x)
    got, want = (jnp.array([state.value for state in states]) for states in (s, twins))
    assert jnp.allclose(got, want), {"at": "the states", "expected": want, "got": got}


IN_PLACE = ("lambda v, e: v.update(a=e)", "lambda v, e: v['b'].append(e)",
            "lambda v, e: v['b'].__setitem__(0, e)", "lambda v, e: v['b'].insert(0, e)",
            "lambda v, e: v.update(c=e)", "lambda v, e: v['b'].clear()")


SHOWN = "lambda s: {key: np.ravel(leaf).tolist() for key, leaf in sorted(s.value.items())}"


@drawn("WRB-12", {"change": one_of(IN_PLACE), "k": number(), "x": number(),
                  "T": one_of(f"lib.transform.{member}" for member in FIRST_ORDER),
                  "shown": st.just(SHOWN)})
def change_in_place_is_applied_or_refused(lib, jnp, np, change, k, x, T, shown):
    """A dict in a state, or a list in it, is changed without writing the state."""
    s, t = (lib.State({"a": jnp.array(1.0), "b": [jnp.array(2.0)]}) for _ in range(2))
    def f(s, x): return change(s.value, k * x) or jnp.sin(s.value["a"] * x)
    seen, before = "applied", shown(s)
    try:
        T(lambda x: f(s, x))(jnp.array(x))
    except Exception:
        seen = "refused"
    want = before if seen == "refused" else (f(t, jnp.array(x)), shown(t))[1]
    assert shown(s) == want, {"at": seen, "expected": want, "got": s.value}
    return seen


OF_DICTS = {
    "a counter": "__import__('collections').Counter",
    "an ordered dict": "__import__('collections').OrderedDict",
    "a default dict": "lambda **held: __import__('collections').defaultdict(int, held)",
    "a dict with an update of its own": "type('Own', (dict,), {'update': lambda *_, **__: 0})",
}


@drawn("WRB-12", {"change": one_of((
           "lambda d: d.__setitem__('a', 5)", "lambda d: d.update(a=3, c=4)", "lambda d: d.clear()",
           "lambda d: d.__setitem__('c', 0)", "lambda d: d.__delitem__('b')")),
                  "x": number(), "T": one_of(f"lib.transform.{member}" for member in FIRST_ORDER)},
       {name: {"kind": text} for name, text in OF_DICTS.items()})
def dicts_of_other_kinds_change_in_place(lib, jnp, kind, change, x, T):
    """A subclass of dict, of numbers, which JAX may not know; two keys are there."""
    s, t = (lib.State(kind(b=1, a=2)) for _ in range(2))
    def f(s, x): return change(s.value) or jnp.sin(x) * sum(s.value.values())
    seen, before = "applied", list(s.value.items())
    try:
        T(lambda x: f(s, x))(jnp.array(x))
    except Exception:
        seen = "refused"
    want = before if seen == "refused" else (f(t, jnp.array(x)), list(t.value.items()))[1]
    got = list(s.value.items())
    assert got == want and type(s.value) is type(t.value), {"expected": want, "got": s.value}
    return seen


BOTH = "(lambda s, t: (lambda: s.value, lambda: t.value))"


@snippet("WRB-12", {
    "one array in two states": {"make": f"lambda a: {BOTH}(lib.State(a), lib.State(a))"},
    "a view of an array": {"make": f"lambda a: {BOTH}(lib.State(a), lib.State(a[:1]))"},
    "one array twice in a state": {
        "make": "lambda a: (lambda s: (lambda: s.value['p'], lambda: s.value['q']))"
                "(lib.State({'p': a, 'q': a}))"},
})
def what_is_one_object_changes_in_all_places(lib, jnp, np, make):
    """The function changes an array of NumPy in one place, and reads it in another."""
    here, there = make(np.ones(2))
    def f(x):
        here()[0] = 5.0
        return x * there()[0]
    try:
        seen, got, want = "applied", lib.transform.grad(f)(jnp.array(3.0)), 5.0
    except Exception:
        seen, got, want = "refused", 1.0, 1.0
    assert got == there()[0] == want, {"expected": want, "got": (got, there()[0])}
    return seen


@snippet("WRB-12", {"a list": {"held": "[1.0]"}, "an array": {"held": "np.ones(1)"}})
def what_has_two_names_changes_by_both(lib, jnp, np, held):
    """The function reads the state, and changes what it holds by a name of its own."""
    s = lib.State(held)
    def f(x):
        held[0] = s.value[0] + 4.0
        return x * s.value[0]
    try:
        seen, got = "applied", lib.transform.grad(f)(jnp.array(3.0))
    except Exception:
        seen, got = "refused", 5.0
    assert got == 5.0, {"at": "gradient", "expected": 5.0, "got": got}
    want = 5.0 if seen == "applied" else held[0]
    assert s.value[0] == held[0] == want, {"expected": want, "got": (s.value, held)}
    return seen


@drawn("WRB-13", {"k": number(), "x": number(), "writes": count(0, 2),
                  "T": one_of(f"lib.transform.{member}" for member in EVERY)})
def state_let_out_holds_a_value_or_refuses(lib, jnp, np, k, x, writes, T):
    """A new state is made during the call, maybe written, and let out."""
    found = []
    def f(x):
        found.append(lib.State(k * x))
        found[-1].value = found[-1].value + writes * x
        return jnp.sin(found[-1].value)
    T(f)(jnp.array(x))
    want = k * x + writes * x
    try:
        seen, value = "holds the value", found[-1].value
    except Exception:
        seen, value = "refuses to be read", want
    assert np.allclose(float(np.asarray(value)), want), {"expected": want, "got": value}
    return seen


CLOSURES = {
    "a variable": {"change": "lambda w: w.update(k=3.0)"},
    "a flag": {"change": "lambda w: w.update(flag=True)"},
    "a function": {"change": "lambda w: w.update(g=lambda v: 3.0 * v)"},
    "a value written": {"change": "lambda w: setattr(w['s'], 'value', w['s'].value * 3.0)"},
    "a value of another shape": {"change": "lambda w: setattr(w['s'], 'value', jnp.ones(3))"},
    "a state": {"change": "lambda w: w.update(s=type(w['s'])(jnp.array(3.0)))"},
}


@drawn("WRB-25", {"T": one_of(f"lib.transform.{member}" for member in EXACT),
                  "v": one_of(("1.0", "0.5", "-1.0")), "x": one_of(("2.0", "-0.5", "1.5"))},
       CLOSURES)
def the_world_is_read_at_every_call(lib, jnp, change, T, v, x):
    """A transform that was called before equals one that is built after the change."""
    w, x = {"k": 1.0, "flag": False, "g": lambda v: v, "s": lib.State(jnp.array(v))}, jnp.array(x)
    def f(x):
        y = w["k"] * x * x * jnp.sum(w["g"](w["s"].value))
        return y * x if w["flag"] else y
    kept = T(f)
    before = kept(x)
    change(w)
    got, want = kept(x), T(lambda x: f(x))(x)
    assert jnp.allclose(got, want), {"expected": want, "got": got}
    assert not jnp.allclose(got, before), {"expected": f"not {before}", "got": got}


@snippet("WRB-25", EXACT.bound())
def states_behind_attributes_are_read_at_every_call(lib, jnp, T):
    """An attribute of a module gets another state, which the next call reads and writes."""
    m = type("M", (lib.nn.Module,), {})()
    m.s = old = lib.State(jnp.array(2.0))
    def f(x):
        m.s.value = m.s.value + 1.0
        return x * x * m.s.value
    t = T(f)
    t(jnp.array(1.0))
    m.s = lib.State(jnp.array(10.0))
    t(jnp.array(1.0))
    got = float(old.value), float(m.s.value)
    assert got == (3.0, 11.0), {"expected": (3.0, 11.0), "got": got}


@snippet("WRB-25", EXACT.bound())
def a_name_bound_anew_is_seen(lib, jnp, np, T):
    """A variable of the surrounding scope stands for another number at the second call."""
    k = 1.0
    def f(x):
        return k * x * x * x
    t = T(f)
    before = t(jnp.array(2.0))
    k = 3.0
    got = t(jnp.array(2.0))
    assert np.allclose(got, 3.0 * before), {"expected": 3.0 * before, "got": got}
