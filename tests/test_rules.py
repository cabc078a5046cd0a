"""The registry as a whole: ids, statements, sources, checks, scripts; the return table."""

import ast
import builtins
import dis
import inspect
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.chapters import all_checks, rules
from spec.chapters.rules import Level, Rule, Withdrawn, families, registry
from spec.judge.check import Check, judge_filled, snippet_source
from spec.judge.subject import Subject
from spec.language import returns
from spec.language.returns import ROWS, Row
from spec.run import example
from tests.saboteurs.roster import all_saboteurs

SUBJECT = Subject("refimpl", SimpleNamespace())
"""Stands for any implementation on JAX, whose header a script begins with."""

LONGEST_SCRIPT = 15
LONG = {"CMP-09": 16, "CMP-20": 18, "SEL-11": 17, "SEL-17": 17, "WRB-12": 17, "WRB-13": 17,
        "WRB-30": 32}
"""What is right or refused takes a `try`; to stop a library at a line takes a tracer."""
PROVIDED = {"lib", "jnp", "np", "jax"}
RULES = tuple(registry().values())
WITHDRAWN = tuple(entry for family in families().values() for entry in family.withdrawn)
DOCS = Path(__file__).parents[1] / "docs"
PAGES = [page for page in DOCS.rglob("*.md") if "_build" not in page.parts]
SNIPPETS = tuple(check for check in all_checks() if check.strategy is None)
FILLED = tuple(check for check in all_checks() if check.filled is not None)
"""Snippets some of whose parameters are drawn."""


def identity(entry: Rule | Withdrawn | Check | Row) -> str:
    return entry.id


# -- rules -----------------------------------------------------------------------------------------


def test_ids_are_well_formed_and_belong_to_their_family() -> None:
    assert RULES
    for id, rule in registry().items():
        assert rule.id == id and rules.ID.match(id), id
        assert rule.family in rules.ORDER, id
        assert rule in families()[rule.family].rules, id


def test_no_id_is_given_twice() -> None:
    given_ids = Counter(rule.id for family in families().values() for rule in family.rules)
    assert max(given_ids.values()) == 1


def test_numbers_of_a_family_leave_no_gap() -> None:
    """A rule that is withdrawn keeps its number, so that no other rule is ever mistaken for it."""
    for family in families().values():
        ids = [rule.id for rule in family.rules] + [gone.id for gone in family.withdrawn]
        numbers = sorted(int(id[4:]) for id in ids)
        assert numbers == list(range(1, len(numbers) + 1)), family.id


@pytest.mark.parametrize("entry", WITHDRAWN, ids=identity)
def test_withdrawn_id_is_no_rule_and_another_rule_says_it(entry: Withdrawn) -> None:
    assert entry in families()[entry.id[:3]].withdrawn
    assert entry.id not in registry()
    assert entry.by and set(entry.by) <= set(registry())
    assert entry.reason.endswith(".")


@pytest.mark.parametrize("entry", WITHDRAWN, ids=identity)
def test_withdrawn_id_is_used_nowhere(entry: Withdrawn) -> None:
    assert not [check.id for check in all_checks() if check.rule == entry.id]
    assert not [s.name for s in all_saboteurs() if entry.id in s.breaks]
    texts = [rule.statement + rule.reason for rule in RULES]
    texts += [family.about for family in families().values()]
    texts += [page.read_text(encoding="utf-8") for page in PAGES]
    assert not [text[:60] for text in texts if entry.id in text]


def test_every_family_says_what_its_words_mean() -> None:
    for family in families().values():
        assert family.title and family.about.strip(), family.id


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_statement_is_one_sentence(rule: Rule) -> None:
    text = re.sub(r"`[^`]*`", "code", rule.statement)
    assert text.endswith("."), rule.statement
    assert not re.search(r"[.!?]\s+[A-Z]", text), rule.statement
    assert rule.statement == " ".join(rule.statement.split()), "spaces are single"


def test_no_two_rules_say_the_same() -> None:
    statements = Counter(rule.statement for rule in RULES)
    assert max(statements.values()) == 1


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_source_is_given(rule: Rule) -> None:
    assert rule.source and all(source.strip() for source in rule.source)


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_open_rules_name_what_they_permit(rule: Rule) -> None:
    assert (len(rule.outcomes) > 1) == (rule.level is Level.OPEN)


