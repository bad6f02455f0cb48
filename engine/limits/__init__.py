"""Limit: the one point every offer passes, and what stands there for a rule book."""
