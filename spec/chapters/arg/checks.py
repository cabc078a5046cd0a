"""Arguments: what ``argnums`` selects, and how all others reach the function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, Final

from hypothesis import strategies as st

from ...judge import compare
from ...judge.aspects import judge_effects, judge_part, judge_row, judge_sides
from ...judge.check import drawn, generated, snippet
from ...judge.derivative import judge_values
from ...judge.difference import Difference, Violation, describe
from ...judge.observation import Observation, observe, run
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import (
    EVERY,
    EXACT,
    Calls,
    Change,
    Members,
    as_drawn,
    by_order,
    plain,
    rows,
)
from ...language.call_forms import KEYWORDS
from ...language.cases import Case
from ...language.sources import number, numbers, written
from ...language.variants import (
    CALLABLES,
    LABELS,
    OBJECTS,
    SIGNATURES,
    Constant,
    as_held,
    as_method,
    beside,
    bool_for_index,
    called,
    calls_in_turn,
    indices_spelt,
    keyword,
    no_indices,
    signed,
    steering,
    where,
)
from ...language.wishes import calm

BESIDE: Final = EXACT.where(order=1)
"""The members whose two sides are judged together; a Hessian's have rules of their own."""


def both_rows(*forms: str, change: Change = as_drawn, **wishes: Any) -> dict[str, Calls]:
    """A point for every form of argnums and member: alone, and beside states."""
    points: dict[str, Calls] = {}
    for form in forms:
        wish = calm(argnums=(form,), **wishes)
        points |= EVERY.calls(wish, plain("arguments"), f"{form} {{member}}", change)
        points |= BESIDE.calls(wish, plain("both"), f"{form} beside states {{member}}", change)
    return points


def gradients_of_the_chosen_arguments(subject: Subject, case: Case) -> None:
    """Bare or a tuple, in the order given, each with its values."""
    seen = observe(case, subject)
    judge_sides(seen)
    if case.transform.layout != "sample":
        judge_values(seen)


def value_and_gradients(subject: Subject, case: Case) -> None:
    """What a call of a case gives, in full."""
    all_of_a_call(subject, case)


def all_of_a_call(subject: Subject, case: Case) -> Observation:
    """The loss, where it is asked for, both sides, values of derivatives, and effects."""
    seen = observe(case, subject)
    if case.row.return_value:
        judge_part(seen, "loss")
    judge_sides(seen)
    judge_effects(seen)
    if case.transform.layout != "sample":
        judge_values(seen)
    return seen


for _rule, _forms in {
    "ARG-01": ("int",), "ARG-03": ("list", "tuple"),
    "ARG-05": ("negative", "negatives"),
}.items():
    generated(_rule, Calls.strategy, both_rows(*_forms, keywords=True))(
        gradients_of_the_chosen_arguments)


def unless_refused(subject: Subject, case: Case, taken: str) -> str:
    """The call is refused, or its result is the case's."""
    try:
        seen = observe(case, subject)
    except Violation:
        return "refused"
    judge_row(seen)
    judge_sides(seen)
    if case.transform.layout != "sample":
        judge_values(seen)
    return taken


@generated("ARG-04", Calls.strategy, both_rows("int", change=no_indices))
def empty_sequence_gives_an_empty_tuple_or_is_refused(subject: Subject, case: Case) -> str:
    """Alone, and beside states."""
    return unless_refused(subject, case, "an empty tuple")


@generated("ARG-19", Calls.strategy, both_rows("int", change=bool_for_index))
def bool_counts_or_is_refused(subject: Subject, case: Case) -> str:
    """In the place of 0 or 1."""
    return unless_refused(subject, case, "counts")


@snippet("ARG-01", cases=EVERY.bound())
def none_is_argument_zero(lib, jnp, np, T):
    def f(x, y): return jnp.sum(x ** 2) * y
    grads = T(f)(jnp.ones(3), 2.0)
    assert np.shape(grads)[0] == 3, {
        "expected": "the gradient of x", "got": f"shape {np.shape(grads)}"}


generated("ARG-02", Calls.strategy, both_rows(
    "int", "tuple", change=where(lambda case: case.argnums is not None, indices_spelt)))(
        gradients_of_the_chosen_arguments)


@snippet("ARG-03", cases=BESIDE.bound())
def descending_order_is_kept(lib, jnp, T):
    s = lib.State(jnp.array(1.0))
    def f(x, y, z): return s.value * (x + 10.0 * y + 100.0 * z)
    got = T(f, grad_states=s, argnums=[2, 0, 1])(1.0, 1.0, 1.0)[1]
    assert type(got) is tuple and got == (100.0, 1.0, 10.0), {"expected": (100, 1, 10), "got": got}
    got = T(f, argnums=[2])(1.0, 1.0, 1.0)
    assert type(got) is tuple and got == (100.0,), {"expected": "a tuple of one", "got": got}


