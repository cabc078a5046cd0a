"""The interface of an implementation: its names, parameters, defaults and accepted types.

Normative.  The module of an implementation has these names in these places, and each of them takes
at least these parameters, in this order, by position or by name as the stub says.  The outermost
classes in lower case stand for namespaces.  What an implementation takes besides is its own affair.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import EllipsisType
from typing import Any as Anything
from typing import Literal, SupportsIndex, TypeAlias

Pytree: TypeAlias = Anything
"""A leaf, None, or a list, tuple, dict or other container that JAX knows, of pytrees."""
Array: TypeAlias = Anything
"""An array of the implementation's array namespace."""
ArrayLike: TypeAlias = Anything
"""What NumPy makes an array of: arrays, numbers, and sequences of them."""
Size: TypeAlias = int | Sequence[int] | None
"""A shape as NumPy takes it."""
Key: TypeAlias = Anything
"""An int, or a key of JAX's."""
Function: TypeAlias = Callable[..., Anything]
Tag: TypeAlias = str | tuple[str, ...] | set[str] | None
Container: TypeAlias = State | Sequence[Container] | Mapping[Anything, Container] | None
"""States in lists, tuples, named tuples and mappings, to any depth."""
Mapped: TypeAlias = Container | dict[int, Container]
"""States along axis 0, or by axis: a dict whose keys are all ints maps axes."""
Selection: TypeAlias = Mapping[tuple[Anything, ...], State]
"""States by their paths."""
Argnums: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None
"""An index, a sequence of some, or none."""
Predicate: TypeAlias = Callable[[tuple[Anything, ...], Anything], bool]
"""Whether a path and a state match."""
Filter: TypeAlias = type | str | bool | EllipsisType | Predicate | Sequence[Filter] | None
"""Any form of the filter table."""

class State:
    """A mutable cell with an identity."""

    value: Pytree
    name: str | None
    tag: Tag
    def __init__(self, value: Pytree, name: str | None = None, *, tag: Tag = None) -> None:
        """Make a state that holds a value."""

class ParamState(State):
    """A state that is marked as trainable."""

class nn:
    """Modules."""

    class Module:
        """An object whose attributes hold states and other modules."""

        def states(self, *filters: Filter) -> Selection | tuple[Selection, ...]:
            """Select the states below; with several filters, a tuple of one mapping for each."""

class graph:
    """Selection from modules, and from lists, tuples and dicts of modules and states."""

    @staticmethod
    def treefy_states(node: Anything, /, *filters: Filter) -> Anything:
        """Select as `states` does, nested by the parts of the paths, with `.to_flat()`."""

class random:
    """Draws from the one random stream."""

    @staticmethod
    def seed(seed: Key, /) -> None:
        """Set the stream to where this seed begins."""
    @staticmethod
    def split_key() -> Anything:
        """Advance the stream, and give a key that JAX's own functions take."""
    @staticmethod
    def normal(loc: ArrayLike = 0.0, scale: ArrayLike = 1.0, size: Size = None) -> Array:
        """Draw from normal distributions of these means and standard deviations."""
    @staticmethod
    def uniform(low: ArrayLike = 0.0, high: ArrayLike = 1.0, size: Size = None) -> Array:
        """Draw evenly between these bounds, the upper one excluded."""
    @staticmethod
    def randn(*dn: int) -> Array:
        """Draw from the standard normal distribution, in the shape of the arguments."""
    @staticmethod
    def random(size: Size = None) -> Array:
        """Draw evenly from 0 to 1, the upper one excluded."""

