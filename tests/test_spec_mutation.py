"""Every entry of every data table is noticed: flip it, and a check fails on the reference.

A table entry that can be changed without notice is not specified.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any

import hypothesis
import jax
import numpy as np
import pytest

import refimpl
from spec import filters, forms, misuse, model, returns, trees, writeback
from spec.checks import Check, all_checks, err, flt, ret, wrb
from spec.coverage import argnums_form, aux_form, container_form
from spec.filters import FORMS, MEANINGS, Form
from spec.implementation import Subject
from spec.misuse import EVERY, SCALAR, Misuse, Script
from spec.programs import Node, Program, Ref, Var
from spec.returns import ROWS, Row
from spec.rules import registry
from spec.runner import Profile, Verdict, decide
from spec.strategies import Wish, calm, cases
from spec.transforms import FAMILY, Layout, Member
from spec.truth import execute
from spec.writeback import ARGUMENT, ENTRY, OTHER, PATTERNS, TABLE, Cell, Pattern

SUBJECT = Subject("refimpl", refimpl)
PROFILE = Profile("mutation", 5, 0)


def check_of(rule: str, name: str) -> Check:
    """A check by its rule and name."""
    (found,) = (c for c in all_checks() if c.rule == rule and c.name == name)
    return found


def verdicts(
    check: Check, points: Mapping[str, Any], subject: Subject = SUBJECT
) -> Iterator[Verdict]:
    """What a check says of the reference, or of another subject, at each of these points."""
    changed = replace(check, cases=points)
    return (decide(changed, subject, point, PROFILE, 0).verdict for point in points)


def noticed(check: Check, points: Mapping[str, Any], subject: Subject = SUBJECT) -> bool:
    """Whether a check fails at any of these points."""
    return Verdict.FAIL in verdicts(check, points, subject)


# -- the return table ----------------------------------------------------------------------------


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


def by_row(row: Row) -> Mapping[str, Any]:
    """The point of the plainest member for a row."""
    return {"grad": ret.Cell(row, "grad")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_result_of_a_row_is_noticed(row: Row) -> None:
    check = check_of(row.id, "result_has_the_structure_of_the_row")
    assert not noticed(check, by_row(row))
    for result in other_results(row):
        assert noticed(check, by_row(replace(row, result=result))), result


def is_partition(rows: Iterable[Row]) -> bool:
    """Whether every call falls under exactly one row."""
    rows = tuple(rows)
    return all(sum(row.matches(**call) for row in rows) == 1 for call in returns.combinations())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_condition_of_a_row_is_noticed(row: Row) -> None:
    assert is_partition(ROWS)
    for field, value in product(("states", "args", "has_aux", "return_value"),
                                (True, False, None)):
        if getattr(row, field) is value or (value is None and field != "args"):
            continue
        other: dict[str, Any] = {field: value}
        flipped = replace(row, **other)
        assert not is_partition(flipped if r is row else r for r in ROWS), (field, value)


# -- the transform family ------------------------------------------------------------------------

JAXS = {"grad": jax.grad, "jacrev": jax.jacrev, "jacfwd": jax.jacfwd, "hessian": jax.hessian}


def fits_jax(member: Member) -> bool:
    """Whether the options of a member are those of its namesake in JAX, if it has one."""
    namesake = JAXS.get(member.alias or member.name)
    if namesake is None:
        return not (member.holomorphic or member.allow_int)
    offered = inspect.signature(namesake).parameters
    return all(getattr(member, o) == (o in offered) for o in ("holomorphic", "allow_int"))


@pytest.mark.parametrize("name", FAMILY)
def test_options_of_a_member_are_noticed(name: str) -> None:
    member = FAMILY[name]
    assert fits_jax(member)
    assert not fits_jax(replace(member, holomorphic=not member.holomorphic))
    assert not fits_jax(replace(member, allow_int=not member.allow_int))


def wrong_structure_or_values(name: str) -> bool:
    """Whether the checks of structure and values fail for a member."""
    structure = check_of("RET-05", "result_has_the_structure_of_the_row")
    if noticed(structure, {name: structure.cases[name]}):
        return True
    values = check_of("DER-02", "derivatives_of_states_are_right")
    return name in values.cases and noticed(values, {name: values.cases[name]})


def other_layouts(member: Member) -> Iterator[Layout]:
    """The layouts that can be told from the member's own.

    The Jacobian of a scalar is laid out like its gradient, and a sample like a gradient.
    """
    layouts: tuple[Layout, ...] = ("gradient", "jacobian", "hessian")
    alike = layouts[:2] if member.outputs == "scalar" else (member.layout,)
    yield from (layout for layout in layouts if layout not in alike)


@pytest.mark.parametrize("name", FAMILY)
def test_layout_of_a_member_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not wrong_structure_or_values(name)
    for layout in other_layouts(FAMILY[name]):
        with monkeypatch.context() as patch:
            patch.setitem(FAMILY, name, replace(FAMILY[name], layout=layout))
            assert wrong_structure_or_values(name), layout


@pytest.mark.parametrize("name", SCALAR)
def test_scalar_output_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILY, name, replace(FAMILY[name], outputs="any"))
    assert wrong_structure_or_values(name)


@pytest.mark.parametrize("name", FAMILY)
def test_any_output_is_noticed(name: str) -> None:
    """A member of scalar outputs is asked to refuse others, and only such a member does."""
    rows = {row.id: Script(row, name, "refusal") for row in misuse.ROWS if row.members == SCALAR}
    failing = noticed(check_of("ERR-09", "is_refused"), rows)
    assert rows and failing == (FAMILY[name].outputs == "any")


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


def mode(transform: Callable[..., Any]) -> str:
    """How a transform computes, told by what it cannot."""
    reverse, forward = not works(transform, looped), not works(transform, pulled)
    return "both" if reverse and forward else "reverse" if reverse else "forward"


@pytest.mark.parametrize("name", FAMILY)
def test_mode_of_a_member_is_noticed(name: str) -> None:
    assert mode(getattr(refimpl.transform, name)) == FAMILY[name].mode
    if namesake := JAXS.get(FAMILY[name].alias or name):
        assert mode(namesake) == FAMILY[name].mode


@cache
def answers(name: str) -> tuple[str, ...]:
    """What a member gives for a number, and for leaves that differ in dtype from the input."""
    def leaves(x: Any) -> Any:
        return {"a": jax.numpy.sin(x), "b": (x ** 2).astype("float64")}

    found = []
    for f in (lambda x: jax.numpy.sum(x ** 3), leaves):
        try:
            got = getattr(refimpl.transform, name)(f)(jax.numpy.array([1.0, 2.0], "float32"))
            found.append(repr(got))
        except TypeError:
            found.append("refused")
    return tuple(found)


@pytest.mark.parametrize("name", FAMILY)
def test_alias_of_a_member_is_noticed(name: str) -> None:
    """A member is another name for the first one that cannot be told from it."""
    first = next(other for other in FAMILY if other == name or answers(other) == answers(name))
    assert FAMILY[name].alias == ("" if first == name else first)


# -- filters -------------------------------------------------------------------------------------


def filter_points(form: str) -> Mapping[str, Any]:
    """The points of a form, with the answers that the table gives now."""
    operands = filters.OPERANDS[FORMS[form].meaning.operand]
    chosen = [filters.Filter(form, operand) for operand in operands]
    return flt.points(chosen, filters.POOL, filters.flat_source(filters.POOL))


@pytest.mark.parametrize("form", FORMS)
def test_meaning_of_a_form_is_noticed(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    means = FORMS[form].means
    rule = next(rule for rule, name in flt.RULES.items() if name == means)
    check = check_of(rule, "predicate_matches_what_the_filter_means")
    assert not noticed(check, filter_points(form))
    alike = [m for m in MEANINGS if MEANINGS[m].operand == MEANINGS[means].operand and m != means]
    for other in alike:
        with monkeypatch.context() as patch:
            patch.setitem(FORMS, form, Form(FORMS[form].pattern, other))
            assert noticed(check, filter_points(form)), other


@pytest.mark.parametrize("means", MEANINGS)
def test_predicate_of_a_meaning_is_noticed(means: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = next(rule for rule, name in flt.RULES.items() if name == means)
    check = check_of(rule, "predicate_matches_what_the_filter_means")
    meaning = MEANINGS[means]
    negated = replace(meaning, holds=lambda sample, operand: not meaning.holds(sample, operand))
    monkeypatch.setitem(MEANINGS, means, negated)
    form = next(name for name in FORMS if FORMS[name].means == means)
    assert noticed(check, filter_points(form))


# -- write-back ----------------------------------------------------------------------------------

STATES = tuple(c for c in TABLE if c.after is not None and c.role != "random stream")


def holds(cell: Cell) -> bool:
    """Whether the state holds on the reference what the cell says."""
    case = writeback.call(cell, "grad")
    names = execute(case.lines(), refimpl, jax.numpy)
    if "s0" not in names:
        return cell.after == "entry"
    x = ENTRY if cell.role == "argument" else ARGUMENT
    known = {"entry": ENTRY, "other": OTHER, "x": x, "np": np}
    expected = eval(cell.pattern.leaves, known) if cell.after == "plain" else ENTRY
    value = names["s0"].value
    return bool(np.allclose(value["a"] if cell.pattern.container else value, expected))


@pytest.mark.parametrize("cell", STATES, ids=lambda cell: cell.id)
def test_cell_of_the_write_back_table_is_noticed(cell: Cell) -> None:
    assert holds(cell)
    if cell.pattern.leaves == "entry":  # plain and entry are then one
        return
    assert not holds(replace(cell, after="plain" if cell.after == "entry" else "entry"))
    wrong = replace(cell.pattern, leaves=f"1.5 * ({cell.pattern.leaves}) + 1.0")
    assert holds(replace(cell, pattern=wrong)) == (cell.after == "entry")


def next_draw(cell: Cell, last: str) -> float:
    """What the reference draws after the setup of a cell and one more line."""
    execute([*writeback.call(cell, "grad").setup(), last], refimpl, jax.numpy)
    return float(refimpl.random.normal(size=()))


def stream_holds(cell: Cell) -> bool:
    """Whether the random stream stands on the reference where the cell says."""
    case = writeback.call(cell, "grad")
    execute(case.lines(), refimpl, jax.numpy)
    got = float(refimpl.random.normal(size=()))
    plain = replace(cell, outcome="success")
    return got == next_draw(plain, f"f({case.arguments()})" if cell.after == "plain" else "")


STREAM = tuple(c for c in TABLE if c.after is not None and c.role == "random stream")


@pytest.mark.parametrize("cell", STREAM, ids=lambda cell: cell.id)
def test_cell_of_the_random_stream_is_noticed(cell: Cell) -> None:
    assert stream_holds(cell)
    plain = f"f({writeback.call(cell, 'grad').arguments()})"
    success = replace(cell, outcome="success")
    if next_draw(success, plain) == next_draw(success, ""):  # plain and entry are then one
        assert cell.pattern.id in ("no access", "same value")
        return
    assert not stream_holds(replace(cell, after="plain" if cell.after == "entry" else "entry"))


def is_written(pattern: Pattern) -> bool:
    """Whether the reference sees a plain call write the state."""
    case = writeback.call(replace(STATES[0], pattern=pattern), "grad")
    find = "found = lib.transform.StateFinder(f, usage='write', return_type='list')"
    names = execute([*case.setup(), f"{find}({case.arguments()})"], refimpl, jax.numpy)
    return any(state is names.get("s0") for state in names["found"])


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.id)
def test_writes_of_a_pattern_are_noticed(pattern: Pattern) -> None:
    assert pattern.container or pattern.writes == is_written(pattern)


def is_differentiated(cell: Cell) -> bool:
    """Whether the reference differentiates the state of a cell, at its value on entry."""
    case = writeback.call(cell, "grad")
    if case.selection is None or "s0" not in case.selection.states:
        return False
    check = check_of("WRB-07", "derivative_is_taken_at_the_value_on_entry")
    return list(verdicts(check, {"": wrb.Point("grad", case)})) == [Verdict.PASS]


@pytest.mark.parametrize("cell", TABLE, ids=lambda cell: cell.id)
def test_point_of_differentiation_is_noticed(cell: Cell) -> None:
    assert (cell.point == "entry") == (cell.after is not None and is_differentiated(cell))


# -- misuse --------------------------------------------------------------------------------------


def refused(row: Misuse, asks: Any, member: str = "", subject: Subject = SUBJECT) -> bool:
    """Whether the reference, or another subject, refuses as the row asks."""
    script = Script(row, member or row.members[0], asks)
    check = check_of("ERR-20", "states_are_as_they_were")
    assert err.only(script) is not None
    return not noticed(check, {"": script}, subject)


FLIPS: tuple[tuple[str, Any, str], ...] = (
    ("raises", "KeyError", "refusal"),
    ("names", ("no such word",), "refusal"),
    ("suggests", "KeyError", "class"),
    ("helps", ("no such word",), "words"),
)
"""Entries of a row of misuse: the field, another value, and who asks for it."""


@pytest.mark.parametrize("row", misuse.ROWS, ids=lambda row: row.id)
def test_row_of_misuse_is_noticed(row: Misuse) -> None:
    for field, value, asks in FLIPS:
        if getattr(row, field):
            assert refused(row, asks), field
            assert not refused(replace(row, **{field: value}), asks), field


def belated() -> Subject:
    """The reference with transforms that look at nothing before they are called."""
    def late(transform: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *made, **options: lambda *args, **kwargs: (
            transform(*made, **options)(*args, **kwargs))

    family = {name: late(getattr(refimpl.transform, name)) for name in FAMILY}
    lib = SimpleNamespace(**vars(refimpl))
    lib.transform = SimpleNamespace(**(vars(refimpl.transform) | family))
    return Subject("refimpl", lib)


@pytest.mark.parametrize("row", misuse.ROWS, ids=lambda row: row.id)
def test_stage_of_a_row_is_noticed(row: Misuse) -> None:
    """Early refusals are asked for where the rule says so, and late ones are taken elsewhere."""
    early = "constructed" in registry()[row.rule].statement
    assert early == (row.stage == "construction")
    if "{T}" in row.make:
        assert refused(row, "refusal", subject=belated()) != early
        other = replace(row, stage="either" if early else "construction")
        assert refused(other, "refusal", subject=belated()) == early


def of_jax() -> Subject:
    """JAX's own transforms of one state."""
    def lifted(transform: Callable[..., Any]) -> Callable[..., Any]:
        def make(f: Any, grad_states: Any, **options: Any) -> Any:
            def of(value: Any, *args: Any) -> Any:
                grad_states.value = value
                return f(*args)

            return lambda *args: transform(of, **options)(grad_states.value, *args)

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
    (row,) = (row for row in misuse.ROWS if row.id == id)
    subject = of_jax()
    names = vars(subject.lib.transform)
    return frozenset(name for name in names if refused(row, "refusal", name, subject))