def _calls(index: int) -> dict[str, dict[str, str]]:
    calls = {
        "by keyword": ("lambda x, y: x * y ** 2", "(2.0, y=3.0)", "9.0"),
        "by default": ("lambda x, y=3.0: x * y ** 2", "(2.0,)", "9.0"),
        "bound": ("type('T', (), {'f': lambda self, x: x ** 2})().f", "(3.0,)", "6.0"),
        "partial": ("__import__('functools').partial(lambda k, x: k * x, 4.0)", "(3.0,)", "4.0"),
    }
    return {
        name: {"f": f, "call": f"lambda g: g{args}", "argnums": str(index), "want": want}
        for name, (f, args, want) in calls.items()
    }


def only_positional_arguments_count(lib, jnp, f, call, argnums, want):
    got = call(lib.transform.grad(f, argnums=argnums))
    assert got == want, {"expected": want, "got": got}


snippet("ARG-05", cases=_calls(-1))(only_positional_arguments_count)


def kinds_called(members: Members, kinds: Sequence[str], **wishes: Any) -> dict[str, Calls]:
    """A point for every kind of callable, with calls of any of the members."""
    wish = calm(members=members, keywords=True, **wishes)
    return {kind: Calls(wish, called(kind)) for kind in kinds}


generated("ARG-06", Calls.strategy, BESIDE.calls(
    calm(keywords=True), plain("both"), "beside states {member}")
    | kinds_called(BESIDE, ("bound method", "partial"), rows=plain("arguments", "both")))(
        gradients_of_the_chosen_arguments)


_points: dict[str, Calls] = {}
for _kind in ("dict", "tuple", "list", "deep"):
    _points |= EVERY.calls(calm(kinds=(_kind,)), plain("arguments"), f"{_kind} {{member}}")
# Entries of one shape, which by their values alone are told apart.
_wish = replace(calm(kinds=("wide",)), shapes=((3,),))
_points |= EVERY.calls(_wish, plain("arguments"), "wide {member}")
generated("ARG-07", Calls.strategy, _points)(gradients_of_the_chosen_arguments)


@snippet("ARG-07", cases=EXACT.where(mode="reverse").bound())
def leaves_of_an_argument_keep_their_dtypes(lib, jnp, T):
    x = {'h': jnp.ones(3, jnp.float32), 'd': jnp.ones(3), 'e': jnp.zeros(0), 'n': None, 't': ()}
    got = T(lambda x: jnp.sum(x['h'] * x['d']) + jnp.sum(x['e']))(x)
    dtypes = [str(got[key].dtype) for key in ('h', 'd', 'e')]
    expected = ['float32', 'float64', 'float64']
    assert dtypes == expected, {"expected": expected, "got": dtypes}
    assert got['e'].shape == (0,), {"expected": "the shape (0,)", "got": got['e'].shape}
    assert got['n'] is None and got['t'] == (), {"expected": "None and ()", "got": got}


@generated("ARG-08", Calls.strategy, both_rows("int", kinds=("number",)))
def numbers_have_arrays_for_gradients(subject: Subject, case: Case) -> None:
    """Of shape () and dtype float64, with the values of the derivative."""
    seen = observe(case, subject)
    judge_sides(seen)
    for *_, place in compare.paired(seen.expected.side("arg"), seen.parts["arg"],
                                    seen.place("arg")):
        if not hasattr(got := eval(place, seen.names), "dtype"):
            claim = f"hasattr({place}, 'dtype')"
            raise Violation(Difference(place, claim, "an array", describe(got)))
    if case.transform.layout != "sample":
        judge_values(seen)


@generated("ARG-09", Calls.strategy, {
    word: Calls(calm(keywords=True, rows=rows("arguments", "states", return_value=True,
                                              has_aux=False)), keyword(word))
    for word in KEYWORDS
})
def keyword_of_any_name(subject: Subject, case: Case) -> None:
    """Loss and derivative depend on the value that the call gives by this name."""
    value_and_gradients(subject, case)


@generated("ARG-10", Calls.strategy, BESIDE.calls(calm(keywords=True), plain("arguments", "both")))
def defaults_hold_and_give_way(subject: Subject, case: Case) -> None:
    """Values of derivatives at the values that the call gives or leaves."""
    judge_values(observe(case, subject))


VALUED: Final = rows("arguments", "states", return_value=True, has_aux=False)


def of_any_member(change: Change, **wishes: Any) -> Calls:
    """Calls of any member that return the value too, of arguments and of states."""
    return Calls(calm(rows=VALUED, **wishes), change)


