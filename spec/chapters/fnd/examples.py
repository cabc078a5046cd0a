"""Finding the states of a function, one property at a time; drawn accesses are in `drawn`."""

from __future__ import annotations

from ...judge.check import snippet
from ...language import filters
from ...language.filters import POOL

RETURN_TYPES = ("dict", "list", "tuple")
USAGES = ("all", "read", "write", "both")


@snippet("FND-04", {kind: {"kind": repr(kind)} for kind in RETURN_TYPES})
def both_is_a_mapping_of_two_containers(lib, jnp, kind):
    """One state that is read and one that is written, in each container."""
    r, w = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    def f(x):
        w.value = r.value * x
    found = lib.transform.StateFinder(f, usage="both", return_type=kind)(jnp.array(3.0))
    got = {key: (type(part).__name__, len(part)) for key, part in found.items()}
    want = {"read": (kind, 1), "write": (kind, 1)}
    assert got == want, {"expected": want, "got": got}
    assert found["read"][0] is r and found["write"][0] is w, {
        "expected": "r under read, w under write", "got": found}


@snippet("FND-05", {f"{kind}, {usage}": {"kind": repr(kind), "usage": repr(usage)}
                    for kind in RETURN_TYPES for usage in USAGES[:3]})
def container_has_the_type_asked_for(lib, jnp, kind, usage):
    """The type of the container, for each usage."""
    r, w = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    def f():
        w.value = r.value * 2.0
    found = lib.transform.StateFinder(f, usage=usage, return_type=kind)()
    got, want = (type(found).__name__, len(found)), (kind, 2 if usage == "all" else 1)
    assert got == want, {"expected": want, "got": got}


BY_STATE = [
    chosen
    for means in ("instance", "tagged", "everything", "nothing", "function", "any", "all", "not")
    for chosen in filters.examples(means)
    if chosen.form != "None" and not any(
        word in chosen.source() for word in ("PathContains", "path[", "len(path)")
    )
]
"""Filters that do not look at the path.  None is left out: it reads as "no filter" as well."""


@snippet("FND-06", {f"{chosen.form}: {chosen.source()}": {
    "pool": filters.flat_source(POOL), "filter": chosen.source(),
} for chosen in BY_STATE})
def finder_takes_every_form(lib, jnp, pool, filter):
    """A function that reads every state of the pool, against the predicate asked about each."""
    def f():
        return sum(state.value for state in pool.values())
    found = lib.transform.StateFinder(f, filter=filter, return_type="list")()
    matches = lib.util.filter.to_predicate(filter)
    want = [path for path, state in pool.items() if matches((), state)]
    got = [path for path, state in pool.items() if any(state is s for s in found)]
    assert got == want, {"expected": want, "got": got}


@snippet("FND-07")
def defaults_give_all_in_a_dict(lib, jnp):
    """One state that is read, one that is written, and no option."""
    r, w = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    def f():
        w.value = r.value * 2.0
    found = lib.transform.StateFinder(f)()
    assert type(found) is dict, {"expected": "a dict", "got": f"a {type(found).__name__}"}
    assert {*map(id, found.values())} == {id(r), id(w)}, {"expected": "r and w", "got": found}


@snippet("FND-08", {usage: {"usage": repr(usage)} for usage in USAGES[:3]})
def keys_count_the_states_returned(lib, jnp, usage):
    """States that the filter drops come first and in between, and take no number."""
    p = [lib.ParamState(jnp.array(1.0)) for _ in range(2)]
    q = [lib.State(jnp.array(1.0)) for _ in range(2)]
    def f():
        for state in (q[0], p[0], q[1], p[1]):
            value = state.value
            if usage != "read":
                state.value = value * 2.0
    found = lib.transform.StateFinder(f, filter=lib.ParamState, usage=usage)()
    assert list(found) == [0, 1], {"expected": "the keys [0, 1]", "got": list(found)}


@snippet("FND-09", {text: {"key": text, "want": want} for text, want in (
    ("lambda index, state: state.name", "['r', 'w']"),
    ("lambda index, state: (state.name, index)", "[('r', 0), ('w', 1)]"),
    ("lambda index, state: -index", "[0, -1]"),
)})
def key_function_gives_the_keys(lib, jnp, key, want):
    """Keys that differ, made from index and state."""
    r, w = lib.State(jnp.array(1.0), name="r"), lib.State(jnp.array(2.0), name="w")
    found = lib.transform.StateFinder(lambda: r.value * w.value, key_fn=key)()
    got = list(found)
    assert got == want, {"expected": f"the keys {want}", "got": got}


