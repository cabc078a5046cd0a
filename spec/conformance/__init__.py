"""The conformance suite: every check at every point of its axis, as a pytest test.

``pytest --pyargs spec.conformance --impl NAME`` runs it on the module NAME.
"""
