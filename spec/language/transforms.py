"""The transform family: what each member computes, on which outputs, with which options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Layout = Literal["gradient", "jacobian", "hessian", "sample"]


@dataclass(frozen=True)
class Member:
    """One transform of the family.

    Attributes
    ----------
    name : str
        Its name in ``transform``.
    layout : {'gradient', 'jacobian', 'hessian', 'sample'}
        What ``var_grads`` and ``arg_grads`` hold.  ``gradient``: one entry per entry of the
        input.  ``jacobian``: the output's structure outermost, blocks of shape output + input.
        ``hessian``: likewise, blocks of shape output + row + column.  ``sample``: shaped like
        a gradient, with random values whose mean is the gradient.
    outputs : {'scalar', 'any'}
        Which outputs of the function it accepts.
    mode : {'reverse', 'forward', 'both'}
        How JAX's namesake computes it.
    holomorphic, allow_int : bool
        Whether JAX offers the option for the namesake.
    alias : str
        The member that this one is another name for.
    """

    name: str
    layout: Layout
    outputs: Literal["scalar", "any"]
    mode: Literal["reverse", "forward", "both"]
    holomorphic: bool = False
    allow_int: bool = False
    alias: str = ""

    @property
    def exact(self) -> bool:
        """Whether its values are derivatives, rather than samples around them."""
        return self.layout != "sample"

    @property
    def order(self) -> int:
        """How often it differentiates."""
        return 2 if self.layout == "hessian" else 1


FAMILY: Final = {
    member.name: member
    for member in (
        Member("grad", "gradient", "scalar", "reverse", holomorphic=True, allow_int=True),
        Member("vector_grad", "gradient", "any", "reverse"),
        Member("jacrev", "jacobian", "any", "reverse", holomorphic=True, allow_int=True),
        Member("jacfwd", "jacobian", "any", "forward", holomorphic=True),
        Member("jacobian", "jacobian", "any", "reverse", True, True, alias="jacrev"),
        Member("hessian", "hessian", "any", "both", holomorphic=True),
        Member("fwd_grad", "sample", "scalar", "forward"),
    )
}

CONTROL: Final = ("for_loop", "scan", "cond", "switch", "while_loop", "vmap", "checkpoint")
"""The functions of class control."""
