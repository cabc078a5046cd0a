"""``adapter``: a module that offers what a library has, under the names of the interface.

The names, their parameters and what they mean are read from the normative stub.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from importlib import resources
from typing import Final

from ..judge.subject import CLASSES, NAMES
from . import status

HEAD: Final = '''"""{library} under the names of the interface.

A name that is None is absent: rules that need it are not asked.  Begin with class basic, which is
State, ParamState and transform.grad: check with --class basic, and take the next rule that the last
line of the check names.  Translate, and repair nothing: the report is on the library.  The class of
conformance stands behind each name.
"""

from inspect import ismodule

import {library} as library

__version__ = getattr(library, "__version__", "unknown")
HOME = library.__name__.partition(".")[0]
# array_namespace = "numpy"  # where its arrays are not those of jax.numpy


def offered(name):
    """What the library has in the place of the interface, or else at its top by the last part of
    the name; None if it has nothing there."""
    for place in (name, name.rpartition(".")[2]):
        found = library
        for part in place.split("."):
            found = getattr(found, part, None)
            if ismodule(found) and found.__name__.partition(".")[0] != HOME:
                found = None  # a module of somebody else that is imported there
        if not (found is None or ismodule(found)):
            return found
    return None
'''


def adapter(arguments: argparse.Namespace) -> int:
    """Print the template for a library."""
    print(template(arguments.module))
    return status.KEPT


def template(library: str) -> str:
    """A module for a library, which is checked as it is where the library has the names."""
    home = resources.files(__package__.partition(".")[0])
    text = home.joinpath("interface.pyi").read_text(encoding="utf-8")
    lines = list(_room(ast.parse(text).body, "", ""))
    return "\n".join([HEAD.format(library=library), *lines]).rstrip()


def _room(body: list[ast.stmt], prefix: str, indent: str) -> Iterator[str]:
    """The lines for a namespace: a class for each namespace in it, an assignment for each name."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        name = f"{prefix}{node.name}"
        if any(other.startswith(f"{name}.") for other in NAMES):
            assert isinstance(node, ast.ClassDef)
            yield from ("", *([] if indent else [""]), f"{indent}class {node.name}:",
                        f'{indent}    """{ast.get_docstring(node)}"""')
            yield from _room(node.body, f"{name}.", f"{indent}    ")
        else:
            yield ""
            yield from (f"{indent}# {line}" for line in _about(node))
            (where,) = (title for title, names in CLASSES.items() if name in names)
            yield f'{indent}{node.name} = offered("{name}")  # {where}'


def _about(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """What a name is, how it is called, and what else is looked at."""
    yield ast.get_docstring(node) or ""
    functions = [node] if isinstance(node, ast.FunctionDef) else [
        inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
    for function in functions:
        called = {"__init__": node.name, "__call__": "()"}.get(function.name, function.name)
        yield from _signature(called, function)
    if isinstance(node, ast.ClassDef):
        fields = [ast.unparse(inner) for inner in node.body if isinstance(inner, ast.AnnAssign)]
        if fields:
            yield f"attributes: {', '.join(fields)}"


def _signature(called: str, function: ast.FunctionDef) -> Iterator[str]:
    """The parameters, without their types, on as few lines as they need."""
    bare = ast.parse(ast.unparse(function)).body[0]
    assert isinstance(bare, ast.FunctionDef)
    arguments = bare.args
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
                 *filter(None, (arguments.vararg, arguments.kwarg))):
        each.annotation = None
    words = ast.unparse(arguments).removeprefix("self, ").removeprefix("/, ")
    line = f"{called}({'' if words == 'self' else words})"
    while len(line) > 90:
        cut = line.rindex(", ", 0, 90) + 1
        yield line[:cut]
        line = f"    {line[cut + 1:]}"
    yield line
