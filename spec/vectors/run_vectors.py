"""Hold an implementation in any language to the test vectors; needs Python and nothing else.

    python run_vectors.py vectors.json COMMAND [ARGUMENT ...]

The command is started once.  It reads one case a line from its standard input, as JSON without what
is expected, and answers each with one line of JSON:

    {"result": TREE, "states": {NAME: TREE}, "draws_used": N}    the call returned
    {"raises": MESSAGE, "states": {NAME: TREE}, "draws_used": N}    it raised
    {"unsupported": REASON}    the implementation has no such transform

A TREE is null, {"list": [TREE]}, {"tuple": [TREE]}, {"dict": [[KEY, TREE]]} or an array,
{"shape": [...], "data": [...]}.  Exit status: 0 if all cases agree, 1 if one differs, 2 if the
command does not answer.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

Json = Any
KINDS = ("list", "tuple", "dict")


def differences(expected: Json, got: Json, place: str) -> Iterator[str]:
    """Where an answer's tree differs from the expected one, each place in a line."""
    if expected is None or not isinstance(got, dict):
        if expected is not got:
            yield f"{place}: expected {words(expected)}, got {words(got)}"
    elif "data" in expected:
        yield from entries(expected, got, place)
    else:
        (kind, wanted), = expected.items()
        if set(got) != {kind}:
            yield f"{place}: expected a {kind}, got {words(got)}"
        elif kind == "dict":
            yield from keys(wanted, got[kind], place)
        elif len(wanted) != len(got[kind]):
            yield f"{place}: expected a {kind} of {len(wanted)}, got one of {len(got[kind])}"
        else:
            for index, pair in enumerate(zip(wanted, got[kind], strict=True)):
                yield from differences(*pair, f"{place}[{index}]")


def keys(wanted: list[Json], got: list[Json], place: str) -> Iterator[str]:
    """The differences of two dicts, whose keys may come in any order."""
    left, right = dict(wanted), dict(got)
    if left.keys() != right.keys():
        yield f"{place}: expected keys {list(left)}, got {list(right)}"
        return
    for key, child in left.items():
        yield from differences(child, right[key], f"{place}[{key!r}]")


def entries(expected: Json, got: Json, place: str) -> Iterator[str]:
    """The differences of two arrays."""
    if got.get("shape") != expected["shape"] or len(got["data"]) != len(expected["data"]):
        yield f"{place}: expected {words(expected)}, got {words(got)}"
        return
    for number, (want, have) in enumerate(zip(expected["data"], got["data"], strict=True)):
        if not abs(want - have) <= expected["tol"]:
            yield (f"{place}, entry {number}: expected {want!r} within {expected['tol']}, "
                   f"got {have!r}")


def words(tree: Json) -> str:
    """A tree in a few words."""
    if isinstance(tree, dict) and "shape" in tree:
        return f"an array of shape {tree['shape']}"
    kind = next((kind for kind in KINDS if isinstance(tree, dict) and kind in tree), None)
    return f"a {kind}" if kind else json.dumps(tree)


def judge(expected: Json, answer: Json) -> Iterator[str]:
    """What is wrong with an answer, each place in a line."""
    if expected.get("raises"):
        if "raises" not in answer:
            yield "the call: expected that it raises, and it returned"
    elif "raises" in answer:
        yield f"the call: expected that it returns, and it raised {answer['raises']}"
        return
    else:
        yield from differences(expected["result"], answer.get("result"), "result")
    for name, value in expected["states"].items():
        yield from differences(value, answer["states"].get(name), f"{name}, after the call")
    if answer["draws_used"] != expected["draws_used"]:
        yield (f"the stream, after the call: expected that {expected['draws_used']} draws are "
               f"used, got {answer['draws_used']}")


def main(arguments: list[str]) -> int:
    """Run all cases, and print what differs."""
    if len(arguments) < 2:
        print(__doc__)
        return 2
    with open(arguments[0], encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    asked = [json.dumps({key: part for key, part in case.items() if key != "expected"})
             for case in cases]
    done = subprocess.run(arguments[1:], input="\n".join(asked) + "\n", stdout=subprocess.PIPE,
                          text=True, check=False)
    answers = done.stdout.splitlines()
    if len(answers) != len(cases):
        print(f"{len(cases)} cases were asked, and {len(answers)} lines came back "
              f"(exit status {done.returncode})")
        return 2
    differing = absent = 0
    for case, line in zip(cases, answers, strict=True):
        answer = json.loads(line)
        if "unsupported" in answer:
            absent += 1
            continue
        wrong = list(judge(case["expected"], answer))
        differing += bool(wrong)
        for difference in wrong:
            print(f"{case['id']}: {difference}")
    print(f"{len(cases) - differing - absent} of {len(cases)} cases agree, {differing} differ, "
          f"{absent} are unsupported")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
