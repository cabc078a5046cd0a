"""Every entry of every table of the specification is noticed when it is flipped.

A table entry that can be changed without notice is not specified.  For each field of each row the
mutator makes other values by the field's type, and asks what reads the field whether the row is
still right: checks that run on the reference, JAX itself, or the table as a whole.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import pairwise
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

import refimpl
from spec.chapters import all_checks
from spec.chapters.err.misuse import MISUSES, Attempt, Misuse
from spec.chapters.flt import checks as flt
from spec.chapters.ret import checks as ret
from spec.chapters.rules import registry
from spec.chapters.wrb import table as writeback
from spec.chapters.wrb.table import ARGUMENT, ENTRY, OTHER, PATTERNS, TABLE, Cell, Pattern
from spec.expected import model
from spec.judge.check import Check
from spec.judge.subject import Subject
from spec.judge.verdict import Verdict
from spec.language import call_forms, filters, returns, trees
from spec.language.axes import EVERY, SCALAR, Calls, plain, representatives
from spec.language.filters import FORMS, MEANINGS, Form, Meaning
from spec.language.programs import Node, Program, Ref, Var
from spec.language.returns import ROWS, Row
from spec.language.script import execute
from spec.language.strategies import cases
from spec.language.transforms import FAMILY, Member
from spec.language.wishes import Wish, calm
from spec.run.decide import decide
from spec.run.profiles import Profile
from tests.day import slice_of

# -- the mutator -----------------------------------------------------------------------------------

Reader = Callable[[str, Any], bool]


@dataclass(frozen=True)
class Table:
    """A table under mutation.

    Attributes
    ----------
    rows : mapping
        The rows, dataclasses, by id.
    readers : mapping
        By field, what says of an id and its row, as it is or changed, whether it is right.
    others : mapping
        By field, the other values of a row where the type of the field does not tell them.
    unread : mapping
        The fields that are not flipped, and why.
    equivalent : mapping
        By field, the rows and other values that change nothing; the test holds them to it.
    """

    rows: Mapping[str, Any]
    readers: Mapping[str, Reader]
    others: Mapping[str, Callable[[Any], Iterable[Any]]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    equivalent: Mapping[str, Callable[[Any, Any], bool]] = field(default_factory=dict)

    def flips(self, row: Any, name: str) -> list[Any]:
        """Other values of a field of a row."""
        if name in self.others:
            return list(self.others[name](row))
        value = getattr(row, name)
        found = [o for o in options(get_type_hints(type(row))[name]) if o != value]
        return found or [("no such word",) if isinstance(value, tuple) else "no such word"]


def options(hint: Any) -> tuple[Any, ...]:
    """The values of a type that has finitely many."""
    if hint is bool or hint is NoneType:
        return (True, False) if hint is bool else (None,)
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return tuple(option for part in get_args(hint) for option in options(part))
    return ()


@contextmanager
def entry(table: dict[str, Any], key: str, value: Any) -> Iterator[None]:
    """Another value under a key, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(table, key, value)
        yield


PROFILE = Profile("mutation", 5, 0)
REFERENCE = Subject("refimpl", refimpl)
JAXS = {name: getattr(jax, name) for name in FAMILY if hasattr(jax, name)}
"""JAX's transforms by the names of the family."""


def check_of(rule: str, name: str) -> Check:
    """A check by its rule and name."""
    (found,) = (c for c in all_checks() if c.rule == rule and c.name == name)
    return found


def passes(check: Check, points: Mapping[str, Any], subject: Subject = REFERENCE) -> bool:
    """Whether a check fails at none of these points."""
    changed = replace(check, cases=points)
    verdicts = (decide(changed, subject, point, PROFILE, 0).verdict for point in points)
    return Verdict.FAIL not in verdicts


# -- the return table ------------------------------------------------------------------------------


