"""The state model: what a State is, outside of transforms and from one call to the next."""

from __future__ import annotations

from ...judge.check import snippet
from ...language.axes import EXACT, by_order

STATE_VALUES = {
    "array": "jnp.array([1.0, 2.0])",
    "scalar": "jnp.array(1.0)",
    "single": "jnp.array(1.0, dtype=jnp.float32)",
    "integers": "jnp.array([1, 2])",
    "booleans": "jnp.array([True, False])",
    "complex": "jnp.array(1.0 + 2.0j)",
    "zero-size": "jnp.zeros((0, 3))",
    "float": "0.5",
    "int": "3",
    "bool": "True",
    "None": "None",
    "dict": "{'b': jnp.ones(2), 'a': jnp.array(2)}",
    "list": "[jnp.ones(2), 0.5]",
    "tuple": "(jnp.ones(2), jnp.zeros(3))",
    "nested": "{'u': [jnp.ones(2), None], 't': ({}, (jnp.array(1.0),))}",
}
"""Values of a state, as source."""

STATE_CLASSES = ("lib.State", "lib.ParamState")


@snippet("STA-01", {f"{kind.removeprefix('lib.')} | {name}": {"kind": kind, "value": value}
                    for kind in STATE_CLASSES for name, value in STATE_VALUES.items()})
def value_is_given_back(lib, jnp, np, kind, value):
    """The value of a new state, and of one that held something else before."""
    new, written = kind(value), kind(jnp.array([3.0]))
    written.value = value
    for got in (new.value, written.value):
        assert type(got) is type(value), {"expected": type(value), "got": type(got)}
        assert repr(got) == repr(value), {"expected": repr(value), "got": repr(got)}


@snippet("STA-02")
def param_states_are_states(lib, jnp):
    """Classes and instances."""
    s, p = lib.State(jnp.array(1.0)), lib.ParamState(jnp.array(1.0))
    assert issubclass(lib.ParamState, lib.State), {
        "expected": "a subclass of State", "got": lib.ParamState}
    assert isinstance(p, lib.State), {"expected": "a State", "got": p}
    assert not isinstance(s, lib.ParamState), {"expected": "no ParamState", "got": s}


@snippet("STA-03", {kind.removeprefix("lib."): {"kind": kind} for kind in STATE_CLASSES})
def name_is_kept(lib, jnp, kind):
    """Two states, one name each, before and after a write."""
    a, b = kind(jnp.array(1.0), name="a"), kind(jnp.array(1.0), name="b")
    a.value = jnp.array(2.0)
    assert (a.name, b.name) == ("a", "b"), {"expected": ("a", "b"), "got": (a.name, b.name)}


@snippet("STA-04", {kind.removeprefix("lib."): {"kind": kind} for kind in STATE_CLASSES})
def states_are_keys_by_identity(lib, jnp, kind):
    """A dict and a set of states over one array, before and after writes."""
    v = jnp.array([1.0, 2.0])
    a, b = kind(v), kind(v)
    table, both = {a: "a", b: "b"}, {a, b, a}
    a.value, b.value = b.value * 2.0, v
    assert len(table) == 2 and len(both) == 2, {
        "expected": "2 and 2", "got": (len(table), len(both))}
    assert (table[a], table[b]) == ("a", "b"), {"expected": "a and b", "got": (table[a], table[b])}
    assert a in both and a == a and not a == b, {
        "at": "a in both, a == a, a == b", "expected": (True, True, False),
        "got": (a in both, a == a, a == b)}


@snippet("STA-05", {name: {"value": STATE_VALUES[name]} for name in ("array", "dict", "nested")})
def states_of_one_value_are_apart(lib, jnp, value):
    """Two states that were created from one object."""
    a, b = lib.State(value), lib.State(value)
    before = repr(value), repr(b.value)
    a.value = jnp.array(7.0)
    assert (repr(value), repr(b.value)) == before, {
        "expected": before, "got": (value, b.value)}


@snippet("STA-06", EXACT.bound(want=by_order("(2.0, 4.0)", "(2.0, 2.0)")))
def eager_writes_are_seen(lib, jnp, np, T, want):
    """The value of a state is doubled between two calls of a transform of x and of one of s."""
    s = lib.State(jnp.array(2.0))
    by_x, by_s = T(lambda x: x * x * s.value), T(lambda: s.value ** 3, grad_states=s)
    first = by_x(jnp.array(1.0)), by_s()
    s.value = 2.0 * s.value
    second = by_x(jnp.array(1.0)), by_s()
    got = float(second[0] / first[0]), float(second[1] / first[1])
    assert np.allclose(got, want), {"expected": f"the ratios {want}", "got": got}


