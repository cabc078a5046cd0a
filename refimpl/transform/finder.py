"""StateFinder: which states does a function read and write? (FND-01 to FND-21)"""

import contextlib
import gc
import itertools
from collections.abc import Callable, Hashable, Iterable
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakSet

import jax

from ..frames import Effects, Frame, in_foreign_body, leave_born, whole_stack
from ..memory import apart, code_of, watched
from ..state import State
from ..tree import Build, copy_containers, pack
from ..typing import Filter, P
from ..util.filter import to_predicate
from .checks import expect_function, is_hashable
from .deferred import Deferred


class StateFinder(Deferred[P, Any]):
    """Observe a function and return the states it uses, leaving all of them as they are.

    Parameters
    ----------
    fn : callable
        The function; call the finder with its arguments.
    filter : filter, optional
        Which of the states to return; all of them by default.
    usage : {'all', 'read', 'write', 'both'}
        'write': those written; 'read': the others; 'both': a dict of the two.
    return_type : {'dict', 'list', 'tuple'}
        The container. Keys of a dict are 0, 1, 2, ... in the order of first access.
    key_fn : callable, optional
        ``key_fn(index, state)`` gives another key. Keys that collide get a number appended.

    Raises
    ------
    TypeError
        If `fn` cannot be called, or `filter` is no filter.
    ValueError
        If `usage` or `return_type` is none of those above.

    Notes
    -----
    Rules: FND-01 to FND-21, ERR-14, GST-11.
    """

    def __init__(
        self,
        fn: Callable[P, Any] | None = None,
        filter: Filter = None,
        *,
        usage: str = "all",
        return_type: str = "dict",
        key_fn: Callable[[int, State], Hashable] | None = None,
    ) -> None:
        self.fn = expect_function(fn, "fn")
        if usage not in ("all", "read", "write", "both"):
            raise ValueError(f"usage must be 'all', 'read', 'write' or 'both', got {usage!r}")
        if return_type not in ("dict", "list", "tuple"):
            raise ValueError(f"return_type must be 'dict', 'list' or 'tuple', got {return_type!r}")
        self.usage = usage
        self.return_type = return_type
        self.key_fn = key_fn
        self.predicate = to_predicate(... if filter is None else filter)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """The states that a call with these arguments uses.

        Returns
        -------
        dict, list or tuple
            The states in the order of first access; for ``usage='both'`` a dict with such a
            container under 'read' and another under 'write'.

        Raises
        ------
        Exception
            What the function raises (FND-13).
        """
        kept, code = in_foreign_body(), code_of(self.fn)
        effects = None if code in _needs_values else self._observe(args, kwargs, kept)
        if effects is None:
            effects = watched(self.fn, lambda: self._run(args, kwargs, kept))
            if isinstance(self.fn, FunctionType | MethodType):
                _needs_values.add(code)  # it would fail again, and JAX keeps what it traced
        used = {
            state: written
            for state, written in effects.touched.items()
            if self.predicate((state.name,) if state.name else (), state)
        }
        if self.usage == "both":
            return {"read": self._pick(used, [False]), "write": self._pick(used, [True])}
        roles = {"all": [True, False], "read": [False], "write": [True]}
        return self._pick(used, roles[self.usage])

    find = __call__

    def _run(self, args: Any, kwargs: Any, kept: bool) -> Effects:
        with whole_stack(), Frame(kept=kept) as frame:
            frame.dropped = True
            self.fn(*args, **kwargs)
        effects = frame.close()  # and never settled, but for what is new
        leave_born({state: frame.first[state] for state in effects.born})
        return effects

    def _observe(self, args: Any, kwargs: Any, kept: bool) -> Effects | None:
        """Run the function on abstract JAX arrays, so that nothing is computed.

        Much of what Python does with values fails on these: control flow, formatting, NumPy.
        Then the result is None, and only a real run shows what the function does, or what is
        wrong with it.
        """
        seen: list[Effects] = []
        made: dict[State, Any] = {}
        build: Build
        with contextlib.suppress(Exception):
            # Copied, so that a change of a NumPy array in place is not made twice.
            leaves, treedef = jax.tree.flatten(copy_containers((args, kwargs)))
            arrays = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]
            values = [leaves[i] for i in arrays]

            def abstract(values: list[Any]) -> Any:
                nonlocal build
                for i, value in zip(arrays, values, strict=True):
                    leaves[i] = value
                given, named = jax.tree.unflatten(treedef, leaves)
                with contextlib.suppress(Exception):
                    with whole_stack(), Frame(kept=kept) as frame:
                        frame.dropped = True
                        self.fn(*given, **named)
                    if frame.born:
                        gc.collect()  # it may be alive only as part of a reference cycle
                    seen.append(frame.close())
                traced: list[Any] = []
                if frame.born:
                    # What was created in a trace of its own has no value that means anything here.
                    made.update((s, v) for s, v in frame.first.items() if s._home == frame.trace)
                    build = pack(list(made.values()), traced)
                return traced

            with apart():
                jaxpr = jax.make_jaxpr(abstract)(values)
        if made:
            # Their first values are computed after all, or whoever holds them has nothing,
            # even if the function has failed on the abstract arrays.
            first = jax.core.eval_jaxpr(jaxpr.jaxpr, jaxpr.consts, *values)
            leave_born(dict(zip(made, build(first), strict=True)))
        return seen[-1] if seen else None

    def _pick(self, used: dict[State, bool], roles: Iterable[bool]) -> Any:
        states = [state for state, written in used.items() if written in roles]
        if self.return_type != "dict":
            return states if self.return_type == "list" else tuple(states)
        result: dict[Hashable, State] = {}
        for index, state in enumerate(states):
            wanted = index if self.key_fn is None else self.key_fn(index, state)
            base = wanted if is_hashable(wanted) else str(wanted)
            keys = itertools.chain((base,), (f"{base}_{n}" for n in itertools.count(1)))
            result[next(key for key in keys if key not in result)] = state
        return result


_needs_values: WeakSet[CodeType] = WeakSet()
