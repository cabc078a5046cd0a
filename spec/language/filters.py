"""State filters as data: the forms, what each means, and how filters split a selection.

A filter is a tree: a *form* (how it is written) with an operand.  Every form has a *meaning*, a
predicate over what can be known of a state without any implementation: its path, its class and
its tags.  Several forms share a meaning: ``"hot"`` and ``WithTag("hot")``, for example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from hypothesis import strategies as st

from .trees import Path

Operand = Literal["nothing", "class", "tag", "key", "function", "filters", "filter"]

CLASSES: Final = {"State": ("State",), "ParamState": ("ParamState", "State")}
"""The classes of state that every implementation has, each with the classes it is one of."""


Tag = str | tuple[str, ...] | frozenset[str] | None


@dataclass(frozen=True)
class Sample:
    """A state as a filter sees it: its path, its class and its tags."""

    path: Path
    kind: str = "State"
    tag: Tag = None

    @property
    def tags(self) -> frozenset[str]:
        """The tags, however they are given."""
        if self.tag is None:
            return frozenset()
        return frozenset([self.tag] if isinstance(self.tag, str) else self.tag)

    def source(self) -> str:
        """The expression that makes the state."""
        if self.tag is None:
            return f"lib.{self.kind}(jnp.ones(1))"
        several = isinstance(self.tag, frozenset)
        tag = "{" + ", ".join(map(repr, sorted(self.tag))) + "}" if several else repr(self.tag)
        return f"lib.{self.kind}(jnp.ones(1), tag={tag})"


@dataclass(frozen=True)
class Meaning:
    """What a filter says of a state.

    Attributes
    ----------
    says : str
        When the filter matches a state, in words.
    operand : str
        What the filter is about.
    holds : callable
        The predicate over a sample and the operand.
    """

    says: str
    operand: Operand
    holds: Callable[[Sample, Any], bool]


FUNCTIONS: Final[dict[str, Callable[[Sample], bool]]] = {
    "lambda path, state: path[-1] == 'a'": lambda s: s.path[-1] == "a",
    "lambda path, state: isinstance(state, lib.ParamState)": lambda s: s.kind == "ParamState",
    "lambda path, state: len(path) - 1": lambda s: len(s.path) > 1,
}
"""Callable filters as source, and what each means; the last returns a number, not a bool."""

MEANINGS: Final = {
    "instance": Meaning(
        "the state is an instance of the class or of a subclass of it",
        "class", lambda sample, kind: kind in CLASSES[sample.kind]),
    "tagged": Meaning(
        "the tag is one of the state's tags",
        "tag", lambda sample, tag: tag in sample.tags),
    "through": Meaning(
        "a part of the path equals the key",
        "key", lambda sample, key: key in sample.path),
    "function": Meaning(
        "the function, called with the path and the state, returns a true value",
        "function", lambda sample, text: FUNCTIONS[text](sample)),
    "everything": Meaning("always", "nothing", lambda sample, _: True),
    "nothing": Meaning("never", "nothing", lambda sample, _: False),
    "any": Meaning(
        "at least one of the filters matches; never, if there are none",
        "filters", lambda sample, parts: any(part.matches(sample) for part in parts)),
    "all": Meaning(
        "each of the filters matches; always, if there are none",
        "filters", lambda sample, parts: all(part.matches(sample) for part in parts)),
    "not": Meaning(
        "the filter does not match",
        "filter", lambda sample, parts: not parts[0].matches(sample)),
}
"""What filters mean."""


@dataclass(frozen=True)
class Form:
    """A way to write a filter: source with a place for the operand, and the meaning's name."""

    pattern: str
    means: str

    @property
    def meaning(self) -> Meaning:
        """What the form means."""
        return MEANINGS[self.means]


