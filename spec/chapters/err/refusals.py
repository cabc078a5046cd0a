"""Misuse: every row of :mod:`spec.chapters.err.misuse`, asked alone; and what is not refused."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from ...judge.check import generated, snippet
from ...judge.difference import Violation, told
from ...judge.subject import Subject
from ...language.axes import EXACT, by_order
from . import misuse
from .misuse import Attempt

REFUSALS = tuple(dict.fromkeys(row.rule for row in misuse.MISUSES))


def by_id(scripts: Iterator[Attempt]) -> dict[str, Attempt]:
    """Scripts by row and member."""
    return {f"{script.row.id}, {script.member}": script for script in scripts}


def passes(subject: Subject, script: Attempt) -> None:
    """The script runs to its end."""
    try:
        script.run(subject.lib, subject.xp)
    except Exception as error:
        message, difference = told(error)
        raise Violation(difference, message) from error


def is_refused(subject: Subject, script: Attempt) -> None:
    """The refusal comes, as a source demands it."""
    passes(subject, script)


for _rule in REFUSALS:
    generated(_rule, st.just, by_id(misuse.scripts(_rule)))(is_refused)


@generated("ERR-20", st.just, by_id(misuse.unchanged()))
def states_are_as_they_were(subject: Subject, script: Attempt) -> None:
    """After a refusal, every state holds its value."""
    passes(subject, script)


@generated("ERR-21", st.just, by_id(misuse.helpful()))
def the_message_says_what_was_given(subject: Subject, script: Attempt) -> None:
    """The words of the row stand in the message."""
    passes(subject, script)


@generated("ERR-22", st.just, by_id(misuse.conventional()))
def the_class_is_the_conventional_one(subject: Subject, script: Attempt) -> None:
    """TypeError for a wrong type, ValueError for a wrong value."""
    passes(subject, script)


@snippet("ERR-23", EXACT.bound(shape=by_order("(2,)", "(2, 2)")))
def an_untouched_state_has_zeros(lib, jnp, T, shape):
    s, idle = lib.State(jnp.array(3.0)), lib.State(jnp.array([1.0, 2.0]))
    got = T(lambda: s.value ** 2, grad_states=[s, idle], check_states=False)()
    block = got[1][1] if len(shape) == 2 else got[1]
    assert jnp.shape(block) == shape, {"expected": f"shape {shape}", "got": jnp.shape(block)}
    assert jnp.all(block == 0.0), {"expected": "zeros", "got": block}
    used, want = (got[0][0], 2.0) if len(shape) == 2 else (got[0], 6.0)
    assert jnp.allclose(used, want), {"at": "beside it", "expected": want, "got": used}
