"""What no rule notices of the fresh saboteurs yet, with a script that shows each of them.

A script fails on the saboteur and not on the reference, so that every entry is a real fault: the
to-do list of the checks.
"""

from __future__ import annotations

UNCAUGHT: dict[str, str] = {
    "rows_past_the_fourth_repeat_it": """
found = lib.transform.jacrev(lambda x: x * jnp.arange(1.0, 7.0))(2.0)
assert jnp.allclose(found, jnp.arange(1.0, 7.0))
""",
    "negative_indices_count_keywords": """
found = lib.transform.grad(lambda a, b, *, k: a * b * k, argnums=-2)(2.0, 3.0, k=5.0)
assert found == 15.0
""",
    "third_written_state_takes_the_second_value": """
states = [lib.State(jnp.zeros(())) for _ in range(3)]
def f(x):
    for number, state in enumerate(states):
        state.value = jnp.asarray(number + 1.0)
    return x ** 2
lib.transform.hessian(f)(1.0)
assert [float(state.value) for state in states] == [1.0, 2.0, 3.0]
""",
    "many_found_states_come_by_name": """
states = [lib.State(1.0, name=name) for name in "edcba"]
finder = lib.transform.StateFinder(
    lambda: sum(s.value for s in states), usage="read", return_type="list")
assert finder() == states
""",
    "fourth_direction_is_the_first": """
states = [lib.State(jnp.asarray(1.0)) for _ in range(4)]
found = lib.transform.fwd_grad(lambda: sum(s.value for s in states), states, key=0)()
assert found[0] != found[3]
""",
    "vector_grad_of_several_outputs_draws_a_key": """
lib.random.seed(0)
want = lib.random.random()
lib.random.seed(0)
lib.transform.vector_grad(lambda x: (x, x), return_value=True)(1.0)
assert lib.random.random() == want
""",
}
