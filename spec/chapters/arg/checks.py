"""Arguments: what ``argnums`` selects, and how all others reach the function."""

from __future__ import annotations

from typing import Final

from ...judge.aspects import judge_sides
from ...judge.check import generated, snippet
from ...judge.derivative import judge_values
from ...judge.observation import observe
from ...judge.subject import Subject
from ...language.axes import EVERY, EXACT, Calls, by_order, plain
from ...language.call_forms import KEYWORDS
from ...language.cases import Case
from ...language.wishes import calm

BESIDE: Final = EXACT.where(order=1)
"""The members whose two sides are judged together; a Hessian's have rules of their own."""


def both_rows(*forms: str) -> dict[str, Calls]:
    """A point for every form of argnums and member: alone, and beside states."""
    points: dict[str, Calls] = {}
    for form in forms:
        wish = calm(argnums=(form,))
        points |= EVERY.calls(wish, plain("arguments"), f"{form} {{member}}")
        points |= BESIDE.calls(wish, plain("both"), f"{form} beside states {{member}}")
    return points


def gradients_of_the_chosen_arguments(subject: Subject, case: Case) -> None:
    """Bare or a tuple, in the order given, each with its values."""
    seen = observe(case, subject)
    judge_sides(seen)
    if case.transform.layout != "sample":
        judge_values(seen)


for _rule, _forms in {
    "ARG-01": ("int",), "ARG-03": ("list", "tuple"),
    "ARG-05": ("negative", "negatives"),
}.items():
    generated(_rule, Calls.strategy, both_rows(*_forms))(gradients_of_the_chosen_arguments)


@snippet("ARG-04", cases=EVERY.bound({text: {"argnums": text} for text in ("[]", "()")}))
def empty_sequence_gives_an_empty_tuple_or_is_refused(lib, jnp, T, argnums):
    """Alone, and beside a state."""
    s, seen = lib.State(jnp.array(2.0)), "an empty tuple"
    def f(x): return s.value * x
    try:
        alone = T(f, argnums=argnums)(jnp.array(3.0))
        beside = T(f, grad_states=s, argnums=argnums)(jnp.array(3.0))[1]
    except Exception:
        seen, alone, beside = "refused", (), ()
    assert alone == () and beside == (), {"expected": "() twice", "got": (alone, beside)}
    return seen


@snippet("ARG-19", cases=EVERY.bound())
def bool_counts_or_is_refused(lib, jnp, np, T):
    """True, which is the index 1 if it is any."""
    seen = "counts"
    try:
        got = T(lambda x, y: x * jnp.sum(y), argnums=True)(2.0, jnp.ones(3))
    except Exception:
        seen, got = "refused", jnp.ones(3)
    assert np.shape(got)[:1] == (3,), {"expected": "the derivative by y", "got": np.shape(got)}
    return seen


@snippet("ARG-01", cases=EVERY.bound())
def none_is_argument_zero(lib, jnp, np, T):
    def f(x, y): return jnp.sum(x ** 2) * y
    grads = T(f)(jnp.ones(3), 2.0)
    assert np.shape(grads)[0] == 3, {
        "expected": "the gradient of x", "got": f"shape {np.shape(grads)}"}


INDEX_LIKE: Final = {
    text: {"argnums": text}
    for text in ("np.int64(1)", "np.uint8(1)", "np.array(1)", "type('I', (), "
                 "{'__index__': lambda self: 1})()")
}
INDICES_LIKE: Final = {
    text: {"argnums": text}
    for text in ("[np.int64(1), 0]", "range(1, -1, -1)", "(1, np.int8(0))")
}


@snippet("ARG-02", cases=INDEX_LIKE)
def index_is_what_counts_as_one(lib, jnp, np, argnums):
    got = lib.transform.grad(lambda x, y: x * y, argnums=argnums)(2.0, 5.0)
    assert np.shape(got) == () and got == 2.0, {"expected": "the bare gradient 2.0", "got": got}


@snippet("ARG-02", cases=INDICES_LIKE)
def sequence_of_what_counts_as_one(lib, jnp, np, argnums):
    got = lib.transform.grad(lambda x, y: x * y, argnums=argnums)(2.0, 5.0)
    assert type(got) is tuple and got == (2.0, 5.0), {"expected": (2.0, 5.0), "got": got}


