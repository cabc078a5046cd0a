"""Selecting states from modules, one property at a time; drawn modules are in `drawn`."""

from __future__ import annotations

from hypothesis import strategies as st

from ...judge.check import drawn, snippet
from ...language.sources import count, list_of, one_of, tree_beside, tree_of
from ...language.trees import Path

S = "lib.State(jnp.ones(1))"
HOLDERS: dict[str, tuple[str, list[Path]]] = {
    "attribute": (S, [()]),
    "list": (f"[{S}, {S}]", [(0,), (1,)]),
    "tuple": (f"({S}, {S})", [(0,), (1,)]),
    "dict": (f"{{'k': {S}}}", [("k",)]),
    "dict with int keys": (f"{{7: {S}}}", [(7,)]),
    "list in dict": (f"{{'k': [{S}, {S}]}}", [("k", 0), ("k", 1)]),
    "dict in list": (f"[{{'k': {S}}}, {{}}, {{'j': {S}}}]", [(0, "k"), (2, "j")]),
    "five steps down": (f"{{'k': [({{'j': [{S}]}},)]}}", [("k", 0, 0, "j", 0)]),
    "list in tuple": (f"([{S}], [{S}, {S}])", [(0, 0), (1, 0), (1, 1)]),
}
"""What an attribute may hold, and the rest of the paths to its states."""


@snippet("SEL-05", {name: {"held": held, "want": repr([("x", *path) for path in rest])}
                    for name, (held, rest) in HOLDERS.items()})
def path_names_every_step(lib, jnp, held, want):
    """One attribute; the types of the parts count."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.x = held
    got = sorted(m.states().keys())
    types, kinds = ([[type(part) for part in path] for path in paths] for paths in (got, want))
    assert got == want, {"expected": want, "got": got}
    assert types == kinds, {"expected": kinds, "got": types}


ORDERS = {
    "attributes": (f"{{'b': {S}, 'c': {S}, 'a': {S}}}", [("a",), ("b",), ("c",)]),
    "capitals and underscores": (f"{{'b': {S}, '_c': {S}, 'a': {S}, 'B': {S}}}",
                                 [("B",), ("_c",), ("a",), ("b",)]),
    "indices as numbers": (f"{{'a': [{S} for _ in range(11)]}}", [("a", i) for i in range(11)]),
    "keys": (f"{{'a': {{'z': {S}, 'y': {S}}}}}", [("a", "y"), ("a", "z")]),
    "numbers in names": (f"{{'w9': {S}, 'w10': {S}, 'W2': {S}}}", [("W2",), ("w10",), ("w9",)]),
    "keys as numbers": (f"{{'a': {{10: {S}, 9: {S}}}}}", [("a", 9), ("a", 10)]),
    "depth first": (f"{{'c': {S}, 'a': {S}, 'b': [[{S}], {S}]}}",
                    [("a",), ("b", 0, 0), ("b", 1), ("c",)]),
}
"""Attributes in the order of assignment, and the paths in the order of a selection."""


@snippet("SEL-06", {name: {"attributes": attributes, "want": repr(want)}
                    for name, (attributes, want) in ORDERS.items()})
def order_is_that_of_the_paths(lib, jnp, attributes, want):
    """Attributes that are assigned in another order than they are selected in."""
    class M(lib.nn.Module):
        pass
    m = M()
    for name, held in attributes.items():
        setattr(m, name, held)
    got = list(m.states().keys())
    assert got == want, {"expected": want, "got": got}


@snippet("SEL-07")
def shared_container_is_no_second_way(lib, jnp):
    """One state in two attributes and in a list that stands in two attributes, too."""
    class M(lib.nn.Module):
        pass
    m, state = M(), lib.State(jnp.ones(1))
    m.z, m.y, m.b = state, [state], [lib.State(jnp.ones(1)), state]
    m.c = m.b
    got = list(m.states().keys())
    assert got == [("b", 0), ("b", 1)], {"expected": [("b", 0), ("b", 1)], "got": got}


@snippet("SEL-07")
def equal_states_are_not_one(lib, jnp):
    """Two states with one value and one name are two."""
    class M(lib.nn.Module):
        pass
    m, value = M(), jnp.ones(1)
    m.a, m.b = lib.State(value, name="s"), lib.State(value, name="s")
    got = list(m.states().keys())
    assert got == [("a",), ("b",)], {"expected": [("a",), ("b",)], "got": got}


WAYS_ON = ("lambda m: m", "lambda m: [m]", "lambda m: (m, m)", "lambda m: {'k': m}")


@drawn("SEL-09", {"size": count(1, 4), "links": list_of(st.tuples(
    st.integers(0, 3), st.integers(0, 3), st.sampled_from(WAYS_ON)).map(
        lambda link: f"({link[0]}, {link[1]}, {link[2]})"), 1, 4)})
def cycles_end(lib, jnp, size, links):
    """A chain of modules with a state each, with links from any to any, in containers too."""
    class M(lib.nn.Module):
        pass
    modules = [M() for _ in range(size)]
    for i, m in enumerate(modules):
        m.w, m.child = lib.State(jnp.ones(1)), modules[i + 1] if i + 1 < size else None
    for i, j, way in links:
        setattr(modules[i % size], f"to_{j}", way(modules[j % size]))
    got, want = [*map(id, modules[0].states().values())], [id(m.w) for m in modules]
    assert sorted(got) == sorted(want), {"expected": f"{size} states, each once", "got": got}


OTHER_THINGS = ("3.0", "jnp.ones(2)", "'text'", "None", "len", "[]", "{}", "()", "{'k': None}",
                "object()", "lib.State", "lambda: lib.State(0.0)", "True", "np.ones(1)")


@drawn("SEL-10", {"alone": one_of(OTHER_THINGS), "beside": list_of(one_of(OTHER_THINGS), 1, 4)})
def what_is_no_state_is_left_out(lib, jnp, np, alone, beside):
    """Something else in an attribute, and in a list and a dict beside a state."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.a, m.b, m.c = alone, [*beside, lib.State(jnp.ones(1))], {**dict(enumerate(beside))}
    m.c[9] = lib.State(jnp.ones(1))
    got, want = list(m.states().keys()), [("b", len(beside)), ("c", 9)]
    assert got == want, {"expected": want, "got": got}


