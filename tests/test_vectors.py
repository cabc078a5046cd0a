"""The test vectors: well formed, what the model gives today, kept by refimpl, and able to fail."""

import ast
import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import refimpl
from spec import vectors
from spec.vectors import drawn, run_vectors
from spec.vectors.document import FORMAT, text, vector
from spec.vectors.terms import has_words, term
from tests.adapters.vectors import Case
from tests.day import slice_of
from tests.read_vectors import case_of

FOLDER = Path(vectors.__file__).parent
FILE = FOLDER / "vectors.json"
DATA = json.loads(FILE.read_text(encoding="utf-8"))
SCHEMA = json.loads((FOLDER / "vectors.schema.json").read_text(encoding="utf-8"))
CASES = {case["id"]: case for case in DATA["cases"]}
DAYS = 33
"""In how many days every vector is run, and asked of the model."""


def test_the_file_keeps_its_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(DATA, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert DATA["format"] == FORMAT and len(CASES) == len(DATA["cases"]) == 33
    assert text(DATA) == FILE.read_text(encoding="utf-8")


def test_the_vectors_hold_what_they_are_for() -> None:
    cases = list(CASES.values())
    statements = [s["do"] for case in cases for s in case["function"]["body"]]
    assert {"assign", "write", "draw", "raise"} == set(statements)
    assert sum("result" in case["expected"] and any(
        s["do"] == "write" for s in case["function"]["body"]) for case in cases) > 20
    assert sum(case["expected"]["draws_used"] > 0 for case in cases) > 10


def test_a_vector_is_made_of_what_is_drawn() -> None:
    """Today's may be others than those in the file, which are as good."""
    (made,) = (vector(id, case) for id, case in drawn.all_cases(only="RET-05-hessian"))
    jsonschema.validate({**DATA, "cases": [made]}, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert {**vector(made["id"], case_of(made))} == made


@pytest.mark.parametrize("name", slice_of(list(CASES), DAYS))
def test_a_vector_is_what_the_model_gives(name: str) -> None:
    made = vector(name, case_of(CASES[name]))
    assert {**made, "expected": None} == {**CASES[name], "expected": None}
    assert list(run_vectors.judge(CASES[name]["expected"], plainly(made["expected"]))) == []


@pytest.mark.parametrize("name", slice_of(list(CASES), DAYS))
def test_refimpl_agrees_with_a_vector(name: str) -> None:
    asked = {key: part for key, part in CASES[name].items() if key != "expected"}
    answer = json.loads(json.dumps(Case(refimpl, asked).answer()))
    assert list(run_vectors.judge(CASES[name]["expected"], answer)) == []


# -- the runner ------------------------------------------------------------------------------------


def plainly(expected: Any) -> Any:
    """What is expected, as an answer."""
    return json.loads(json.dumps(expected), object_hook=lambda node: {
        key: part for key, part in node.items() if key != "tol"})


def arrays(tree: Any) -> Iterator[Any]:
    """The arrays in a tree."""
    if isinstance(tree, dict) and "data" in tree:
        yield tree
    elif isinstance(tree, (dict, list)):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from arrays(part)


@pytest.mark.parametrize("name", CASES)
def test_the_runner_accepts_what_is_expected_and_nothing_else(name: str) -> None:
    expected = CASES[name]["expected"]
    assert list(run_vectors.judge(expected, plainly(expected))) == []
    assert list(run_vectors.judge(expected, plainly({**expected, "draws_used": 9})))
    for place in ("result", "states"):
        for number, right in enumerate(arrays(expected.get(place))):
            for index in sorted({0, len(right["data"]) - 1} & set(range(len(right["data"])))):
                wrong = plainly(expected)
                list(arrays(wrong[place]))[number]["data"][index] += 2 * right["tol"]
                assert len(list(run_vectors.judge(expected, wrong))) == 1
            wrong = plainly(expected)
            list(arrays(wrong[place]))[number]["shape"].append(1)
            assert len(list(run_vectors.judge(expected, wrong))) == 1


@pytest.mark.parametrize(("wrong", "message"), [
    ({"list": []}, "result: expected a tuple, got a list"),
    ({"tuple": [None]}, "result: expected a tuple of 2, got one of 1"),
    ({"tuple": [None, None]}, "result[1]: expected a dict, got null"),
    ({"tuple": [None, {"dict": [["a", None]]}]}, "result[1]: expected keys ['b'], got ['a']"),
    (None, "result: expected a tuple, got null"),
])
def test_the_runner_names_the_place_of_a_wrong_structure(wrong: Any, message: str) -> None:
    expected = {"result": {"tuple": [None, {"dict": [["b", None]]}]}, "states": {},
                "draws_used": 0}
    assert list(run_vectors.judge(expected, {**expected, "result": wrong})) == [message]


def test_the_runner_tells_a_raise_from_a_return() -> None:
    fails = copy.deepcopy(next(c["expected"] for c in CASES.values() if "raises" in c["expected"]))
    answer = plainly(fails)
    assert list(run_vectors.judge(fails, {**answer, "raises": "planned"})) == []
    del answer["raises"]
    assert "expected that it raises" in "".join(run_vectors.judge(fails, answer))
    returns: dict[str, Any] = {"result": None, "states": {}, "draws_used": 0}
    assert list(run_vectors.judge(returns, {**returns, "raises": "oh"})) == [
        "the call: expected that it returns, and it raised oh"]


ANSWER = "import sys; [print('{}') for line in sys.stdin]"


@pytest.mark.parametrize(("answer", "status", "words"), [
    ('{"unsupported": "nothing yet"}', 0, "0 of 33 cases agree, 0 differ, 33 are unsupported"),
    ('{"raises": "oh", "states": {}, "draws_used": 0}', 1, "33 differ"),
    ("{}\\n", 2, "33 cases were asked, and 66 lines came back"),
])
def test_the_runner_asks_a_command(
    answer: str, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-S", "-c", ANSWER.format(answer)]
    assert run_vectors.main([str(FILE), *command]) == status
    assert words in capsys.readouterr().out


def test_the_runner_needs_nothing_but_python() -> None:
    parsed = ast.parse((FOLDER / "run_vectors.py").read_text(encoding="utf-8"))
    imported = [name.name for node in ast.walk(parsed) if isinstance(node, ast.Import)
                for name in node.names]
    imported += [node.module or "." for node in ast.walk(parsed)
                 if isinstance(node, ast.ImportFrom)]
    assert imported and {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("source", ["jnp.dot(x, y)", "x[1:]", "f(x)", "jnp.sum(x, where=1)"])
def test_what_has_no_word_is_refused(source: str) -> None:
    assert not has_words(source)
    with pytest.raises(ValueError, match="no word of the vectors for"):
        term(source)
