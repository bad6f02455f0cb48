"""Evaluate: what another policy would have earned, told from a log of choices with their probabilities.

A log (`log`, read by `reading` and `decisions`) and a policy (`policies`) become evidence about each
choice (`evidence`, `reward_model`); the estimators (`estimators`) turn it into values with intervals
(`intervals`), and the verdict (`verdict`) says what may be concluded. `evaluate` tells it in one function.
"""
