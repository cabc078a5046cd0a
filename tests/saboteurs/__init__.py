"""Deliberately wrong implementations: what the checks are worth is what they catch."""
