"""Products of a Jacobian with vectors: the pullback of ``vjp``, and ``jvp``.

A pullback of a cotangent is the gradient of the output's sum after weighting its entries by the
cotangent, and so is judged like one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...judge import difference
from ...judge.aspects import judge_effects, judge_sides
from ...judge.check import generated, snippet
from ...judge.derivative import decide, judge_values
from ...judge.difference import Violation
from ...judge.observation import Observation, expectation, run
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import plain
from ...language.cases import Case
from ...language.returns import SIDES
from ...language.script import Script
from ...language.strategies import cases
from ...language.values import arrays
from ...language.wishes import Wish


@dataclass(frozen=True)
class Product(Script):
    """A case, and the call of ``vjp`` or ``jvp`` that stands in the place of its own."""

    case: Case
    call: str
    vectors: tuple[Any, ...]

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [*self.case.setup(), self.call]


@st.composite
def pullbacks(draw: Any, sides: str) -> Product:
    """Calls of ``vjp`` and of its pullback at a cotangent."""
    kind, shape = draw(st.sampled_from((("scalar", ()), ("array", (3,)))))
    case = draw(cases(Wish(
        ("vector_grad",), plain(sides), nested=True, writes=True, outputs=(kind,),
        containers=("one", "list", "tuple", "namedtuple", "nested"),
        argnums=("int", "list", "tuple"), operations=True, models=True)))
    cotangent = draw(arrays(shape))
    words = [trees.literal(arg) for arg in case.args]
    if case.selection is not None:
        words.append(f"grad_states={case.selection.source()}")
    bare = case.selection is None and case.argnums is None
    words.append(f"argnums={0 if bare else case.argnums}")
    vjp = f"lib.transform.vjp({', '.join(['f', *words])})"
    call = f"result = {vjp}[1]({trees.literal(cotangent)})"
    return Product(case, call, (cotangent,))


@generated("DER-25", pullbacks, {sides: sides for sides in SIDES})
def a_pullback_multiplies_by_the_transposed_jacobian(subject: Subject, product: Product) -> None:
    """Structure, values and effects."""
    names = run(product, subject)
    case = product.case
    weighted = f"{trees.literal(product.vectors[0])} * ({case.program.out})"
    case = replace(case, program=replace(case.program, out=weighted))
    after = {var.id: names[var.id].value for var in case.program.states}
    seen = Observation(case, subject, names["result"], after, names)
    judge_sides(seen)
    judge_values(seen)
    judge_effects(seen)


@snippet("DER-26")
def a_pullback_can_be_called_again(lib, jnp):
    s, n = lib.State(jnp.array([1.0, 2.0])), lib.State(jnp.array(0.0))
    def f():
        n.value = n.value + 1.0
        return s.value ** 2

    out, pull = lib.transform.vjp(f, grad_states=s)
    s.value = jnp.array([9.0, 9.0])
    for ct in (jnp.array([1.0, 0.0]), jnp.array([0.5, 2.0])):
        want, got = 2.0 * jnp.array([1.0, 2.0]) * ct, pull(ct)
        assert jnp.allclose(got, want), {"at": f"pullback of {ct}", "expected": want, "got": got}
    assert n.value == 1.0 and jnp.allclose(s.value, 9.0), {
        "at": "n.value, s.value", "expected": "1.0 and two times 9.0", "got": (n.value, s.value)}


@snippet("DER-34")
def a_pullback_gives_the_first_or_all(lib, jnp):
    out, pull = lib.transform.vjp(lambda x, y: x ** 2 * y, jnp.array(3.0), jnp.array(5.0))
    got = pull(jnp.array(1.0))
    several = isinstance(got, tuple)
    want = (30.0, 9.0) if several else 30.0
    assert jnp.allclose(jnp.array(got), jnp.array(want)), {"expected": want, "got": got}
    return "all arguments" if several else "the first argument"


@snippet("DER-27")
def vjp_returns_output_pullback_aux(lib, jnp):
    s = lib.State(jnp.array(3.0))
    def f(x):
        return (s.value * x, {"x": x})

    out, pull, aux = lib.transform.vjp(f, jnp.array(2.0), grad_states=s, has_aux=True)
    assert out == 6.0 and aux["x"] == 2.0, {
        "expected": (6.0, {"x": 2.0}), "got": (out, aux)}
    got = pull(jnp.array(1.0))
    assert type(got) is tuple and got[0] == 2.0 and got[1] == 3.0, {
        "expected": (2.0, 3.0), "got": got}


@snippet("DER-27")
def jvp_returns_output_tangent_aux(lib, jnp):
    s = lib.State(jnp.array(3.0))
    def f(x):
        return (s.value * x, {"x": x})

    got = lib.transform.jvp(f, (jnp.array(2.0),), (jnp.array(10.0),), has_aux=True)
    assert type(got) is tuple and len(got) == 3, {"expected": "(output, tangent, aux)", "got": got}
    assert got[0] == 6.0 and got[1] == 30.0 and got[2]["x"] == 2.0, {
        "expected": (6.0, 30.0, {"x": 2.0}), "got": got}


@snippet("DER-27")
def jvp_without_aux_returns_two(lib, jnp):
    s = lib.State(jnp.array(3.0))
    got = lib.transform.jvp(lambda x: s.value * x, (jnp.array(2.0),), (jnp.array(10.0),))
    assert type(got) is tuple and len(got) == 2, {"expected": "(output, tangent)", "got": got}
    assert got[0] == 6.0 and got[1] == 30.0, {"expected": (6.0, 30.0), "got": got}


@st.composite
def pushes(draw: Any, _: None) -> Product:
    """Calls of ``jvp`` at one tangent for every argument."""
    drawn = draw(cases(Wish(members=("jacfwd",), rows=plain("arguments"), writes=True,
                            operations=True, models=True)))
    case = replace(drawn, argnums=tuple(range(len(drawn.args))))
    tangents = tuple(draw(arrays(np.shape(arg))) for arg in case.args)
    primals = trees.literal(case.args)
    call = f"result = lib.transform.jvp(f, {primals}, {trees.literal(tangents)})"
    return Product(case, call, tangents)


@generated("DER-28", pushes)
def jvp_multiplies_by_the_jacobian(subject: Subject, product: Product) -> None:
    """The second member of the result, by the oracles along the tangent; and effects."""
    names = run(product, subject)
    expected = expectation(product.case, subject)
    along = np.concatenate([np.ravel(v) for v in product.vectors])
    got = np.ravel(np.asarray(names["result"][1]))
    if decided := decide(got, [estimate.along(along) for estimate in expected.estimates]):
        (entry,) = decided.index or (...,)
        raise Violation(difference.of_entry(f"jnp.ravel(result[1])[{entry}]", decided))
    after = {var.id: names[var.id].value for var in product.case.program.states}
    judge_effects(Observation(product.case, subject, names["result"], after, names))
