"""What a case must give, computed on NumPy: values, effects, and derivatives by oracles.

:class:`Expectation` runs the case's own text on the model library.  The floating leaves of the
selected states and arguments form one flat vector, those of the output another; between the
two stands a pure function that the oracles differentiate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ..language import trees
from ..language.cases import Case
from ..language.dtypes import kind_of
from ..language.programs import Ref
from ..language.script import execute
from ..language.trees import Tree
from . import model, model_jax, oracles
from .layout import Array, Segment, Slot, as_mapping, placed_after
from .magnitude import Magnitude

VALUES_ONLY = 5
"""Up to how many inputs second derivatives are also taken from values alone, which costs their
square."""


def exact(leaf: Any) -> Any:
    """The same numbers in double precision, where they are of a shorter dtype."""
    array = np.asarray(leaf)
    if array.dtype.itemsize >= np.dtype(np.float64).itemsize or kind_of(array.dtype) != "f":
        return leaf
    return array.astype(np.float64)


class Expectation:
    """A case on the model library.

    Parameters
    ----------
    case : Case
        The case.
    draws : list of arrays
        The random numbers that the program draws, in order.
    """

    def __init__(self, case: Case, draws: list[Array]) -> None:
        self.case = case
        self.lib = model.library()
        self.lib.random.record = draws
        self.magnitude = Magnitude()
        self.names = execute(case.setup(), self.lib, self.magnitude, model_jax.library())
        self.start = {var.id: self.names[var.id].value for var in case.program.states}
        self.args = [eval(trees.literal(arg), self.names) for arg in case.args]
        self.kwargs = {k: eval(trees.literal(v), self.names) for k, v in case.kwargs.items()}
        self.selected = case.selection.states if case.selection else []
        self.blocks: dict[tuple[str, Any], Tree] = {}
        self.size = 0
        for state in self.selected:
            self.blocks["var", state], self.size = placed_after(self.size, self.start[state])
        for position in case.positions if "arg" in case.sides else ():
            self.blocks["arg", position], self.size = placed_after(self.size, self.args[position])
        self.out, self.aux = self._run(self.start, self.args)
        self.after = {name: self.names[name].value for name in self.start}
        for _, leaf in trees.leaves(self.after):
            self.magnitude.note(leaf)
        self.magnitude.open = False  # the stencils of the oracles stay close to this run
        self.out_blocks, _ = placed_after(0, self.out)
        given = (*self.start.values(), *self.args, *self.kwargs.values())
        floats = (np.asarray(leaf) for tree in given for _, leaf in trees.leaves(tree)
                  if trees.is_inexact(leaf))
        # Beside float32, JAX's weak types decide what a sum is, and NumPy does not know them.
        self.dtypes_known = all(leaf.dtype == np.float64 for leaf in floats)
        # A derivative is that of the same numbers in exact arithmetic, whatever their dtypes.
        self.exact_start = {id: trees.map_leaves(exact, value) for id, value in self.start.items()}
        self.exact_args = [trees.map_leaves(exact, arg) for arg in self.args]

    # -- running ---------------------------------------------------------------------------

    def _run(self, states: dict[str, Tree], args: list[Tree]) -> tuple[Tree, Tree]:
        self.lib.random.seed(0)
        for name, value in states.items():
            self.names[name].value = value
        result = self.names["f"](*args, **self.kwargs)
        return result if self.case.row.has_aux else (result, None)

    def point(self) -> Array:
        """The flat vector of what is differentiated, at the start."""
        values = [self.start[k] if side == "var" else self.args[k] for side, k in self.blocks]
        leaves = [leaf for value in values for _, leaf in trees.leaves(value)]
        flat = [np.ravel(np.asarray(leaf)).astype(np.float64) for leaf in leaves]
        return np.concatenate(flat) if flat else np.zeros(0)

    def function(self, vector: Array) -> Array:
        """The flat output at a flat input; real or complex."""
        states, args = self.placed(vector)
        out, _ = self._run(self.exact_start | states,
                           [args.get(i, a) for i, a in enumerate(self.exact_args)])
        return self.flat(out)

    def placed(self, vector: Array) -> tuple[dict[str, Tree], dict[int, Tree]]:
        """The values of the selected states and arguments at a flat input."""
        values = {
            key: trees.map_leaves(lambda b: vector[b.where].reshape(b.shape), blocks)
            for key, blocks in self.blocks.items()
        }
        states = {key: value for (side, key), value in values.items() if side == "var"}
        return states, {key: value for (side, key), value in values.items() if side == "arg"}

    def flat(self, out: Tree) -> Array:
        """The flat vector of an output; its sum where the transform differentiates the sum."""
        leaves = [np.ravel(np.asarray(leaf)) for _, leaf in trees.leaves(out)]
        flat = np.concatenate(leaves) if leaves else np.zeros(0)
        return np.sum(flat, keepdims=True) if self.case.member == "vector_grad" else flat

    # -- derivatives -----------------------------------------------------------------------

    @cached_property
    def estimates(self) -> tuple[oracles.Estimate, ...]:
        """The flat derivative by means that share no code with an implementation."""
        point, largest = self.point(), self.magnitude.largest
        if self.case.transform.layout == "hessian":
            tight = oracles.second(self.function, point, largest=largest)
            if self.size > VALUES_ONLY:
                return (tight,)
            return (tight, oracles.hessian_values(self.function, point, largest=largest))
        return (
            oracles.complex_step(self.function, point, largest=largest),
            oracles.central(self.function, point, largest=largest),
        )

    def side(self, side: str) -> Any:
        """The expected ``var_grads`` or ``arg_grads``, with a Slot at every leaf."""
        layout = self.case.transform.layout
        if layout in ("gradient", "sample"):
            return self._tree(side, lambda b: Slot((slice(None), b.where), b.shape, b.dtype))

        def rows(out: Segment) -> Any:
            def first(b: Segment) -> Any:
                if layout == "jacobian":
                    return Slot((out.where, b.where), out.shape + b.shape, b.dtype)
                columns = [
                    self._tree(s, lambda c: Slot(
                        (out.where, b.where, c.where), out.shape + b.shape + c.shape, c.dtype))
                    for s in self.case.sides
                ]
                return columns[0] if len(columns) == 1 else tuple(columns)

            return self._tree(side, first)

        return trees.map_leaves(rows, self.out_blocks)

    def _tree(self, side: str, leaf: Callable[[Segment], Any]) -> Any:
        if side == "arg":
            several = [trees.map_leaves(leaf, self.blocks["arg", p]) for p in self.case.positions]
            bare = self.case.argnums is None or isinstance(self.case.argnums, int)
            return several[0] if bare else tuple(several)
        selection = self.case.selection
        assert selection is not None

        def state(ref: Ref) -> Any:
            return trees.map_leaves(leaf, self.blocks["var", ref.state])

        return (as_mapping if selection.mapping else trees.map_leaves)(state, selection.tree)

    def parts(self) -> dict[str, Any]:
        """The expected sides of the derivative by name."""
        return {side: self.side(side) for side in self.case.sides}
