"""Finding the states of a function: drawn orders of reads and writes, against a simple count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ...judge import compare, difference
from ...judge.check import generated
from ...judge.difference import Difference, Violation
from ...judge.observation import run
from ...judge.subject import Subject
from ...language import filters
from ...language.filters import FORMS, Filter
from ...language.script import Script

STEPS = {
    "read": "t = t + {0}.value",
    "write": "{0}.value = t",
    "update": "{0}.value = {0}.value * 2.0",
    "same": "{0}.value = {0}.value",
    "write and read": "{0}.value = t; t = t * {0}.value",
}
"""What a line of a function does to a state; all but the first write it."""

TOUCHES = {
    "name": "{0}.name",
    "tag": "{0}.tag",
    "list": "[{0}]",
    "class": "isinstance({0}, lib.State)",
    "branch not taken": "{0}.value if {0}.name == 'another' else 0.0",
}
"""What a line does with a state without its value."""

NO_STATES = {
    "draw": "t = t + lib.random.normal(size=())", "raise": "raise ArithmeticError('planned')"}
"""Lines that are about no state."""

INNER = {
    "function": "g(t)",
    "compiled": "lib.transform.jit(g)(t)",
    "compiled before": "h(t)",
    "gradient": "lib.transform.grad(g)(t)",
    "gradient for a state": "lib.transform.grad(g, grad_states=s0, check_states=False)(t)",
    "compiled gradient": "lib.transform.jit(lib.transform.grad(g))(t)",
    "vjp": "lib.transform.vjp(g, t)[0]",
    "jvp": "lib.transform.jvp(g, (t,), (t,))[1]",
    "loop": "lib.transform.for_loop(g, jnp.stack([t, t]))[1]",
    "branch": "lib.transform.cond(t > 0.0, g, lambda t: t, t)",
    "lanes": "lib.transform.vmap(lambda _: g(t))(jnp.ones(2))[0]",
    "checkpoint": "lib.transform.checkpoint(g)(t)",
}
"""Calls of a function g inside of the function."""

IN_CONDITIONS = {
    "condition of a loop":
        "lib.transform.while_loop(lambda n: n + 0.0 * g(t) < 2.0, lambda n: n + 1.0, 0.0 * t)",
    "condition of a branch": "lib.transform.cond(g(t) > 0.0, jnp.sin, jnp.cos, t)",
    "index of a branch": "lib.transform.switch(jnp.int32(g(t)), [jnp.sin, jnp.cos], t)",
}
"""The same of a function g that only reads."""

CLOSURE = "closure"
"""The function holds the states in its closure, rather than in its module."""

RETURN_TYPES = ("dict", "list", "tuple")
USAGES = ("all", "read", "write")


@dataclass(frozen=True)
class Accesses(Script):
    """A function as a sequence of accesses, and a finder of it; prints as a script."""

    steps: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    tags: tuple[str | None, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    inner: str = ""
    around: tuple[tuple[tuple[str, str], ...], ...] = ((), ())

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [*self.setup(), "result = find(jnp.array(2.0))"]

    def setup(self) -> list[str]:
        """The lines that make the states, the function and the finder."""
        words = "".join(f", {name}={text}" for name, text in self.options.items())
        return [
            *map(self.state, range(len(self.kinds))),
            *self.functions(),
            f"find = lib.transform.StateFinder(f{words})",
        ]

    def state(self, i: int) -> str:
        """The line that makes a state."""
        tag = "" if self.tags[i] is None else f", tag={self.tags[i]!r}"
        return f"s{i} = lib.{self.kinds[i]}(jnp.array({i}.5), name='s{i}'{tag})"

    def functions(self) -> list[str]:
        """The definition of the function, and of one that it calls if it does."""
        texts = {**STEPS, **TOUCHES, **NO_STATES}
        body, first, last = ([f"    {texts[step].format(state)}" for step, state in steps]
                             for steps in (self.steps, *self.around))
        if not self.inner:
            return ["def f(t):", *body, "    return t"]
        if self.inner == CLOSURE:
            states = ", ".join(f"s{i}" for i in range(len(self.kinds)))
            inner = [f"    {line}" for line in ("def f(t):", *body, "    return t")]
            return [f"def make({states}):", *inner, "    return f", f"f = make({states})"]
        before = ["h = lib.transform.jit(g)", "h(jnp.array(2.0))"]
        return ["def g(t):", *body, "    return t",
                *(before if self.inner == "compiled before" else ()),
                "def f(t):", *first, f"    t = {(INNER | IN_CONDITIONS)[self.inner]}", *last,
                "    return t"]

    @property
    def usage(self) -> str:
        """The usage asked for."""
        return self.options.get("usage", "'all'").strip("'")

    @property
    def return_type(self) -> type:
        """The type of container asked for."""
        return {"dict": dict, "list": list, "tuple": tuple}[
            self.options.get("return_type", "'dict'").strip("'")]

    def accesses(self) -> list[tuple[str, str]]:
        """What the function does with states, and the one that it calls in between, in order."""
        first, last = self.around
        return [(step, state) for step, state in (*first, *self.steps, *last) if step in STEPS]

    def used(self) -> list[str]:
        """The states that are used, in the order of first access."""
        return list(dict.fromkeys(state for _, state in self.accesses()))

    def expected(self, usage: str = "") -> list[str]:
        """The states of a usage, in the order of first access."""
        written = {state for step, state in self.accesses() if step != "read"}
        wanted = {"all": (True, False), "read": (False,), "write": (True,)}[usage or self.usage]
        return [state for state in self.used() if (state in written) in wanted]


@dataclass(frozen=True)
class BetweenDraws(Accesses):
    """The same, and the draw that comes before and after it."""

    def lines(self) -> list[str]:
        """With three numbers after a seed: without the finder's call, and with it."""
        draw = "lib.random.normal(size=(3,))"
        return [*self.setup(), "lib.random.seed(3)", f"want = {draw}",
                "lib.random.seed(3)", "find(jnp.array(2.0))", f"got = {draw}"]


