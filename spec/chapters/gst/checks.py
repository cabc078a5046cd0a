"""Containers of states: what may be given as ``grad_states``, and how ``var_grads`` mirrors it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ...judge.aspects import judge_effects, judge_row, judge_sides
from ...judge.check import drawn, generated, snippet
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import EVERY, EXACT, Calls, by_order, plain, representatives, rows
from ...language.call_forms import NOTHING
from ...language.cases import Case
from ...language.sources import array, number, numbers, one_of, order, some_of, written
from ...language.values import SHAPES
from ...language.wishes import Wish, calm


def var_grads_mirror_the_container(subject: Subject, case: Case) -> None:
    """Types, keys and their order, lengths, and the shape and dtype of every leaf."""
    judge_sides(observe(case, subject))


MIRRORED: Final[Mapping[str, Mapping[str, Wish]]] = {
    "GST-01": {"one": calm(containers=("one",))},
    "GST-02": {form: calm(containers=(form,), fewest=3, most=4) for form in ("list", "tuple")},
    "GST-03": {"namedtuple": calm(containers=("namedtuple",), fewest=2)},
    "GST-05": {"keys": calm(containers=("keys",), fewest=3, most=6)},
    "GST-06": {"nested": calm(containers=("nested",))},
    "GST-07": {"none": calm(containers=("none",), fewest=3, most=4)},
    "GST-08": {"twice": calm(containers=("twice",)), "often": calm(containers=("often",))},
    "GST-09": {"module": calm(containers=("module",), fewest=3, most=4)},
    "GST-10": {"treefy": calm(containers=("treefy",), fewest=3, most=4)},
}
"""The rules on containers whose mirror image is all they are about."""

for _rule, _wishes in MIRRORED.items():
    _points: dict[str, Calls] = {}
    for _name, _wish in _wishes.items():
        _points |= EVERY.calls(_wish, plain("states"), f"{_name} {{member}}")
    generated(_rule, Calls.strategy, _points)(var_grads_mirror_the_container)


UNSORTED = written(st.permutations("abcz").filter(lambda keys: keys != sorted(keys)))


@drawn("GST-04", {"keys": UNSORTED}, EVERY.bound())
def keys_stay_or_are_sorted(lib, jnp, T, keys):
    """Keys that are not in order."""
    states = {key: lib.State(jnp.array(float(i))) for i, key in enumerate(keys, 2)}
    got = T(lambda: sum(s.value ** 2 for s in states.values()), grad_states=states)()
    assert type(got) is dict, {"expected": "a dict", "got": got}
    orders = {tuple(sorted(keys)): 'keys sorted', tuple(keys): 'order kept'}
    return orders.get(tuple(got), f"the keys {list(got)}")


@snippet("GST-08", cases=EVERY.bound(exact=lambda member: str(member.exact)))
def both_places_hold_the_same_gradient(lib, jnp, T, exact):
    s = lib.State(jnp.array(2.0))
    first, (second, third) = T(lambda: s.value ** 2, grad_states=[s, (s, s)])()
    if isinstance(first, list):  # a Hessian: the same again in the columns
        assert first[0] == first[1][0] == first[1][1] == 2.0, {"expected": 2.0, "got": first}
        first, second, third = first[0], second[0], third[0]
    assert first == second == third != 0, {
        "expected": "one gradient", "got": (first, second, third)}
    assert not exact or first in (4.0, 2.0), {
        "expected": "the full gradient 4.0 (of a Hessian 2.0)", "got": first}


@snippet("GST-09", cases=EVERY.bound())
def mappings_stand_in_other_containers(lib, jnp, T):
    m, n = lib.nn.Module(), lib.nn.Module()
    m.w, m.b, n.w = (lib.ParamState(jnp.array(i)) for i in (1.0, 2.0, 3.0))
    def f(): return m.w.value * m.b.value * n.w.value
    first, (second,) = T(f, grad_states=[m.states(), (n.states(),)])()
    got = list(first.keys()), list(second.keys())
    assert got == ([('b',), ('w',)], [('w',)]), {"expected": "keys b, w and w", "got": got}


OFTEN: Final = calm(containers=("twice", "often"))


@generated("GST-08", Calls.strategy, EXACT.calls(OFTEN, plain("states")))
def every_place_holds_the_full_gradient(subject: Subject, case: Case) -> None:
    """Values, place by place, of states that stand in several."""
    judge_values(observe(case, subject))


FINDERS: Final = {
    f"{usage}, {kind}": {"options": repr({"return_type": kind, "usage": usage})}
    for kind in ("dict", "list", "tuple") for usage in ("all", "read", "write")
}
"""Return types and usages of a finder."""


@drawn("GST-11", {"values": numbers(5), "used": some_of(range(5), 2, 5),
                  "written": some_of(range(5), 1, 2), "options": one_of(
                      point["options"] for point in FINDERS.values())}, EVERY.bound())
def found_states_can_be_differentiated(lib, jnp, T, values, used, written, options):
    """A function that reads some of five states, and then writes some."""
    states = [lib.State(jnp.array(v)) for v in values]
    def f():
        out = sum(i * states[i].value ** 2 for i in used)
        for i in written:
            states[i].value = out
        return out
    found = lib.transform.StateFinder(f, **options)()
    got = T(f, grad_states=found)() if len(found) else found
    assert type(got) is type(found), {"expected": f"a {type(found)}", "got": f"a {type(got)}"}
    keys = [list(r) if isinstance(r, dict) else len(r) for r in (found, got)]
    assert keys[0] == keys[1], {"expected": f"keys or length {keys[0]}", "got": keys[1]}


FILTERED: Final = {
    "no filter": {"filters": "()"}, "one filter": {"filters": "(lib.ParamState,)"},
}


@snippet("GST-09", cases=FILTERED)
def selection_is_a_container(lib, jnp, filters):
    m = lib.nn.Module()
    m.w = lib.ParamState(jnp.array(3.0))
    got = lib.transform.grad(lambda: m.w.value ** 2, grad_states=m.states(*filters))()
    keys = list(got.keys())
    assert keys == [('w',)] and got[('w',)] == 6.0, {"expected": {('w',): 6.0}, "got": got}


@snippet("GST-10", cases=FILTERED)
def flat_form_of_a_tree_is_a_container(lib, jnp, filters):
    m, n = lib.nn.Module(), lib.nn.Module()
    m.n, n.w = n, lib.ParamState(jnp.array(3.0))
    flat = lib.graph.treefy_states(m, *filters).to_flat()
    got = lib.transform.grad(lambda: n.w.value ** 2, grad_states=flat)()
    keys = list(got.keys())
    assert keys == [('n', 'w')] and got[keys[0]] == 6.0, {"expected": "('n', 'w'): 6.0", "got": got}


@drawn("GST-11", {"r": number(), "w": number(), "c": number()}, FINDERS)
def each_usage_gives_states_to_differentiate(lib, jnp, options, r, w, c):
    """The gradients of what is found, in the order of first access."""
    read, written = lib.State(jnp.array(r)), lib.ParamState(jnp.array(w))
    def f():
        written.value = c * written.value
        return read.value ** 2 * written.value
    found = lib.transform.StateFinder(f, **options)()
    grads = lib.transform.grad(f, grad_states=found)()
    want = {"all": [c * r ** 2, 2 * c * r * w], "read": [2 * c * r * w], "write": [c * r ** 2]}[
        options["usage"]]
    got = [float(g) for g in (grads.values() if isinstance(grads, dict) else grads)]
    assert type(grads) is type(found) and got == want, {"expected": want, "got": grads}


def result_and_effects_are_as_with_states(subject: Subject, case: Case) -> None:
    """The row, the empty side itself, the other side, and the writes of the function."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_sides(seen)
    judge_effects(seen)


