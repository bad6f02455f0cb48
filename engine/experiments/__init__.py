"""Experiments: what holdouts and standing experiments show, read from a service's own log.

`counting` adds up by customer, `duel` does so for champion and challenger, `mismatch` looks whether the lots fell as they should, `results`
compares, `telling` says it to people.
"""