@pytest.mark.parametrize("change", [{"id": "AB-1"}, {"since": "0.1"}, {"by": None}])
def test_malformed_withdrawal_is_refused(change: dict[str, Any]) -> None:
    entry = {"id": "ABC-01", "by": "ABC-02", "reason": "ABC-02 says it."}
    assert rules._withdrawn(entry).by == ("ABC-02",)
    changed = {key: value for key, value in (entry | change).items() if value is not None}
    with pytest.raises(ValueError, match="withdrawn"):
        rules._withdrawn(changed)


ENTRY = {"id": "ABC-01", "title": "A and B", "level": "MUST", "authority": "invariant",
         "statement": "A does B.", "source": "ruling 1"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "AB-1"}, "not of the form"),
        ({"colour": "red"}, "unknown keys"),
        ({"outcomes": ["this", "that"]}, "exactly the OPEN rules"),
        ({"level": "OPEN", "authority": "recommended"}, "exactly the OPEN rules"),
        ({"level": "PERHAPS"}, "PERHAPS"),
    ],
)
def test_malformed_entry_is_refused(change: dict[str, Any], complaint: str) -> None:
    assert rules._rule(ENTRY).source == ("ruling 1",)
    with pytest.raises(ValueError, match=complaint):
        rules._rule(ENTRY | change)


# -- checks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_rule_has_a_check(rule: Rule) -> None:
    assert [check for check in all_checks() if check.rule == rule.id]


@pytest.mark.parametrize("rule", RULES, ids=identity)
def test_a_rule_draws_or_says_why_it_does_not(rule: Rule) -> None:
    drawn = any(check.strategy for check in all_checks() if check.rule == rule.id)
    assert drawn != bool(rule.fixed)


@pytest.mark.parametrize("check", all_checks(), ids=identity)
def test_check_has_a_rule_and_something_to_do(check: Check) -> None:
    assert check.rule in registry()
    assert check.cases


@pytest.mark.parametrize("check", SNIPPETS, ids=identity)
def test_points_of_a_snippet_give_its_parameters(check: Check) -> None:
    parameters = set(inspect.signature(check.function).parameters) - PROVIDED
    for point in check.cases.values():
        assert set(point) == parameters


@pytest.mark.parametrize("check", SNIPPETS, ids=identity)
def test_script_is_short_and_complete(check: Check) -> None:
    """At every point: few lines, and no name that the script does not define."""
    for point in check.cases.values():
        script = snippet_source(check, SUBJECT, point, registry()[check.rule].outcomes)
        assert_short_and_complete(script, check.rule)


@pytest.mark.parametrize("check", FILLED, ids=identity)
def test_drawn_script_is_short_and_complete(check: Check) -> None:
    """At the first point, with every parameter given."""
    case = example.drawn(check, next(iter(check.cases)))
    assert set(case.parameters) == set(inspect.signature(case.function).parameters) - PROVIDED
    assert_short_and_complete(
        [*SUBJECT.header(), *case.lines()], check.rule, more=len(case.parameters))
    assert_told(case.function, check.rule)
    assert case.function is check.shown and check.function is judge_filled


def assert_short_and_complete(script: list[str], rule: str, more: int = 0) -> None:
    lines = [line for line in "\n".join(script).splitlines() if line.strip()]
    assert len(lines) <= LONG.get(rule, LONGEST_SCRIPT) + more, "\n".join(script)
    code = compile("\n".join(script), rule, "exec")
    stored = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    assert undefined(code) <= stored, "\n".join(script)
    shows = ("assert ", "raise ", "seen = ")
    assert any(line.lstrip().startswith(shows) for line in lines), "\n".join(script)


@pytest.mark.parametrize("check", SNIPPETS, ids=identity)
def test_every_assertion_says_what_went_wrong(check: Check) -> None:
    """In a dict, which the report takes apart; any other AssertionError is the library's own."""
    assert_told(check.function, check.rule)


