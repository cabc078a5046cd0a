"""Containers of states: what may be given as ``grad_states``, and how ``var_grads`` mirrors it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ...judge.aspects import judge_effects, judge_row, judge_sides
from ...judge.check import generated, snippet
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import EVERY, EXACT, Calls, by_order, plain, rows
from ...language.call_forms import NOTHING
from ...language.cases import Case
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
    "GST-08": {"twice": calm(containers=("twice",))},
    "GST-09": {"module": calm(containers=("module",), fewest=3, most=4)},
    "GST-10": {"treefy": calm(containers=("treefy",), fewest=3, most=4)},
}
"""The rules on containers whose mirror image is all they are about."""

for _rule, _wishes in MIRRORED.items():
    _points: dict[str, Calls] = {}
    for _name, _wish in _wishes.items():
        _points |= EVERY.calls(_wish, plain("states"), f"{_name} {{member}}")
    generated(_rule, Calls.strategy, _points)(var_grads_mirror_the_container)


@snippet("GST-04", cases=EVERY.bound())
def keys_stay_or_are_sorted(lib, jnp, T):
    """Three keys, as two that are reversed are sorted."""
    z, b, m = (lib.State(jnp.array(x)) for x in (2.0, 3.0, 4.0))
    got = T(lambda: z.value * b.value * m.value, grad_states={'z': z, 'b': b, 'm': m})()
    assert type(got) is dict, {"expected": "a dict", "got": got}
    orders = {'z b m': 'order kept', 'b m z': 'keys sorted'}
    return orders.get(' '.join(got), f"the keys {list(got)}")


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


FINDERS: Final = {
    kind: {"options": repr({"return_type": kind, "usage": "all"})}
    for kind in ("dict", "list", "tuple")
}


@snippet("GST-11", cases=EVERY.bound(FINDERS))
def found_states_can_be_differentiated(lib, jnp, T, options):
    a, b = lib.State(jnp.array(2.0)), lib.ParamState(jnp.array([1.0, 3.0]))
    def f(x): return jnp.sum(jnp.sin(a.value) * b.value * x)
    found = lib.transform.StateFinder(f, **options)(1.0)
    grads = T(f, grad_states=found)(1.0)
    assert type(grads) is type(found), {"expected": f"a {type(found)}", "got": f"a {type(grads)}"}
    keys = [list(r) if isinstance(r, dict) else len(r) for r in (found, grads)]
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


FOUND_BY_USAGE: Final = {
    f"{usage}, {kind}": {"options": repr({"return_type": kind, "usage": usage}), "want": want}
    for kind in ("dict", "list", "tuple")
    for usage, want in (("all", "[8.0, 24.0]"), ("read", "[24.0]"), ("write", "[8.0]"))
}


@snippet("GST-11", cases=FOUND_BY_USAGE)
def each_usage_gives_states_to_differentiate(lib, jnp, options, want):
    r, w = lib.State(jnp.array(2.0)), lib.ParamState(jnp.array(3.0))
    def f():
        w.value = 2.0 * w.value
        return r.value ** 2 * w.value
    found = lib.transform.StateFinder(f, **options)()
    grads = lib.transform.grad(f, grad_states=found)()
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


LONG: Final = replace(calm(containers=PLACES, fewest=2, most=6, writes=True, steps=(3, 8)),
                      functions=("jnp.sin({0}) / 4.0",))
"""Long programs of functions that flatten what they get: slopes that multiply blur every oracle."""


@generated("GST-14", Calls.strategy, EXACT.calls(LONG, plain("states")))
def gradients_stand_in_their_places(subject: Subject, case: Case) -> None:
    """Values, place by place, with up to six states of which some are written."""
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


@snippet("GST-15", cases=EXACT.bound())
def equal_states_have_gradients_of_their_own(lib, jnp, T):
    a, b = (lib.State(jnp.array(1.0), name='w', tag='t') for _ in range(2))
    grads = T(lambda: a.value ** 2 + 5.0 * b.value ** 2, grad_states=[a, b])()
    got = [grads[0][0], grads[1][1]] if isinstance(grads[0], list) else grads
    assert [float(g) for g in got] == [2.0, 10.0], {"expected": "2.0 and 10.0", "got": grads}


OF_A_SQUARE: Final = EVERY.bound(want=by_order("3.0", "2.0"))
"""The derivative of v ** 2 at 1.5; None where it is a random sample."""


@snippet("GST-16", cases=OF_A_SQUARE)
def float_in_a_state_has_a_scalar_gradient(lib, jnp, T, want):
    s = lib.State(1.5)
    got = T(lambda: s.value ** 2, grad_states=s)()
    kind = getattr(got, 'shape', None), str(getattr(got, 'dtype', type(got).__name__))
    assert kind == ((), 'float64'), {"expected": "a scalar array of float64", "got": kind}
    assert want is None or jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("GST-16", cases=EVERY.where(order=1).bound())
def floats_in_a_value_have_scalar_gradients(lib, jnp, T):
    s = lib.State({'a': 2.0, 'b': [3.0]})
    got = T(lambda: s.value['a'] ** 2 * s.value['b'][0], grad_states=s)()
    for leaf in (got['a'], got['b'][0]):
        kind = getattr(leaf, 'shape', None), str(getattr(leaf, 'dtype', type(leaf).__name__))
        assert kind == ((), 'float64'), {"expected": "a scalar array of float64", "got": kind}


@snippet("GST-17", cases=OF_A_SQUARE)
def zero_size_is_mirrored(lib, jnp, np, T, want):
    """The shape, and the value of the derivative that stands beside it."""
    s, t = lib.State(jnp.zeros((0, 3))), lib.State(jnp.array(1.5))
    got = T(lambda: jnp.sum(s.value) + t.value ** 2, grad_states=[s, t])()
    got = [g[-1] for g in got] if isinstance(got[0], list) else got
    shapes = [np.shape(leaf) for leaf in got]
    assert shapes == [(0, 3), ()], {"expected": "shapes (0, 3) and ()", "got": shapes}
    assert want is None or jnp.allclose(got[1], want), {
        "expected": f"{want} beside it", "got": got[1]}


DTYPED: Final = EXACT.where(mode="reverse")
"""The members that give every leaf the dtype of the input, rather than one of both sides'."""


