"""Comparing what an implementation gave with what it must give."""