generated("ARG-11", Calls.strategy, {
    form: of_any_member(signed(form), keywords=form != "positional-only") for form in SIGNATURES
})(value_and_gradients)


def besides(kinds: Mapping[str, Sequence[Constant]]) -> dict[str, Calls]:
    """A point for every kind of argument that is not differentiated."""
    return {
        kind: of_any_member(beside(st.sampled_from(constants), "position", "keyword"),
                            argnums=("int", "tuple"))
        for kind, constants in kinds.items()
    }


@generated("ARG-12", Calls.strategy, besides(OBJECTS), wide=4)
def other_arguments_arrive_as_they_are(subject: Subject, case: Case) -> None:
    """The very object, by which the value and the derivative are decided."""
    seen = all_of_a_call(subject, case)
    if not all(one is seen.names["given"] for one in seen.names["seen"]):
        claim = "all(one is given for one in seen)"
        raise Violation(Difference("seen", claim, "the object itself", f"{seen.names['seen']}"))


generated("ARG-13", Calls.strategy, besides(LABELS))(value_and_gradients)
generated("ARG-18", Calls.strategy, {
    f"{way} {member}": of_any_member(beside(steering(), way), argnums=("int", "tuple"),
                                     members=(member,))
    for way in ("position", "state") for member in EVERY
})(value_and_gradients)
generated("ARG-14", Calls.strategy, kinds_called(EVERY, tuple(CALLABLES), rows=VALUED))(
    value_and_gradients)


WAYS_TO_CALL: Final = {
    "function": "lambda m: lambda x: m.loss(x)",
    "bound method": "lambda m: m.loss",
    "module": "lambda m: m",
    "partial": "lambda m: __import__('functools').partial(m.scaled, 1.0)",
    "compiled method": "lambda m: lib.transform.jit(m.loss)",
}
"""Ways to call a module."""


@snippet("ARG-14", {way: {"pick": text} for way, text in WAYS_TO_CALL.items()})
def callable_is_differentiated(lib, jnp, pick):
    class Model(lib.nn.Module):
        def __call__(self, x): return self.scaled(1.0, x)
        def loss(self, x): return self(x)
        def scaled(self, c, x): return c * self.w.value ** 2 * x
    m = Model()
    m.w = lib.ParamState(jnp.array(3.0))
    got = lib.transform.grad(pick(m), grad_states=[m.w])(jnp.array(2.0))
    assert jnp.allclose(got[0], 12.0), {"expected": 12.0, "got": got[0]}


@generated("ARG-15", Calls.strategy, EVERY.calls(
    calm(kinds=("dict", "list", "deep", "tuple")), plain("arguments"), change=as_held))
def arguments_stay_as_they_are(subject: Subject, case: Case) -> None:
    """Their containers, and the very objects in these."""
    names = run(case, subject, case.member)
    number = count()
    for index, arg in enumerate(case.args):
        if found := compare.same(arg, names[f"a{index}"], f"a{index}"):
            raise Violation(found, f"after the call, {found}")
        for path, _ in trees.leaves(arg):
            place = f"a{index}" + "".join(f"[{key!r}]" for key in path)
            claim = f"{place} is leaves[{next(number)}]"
            if not eval(claim, names):
                raise Violation(Difference(place, claim, "the very object", "another"))


generated("ARG-16", calls_in_turn, {member: member for member in EVERY})(value_and_gradients)


@drawn("ARG-17", {"scales": numbers(3), "x": number(),
                  "turns": written(st.lists(st.integers(0, 2), min_size=2, max_size=4))},
       EXACT.bound(order=by_order("1", "2"), id="instances {member}"))
def every_instance_has_its_own_method(lib, jnp, T, order, scales, turns, x):
    """Three instances of a class, called in turn; each call is noted in a state of the instance."""
    class Own:
        def __init__(self, k): self.k, self.n = k, lib.State(jnp.array(0))
        def f(self, x): return setattr(self.n, "value", self.n.value + 1) or jnp.sin(self.k * x)
        g = T(f, argnums=1)
    made = [Own(k) for k in scales]
    got = [float(made[i].g(jnp.array(x))) for i in turns]
    want = [k * jnp.cos(k * x) if order == 1 else -k * k * jnp.sin(k * x)
            for k in (scales[i] for i in turns)]
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
    got, want = [int(own.n.value) for own in made], [turns.count(i) for i in range(3)]
    assert got == want, {"at": "the states", "expected": want, "got": got}


_wish = calm(argnums=("int", "list", "tuple"))
_points = EVERY.calls(_wish, plain("arguments", "states"), change=as_method)
_points |= BESIDE.calls(_wish, plain("both"), "beside states {member}", as_method)
generated("ARG-17", Calls.strategy, _points)(gradients_of_the_chosen_arguments)
