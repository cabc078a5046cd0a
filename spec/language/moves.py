"""The moves of a history as data: what a script does next, and which moves are drawn.

A move says what it does in words.  Functions and transforms are meant by how far back they were
made, ``back=0`` being the newest; where there are not so many, the oldest is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .axes import FIRST_ORDER

HOME_PLACES: Final = ("s0", "s1", "m.w", "d0")
"""The places for states: two variables, an attribute of a module, and one with a container."""

VALUES: Final = {
    "positive": "jnp.array(0.5)",
    "negative": "jnp.array(-0.75)",
    "array": "jnp.array([0.5, -0.25, 1.0])",
    "single": "jnp.array(0.25, dtype=jnp.float32)",
}
"""What a state is given."""

POINTS: Final = {"number": "jnp.array(0.5)", "array": "jnp.array([0.25, -0.5, 0.75])"}
"""Where a function or a transform is called."""

WRITES: Final = {
    "nothing": "",
    "from both": "jnp.sin({b}) + 0.5 * y",
    "another shape": "y * jnp.ones((3,))",
    "from the other": "jnp.cos({a})",
    "from itself": "0.5 * {b} + 0.25",
}
"""What a function writes to the state ``b`` after it has read ``a`` into ``y``."""

COPIES: Final = {
    "copy": "copy.copy({0})",
    "deep copy": "copy.deepcopy({0})",
    "pickle": "pickle.loads(pickle.dumps({0}))",
}
"""How a state is copied."""

Switch = Literal["flag", "k"]
SWITCHES: Final[dict[Switch, tuple[str, str]]] = {
    "flag": ("True", "flag = not flag"), "k": ("2.0", "k = 0.5 - k"),
}
"""What functions take from outside: the value at first, and how it changes."""

SWITCHED: Final = ("on_flag", "scaled")
"""The fields of :class:`Define` that take a switch."""

ANY_OUTPUT: Final = FIRST_ORDER.where(outputs="any")
SELECTIONS: Final = ("one", "list", "dict", "argument", "both")


@dataclass(frozen=True)
class Define:
    """A function that reads one state, may write another, and reads the other.

    Attributes
    ----------
    reads, writes : str
        The two states.
    how : str
        What is written; see :data:`WRITES`.
    aux : bool
        Whether it returns a pair.
    array : bool
        Whether its output is an array, of which `grad` and `hessian` have no derivative.
    on_flag : bool
        Whether it writes only if a flag from outside is set.
    scaled : bool
        Whether it takes a factor from outside.
    draws : bool
        Whether it draws a random number.
    nests : bool
        Whether it calls a transform.
    fails : bool
        Whether it raises for an argument with three axes.
    """

    reads: str = "s0"
    writes: str = "s0"
    how: str = "nothing"
    aux: bool = False
    array: bool = False
    on_flag: bool = False
    scaled: bool = False
    draws: bool = False
    nests: bool = False
    fails: bool = False


@dataclass(frozen=True)
class Build:
    """A transform of a function, kept; none where the member cannot have the function's output,
    or would differentiate a transform twice.

    ``select`` says what it differentiates: one state, all in a list or in a dict, the argument,
    or states and argument; ``value`` that it returns the loss as well.
    """

    back: int = 0
    member: str = "grad"
    select: str = "one"
    value: bool = False


@dataclass(frozen=True)
class CallTransform:
    """A call of a transform, whenever it was built."""

    back: int = 0
    at: str = "number"


@dataclass(frozen=True)
class CallFunction:
    """A call of a function as it stands."""

    back: int = 0
    at: str = "number"


@dataclass(frozen=True)
class FailingCall:
    """A call of a transform that raises; the script catches it and goes on."""

    back: int = 0


@dataclass(frozen=True)
class Create:
    """A new state, in a new place or behind the name of an old one.

    Transforms of functions that read the place are called before and after, at ``at``.
    """

    state: str = "s0"
    kind: str = "State"
    value: str = "positive"
    at: str = "number"


@dataclass(frozen=True)
class Replace:
    """A new state behind the name of an old one that a function reads; else as `Create`."""

    state: str = "s0"
    kind: str = "State"
    value: str = "positive"
    at: str = "number"


@dataclass(frozen=True)
class Duplicate:
    """A copy behind the name of an old state, or of the module that holds it; else as `Create`.

    The copy is written then, and the old one looked at.
    """

    state: str = "s0"
    how: str = "deep copy"
    value: str = "positive"
    at: str = "number"


@dataclass(frozen=True)
class ThreadedCall:
    """A call of a transform in another thread, for which the script waits."""

    back: int = 0
    at: str = "number"


@dataclass(frozen=True)
class EagerWrite:
    """A write between calls."""

    state: str = "s0"
    value: str = "positive"


@dataclass(frozen=True)
class EagerDraw:
    """A random draw between calls."""


@dataclass(frozen=True)
class Turn:
    """A flag or a factor that a transform takes from outside changes; called before and after.

    ``switch`` says which is meant where there are both.
    """

    switch: Switch = "k"
    back: int = 0
    at: str = "number"


@dataclass(frozen=True)
class CompileFunction:
    """A function is compiled, one that depends on states and arguments only."""

    back: int = 0


@dataclass(frozen=True)
class CompileTransform:
    """A transform is compiled, one that depends on states and arguments only."""

    back: int = 0


Move = (Define | Build | CallTransform | CallFunction | FailingCall | Create | Replace
        | Duplicate | ThreadedCall | EagerWrite | EagerDraw | Turn | CompileFunction
        | CompileTransform)


# -- drawn moves ---------------------------------------------------------------------------------

_back = st.integers(0, 3)
_state = st.sampled_from(HOME_PLACES)
_kind = st.sampled_from(("State", "ParamState"))
_value = st.sampled_from(tuple(VALUES))
_at = st.sampled_from(tuple(POINTS))
_seldom = st.sampled_from((False, False, False, True))
_mostly = st.sampled_from((False, True, True))


def definitions(*may: str, **fields: SearchStrategy[Any]) -> SearchStrategy[Move]:
    """Functions, which may have the properties that are named."""
    return st.builds(Define, reads=_state, writes=_state, **{
        "how": st.sampled_from(tuple(WRITES)), "aux": _seldom, "array": _seldom,
        **dict.fromkeys(may, _mostly), **fields})


def surely(name: str) -> dict[str, SearchStrategy[Any]]:
    """The fields of a function that has a property: a write on a flag is a write."""
    has: dict[str, SearchStrategy[Any]] = {name: st.just(True)}
    return has | {"how": st.sampled_from(tuple(WRITES)[1:])} if name == "on_flag" else has


BUILDS: Final = (
    st.builds(Build, _back, st.sampled_from(FIRST_ORDER), st.sampled_from(SELECTIONS),
              st.booleans())
    | st.builds(Build, _back, st.just("hessian"), st.sampled_from(SELECTIONS[:-1]))
)
"""Transforms that are kept; the model takes long for more of a Hessian."""

CALLS: Final = (
    st.builds(CallTransform, _back, _at),
    st.builds(CallTransform, _back, _at),
    st.builds(CallFunction, _back, _at) | st.builds(CallTransform, _back, _at),
)

MOVES: Final[dict[type[Move], SearchStrategy[Any]]] = {
    FailingCall: st.builds(FailingCall, _back),
    Create: st.builds(Create, _state, _kind, _value, _at),
    Replace: st.builds(Replace, _state, _kind, _value, _at),
    Duplicate: st.builds(Duplicate, _state, st.sampled_from(tuple(COPIES)), _value, _at),
    ThreadedCall: st.builds(ThreadedCall, _back, _at),
    EagerWrite: st.builds(EagerWrite, _state, _value),
    EagerDraw: st.just(EagerDraw()),
    Turn: st.builds(Turn, st.sampled_from(tuple(SWITCHES)), _back, _at),
    CompileFunction: st.builds(CompileFunction, _back),
    CompileTransform: st.builds(CompileTransform, _back),
}
"""The moves beside definitions, transforms and calls, as they are drawn."""


@dataclass(frozen=True)
class Feature:
    """What a history may contain beside plain definitions, transforms and calls.

    Attributes
    ----------
    about : tuple of types
        The moves that it is about, one of which every such history has.
    beside : tuple of types
        Further moves.
    may : tuple of str
        What its functions may do, as fields of :class:`Define`.
    whole : bool
        Whether every such history has all of that, and not one move and one property.
    writes : bool
        Whether every such history has a function that writes what depends on its argument.
    """

    about: tuple[type[Move], ...] = ()
    beside: tuple[type[Move], ...] = ()
    may: tuple[str, ...] = ()
    whole: bool = False
    writes: bool = False

    @property
    def random(self) -> bool:
        """Whether numbers are drawn, so that the stream is seeded and looked at."""
        return EagerDraw in self.about

    def sure(self) -> SearchStrategy[tuple[Move, ...]]:
        """The moves that every such history has, so that it shows what it is about."""
        further = [MOVES[kind] for kind in self.about]
        build = st.builds(Build, st.just(0), st.sampled_from(ANY_OUTPUT),
                          st.sampled_from(SELECTIONS))
        array = st.booleans()
        if self.whole:  # what takes a switch from outside is not compiled, and has its own move
            all_of = {name: st.just(True) for name in self.may if name not in SWITCHED}
            return st.tuples(definitions(array=array, **all_of), build, *further)
        function = [definitions(array=array, **surely(name)) for name in self.may]
        if self.writes:
            function = [definitions(array=array, how=st.just("from both"))]
        return st.tuples(*[st.one_of(function), build] * bool(function),
                         *[st.one_of(further)] * bool(further))

    def some(self) -> SearchStrategy[list[Move]]:
        """Any moves of such a history."""
        further = [MOVES[kind] for kind in (*self.about, *self.beside)]
        kinds = [*CALLS, BUILDS, definitions(*self.may), *further]
        return st.lists(st.one_of(kinds), max_size=12)


FEATURES: Final = {
    "writes": Feature(),
    "values": Feature((EagerWrite,)),
    "replacements": Feature((Replace, Create), (EagerWrite,)),
    "copies": Feature((Duplicate,), (EagerWrite,)),
    "threads": Feature((ThreadedCall,), (ThreadedCall, EagerWrite), writes=True),
    "world": Feature((Turn,), may=SWITCHED),
    "failures": Feature((FailingCall,), may=("fails",)),
    "nesting": Feature(may=("nests",)),
    "compilation": Feature((CompileFunction,), (CompileFunction, EagerWrite)),
    "compiled transforms": Feature((CompileTransform,), (CompileTransform, EagerWrite)),
    "random": Feature((EagerDraw,), may=("draws",)),
    "everything": Feature(
        tuple(kind for kind in MOVES if kind is not Duplicate),
        may=(*SWITCHED, "fails", "nests", "draws"), whole=True),
}
"""What histories are about; not every library can copy its states, so no other feature does."""
