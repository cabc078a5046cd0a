"""Bad input as data: a call that must be refused, when, with what words, and what must not change.

A row prints as scripts, one for each thing that is asked of a refusal: that it comes (and as
which class of exception, where a source says so), that its message helps, and that every state
is left as it was.  The script that a failure shows is the script that ran.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...language.axes import EVERY, REPRESENTATIVES, SCALAR, representatives
from ...language.script import Script


@dataclass(frozen=True)
class Misuse:
    """One way to ask for what cannot be given.

    Attributes
    ----------
    id : str
        A few words, unique among the rows.
    rule : str
        The rule that asks for the refusal.
    make : str
        The source that builds the transformed function; ``{T}`` stands for the transform.
    call : str
        The source of the call of what was built, as ``t``.
    raises : str
        The class of exception that a source demands; empty if any will do.
    suggests : str
        The class that Python's conventions suggest, where no source demands one.
    names : tuple of str
        What the message must contain, where a source demands it.
    helps : tuple of str
        What a helpful message contains, beyond that.
    members : tuple of str
        The transforms for which the row is walked: all that its rule concerns, or a few of them
        where another row of the rule is walked for all.
    setup : tuple of str
        Lines before, which define ``f``.
    states : mapping
        The states and their values before, as source; all must hold the same values after.
    """

    id: str
    rule: str
    make: str
    call: str
    raises: str = ""
    suggests: str = ""
    names: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()
    members: tuple[str, ...] = ("grad",)
    setup: tuple[str, ...] = ("def f(x, y=1.0):", "    n.value = n.value + 1.0",
                              "    return s.value * jnp.sum(x) * y")
    states: Mapping[str, str] = field(default_factory=lambda: {"s": "2.0", "n": "0.0"})

    @property
    def runs(self) -> bool:
        """Whether there are states that could have changed."""
        return bool(self.states)


@dataclass(frozen=True)
class Attempt(Script):
    """A row for one member, asked one thing: refusal, class, words, or states unchanged."""

    row: Misuse
    member: str
    asks: Literal["refusal", "class", "words", "unchanged"]

    def lines(self) -> list[str]:
        """The whole script, without its header; it raises AssertionError if the rule is broken."""
        row = self.row
        values = [f"lib.State({_value(text)})" for text in row.states.values()]
        states = [f"{', '.join(row.states)} = {', '.join(values)}"] if values else []
        make = row.make.replace("{T}", f"lib.transform.{self.member}")
        attempt = ["try:", f"    t, error = {make}, None", f"    {row.call}"]
        catch = ["except Exception as e:", "    error = e"]
        return [*states, *row.setup, *attempt, *catch, *self._claims()]

    def _claims(self) -> list[str]:
        row = self.row
        match self.asks:
            case "refusal":
                return [_is(row.raises or "Exception"), *_says(row.names)]
            case "class":
                return [_is(row.suggests, "error is None or ")]
            case "words":
                return [*_says(row.helps, "error is None or ")]
        same = " and ".join(_holds(name, text) for name, text in row.states.items())
        now = ", ".join(f"{name} = {{{name}.value}}" for name in row.states)
        told = f"{{'expected': 'the states unchanged', 'got': f'{now}'}}"
        return [f"assert error is None or {same}, {told}"]


def _value(text: str) -> str:
    return text if text.startswith(("{", "jnp")) else f"jnp.array({text})"


def _is(kind: str, unless: str = "") -> str:
    return f"assert {unless}isinstance(error, {kind}), {{'expected': {kind!r}, 'got': error}}"


def _says(words: tuple[str, ...], unless: str = "") -> list[str]:
    if not words:
        return []
    said = f"all(word in str(error) for word in {words!r})"
    wanted = f"{', '.join(words)} in the message"
    return [f"assert {unless}{said}, {{'expected': {wanted!r}, 'got': error}}"]


def _holds(name: str, text: str) -> str:
    if text.startswith("{"):
        return f"all(jnp.array_equal({name}.value[k], v) for k, v in {text}.items())"
    return f"jnp.array_equal({name}.value, {_value(text)})"


X: Final = "jnp.array([1.0, 2.0])"
AUX_F: Final = "def f(x, y=1.0):", "    n.value = n.value + 1.0"


def _returning(text: str) -> tuple[str, ...]:
    return (*AUX_F, f"    return {text}")


def _argnums(id: str, rule: str, argnums: str, call: str = f"t({X}, {X})",
             states: str = "", **more: Any) -> Misuse:
    return Misuse(id, rule, f"{{T}}(f, {states}argnums={argnums})", call, **more)


BAD_ARGNUMS: Final = (
    _argnums("the same index twice", "ERR-01", "(0, 0)", suggests="ValueError", members=EVERY),
    _argnums("the same index twice, in a list, with states", "ERR-01", "[1, 0, 1]",
             states="grad_states=[s], ", suggests="ValueError"),
    *(_argnums(f"argnums is {text}", "ERR-02", text, helps=(text.strip("'"),),
               suggests="TypeError", members=members)
      for text, members in (("1.0", EVERY), ("'x'", ("grad",)))),
    *(_argnums(f"argnums holds {text}", "ERR-02", f"(0, {text})", helps=(text,),
               suggests="TypeError")
      for text in ("0.5", "None")),
    _argnums("index beyond the arguments", "ERR-03", "7", names=("7",), members=EVERY),
    _argnums("index beyond the arguments, with states", "ERR-03", "7",
             states="grad_states=[s], ", names=("7",),
             members=representatives("reverse", "jacobian", "sample")),
    _argnums("index beyond the arguments, in a tuple", "ERR-03", "(0, 7)", names=("7",)),
    _argnums("index before the arguments", "ERR-03", "-7", names=("-7",), members=EVERY),
    _argnums("index before the arguments, with states", "ERR-03", "(0, -7)",
             states="grad_states=[s], ", names=("-7",)),
    _argnums("index of an argument given by keyword", "ERR-03", "1", f"t({X}, y={X})"),
    _argnums("no positional argument at all", "ERR-03", "0", f"t(x={X})"),
)
"""Bad ``argnums``."""


def _states(id: str, text: str, **more: Any) -> Misuse:
    return Misuse(id, "ERR-04", f"{{T}}(f, grad_states={text})", f"t({X})",
                  suggests="TypeError", **more)


BAD_STATES: Final = (
    _states("an array for a state", "s.value", members=EVERY),
    _states("an array in a list of states", "[s, s.value]", helps=("grad_states",)),
    _states("a string in a dict of states", "{'a': s, 'b': 'weight'}", helps=("weight",)),
    _states("the class for a state", "[lib.State]"),
    _states("a number", "3", helps=("3",)),
)
"""Bad ``grad_states``."""

MIXED: Final = "{'w': jnp.array(2.0), 'count': jnp.array(3)}"
USES: Final = ("def f(v=None):", "    n.value = n.value + 1.0",
               "    v = s.value if v is None else v",
               "    return sum(1.0 * jnp.sum(leaf) for leaf in v.values())")
MASKED: Final = "{'w': jnp.array(2.0), 'mask': jnp.array([True, False])}"

BAD_LEAVES: Final = (
    Misuse("an integer leaf in a state", "ERR-05", "{T}(f, grad_states=s)", "t()", "TypeError",
           helps=("count",), members=EVERY, setup=USES, states={"s": MIXED, "n": "0.0"}),
    Misuse("a boolean leaf in a state", "ERR-05", "{T}(f, grad_states=s)", "t()", "TypeError",
           helps=("mask",), setup=USES, states={"s": MASKED, "n": "0.0"}),
    Misuse("an integer state in a dict", "ERR-05", "{T}(f, grad_states={'good': s, 'bad': i})",
           f"t({X})", "TypeError", helps=("bad",), members=REPRESENTATIVES,
           states={"s": "2.0", "i": "3", "n": "0.0"},
           setup=("def f(x):", "    n.value = n.value + 1.0",
                  "    return jnp.sum(x) * s.value * i.value")),
    Misuse("an integer leaf in an argument", "ERR-06", "{T}(f)", f"t({MIXED})", "TypeError",
           helps=("count",), members=EVERY, setup=USES, states={"n": "0.0"}),
    Misuse("an integer argument", "ERR-06", "{T}(f, argnums=(0, 1))", f"t({X}, 2)", "TypeError"),
    Misuse("a boolean argument", "ERR-06", "{T}(f, argnums=1)", f"t({X}, jnp.array(True))",
           "TypeError"),
)
"""Leaves that have no derivative."""

BAD_AUXES: Final = tuple(
    Misuse(f"has_aux with {words}", "ERR-07", "{T}(f, grad_states=s, has_aux=True)", f"t({X})",
           suggests="TypeError", helps=("aux",), members=members,
           setup=_returning(f"{text}"))
    for words, text, members in (
        ("the output alone", "s.value * jnp.sum(x)", EVERY),
        ("three values", "s.value * jnp.sum(x), 1.0, 2.0", EVERY),
        ("a tuple of one", "(s.value * jnp.sum(x),)", representatives("reverse", "forward")),
        ("a dict", "{'loss': s.value * jnp.sum(x), 'aux': 1.0}",
         representatives("reverse", "jacobian")),
        ("an array of two", "s.value * x",
         representatives("reverse", "jacobian", "second", "sample")),
        ("nothing", "[s.value, None][1]", representatives("reverse", "second")),
    )
)
"""Functions that do not return a pair."""

BAD_OUTPUTS: Final = (
    *(Misuse(f"{words} for a scalar", "ERR-09", "{T}(f, grad_states=s)", f"t({X})",
             suggests="TypeError", helps=helps, members=members,
             setup=_returning(text))
      for words, text, helps, members in (
          ("an array", "s.value * x", ("(2,)",), SCALAR),
          ("an array of one", "s.value * x[:1]", ("(1,)",), SCALAR),
          ("a dict", "{'loss': s.value * jnp.sum(x)}", (), ("grad",)),
          ("text", "[s.value, 'text'][1]", (), ("grad",)),
          ("nothing", "[s.value, None][1]", (), SCALAR))),
    *(Misuse(f"{words} output", "ERR-09", "{T}(f)", f"t({X})", suggests="TypeError",
             setup=_returning(text))
      for words, text in (("an integer", "jnp.sum(x).astype(int)"), ("a Python int as", "1"))),
    Misuse("a complex output", "ERR-10", "{T}(f, grad_states=s)", f"t({X})",
           suggests="TypeError", setup=_returning("s.value * jnp.sum(x) * (1.0 + 1.0j)"),
           members=representatives("reverse", "jacobian")),
    Misuse("a complex state in forward mode", "ERR-10", "{T}(f, grad_states=s)", f"t({X})",
           suggests="TypeError", setup=_returning("jnp.abs(s.value) ** 2 * jnp.sum(x)"),
           states={"s": "2.0 + 1.0j", "n": "0.0"}, members=representatives("forward", "second")),
    Misuse("holomorphic of a real state", "ERR-10", "{T}(f, grad_states=s, holomorphic=True)",
           f"t({X})", suggests="TypeError",
           members=EVERY.where(holomorphic=True)),
)
"""Outputs and inputs of the wrong kind."""

IDLE: Final = ("idle", "spare", "third", "fourth", "fifth", "sixth", "seventh", "eighth")

UNTOUCHED: Final = tuple(
    Misuse(f"{words} left untouched", "ERR-11", f"{{T}}(f, grad_states={text})", f"t({X})",
           "ValueError", names=names, members=members,
           setup=(f"a, b, *more = (lib.State(jnp.array(1.0), name=k) for k in {IDLE[:made]})",
                  "def f(x):", "    n.value = n.value + 1.0",
                  "    return s.value * jnp.sum(x)"))
    for words, text, names, made, members in (
        ("a state", "{'used': s, 'idle': a}", IDLE[:1], 2, EVERY),
        ("two states", "{'idle': a, 'used': s, 'spare': b}", IDLE[:2], 2, REPRESENTATIVES),
        ("eight states", "[s, a, b, *more]", IDLE, 8, SCALAR),
    )
)
"""States that the function does not touch."""

IN_A_MODULE: Final = ("m = lib.nn.Module()", "m.s = s")
FINDER: Final = "lib.transform.StateFinder(lambda: s.value, {})"

BAD_SELECTIONS: Final = (
    *(Misuse(f"{text} before another filter", "ERR-12", f"m.states({text}, lib.ParamState)",
             "None", setup=IN_A_MODULE, states={"s": "2.0"}, suggests="ValueError")
      for text in ("...", "True")),
    *(Misuse(f"{text} as a filter", "ERR-13", f"m.states({text})", "None", setup=IN_A_MODULE,
             states={"s": "2.0"}, suggests="TypeError", helps=(text,))
      for text in ("3.5", "42")),
    *(Misuse(f"StateFinder with {words}", "ERR-14", FINDER.format(words), "t()", setup=(),
             states={"s": "2.0"}, suggests="ValueError", helps=("nonsense",))
      for words in ("usage='nonsense'", "return_type='nonsense'")),
)
"""Bad filters and options of finders."""

BASE: Final = ("def mine(fun, *, argnums, has_aux):", "    return lambda *args: {}",
               "def f(x):", "    n.value = n.value + 1.0", "    return s.value * jnp.sum(x)")

BAD_CALLS: Final = (
    *(Misuse(f"a user's transform that returns {words}", "ERR-15",
             "lib.transform.GradientTransform(f, transform=mine, grad_states=[s])", f"t({X})",
             suggests="TypeError", setup=tuple(line.replace("{}", text) for line in BASE))
      for words, text in (("one value", "[fun(*args), 1.0][1]"),
                          ("three values", "(fun(*args), 1.0, 2.0)"))),
    Misuse("an argument too few", "ERR-16", "{T}(f, grad_states=s)", "t()", "TypeError",
           names=("'x'",), members=EVERY),
    Misuse("a keyword that the function does not have", "ERR-16", "{T}(f, grad_states=s)",
           f"t({X}, wrong=1.0)", "TypeError", names=("wrong",), members=EVERY),
    Misuse("an argument too many", "ERR-16", "{T}(f, grad_states=s)", f"t({X}, 1.0, 2.0)",
           "TypeError"),
    Misuse("something that cannot be called", "ERR-17", "{T}(3.0)", f"t({X})",
           suggests="TypeError", members=EVERY),
    Misuse("an option that does not exist", "ERR-18", "{T}(f, nonsense=1)", f"t({X})",
           suggests="TypeError", helps=("nonsense",), members=EVERY),
)
"""Bad calls, and transforms that break their contract."""

BAD_PRODUCTS: Final = (
    Misuse("a cotangent of another shape", "ERR-19", f"lib.transform.vjp(f, {X})",
           "t[1](jnp.array([1.0, 2.0, 3.0]))", states={"s": "2.0"},
           setup=("def f(x):", "    return s.value * jnp.sum(x)")),
    Misuse("a cotangent that would be spread", "ERR-19", f"lib.transform.vjp(f, {X})",
           "t[1](jnp.array([1.0]))", states={"s": "2.0"},
           setup=("def f(x):", "    return s.value * x")),
    Misuse("a cotangent of another container", "ERR-19", f"lib.transform.vjp(f, {X})",
           "t[1]([jnp.array(1.0)])", states={"s": "2.0"},
           setup=("def f(x):", "    return [jnp.sum(s.value * x)] * 2")),
    Misuse("a tangent that would be spread", "ERR-19",
           f"lib.transform.jvp(f, ({X},), (jnp.array([1.0]),))", "None"),
    Misuse("a tangent of another shape", "ERR-19",
           f"lib.transform.jvp(f, ({X},), (jnp.array([1.0, 2.0, 3.0]),))", "None"),
    Misuse("a tangent too few", "ERR-19", f"lib.transform.jvp(f, ({X}, 1.0), ({X},))", "None"),
)
"""Vectors that do not fit."""

MISUSES: Final = (
    *BAD_ARGNUMS, *BAD_STATES, *BAD_LEAVES, *BAD_AUXES, *BAD_OUTPUTS, *UNTOUCHED,
    *BAD_SELECTIONS, *BAD_CALLS, *BAD_PRODUCTS,
)
"""All rows."""


def scripts(rule: str) -> Iterator[Attempt]:
    """The scripts that ask for the refusals of a rule."""
    for row in MISUSES:
        if row.rule == rule:
            yield from (Attempt(row, member, "refusal") for member in row.members)


def unchanged() -> Iterator[Attempt]:
    """The scripts that ask whether states are as they were."""
    for row in MISUSES:
        if row.runs:
            yield from (Attempt(row, member, "unchanged") for member in row.members)


def helpful() -> Iterator[Attempt]:
    """The scripts that ask for a helpful message."""
    return (Attempt(row, row.members[0], "words") for row in MISUSES if row.helps)


def conventional() -> Iterator[Attempt]:
    """The scripts that ask for the class that Python's conventions suggest."""
    return (Attempt(row, row.members[0], "class") for row in MISUSES if row.suggests)
