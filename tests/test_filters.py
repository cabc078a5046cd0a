"""The filter table: every form has one meaning, meanings are told apart, and the laws hold."""

from collections.abc import Callable
from itertools import combinations
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.judge.subject import NAMES
from spec.language import filters
from spec.language.filters import FORMS, MEANINGS, OPERANDS, POOL, TAGGED, Filter, Sample

SAMPLES = POOL + TAGGED
EVERYTHING, NOTHING = Filter("..."), Filter("None")


def selected(chosen: Filter) -> list[Sample]:
    """The samples that a filter matches."""
    return [sample for sample in SAMPLES if chosen.matches(sample)]


def negation(part: Filter) -> Filter:
    return Filter("Not", (part,))


def either(*parts: Filter) -> Filter:
    return Filter("Any", parts)


def both(*parts: Filter) -> Filter:
    return Filter("All", parts)


def test_every_form_has_a_meaning_and_every_meaning_a_form() -> None:
    assert {form.means for form in FORMS.values()} == set(MEANINGS)


def test_every_meaning_has_operands_to_try() -> None:
    assert {meaning.operand for meaning in MEANINGS.values()} == set(OPERANDS)
    assert all(OPERANDS.values())


def test_every_name_of_the_interface_is_a_form() -> None:
    names = {n for n in NAMES if n.startswith("util.filter.")}
    written = {n for n in names for form in FORMS.values() if f"lib.{n}(" in form.pattern}
    assert written == names - {"util.filter.to_predicate"}


@pytest.mark.parametrize("means", MEANINGS)
def test_every_example_is_total(means: str) -> None:
    """Every filter gives a plain answer for every state."""
    for chosen in filters.examples(means):
        assert {type(chosen.matches(sample)) for sample in SAMPLES} == {bool}, chosen


@pytest.mark.parametrize("means", MEANINGS)
def test_forms_of_a_meaning_select_the_same(means: str) -> None:
    answers: dict[str, list[Sample]] = {}
    for chosen in filters.examples(means):
        assert selected(chosen) == answers.setdefault(repr(chosen.operand), selected(chosen))


def test_pool_tells_meanings_apart() -> None:
    """No meaning selects the same as another whatever the operands."""
    def patterns(means: str) -> set[tuple[bool, ...]]:
        return {tuple(f.matches(s) for s in POOL) for f in filters.examples(means)}

    for one, other in combinations(MEANINGS, 2):
        assert patterns(one) != patterns(other), (one, other)


def test_pool_tells_operands_apart() -> None:
    """Two operands of one form, if they match any state at all, do not match the same states."""
    for means in ("instance", "tagged", "through", "function"):
        form = filters.examples(means)[0].form
        same_form = [f for f in filters.examples(means) if f.form == form]
        answers = [tuple(f.matches(s) for s in POOL) for f in same_form]
        matching = [answer for answer in answers if any(answer)]
        assert len(set(matching)) == len(matching), means


def test_tags_are_compared_whole_and_apart_from_paths() -> None:
    """The pool holds what a substring, or a mix of paths and tags, would confuse."""
    assert not selected(Filter("str", "ho"))
    assert not selected(Filter("PathContains", "ho"))
    assert not selected(Filter("PathContains", "0"))
    by_tag, by_path = selected(Filter("str", "hot")), selected(Filter("PathContains", "hot"))
    assert by_tag and by_path and not set(by_tag) & set(by_path)


def test_some_state_has_several_tags_in_each_container() -> None:
    assert {type(s.tag) for s in TAGGED} == {tuple, frozenset}
    assert max(len(s.tags) for s in TAGGED) > 1
    assert min(len(s.tags) for s in TAGGED) == 0