@snippet("FND-10", {"no key_fn": {"options": "{}"}} | {
    text: {"options": f"{{'key_fn': lambda index, state: {text}}}"} for text in (
        "'k'", "[index]", "['k']", "(['k'],)", "{'k': index}", "state.name",
        "[1, True, 1.0][index]", "['k', 'k', 'k_1'][index]", "['k_1', 'k', 'k'][index]",
        "['s', 's_1', 's'][index]",
    )
})
def no_state_is_lost_to_a_key(lib, jnp, options):
    """Three states of one name, and keys that collide or cannot be hashed, if they are taken."""
    states = [lib.State(jnp.array(1.0), name="s") for _ in range(3)]
    def f():
        return sum(s.value for s in states)
    try:
        finder = lib.transform.StateFinder(f, **options)
    except TypeError:  # a finder that takes no key_fn, as it may
        finder = lib.transform.StateFinder(f)
    found = finder()
    assert len(found) == 3, {"expected": "3 states", "got": f"the keys {list(found)}"}
    assert {*map(id, found.values())} == {*map(id, states)}, {
        "expected": "each state once", "got": found}


@snippet("FND-11", {usage: {"usage": repr(usage)} for usage in USAGES})
def states_keep_their_values(lib, jnp, usage):
    """A state that is written from the argument, one from itself, and one that is read."""
    states = [lib.State(jnp.array(float(i))) for i in range(3)]
    def f(x):
        states[0].value = x
        states[1].value = states[1].value * 3.0 + states[2].value
    find = lib.transform.StateFinder(f, usage=usage)
    find(jnp.array(7.0)), find(jnp.array(8.0))
    got = [float(state.value) for state in states]
    assert got == [0.0, 1.0, 2.0], {"expected": [0.0, 1.0, 2.0], "got": got}


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


@snippet("FND-11", {usage: {"usage": repr(usage)} for usage in USAGES})
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


@snippet("FND-12")
def random_stream_stays(lib, jnp, np):
    """The draws after a finder's call, and the same draws without it."""
    s = lib.ParamState(jnp.array(1.0))
    find = lib.transform.StateFinder(lambda: s.value * lib.random.normal(), filter=lib.ParamState)
    lib.random.seed(0)
    want = np.asarray(lib.random.normal(size=(3,)))
    lib.random.seed(0)
    find()
    got = np.asarray(lib.random.normal(size=(3,)))
    assert np.array_equal(got, want), {"expected": want, "got": got}


@snippet("FND-13")
def failure_leaves_all_as_it_was(lib, jnp):
    """A function that raises after a write."""
    s, planned, got = lib.State(jnp.array(1.0)), ArithmeticError("planned"), "no exception"
    def f(x):
        s.value = x
        raise planned
    try:
        lib.transform.StateFinder(f)(jnp.array(2.0))
    except Exception as error:
        got = repr(error)
    assert got == repr(planned), {"expected": planned, "got": got}
    assert float(s.value) == 1.0, {"expected": 1.0, "got": s.value}


@snippet("FND-14", {
    "closure": {"reach": "lambda world: world['state']"},
    "flag": {"reach": "lambda world: world['a'] if world['flag'] else world['b']"},
    "attribute": {"reach": "lambda world: world['module'].w"},
})
def world_is_read_at_every_call(lib, jnp, reach):
    """Two calls of one finder; between them everything that led to a leads to b."""
    a, b = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    world = {"a": a, "b": b, "state": a, "flag": True, "module": type("Holder", (), {"w": a})()}
    find = lib.transform.StateFinder(lambda: reach(world).value, return_type="list")
    got = [*find()]
    world["state"], world["flag"], world["module"].w = b, False, b
    got += find()
    names = ["a" if state is a else "b" for state in got]
    assert names == ["a", "b"], {"expected": "a and then b", "got": names}


@snippet("FND-14")
def states_follow_the_arguments(lib, jnp):
    """Two calls of one finder with arguments of different shapes."""
    a, b = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    find = lib.transform.StateFinder(lambda x: x * (a if jnp.ndim(x) else b).value)
    got = [found is a for x in (jnp.ones(3), jnp.array(1.0)) for found in find(x).values()]
    assert got == [True, False], {"expected": "a for a vector and b for a number", "got": got}


ARGUMENTS = {
    "array": ("x", "x.ndim == 1", "jnp.ones(3)"),
    "array by keyword": ("x", "x.ndim == 1", "x=jnp.ones(3)"),
    "pytree": ("x", "len(x['k']) == 2", "{'k': [jnp.ones(3), (jnp.ones(2), None)]}"),
    "default": ("x, n=2", "n == 2", "jnp.ones(3)"),
    "rest": ("*xs, **named", "len(xs) + len(named) == 3", "1.0, 2.0, k=3.0"),
    "keyword self": ("self", "self.ndim == 1", "self=jnp.ones(3)"),
    "keyword fn": ("fn", "fn.ndim == 1", "fn=jnp.ones(3)"),
    "keyword usage": ("usage", "usage.ndim == 1", "usage=jnp.ones(3)"),
    "keyword args": ("args", "args.ndim == 1", "args=jnp.ones(3)"),
}
"""Parameters of a function, what holds of them if they arrive unharmed, and a call."""

