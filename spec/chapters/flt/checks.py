"""State filters: every form against the table, alone, combined, and in selections."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from ...judge.check import drawn, generated, snippet
from ...judge.difference import Difference, Violation
from ...judge.observation import run
from ...judge.subject import Subject
from ...language import filters
from ...language.filters import FORMS, MEANINGS, POOL, Filter, Sample
from ...language.script import Script
from ...language.sources import STATES, count, one_of, written

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


@dataclass(frozen=True)
class Question(Script):
    """A filter and states to ask it about; prints as a script.

    With ``twice`` the predicate is made a predicate again.
    """

    filter: Filter
    samples: tuple[Sample, ...]
    twice: bool = False

    def lines(self) -> list[str]:
        """The whole script, without its header."""
        again = ["matches = lib.util.filter.to_predicate(matches)"] if self.twice else []
        return [
            f"pool = {filters.flat_source(self.samples)}",
            f"matches = lib.util.filter.to_predicate({self.filter.source()})",
            *again,
            "result = [path for path, state in pool.items() if matches(path, state)]",
        ]


def asked(
    chosen: st.SearchStrategy[Filter], tags: st.SearchStrategy[filters.Tag] = filters.ONE_TAG,
    twice: bool = False,
) -> st.SearchStrategy[Question]:
    """Filters, each asked about some drawn states."""
    return st.builds(Question, chosen, filters.samples(tags), st.just(twice))


def predicate_matches_what_the_filter_means(subject: Subject, case: Question) -> None:
    """The predicate, asked about every state, against the table."""
    want = [sample.path for sample in case.samples if case.filter.matches(sample)]
    got = run(case, subject)["result"]
    if got != want:
        raise Violation(Difference("result", f"result == {want}", f"{want}", f"{got}"))


for _rule, _means in RULES.items():
    generated(_rule, lambda form: asked(filters.of_form(form)), {
        name: name for name, form in FORMS.items() if form.means == _means
    }, wide=6)(predicate_matches_what_the_filter_means)

generated("FLT-03", lambda form: asked(filters.of_form(form), filters.SEVERAL_TAGS), {
    name: name for name in ("str", "WithTag")
})(predicate_matches_what_the_filter_means)


@generated("FLT-05", lambda _: asked(filters.drawn(1), twice=True))
def predicate_is_a_filter(subject: Subject, case: Question) -> None:
    """The predicate of a predicate matches as the predicate itself."""
    predicate_matches_what_the_filter_means(subject, case)


@generated("FLT-11", lambda form: asked(filters.around(form)), {n: n for n in FORMS}, wide=8)
def combination_means_what_its_parts_mean(subject: Subject, case: Question) -> None:
    """Combinations that hold a form, and others, against the predicates of the table."""
    predicate_matches_what_the_filter_means(subject, case)


@drawn("FLT-01", {"base": one_of(STATES), "depth": count(1, 3),
                  "form": one_of(("lambda cls: cls", "lib.util.filter.OfType"))})
def class_of_the_user_is_a_class(lib, jnp, base, depth, form):
    """Classes that the library has never seen, each derived from the one before."""
    classes = [base]
    for _ in range(depth):
        classes.append(type("Mine", (classes[-1],), {}))
    states = [cls(jnp.ones(1)) for cls in classes]
    matches = [lib.util.filter.to_predicate(form(cls)) for cls in classes]
    got = [[bool(match(("w",), state)) for state in states] for match in matches]
    want = [[i <= j for j in range(depth + 1)] for i in range(depth + 1)]
    assert got == want, {"expected": want, "got": got}


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


PATHS = st.tuples(st.sampled_from(("a", "b")), st.lists(
    st.sampled_from(("k", 0, 1, "sub")), max_size=4)).map(lambda path: (path[0], *path[1]))
"""Paths through dicts, lists and modules."""


@drawn("FLT-14", {"path": written(PATHS)})
def callable_gets_path_and_state(lib, jnp, path):
    """A state under a path of names, indices and modules; others stand before it in lists."""
    m, w = lib.nn.Module(), lib.State(jnp.ones(1))
    node = w
    for step in path[:0:-1]:
        if step == "sub":
            node, part = lib.nn.Module(), node
            node.sub = part
        else:
            others = [lib.State(jnp.ones(1)) for _ in range(step)] if step != "k" else []
            node = {"k": node} if step == "k" else [*others, node]
    setattr(m, path[0], node)
    got = list(m.states(lambda p, s: p == path and type(p) is tuple and s is w).keys())
    assert got == [path], {"expected": f"a call with the path {path} and w", "got": got}


TAGS = written(st.lists(st.tuples(*2 * [st.sampled_from(("hot", "cold", None))]), min_size=1,
                        max_size=4))
"""Tags of some states, before and after."""


@drawn("FLT-15", {"tags": TAGS,
                  "form": one_of(("lambda tag: tag", "lib.util.filter.WithTag", *(
                      f"lambda tag: {text}" for text in (
                          "lib.util.filter.Not(lib.util.filter.Not(tag))", "[tag]",
                          "lib.util.filter.All(tag, ...)"))))})
def tag_is_read_when_asked(lib, jnp, tags, form):
    """Tags that are replaced between two selections by one filter."""
    m, got, hot = lib.nn.Module(), [], form("hot")
    m.items = [lib.State(jnp.ones(1), tag=before) for before, _ in tags]
    for turn in range(2):
        for state, pair in zip(m.items, tags, strict=True):
            state.tag = pair[turn]
        got.append([path[-1] for path in m.states(hot).keys()])
    want = [[i for i, pair in enumerate(tags) if pair[turn] == "hot"] for turn in range(2)]
    assert got == want, {"expected": want, "got": got}
