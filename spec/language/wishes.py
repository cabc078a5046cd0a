"""Wishes: what the cases of a rule are to be made of.

The vocabulary of expressions is smooth, holomorphic and of bounded slope, so that the oracles are
exact to rounding and no case sits on a kink.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from .call_forms import ARGNUMS, AUXES, CONTAINERS, OUTPUTS
from .returns import ROWS, Row
from .transforms import FAMILY
from .values import SHAPES, Shape

UNARY: Final = (
    "{0}",
    "jnp.sin({0})",
    "jnp.tanh({0})",
    "jnp.exp(-({0}) ** 2)",
    "jnp.cos({0})",
    "jnp.arctan({0})",
    "jnp.log1p(({0}) ** 2)",
    "jnp.sqrt(1.0 + ({0}) ** 2)",
    "1.0 / (1.0 + ({0}) ** 2)",
)
CALM: Final = UNARY[:2]
"""The functions for rules that judge structures or effects: few, so that little is compiled."""
COMMON: Final = (
    "array", "array", "array", "dict", "tuple", "list", "wide", "named", "ordered", "default",
    "number", "deep", "empty")
"""The kinds of value in the proportions in which they are drawn, unless a wish says others."""


@dataclass(frozen=True)
class Wish:
    """What cases to draw.

    Attributes
    ----------
    members : tuple of str
        The transforms to choose from.
    rows : tuple of Row
        The rows to choose from.
    nested : bool
        Whether values may be containers.
    draws, writes : bool
        Whether the program may draw random numbers, write states.
    outputs : tuple of str
        The kinds of output to choose from; see :data:`spec.language.call_forms.OUTPUTS`.
        A transform that takes scalars only gets a scalar.
    dtypes : tuple of str
        The dtypes to choose from: that of all states and arguments of a program.
    containers : tuple of str
        The containers of ``grad_states`` to choose from; see
        :data:`spec.language.call_forms.CONTAINERS`.
    argnums : tuple of str
        The forms of ``argnums`` to choose from; see :data:`spec.language.call_forms.ARGNUMS`.
    auxes : tuple of str
        The forms of aux to choose from; see :data:`spec.language.call_forms.AUXES`.
    functions, shapes : tuple
        The functions of the vocabulary and the shapes to choose from.
    kinds : tuple of str
        The kinds of value to choose from; see :data:`spec.language.values.KINDS`.
        Empty: as ``nested`` says.
    fewest, most : int
        At least so many selected states, at most so many states.
    steps : tuple of int
        The least and the greatest number of statements before the output.
    bystanders : bool
        Whether there is one more state, never selected, with integers and booleans in it.
    keywords : bool
        Whether there are parameters with defaults, left out or given by keyword.
    arguments : tuple of int
        The least and the greatest number of positional arguments.
    large : bool
        Whether every other program has other shapes instead: long axes and many.
    shared : bool
        Whether two states may hold the very same object.
    scratch : bool
        Whether there is one more state, never read, to which anything at all is written.
    forms : bool
        Whether the function may be something else than a plain one of the script.
    operations : bool
        Whether expressions hold matrix products, slices, joins and what else is not elementwise.
    flow : bool
        Whether there are loops, conditions and early returns in Python.
    models : bool
        Whether states may stand in a module, and be read and written through it and its methods.
    jax, made : tuple of str
        The functions of JAX that are applied to bodies, one of them at least if there are any,
        and how these bodies are made; see :mod:`spec.language.foreign`.

    The defaults keep to what every rule takes for granted; a rule asks for what it is about, so
    that a failure points at its cause.
    """

    members: tuple[str, ...] = tuple(FAMILY)
    rows: tuple[Row, ...] = ROWS
    nested: bool = False
    draws: bool = False
    writes: bool = False
    outputs: tuple[str, ...] = ("scalar", "array")
    dtypes: tuple[str, ...] = ("float64",)
    containers: tuple[str, ...] = ("list",)
    argnums: tuple[str, ...] = ("int",)
    auxes: tuple[str, ...] = ("array", "dict")
    functions: tuple[str, ...] = UNARY
    shapes: tuple[Shape, ...] = SHAPES
    kinds: tuple[str, ...] = ()
    fewest: int = 1
    most: int = 3
    steps: tuple[int, int] = (0, 3)
    bystanders: bool = False
    keywords: bool = False
    arguments: tuple[int, int] = (0, 2)
    large: bool = False
    shared: bool = False
    scratch: bool = False
    forms: bool = False
    operations: bool = False
    flow: bool = False
    models: bool = False
    jax: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    @property
    def value_kinds(self) -> tuple[str, ...]:
        """The kinds of value to choose from; a Python number has no dtype but float64."""
        chosen = self.kinds or (COMMON if self.nested else ("array",))
        return tuple(kind for kind in chosen if kind != "number" or self.dtypes == ("float64",))


def calm(**wishes: Any) -> Wish:
    """A wish of a rule that judges structures: few functions and shapes, so little to compile."""
    return Wish(functions=CALM, shapes=SHAPES[:2], **wishes)


EVERYTHING: Final = Wish(
    nested=True, draws=True, writes=True, outputs=tuple(OUTPUTS),
    containers=CONTAINERS, argnums=ARGNUMS, auxes=tuple(AUXES), most=6, bystanders=True,
    keywords=True, arguments=(0, 4), large=True, shared=True, scratch=True, forms=True,
    operations=True, flow=True, models=True,
)
"""All that a wish can ask for of any library, at once."""

ORDINARY: Final = replace(
    EVERYTHING, kinds=(
        "array", "array", "dict", "tuple", "list", "wide", "named", "ordered", "default", "deep",
        "empty", "zero"),
    outputs=("scalar", "array", "long", "tree", "wide"),
    most=4, fewest=2, steps=(1, 6), arguments=(0, 2), large=False,
    containers=("one", "list", "tuple", "dict", "nested", "module"),
    argnums=("int", "list", "tuple"), auxes=("array", "dict", "free"),
)
"""Everything but the rarer forms, each of which has a rule of its own that would fail first."""
