"""Write-back, in scripts: several states, repeated calls, and the world at the time of a call."""

from __future__ import annotations

from ...judge.check import snippet
from ...language.axes import EVERY, EXACT


@snippet("WRB-08", EVERY.bound())
def calls_add_up(lib, jnp, np, T):
    """A counter and a running sum, through one transform that is kept."""
    count, total = lib.State(jnp.array(0)), lib.State(jnp.array(1.0))
    def f(x):
        count.value = count.value + 1
        total.value = total.value * x
        return jnp.sin(total.value)
    t = T(f)
    for x in (2.0, 3.0, 5.0):
        t(jnp.array(x))
    got = int(count.value), float(total.value)
    assert got == (3, 30.0), {"expected": (3, 30.0), "got": got}


@snippet("WRB-08", EVERY.bound())
def calls_of_a_selected_state_add_up(lib, jnp, np, T):
    """Each call starts from what the call before it wrote into the selected state."""
    s = lib.State(jnp.array(1.0))
    def f():
        s.value = 2.0 * s.value
        return jnp.sin(s.value)
    t = T(f, grad_states=[s])
    seen = [float(s.value) for _ in range(3) if t() is not None]
    assert seen == [2.0, 4.0, 8.0], {"expected": [2.0, 4.0, 8.0], "got": seen}


@snippet("WRB-09", EVERY.bound())
def states_may_swap_their_values(lib, jnp, np, T):
    """One selected, one not; equal names; and the values change places."""
    a, b = lib.State(jnp.array(1.0), name="s"), lib.State(jnp.array(2.0), name="s")
    def f():
        a.value, b.value = b.value, a.value
        return jnp.sin(a.value) * b.value
    T(f, grad_states=[b])()
    got = float(a.value), float(b.value)
    assert got == (2.0, 1.0), {"expected": (2.0, 1.0), "got": got}


@snippet("WRB-09", EVERY.bound())
def states_of_one_value_are_written_apart(lib, jnp, np, T):
    """Four states over one array, in two classes, written in another order than created."""
    v = jnp.array(1.0)
    s = [kind(v) for kind in (lib.State, lib.ParamState, lib.State, lib.ParamState)]
    def f(x):
        for k in (2, 0, 3, 1):
            s[k].value = s[k].value + k * x
        return jnp.sin(s[2].value)
    T(f, grad_states={"p": s[3], "q": s[0]}, argnums=None)(jnp.array(10.0))
    got = [float(state.value) for state in s]
    assert got == [1.0, 11.0, 21.0, 31.0], {"expected": [1.0, 11.0, 21.0, 31.0], "got": got}


@snippet("WRB-09", EVERY.bound())
def state_may_feed_another(lib, jnp, np, T):
    """Writes depend on writes before them, and the last write of each counts."""
    a, b = lib.State(jnp.array(1.0)), lib.State(jnp.array(0.0))
    def f(x):
        a.value = a.value + x
        b.value = 10.0 * a.value
        a.value = b.value + a.value
        return jnp.sin(b.value)
    T(f, argnums=0)(jnp.array(2.0))
    got = float(a.value), float(b.value)
    assert got == (33.0, 30.0), {"expected": (33.0, 30.0), "got": got}


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


@snippet("WRB-12")
def change_in_place_is_applied_or_refused(lib, jnp, np):
    """An array in a dict in a state is replaced without writing the state."""
    s = lib.State({"a": jnp.array(1.0)})
    def f(x):
        s.value["a"] = 2.0 * x
        return jnp.sin(s.value["a"])
    seen, want = "applied", 6.0
    try:
        lib.transform.grad(f)(jnp.array(3.0))
    except Exception:
        seen, want = "refused", 1.0
    assert float(s.value["a"]) == want, {"at": seen, "expected": want, "got": s.value}
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


@snippet("WRB-13")
def state_let_out_holds_a_value_or_refuses(lib, jnp, np):
    """A module gets a new state during the call."""
    found = []
    def f(x):
        found.append(lib.State(2.0 * x))
        return jnp.sin(found[-1].value)
    lib.transform.grad(f)(jnp.array(3.0))
    try:
        seen, value = "holds the value", found[-1].value
    except Exception:
        seen, value = "refuses to be read", 6.0
    assert float(np.asarray(value)) == 6.0, {"expected": 6.0, "got": value}
    return seen


CLOSURES = {
    "a variable": {"change": "lambda w: w.update(k=3.0)"},
    "a flag": {"change": "lambda w: w.update(flag=True)"},
    "a function": {"change": "lambda w: w.update(g=lambda v: 3.0 * v)"},
    "a value written": {"change": "lambda w: setattr(w['s'], 'value', w['s'].value * 3.0)"},
    "a value of another shape": {"change": "lambda w: setattr(w['s'], 'value', jnp.ones(3))"},
    "a state": {"change": "lambda w: w.update(s=type(w['s'])(jnp.array(3.0)))"},
}


@snippet("WRB-25", EXACT.bound(CLOSURES, "{member} | {point}"))
def the_world_is_read_at_every_call(lib, jnp, T, change):
    """A transform that was called before equals one that is built after the change."""
    w = {"k": 1.0, "flag": False, "g": lambda v: v, "s": lib.State(jnp.array(1.0))}
    def f(x):
        y = w["k"] * x * x * jnp.sum(w["g"](w["s"].value))
        return y * x if w["flag"] else y
    kept = T(f)
    before = kept(jnp.array(2.0))
    change(w)
    got, want = kept(jnp.array(2.0)), T(lambda x: f(x))(jnp.array(2.0))
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