def other_results(row: Row) -> Iterator[Any]:
    """Results that the row might be given by mistake, of parts that its calls have."""
    result = row.result
    yield (result,)
    yield (result, "loss") if "loss" not in result else (result, result)
    if isinstance(result, tuple):
        yield result[::-1]
        yield result[0] if len(result) == 2 else result[:-1]
        if isinstance(result[0], tuple):
            yield (*result[0], *result[1:])
            yield (result[0][::-1], *result[1:])


def row_is_right(id: str, row: Row) -> bool:
    """Whether the results of the plainest member have the structure of the row."""
    check = check_of(id, "result_has_the_structure_of_the_row")
    return passes(check, representatives("reverse").calls(ret.SIMPLE, (row,)))


def is_partition(id: str, row: Row) -> bool:
    """Whether every call falls under exactly one row."""
    rows = [row if r.id == id else r for r in ROWS]
    return all(sum(r.matches(**call) for r in rows) == 1 for call in returns.combinations())


RETURNS = Table(
    {row.id: row for row in ROWS},
    {"result": row_is_right}
    | dict.fromkeys(("states", "args", "has_aux", "return_value"), is_partition),
    others={"result": other_results},
    unread={"id": "the key", "title": "prose"},
)


# -- the transform family --------------------------------------------------------------------------


def options_are_jaxs(name: str, member: Member) -> bool:
    """Whether the options of a member are those of its namesake in JAX, if it has one."""
    namesake = JAXS.get(FAMILY[name].alias or name)
    if namesake is None:
        return not (member.holomorphic or member.allow_int)
    offered = inspect.signature(namesake).parameters
    return all(getattr(member, o) == (o in offered) for o in ("holomorphic", "allow_int"))


def structure_and_values_are_right(name: str, member: Member) -> bool:
    """Whether the checks of structure and values pass for the member."""
    with entry(FAMILY, name, member):
        structure = check_of("RET-05", "result_has_the_structure_of_the_row")
        values = check_of("DER-02", "derivatives_of_states_are_right")
        return all(passes(check, {name: check.cases[name]})
                   for check in (structure, values) if name in check.cases)


def outputs_are_taken(name: str, member: Member) -> bool:
    """Whether all outputs are taken, or all but scalars refused."""
    if member.outputs == "any":
        return structure_and_values_are_right(name, member)
    points = {row.id: Attempt(row, name, "refusal") for row in MISUSES if row.members == SCALAR}
    assert points
    return passes(check_of("ERR-09", "is_refused"), points)


def looped(x: Any) -> Any:
    """A loop of as many turns as its data say, which reverse mode cannot run backwards."""
    def turn(carry: Any) -> Any:
        return carry[0] + 1, jax.numpy.sin(carry[1])

    return jax.lax.while_loop(lambda carry: carry[0] < 2, turn, (0, x))[1]


@jax.custom_vjp
def pulled(x: Any) -> Any:
    """A function of which only the pullback is known, so that forward mode fails."""
    return jax.numpy.sin(x)


pulled.defvjp(lambda x: (pulled(x), x), lambda x, g: (g * jax.numpy.cos(x),))


def works(transform: Callable[..., Any], f: Callable[..., Any]) -> bool:
    """Whether a transform of a function can be called."""
    try:
        transform(f)(jax.numpy.array(0.5))
    except (TypeError, ValueError):
        return False
    return True


@cache
def mode(transform: Callable[..., Any]) -> str:
    """How a transform computes, told by what it cannot."""
    reverse, forward = not works(transform, looped), not works(transform, pulled)
    return "both" if reverse and forward else "reverse" if reverse else "forward"


def mode_is_right(name: str, member: Member) -> bool:
    """Whether the reference, and JAX's namesake, compute in the mode."""
    namesake = JAXS.get(FAMILY[name].alias or name)
    made = getattr(refimpl.transform, name)
    return {mode(transform) for transform in (made, namesake or made)} == {member.mode}


