"""Every form of a call is noticed when it is dropped or means something else."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import hypothesis
import numpy as np
import pytest

import refimpl
from spec.chapters import all_checks
from spec.language import call_forms as forms
from spec.language import trees
from spec.language.programs import Node, Program, Ref, Var
from spec.language.returns import ROWS
from spec.language.strategies import cases
from spec.language.transforms import FAMILY
from spec.language.wishes import Wish, calm


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


CONTAINERS = {
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


def containers_are_told() -> bool:
    """Whether every container is what it is called."""
    made = {form: forms.selections(form, ["s0", "s1", "s2"], HELD) for form in forms.CONTAINERS}
    return {form: selection.source() for form, selection in made.items()} == CONTAINERS


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


ARGNUMS: dict[str, Callable[[Any], bool]] = {
    "int": lambda given: isinstance(given, int) and given >= 0,
    "negative": lambda given: isinstance(given, int) and given < 0,
    "list": lambda given: type(given) is list and bool(given) and min(given) >= 0,
    "tuple": lambda given: type(given) is tuple and bool(given) and min(given) >= 0,
    "negatives": lambda given: (type(given) is list and bool(given) and given[0] < 0
                                and all(index >= 0 for index in given[1:])),
    "empty": lambda given: given in ([], ()),
}
"""What each form of argnums is."""


def argnums_are_told(form: str) -> bool:
    """Whether all that is drawn of a form of argnums is what it is called, and labelled so."""
    wish = calm(argnums=(form,), rows=(ROWS[0],), members=("grad",), steps=(0, 0))
    given = [case for case in drawn(wish) if case.argnums is not None]
    return all(ARGNUMS[form](case.argnums) and f"argnums: {form}" in case.labels for case in given)


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


AUXES = {
    "array": "x", "dict": {"m": "x"}, "number": [2.5, 3], "text": ("text", ["x"]),
    "none": (None, "x"), "mixed": {"n": 3, "m": ("x", True)},
}
"""What each form of aux is."""


def auxes_are_told() -> bool:
    """Whether every aux is what it is called."""
    return {form: eval(text.format("'x'")) for form, text in forms.AUXES.items()} == AUXES


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