LAWS: dict[str, tuple[Callable[[Filter, Filter], Filter], Callable[[Filter, Filter], Filter]]] = {
    "not any": (lambda p, q: negation(either(p, q)), lambda p, q: both(negation(p), negation(q))),
    "not all": (lambda p, q: negation(both(p, q)), lambda p, q: either(negation(p), negation(q))),
    "double negation": (lambda p, q: negation(negation(p)), lambda p, q: p),
    "any commutes": (lambda p, q: either(p, q), lambda p, q: either(q, p)),
    "all commutes": (lambda p, q: both(p, q), lambda p, q: both(q, p)),
    "any absorbs": (lambda p, q: either(p, both(p, q)), lambda p, q: p),
    "all absorbs": (lambda p, q: both(p, either(p, q)), lambda p, q: p),
    "any of nothing": (lambda p, q: either(p, NOTHING), lambda p, q: p),
    "all of everything": (lambda p, q: both(p, EVERYTHING), lambda p, q: p),
    "excluded middle": (lambda p, q: either(p, negation(p)), lambda p, q: EVERYTHING),
    "contradiction": (lambda p, q: both(p, negation(p)), lambda p, q: NOTHING),
    "empty any": (lambda p, q: either(), lambda p, q: NOTHING),
    "empty all": (lambda p, q: both(), lambda p, q: EVERYTHING),
    "a list is any": (lambda p, q: Filter("list", (p, q)), lambda p, q: either(p, q)),
    "a tuple is any": (lambda p, q: Filter("tuple", (p, q)), lambda p, q: either(p, q)),
}


@pytest.mark.parametrize("law", LAWS)
@given(st.data())
def test_law(law: str, data: st.DataObject) -> None:
    left, right = LAWS[law]
    p, q = data.draw(filters.drawn(1)), data.draw(filters.drawn(1))
    assert selected(left(p, q)) == selected(right(p, q))


def stand_in() -> SimpleNamespace:
    """A library whose filters are the source they were written as."""
    names = ("OfType", "WithTag", "PathContains", "Everything", "Nothing", "Any", "All", "Not")
    made = {name: (lambda *operands, name=name: (name, *operands)) for name in names}
    return SimpleNamespace(
        State="State", ParamState="ParamState", util=SimpleNamespace(filter=SimpleNamespace(**made))
    )


@given(filters.drawn(2))
def test_source_of_a_filter_is_an_expression(chosen: Filter) -> None:
    """The source can be evaluated with nothing but the interface."""
    assert eval(chosen.source(), {"lib": stand_in()}) is not NotImplemented


def test_a_tuple_of_one_filter_is_a_tuple() -> None:
    assert eval(Filter("tuple", (Filter("str", "hot"),)).source()) == ("hot",)
    assert eval(Filter("tuple", ()).source()) == ()


@given(st.lists(filters.drawn(1), max_size=4))
def test_split_is_disjoint_and_first_match_wins(chosen: list[Filter]) -> None:
    """Every state is in at most one group: that of the first filter that matches it."""
    groups = filters.groups_of(SAMPLES, chosen)
    assert len(groups) == len(chosen)
    for sample in SAMPLES:
        home = [index for index, group in enumerate(groups) if sample in group]
        matching = [index for index, f in enumerate(chosen) if f.matches(sample)]
        assert home == matching[:1]


@given(st.lists(filters.drawn(1), max_size=3))
def test_split_keeps_the_order_and_a_rest_takes_all(chosen: list[Filter]) -> None:
    groups = filters.groups_of(SAMPLES, [*chosen, EVERYTHING])
    places = [[SAMPLES.index(sample) for sample in group] for group in groups]
    assert all(group == sorted(group) for group in places)
    assert sorted(place for group in places for place in group) == list(range(len(SAMPLES)))


def test_two_filters_or_more_split_a_selection() -> None:
    sizes = {size: filters.is_split([EVERYTHING] * size) for size in range(4)}
    assert sizes == {0: False, 1: False, 2: True, 3: True}


def test_nested_source_holds_each_state_at_its_path() -> None:
    """Walking the evaluated source along a path leads to the state of that path."""
    made = {(s.kind, s.tag): s for s in POOL}
    assert len(made) == len(POOL), "every sample of the pool is told apart by class and tag"
    lib = SimpleNamespace(
        State=lambda value, tag=None: ("State", tag),
        ParamState=lambda value, tag=None: ("ParamState", tag),
    )
    names = {"lib": lib, "jnp": SimpleNamespace(ones=lambda n: n)}
    tree = eval(filters.nested_source(POOL), names)
    flat = eval(filters.flat_source(POOL), names)
    assert list(flat) == [s.path for s in POOL]
    for sample in POOL:
        node = tree
        for part in sample.path:
            node = node[part]
        assert node == flat[sample.path] == (sample.kind, sample.tag)


def test_pool_is_in_the_order_of_a_selection() -> None:
    """Depth first, attributes by name: the order of the paths."""
    assert [s.path for s in POOL] == sorted((s.path for s in POOL), key=str)
