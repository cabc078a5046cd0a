"""Aux and value: what passes through a transform beside the derivative.
"""

from __future__ import annotations

from typing import Final

from ...judge.aspects import judge_effects, judge_part
from ...judge.check import generated, snippet
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import EVERY, EXACT, Calls, Members, rows
from ...language.cases import Case
from ...language.wishes import calm

WITH_AUX: Final = rows("arguments", "states", has_aux=True)
WITH_VALUE: Final = rows("arguments", "states", return_value=True)
"""The rows of either flag that differentiate one side."""


@generated("AUX-01", Calls.strategy,
           EVERY.calls(calm(auxes=("array", "dict", "none"), writes=True), WITH_AUX))
def aux_is_that_of_one_call(subject: Subject, case: Case) -> None:
    """Arrays in containers, computed between writes."""
    seen = observe(case, subject)
    judge_part(seen, "aux")
    judge_effects(seen)


@snippet("AUX-01", cases=EVERY.bound())
def aux_before_and_after_a_write(lib, jnp, T):
    s, t = lib.State(jnp.array(2.0)), lib.State(jnp.array(5.0))
    def f(x):
        before = s.value
        s.value = s.value * x + t.value
        return s.value ** 2, (before, s.value, t.value)
    _, aux = T(f, grad_states=[s, t], has_aux=True)(jnp.array(3.0))
    got = [float(value) for value in aux]
    assert got == [2.0, 11.0, 5.0], {"expected": "2, 11 and 5", "got": got}


@snippet("AUX-02", cases=EVERY.bound())
def arrays_keep_shape_and_dtype(lib, jnp, np, T):
    s = lib.State(jnp.array([1.0, 2.0, 4.0]))
    def f(x):
        y = s.value * x
        return jnp.sum(y), (y, y > 3, jnp.argmax(y), jnp.zeros((0, 2)), y.astype(jnp.float32))
    plain = [(np.shape(a), str(a.dtype)) for a in f(2.0)[1]]
    for states in (None, s):
        _, aux = T(f, grad_states=states, has_aux=True)(jnp.array(2.0))
        got = [(np.shape(a), str(a.dtype)) for a in aux]
        assert got == plain, {"expected": plain, "got": got}


PYTHON_VALUES: Final = ("3", "2.5", "True", "1j", "None")
PYTHON_CONTAINERS: Final = (
    "[]", "{}", "()", "(1, 2)", "(1, 2, 3)", "[None, {'b': [()]}]",
    "__import__('statistics').LinearRegression(1, 2)",
)
UNSORTED: Final = "{1: 0, 'a': 0, None: 0}"
OPAQUE: Final = (
    "'text'", "''", "...", "object()", "dict", "lambda: 0", "{1, 2}", "np.random.default_rng(0)",
    "lib.State(1.0)", "[object(), 'text', 3]",
)


def either_side(lib, jnp, np, T, aux):
    s = lib.State(jnp.array(2.0))
    for states in (None, s):
        call = T(lambda x: (s.value * x ** 2, aux), grad_states=states, has_aux=True)
        got = call(jnp.array(3.0))[1]
        assert type(got) is type(aux), {"expected": repr(aux), "got": repr(got)}
        assert got == aux, {"expected": repr(aux), "got": repr(got)}


LETTING: Final = Members(("grad", "jacrev", "jacobian"))
"""The members whose namesake in JAX lets anything through aux; the others run it on a batch."""

for _rule, _texts, _members in (
    ("AUX-03", PYTHON_VALUES, EVERY), ("AUX-04", PYTHON_CONTAINERS, EVERY),
    ("AUX-05", OPAQUE, LETTING), ("AUX-13", (UNSORTED, *OPAQUE), EVERY),
):
    snippet(_rule, cases=_members.bound({text: {"aux": text} for text in _texts}))(either_side)


@generated("AUX-03", Calls.strategy,
           EVERY.calls(calm(auxes=("number", "mixed"), writes=True), WITH_AUX))
@generated("AUX-05", Calls.strategy,
           LETTING.calls(calm(auxes=("text",), writes=True), WITH_AUX))
def python_values_stand_beside_arrays(subject: Subject, case: Case) -> None:
    """The forms of aux that hold Python values."""
    seen = observe(case, subject)
    judge_part(seen, "aux")


