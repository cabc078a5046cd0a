"""Selecting states from modules, one property at a time; drawn modules are in `drawn`."""

from __future__ import annotations

from ...judge.check import snippet
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


@snippet("SEL-09", {"itself": {"link": "lambda m, n: setattr(m, 'a', m)"},
                    "parent": {"link": "lambda m, n: setattr(n, 'parent', m)"},
                    "list": {"link": "lambda m, n: setattr(n, 'all', [m, n])"}})
def cycles_end(lib, jnp, link):
    """A module and its child, with a way back."""
    class M(lib.nn.Module):
        pass
    m, n = M(), M()
    m.child, m.w, n.w = n, lib.State(jnp.ones(1)), lib.State(jnp.ones(1))
    link(m, n)
    got = sorted(m.states().keys())
    assert got == [("child", "w"), ("w",)], {"expected": [("child", "w"), ("w",)], "got": got}


@snippet("SEL-10", {text: {"other": text} for text in (
    "3.0", "jnp.ones(2)", "'text'", "None", "len", "[]", "{}", "()", "{'k': None}", "object()",
    "lib.State",
)})
def what_is_no_state_is_left_out(lib, jnp, other):
    """Something else in an attribute, and in a list beside a state."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.a, m.b = other, [other, lib.State(jnp.ones(1))]
    got = list(m.states().keys())
    assert got == [("b", 1)], {"expected": [("b", 1)], "got": got}


@snippet("SEL-11")
def replaced_state_is_seen(lib, jnp):
    """An attribute that gets another state between two selections."""
    class M(lib.nn.Module):
        pass
    m, new = M(), lib.State(jnp.ones(1))
    m.w, m.v = lib.State(jnp.ones(1)), lib.State(jnp.ones(1))
    m.states()
    m.w = new
    assert m.states()[("w",)] is new, {
        "expected": "the new state under ('w',)", "got": "the old one"}


@snippet("SEL-11")
def additions_and_removals_are_seen(lib, jnp):
    """A list that grows, an attribute that comes, and one that goes."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.a, m.b = [lib.State(jnp.ones(1))], lib.State(jnp.ones(1))
    m.states()
    m.a.append(lib.State(jnp.ones(1)))
    m.c = m.b
    del m.b
    got = sorted(m.states().keys())
    assert got == [("a", 0), ("a", 1), ("c",)], {"expected": "a[0], a[1] and c", "got": got}


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


@snippet("SEL-17", {text: {"build": f"lambda m, s: {text}", "want": want} for text, want in (
    ("[m, s]", "[(0, 'w'), (1,)]"),
    ("(s, m)", "[(0,), (1, 'w')]"),
    ("{'k': s, 'j': m}", "[('j', 'w'), ('k',)]"),
    ("{'k': [m]}", "[('k', 0, 'w')]"),
)})
def containers_are_treefied(lib, jnp, build, want):
    """A container of a module and a state."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.w = lib.State(jnp.ones(1))
    got = sorted(lib.graph.treefy_states(build(m, lib.State(jnp.ones(1)))).to_flat().keys())
    assert got == want, {"expected": want, "got": got}


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
