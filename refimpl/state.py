"""State and the usual kinds of state.

The kinds differ in nothing but their class, which filters can select by (FLT-01, DER-02).
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from . import frames
from .frames import UNSET, stack
from .summary import summary
from .typing import T

__all__ = ["BatchState", "HiddenState", "LongTermState", "ParamState", "ShortTermState", "State"]


class _Sealing(type):
    """Ends the time in which a state takes new attributes, once all of `__init__` has run."""

    if not TYPE_CHECKING:  # a checker takes the signature of `__init__`

        def __call__(cls, *args, **kwargs):
            if cls.__eq__ is not object.__eq__ or cls.__hash__ is not object.__hash__:
                raise TypeError(f"{cls.__name__} has __eq__ or __hash__: a State is only itself")
            made = super().__call__(*args, **kwargs)
            vars(made)["_sealed"] = True
            return made


class State(Generic[T], metaclass=_Sealing):
    """A mutable cell that holds a pytree and that transforms know about.

    An attribute that was not there when the state was made cannot be set later, so that a
    misspelt ``state.value`` is an error. A subclass sets its own in its `__init__`. Copies and
    pickles hold the value that the state has where they are made, and are new states.

    Parameters
    ----------
    value : pytree
        The first value: an array, a Python number, or any pytree of these.
    name : str, optional
        Used in messages, and by filters of found states.
    tag : str or iterable of str, optional
        Labels for selecting states with a string filter.
    **metadata
        Kept as attributes.

    Raises
    ------
    TypeError
        If the name of metadata is one that states use themselves.

    Notes
    -----
    Rules: STA-01 to STA-09.
    """

    name: str | None
    tag: set[str] | None
    _value: Any
    _home: Any
    _sealed = False
    _changed = 0
    _uncopied: ClassVar[tuple[str, ...]] = ("_value", "_home", "_changed")

    def __init__(
        self,
        value: T,
        name: str | None = None,
        *,
        tag: str | Iterable[str] | None = None,
        **metadata: Any,
    ) -> None:
        tags = {tag} if isinstance(tag, str) else set(tag) if tag is not None else None
        vars(self).update(name=name, tag=tags)
        for key, content in metadata.items():
            method = callable(getattr(type(self), key, None))
            if method or key.startswith("_") or hasattr(State, key):
                raise TypeError(f"metadata cannot be called {key!r}: a State uses that itself")
            vars(self)[key] = content
        frames.create(self, value)

    @property
    def value(self) -> T:
        """The current value; inside a transform, the one of the running call.

        Raises
        ------
        StateError
            When read, if the state was created in a call that failed or is not finished; when
            set, if that could not take effect outside of a JAX transform.
        """
        value: T = stack.frames[-1].read(self) if stack.frames else self._value
        if value is UNSET:
            value = frames.lookup(self)
        return value

    @value.setter
    def value(self, value: T) -> None:
        frames.assign(self, value)

    def __repr__(self) -> str:
        value = frames.current(self)
        shown = repr(value) if value is UNSET else summary(value)
        return f"{type(self).__name__}{f' {self.name!r}' if self.name else ''} {shown}"

    @property
    def _cell(self) -> dict[str, Any]:
        """Where C code can set ``_value``: at once for many states, and undivided by interrupts."""
        return vars(self)

    if not TYPE_CHECKING:  # a checker refuses what is not declared, if it sees no such method

        def __setattr__(self, name, value):
            if name != "value" and name[0] != "_" and self._sealed:
                self._expect_known(name)
            object.__setattr__(self, name, value)

    def _expect_known(self, name: str) -> None:
        if name not in vars(self) and not hasattr(type(self), name):
            known = [key for key in (*vars(self), "value") if not key.startswith("_")]
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
            raise AttributeError(f"{self!r} has no attribute {name!r}; {hint}")

    def __getstate__(self) -> dict[str, Any]:
        # A copy or a pickle reads the value, and is a new state where it is made.
        mine = {key: content for key, content in vars(self).items() if key not in self._uncopied}
        return {**mine, "_value": State.value.__get__(self)}  # a subclass may show another

    def __setstate__(self, content: dict[str, Any]) -> None:
        value = content.pop("_value")
        vars(self).update(content)
        frames.create(self, value)


class ShortTermState(State[T]):
    """Changes from step to step and is reset between sequences."""


class LongTermState(State[T]):
    """Lives as long as its module."""


class HiddenState(ShortTermState[T]):
    """The hidden state of a recurrent cell."""


class ParamState(LongTermState[T]):
    """A trainable parameter."""


class BatchState(LongTermState[T]):
    """A statistic over batches."""
