"""State filters: every form against the table, alone, combined, and in selections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from ...judge.check import generated, snippet
from ...judge.difference import Difference, Violation
from ...judge.observation import run
from ...judge.subject import Subject
from ...language import filters
from ...language.filters import (
    BRANCHES,
    FORMS,
    MEANINGS,
    OPERANDS,
    POOL,
    TAGGED,
    Filter,
    Sample,
)
from ...language.script import Script

RULES = {
    "FLT-01": "instance",
    "FLT-02": "tagged",
    "FLT-04": "through",
    "FLT-05": "function",
    "FLT-06": "everything",
    "FLT-07": "nothing",
    "FLT-08": "any",
    "FLT-09": "all",
    "FLT-10": "not",
}
"""The rules that are about one meaning each."""


def points(
    chosen: Iterable[Filter], samples: Sequence[Sample], pool: str
) -> dict[str, dict[str, str]]:
    """A point for every filter: the states as source, the filter, the paths it must match."""
    return {
        f"{filter.form}: {filter.source()}": {
            "pool": pool,
            "filter": filter.source(),
            "want": repr([sample.path for sample in samples if filter.matches(sample)]),
        }
        for filter in chosen
    }


def predicate_matches_what_the_filter_means(lib, jnp, pool, filter, want):
    """The predicate of a form, asked about every state of the pool."""
    matches = lib.util.filter.to_predicate(filter)
    got = [path for path, state in pool.items() if matches(path, state)]
    assert got == want, {"expected": want, "got": got}


for _rule, _means in RULES.items():
    _points = points(filters.examples(_means), POOL, filters.flat_source(POOL))
    snippet(_rule, _points)(predicate_matches_what_the_filter_means)


@snippet("FLT-01")
def class_of_the_user_is_a_class(lib, jnp):
    """A class that the library has never seen, and the classes it derives from."""
    class Weight(lib.ParamState):
        pass
    classes = lib.State, lib.ParamState, Weight
    states = [cls(jnp.ones(1)) for cls in classes]
    matches = [lib.util.filter.to_predicate(cls) for cls in classes]
    got = [[bool(match(("w",), state)) for state in states] for match in matches]
    want = [[True, True, True], [False, True, True], [False, False, True]]
    assert got == want, {"expected": want, "got": got}


TAGS = [Filter(form, tag) for form in ("str", "WithTag") for tag in ("hot", "cold", "mild", "ho")]

snippet("FLT-03", points(TAGS, TAGGED, filters.flat_source(TAGGED)))(
    predicate_matches_what_the_filter_means
)


@snippet("FLT-05", {text: {"filter": text} for text in (
    "lib.util.filter.to_predicate('hot')", "lib.util.filter.to_predicate(['hot'])",
)})
def predicate_is_a_filter(lib, jnp, filter):
    """The predicate of a predicate matches as the predicate itself."""
    matches = lib.util.filter.to_predicate(filter)
    states = lib.State(jnp.ones(1), tag="hot"), lib.State(jnp.ones(1), tag="cold")
    got = [bool(matches(("w",), state)) for state in states]
    assert got == [True, False], {"expected": [True, False], "got": got}


# -- combinations --------------------------------------------------------------------------------

WHOLE_OF_PART = [
    Filter(whole, (Filter(part, OPERANDS[FORMS[part].meaning.operand][-1]),))
    for whole in BRANCHES for part in FORMS
]
"""Every form as the only part of every combination."""

snippet("FLT-11", points(WHOLE_OF_PART, POOL, filters.flat_source(POOL)))(
    predicate_matches_what_the_filter_means
)

@dataclass(frozen=True)
class Question(Script):
    """A filter and states to ask it about; prints as a script."""

    filter: Filter
    samples: tuple[Sample, ...]

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        return [
            f"pool = {filters.flat_source(self.samples)}",
            f"matches = lib.util.filter.to_predicate({self.filter.source()})",
            "result = [path for path, state in pool.items() if matches(path, state)]",
        ]



def questions(form: str) -> st.SearchStrategy[Question]:
    """Combinations of the form, and some of the samples."""
    pool = st.lists(st.sampled_from(POOL), min_size=1, unique=True).map(tuple)
    return st.builds(Question, filters.branch(form), pool)


@generated("FLT-11", questions, {name: name for name in BRANCHES})
def combination_means_what_its_parts_mean(subject: Subject, case: Question) -> None:
    """Against the predicates of the table, combined by the same form."""
    want = [sample.path for sample in case.samples if case.filter.matches(sample)]
    got = run(case, subject)["result"]
    if got != want:
        raise Violation(Difference("result", f"result == {want}", f"{want}", f"{got}"))


# -- selections ----------------------------------------------------------------------------------

POOLED = filters.nested_source(POOL)
def every_form(select: str) -> dict[str, dict[str, str]]:
    """Every form, a pool for the attributes of a module, and a way to select from it.

    What a form means is judged above."""
    return {
        f"{filter.form}: {filter.source()}":
            {"pool": POOLED, "filter": filter.source(), "select": select}
        for means in MEANINGS for filter in filters.examples(means)
    }


@snippet("SEL-14", every_form("lambda m, filter: lib.graph.treefy_states(m, filter).to_flat()"))
@snippet("SEL-02", every_form("lambda m, filter: m.states(filter)"))
def selecting_takes_every_form(lib, jnp, pool, filter, select):
    """What is selected, against the predicate asked about every state."""
    class M(lib.nn.Module):
        pass
    m = M()
    for name, part in pool.items():
        setattr(m, name, part)
    matches = lib.util.filter.to_predicate(filter)
    want = [path for path, state in m.states().items() if matches(path, state)]
    got = list(select(m, filter).keys())
    assert got == want, {"expected": want, "got": got}


@snippet("FLT-14")
def callable_gets_path_and_state(lib, jnp):
    """What a callable filter is called with, three steps down."""
    class M(lib.nn.Module):
        pass
    m, w = M(), lib.State(jnp.ones(1))
    m.a = {"b": [w]}
    def is_w(path, state):
        return path == ("a", "b", 0) and type(path) is tuple and state is w
    got = list(m.states(is_w).keys())
    assert got == [("a", "b", 0)], {
        "expected": "a call with the path ('a', 'b', 0) and w", "got": got}


@snippet("FLT-15")
def tag_is_read_when_asked(lib, jnp):
    """A tag that is replaced between two selections."""
    class M(lib.nn.Module):
        pass
    m = M()
    m.w = lib.State(jnp.ones(1), tag="hot")
    before = len(m.states("hot"))
    m.w.tag = "cold"
    got = before, len(m.states("hot")), len(m.states("cold"))
    assert got == (1, 0, 1), {"expected": (1, 0, 1), "got": got}