@cache
def answers(name: str) -> tuple[str, ...]:
    """How a member computes, and what it gives for a number and for leaves that differ in dtype
    from the input."""
    def leaves(x: Any) -> Any:
        return {"a": jax.numpy.sin(x), "b": (x ** 2).astype("float64")}

    found = [mode(getattr(refimpl.transform, name))]
    for f in (lambda x: jax.numpy.sum(x ** 3), leaves):
        try:
            got = getattr(refimpl.transform, name)(f)(jax.numpy.array([1.0, 2.0], "float32"))
            found.append(repr(got))
        except TypeError:
            found.append("refused")
    return tuple(found)


def alias_is_right(name: str, member: Member) -> bool:
    """Whether it is another name for the first member that cannot be told from it."""
    first = next(other for other in FAMILY if other == name or answers(other) == answers(name))
    return member.alias == ("" if first == name else first)


def laid_out_alike(member: Member, layout: str) -> bool:
    """The Jacobian of a scalar is laid out like its gradient, and a sample like a gradient."""
    alike = {"gradient", "sample"} | ({"jacobian"} if member.outputs == "scalar" else set())
    return member.layout in alike and layout in alike


MEMBERS = Table(
    FAMILY,
    {"layout": structure_and_values_are_right, "outputs": outputs_are_taken,
     "mode": mode_is_right, "holomorphic": options_are_jaxs, "allow_int": options_are_jaxs,
     "alias": alias_is_right},
    others={"alias": lambda member: {*FAMILY, ""} - {member.alias}},
    unread={"name": "the key"},
    equivalent={"layout": laid_out_alike},
)


# -- filters ---------------------------------------------------------------------------------------


def predicates_agree(form: str, means: str) -> bool:
    """Whether the reference matches what the table says now of a form, by the rule of a meaning."""
    (rule,) = (rule for rule, name in flt.RULES.items() if name == means)
    operands = filters.OPERANDS[FORMS[form].meaning.operand]
    asked = {str(operand): flt.Question(filters.Filter(form, operand), filters.POOL)
             for operand in operands}
    check = check_of(rule, "predicate_matches_what_the_filter_means")
    return passes(replace(check, strategy=st.just), asked)


def form_means_it(name: str, form: Form) -> bool:
    """Whether the form matches as its meaning does."""
    means = FORMS[name].means
    with entry(FORMS, name, form):
        return predicates_agree(name, means)


def meaning_holds(name: str, meaning: Meaning) -> bool:
    """Whether the first form of a meaning matches where its predicate holds."""
    form = next(form for form in FORMS if FORMS[form].means == name)
    with entry(MEANINGS, name, meaning):
        return predicates_agree(form, name)


def negated(meaning: Meaning) -> Iterator[Any]:
    """The predicate that holds where that of the meaning does not."""
    yield lambda sample, operand: not meaning.holds(sample, operand)


FILTER_FORMS = Table(
    FORMS, {"means": form_means_it},
    others={"means": lambda form: [name for name, meaning in MEANINGS.items()
                                   if meaning.operand == form.meaning.operand
                                   and name != form.means]},
    unread={"pattern": "another pattern is another form"},
)
FILTER_MEANINGS = Table(
    MEANINGS, {"holds": meaning_holds}, others={"holds": negated},
    unread={"says": "prose", "operand": "what a form is about, not what it means"},
)


# -- the write-back table --------------------------------------------------------------------------


def next_draw(cell: Cell, last: str) -> float:
    """What the reference draws after the setup of a cell and one more line."""
    execute([*writeback.call(cell, "grad").setup(), last], refimpl, jax.numpy)
    return float(refimpl.random.normal(size=()))


def stream_holds(cell: Cell) -> bool:
    """Whether the random stream stands on the reference where the cell says."""
    case = writeback.call(cell, "grad")
    execute(case.lines(), refimpl, jax.numpy)
    got = float(refimpl.random.normal(size=()))
    plain_call = f"f({case.arguments()})" if cell.after == "plain" else ""
    return got == next_draw(replace(cell, outcome="success"), plain_call)


