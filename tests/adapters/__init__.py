"""Libraries that are no part of this repository, given the names of the interface."""