@dataclass(frozen=True)
class Failing(Accesses):
    """The same, and what the finder raises."""

    def lines(self) -> list[str]:
        """With the exception as text."""
        return [*self.setup(), "try:", "    result = find(jnp.array(2.0))",
                "except Exception as error:", "    result = repr(error)"]


@dataclass(frozen=True)
class FinderWish:
    """Which functions and finders to draw.

    Attributes
    ----------
    options : mapping
        Options of the finder, as source.
    fewest, most : int
        How many lines.
    states : tuple of int
        The least and the greatest number of states.
    steps : tuple of str
        The accesses to choose from.
    usages : tuple of str
        The usages to choose from, if not that of the options.
    more : tuple of str
        Lines to draw from besides the accesses; the last is there for sure where ``sure``.
    form : str
        The form of the finder's filter, if it has one.
    inner : str
        How the function calls another that does it all, if it does; or that it is a closure.
    around : bool
        Whether the function uses states itself, too, before and after it calls the other.
    kind : type
        What is drawn.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    fewest: int = 1
    most: int = 6
    states: tuple[int, int] = (2, 4)
    steps: tuple[str, ...] = tuple(STEPS)
    usages: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    sure: bool = False
    form: str = ""
    inner: str = ""
    around: bool = False
    kind: type[Accesses] = Accesses


def asks(usage: str = "all", return_type: str = "list", **options: str) -> dict[str, str]:
    """Options of a finder, as source."""
    return {"usage": repr(usage), "return_type": repr(return_type), **options}


@st.composite
def accesses(draw: Any, wish: FinderWish) -> Accesses:
    """Functions of some accesses of some states, some of them never used."""
    kinds = draw(st.lists(st.sampled_from(("State", "ParamState")), min_size=wish.states[0],
                          max_size=wish.states[1]))
    tags = draw(st.lists(filters.ONE_TAG, min_size=len(kinds), max_size=len(kinds))) \
        if wish.form else [None] * len(kinds)
    states = st.sampled_from([f"s{i}" for i in range(len(kinds))])
    step = st.tuples(st.sampled_from((*wish.steps, *wish.more)), states)
    steps = draw(st.lists(step, min_size=wish.fewest, max_size=wish.most))
    if wish.sure:
        steps.insert(draw(st.integers(0, len(steps))), (wish.more[-1], draw(states)))
    options = dict(wish.options)
    if wish.usages:
        options["usage"] = repr(draw(st.sampled_from(wish.usages)))
    if wish.form:
        options["filter"] = draw(filters.of_form(wish.form, 1).filter(asks_no_path)).source()
    around = [draw(st.lists(step, min_size=least, max_size=wish.around))
              for least in (0, wish.around)]
    return wish.kind(tuple(steps), tuple(kinds), tuple(tags), options, wish.inner,
                     tuple(map(tuple, around)))


def asks_no_path(chosen: Filter) -> bool:
    """Whether a filter does not look at the path, which a state found in a function has not."""
    return not any(word in chosen.source() for word in ("PathContains", "path[", "len(path)"))


# -- judges --------------------------------------------------------------------------------------


def judge_found(case: Accesses, made: Mapping[str, Any], place: str, want: list[str],
                 found: Any, *, ordered: bool = True) -> None:
    """A container holds exactly these states, in this order where the rule speaks of it."""
    name = {id(made[f"s{i}"]): f"s{i}" for i in range(len(case.kinds))}
    mapped = isinstance(found, Mapping)
    got = [name.get(id(s), "a stranger") for s in (found.values() if mapped else found)]
    held = f"{place}.values()" if mapped else place
    states = f"[{', '.join(want)}]"
    order = "[*map(id, {})]"
    if not ordered:
        want, got, order = sorted(want), sorted(got), "sorted(map(id, {}))"
    if got != want:
        claim = f"{order.format(held)} == {order.format(states)}"
        raise Violation(Difference(place, claim, f"{want}", f"{got}"))


def judge(subject: Subject, case: Accesses) -> None:
    """The states of the usage; written ones in the order of first access or of first write."""
    made = run(case, subject)
    judge_found(case, made, "result", case.expected(), made["result"],
                 ordered=case.usage != "write")


for _rule, _usage in (("FND-01", "all"), ("FND-02", "write"), ("FND-03", "read")):
    _points = {f"{_usage}, {n} accesses": FinderWish(asks(_usage), n, n) for n in range(7)}
    _steps = ("read",) if _usage == "read" else ("write", "update")
    _points[f"{_usage}, many states"] = FinderWish(
        asks(_usage), 12, 16, (8, 9), _steps if _usage != "all" else tuple(STEPS))
    generated(_rule, accesses, _points)(judge)

generated("FND-17", accesses, {
    name: FinderWish(asks(), 1, 3, usages=USAGES, inner=name, around=True) for name in INNER
} | {
    name: FinderWish(asks(), 1, 3, (2, 4), ("read",), USAGES, inner=name, around=True)
    for name in IN_CONDITIONS
}, wide=3)(judge)
generated("FND-18", accesses, {
    f"{touch}, {inner or 'module'}": FinderWish(asks(), 0, 4, more=(touch,), sure=True, inner=inner)
    for touch in TOUCHES for inner in (CLOSURE, "")
})(judge)


@generated("FND-04", accesses, {kind: FinderWish(asks("both", kind)) for kind in RETURN_TYPES})
def both_usages_in_a_mapping(subject: Subject, case: Accesses) -> None:
    """The keys, and under each the container that its usage alone gives."""
    found = (made := run(case, subject))["result"]
    if not isinstance(found, Mapping) or set(found) != {"read", "write"}:
        claim = "{*result.keys()} == {'read', 'write'}"
        raise Violation(Difference("result", claim, "the keys read and write", f"{found!r}"))
    for usage, part in found.items():
        place = f"result[{usage!r}]"
        if type(part) is not case.return_type:
            raise Violation(difference.of_type(place, case.return_type, part))
        judge_found(case, made, place, case.expected(usage), part, ordered=usage == "read")


@generated("FND-07", accesses, {"": FinderWish()})
@generated("FND-05", accesses, {
    f"{kind}, {usage}": FinderWish(asks(usage, kind), 0, 4)
    for kind in RETURN_TYPES for usage in USAGES
})
def container_has_the_type_asked_for(subject: Subject, case: Accesses) -> None:
    """A dict if nothing is asked for; and the states in it."""
    found = (made := run(case, subject))["result"]
    if type(found) is not case.return_type:
        raise Violation(difference.of_type("result", case.return_type, found))
    judge_found(case, made, "result", case.expected(), found, ordered=False)


def keeps(case: Accesses, made: Mapping[str, Any], subject: Subject) -> list[str]:
    """The states that are expected and that the finder's filter, as a predicate, matches."""
    words = {"lib": subject.lib, "jnp": subject.xp}
    matches = subject.lib.util.filter.to_predicate(eval(case.options["filter"], words))
    return [state for state in case.expected() if matches((), made[state])]


