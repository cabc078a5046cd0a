"""Class basic: the rules that a library takes first.

It is a part of core, which has the same rules and more.  Forty to sixty lines over any library of
automatic differentiation keep it, and everything else stands on it.
"""

from __future__ import annotations

from typing import Final

BASIC: Final = (
    "STA-01", "STA-06", "STA-02", "RET-01", "RET-03", "DER-01", "RET-05", "GST-01", "GST-02",
    "DER-02", "WRB-14", "WRB-01", "WRB-02", "WRB-07", "WRB-23", "WRB-04", "RET-07", "RET-02",
    "RET-06", "RET-09", "WRB-08", "WRB-15",
)
"""The rules, each of which stands on those before it: a state, a derivative by arguments, by
states, the effects of a call.  A library with State, ParamState and transform.grad alone is judged
by all of them."""
