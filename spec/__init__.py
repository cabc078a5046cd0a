"""An executable specification of state-aware automatic differentiation.

The package holds the rules as data, the programs and oracles that test them, and the
conformance suite that judges any implementation.  It imports no implementation and no JAX.
"""

__version__ = "0.1.0"