WITHOUT_STATES: Final = calm(containers=tuple(NOTHING), writes=True, steps=(1, 4))
_points = (EVERY.calls(WITHOUT_STATES, rows("states"), "states {member}")
           | EVERY.calls(WITHOUT_STATES, rows("both"), "both {member}"))
generated("GST-12", Calls.strategy, _points)(result_and_effects_are_as_with_states)

HOLLOW: Final = {
    text: {"container": text} for text in ("[]", "()", "{}", "[None]", "{'b': [], 'a': {1: ()}}")
}


@snippet("GST-12", cases=EVERY.bound(HOLLOW))
def container_without_state_is_mirrored(lib, jnp, T, container):
    got, loss = T(lambda: jnp.array(3.0), grad_states=container, return_value=True)()
    assert type(got) is type(container) and got == container, {"expected": container, "got": got}
    assert loss == 3.0, {"expected": "the loss 3.0", "got": loss}
    got = T(lambda x: x ** 2, grad_states=container)(2.0)
    assert type(got) is type(container) and got == container, {"expected": container, "got": got}


SELECTIONS: Final = {
    "states()": {"select": "lambda m, kind: m.states(kind)"},
    "treefy_states": {"select": "lambda m, kind: lib.graph.treefy_states(m, kind)"},
}