@snippet("GST-18", cases=DTYPED.bound())
def every_leaf_of_a_state_has_its_own_dtype(lib, jnp, T):
    a = lib.State({'w': jnp.ones(3, jnp.float32), 'v': jnp.ones(3)})
    b = lib.State(jnp.ones(3, jnp.float32))
    def f(): return jnp.sum(a.value['w'] * a.value['v'] * b.value)
    grads = T(f, grad_states=[a, b])()
    got = [str(g.dtype) for g in (grads[0]['w'], grads[0]['v'], grads[1])]
    expected = ['float32', 'float64', 'float32']
    assert got == expected, {"expected": expected, "got": got}


@snippet("GST-18", cases=DTYPED.bound())
def states_and_arguments_keep_their_own(lib, jnp, T):
    a, b = lib.State(jnp.array(2.0, jnp.float32)), lib.State(jnp.array(3.0, jnp.float64))
    x = jnp.array(1.0, jnp.float32)
    got, arg = T(lambda x: a.value * b.value * x, grad_states=[a, b], argnums=0)(x)
    dtypes = [str(g.dtype) for g in (*got, arg)]
    assert dtypes == ['float32', 'float64', 'float32'], {"expected": "32, 64 and 32", "got": dtypes}


@generated("GST-19", Calls.strategy,
           EVERY.calls(calm(bystanders=True, writes=True, steps=(1, 3)), plain("states")))
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


OTHERS: Final = {
    "OrderedDict": {"container": "__import__('collections').OrderedDict(z=0, a=1)"},
    "defaultdict": {"container": "__import__('collections').defaultdict(int, z=0, a=1)"},
}


@snippet("GST-20", cases=EVERY.bound(OTHERS))
def other_dicts_are_mirrored(lib, jnp, T, container):
    states = [lib.State(jnp.array(2.0)), lib.State(jnp.array(3.0))]
    chosen = container.copy()
    chosen.update(z=states[0], a=states[1])
    grads = T(lambda: states[0].value * states[1].value, grad_states=chosen)()
    assert type(grads) is type(chosen), {"expected": f"a {type(chosen)}", "got": f"a {type(grads)}"}
    assert set(grads) == {'z', 'a'}, {"expected": "the keys z and a", "got": list(grads)}


@snippet("GST-21")
def block_has_one_of_both_dtypes(lib, jnp):
    s = lib.State(jnp.ones(3, jnp.float32))
    block = lib.transform.jacfwd(lambda: s.value * jnp.ones(3), grad_states=s)()
    names = {'float32': 'the dtype of the input', 'float64': 'the dtype of the output'}
    return names.get(str(block.dtype), str(block.dtype))


@snippet("GST-22")
def sample_has_its_own_dtypes_or_the_widest(lib, jnp):
    a, b = lib.State(jnp.array(2.0, jnp.float32)), lib.State(jnp.array(3.0, jnp.float64))
    got = lib.transform.fwd_grad(lambda: a.value * b.value, grad_states=[a, b])()
    names = {'float32 float64': 'its own', 'float64 float64': 'the widest'}
    dtypes = ' '.join(str(leaf.dtype) for leaf in got)
    return names.get(dtypes, f"the dtypes {dtypes}")