@snippet("ARG-03", cases=BESIDE.bound())
def descending_order_is_kept(lib, jnp, T):
    s = lib.State(jnp.array(1.0))
    def f(x, y, z): return s.value * (x + 10.0 * y + 100.0 * z)
    got = T(f, grad_states=s, argnums=[2, 0, 1])(1.0, 1.0, 1.0)[1]
    assert type(got) is tuple and got == (100.0, 1.0, 10.0), {"expected": (100, 1, 10), "got": got}
    got = T(f, argnums=[2])(1.0, 1.0, 1.0)
    assert type(got) is tuple and got == (100.0,), {"expected": "a tuple of one", "got": got}


def _calls(index: int) -> dict[str, dict[str, str]]:
    calls = {
        "by keyword": ("lambda x, y: x * y ** 2", "(2.0, y=3.0)", "9.0"),
        "by default": ("lambda x, y=3.0: x * y ** 2", "(2.0,)", "9.0"),
        "bound": ("type('T', (), {'f': lambda self, x: x ** 2})().f", "(3.0,)", "6.0"),
        "partial": ("__import__('functools').partial(lambda k, x: k * x, 4.0)", "(3.0,)", "4.0"),
    }
    return {
        name: {"f": f, "call": f"lambda g: g{args}", "argnums": str(index), "want": want}
        for name, (f, args, want) in calls.items()
    }


def only_positional_arguments_count(lib, jnp, f, call, argnums, want):
    got = call(lib.transform.grad(f, argnums=argnums))
    assert got == want, {"expected": want, "got": got}


snippet("ARG-05", cases=_calls(-1))(only_positional_arguments_count)
snippet("ARG-06", cases=_calls(0))(only_positional_arguments_count)


@snippet("ARG-06", cases=BESIDE.bound())
def states_do_not_shift_indices(lib, jnp, T):
    s, t = lib.State(jnp.array(1.0)), lib.State(jnp.array(2.0))
    def f(x, y): return s.value * t.value * x * y ** 2
    for argnums, want in ((0, 18.0), (1, 12.0)):
        got = T(f, grad_states=[s, t], argnums=argnums)(1.0, 3.0)[1]
        assert got == want, {"at": f"argnums={argnums}", "expected": want, "got": got}


_points: dict[str, Calls] = {}
for _kind in ("dict", "tuple", "list", "deep"):
    _points |= EVERY.calls(calm(kinds=(_kind,)), plain("arguments"), f"{_kind} {{member}}")
generated("ARG-07", Calls.strategy, _points)(gradients_of_the_chosen_arguments)


@snippet("ARG-07", cases=EXACT.where(mode="reverse").bound())
def every_leaf_has_its_own_dtype(lib, jnp, T):
    x = {'h': jnp.ones(3, jnp.float32), 'd': jnp.ones(3), 'e': jnp.zeros(0), 'n': None, 't': ()}
    got = T(lambda x: jnp.sum(x['h'] * x['d']) + jnp.sum(x['e']))(x)
    dtypes = [str(got[key].dtype) for key in ('h', 'd', 'e')]
    expected = ['float32', 'float64', 'float64']
    assert dtypes == expected, {"expected": expected, "got": dtypes}
    assert got['e'].shape == (0,), {"expected": "the shape (0,)", "got": got['e'].shape}
    assert got['n'] is None and got['t'] == (), {"expected": "None and ()", "got": got}


@snippet("ARG-08", cases=EVERY.bound(want=by_order("3.0", "2.0")))
def float_has_a_scalar_gradient(lib, jnp, T, want):
    got = T(lambda x: x ** 2)(1.5)
    kind = getattr(got, 'shape', None), str(getattr(got, 'dtype', type(got).__name__))
    assert kind == ((), 'float64'), {"expected": "a scalar array of float64", "got": kind}
    assert want is None or jnp.allclose(got, want), {"expected": want, "got": got}


@snippet("ARG-09", cases={word: {"word": repr(word)} for word in KEYWORDS})
def keyword_of_any_name(lib, jnp, word):
    s = lib.State(jnp.array(2.0))
    def f(*args, **kwargs): return s.value * kwargs[word]
    got = lib.transform.grad(f, grad_states=s)(1.0, **{word: 7.0})
    assert got == 7.0, {"expected": 7.0, "got": got}


@snippet("ARG-09", cases=EVERY.bound({
    word: {"word": repr(word)} for word in ("fun", "self", "args", "key")
}))
def keyword_in_every_member(lib, jnp, T, word):
    seen = []
    def f(x, **kwargs):
        seen.append(kwargs)
        return x ** 2 * kwargs[word]
    _, loss = T(f, return_value=True)(jnp.array(3.0), **{word: 7.0})
    assert loss == 63.0, {"expected": "the loss 63.0", "got": loss}
    assert list(seen[0]) == [word], {"expected": f"the keyword {word} alone", "got": list(seen[0])}


