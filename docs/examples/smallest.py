"""The smallest library that keeps class basic: states over JAX, and their gradient."""

from types import SimpleNamespace
from weakref import WeakKeyDictionary

import jax

frames = [WeakKeyDictionary()]  # the values of all states, then those in each function that runs


class State:
    def __init__(self, value, name=None, *, tag=None):
        self.name, self.tag, self.value = name, tag, value

    @property
    def value(self):
        *_, held = (frame[self] for frame in frames if self in frame)
        copy = jax.tree.map(lambda leaf: leaf, held)  # what changes in place changes in this frame
        return frames[-1].setdefault(self, copy)

    @value.setter
    def value(self, value):
        frames[-1][self] = value


class ParamState(State):
    """A state to be trained."""


def grad(fun, grad_states=None, argnums=None, has_aux=False, return_value=False):
    argnums = 0 if grad_states is None and argnums is None else argnums

    def lift(frame, args, kwargs):
        frames.append(frame)
        try:
            out = fun(*args, **kwargs)
            return out if has_aux else (out, None)
        finally:
            frames.pop()

    def call(*args, **kwargs):
        loss, aux = lift(written := {}, args, kwargs)  # the one run whose effects count
        states = list(dict.fromkeys(jax.tree.leaves(grad_states)))

        def primal(values, *args):
            return lift(dict(zip(states, values, strict=True)), args, kwargs)[0]

        nums = [range(1, 1 + len(args))[n] for n in jax.tree.leaves(argnums)]
        by_state, *by_arg = jax.grad(primal, (0, *nums))([s.value for s in states], *args)
        var = jax.tree.map(dict(zip(states, by_state, strict=True)).get, grad_states)
        arg = by_arg[0] if isinstance(argnums, int) else tuple(by_arg)
        grads = arg if grad_states is None else var if argnums is None else (var, arg)
        frames[-1].update(written)  # nothing has failed
        result = grads, *[loss] * return_value, *[aux] * has_aux
        return result if len(result) > 1 else grads

    return call


transform = SimpleNamespace(grad=grad)