def state_holds(_: str, cell: Cell) -> bool:
    """Whether the state, or the stream, holds on the reference what the cell says."""
    if cell.reason or cell.after is None:  # what cannot occur has a reason, and nothing else has
        return bool(cell.reason) == (cell.after is None)
    if cell.role == "random stream":
        return stream_holds(cell)
    names = execute(writeback.call(cell, "grad").lines(), refimpl, jax.numpy)
    if "s0" not in names:
        return cell.after == "entry"
    x = ENTRY if cell.role == "argument" else ARGUMENT
    known = {"entry": ENTRY, "other": OTHER, "x": x, "np": np}
    expected = eval(cell.pattern.leaves, known) if cell.after == "plain" else ENTRY
    value = names["s0"].value
    return bool(np.allclose(value["a"] if cell.pattern.container else value, expected))


def leaves_the_same(cell: Cell, after: str) -> bool:
    """A plain call leaves here what was there on entry."""
    if after is None or cell.after is None:
        return False
    if cell.role == "random stream":
        return cell.pattern.id in ("no access", "same value")
    return cell.pattern.leaves == "entry"


def is_differentiated_there(_: str, cell: Cell) -> bool:
    """Whether the reference differentiates the state of a cell at its value on entry, or not."""
    if cell.after is None:
        return cell.point != "entry"
    case = writeback.call(cell, "grad")
    if case.selection is None or "s0" not in case.selection.states:
        return cell.point != "entry"
    if not cell.succeeds:  # there is no derivative
        return cell.point != "entry"
    check = check_of("WRB-07", "derivative_is_taken_at_the_value_on_entry")
    return (cell.point == "entry") == passes(check, {"": Calls(fixed=case)})


def pattern_leaves_it(id: str, pattern: Pattern) -> bool:
    """Whether all states that are accessed so hold what the pattern leaves."""
    return all(state_holds("", replace(cell, pattern=pattern)) for cell in TABLE
               if cell.pattern.id == id and cell.role != "random stream")


def is_written(id: str, pattern: Pattern) -> bool:
    """Whether the reference sees a plain call write the state, or not."""
    if pattern.container:  # a finder need not see what is changed in place
        return True
    cell = next(cell for cell in TABLE if cell.after is not None)
    case = writeback.call(replace(cell, pattern=pattern), "grad")
    find = "found = lib.transform.StateFinder(f, usage='write', return_type='list')"
    names = execute([*case.setup(), f"{find}({case.arguments()})"], refimpl, jax.numpy)
    return pattern.writes == any(state is names.get("s0") for state in names["found"])


WHERE = "where the cell stands"
PROGRAM = "the program itself, of which the other fields speak"
CELLS = Table(
    {cell.id: cell for cell in TABLE},
    {"after": state_holds, "point": is_differentiated_there},
    unread={"role": WHERE, "pattern": WHERE, "outcome": WHERE, "reason": "prose"},
    equivalent={"after": leaves_the_same},
)
ACCESSES = Table(
    {pattern.id: pattern for pattern in PATTERNS},
    {"leaves": pattern_leaves_it, "writes": is_written},
    others={"leaves": lambda pattern: [f"1.5 * ({pattern.leaves}) + 1.0"]},
    unread={"id": "the key", "state": PROGRAM, "out": PROGRAM, "stream": PROGRAM,
            "container": PROGRAM},
    equivalent={"leaves": lambda pattern, _: not pattern.writes,  # it leaves what was there
                "writes": lambda pattern, _: pattern.container},
)


# -- misuse ----------------------------------------------------------------------------------------


def refused(row: Misuse, asks: Any, member: str = "", subject: Subject = REFERENCE) -> bool:
    """Whether the reference, or another subject, refuses as the row asks."""
    attempt = Attempt(row, member or row.members[0], asks)
    return passes(check_of("ERR-20", "states_are_as_they_were"), {"": attempt}, subject)


def asked(field_: str, asks: str) -> Reader:
    """What asks the reference for a field of a refusal, where the field says anything."""
    return lambda _, row: not getattr(row, field_) or refused(row, asks)


