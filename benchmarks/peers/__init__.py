"""Peers: what others take for the identical work, one peer a file; equal answers are asserted before timing.

`contest` times two ways of doing one thing in turn. `rules` and `scoring` are the work; every other
module is a peer and names its contests in `contests()`.
"""