@snippet("STA-06", EXACT.bound(order=by_order("1", "2")))
def every_call_sees_the_shape_of_today(lib, jnp, T, order):
    """A number, a vector and a number again, in one transform of the state."""
    s, x = lib.State(jnp.array(2.0)), jnp.array(5.0)
    made = T(lambda x: jnp.sum(s.value ** 2 * x), grad_states=s)
    for value in (2.0, 3.0, [1.0, 2.0], 3.0):
        s.value = v = jnp.array(value)
        second = 2.0 * x * (jnp.eye(2) if v.shape else jnp.array(1.0))
        got, want = made(x), 2.0 * v * x if order == 1 else second
        assert jnp.shape(got) == want.shape, {
            "at": value, "expected": want.shape, "got": jnp.shape(got)}
        assert jnp.allclose(got, want), {"at": value, "expected": want, "got": got}


@snippet("STA-06")
def every_call_sees_the_dtype_of_today(lib, jnp):
    """Three numbers in double precision after one in single."""
    s = lib.State(jnp.array([2.0], jnp.float32))
    made = lib.transform.grad(lambda: jnp.sum(s.value ** 2) * s.value.shape[0], grad_states=s)
    made()
    s.value = jnp.array([1.0, 2.0, 3.0], jnp.float64)
    got = made()
    assert got.dtype == jnp.float64, {"expected": "float64", "got": got.dtype}
    assert jnp.allclose(got, 6.0 * s.value), {"expected": 6.0 * s.value, "got": got}


@snippet("STA-07", {kind.removeprefix("lib."): {"kind": kind} for kind in STATE_CLASSES})
def states_in_modules_are_themselves(lib, jnp, kind):
    """The object in an attribute, and a write on each side."""
    class M(lib.nn.Module):
        def __init__(self, s):
            super().__init__()
            self.s = s
    s = kind(jnp.array(1.0))
    m = M(s)
    m.s.value = m.s.value + 1.0
    s.value = s.value * 10.0
    assert m.s is s, {"at": "m.s", "expected": "the state assigned", "got": "another"}
    assert float(m.s.value) == 20.0, {"expected": 20.0, "got": m.s.value}


@snippet("STA-08", {kind.removeprefix("lib."): {"kind": kind} for kind in STATE_CLASSES})
def classes_of_the_user_are_states(lib, jnp, kind):
    """Gradient and write of a state of a derived class with a method of its own."""
    class Mine(kind):
        def twice(self):
            return 2.0 * self.value
    s = Mine(jnp.array(3.0))
    def f():
        s.value = s.twice()
        return s.value ** 2
    got = float(lib.transform.grad(f, grad_states=s)()), float(s.value)
    assert got == (24.0, 6.0), {"expected": (24.0, 6.0), "got": got}


@snippet("STA-16")
def a_deep_copy_differentiates_its_own_states(lib, jnp):
    """A module holds a transform of its own method; its copy goes on to learn."""
    from copy import deepcopy
    class M(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = lib.ParamState(jnp.array(1.0))
            self.slope = lib.transform.grad(self.loss, grad_states=self.w)
        def loss(self):
            return self.w.value ** 3
    made = deepcopy(m := M())
    made.w.value = jnp.array(5.0)
    got = float(made.slope()), float(m.slope())
    assert got == (75.0, 3.0), {"expected": (75.0, 3.0), "got": got}


@snippet("STA-09", EXACT.bound(ratio=by_order("9", "3")))
def threads_keep_apart(lib, jnp, T, ratio):
    """Two calls that are inside of their functions at the same time, where a library lets them."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event
    s, inside = [lib.State(jnp.array(0.5 + k)) for k in (0, 1)], [Event(), Event()]
    def f(k):
        s[k].value = 2.0 * s[k].value
        inside[k].set() or inside[1 - k].wait(1.0)
        return s[k].value ** 3
    d = [*ThreadPoolExecutor(2).map(lambda k: T(lambda: f(k), grad_states=s[k])(), (0, 1))]
    got = float(s[0].value), float(s[1].value), round(float(d[1] / d[0]))
    assert got == (1.0, 3.0, ratio), {"expected": (1.0, 3.0, ratio), "got": got}