def of_jax() -> Subject:
    """JAX's own transforms of one state."""
    def lifted(transform: Callable[..., Any]) -> Callable[..., Any]:
        def make(f: Any, grad_states: Any, **words: Any) -> Any:
            def of(value: Any, *args: Any) -> Any:
                grad_states.value = value
                return f(*args)

            return lambda *args: transform(of, **words)(grad_states.value, *args)

        return make

    lib = model.library()
    lib.transform = SimpleNamespace(**{
        name: lifted(JAXS[namesake]) for name, member in FAMILY.items()
        if (namesake := member.alias or name) in JAXS
    })
    return Subject("refimpl", lib)


@cache
def refused_by_jax(id: str) -> frozenset[str]:
    """The members whose namesakes in JAX refuse what a row asks for."""
    (row,) = (row for row in MISUSES if row.id == id)
    subject = of_jax()
    names = vars(subject.lib.transform)
    return frozenset(name for name in names if refused(row, "refusal", name, subject))


def concerned(row: Misuse) -> frozenset[str]:
    """The members of which the rule of a row speaks."""
    statement = registry()[row.rule].statement
    if "{T}" not in row.make:
        return frozenset(Misuse.members)
    if "JAX's function of the same name" in statement:
        return refused_by_jax(row.id)
    return frozenset(name for name in FAMILY if f"`{name}`" in statement) or frozenset(FAMILY)


MOST = 4
"""A row that is walked for more members than these is walked for all that it concerns."""


def is_walked(id: str, row: Misuse) -> bool:
    """Whether the rows of one rule are walked for no member that is not concerned.

    Each is walked for all that are, or for a few of them beside a row that is walked for all.
    """
    rows = [row, *(other for other in MISUSES if other.rule == row.rule and other.id != id)]
    full: list[int] = []
    few: list[int] = []
    for other in rows:
        members = set(other.members)
        if not members <= concerned(other):
            return False
        (full if members == concerned(other) else few).append(len(members))
    return bool(full) and max(few, default=0) <= MOST


def other_members(row: Misuse) -> Iterator[tuple[str, ...]]:
    """The members of a row without one that all share, or with one that is not concerned."""
    if row.members == EVERY:
        yield from (tuple(m for m in EVERY if m != name) for name in EVERY)
    yield from ((*row.members, name) for name in FAMILY if name not in concerned(row))


CALL = "the call itself, of which the other fields speak"
REFUSED = Table(
    {row.id: row for row in MISUSES},
    {"raises": asked("raises", "refusal"), "names": asked("names", "refusal"),
     "suggests": asked("suggests", "class"), "helps": asked("helps", "words"),
     "members": is_walked},
    others={"raises": lambda _: ["KeyError"], "suggests": lambda _: ["KeyError"],
            "members": other_members},
    unread={"id": "the key", "rule": "where the row stands",
            **dict.fromkeys(("make", "call", "setup", "states"), CALL)},
)


# -- forms of a call -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """An entry of a table that maps words to what they stand for."""

    stands_for: Any


HELD = Program(tuple(Var(f"s{i}", np.ones(1), "ParamState") for i in range(3)), (), (), "",
               module=Node({"a": Ref("s0"), "b": [Ref("s1")], "c": Node({"d": Ref("s2")})}))
"""Three states in a module."""


WRITTEN = {
    "one": "s0",
    "list": "[s0, s1, s2]",
    "tuple": "(s0, s1, s2,)",
    "namedtuple": "LinearRegression(s2, s0)",
    "dict": "{'k9': s0, 'k8': s1, 'k7': s2}",
    "keys": "{'z': s0, 3: s1, None: s2, ('a', 0): ()}",
    "nested": "{'a': [s0, ()], 'z': {1: (s1, s2,)}}",
    "none": "[None, s0, s1, s2, None]",
    "twice": "(s0, [s0, s1, s2], s0,)",
    "module": "m.states(lib.ParamState)",
    "treefy": "lib.graph.treefy_states(m, lib.ParamState)",
    "empty list": "[]",
    "empty dict": "{}",
    "empty tuple": "()",
}
"""What each container of three states is written as."""


