"""What no rule notices of the fresh saboteurs yet, with a script that shows each of them.

A script fails on the saboteur and not on the reference, so that every entry is a real fault: the
to-do list of the checks.
"""

from __future__ import annotations

UNCAUGHT: dict[str, str] = {
    "failing_vector_grad_keeps_its_first_write": """\
s = lib.State(jnp.array(1.0))
def make(s):
    def f(x):
        s.value = s.value + 1
        raise ArithmeticError
    return f
try:
    lib.transform.vector_grad(make(s))(jnp.array(2.0))
except ArithmeticError:
    pass
assert s.value == 1.0, s.value
""",
    "half_precision_has_no_gradient": """\
g = lib.transform.grad(lambda x: x * x)(jnp.float16(3.0))
assert g == 6.0 and g.dtype == jnp.float16, g
""",
    "inner_named_tuples_become_tuples": """\
from collections import namedtuple
Pair = namedtuple("Pair", "a b")
f = lambda x: (x * x, {"p": Pair(x, x)})
_, aux = lib.transform.grad(f, has_aux=True)(jnp.array(2.0))
assert type(aux["p"]) is Pair, aux
""",
    "integers_in_aux_are_widened": """\
f = lambda x: (x * x, jnp.int32(3))
_, aux = lib.transform.grad(f, has_aux=True)(jnp.array(2.0))
assert aux.dtype == jnp.int32, aux.dtype
""",
    "jit_forgets_the_third_state": """\
states = [lib.State(jnp.array(0.0)) for _ in range(3)]
@lib.transform.jit
def f():
    for s in states:
        s.value = s.value + 1
f()
assert [s.value for s in states] == [1.0, 1.0, 1.0], states
""",
    "long_axes_lose_their_end": """\
g = lib.transform.grad(lambda x: jnp.sum(x * x))(jnp.arange(6.0))
assert jnp.all(g == 2 * jnp.arange(6.0)), g
""",
    "mixed_blocks_are_transposed": """\
m = jnp.array([[1.0, 2.0], [3.0, 4.0]])
h = lib.transform.hessian(lambda x, y: x @ m @ y, argnums=(0, 1))(jnp.ones(2), jnp.ones(2))
assert jnp.all(h[0][1] == m), h
""",
    "one_array_is_one_state": """\
x = jnp.array(2.0)
s, t = lib.State(x), lib.State(x)
g = lib.transform.grad(lambda: s.value * 3 + t.value * 5, [s, t])()
assert g == [3.0, 5.0], g
""",
    "paths_are_searched_to_the_third_step": """\
s = lib.State(jnp.array(3.0))
assert lib.util.filter.PathContains("w")(("a", "b", "c", "w"), s)
""",
    "third_key_is_not_written": """\
s = lib.State({"a": jnp.array(1.0), "b": jnp.array(1.0), "c": jnp.array(1.0)})
def f(x):
    s.value = {key: value + 1 for key, value in s.value.items()}
    return x * x
lib.transform.grad(f)(jnp.array(2.0))
assert s.value["c"] == 2.0, s.value
""",
    "third_output_is_left_out": """\
g = lib.transform.vector_grad(lambda x: [x, 2 * x, 3 * x])(jnp.array(1.0))
assert g == 6.0, g
""",
    "third_place_is_zero": """\
s = lib.State(jnp.array(3.0))
g = lib.transform.grad(lambda: s.value ** 2, [s, s, s])()
assert g == [6.0, 6.0, 6.0], g
""",
    "third_pullback_is_zero": """\
_, pull = lib.transform.vjp(lambda x: 2 * x, jnp.array(1.0))
found = [jax.tree.leaves(pull(jnp.array(1.0)))[0] for _ in range(3)]
assert found == [2.0, 2.0, 2.0], found
""",
    "third_tangent_is_dropped": """\
one = jnp.array(1.0)
_, t = lib.transform.jvp(lambda x, y, z: x + y + z, (one, one, one), (one, one, one))
assert t == 3.0, t
""",
    "third_write_is_lost": """\
s = lib.State(jnp.array(0.0))
def f(x):
    for _ in range(3):
        s.value = s.value + x
    return s.value
g = lib.transform.grad(f)(jnp.array(2.0))
assert g == 3.0 and s.value == 6.0, (g, s.value)
""",
    "three_axes_are_turned": """\
x = jnp.arange(8.0).reshape(2, 2, 2)
g = lib.transform.grad(lambda x: jnp.sum(x * x))(x)
assert jnp.all(g == 2 * x), g
""",
    "two_tags_are_enough": """\
s = lib.State(jnp.array(3.0), tag={"a", "b", "c"})
assert lib.util.filter.WithTag("c")((), s)
""",
    "written_numbers_become_arrays": """\
s = lib.State(jnp.array(1.0))
def f(x):
    s.value = 2.0
    return x * x
lib.transform.grad(f)(jnp.array(2.0))
assert type(s.value) is float, s.value
""",
}