@generated("ARG-10", Calls.strategy, BESIDE.calls(calm(keywords=True), plain("arguments", "both")))
def defaults_hold_and_give_way(subject: Subject, case: Case) -> None:
    """Values of derivatives at the values that the call gives or leaves."""
    judge_values(observe(case, subject))


SIGNATURES: Final = {
    "positional-only": ("x, y=2.0, /", "x ** 2 * y", "(jnp.array(3.0), 5.0)"),
    "keyword-only": ("x, *, y=2.0", "x ** 2 * y", "(jnp.array(3.0), y=5.0)"),
    "*args": ("*a", "a[0] ** 2 * a[1]", "(jnp.array(3.0), 5.0)"),
    "**kwargs": ("x, **k", "x ** 2 * k['y']", "(jnp.array(3.0), y=5.0)"),
    "all": ("x, /, *a, u=5.0, **k", "x ** 2 * a[0] * u * k['y']", "(jnp.array(3.0), 0.5, y=2.0)"),
}
"""Parameters, a body, and arguments with which the body is 45."""


@snippet("ARG-11", cases=EVERY.bound({
    name: {"make": f"lambda s: lambda {params}: s.value * {body}", "call": f"lambda g: g{args}"}
    for name, (params, body, args) in SIGNATURES.items()
}))
def any_signature(lib, jnp, T, make, call):
    s = lib.State(jnp.array(1.0))
    for states in (None, s):
        _, loss = call(T(make(s), grad_states=states, return_value=True))
        assert loss == 45.0, {"expected": "the loss 45.0", "got": loss}


STATIC: Final = {
    text: {"value": text}
    for text in ("'mean'", "None", "jnp.sin", "3", "True", "2.5", "object()", "(2, 'x')",
                 "{'axis': 0, 'mode': None}")
}


@snippet("ARG-12", cases=EVERY.bound(STATIC))
def other_arguments_arrive_as_they_are(lib, jnp, T, value):
    seen = []
    def f(x, y, *, z):
        seen.extend([y, z])
        return x ** 2
    T(f)(jnp.array(3.0), value, z=value)
    wrong = [got for got in seen if repr(got) != repr(value)]
    assert seen and not wrong, {"expected": f"{value!r} by position and keyword", "got": seen}


@snippet("ARG-12", cases=EVERY.bound())
def other_arguments_steer_python(lib, jnp, T):
    def f(x, size, square, how):
        y = x * jnp.ones(size)
        return getattr(jnp, how)(y ** 2 if square else y)
    _, loss = T(f, return_value=True)(jnp.array(3.0), 2, True, how='sum')
    assert loss == 18.0, {"expected": "the loss 18.0", "got": loss}


@snippet("ARG-13", cases=EVERY.bound())
def labels_and_masks(lib, jnp, T):
    s = lib.State(jnp.array([1.0, 2.0, 4.0]))
    def f(x, labels, batch):
        return jnp.sum(jnp.where(batch['mask'], s.value[labels] * x, 0.0))
    batch = {'mask': jnp.array([True, False]), 'w': jnp.ones(2), 'n': 2}
    for states in (None, s):
        call = T(f, grad_states=states, return_value=True)
        _, loss = call(jnp.array(3.0), jnp.array([2, 0]), batch)
        assert loss == 12.0, {"expected": "the loss 12.0", "got": loss}


CALLABLES: Final = {
    "lambda": "lambda x: jnp.sum(x ** 2)",
    "bound method": "type('C', (), {'f': lambda self, x: jnp.sum(x ** 2)})().f",
    "partial": "__import__('functools').partial(lambda p, x: jnp.sum(x ** p), 2)",
    "object": "type('C', (), {'__call__': lambda self, x: jnp.sum(x ** 2)})()",
    "module": "type('M', (lib.nn.Module,), {'__call__': lambda self, x: jnp.sum(x ** 2)})()",
    "compiled": "lib.transform.jit(lambda x: jnp.sum(x ** 2))",
    "array function": "jnp.prod",
}


