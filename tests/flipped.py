"""What the tests of flipped table entries share: checks with other points, asked of the reference.

A table entry that can be changed without notice is not specified.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jax

import refimpl
from spec.chapters import all_checks
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Verdict
from spec.run.decide import Profile, decide

SUBJECT = Subject("refimpl", refimpl)
PROFILE = Profile("mutation", 5, 0)
JAXS = {"grad": jax.grad, "jacrev": jax.jacrev, "jacfwd": jax.jacfwd, "hessian": jax.hessian}
"""JAX's transforms by the names of the family."""


def check_of(rule: str, name: str) -> Check:
    """A check by its rule and name."""
    (found,) = (c for c in all_checks() if c.rule == rule and c.name == name)
    return found


def verdicts(
    check: Check, points: Mapping[str, Any], subject: Subject = SUBJECT
) -> Iterator[Verdict]:
    """What a check says of the reference, or of another subject, at each of these points."""
    changed = replace(check, cases=points)
    return (decide(changed, subject, point, PROFILE, 0).verdict for point in points)


def noticed(check: Check, points: Mapping[str, Any], subject: Subject = SUBJECT) -> bool:
    """Whether a check fails at any of these points."""
    return Verdict.FAIL in verdicts(check, points, subject)