EDITS = {
    "append": "lambda m, s: m.a.append(s)", "insert": "lambda m, s: m.a.insert(0, s)",
    "remove": "lambda m, s: m.a and m.a.pop(0)", "set": "lambda m, s: setattr(m, 'b', s)",
    "delete": "lambda m, s: hasattr(m, 'b') and delattr(m, 'b')",
    "enter": "lambda m, s: m.c.update(k=s)",
    "replace": "lambda m, s: setattr(m, 'a', [s, *m.a[1:]])", "clear": "lambda m, s: m.c.clear()",
}
"""Changes of what a module holds, with a new state at hand."""


@drawn("SEL-11", {"edits": list_of(one_of(EDITS.values()), 1, 6)})
def what_is_there_now_is_seen(lib, jnp, edits):
    """A list, an attribute and a dict that change between selections."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.a, m.c = [lib.State(jnp.ones(1))], {}
    for edit in edits:
        m.states()
        edit(m, lib.State(jnp.ones(1)))
    want = {("a", i): s for i, s in enumerate(m.a)}
    want |= {("b",): m.b} if hasattr(m, "b") else {}
    want |= {("c", key): s for key, s in m.c.items()}
    got = dict(m.states().items())
    assert got.keys() == want.keys(), {"expected": list(want), "got": list(got)}
    assert all(got[path] is want[path] for path in want), {"expected": want, "got": got}


WAYS_TO_READ = {
    "len": ("len(found)", 2),
    "iteration": ("list(found)", [("b",), ("w",)]),
    "in": ("(('w',) in found, ('x',) in found)", (True, False)),
    "keys": ("list(found.keys())", [("b",), ("w",)]),
    "values": ("[s.value.shape for s in found.values()]", [(1,), (2,)]),
    "items": ("[(p, s.value.shape) for p, s in found.items()]", [(("b",), (1,)), (("w",), (2,))]),
    "index": ("found[('w',)].value.shape", (2,)),
}


@snippet("SEL-12", {name: {"read": f"lambda found: {text}", "want": repr(want)}
                    for name, (text, want) in WAYS_TO_READ.items()})
def selection_reads_as_a_mapping(lib, jnp, read, want):
    """One way to read the selection from a module with two states."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.b, m.w = lib.State(jnp.ones(1)), lib.State(jnp.ones(2))
    got = read(m.states())
    assert got == want, {"expected": want, "got": got}


