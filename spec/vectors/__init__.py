"""Test vectors: cases with all that they must give, as one JSON file for any language.

``vectors.json`` is written by ``python -m spec.vectors``, and ``run_vectors.py`` holds an
implementation to it with nothing but that file and Python's standard library.
"""
