"""Aux and value: what passes through a transform beside the derivative.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from ...judge.aspects import judge_effects, judge_leaf_types, judge_part, judge_row
from ...judge.check import drawn, generated, snippet
from ...judge.derivative import judge_values
from ...judge.difference import Difference, Violation, describe
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import EVERY, EXACT, Calls, Members, rows
from ...language.cases import Case
from ...language.sources import OTHER_NODES, array, complex_number, number
from ...language.variants import (
    ARRAYS_IN_AUX,
    as_pair,
    aux_of,
    flags_spelt,
    keys_unsorted,
    number_for_output,
    objects_in_aux,
)
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


@snippet("AUX-01", cases=EVERY.bound({
    "": {"selected": "lambda s, t: [s, t]"}, "none selected,": {"selected": "lambda s, t: None"}}))
def aux_before_and_after_a_write(lib, jnp, T, selected):
    s, t = lib.State(jnp.array(2.0)), lib.State(jnp.array(5.0))
    def f(x):
        before = s.value
        s.value = s.value * x + t.value
        return s.value ** 2, (before, s.value, t.value)
    _, aux = T(f, grad_states=selected(s, t), has_aux=True)(jnp.array(3.0))
    got = [float(value) for value in aux]
    assert got == [2.0, 11.0, 5.0], {"expected": "2, 11 and 5", "got": got}


@generated("AUX-02", Calls.strategy, EVERY.calls(
    calm(auxes=("array",)), WITH_AUX, change=aux_of(ARRAYS_IN_AUX)))
def arrays_keep_shape_and_dtype(subject: Subject, case: Case) -> None:
    """Of any shape and dtype, as they are in one plain call."""
    seen = observe(case, subject)
    judge_part(seen, "aux")
    judge_leaf_types(seen.expected.aux, seen.parts["aux"], seen.place("aux"))


@generated("AUX-04", Calls.strategy, EVERY.calls(
    calm(auxes=("array",)), WITH_AUX, change=aux_of(("a",), least=2)))
def containers_keep_their_structure(subject: Subject, case: Case) -> None:
    """Of every type, nested and empty, with an array at every leaf; and no pair is spread."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_part(seen, "aux")


WITHIN_NODES: Final = {"p": number(), "q": array((), (2,)), "x": number()}


@drawn("AUX-04", WITHIN_NODES | {"call": st.just("lambda T, f: T(f, has_aux=True)")},
       EVERY.bound(OTHER_NODES, "{point}, {member}"))
@drawn("AUX-07", WITHIN_NODES | {
    "call": st.just("lambda T, f: T(lambda x: f(x)[1], return_value=True)")},
       EVERY.where(outputs="any").bound(OTHER_NODES, "{point}, {member}"))
def nodes_come_out_as_they_are(lib, jnp, jax, T, call, make, p, q, x):
    """A container with two parts, the second of which is a list with a state's value."""
    s = lib.State(q)
    def f(x): return jnp.sin(x), make(p * x, [s.value * x, s.value])
    got, want = call(T, f)(jnp.array(x))[1], f(jnp.array(x))[1]
    kinds = [jax.tree.structure(one) for one in (got, want)]
    assert kinds[0] == kinds[1], {"expected": kinds[1], "got": kinds[0]}
    assert all(map(jnp.allclose, *map(jax.tree.leaves, (got, want)))), {
        "expected": want, "got": got}


PYTHON_VALUES: Final = ("3", "-10000000000", "2.5", "True", "1j", "None")
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
    ("AUX-03", PYTHON_VALUES, EVERY), ("AUX-05", OPAQUE, LETTING),
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


@generated("AUX-13", Calls.strategy, EVERY.calls(
    calm(auxes=("array",)), WITH_AUX, change=objects_in_aux))
def objects_pass_by_identity(subject: Subject, case: Case) -> None:
    """Alone, and in containers beside arrays."""
    seen = observe(case, subject)
    plain = eval(f"f({case.arguments()})", seen.names)[1]
    for path, want in trees.leaves(plain):
        place = seen.place("aux") + "".join(f"[{key!r}]" for key in path)
        got = eval(place, seen.names)
        number = next((i for i, one in enumerate(seen.names["objects"]) if one is want), None)
        if number is not None and got is not want:
            raise Violation(Difference(place, f"{place} is objects[{number}]", "the very object",
                                       describe(got)))


@generated("AUX-06", Calls.strategy, EVERY.calls(
    calm(auxes=("array",)), WITH_AUX, change=keys_unsorted))
def keys_of_aux_stay_or_are_sorted(subject: Subject, case: Case) -> str:
    """Three to five keys, in neither of the two sorted orders."""
    seen = observe(case, subject)
    judge_part(seen, "aux")
    got, want = list(seen.parts["aux"]), list(seen.expected.aux)
    if got not in (want, sorted(want)):
        place = f"list({seen.place('aux')})"
        raise Violation(Difference(place, f"{place} in ({want!r}, {sorted(want)!r})",
                                   f"{want} or {sorted(want)}", f"{got}"))
    return "order kept" if got == want else "keys sorted"


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


@drawn("AUX-07", {"v": complex_number(), "z": complex_number()},
       EVERY.where(holomorphic=True).bound(id="holomorphic {member}"))
def loss_of_a_holomorphic_function_is_complex(lib, jnp, T, v, z):
    """Of a product, whose two parts both count."""
    s, z = lib.State(jnp.array(v)), jnp.array(z)
    def f(z): return s.value ** 2 * z
    for states in (None, s):
        _, loss = T(f, grad_states=states, holomorphic=True, return_value=True)(z)
        assert jnp.shape(loss) == () and jnp.allclose(loss, f(z)), {"expected": f(z), "got": loss}


@generated("AUX-08", Calls.strategy, EVERY.calls(
    calm(outputs=("scalar",)), WITH_VALUE, change=number_for_output))
def float_comes_back_as_a_float_or_an_array(subject: Subject, case: Case) -> str:
    """Any float, with and without aux, of states and of arguments."""
    seen = observe(case, subject)
    judge_part(seen, "loss")
    return "a Python float" if isinstance(seen.parts["loss"], float) else "an array"


@generated("AUX-10", Calls.strategy,
           EXACT.calls(calm(), rows("arguments", "states", has_aux=True, return_value=False)))
def aux_is_not_differentiated(subject: Subject, case: Case) -> None:
    """Values of derivatives, with an aux that depends on the same inputs."""
    judge_values(observe(case, subject))


@generated("AUX-11", Calls.strategy, {
    f"{kind} {member}": calls for kind in ("tuple", "list")
    for member, calls in EVERY.calls(calm(), WITH_AUX, change=as_pair(kind)).items()
})
def pair_is_a_tuple_or_a_list(subject: Subject, case: Case) -> None:
    """The row of the table, with the aux, and the loss where it is asked for."""
    seen = observe(case, subject)
    judge_row(seen)
    judge_part(seen, "aux")


@generated("AUX-12", Calls.strategy, EVERY.calls(
    calm(), rows("arguments", "states"), change=flags_spelt))
def flags_count_by_their_truth(subject: Subject, case: Case) -> None:
    """The row of the table, whatever the flags that say so."""
    judge_row(observe(case, subject))