def container_is_told(form: str) -> bool:
    """Whether a container is what it is called."""
    return call_forms.selections(form, ["s0", "s1", "s2"], HELD).source() == WRITTEN[form]


def drawn(wish: Wish) -> list[Any]:
    """A few cases of a wish."""
    found: list[Any] = []
    settings: Any = hypothesis.settings(max_examples=10, database=None,
                                        phases=[hypothesis.Phase.generate])
    given: Any = hypothesis.given(cases(wish))
    hypothesis.seed(0)(settings(given(lambda case: found.append(case))))()
    return found


ARGNUMS: dict[str, Callable[[Any], bool]] = {
    "int": lambda given: isinstance(given, int) and given >= 0,
    "negative": lambda given: isinstance(given, int) and given < 0,
    "list": lambda given: type(given) is list and bool(given) and min(given) >= 0,
    "tuple": lambda given: type(given) is tuple and bool(given) and min(given) >= 0,
    "negatives": lambda given: (type(given) is list and bool(given) and given[0] < 0
                                and all(index >= 0 for index in given[1:])),
}
"""What each form of argnums is."""


def argnums_are_told(form: str) -> bool:
    """Whether all that is drawn of a form of argnums is what it is called, and labelled so."""
    wish = calm(argnums=(form,), rows=plain("arguments"), members=("grad",), steps=(0, 0))
    given = [case for case in drawn(wish) if case.argnums is not None]
    assert given
    return all(ARGNUMS[form](case.argnums) and f"argnums: {form}" in case.labels for case in given)


AUXES: dict[str, Any] = {
    "array": "x", "dict": {"m": "x"}, "number": [2.5, 3, 10**10], "text": ("text", ["x"]),
    "none": (None, "x"), "nothing": None, "empty": {"e": []},
    "mixed": {"n": 3, "m": ("x", True)}, "free": "x",
}
"""What each form of aux is."""


def points_of(rule: str) -> list[Any]:
    """The points of the generated checks of a rule."""
    checks = (c for c in all_checks() if c.rule == rule and c.strategy is not None)
    return [point for check in checks for point in check.cases.values()]


def held(tree: Any) -> list[Any]:
    """What stands in the containers of a tree, None included."""
    if tree is None or (nodes := trees.items(tree)) is None:
        return [tree]
    return [leaf for _, child in nodes for leaf in held(child)]


def kinds(rule: str) -> set[type]:
    """The types of what stands in the forms of aux that a rule asks for."""
    found = {form for point in points_of(rule) for form in point.wish.auxes}
    made = [eval(call_forms.AUXES[form].format("array"), {"array": np.ones(1)}) for form in found]
    return {type(leaf) for tree in made for leaf in held(tree)}


def auxes_are_told() -> bool:
    """Whether every aux is what it is called, and the rules have all they speak of and no more."""
    made = {form: eval(text.format("'x'")) for form, text in call_forms.AUXES.items()}
    return (made == AUXES
            and kinds("AUX-01") == {np.ndarray, NoneType}
            and kinds("AUX-03") == {np.ndarray, int, float, bool}
            and kinds("AUX-05") == {np.ndarray, str})


def other_auxes(word: Word) -> Iterator[str]:
    """The sources of other forms, and that of this one with another leaf for each that it has."""
    yield from (text for text in call_forms.AUXES.values() if text != word.stands_for)
    constants = {repr(leaf) for leaf in held(eval(word.stands_for.format("'x'")))} - {"'x'"}
    yield from (word.stands_for.replace(constant, "1j") for constant in sorted(constants))


def words(
    table: dict[str, Any], is_told: Callable[[str], bool],
    others: Callable[[Word], Iterable[Any]] | None = None,
) -> Table:
    """A table of words; each may stand for what another one stands for."""
    def reads(word: str, entry_: Word) -> bool:
        with entry(table, word, entry_.stands_for):
            return is_told(word)

    return Table({word: Word(meant) for word, meant in table.items()}, {"stands_for": reads},
                 {"stands_for": others or (lambda word: [
                     meant for meant in table.values() if meant is not word.stands_for])})