@snippet("ARG-14", cases=EVERY.bound({name: {"f": text} for name, text in CALLABLES.items()}))
def any_callable(lib, jnp, T, f):
    _, loss = T(f, return_value=True)(jnp.array([3.0]))
    want = 3.0 if f is jnp.prod else 9.0
    assert loss == want, {"expected": f"the loss {want}", "got": loss}


@snippet("ARG-14", cases=EVERY.bound())
def module_is_called_with_its_states(lib, jnp, T):
    class Scale(lib.nn.Module):
        def __call__(self, x): return self.w.value * x
    m = Scale()
    m.w = lib.ParamState(jnp.array(2.0))
    grads, loss = T(m, grad_states=m.states(), return_value=True)(3.0)
    assert list(grads.keys()) == [('w',)], {"expected": "the key ('w',)", "got": list(grads.keys())}
    assert loss == 6.0, {"expected": "the loss 6.0", "got": loss}


WAYS: Final = {
    "function": "lambda m: lambda x: m.loss(x)",
    "bound method": "lambda m: m.loss",
    "module": "lambda m: m",
    "partial": "lambda m: __import__('functools').partial(m.scaled, 1.0)",
    "compiled method": "lambda m: lib.transform.jit(m.loss)",
}
"""Ways to call a module."""


@snippet("ARG-14", {way: {"pick": text} for way, text in WAYS.items()})
def callable_is_differentiated(lib, jnp, pick):
    class Model(lib.nn.Module):
        def __call__(self, x): return self.scaled(1.0, x)
        def loss(self, x): return self(x)
        def scaled(self, c, x): return c * self.w.value ** 2 * x
    m = Model()
    m.w = lib.ParamState(jnp.array(3.0))
    got = lib.transform.grad(pick(m), grad_states=[m.w])(jnp.array(2.0))
    assert jnp.allclose(got[0], 12.0), {"expected": 12.0, "got": got[0]}


@snippet("ARG-15", cases=EVERY.bound())
def arguments_stay_as_they_are(lib, jnp, T):
    s, a, b, c = lib.State(jnp.array(2.0)), jnp.ones(3), jnp.array(1.0), jnp.array([1, 2])
    x, y = {'b': b, 'a': [a, None]}, {'n': [c]}
    def f(x, y): return s.value * jnp.sum(x['a'][0]) * x['b'] + 0 * y['n'][0][0]
    T(f)(x, y)
    T(f, grad_states=s)(x, y)
    assert list(x) == ['b', 'a'] and x['b'] is b and x['a'][0] is a, {
        "at": "x", "expected": "its keys and leaves as before", "got": x}
    assert len(x['a']) == 2 and list(y) == ['n'] and y['n'][0] is c, {
        "at": "x, y", "expected": "their keys and leaves as before", "got": (x, y)}


@snippet("ARG-16", cases=EVERY.bound())
def calls_of_every_kind_in_turn(lib, jnp, T):
    s = lib.State(jnp.array(2.0))
    def f(*args, **by): return s.value * sum(map(jnp.sum, (*args, *by.values())))
    g = T(f, grad_states=s, return_value=True)
    for _ in range(2):
        calls = g(2.0), g(1.0, 3.0), g(jnp.ones(3)), g(1.0, by=4.0), g(other=5.0)
        got = [float(loss) for _, loss in calls]
        assert got == [4.0, 8.0, 6.0, 10.0, 10.0], {"expected": (4, 8, 6, 10, 10), "got": got}


@snippet("ARG-17", cases=EVERY.bound())
def transform_in_a_class_binds(lib, jnp, T):
    class Model:
        def __init__(self): self.w = lib.State(jnp.array(2.0))
        def loss(self, x): return self.w.value * x
        slope = T(loss, argnums=1, return_value=True)
    _, loss = Model().slope(jnp.array(3.0))
    assert loss == 6.0, {"expected": "the loss 6.0", "got": loss}


@snippet("ARG-18", cases=EVERY.bound({
    "argument": {"high": "lambda s, limit: limit > 1.0"},
    "state": {"high": "lambda s, limit: s.value > 1.0"},
}))
def what_is_constant_may_steer_python(lib, jnp, T, high):
    s, limit = lib.State(jnp.array(2.0)), jnp.array(2.0)
    def f(x, limit): return x * (s.value if high(s, limit) else limit * 0.0)
    for states in (None, lib.State(jnp.array(1.0))):
        options = {} if states is None else {'grad_states': states, 'check_states': False}
        _, loss = T(f, return_value=True, **options)(jnp.array(3.0), limit)
        assert loss == 6.0, {"expected": "the loss 6.0", "got": loss}
