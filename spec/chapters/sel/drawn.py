"""Selecting states from modules: drawn trees of modules, against the selection rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from hypothesis import strategies as st

from ...judge import difference
from ...judge.check import generated
from ...judge.difference import Difference, Unreadable, Violation, describe
from ...judge.observation import run
from ...judge.subject import Subject
from ...language import filters
from ...language.filters import Filter, Sample
from ...language.programs import Node, Ref, Var, module_source, module_states
from ...language.script import Script
from ...language.trees import Path

ATTRIBUTES = ("w", "b", "B", "w10", "w9", "_p", "sub")
"""Names of attributes and keys; they are assigned in any order."""

OVERLAPPING = (
    Filter("class", "ParamState"),
    Filter("str", "hot"),
    Filter("str", "cold"),
    Filter("callable", "lambda path, state: len(path) - 1"),
)
"""Filters that overlap, in the plainest forms: the other forms are the matter of FLT."""


REST = (Filter("..."), Filter("True"))
"""Filters that match everything, which stand last."""


Share = Literal["nothing", "states", "modules"]


@dataclass(frozen=True)
class SelectionWish:
    """Which selections to draw: how many filters, how deep, what is shared, which function.

    With ``rest`` a filter that matches everything stands after the others.
    """

    filters: int = 0
    rest: bool = False
    depth: int = 2
    share: Share = "nothing"
    treefy: bool = False


@dataclass(frozen=True)
class Selected(Script):
    """A module and one selection from it; prints as a script."""

    states: tuple[Var, ...]
    module: Node
    filters: tuple[Filter, ...] = ()
    treefy: bool = False

    @property
    def several(self) -> bool:
        """Whether the selection is a tuple of mappings."""
        return filters.is_split(self.filters)

    def lines(self) -> list[str]:
        """The whole script, without its header; a treefied selection is compared with `plain`."""
        texts = [chosen.source() for chosen in self.filters]
        lines = [*(var.source() for var in self.states), *module_source(self.module)]
        plain = f"m.states({', '.join(texts)})"
        if not self.treefy:
            return [*lines, f"result = {plain}"]
        lines.append(f"tree = lib.graph.treefy_states({', '.join(['m', *texts])})")
        flat = "tuple(part.to_flat() for part in tree)" if self.several else "tree.to_flat()"
        return [*lines, f"result = {flat}", f"plain = {plain}"]

    def expected(self) -> list[dict[Path, str]]:
        """The mappings of the selection, in order, each from paths to names of states."""
        var = {var.id: var for var in self.states}
        placed = dict(module_states(self.module))
        samples = [Sample(path, var[s].kind, var[s].tag) for path, s in placed.items()]
        groups = filters.groups_of(samples, self.filters or (Filter("..."),))
        return [{sample.path: placed[sample.path] for sample in group} for group in groups]


def names(least: int) -> st.SearchStrategy[list[str]]:
    """Different names, in the order of assignment."""
    return st.lists(st.sampled_from(ATTRIBUTES), min_size=least, max_size=5, unique=True)


class Growing:
    """A tree of modules in the making: its states and modules so far."""

    def __init__(self, draw: Any, share: str) -> None:
        self.draw, self.share = draw, share
        self.states: list[Var] = []
        self.modules: list[Node] = []

    def again(self, kind: str, there: list[Any]) -> Any:
        """Something that is there already, where it may be shared; None for something new."""
        if self.share == kind and there and self.draw(st.booleans()):
            return self.draw(st.sampled_from(there))
        return None

    def state(self) -> Ref:
        """A reference to a state."""
        var = self.again("states", self.states)
        if var is None:
            kind = self.draw(st.sampled_from(("State", "ParamState")))
            tag = self.draw(st.sampled_from((None, "hot", "cold")))
            var = Var(f"s{len(self.states)}", 1.0, kind, tag)
            self.states.append(var)
        return Ref(var.id)

    def module(self, depth: int) -> Node:
        """A module."""
        known = self.again("modules", self.modules)
        if isinstance(known, Node):
            return known
        node = Node({name: self.child(depth) for name in self.draw(names(1))})
        self.modules.append(node)
        return node

    def child(self, depth: int) -> Any:
        """What an attribute or a container holds."""
        forms = ("state", "list", "dict", "module") if depth else ("state",)
        match self.draw(st.sampled_from(forms)):
            case "list":
                return [self.child(depth - 1) for _ in range(self.draw(st.integers(0, 2)))]
            case "dict":
                return {key: self.child(depth - 1) for key in self.draw(names(0))}
            case "module":
                return self.module(depth - 1)
        return self.state()


@st.composite
def drawn_selections(draw: Any, wish: SelectionWish) -> Selected:
    """Trees of modules and selections from them."""
    tree = Growing(draw, wish.share)
    module = tree.module(wish.depth)
    if wish.share == "modules":  # one at least, which a draw alone may never give
        part = Node({name: tree.child(0) for name in draw(names(1))})
        places = draw(st.lists(st.sampled_from(ATTRIBUTES), min_size=2, max_size=2, unique=True))
        module = Node({**module.attributes, **dict.fromkeys(places, part)})
    chosen = st.lists(st.sampled_from(OVERLAPPING), min_size=wish.filters, max_size=wish.filters)
    last = [draw(st.sampled_from(REST))] if wish.rest else []
    return Selected(tuple(tree.states), module, (*draw(chosen), *last), wish.treefy)


# -- judges --------------------------------------------------------------------------------------


def mappings(case: Selected, result: Any) -> list[Any] | None:
    """The mappings of a result, or None if it is not what so many filters return."""
    if not case.several:
        return [result] if isinstance(result, Mapping) else None
    if type(result) is not tuple or len(result) != len(case.filters):
        return None
    return list(result)


def misread(case: Selected, result: Any) -> Difference:
    """What a result is that is not what so many filters return."""
    if case.several:
        return difference.of_size("result", tuple, len(case.filters), result)
    return Difference("result", "hasattr(result, 'keys')", "a mapping", describe(result))


def judge_selected(subject: Subject, case: Selected) -> None:
    """One mapping or a tuple of them, each with the right states, whatever their paths."""
    result = (made := run(case, subject))["result"]
    found = mappings(case, result)
    if found is None:
        raise Violation(misread(case, result))
    want = [sorted(group.values()) for group in case.expected()]
    name = {id(made[var.id]): var.id for var in case.states}
    got = [sorted(name.get(id(s), "a stranger") for s in group.values()) for group in found]
    if got != want:
        ids = [f"sorted(map(id, [{', '.join(group)}]))" for group in want]
        maps = [f"result[{i}]" for i in range(len(want))] if case.several else ["result"]
        claims = [f"sorted(map(id, {m}.values())) == {s}" for m, s in zip(maps, ids, strict=True)]
        raise Violation(
            Difference("result", " and ".join(claims), f"the states {want}", f"{got}"))


def judge_paths(subject: Subject, case: Selected) -> None:
    """Every state under its own path, in whatever order."""
    (want,), made = case.expected(), run(case, subject)
    (found,) = readable(case, made["result"])
    if {path: id(state) for path, state in found.items()} != {
        path: id(made[state]) for path, state in want.items()
    }:
        expected = "{" + ", ".join(f"{path!r}: {state}" for path, state in want.items()) + "}"
        claim = (f"{{p: id(s) for p, s in result.items()}} == "
                 f"{{p: id(s) for p, s in {expected}.items()}}")
        paths = f"paths {sorted(found.keys(), key=str)}"
        raise Violation(Difference("result", claim, expected, paths))


def judge_order(subject: Subject, case: Selected) -> None:
    """The paths in their order, where the paths themselves are right."""
    (want,) = case.expected()
    (found,) = readable(case, run(case, subject)["result"])
    got = list(found.keys())
    if set(got) != set(want):
        raise Unreadable(difference.of_keys("result", list(want), found), "the order")
    if got != list(want):
        raise Violation(difference.of_keys("result", list(want), found, ordered=True))


def judge_agreement(subject: Subject, case: Selected) -> None:
    """The treefied selection has the paths of the plain one, in the same order."""
    made = run(case, subject)
    want = [list(group.keys()) for group in readable(case, made["plain"])]
    found = mappings(case, made["result"])
    got = None if found is None else [list(group.keys()) for group in found]
    if got != want:
        claim = "list(result.keys()) == list(plain.keys())"
        if case.several:
            claim = "[list(r.keys()) for r in result] == [list(p.keys()) for p in plain]"
        raise Violation(Difference("result", claim, f"paths {want}", f"{got}"))


def readable(case: Selected, result: Any) -> list[Any]:
    """The mappings of a result.

    Raises
    ------
    Unreadable
        If it is not what so many filters return, which SEL-01 to SEL-03 judge.
    """
    found = mappings(case, result)
    if found is None:
        raise Unreadable(misread(case, result), "the selection")
    return found


DEPTHS = {word: SelectionWish(depth=depth) for depth, word in enumerate(("flat", "nested", "deep"))}

generated("SEL-01", drawn_selections, DEPTHS)(judge_selected)
generated("SEL-02", drawn_selections, {"1": SelectionWish(1)})(judge_selected)
generated("SEL-03", drawn_selections, {
    "2": SelectionWish(2), "3": SelectionWish(3),
    "1 and the rest": SelectionWish(1, rest=True), "2 and the rest": SelectionWish(2, rest=True),
})(judge_selected)
generated("SEL-05", drawn_selections, DEPTHS)(judge_paths)
generated("SEL-06", drawn_selections, DEPTHS)(judge_order)
generated("SEL-07", drawn_selections, {"": SelectionWish(share="states")})(judge_paths)
generated("SEL-08", drawn_selections, {"": SelectionWish(share="modules")})(judge_paths)
generated("SEL-14", drawn_selections, {
    f"{n} filters, {share} shared": SelectionWish(n, share=share, treefy=True)
    for n in (0, 1, 2) for share in get_args(Share)
})(judge_agreement)


def judge_nesting(subject: Subject, case: Selected) -> None:
    """Going down the tree by the parts of each path ends at something that has a value."""
    (want,), made = case.expected(), run(case, subject)
    for path in want:
        place = "tree" + "".join(f"[{part!r}]" for part in path)
        claim = f"hasattr({place}, 'value')"
        if not eval(claim, made):
            raise Violation(Difference(place, claim, "a state", describe(eval(place, made))))


def judge_identity(subject: Subject, case: Selected) -> None:
    """Under each path stands the very state that the plain selection has there."""
    (want,), made = case.expected(), run(case, subject)
    for path, state in want.items():
        claim = f"result[{path!r}] is {state}"
        if not eval(claim, made):
            raise Violation(Difference(f"result[{path!r}]", claim, "the state itself",
                                       describe(made["result"][path])))


AGREEING = (
    "len(result) == len(list(result))", "list(result) == list(result.keys())",
    "all(path in result for path in result)", "('nowhere',) not in result",
    "all(result[path] is state for path, state in result.items())",
    "[*map(id, result.values())] == [id(state) for _, state in result.items()]",
    "[path for path, _ in result.items()] == list(result)",
)
"""What holds of a mapping, as claims about a selection."""


def judge_mapping(subject: Subject, case: Selected) -> None:
    """All ways to read the selection agree."""
    made = run(case, subject)
    for claim in AGREEING:
        if not eval(claim, made):
            raise Violation(Difference("result", claim, claim, describe(made["result"])))


_TREEFIED = {
    word: SelectionWish(depth=depth, treefy=True) for depth, word in enumerate(("flat", "nested"))}

generated("SEL-12", drawn_selections, DEPTHS)(judge_mapping)
generated("SEL-15", drawn_selections, _TREEFIED)(judge_nesting)
generated("SEL-16", drawn_selections, _TREEFIED)(judge_identity)