TABLES = {
    "returns": RETURNS, "transforms": MEMBERS, "forms of filters": FILTER_FORMS,
    "meanings of filters": FILTER_MEANINGS, "write-back": CELLS, "accesses": ACCESSES,
    "misuse": REFUSED,
    "plain containers": words(call_forms.PLAIN, container_is_told),
    "selected containers": words(call_forms.MODULAR, container_is_told),
    "empty containers": words(call_forms.NOTHING, container_is_told),
    "argnums": words(call_forms.INDICES, argnums_are_told),
    "auxes": words(call_forms.AUXES, lambda _: auxes_are_told(), other_auxes),
}
"""Every table of the specification."""


ROWS_OF_TABLES = [(name, id) for name in TABLES for id in TABLES[name].rows]
WEEK = 7
"""In how many days every row of every table is asked."""


@pytest.mark.parametrize(("name", "id"), slice_of(ROWS_OF_TABLES, WEEK))
def test_row_is_noticed_when_a_field_is_flipped(name: str, id: str) -> None:
    table = TABLES[name]
    row = table.rows[id]
    assert {f.name for f in fields(row)} <= table.readers.keys() | table.unread.keys()
    for field_, is_right in table.readers.items():
        assert is_right(id, row), field_
        for value in table.flips(row, field_):
            same = field_ in table.equivalent and table.equivalent[field_](row, value)
            assert is_right(id, replace(row, **{field_: value})) == same, (field_, value)


# -- what is missing -------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "table"), [
    ("containers", call_forms.CONTAINERS), ("argnums", call_forms.ARGNUMS),
    ("auxes", tuple(call_forms.AUXES)),
])
def test_missing_form_is_noticed(axis: str, table: tuple[str, ...]) -> None:
    points = (point for check in all_checks() for point in check.cases.values())
    wishes = [point.wish for point in points if isinstance(point, Calls) and point.fixed is None]
    assert len(set(table)) == len(table)
    assert {form for wish in wishes for form in getattr(wish, axis)} == set(table)


def test_missing_empty_container_is_noticed() -> None:
    """There is one of every built-in type that holds the states elsewhere."""
    made = [call_forms.PLAIN[form]([Ref("s0"), Ref("s1")]) for form in call_forms.PLAIN]
    builtin = {type(tree) for tree in made if type(tree).__module__ == "builtins"}
    assert {type(tree) for tree in call_forms.NOTHING.values()} == builtin
    assert not any(call_forms.NOTHING.values())


def sortable(keys: Iterable[Any]) -> bool:
    """Whether keys can be sorted together."""
    try:
        sorted(keys)
    except TypeError:
        return False
    return True


def keys_serve() -> bool:
    """Whether the keys suffice for as many states as are drawn, and no sorting can order them."""
    states = [f"s{i}" for i in range(max(point.wish.most for point in points_of("GST-05")))]
    try:
        tree = call_forms.PLAIN["keys"](states)
    except ValueError:
        return False
    return len(tree) == len(states) + 1 and not any(map(sortable, pairwise(tree)))


@pytest.mark.parametrize("place", range(len(call_forms.KEYS)))
def test_key_is_noticed(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys_serve()
    before, after = call_forms.KEYS[:place], call_forms.KEYS[place + 1:]
    neighbour = call_forms.KEYS[place - 1 if place else 1]
    for keys in ((*before, *after), (*before, neighbour, *after)):
        monkeypatch.setattr(call_forms, "KEYS", keys)
        assert not keys_serve(), keys


def test_missing_keyword_is_noticed() -> None:
    """Every parameter of the reference is a keyword that a user's function may have."""
    made = [inspect.signature(getattr(refimpl.transform, name))
            for name in (*FAMILY, "GradientTransform")]
    taken = {p.name for signature in made for p in signature.parameters.values()
             if p.kind is not p.VAR_KEYWORD}
    assert taken and taken <= set(call_forms.KEYWORDS)