class transform:
    """Functions that take a function."""

    @staticmethod
    def grad(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
        holomorphic: bool = False, allow_int: bool = False,
    ) -> Anything:
        """Make the gradient of a function of scalar output; without `fun`, a decorator."""
    @staticmethod
    def vector_grad(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
    ) -> Anything:
        """Make the gradient of the sum of all entries of the output."""
    @staticmethod
    def jacrev(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
        holomorphic: bool = False, allow_int: bool = False,
    ) -> Anything:
        """Make the Jacobian, with the dtypes of reverse mode."""
    @staticmethod
    def jacfwd(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
        holomorphic: bool = False,
    ) -> Anything:
        """Make the Jacobian, with the dtypes of forward mode."""
    @staticmethod
    def jacobian(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
        holomorphic: bool = False, allow_int: bool = False,
    ) -> Anything:
        """Make what `jacrev` makes."""
    @staticmethod
    def hessian(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
        holomorphic: bool = False,
    ) -> Anything:
        """Make the second derivative."""
    @staticmethod
    def fwd_grad(
        fun: Function = ..., /, grad_states: Container = None, argnums: Argnums = None, *,
        has_aux: bool = False, return_value: bool = False, check_states: bool = True,
        key: Key | None = None,
    ) -> Anything:
        """Make the derivative along one random direction, times that direction."""
    @staticmethod
    def vjp(
        fun: Function, /, *primals: Pytree, grad_states: Container = None, argnums: Argnums = 0,
        has_aux: bool = False,
    ) -> tuple[Anything, ...]:
        """Call, and give output, pullback, and aux where it is asked for."""
    @staticmethod
    def jvp(
        fun: Function, /, primals: Sequence[Pytree], tangents: Sequence[Pytree], *,
        has_aux: bool = False,
    ) -> tuple[Anything, ...]:
        """Call, and give output, tangent, and aux where it is asked for."""

    class GradientTransform:
        """The call of a user's transform that respects states; members are instances."""

        def __init__(
            self, target: Function, /, transform: Function, grad_states: Container = None,
            argnums: Argnums = None, *, return_value: bool = False, has_aux: bool = False,
            transform_params: Mapping[str, Anything] | None = None, check_states: bool = True,
        ) -> None:
            """Make `transform(fun, argnums=..., has_aux=True, **transform_params)` state-aware."""
        def __call__(self, *args: Pytree, **kwargs: Anything) -> Anything:
            """Call with the function's arguments, for a row of the return table."""

    class StateFinder:
        """A search for the states that a call uses."""

        def __init__(
            self, fn: Function, /, filter: Filter = None, *,
            usage: Literal["all", "read", "write", "both"] = "all",
            return_type: Literal["dict", "list", "tuple"] = "dict",
            key_fn: Callable[[int, State], Hashable] | None = None,
        ) -> None:
            """Make a finder; with `filter` left out, or None, every state is kept: None is no
            filter here, where as a filter elsewhere it matches nothing."""
        def __call__(self, *args: Pytree, **kwargs: Anything) -> Anything:
            """Call with the function's arguments, for a container of states."""

    @staticmethod
    def jit(
        fun: Function, /, *, static_argnums: int | Sequence[int] | None = None,
        static_argnames: str | Sequence[str] | None = None,
    ) -> Function:
        """Compile a function that reads and writes states."""

    # Class control.
    @staticmethod
    def for_loop(
        f: Function, *xs: Pytree, length: int | None = None, reverse: bool = False,
        unroll: int | bool = 1,
    ) -> Pytree:
        """Call `f` on every slice of `xs` in turn, and stack what it returns."""
    @staticmethod
    def scan(
        f: Function, init: Pytree, xs: Pytree, length: int | None = None, reverse: bool = False,
        unroll: int | bool = 1,
    ) -> tuple[Pytree, Pytree]:
        """Carry a value through calls on every slice of `xs`; the last carry, and all outputs."""
    @staticmethod
    def cond(
        pred: ArrayLike, true_fun: Function, false_fun: Function, *operands: Pytree
    ) -> Pytree:
        """Call one of two functions."""
    @staticmethod
    def switch(index: ArrayLike, branches: Sequence[Function], *operands: Pytree) -> Pytree:
        """Call one of several functions, by its index."""
    @staticmethod
    def while_loop(cond_fun: Function, body_fun: Function, init_val: Pytree) -> Pytree:
        """Apply the body as long as the condition is true."""
    @staticmethod
    def vmap(
        fn: Function, /, *, in_axes: Anything = 0, out_axes: Anything = 0,
        axis_name: Hashable | None = None, axis_size: int | None = None,
        in_states: Mapped = None, out_states: Mapped = None,
    ) -> Function:
        """Call `fn` on every lane of its arguments, and of the states that are named."""
    @staticmethod
    def checkpoint(
        fun: Function, /, *, prevent_cse: bool = True, policy: Anything = None,
        static_argnums: int | Sequence[int] = (),
    ) -> Function:
        """Compute anew, in the backward pass, what `fun` computed."""

class util:
    """Helpers."""

    class filter:
        """The forms of filters that have names, and what makes a predicate of each form."""

        @staticmethod
        def to_predicate(filter: Filter, /) -> Predicate:
            """The predicate that a filter of any form stands for."""

        class OfType:
            """Matches the instances of a class."""

            def __init__(self, type: type, /) -> None:
                """Match the instances of `type`."""

        class WithTag:
            """Matches the states that carry a tag."""

            def __init__(self, tag: str, /) -> None:
                """Match the states that carry `tag`."""

        class PathContains:
            """Matches the states whose path has a part equal to a key."""

            def __init__(self, key: Anything, /) -> None:
                """Match the paths that have `key`."""

        class Any:
            """Matches what one of the filters matches."""

            def __init__(self, *filters: Filter) -> None:
                """Match by any of some filters."""

        class All:
            """Matches what each of the filters matches."""

            def __init__(self, *filters: Filter) -> None:
                """Match by all of some filters."""

        class Not:
            """Matches what the filter does not match."""

            def __init__(self, filter: Filter, /) -> None:
                """Match by the opposite of a filter."""

        class Everything:
            """Matches every state."""

        class Nothing:
            """Matches no state."""