def concerned(row: Misuse) -> frozenset[str]:
    """The members of which the rule of a row speaks."""
    statement = registry()[row.rule].statement
    if "{T}" not in row.make:
        return frozenset(Misuse.members)
    if "JAX's namesake" in statement:
        return refused_by_jax(row.id)
    return frozenset(name for name in FAMILY if f"`{name}`" in statement) or frozenset(FAMILY)


MOST = 4
"""A row that is walked for more members than these is walked for all that it concerns."""


def is_walked(rows: Iterable[Misuse]) -> bool:
    """Whether rows of one rule are walked for no member that is not concerned.

    Each is walked for all that are, or for a few of them beside a row that is walked for all.
    """
    full: list[int] = []
    few: list[int] = []
    for row in rows:
        members = set(row.members)
        if not members <= concerned(row):
            return False
        (full if members == concerned(row) else few).append(len(members))
    return bool(full) and max(few, default=0) <= MOST


def other_members(row: Misuse) -> Iterator[tuple[str, ...]]:
    """The members of a row without one that all share, or with one that is not concerned."""
    if row.members == EVERY:
        yield from (tuple(m for m in EVERY if m != name) for name in EVERY)
    yield from ((*row.members, name) for name in FAMILY if name not in concerned(row))


@pytest.mark.parametrize("row", misuse.ROWS, ids=lambda row: row.id)
def test_members_of_a_row_are_noticed(row: Misuse) -> None:
    beside = [other for other in misuse.ROWS if other.rule == row.rule and other is not row]
    assert is_walked([row, *beside])
    for members in other_members(row):
        assert not is_walked([replace(row, members=members), *beside]), members


