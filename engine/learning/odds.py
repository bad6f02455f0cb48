"""Odds: from a logit to the probability it stands for, and back."""

import math


def sigmoid(logit: float) -> float:
    """1 / (1 + exp(−logit)), the same bits as in `engine/native/loops.c`.

    >>> sigmoid(0.0), sigmoid(800.0), sigmoid(-800.0)
    (0.5, 1.0, 0.0)
    """
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)


def logit(probability: float, least: float) -> float:
    """ln(p / (1 − p)); probabilities count as at least `least` from 0 and 1.

    >>> logit(0.5, 1e-9), logit(0.0, 0.5)
    (0.0, 0.0)
    """
    p = min(max(probability, least), 1.0 - least)
    return math.log(p / (1.0 - p))