@snippet("SEL-02", {f"{make}, {filters}": {"holds": make, "filters": filters, "want": want}
                    for make, filters, want in (
    ("{}", "()", "0"),
    ("{}", "(...,)", "0"),
    ("{}", "('hot', ...)", "(0, 0)"),
    (f"{{'a': {S}}}", "(lib.ParamState,)", "0"),
    (f"{{'a': {S}}}", "('hot', ...)", "(0, 1)"),
    (f"{{'a': {S}}}", "('hot', lib.ParamState)", "(0, 0)"),
)})
def mapping_without_states_is_empty(lib, jnp, holds, filters, want):
    """The sizes of the mappings, where filters match nothing or there is nothing to match."""
    class M(lib.nn.Module):
        pass
    m = M()
    for name, held in holds.items():
        setattr(m, name, held)
    found = m.states(*filters)
    got = tuple(map(len, found)) if type(found) is tuple else len(found)
    assert got == want, {"expected": want, "got": got}


@snippet("SEL-15")
def treefied_states_are_nested(lib, jnp):
    """Going down a nested selection, part by part of each path."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.sub, m.a = M(), [lib.State(jnp.ones(1)), lib.State(jnp.ones(2))]
    m.sub.w = lib.State(jnp.ones(3))
    tree = lib.graph.treefy_states(m)
    got = tree["a"][1].value.shape, tree["sub"]["w"].value.shape
    assert got == ((2,), (3,)), {"expected": ((2,), (3,)), "got": got}


@snippet("SEL-16")
def treefied_states_are_the_states(lib, jnp):
    """The state under one path, from both functions."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.w = lib.State(jnp.ones(1))
    got = lib.graph.treefy_states(m).to_flat()[("w",)]
    assert got is m.w, {
        "expected": "the state m.w itself", "got": f"another object, a {type(got).__name__}"}


TREES = tree_of("m()", "s()") | tree_beside("m()", "s()")


@drawn("SEL-17", {"build": TREES.map(lambda text: f"lambda m, s: {text}")})
def containers_are_treefied(lib, jnp, build):
    """A container of modules and states, side by side or of any depth."""
    def s(): return lib.State(jnp.ones(1))
    def m():
        (made := lib.nn.Module()).w = s()
        return made
    def paths(node):
        if isinstance(node, lib.State):
            return [()]
        parts = {"w": node.w} if hasattr(node, "w") else (
            node if isinstance(node, dict) else dict(enumerate(node)))
        return [(key, *rest) for key, part in parts.items() for rest in paths(part)]
    held = build(m, s)
    got = sorted(lib.graph.treefy_states(held).to_flat().keys())
    assert got == sorted(paths(held)), {"expected": sorted(paths(held)), "got": got}


@snippet("SEL-05")
def paths_start_at_the_module_asked(lib, jnp):
    """A part of a module, after the whole has been asked."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.sub = M()
    m.sub.w = lib.State(jnp.ones(1))
    got = [list(module.states().keys()) for module in (m, m.sub)]
    want = [[("sub", "w")], [("w",)]]
    assert got == want, {"expected": want, "got": got}