FORMS: Final = {
    "class": Form("{0}", "instance"),
    "OfType": Form("lib.util.filter.OfType({0})", "instance"),
    "str": Form("{0}", "tagged"),
    "WithTag": Form("lib.util.filter.WithTag({0})", "tagged"),
    "PathContains": Form("lib.util.filter.PathContains({0})", "through"),
    "callable": Form("{0}", "function"),
    "...": Form("...", "everything"),
    "True": Form("True", "everything"),
    "Everything": Form("lib.util.filter.Everything()", "everything"),
    "None": Form("None", "nothing"),
    "False": Form("False", "nothing"),
    "Nothing": Form("lib.util.filter.Nothing()", "nothing"),
    "list": Form("[{0}]", "any"),
    "tuple": Form("({0})", "any"),
    "Any": Form("lib.util.filter.Any({0})", "any"),
    "All": Form("lib.util.filter.All({0})", "all"),
    "Not": Form("lib.util.filter.Not({0})", "not"),
}
"""Every form of a filter."""

@dataclass(frozen=True)
class Filter:
    """A filter: a form and its operand.

    The operand is the name of a class, a tag, a key of a path, the source of a function, or a
    tuple of filters; ``None`` where the form has none.
    """

    form: str
    operand: Any = None

    def __repr__(self) -> str:
        return self.source()

    def source(self) -> str:
        """The expression that makes the filter."""
        form = FORMS[self.form]
        match form.meaning.operand:
            case "class":
                text = f"lib.{self.operand}"
            case "filters" | "filter":
                text = ", ".join(part.source() for part in self.operand)
                text += "," if self.form == "tuple" and len(self.operand) == 1 else ""
            case "function":
                text = self.operand
            case _:
                text = repr(self.operand)
        return form.pattern.format(text)

    def matches(self, sample: Sample) -> bool:
        """Whether the filter selects the state."""
        return FORMS[self.form].meaning.holds(sample, self.operand)


def groups_of(samples: Iterable[Sample], filters: Sequence[Filter]) -> list[list[Sample]]:
    """What each of the filters selects: every state goes to the first that matches it."""
    groups: list[list[Sample]] = [[] for _ in filters]
    for sample in samples:
        for group, chosen in zip(groups, filters, strict=True):
            if chosen.matches(sample):
                group.append(sample)
                break
    return groups


def is_split(filters: Sequence[Filter]) -> bool:
    """Whether a selection by these filters is a tuple of mappings, rather than one mapping."""
    return len(filters) > 1


# -- samples and operands that tell all meanings apart -------------------------------------------

POOL: Final = (
    Sample(("a",), "State", "cold"),
    Sample(("b", 0), "ParamState", "hot"),
    Sample(("b", 1)),
    Sample(("c", "a"), "ParamState"),
    Sample(("c", "hot"), "State", "hotter"),
    Sample(("d", "t", 0), "ParamState", "cold"),
)
"""States with at most one tag each, in the order of a selection, that tell all filters apart.

One has a path that contains a tag's name, and one a tag that contains another.
"""

TAGGED: Final = (
    Sample(("a",), tag=("hot", "cold")),
    Sample(("b",), tag=frozenset({"cold", "mild"})),
    Sample(("c",), tag=("hotter",)),
    Sample(("d",), tag=()),
)
"""States with several tags or none."""

OPERANDS: Final[dict[str, tuple[Any, ...]]] = {
    "class": ("ParamState", "State"),
    "tag": ("hot", "cold", "ho"),
    "key": ("a", 0, "b", "hot", "ho", "0"),
    "function": tuple(FUNCTIONS),
    "nothing": (None,),
    "filter": tuple((part,) for part in (
        Filter("str", "hot"),
        Filter("PathContains", "a"),
        Filter("list", (Filter("str", "hot"), Filter("class", "ParamState"))),
    )),
    "filters": (
        (),
        (Filter("str", "hot"),),
        (Filter("class", "ParamState"), Filter("PathContains", "a")),
        (Filter("str", "cold"), Filter("PathContains", 0), Filter("PathContains", "a")),
        (Filter("Not", (Filter("class", "ParamState"),)), Filter("list", (Filter("str", "hot"),))),
    ),
}
"""Operands to try, by kind."""


