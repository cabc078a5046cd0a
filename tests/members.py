"""Every member of the family as a function of (f, x), all of them with effects of f at once."""

from collections.abc import Callable
from typing import Any

import pytest

from refimpl.transform import (
    fwd_grad,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jit,
    jvp,
    vector_grad,
    vjp,
)

Call = Callable[[Any, Any], Any]

MEMBERS: dict[str, Call] = {
    "grad": lambda f, x: grad(f)(x),
    "vector_grad": lambda f, x: vector_grad(f)(x),
    "jacrev": lambda f, x: jacrev(f)(x),
    "jacfwd": lambda f, x: jacfwd(f)(x),
    "hessian": lambda f, x: hessian(f)(x),
    "fwd_grad": lambda f, x: fwd_grad(f)(x),
    "vjp": lambda f, x: vjp(f, x)[1](1.0),
    "jvp": lambda f, x: jvp(f, (x,), (1.0,)),
    "jit": lambda f, x: jit(f)(x),
    "jit of grad": lambda f, x: jit(grad(f))(x),
    "grad of jit": lambda f, x: grad(jit(f))(x),
    "grad of grad": lambda f, x: grad(grad(f))(x),
}
each_member = pytest.mark.parametrize("call", MEMBERS.values(), ids=MEMBERS.keys())