@snippet("GST-12", cases=EVERY.bound(SELECTIONS))
def filter_that_matches_nothing(lib, jnp, T, select):
    class Frozen(lib.State):
        pass
    m = lib.nn.Module()
    m.w = lib.ParamState(jnp.array(2.0))
    grads, loss = T(lambda x: m.w.value * x, grad_states=select(m, Frozen),
                            return_value=True)(3.0)
    assert hasattr(grads, 'keys') and not list(grads), {
        "expected": "an empty mapping", "got": grads}
    assert loss == 6.0, {"expected": "the loss 6.0", "got": loss}


PLACES: Final = ("list", "tuple", "namedtuple", "dict", "nested", "none", "module")


LONG_BODIES: Final = replace(calm(containers=PLACES, fewest=2, most=6, writes=True, models=True,
                           steps=(3, 8)),
                      functions=("jnp.sin({0}) / 4.0",))
"""Long programs of functions that flatten what they get: slopes that multiply blur every oracle."""


MANY: Final = replace(LONG_BODIES, containers=("list", "module", "module"), shapes=SHAPES[:1],
                      fewest=8, most=8, steps=(0, 3))
"""More states than any other wish selects."""


@generated("GST-14", Calls.strategy, {
    **EXACT.calls(LONG_BODIES, plain("states")),
    **representatives("reverse", "forward").calls(MANY, plain("states"), "many {member}"),
    **representatives("reverse", "forward").calls(
        replace(MANY, fewest=7, most=7), plain("states"), "seven {member}")})
def gradients_stand_in_their_places(subject: Subject, case: Case) -> None:
    """Values, place by place, with up to eight states of which some are written."""
    judge_values(observe(case, subject))


@snippet("GST-14", cases=EXACT.bound())
def order_is_that_of_the_container(lib, jnp, T):
    states = [lib.State(jnp.array(0.5)) for _ in range(6)]
    chosen = [states[i] for i in (3, 0, 5, 1, 4, 2)]
    def f(): return sum(i * s.value ** 2 for i, s in enumerate(states[::-1]))
    grads = T(f, grad_states=chosen)()
    got = [float(g[i] / 2 if isinstance(g, list) else g) for i, g in enumerate(grads)]
    assert got == [2, 5, 0, 4, 1, 3], {"expected": [2, 5, 0, 4, 1, 3], "got": got}


@snippet("GST-14", cases=EXACT.bound())
def each_of_five_states_has_its_own(lib, jnp, T):
    """Mistakes of position and order often need three states to show."""
    s = [lib.State(jnp.array(float(i))) for i in range(1, 6)]
    def f():
        v = [*(state.value for state in s), 1.0]
        return sum(v[i] ** 2 * v[i + 1] ** 3 for i in range(5))
    v = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 1.0]
    want = [2 * v[i] * v[i + 1] ** 3 + 3 * v[i - 1] ** 2 * v[i] ** 2 * (i > 1) for i in range(1, 6)]
    got = T(f, grad_states=s)()
    if isinstance(got[0], list):  # a Hessian: the entry beside the diagonal of each row
        got = [got[i][(i + 1) % 5] for i in range(5)]
        want = [6 * v[i] * v[i + 1] ** 2 for i in range(1, 5)] + [0.0]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}


@drawn("GST-15", {"v": number(), "coefficients": numbers(3), "order": order(3)}, EXACT.bound())
def equal_states_have_gradients_of_their_own(lib, jnp, T, v, coefficients, order):
    """Three states of one value, name and tag."""
    states = [lib.State(jnp.array(v), name='w', tag='t') for _ in range(3)]
    def f(): return sum(c * s.value ** 2 for c, s in zip(coefficients, states, strict=True))
    grads = T(f, grad_states=[states[i] for i in order])()
    second = isinstance(grads[0], list)
    got = [float(g[i] if second else g) for i, g in enumerate(grads)]
    want = [2.0 * coefficients[i] * (1.0 if second else v) for i in order]
    assert got == want, {"expected": want, "got": got}