@generated("FND-06", accesses, {
    name: FinderWish(asks(), 1, 4, usages=USAGES, form=name) for name, form in FORMS.items()
    if form.means != "through" and name != "None"  # which reads as "no filter" as well
}, wide=3)
def finder_keeps_what_its_filter_matches(subject: Subject, case: Accesses) -> None:
    """Against the predicate, asked about every state that is used; what it says is for FLT."""
    made = run(case, subject)
    judge_found(case, made, "result", keeps(case, made, subject), made["result"],
                 ordered=case.usage != "write")


@generated("FND-08", accesses, {
    usage: FinderWish(asks(usage, "dict"), 0, form="class") for usage in USAGES
})
def keys_count_the_states_returned(subject: Subject, case: Accesses) -> None:
    """Under a filter, so that states which it drops come first and in between."""
    made = run(case, subject)
    want, found = [*range(len(keeps(case, made, subject)))], made["result"]
    if list(found) != want:
        raise Violation(difference.of_keys("result", want, found, ordered=True))


KEYS = ("lambda index, state: state.name", "lambda index, state: (state.name, index)",
        "lambda index, state: -index", "lambda index, state: index * 2 + 1",
        "lambda index, state: (type(state).__name__, state.name)")
"""Functions whose keys differ."""


@generated("FND-09", accesses, {
    f"{usage}, {key.partition(': ')[2]}": FinderWish(asks(usage, "dict", key_fn=key))
    for usage in ("all", "read") for key in KEYS
})
def key_function_gives_the_keys(subject: Subject, case: Accesses) -> None:
    """Index and state of every state that is returned, in order."""
    made = run(case, subject)
    key = eval(case.options["key_fn"])
    want = [key(index, made[state]) for index, state in enumerate(case.expected())]
    if list(made["result"]) != want:
        raise Violation(difference.of_keys("result", want, made["result"], ordered=True))