def assert_told(function: Callable[..., Any], rule: str) -> None:
    source = ast.parse(textwrap.dedent(inspect.getsource(function)))
    claims = [node for node in ast.walk(source) if isinstance(node, ast.Assert)]
    for claim in claims:
        assert isinstance(claim.msg, ast.Dict), ast.unparse(claim)
        keys = {ast.literal_eval(key) for key in claim.msg.keys if key is not None}
        assert {"expected", "got"} <= keys <= {"at", "expected", "got"}, ast.unparse(claim)
    assert claims or registry()[rule].level is Level.OPEN


def undefined(code: CodeType) -> set[str]:
    """The global names that code uses, within functions, too, and that Python does not know."""
    return {name for name in loaded(code) if not hasattr(builtins, name)}


def loaded(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_NAME", "LOAD_GLOBAL"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            local = set(constant.co_varnames) | {"__name__", "__qualname__", "__module__"}
            stores = {i.argval for i in dis.get_instructions(constant) if i.opname == "STORE_NAME"}
            yield from (name for name in loaded(constant) if name not in local | stores)


# -- the return table ------------------------------------------------------------------------------


@pytest.mark.parametrize("call", returns.combinations(), ids=str)
def test_every_call_falls_under_one_row(call: dict[str, bool]) -> None:
    assert len([row for row in ROWS if row.matches(**call)]) == 1
    assert returns.row(**call) in ROWS


def test_every_row_is_reached() -> None:
    assert {returns.row(**call) for call in returns.combinations()} == set(ROWS)


@pytest.mark.parametrize("call", returns.combinations(), ids=str)
def test_result_follows_from_the_call(call: dict[str, bool]) -> None:
    """Gradients of what is asked for; then the loss, then aux, where they are asked for."""
    sides = {(True, True): ("var", "arg"), (True, False): "var"}
    gradients = sides.get((call["states"], call["args"]), "arg")
    rest = [part for part, flag in (("loss", "return_value"), ("aux", "has_aux")) if call[flag]]
    assert returns.row(**call).result == ((gradients, *rest) if rest else gradients)


def parts_of(structure: returns.Structure) -> list[str]:
    """The parts of a structure, in order."""
    if isinstance(structure, str):
        return [structure]
    return [part for item in structure for part in parts_of(item)]


def test_results_of_any_two_rows_differ() -> None:
    """Built of distinct parts, no two rows give the same."""
    marked = {part: f"<{part}>" for part in returns.PARTS}
    for one, other in combinations(ROWS, 2):
        built = returns.build(one.result, marked), returns.build(other.result, marked)
        assert built[0] != built[1], (one.id, other.id)
        assert returns.show(one.result) != returns.show(other.result)


def takes(structure: returns.Structure, other: returns.Structure) -> bool:
    """Whether a result of the other structure has this one too: a part may be a tuple itself."""
    if isinstance(structure, str):
        return True
    if isinstance(other, str) or len(structure) != len(other):
        return False
    return all(takes(*pair) for pair in zip(structure, other, strict=True))


@pytest.mark.parametrize("row", [row for row in ROWS if row.result not in returns.PARTS],
                         ids=identity)
def test_split_refuses_a_result_of_another_structure(row: Row) -> None:
    parts = {part: [part] for part in returns.PARTS}
    others = [other for other in ROWS if not takes(row.result, other.result)]
    assert others
    for other in others:
        with pytest.raises(ValueError, match="expected .*, got a "):
            returns.split(row.result, returns.build(other.result, parts))


VALUES = st.recursive(
    st.integers() | st.text(max_size=2) | st.none(),
    lambda inner: st.tuples(inner, inner) | st.lists(inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("row", ROWS, ids=identity)
@given(values=st.lists(VALUES, min_size=4, max_size=4))
def test_split_undoes_build(row: Row, values: list[Any]) -> None:
    """Whatever the parts are, tuples as well."""
    parts = dict(zip(returns.PARTS, values, strict=True))
    found = returns.split(row.result, returns.build(row.result, parts))
    assert found == {part: parts[part] for part in parts_of(row.result)}


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_row_says_what_it_is_about(row: Row) -> None:
    assert f"`{returns.show(row.result)}`" in row.statement
    assert f"has_aux={row.has_aux}" in row.statement
    assert f"return_value={row.return_value}" in row.statement
    assert registry()[row.id].statement == row.statement


def test_rows_are_numbered_in_order() -> None:
    assert [row.id for row in ROWS] == [f"RET-{n:02}" for n in range(1, 13)]
