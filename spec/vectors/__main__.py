"""``python -m spec.vectors > spec/vectors/vectors.json`` writes the vectors anew."""

from .document import document, text

print(text(document()), end="")
