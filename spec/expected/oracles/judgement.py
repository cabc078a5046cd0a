"""Deciding whether a derivative is right, given what the oracles say about it."""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ...language.dtypes import eps_of, kind_of
from .estimate import Array, Estimate

# An oracle that is less certain than this share of 1 + |D| decides nothing.
WIDEST = 1e-4
# No error above this share of the largest entry earns a pass, whatever the tolerance: an absolute
# tolerance is no evidence that a small derivative is right.
GRANTED = 1e-6
# Rounding allowed to an implementation that computes in a shorter dtype, in units of that dtype's
# eps times 1 + the largest entry. 2**13 eps is 9.8e-4 in float32, and 1.8e-12 in float64, the share
# that the complex step allows there. The 1 stands for intermediates of order one that cancelled
# (1 - tanh(a)**2); it excuses and never grants. For float64 the oracles' tolerances contain it.
# In half precision as much would allow anything: there it is 2**5 eps, a thirty-second in float16,
# and a quarter in bfloat16.
ROUNDING = 2.0**13
HALF_ROUNDING = 2.0**5


class Decision(enum.Enum):
    """What can be said of a derivative: right, wrong, or that the oracles cannot tell."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """A decision and the entry that weighed most in it.

    `index` is None, and `got`, `expected` and `tol` are NaN, where no entry can be named: for a
    wrong shape or dtype, and for a derivative without entries.
    """

    decision: Decision
    index: tuple[int, ...] | None
    got: complex
    expected: complex
    tol: float
    reason: str

    def __str__(self) -> str:
        if self.index is None:
            return f"{self.decision.value}: {self.reason}"
        return (
            f"{self.decision.value}: {self.reason}; at {self.index} got {self.got}, "
            f"expected {self.expected} within {self.tol:.2g}"
        )


def judge(got: ArrayLike, *estimates: Estimate, dtype: DTypeLike = np.float64) -> Judgement:
    """Judge a derivative by one or more oracles.

    Parameters
    ----------
    got
        The derivative under test, of the shape of the estimates.
    estimates
        What the oracles say, the most exact one first. Where two of them differ by more than
        their tolerances together, nothing is decided at all; any of them can reject; only the
        first can grant a pass.
    dtype
        The dtype that the implementation computed in. For a shorter one than float64 the
        tolerances grow by 2**13 eps(dtype) (1 + max|D|), for a half one by 2**5 eps(dtype)
        (1 + max|D|), of which only the part in max|D| can grant a pass; the estimates must then
        be those of the same short inputs, differentiated in float64.

    Returns
    -------
    Judgement
        *fail*: an entry is outside a tolerance that is itself sharp. *inconclusive*: the oracles
        disagree, are wider than 1e-4 (1 + |D|), are not finite, or the error is excused by an
        absolute tolerance alone: more than 1e-6 of the first estimate's largest entry, as zero is
        against a gradient of 1e-14. *pass*: everything else.
    """
    if not estimates:
        raise ValueError("judge: no estimates given; expected at least one")
    shapes = {e.value.shape for e in estimates}
    if len(shapes) > 1:
        raise ValueError(f"judge: estimates have shapes {sorted(shapes)}; expected one shape")
    eps = _eps(dtype)
    given, shape = np.asarray(got), shapes.pop()
    if given.shape != shape:
        return _nowhere(Decision.FAIL, f"shape {given.shape}, expected {shape}")
    if given.dtype.kind not in "biufc":
        return _nowhere(Decision.FAIL, f"dtype {given.dtype}, expected numbers")
    if given.size == 0:
        return _nowhere(Decision.PASS, "no entries")
    with np.errstate(all="ignore"):
        return _weigh(given, estimates, eps)


def _weigh(got: Array, estimates: tuple[Estimate, ...], eps: float) -> Judgement:
    """Apply the criteria in the order of their authority."""
    share = _rounding(eps)
    scales = [np.max(np.abs(e.value), where=np.isfinite(e.value), initial=0.0) for e in estimates]
    errors = np.stack([np.abs(got - e.value) for e in estimates])
    allowed = np.stack([e.tol + share * (1 + s) for e, s in zip(estimates, scales, strict=True)])

    clash = np.any(
        [np.abs(a.value - b.value) > a.tol + b.tol for a, b in itertools.combinations(estimates, 2)]
        or [np.zeros(got.shape, bool)],
        axis=0,
    )
    sharp = np.all(
        [np.isfinite(e.value) & (e.tol <= WIDEST * (1 + np.abs(e.value))) for e in estimates],
        axis=0,
    )
    wrong = sharp & np.any(~(errors <= allowed), axis=0)
    excused = sharp & ~wrong & ~(errors[0] <= max(GRANTED, share) * scales[0])

    ratios = _ratios(errors, allowed)
    for mask, decision, reason in (
        (clash, Decision.INCONCLUSIVE, "the oracles disagree"),
        (wrong, Decision.FAIL, "the derivative is wrong"),
        (~sharp, Decision.INCONCLUSIVE, "the oracle is not certain enough"),
        (excused, Decision.INCONCLUSIVE, "too small to be told from its tolerance"),
    ):
        if np.any(mask):
            return _at(decision, reason, np.where(mask, ratios, -1.0), got, estimates, allowed)
    return _at(Decision.PASS, "the derivative is right", ratios, got, estimates, allowed)


def _rounding(eps: float) -> float:
    """The share of the largest entry that rounding may take, of a dtype by its eps."""
    if eps <= float(np.finfo(np.float64).eps):
        return 0.0
    half = eps > float(np.finfo(np.float32).eps)
    return (HALF_ROUNDING if half else ROUNDING) * eps


def _ratios(errors: Array, allowed: Array) -> Array:
    """Errors in units of what is allowed; not a number counts as infinitely wrong."""
    ratios = np.where(errors == 0, 0.0, errors / allowed)
    return np.where(np.isnan(ratios), np.inf, ratios)


def _at(
    decision: Decision,
    reason: str,
    ratios: Array,
    got: Array,
    estimates: tuple[Estimate, ...],
    allowed: Array,
) -> Judgement:
    which, *place = np.unravel_index(int(np.argmax(ratios)), ratios.shape)
    index = tuple(int(i) for i in place)
    return Judgement(
        decision,
        index,
        got[index].item(),
        estimates[int(which)].value[index].item(),
        float(allowed[(int(which), *index)]),
        reason,
    )


def _nowhere(decision: Decision, reason: str) -> Judgement:
    return Judgement(decision, None, float("nan"), float("nan"), float("nan"), reason)


def _eps(dtype: DTypeLike) -> float:
    kind = np.dtype(dtype)
    if kind_of(kind) not in "fc":
        raise ValueError(f"judge: dtype is {kind}; expected a floating or complex NumPy dtype")
    return eps_of(kind)
