"""Answers test vectors with a library that has the interface: ``python vectors.py MODULE``.

The random numbers of a vector are given, so the stream is a state that counts them.
"""

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Json = Any
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "multiply": lambda a, b: a * b, "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b, "negative": lambda a: -a,
}


def built(tree: Json, leaf: Callable[[Json], Any]) -> Any:
    """A container, its leaves by a function."""
    if tree is None:
        return None
    if "dict" in tree:
        return {key: built(child, leaf) for key, child in tree["dict"]}
    if "list" in tree:
        return [built(child, leaf) for child in tree["list"]]
    if "tuple" in tree:
        return tuple(built(child, leaf) for child in tree["tuple"])
    return leaf(tree)


def array(leaf: Json) -> Any:
    return jnp.array(leaf["data"]).reshape(leaf["shape"])


def written(tree: Any) -> Json:
    """What a library returned, as JSON."""
    if tree is None:
        return None
    if hasattr(tree, "items"):
        return {"dict": [[key, written(child)] for key, child in tree.items()]}
    if isinstance(tree, (list, tuple)):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {kind: [written(child) for child in tree]}
    leaf = np.asarray(tree)
    return {"shape": list(leaf.shape), "data": leaf.ravel().tolist()}


class Case:
    """A vector on a library."""

    def __init__(self, lib: Any, case: Json) -> None:
        self.lib, self.case = lib, case
        self.states = {s["name"]: lib.State(built(s["value"], array)) for s in case["states"]}
        self.used = lib.State(jnp.array(0))
        self.draws = [array(draw) for draw in case["draws"]]

    def term(self, term: Json, names: dict[str, Any]) -> Any:
        """The value of an expression."""
        match term:
            case {"number": number}:
                return number
            case {"name": name}:
                return names[name]
            case {"read": state}:
                return self.states[state].value
            case {"part": key, "of": whole}:
                return self.term(whole, names)[key]
            case {"op": "ones", "shape": shape}:
                return jnp.ones(shape)
            case {"op": op, "of": terms}:
                given = [self.term(one, names) for one in terms]
                options = {"axis": term["axis"]} if "axis" in term else {}
                return (ARITHMETIC.get(op) or getattr(jnp, op))(*given, **options)
        return built(term, lambda leaf: self.term(leaf, names))

    def function(self, *args: Any) -> Any:
        """The function of the vector."""
        what, numbers = self.case["function"], iter(self.draws)
        names = dict(zip(what["parameters"], args, strict=True))
        for statement in what["body"]:
            match statement:
                case {"do": "assign", "name": name, "term": term}:
                    names[name] = self.term(term, names)
                case {"do": "write", "state": state, "term": term}:
                    self.states[state].value = self.term(term, names)
                case {"do": "draw", "name": name}:
                    names[name] = next(numbers)
                    self.used.value = self.used.value + 1
                case {"do": "raise"}:
                    raise ArithmeticError("planned")
        out = self.term(what["output"], names)
        return (out, self.term(what["aux"], names)) if self.case["call"]["has_aux"] else out

    def call(self) -> Any:
        """What the call of the vector returns."""
        call = self.case["call"]
        selected = built(call["grad_states"], lambda leaf: self.states[leaf["state"]])
        transformed = getattr(self.lib.transform, call["transform"])(
            self.function, grad_states=selected, argnums=call["argnums"], has_aux=call["has_aux"],
            return_value=call["return_value"])
        return transformed(*(built(arg, array) for arg in call["args"]))

    def answer(self) -> Json:
        """The line that the runner waits for."""
        try:
            answer = {"result": written(self.call())}
        except Exception as error:
            answer = {"raises": f"{type(error).__name__}: {error}"}
        return {**answer, "draws_used": int(self.used.value),
                "states": {name: written(state.value) for name, state in self.states.items()}}


def main(module: str) -> None:
    """Answer every line."""
    lib = importlib.import_module(module)
    jax.config.update("jax_enable_x64", True)
    for line in sys.stdin:
        print(json.dumps(Case(lib, json.loads(line)).answer()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
