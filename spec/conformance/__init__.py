"""The conformance suite: every check at every point of its axis, as a pytest test.

``pytest --pyargs spec.conformance --spec-impl NAME`` runs it on the module NAME.
"""
