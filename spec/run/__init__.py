"""Running checks on an implementation: finding it, deciding one point, sharing a run."""