def judge_values(case: Accesses, made: Mapping[str, Any]) -> None:
    """Every state holds the number that it was made with."""
    for i in range(len(case.kinds)):
        if found := compare.same(np.array(i + 0.5), made[f"s{i}"].value, f"s{i}.value"):
            raise Violation(found)


@generated("FND-11", accesses, {
    usage: FinderWish(asks(usage), 1) for usage in (*USAGES, "both")
} | {
    f"in a {name}": FinderWish(asks(), 1, 3, inner=name) for name in INNER
    if name != "compiled before"  # a plain call, whose writes stay
})
def states_keep_their_values(subject: Subject, case: Accesses) -> None:
    """Whatever is done to them, and wherever in the function."""
    judge_values(case, run(case, subject))


@generated("FND-12", accesses, {
    usage: FinderWish(asks(usage), 0, 4, more=("draw",), sure=True, kind=BetweenDraws)
    for usage in (*USAGES, "both")
})
def random_stream_stays(subject: Subject, case: Accesses) -> None:
    """The draws after a finder's call, and the same draws without it."""
    made = run(case, subject)
    want, got = np.asarray(made["want"]), np.asarray(made["got"])
    if not np.array_equal(want, got):
        raise Violation(Difference("got", "(got == want).all()", f"{want}", f"{got}"))


@generated("FND-13", accesses, {
    usage: FinderWish(asks(usage), 1, 4, more=("raise",), sure=True, kind=Failing)
    for usage in (*USAGES, "both")
})
def failure_leaves_all_as_it_was(subject: Subject, case: Accesses) -> None:
    """A function that raises before, between or after its accesses."""
    made, want = run(case, subject), "ArithmeticError('planned')"
    if made["result"] != want:
        claim = f"result == {want!r}"
        raise Violation(Difference("result", claim, want, f"{made['result']}"))
    judge_values(case, made)