# -- the forms of a call -------------------------------------------------------------------------

def asked(field: str) -> set[str]:
    """The forms that the wishes of all checks ask for."""
    points = (point for check in all_checks() for point in check.cases.values())
    wishes = (point.wish for point in points if hasattr(point, "wish"))
    return {form for wish in wishes for form in getattr(wish, field)}


@pytest.mark.parametrize(("field", "table"), [
    ("containers", forms.CONTAINERS), ("argnums", forms.ARGNUMS), ("auxes", tuple(forms.AUXES)),
])
def test_missing_form_is_noticed(field: str, table: tuple[str, ...]) -> None:
    assert len(set(table)) == len(table)
    assert asked(field) == set(table)


HELD = Program(tuple(Var(f"s{i}", np.ones(1), "ParamState") for i in range(3)), (), (), "",
               module=Node({"a": Ref("s0"), "b": [Ref("s1")], "c": Node({"d": Ref("s2")})}))
"""Three states in a module."""


def containers_are_told() -> bool:
    """Whether every container is seen as what it is called."""
    made = {form: forms.selections(form, ["s0", "s1", "s2"], HELD) for form in forms.CONTAINERS}
    return all(container_form(selection) == form for form, selection in made.items())


@pytest.mark.parametrize("form", forms.CONTAINERS)
def test_container_of_a_form_is_noticed(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert containers_are_told()
    tables: tuple[dict[str, Any], ...] = (forms.PLAIN, forms.MODULAR, forms.NOTHING)
    (table,) = (table for table in tables if form in table)
    for other in table.keys() - {form}:
        with monkeypatch.context() as patch:
            patch.setitem(table, form, table[other])
            assert not containers_are_told(), other


def test_missing_empty_container_is_noticed() -> None:
    """There is one of every built-in type that holds the states elsewhere."""
    made = [forms.PLAIN[form]([Ref("s0"), Ref("s1")]) for form in forms.PLAIN]
    builtin = {type(tree) for tree in made if type(tree).__module__ == "builtins"}
    assert {type(tree) for tree in forms.NOTHING.values()} == builtin
    assert not any(forms.NOTHING.values())


def points_of(rule: str) -> list[Any]:
    """The points of the generated checks of a rule."""
    checks = (c for c in all_checks() if c.rule == rule and c.strategy is not None)
    return [point for check in checks for point in check.cases.values()]


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
        tree = forms.PLAIN["keys"](states)
    except ValueError:
        return False
    return len(tree) == len(states) + 1 and not any(map(sortable, pairwise(tree)))


@pytest.mark.parametrize("place", range(len(forms.KEYS)))
def test_key_is_noticed(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys_serve()
    before, after = forms.KEYS[:place], forms.KEYS[place + 1:]
    neighbour = forms.KEYS[place - 1 if place else 1]
    for keys in ((*before, *after), (*before, neighbour, *after)):
        with monkeypatch.context() as patch:
            patch.setattr(forms, "KEYS", keys)
            assert not keys_serve(), keys


def drawn(wish: Wish) -> list[Any]:
    """A few cases of a wish."""
    found: list[Any] = []
    settings: Any = hypothesis.settings(max_examples=10, database=None,
                                        phases=[hypothesis.Phase.generate])
    given: Any = hypothesis.given(cases(wish))
    hypothesis.seed(0)(settings(given(lambda case: found.append(case))))()
    return found


def argnums_are_told(form: str) -> bool:
    """Whether all that is drawn of a form of argnums is seen as what it is called."""
    wish = calm(argnums=(form,), rows=(ROWS[0],), members=("grad",), steps=(0, 0))
    return {argnums_form(case) for case in drawn(wish) if case.argnums is not None} == {form}


@pytest.mark.parametrize("form", forms.ARGNUMS)
def test_form_of_argnums_is_noticed(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert argnums_are_told(form)
    for other in set(forms.ARGNUMS) - {form}:
        with monkeypatch.context() as patch:
            patch.setitem(forms.INDICES, form, forms.INDICES[other])
            assert not argnums_are_told(form), other


def test_missing_empty_argnums_are_noticed() -> None:
    """No index is written in each of the ways in which some are."""
    empty, some = (
        {type(case.argnums) for form in chosen
         for case in drawn(calm(argnums=(form,), rows=(ROWS[8],), members=("grad",)))}
        for chosen in (("empty",), ("list", "tuple"))
    )
    assert empty == some == {list, tuple}


def auxes_are_told() -> bool:
    """Whether every aux is seen as what it is called."""
    return all(aux_form(text.format("x")) == form for form, text in forms.AUXES.items())


def held(tree: Any) -> list[Any]:
    """What stands in the containers of a tree, None included."""
    if tree is None or (nodes := trees.items(tree)) is None:
        return [tree]
    return [leaf for _, child in nodes for leaf in held(child)]


def kinds(rule: str) -> set[type]:
    """The types of what stands in the forms of aux that a rule asks for."""
    found = {form for point in points_of(rule) for form in point.wish.auxes}
    made = [eval(forms.AUXES[form].format("array"), {"array": np.ones(1)}) for form in found]
    return {type(leaf) for tree in made for leaf in held(tree)}


def auxes_serve() -> bool:
    """Whether there is all that the rules on aux speak of, and nothing else."""
    return (kinds("AUX-01") == {np.ndarray, type(None)}
            and kinds("AUX-03") == {np.ndarray, int, float, bool, str})


def other_auxes(form: str) -> Iterator[str]:
    """The form with the source of another, and with another leaf for each that it has."""
    yield from (text for other, text in forms.AUXES.items() if other != form)
    text = forms.AUXES[form]
    constants = {repr(leaf) for leaf in held(eval(text.format("'x'")))} - {"'x'"}
    yield from (text.replace(constant, "1j") for constant in sorted(constants))


@pytest.mark.parametrize("form", forms.AUXES)
def test_form_of_aux_is_noticed(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert auxes_are_told() and auxes_serve()
    for text in other_auxes(form):
        with monkeypatch.context() as patch:
            patch.setitem(forms.AUXES, form, text)
            assert not (auxes_are_told() and auxes_serve()), text


def parameters() -> set[str]:
    """The names of the parameters that the members of the family have in the reference."""
    made = [inspect.signature(getattr(refimpl.transform, name))
            for name in (*FAMILY, "GradientTransform")]
    return {p.name for signature in made for p in signature.parameters.values()
            if p.kind is not p.VAR_KEYWORD}


@pytest.mark.parametrize("word", sorted(parameters()))
def test_missing_keyword_is_noticed(word: str) -> None:
    assert word in forms.KEYWORDS