def examples(means: str) -> list[Filter]:
    """Every form of a meaning with every operand to try."""
    return [
        Filter(name, operand)
        for name, form in FORMS.items() if form.means == means
        for operand in OPERANDS[form.meaning.operand]
    ]


def flat_source(samples: Iterable[Sample]) -> str:
    """A dict from paths to states, as source."""
    return "{" + ", ".join(f"{s.path!r}: {s.source()}" for s in samples) + "}"


def nested_source(samples: Iterable[Sample]) -> str:
    """Dicts and lists that hold each state at its path, as source."""
    tree: dict[Any, Any] = {}
    for sample in samples:
        node = tree
        for part in sample.path[:-1]:
            node = node.setdefault(part, {})
        node[sample.path[-1]] = sample

    def write(node: Any) -> str:
        if isinstance(node, Sample):
            return node.source()
        if 0 in node:
            return "[" + ", ".join(write(child) for child in node.values()) + "]"
        return "{" + ", ".join(f"{key!r}: {write(child)}" for key, child in node.items()) + "}"

    return write(tree)


# -- drawn filters -------------------------------------------------------------------------------

def _leaves(name: str) -> st.SearchStrategy[Filter]:
    return st.sampled_from(OPERANDS[FORMS[name].meaning.operand]).map(lambda o: Filter(name, o))


SIMPLE: Final = tuple(n for n, f in FORMS.items() if not f.meaning.operand.startswith("filter"))
BRANCHES: Final = tuple(n for n in FORMS if n not in SIMPLE)


@cache
def drawn(depth: int = 2) -> st.SearchStrategy[Filter]:
    """Filters of every form, combined up to a depth."""
    leaf = st.sampled_from(SIMPLE).flatmap(_leaves)
    if depth == 0:
        return leaf
    return st.one_of(leaf, *(branch(name, depth) for name in BRANCHES))


def branch(name: str, depth: int = 2) -> st.SearchStrategy[Filter]:
    """Filters of a form that combines others, which are at most one less deep."""
    least, most = (1, 1) if FORMS[name].meaning.operand == "filter" else (0, 3)
    parts = st.lists(drawn(depth - 1), min_size=least, max_size=most)
    return parts.map(lambda filters: Filter(name, tuple(filters)))


def of_form(name: str, depth: int = 2) -> st.SearchStrategy[Filter]:
    """Filters of a form; a combination is of so many levels at the most."""
    return branch(name, depth) if name in BRANCHES else _leaves(name)


@st.composite
def around(draw: Callable[..., Any], name: str) -> Filter:
    """Combinations of any form, one of whose parts is of the form named."""
    whole = draw(st.sampled_from(BRANCHES))
    parts = [draw(of_form(name))]
    if FORMS[whole].meaning.operand == "filters":
        parts = draw(st.permutations([*draw(st.lists(drawn(1), max_size=2)), *parts]))
    return Filter(whole, tuple(parts))


# -- drawn states --------------------------------------------------------------------------------

TAGS: Final = ("hot", "cold", "mild", "hotter", "ho")
ONE_TAG: Final[st.SearchStrategy[Tag]] = st.sampled_from((None, *TAGS))
SEVERAL_TAGS: Final[st.SearchStrategy[Tag]] = st.one_of(
    st.lists(st.sampled_from(TAGS), max_size=5, unique=True).map(tuple),
    st.frozensets(st.sampled_from(TAGS), max_size=5),
)
"""Tags that contain one another as text; several at once or none, in each container."""

PATHS: Final = st.lists(st.sampled_from(("a", "b", "hot", 0, 1, "ho", "0")), min_size=1,
                        max_size=6).map(tuple)
"""Paths of up to six steps, some with parts that are tags elsewhere, or look like an index."""


@cache
def samples(tags: st.SearchStrategy[Tag] = ONE_TAG) -> st.SearchStrategy[tuple[Sample, ...]]:
    """States under different paths, of any class and tag."""
    one = st.builds(Sample, PATHS, st.sampled_from(tuple(CLASSES)), tags)
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda s: s.path).map(tuple)
