"""Finding the states of a function: keys, arguments and results; accesses are in `drawn`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.axes import FIRST_ORDER
from ...language.sources import Text, number, one_of, written
from .drawn import RETURN_TYPES, USAGES

EVERY_USAGE = (*USAGES, "both")

COLLIDING = (
    "'k'", "0", "1", "'k_1'", "['k']", "{}", "None", "1.0", "True", "(['k'],)", "'s'", "'s_1'")
"""Keys that collide with one another or with those that are made, and some without a hash."""


BY_KEY = st.lists(st.sampled_from(COLLIDING), min_size=4, max_size=4).map(
    lambda keys: f"{{'key_fn': lambda index, state: [{', '.join(keys)}][index]}}")


@drawn("FND-10", {"options": st.one_of(
    one_of(("{}", "{'key_fn': lambda index, state: state.name}")), BY_KEY)})
def no_state_is_lost_to_a_key(lib, jnp, options):
    """Four states of one name, and keys that collide or cannot be hashed, if they are taken."""
    states = [lib.State(jnp.array(1.0), name="s") for _ in range(4)]
    def f():
        return sum(s.value for s in states)
    try:
        finder = lib.transform.StateFinder(f, **options)
    except TypeError:  # a finder that takes no key_fn, as it may
        finder = lib.transform.StateFinder(f)
    found = finder()
    assert len(found) == 4, {"expected": "4 states", "got": f"the keys {list(found)}"}
    assert {*map(id, found.values())} == {*map(id, states)}, {
        "expected": "each state once", "got": found}


@snippet("FND-11", {
    "assignment": {"change": "lambda s: setattr(s, 'value', s.value + 1.0)"},
    "in place": {"change": "lambda s: s.value.__setitem__(0, 5.0)"},
    "assignment in place": {"change": "lambda s: setattr(s, 'value', s.value.__iadd__(1.0))"},
})
def numpy_arrays_keep_their_numbers(lib, jnp, np, change):
    """A state with a NumPy array, which a finder may also refuse to change in place."""
    s = lib.State(np.zeros(2))
    try:
        lib.transform.StateFinder(lambda: (change(s), 0.0)[1])()
    except Exception:  # refusing to change it in place is right, too
        pass
    got = s.value.tolist()
    assert got == [0.0, 0.0], {"expected": [0.0, 0.0], "got": got}


@drawn("FND-11", {"x": number()}, {name: {"first": first, "change": change}
                                for name, first, change in (
    ("a list", "[]", "lambda s, x: s.value.append(x)"),
    ("a dict", "{'k': 1.0}", "lambda s, x: s.value.update(k=x)"),
    ("an array", "jnp.array(1.0)", "lambda s, x: setattr(s, 'value', x)"),
    ("text", "'text'", "lambda s, x: setattr(s, 'value', 'other')"))})
def what_is_made_has_its_first_value(lib, jnp, first, change, x):
    """It is made in the finder's call, and changed there."""
    made = []
    def f(x):
        made or made.append(lib.State(first))
        return change(made[0], x) or x
    before = repr(first)
    lib.transform.StateFinder(f)(jnp.array(x))
    assert repr(made[0].value) == before, {"expected": before, "got": made[0].value}


@snippet("FND-11", {usage: {"usage": repr(usage)} for usage in EVERY_USAGE})
def states_that_are_made_lazily_serve_on(lib, jnp, usage):
    """The first call makes a state and keeps it, and it is a finder's call."""
    made = []
    def f(x):
        if not made:
            made.append(lib.State(jnp.array(2.0)))
        made[0].value = made[0].value * 3.0
        return made[0].value * x
    lib.transform.StateFinder(f, usage=usage)(jnp.array(1.0))
    got = float(f(jnp.array(1.0)))
    assert got == 6.0, {"expected": 6.0, "got": got}


@drawn("FND-14", {"targets": written(st.lists(st.integers(0, 2), min_size=2, max_size=4))}, {
    "closure": {"reach": "lambda world, x: world['state']", "shape": "lambda i: ()"},
    "flag": {"reach": "lambda world, x: world['states'][world['number']]", "shape": "lambda i: ()"},
    "attribute": {"reach": "lambda world, x: world['module'].w", "shape": "lambda i: ()"},
    "argument": {"reach": "lambda world, x: world['states'][x.ndim]",
                 "shape": "lambda i: (1,) * i"},
})
def world_is_read_at_every_call(lib, jnp, reach, shape, targets):
    """Calls of one finder; between them everything that led to one state leads to another."""
    states, got = [lib.State(jnp.array(float(i))) for i in range(3)], []
    world = {"states": states, "module": type("Holder", (), {})()}
    find = lib.transform.StateFinder(lambda x: reach(world, x).value, return_type="list")
    for i in targets:
        world["state"], world["number"], world["module"].w = states[i], i, states[i]
        got.append([states.index(s) for s in find(jnp.ones(shape(i)))])
    want = [[i] for i in targets]
    assert got == want, {"expected": f"the states {want}", "got": got}


@drawn("FND-14", {"x": number(), "T": one_of(
    f"lib.transform.{member}" for member in FIRST_ORDER)}, {
    "flag": {"first": "True", "then": "False"}, "number": {"first": "0", "then": "1"},
    "text": {"first": "'a'", "then": "'b'"}})