@snippet("AUX-03", cases=EVERY.bound())
def numbers_inside_keep_their_types(lib, jnp, T):
    s = lib.State(jnp.array(2.0))
    def f(): return s.value ** 2, {'n': [3, 2.5], 'flag': True, 'y': s.value}
    _, aux = T(f, grad_states=s, has_aux=True)()
    got = [type(aux['n'][0]), type(aux['n'][1]), type(aux['flag'])]
    assert got == [int, float, bool], {"expected": "int, float, bool", "got": got}
    assert aux['y'] == 2.0, {"expected": 2.0, "got": aux['y']}


@snippet("AUX-06", cases=EVERY.bound())
def keys_of_aux_stay_or_are_sorted(lib, jnp, T):
    def f(x): return x ** 2, {'mse': x, 'l2': 1, 'mae': x}
    _, aux = T(f, has_aux=True)(jnp.array(1.0))
    orders = {'mse l2 mae': 'order kept', 'l2 mae mse': 'keys sorted'}
    return orders.get(' '.join(aux), f"the order {list(aux)}")


ANY_OUTPUT: Final = EVERY.where(outputs="any")


@generated(
    "AUX-07", Calls.strategy,
    ANY_OUTPUT.calls(calm(outputs=("tree",)), WITH_VALUE[:2], "tree {member}")
    | ANY_OUTPUT.calls(calm(outputs=("array",)), WITH_VALUE, "array {member}")
    | EVERY.calls(calm(outputs=("scalar",)), WITH_VALUE, "scalar {member}"))
def loss_is_the_full_output(subject: Subject, case: Case) -> None:
    """The output of one plain call."""
    seen = observe(case, subject)
    judge_part(seen, "loss")


LOSSES: Final = {
    "float64": "lambda y: y",
    "float32": "lambda y: y.astype('float32')",
}


@snippet("AUX-07", cases=EVERY.bound({name: {"out": text} for name, text in LOSSES.items()}))
def loss_has_the_dtype_of_the_output(lib, jnp, np, T, out):
    s = lib.State(jnp.array(2.0))
    def f(x): return out(s.value * x)
    want = jnp.asarray(f(jnp.array(3.0)))
    for states in (None, s):
        _, loss = T(f, grad_states=states, return_value=True)(jnp.array(3.0))
        got = getattr(loss, 'shape', None), getattr(loss, 'dtype', type(loss)), float(loss)
        expected = (), want.dtype, float(want)
        assert got == expected, {"expected": expected, "got": got}


@snippet("AUX-08", cases=EVERY.bound())
def float_comes_back_as_a_float_or_an_array(lib, jnp, T):
    _, loss = T(lambda x: 2.5, return_value=True)(jnp.array(3.0))
    seen = 'a Python float' if isinstance(loss, float) else 'an array'
    kind = getattr(loss, 'shape', ()), str(getattr(loss, 'dtype', 'float64')), float(loss)
    assert kind == ((), 'float64', 2.5), {"expected": "2.5 of float64 and shape ()", "got": kind}
    return seen


@generated("AUX-10", Calls.strategy,
           EXACT.calls(calm(), rows("arguments", "states", has_aux=True, return_value=False)))
def aux_is_not_differentiated(subject: Subject, case: Case) -> None:
    """Values of derivatives, with an aux that depends on the same inputs."""
    judge_values(observe(case, subject))


@snippet("AUX-11", cases=EVERY.bound({"tuple": {"pair": "tuple"}, "list": {"pair": "list"}}))
def pair_is_a_tuple_or_a_list(lib, jnp, T, pair):
    s = lib.State(jnp.array(2.0))
    def f(): return pair((s.value ** 2, s.value + 1.0))
    _, loss, aux = T(f, grad_states=s, has_aux=True, return_value=True)()
    assert (loss, aux) == (4.0, 3.0), {"expected": "4.0 and 3.0", "got": (loss, aux)}


TRUTHS: Final = {
    "None": {"flag": "None", "want": "False"}, "0": {"flag": "0", "want": "False"},
    "1": {"flag": "1", "want": "True"}, "np.True_": {"flag": "np.True_", "want": "True"},
}


@snippet("AUX-12", cases=EVERY.bound(TRUTHS))
def flags_count_by_their_truth(lib, jnp, np, T, flag, want):
    x, kind = jnp.array(3.0), "a pair" if want else "no pair"
    got = T(lambda x: x ** 2, return_value=flag)(x)
    assert (type(got) is tuple) == want, {"at": "return_value", "expected": kind, "got": got}
    got = T(lambda x: (x ** 2, x) if want else x ** 2, has_aux=flag)(x)
    assert (type(got) is tuple) == want, {"at": "has_aux", "expected": kind, "got": got}
