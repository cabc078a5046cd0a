"""Products of a Jacobian with vectors: the pullback of ``vjp``, and ``jvp``.

A pullback of a cotangent is the gradient of the output's sum after weighting its entries by the
cotangent, and so is judged like one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st

from ...judge import difference
from ...judge.aspects import judge_effects, judge_sides
from ...judge.check import drawn, generated
from ...judge.derivative import decide, judge_values
from ...judge.difference import Violation
from ...judge.observation import Observation, expectation, run
from ...judge.subject import Subject
from ...language import trees
from ...language.axes import plain
from ...language.cases import Case
from ...language.programs import Source
from ...language.returns import SIDES
from ...language.script import Script
from ...language.sources import OTHER_NODES, array, list_of, number, numbers, one_of, written
from ...language.strategies import cases
from ...language.values import arrays
from ...language.wishes import Wish


@dataclass(frozen=True)
class Product(Script):
    """A case, and the calls of ``vjp`` or ``jvp`` that stand in the place of its own.

    ``vectors`` are the cotangents of the pullback's calls, or the tangents of one call.
    """

    case: Case
    calls: tuple[str, ...]
    vectors: tuple[Any, ...]

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [*self.case.setup(), *self.calls]


MULTIPLES: Final = (
    1.0, {"b": 1.0, "a": -0.5, "c": 2.0}, (1.0, [-0.5]),
    {"b": {"d": 1.0, "c": 2.0}, "a": {"d": -1.0, "c": 0.5}},
)
"""Trees of outputs, each a multiple of one array or number."""


def reordered(draw: Any, tree: trees.Tree) -> trees.Tree:
    """The tree with the keys of its dicts inserted in any order."""
    if isinstance(tree, dict):
        return {key: reordered(draw, tree[key]) for key in draw(st.permutations(list(tree)))}
    nodes = trees.items(tree)
    return tree if nodes is None else trees.rebuild(
        tree, [reordered(draw, child) for _, child in nodes])


@st.composite
def pullbacks(draw: Any, sides: str, most: int = 1) -> Product:
    """Calls of ``vjp`` and of its pullback, at so many cotangents at the most."""
    kind, shape = draw(st.sampled_from((("scalar", ()), ("array", (3,)))))
    case = draw(cases(Wish(
        ("vector_grad",), plain(sides), nested=True, writes=True, outputs=(kind,),
        containers=("one", "list", "tuple", "namedtuple", "nested"),
        argnums=("int", "list", "tuple"), operations=True, models=True)))
    parts, out = draw(st.sampled_from(MULTIPLES)), case.program.out
    several = trees.map_leaves(lambda k: Source(out if k == 1.0 else f"{k} * ({out})"), parts)
    case = replace(case, program=replace(case.program, out=trees.literal(several)))
    cotangents = [trees.map_leaves(lambda _: draw(arrays(shape)), reordered(draw, parts))
                  for _ in range(draw(st.integers(min(most, 3), most)))]
    words = [trees.literal(arg) for arg in case.args]
    if case.selection is not None:
        words.append(f"grad_states={case.selection.source()}")
    bare = case.selection is None and case.argnums is None
    words.append(f"argnums={0 if bare else case.argnums}")
    vjp = f"lib.transform.vjp({', '.join(['f', *words])})"
    lines = [f"pull = {vjp}[1]", *(
        f"result{i} = pull({trees.literal(one)})" for i, one in enumerate(cotangents))]
    return Product(case, tuple(lines), tuple(cotangents))


def weighted(product: Product, cotangent: Any) -> Case:
    """The case whose gradient is what the pullback gives at a cotangent."""
    program = product.case.program
    out = " + ".join(
        f"{trees.literal(leaf)} * ({program.out}){''.join(f'[{key!r}]' for key in path)}"
        for path, leaf in trees.leaves(cotangent))
    return replace(product.case, program=replace(program, out=out))


@generated("DER-25", pullbacks, {sides: sides for sides in SIDES})
@generated("DER-26", partial(pullbacks, most=5), {sides: sides for sides in SIDES})
def a_pullback_multiplies_by_the_transposed_jacobian(subject: Subject, product: Product) -> None:
    """Structure, values and effects, of every call."""
    names = run(product, subject)
    after = {var.id: names[var.id].value for var in product.case.program.states}
    for index, cotangent in enumerate(product.vectors):
        name = f"result{index}"
        seen = Observation(weighted(product, cotangent), subject, names[name], after, names, name)
        judge_sides(seen)
        judge_values(seen)
        judge_effects(seen)


TURNS = written(st.lists(st.tuples(st.integers(0, 2), st.sampled_from((1.0, -0.5, 2.0))),
                         min_size=2, max_size=4))


@drawn("DER-26", {"points": list_of(array((2,)), 1, 3), "new": array((2,)), "turns": TURNS}, {
    "a state": {"vjp": "lambda f, s: lib.transform.vjp(f, grad_states=s)"},
    "an argument": {"vjp": "lambda f, s: lib.transform.vjp(f, s.value, argnums=0)"},
})
def a_pullback_can_be_called_again(lib, jnp, vjp, points, new, turns):
    """One function has some pullbacks, each at a point of its own, which are called in any order.

    Between the calls of vjp, and before those of the pullbacks, the state is written.
    """
    s, n = lib.State(new), lib.State(jnp.array(0.0))
    def f(x=None):
        n.value = n.value + 1.0
        return (s.value if x is None else x) ** 2
    pulls = [vjp(f, s)[1] for s.value in points]
    s.value = new
    for which, k in turns:
        i, ct = which % len(points), jnp.array([k, 1.0])
        want, got = 2.0 * points[i] * ct, pulls[i](ct)
        assert jnp.allclose(got, want), {"at": f"pullback {i}", "expected": want, "got": got}
    assert n.value == len(points) and jnp.allclose(s.value, new), {
        "at": "n.value, s.value", "expected": (len(points), new), "got": (n.value, s.value)}


@drawn("DER-34", {"values": st.integers(2, 4).flatmap(numbers), "ct": number()})
def a_pullback_gives_the_first_or_all(lib, jnp, values, ct):
    """The product of several arguments."""
    out, pull = lib.transform.vjp(lambda *xs: jnp.prod(jnp.stack(xs)), *map(jnp.array, values))
    got = pull(jnp.array(ct))
    want = [ct * jnp.prod(jnp.array([*values[:i], *values[i + 1:]])) for i in range(len(values))]
    several = isinstance(got, tuple)
    found = [*got] if several else [got]
    right = len(found) == (len(values) if several else 1) and jnp.allclose(
        jnp.array(found), jnp.array(want[:len(found)]))
    assert right, {"expected": want, "got": got}
    return "all arguments" if several else "the first argument"


AUXES = one_of(("{'b': 2.0, 'a': [3]}", "jnp.ones(2)", "(jnp.array(1.0), None)", "[]", "2.5"))
RESULTS = {"v": number(), "w": number(), "aux": AUXES}


@drawn("DER-27", {**RESULTS, "ct": number(), "has_aux": one_of(("True", "False"))})
def vjp_returns_output_pullback_aux(lib, jnp, jax, v, w, aux, ct, has_aux):
    """The last only where it is asked for; the pullback gives one gradient for each side."""
    s = lib.State(jnp.array(v))
    def same(a, b): return jax.tree.all(jax.tree.map(jnp.array_equal, a, b))
    def f(x): return (s.value * x, (aux, x)) if has_aux else s.value * x
    got = lib.transform.vjp(f, jnp.array(w), grad_states=s, has_aux=has_aux)
    size = 3 if has_aux else 2
    assert type(got) is tuple and len(got) == size, {"expected": f"a tuple of {size}", "got": got}
    told = [got[0], got[2][1]] if has_aux else [got[0], w]
    assert told == [v * w, w], {"at": "output, aux", "expected": [v * w, w], "got": told}
    assert not has_aux or same(got[2][0], aux), {"expected": aux, "got": got[2]}
    sides, want = got[1](jnp.array(ct)), (ct * w, ct * v)
    assert type(sides) is tuple and sides == want, {"expected": want, "got": sides}


@drawn("DER-27", {**RESULTS, "t": number(), "has_aux": one_of(("True", "False"))})
def jvp_returns_output_tangent_aux(lib, jnp, jax, v, w, aux, t, has_aux):
    """The last only where it is asked for."""
    s = lib.State(jnp.array(v))
    def same(a, b): return jax.tree.all(jax.tree.map(jnp.array_equal, a, b))
    def f(x): return (s.value * x, (aux, x)) if has_aux else s.value * x
    got = lib.transform.jvp(f, (jnp.array(w),), (jnp.array(t),), has_aux=has_aux)
    size = 3 if has_aux else 2
    assert type(got) is tuple and len(got) == size, {"expected": f"a tuple of {size}", "got": got}
    told, want = [*got[:2], *(got[2][1:] if has_aux else ())], [v * w, v * t, w][:size]
    assert told == want, {"at": "output, tangent, aux", "expected": want, "got": told}
    assert not has_aux or same(got[2][0], aux), {"expected": aux, "got": got[2]}


@st.composite
def pushes(draw: Any, _: None) -> Product:
    """Calls of ``jvp`` at one tangent for every argument."""
    drawn = draw(cases(Wish(members=("jacfwd",), rows=plain("arguments"), writes=True,
                            operations=True, models=True, large=True, arguments=(1, 4))))
    case = replace(drawn, argnums=tuple(range(len(drawn.args))))
    nothing = draw(st.integers(0, 4)) == 4  # along which f has its effects all the same
    tangents = tuple(np.zeros(np.shape(arg)) if nothing else draw(arrays(np.shape(arg)))
                     for arg in case.args)
    primals = trees.literal(case.args)
    call = f"result = lib.transform.jvp(f, {primals}, {trees.literal(tangents)})"
    return Product(case, (call,), tangents)


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


NODES_OF_TWO = OTHER_NODES | {name: {"make": f"lambda p, q: {text}"} for name, text in {
    "a dict": "{'b': p, 'a': q}", "a tuple": "(p, q)", "a list with None": "[p, None, q]",
    "a named tuple": "__import__('statistics').LinearRegression(p, q)"}.items()}


@drawn("DER-28", {"p": array((2,)), "dp": array((2,)), "q": number(), "dq": number(),
                  "v": number()}, NODES_OF_TWO)
def tangents_are_those_of_jax(lib, jnp, jax, make, p, dp, q, dq, v):
    """Of an argument and an output that are containers, the second part a list."""
    s = lib.State(jnp.array(v))
    def f(x): return make(s.value * jnp.sum(jax.tree.leaves(x)[0]), [jax.tree.map(jnp.sin, x)])
    at, along = make(jnp.array(p), [jnp.array(q)]), make(jnp.array(dp), [jnp.array(dq)])
    got, want = (jvp(f, (at,), (along,)) for jvp in (lib.transform.jvp, jax.jvp))
    kinds = [jax.tree.structure(one) for one in (got, want)]
    assert kinds[0] == kinds[1], {"expected": kinds[1], "got": kinds[0]}
    assert all(map(jnp.allclose, *map(jax.tree.leaves, (got, want)))), {
        "expected": want, "got": got}