def that_share(calls: SearchStrategy[Case]) -> SearchStrategy[Case]:
    """The cases in which two of the selected states hold one object."""
    def share(case: Case) -> bool:
        chosen = case.selection.states if case.selection else []
        return any(var.id in chosen and var.shares in chosen for var in case.program.states)

    return calls.filter(share)


SHARING: Final = calm(containers=("list", "dict", "tuple"), fewest=2, shared=True)


@generated("GST-15", Calls.strategy, EXACT.calls(SHARING, plain("states"), change=that_share))
def states_of_one_object_have_gradients_of_their_own(subject: Subject, case: Case) -> None:
    """Values, of states of which some were made of what another one holds."""
    judge_values(observe(case, subject))


FLOATS: Final = calm(kinds=("number",), containers=("one", "list", "tuple", "dict", "nested"))


@generated("GST-16", Calls.strategy, EVERY.calls(FLOATS, plain("states")))
def float_in_a_state_has_a_scalar_gradient(subject: Subject, case: Case) -> None:
    """The shape and the dtype of every leaf, and its value where that is known."""
    seen = observe(case, subject)
    judge_sides(seen, strict=False)
    if case.transform.exact:
        judge_values(seen)


def nested_floats() -> st.SearchStrategy[str]:
    """A container of Python floats, in containers."""
    return st.lists(number(), min_size=1, max_size=3).flatmap(lambda texts: one_of((
        f"[{', '.join(texts)}]", f"({texts[0]}, {{'b': [{', '.join(texts)}]}})",
        f"{{'b': {texts[0]}, 'a': ({', '.join(texts)},)}}")))


@drawn("GST-16", {"value": nested_floats()},
       EVERY.where(order=1).bound(exact=lambda member: str(member.exact)))
def floats_in_a_value_have_scalar_gradients(lib, jnp, jax, T, exact, value):
    s = lib.State(value)
    got = T(lambda: sum(v ** 2 for v in jax.tree.leaves(s.value)), grad_states=s)()
    for leaf, v in zip(jax.tree.leaves(got), jax.tree.leaves(value), strict=True):
        kind = getattr(leaf, 'shape', None), str(getattr(leaf, 'dtype', type(leaf).__name__))
        assert kind == ((), 'float64'), {"expected": "a scalar array of float64", "got": kind}
        assert not exact or leaf == 2.0 * v, {"expected": 2.0 * v, "got": leaf}


@drawn("GST-17", {"v": number(), "shape": one_of(("(0, 3)", "(0,)", "(2, 0)", "(2, 0, 1)"))},
       EVERY.bound(want=by_order("lambda v: 2.0 * v", "lambda v: 2.0")))
def zero_size_is_mirrored(lib, jnp, np, T, want, v, shape):
    """The shape, and the value of the derivative that stands beside it."""
    s, t = lib.State(jnp.zeros(shape)), lib.State(jnp.array(v))
    got = T(lambda: jnp.sum(s.value) + t.value ** 2, grad_states=[s, t])()
    got = [g[-1] for g in got] if isinstance(got[0], list) else got
    shapes = [np.shape(leaf) for leaf in got]
    assert shapes == [shape, ()], {"expected": f"shapes {shape} and ()", "got": shapes}
    assert want is None or jnp.allclose(got[1], want(v)), {
        "expected": f"{want and want(v)} beside it", "got": got[1]}


DTYPED: Final = EXACT.where(mode="reverse")
"""The members that give every leaf the dtype of the input, rather than one of both sides'."""
SEVERAL_DTYPES: Final = written(st.lists(
    st.sampled_from(("float32", "float64", "float16", "bfloat16")), min_size=4, max_size=4).filter(
        lambda dtypes: len(set(dtypes)) > 1))