def a_finder_in_a_call_sees_what_the_call_wrote(lib, jnp, T, first, then, x):
    """What is written leads the finder's function to another state."""
    way, (a, b), found = lib.State(first), [lib.State(jnp.array(2.0)) for _ in range(2)], []
    find = lib.transform.StateFinder(
        lambda: a.value if way.value == first else b.value, return_type="list")
    def f(x):
        way.value = then
        found[:] = find()
        return x * a.value
    T(f)(jnp.array(x))
    got = ["ab"[s is b] for s in found if s is not way]
    assert got == ["b"], {"expected": "the state b", "got": got}


NAMES = ("x", "y", "self", "fn", "usage", "args", "kwargs", "filter", "key")
"""Names of parameters, those that a finder may have itself among them."""

ARRAYS = {
    "array": ("jnp.ones(3)", "{0}.shape == (3,)"),
    "matrix": ("jnp.ones((2, 3))", "{0}.shape == (2, 3)"),
    "number": ("2.0", "jnp.ndim({0}) == 0"),
    "pytree": ("{{'k': [jnp.ones(3), (jnp.ones(2), None)]}}", "len({0}['k'][1]) == 2"),
}
STATIC = {
    "number": ("2", "range({0}) == range(2)"),
    "flag": ("True", "{0} is True"),
    "text": ("'x'", "{0} == 'x'"),
    "text in a dict": ("{{'mode': 'x', 'x': jnp.ones(3)}}", "{0}['mode'] == 'x'"),
    "None": ("None", "{0} is None"),
    "function": ("lambda n: n + 1", "{0}(2) == 3"),
}
"""Arguments, and what holds of them if they arrive unharmed; and such as Python works with."""
WAYS = ("position", "keyword", "default")


@st.composite
def arguments(draw: Any, point: tuple[str, str]) -> dict[str, str]:
    """A function that reads a if its arguments are as they were given and else b, and a call.

    One argument is as the point says: how it is given, of what kind, or under which name.
    """
    way, kind = point
    pool = STATIC if way == "static" else ARRAYS
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    ways = [draw(st.sampled_from(WAYS)) for _ in names]
    kinds = [draw(st.sampled_from(tuple(pool))) for _ in names]
    if way in WAYS:
        ways[0] = way
    elif way == "name":
        names = [kind, *(name for name in names if name != kind)][:len(names)]
        ways[0] = "keyword"
    elif way != "rest":
        kinds[0], ways[0] = kind, draw(st.sampled_from(WAYS[:2]))
    given = sorted(zip(ways, names, kinds, strict=True), key=lambda one: WAYS.index(one[0]))
    if way == "rest":
        return rest([name for by, name, _ in given if by != "position"], len(given))
    texts = {name: pool[kind][0].format() for _, name, kind in given}
    signature = [f"{name}={texts[name]}" if way == "default" else name for way, name, _ in given]
    call = [texts[name] if way == "position" else f"{name}={texts[name]}"
            for way, name, _ in given if way != "default"]
    tests = " and ".join(pool[kind][1].format(name) for _, name, kind in given)
    return {"make": f"lambda a, b: lambda {', '.join(signature)}: (a if {tests} else b).value",
            "call": f"lambda find: find({', '.join(call)})"}


def rest(names: list[str], count: int) -> dict[str, str]:
    """The same of a function that takes whatever it is given, so many arguments together."""
    call = ["1.5"] * (count - len(names)) + [f"{name}=2.5" for name in names]
    tests = f"len(xs) == {count - len(names)} and sorted(named) == {sorted(names)}"
    return {"make": f"lambda a, b: lambda *xs, **named: (a if {tests} else b).value",
            "call": f"lambda find: find({', '.join(call)})"}


@drawn("FND-21", arguments, {kind: ("static", kind) for kind in STATIC})
@drawn("FND-15", arguments, {way: (way, "") for way in (*WAYS, "rest")} | {
    kind: ("any", kind) for kind in ARRAYS} | {
    f"keyword {name}": ("name", name) for name in NAMES})
def arguments_reach_the_function(lib, jnp, make, call):
    """A function that reads a if its arguments are as they were given, and else b."""
    a, b = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    found = call(lib.transform.StateFinder(make(a, b), return_type="list"))
    got = ["a" if state is a else "b" for state in found]
    assert got == ["a"], {"expected": ["a"], "got": got}


OUTPUTS: Text = st.recursive(
    one_of(("None", "2.5", "'text'", "object()", "len", "jnp.ones(3)", "True", "{1, 2}")),
    lambda part: st.lists(part, max_size=2).flatmap(lambda parts: one_of((
        f"[{', '.join(parts)}]", f"({''.join(f'{part}, ' for part in parts)})",
        "{" + ", ".join(f"'{i}': {part}" for i, part in enumerate(parts)) + "}"))),
    max_leaves=4)
"""What a function may return."""


@drawn("FND-16", {"out": OUTPUTS})
def result_of_the_function_is_free(lib, jnp, out):
    """A function that reads a state and returns something else."""
    s = lib.State(jnp.array(1.0))
    found = lib.transform.StateFinder(lambda: (s.value, out)[1], return_type="list")()
    assert len(found) == 1 and found[0] is s, {"expected": "s", "got": found}


@snippet("FND-01", {f"{usage}, {kind}": {
    "usage": repr(usage), "kind": repr(kind),
    "want": f"{{'read': {kind}(), 'write': {kind}()}}" if usage == "both" else f"{kind}()",
} for usage in EVERY_USAGE for kind in RETURN_TYPES})
def nothing_found_is_an_empty_container(lib, jnp, usage, kind, want):
    """A function that uses no state."""
    got = lib.transform.StateFinder(lambda x: x * 2.0, usage=usage, return_type=kind)(jnp.ones(3))
    assert got == want, {"expected": want, "got": got}
