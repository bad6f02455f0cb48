"""Regret: Attune against other learners that explore, in simulated worlds whose truth is known.

Run it with `python -m benchmarks.regret`; see `benchmarks.regret.contest` for what is compared.
"""