@drawn("GST-18", {"dtypes": SEVERAL_DTYPES}, DTYPED.bound())
def every_leaf_has_its_own_dtype(lib, jnp, T, dtypes):
    """Two leaves of one state, another state, and an argument."""
    w, v, b, x = (jnp.ones(3, getattr(jnp, dtype)) for dtype in dtypes)
    one, other = lib.State({'w': w, 'v': v}), lib.State(b)
    def f(x): return jnp.sum(one.value['w'] * one.value['v'] * other.value * x)
    grads = T(f, grad_states=[one, other])(x)
    got = [str(g.dtype) for g in (grads[0]['w'], grads[0]['v'], grads[1])]
    assert got == dtypes[:3], {"expected": dtypes[:3], "got": got}
    grads, arg = T(f, grad_states=[other, one], argnums=0)(x)
    got = [str(g.dtype) for g in (grads[1]['w'], grads[1]['v'], grads[0], arg)]
    assert got == dtypes, {"expected": dtypes, "got": got}


@generated("GST-19", Calls.strategy,
           EVERY.calls(calm(bystanders=True, writes=True, models=True, steps=(1, 3)),
                       plain("states")))
def other_states_may_hold_integers(subject: Subject, case: Case) -> None:
    """Sides and effects, with integers and booleans in a state that is not selected."""
    seen = observe(case, subject)
    judge_sides(seen)
    judge_effects(seen)


@snippet("GST-19", cases=EVERY.bound())
def counter_counts_one_call(lib, jnp, T):
    w, count = lib.State(jnp.array(2.0)), lib.State(jnp.array(0))
    def f():
        count.value = count.value + 1
        return w.value ** 2
    got = T(f, grad_states=w)()
    assert got != 0, {"expected": "the gradient of w ** 2", "got": got}
    assert count.value == 1, {"expected": "one count", "got": count.value}
    assert count.value.dtype == jnp.array(0).dtype, {
        "expected": jnp.array(0).dtype, "got": count.value.dtype}


@snippet("GST-19", cases=EVERY.bound())
def state_that_holds_nothing(lib, jnp, T):
    w, idle = lib.State(jnp.array(2.0)), lib.State(None)
    def f():
        return w.value ** 2 if idle.value is None else 0.0 * w.value
    got = T(f, grad_states=w)()
    assert got != 0, {"expected": "the gradient of w ** 2", "got": got}
    assert idle.value is None, {"expected": None, "got": idle.value}


OTHER_DICTS: Final = {
    "OrderedDict": {"container": "__import__('collections').OrderedDict()"},
    "defaultdict": {"container": "__import__('collections').defaultdict(int)"},
}


@drawn("GST-20", {"keys": written(st.permutations("abz"))}, EVERY.bound(OTHER_DICTS))
def other_dicts_are_mirrored(lib, jnp, T, container, keys):
    states = {key: lib.State(jnp.array(float(i))) for i, key in enumerate(keys, 2)}
    chosen = container.copy()
    chosen.update(states)
    grads = T(lambda: sum(s.value ** 2 for s in states.values()), grad_states=chosen)()
    assert type(grads) is type(chosen), {"expected": f"a {type(chosen)}", "got": f"a {type(grads)}"}
    assert set(grads) == set(keys), {"expected": f"the keys {keys}", "got": list(grads)}


@drawn("GST-21", {"dtypes": written(st.permutations(("float32", "float64"))),
                  "v": array((3,))})
def block_has_one_of_both_dtypes(lib, jnp, dtypes, v):
    s = lib.State(v.astype(dtypes[0]))
    block = lib.transform.jacfwd(lambda: (s.value ** 2).astype(dtypes[1]), grad_states=s)()
    names = dict(zip(dtypes, ('the dtype of the input', 'the dtype of the output'), strict=True))
    return names.get(str(block.dtype), str(block.dtype))


@drawn("GST-22", {"dtypes": written(st.lists(st.sampled_from(("float32", "float64")), min_size=2,
                                             max_size=4).filter(lambda d: len(set(d)) == 2))})
def sample_has_its_own_dtypes_or_the_widest(lib, jnp, dtypes):
    states = [lib.State(jnp.array(2.0, dtype)) for dtype in dtypes]
    got = lib.transform.fwd_grad(lambda: sum(s.value ** 2 for s in states), grad_states=states)()
    found = [str(leaf.dtype) for leaf in got]
    names = {tuple(dtypes): 'its own', ('float64',) * len(dtypes): 'the widest'}
    return names.get(tuple(found), f"the dtypes {found}")
