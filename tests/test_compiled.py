"""What JAX has compiled is forgotten where it is too much, and nowhere else."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

import refimpl
from spec.judge.subject import Subject
from spec.run import compiled


def test_programs_are_counted_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "HELD", 2)
    programs = compiled.Compilations(Subject("refimpl", refimpl))
    traced = []

    @jax.jit
    def twice(x: jax.Array) -> jax.Array:
        traced.append(x.shape)
        return x + x

    sizes = [jnp.ones(size) for size in (5, 6)]
    programs.count = 0  # making the arrays compiles, too
    twice(sizes[0])
    assert (programs.count, programs.bound()) == (1, False)
    twice(sizes[0])
    assert traced == [(5,)]
    twice(sizes[1])
    assert (programs.count, programs.bound()) == (2, True)
    assert programs.count == 0
    twice(sizes[0])
    assert traced == [(5,), (6,), (5,)]


def test_nothing_is_asked_of_a_library_without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "HELD", 0)
    library = SimpleNamespace(array_namespace="numpy")
    assert not compiled.Compilations(Subject("plain", library)).bound()
