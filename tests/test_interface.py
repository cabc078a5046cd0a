"""The typed stub of the interface: its names are those of the checks, and libraries take its calls.

A call that the stub permits is made of names alone: every parameter by position, every parameter by
name, and no more than those without a default.  `inspect.Signature.bind` says whether a library
takes it; nothing is called.
"""

import ast
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spec
from spec.judge.subject import NAMES, Subject, lookup

STUB = Path(spec.__file__).with_name("interface.pyi")
TREE = ast.parse(STUB.read_text(encoding="utf-8"))
MODULE_STATES = "nn.Module.states"

NOT_TAKEN = {
    "brainstate": {
        "transform.jacrev": {"least": "it cannot be left without `fun`, see CUS-10"},
        "transform.jacfwd": {"least": "it cannot be left without `fun`, see CUS-10"},
        "transform.jacobian": {"least": "it cannot be left without `fun`, see CUS-10"},
        "transform.hessian": {"least": "it cannot be left without `fun`, see CUS-10"},
    },
    "refimpl": {},
}
"""The forms of calls that a library does not take, and why."""


def definitions(
    body: list[ast.stmt], prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Functions and classes of the stub by their dotted names, methods left out but for one."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            name = prefix + node.name
            if not node.name.islower():
                yield name, node
            if node.name.islower():
                yield from definitions(node.body, f"{name}.")


STUBS = dict(definitions(TREE.body))


def method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """A method of a class of the stub, if it has one of this name."""
    return next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def parameters(name: str) -> ast.arguments:
    """The parameters of what is called by a name, without `self`."""
    if name == MODULE_STATES:
        owner = STUBS["nn.Module"]
        assert isinstance(owner, ast.ClassDef)
        found: ast.FunctionDef | None = method(owner, "states")
        assert found is not None
        return without_self(found.args)
    node = STUBS[name]
    if isinstance(node, ast.FunctionDef):
        return node.args
    if (made := method(node, "__init__")) is not None:
        return without_self(made.args)
    if node.bases and isinstance(node.bases[0], ast.Name):
        return parameters(node.bases[0].id)
    return ast.arguments([], [], None, [], [], None, [])


def without_self(args: ast.arguments) -> ast.arguments:
    """The parameters of a method as its caller sees them."""
    if args.posonlyargs:
        return ast.arguments(args.posonlyargs[1:], args.args, args.vararg, args.kwonlyargs,
                             args.kw_defaults, args.kwarg, args.defaults)
    return ast.arguments([], args.args[1:], args.vararg, args.kwonlyargs, args.kw_defaults,
                         args.kwarg, args.defaults)


def calls(args: ast.arguments) -> dict[str, tuple[list[str], list[str]]]:
    """The calls that the stub permits, by form: how many by position, and which by name."""
    only, both = ([a.arg for a in some] for some in (args.posonlyargs, args.args))
    named = [a.arg for a in args.kwonlyargs]
    required = [a.arg for a, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
                if default is None]
    needed = [*only, *both][:len(only) + len(both) - len(args.defaults)]
    more = ["more"] * 3 if args.vararg else []
    found = {"by position": ([*only, *both, *more], named), "least": (needed, required)}
    if not args.vararg:
        found["by name"] = only, [*both, *named]
    return found


def accepts(called: Any, positional: list[str], named: list[str]) -> str:
    """Why a callable does not take a call; empty if it does."""
    try:
        inspect.signature(called).bind(*positional, **dict.fromkeys(named))
    except TypeError as error:
        return str(error)
    return ""


def called_by(lib: Any, name: str) -> Any:
    """What a call of a name of the library binds its arguments to."""
    found = lookup(lib, name)
    if name == MODULE_STATES:
        return found.__get__(object())
    if inspect.isclass(found) and found.__init__ is not object.__init__:
        return found.__init__.__get__(object())  # a metaclass may hide the parameters
    return found


def test_the_names_of_the_stub_are_those_of_the_checks() -> None:
    assert set(STUBS) == set(NAMES)


def test_the_attributes_of_a_state_are_in_the_stub() -> None:
    state = STUBS["State"]
    assert isinstance(state, ast.ClassDef)
    fields = [n.target.id for n in state.body
              if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    assert fields == ["value", "name", "tag"]


def test_everything_in_the_stub_says_in_one_line_what_it_is() -> None:
    nodes = [n for n in ast.walk(TREE) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    words = {node.name: ast.get_docstring(node) or "" for node in nodes}
    assert [name for name, text in words.items() if not text.endswith(".") or "\n" in text] == []


@pytest.mark.parametrize("name", [*STUBS, MODULE_STATES])
@pytest.mark.parametrize("library", ["refimpl", "brainstate"])
def test_a_library_takes_the_calls_of_the_stub(library: str, name: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    lib = importlib.import_module(library)
    if library != "refimpl" and name in Subject(library, lib).missing:
        pytest.skip(f"{library} has no {name}")
    called = called_by(lib, name)
    refused = {form: why for form, call in calls(parameters(name)).items()
               if (why := accepts(called, *call))}
    assert refused.keys() == NOT_TAKEN[library].get(name, {}).keys(), refused


def test_a_parameter_that_is_missing_is_noticed() -> None:
    def short(fun: Any, grad_states: Any = None) -> None: ...

    refused = {form for form, call in calls(parameters("transform.grad")).items()
               if accepts(short, *call)}
    assert refused == {"by position", "by name", "least"}