STATIC_ARGUMENTS = {
    "number": ("n", "n == 2", "2"),
    "count": ("n", "len(range(n)) == 2", "2"),
    "flag": ("flag", "flag", "True"),
    "flag by keyword": ("*, flag=False", "flag", "flag=True"),
    "text": ("mode", "mode == 'x'", "'x'"),
    "text in a dict": ("x", "x['mode'] == 'x'", "{'mode': 'x', 'x': jnp.ones(3)}"),
    "None": ("x", "x is None", "None"),
    "function": ("g", "g(2) == 3", "lambda n: n + 1"),
}
"""The same for arguments that Python itself works with."""


def with_arguments(table: dict[str, tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    """A point for every entry: a function that reads a if the test holds and else b; its call."""
    return {
        name: {"make": f"lambda a, b: lambda {parameters}: (a if {test} else b).value",
               "call": f"lambda find: find({arguments})"}
        for name, (parameters, test, arguments) in table.items()
    }


@snippet("FND-21", with_arguments(STATIC_ARGUMENTS))
@snippet("FND-15", with_arguments(ARGUMENTS))
def arguments_reach_the_function(lib, jnp, make, call):
    """A function that reads a if its argument is as it was given, and else b."""
    a, b = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    found = call(lib.transform.StateFinder(make(a, b), return_type="list"))
    got = ["a" if state is a else "b" for state in found]
    assert got == ["a"], {"expected": ["a"], "got": got}


@snippet("FND-16", {text: {"out": text} for text in (
    "None", "2.5", "'text'", "(1.0, 'text')", "{'k': object()}", "len", "jnp.ones(3)",
)})
def result_of_the_function_is_free(lib, jnp, out):
    """A function that reads a state and returns something else."""
    s = lib.State(jnp.array(1.0))
    found = lib.transform.StateFinder(lambda: (s.value, out)[1], return_type="list")()
    assert len(found) == 1 and found[0] is s, {"expected": "s", "got": found}


READ, WRITE = "s.value * 2.0", "setattr(s, 'value', s.value + 1.0)"
JIT = "lib.transform.jit(lambda: {})"
GRAD = "lib.transform.grad(lambda: ({}, jnp.sum(s.value) ** 2)[1], grad_states=[s])"
INNER = {
    "function": "(lambda: {})",
    "compiled": JIT,
    "compiled before": f"(lambda g: (g(), g)[1])({JIT})",
    "gradient": GRAD,
    "compiled gradient": f"lib.transform.jit(lambda: {GRAD}())",
}
"""Functions of no argument that do something to a state."""


@snippet("FND-17", {f"{name}, {usage}": {"inner": f"lambda s: {text.format(does)}",
                                         "usage": repr(usage)}
                    for name, text in INNER.items()
                    for usage, does in (("read", READ), ("write", WRITE))})
def inner_uses_are_found(lib, jnp, inner, usage):
    """A function that does nothing but call another."""
    s = lib.State(jnp.array(1.0))
    g = inner(s)
    found = lib.transform.StateFinder(lambda: (g(), 0.0)[1], usage=usage, return_type="list")()
    assert len(found) == 1 and found[0] is s, {"expected": "s", "got": found}


@snippet("FND-18", {text: {"make": f"lambda s, t: lambda: ({text}, t.value)[1]"} for text in (
    "s.name", "[s]", "isinstance(s, lib.State)", "s.value if t.name == 's' else 0.0",
)})
def what_is_not_used_is_not_found(lib, jnp, make):
    """A function that touches s without its value, and reads t."""
    s, t = lib.State(jnp.array(1.0), name="s"), lib.State(jnp.array(2.0), name="t")
    found = lib.transform.StateFinder(make(s, t), return_type="list")()
    got = [state.name for state in found]
    assert got == ["t"], {"expected": ["t"], "got": got}


@snippet("FND-01", {f"{usage}, {kind}": {
    "usage": repr(usage), "kind": repr(kind),
    "want": f"{{'read': {kind}(), 'write': {kind}()}}" if usage == "both" else f"{kind}()",
} for usage in USAGES for kind in RETURN_TYPES})
def nothing_found_is_an_empty_container(lib, jnp, usage, kind, want):
    """A function that uses no state."""
    got = lib.transform.StateFinder(lambda x: x * 2.0, usage=usage, return_type=kind)(jnp.ones(3))
    assert got == want, {"expected": want, "got": got}
