"""Compiled: the loops over candidates, one candidate after the other, as machine code by numba.

Importing this module raises ImportError where numba is not installed.
"""

import importlib
import math
import pickle
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
import structlog

from engine.kernels.loops import DENSE, LEAST, Indexes, Loops, Numbers

_Loop = TypeVar("_Loop", bound=Callable[..., Any])

_numba: Any = importlib.import_module("numba")  # it ships no types

_log = structlog.get_logger(__name__)

_UNKEPT: Final = (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError)
"""What numba raises where it finds no directory, cannot write, or reads what somebody broke."""

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_11, _27, _30, _31 = (np.uint64(bits) for bits in (11, 27, 30, 31))


def machine_code(signature: str) -> Callable[[_Loop], _Loop]:
    """Compiles at once, for arguments of these types, or reads what was compiled before.

    Where nothing can be kept (nowhere to write, a damaged file) it is compiled for this process alone.
    """

    def compiled(loop: _Loop) -> _Loop:
        kept: _Loop
        try:
            kept = _numba.njit(signature, cache=True, error_model="numpy")(loop)
        except _UNKEPT as error:
            _log.warning(
                "compiled for this process alone, which makes each start seconds longer: set"
                " NUMBA_CACHE_DIR to a directory that can be written",
                loop=loop.__name__.strip("_"),
                error=str(error),
            )
            kept = _numba.njit(signature, error_model="numpy")(loop)
        return kept

    return compiled


def inlined(part: _Loop) -> _Loop:
    """A part of a loop."""
    compiled: _Loop = _numba.njit(error_model="numpy", inline="always")(part)
    return compiled


@inlined
def _logit(row: int, columns: Indexes, values: Numbers, matrix: Numbers) -> float:
    total = 0.0
    for c in range(len(columns)):
        total += values[c] * matrix[columns[c], row]
    return total


@inlined
def sigmoid(logit: float) -> float:
    """1 / (1 + exp(−logit)), without overflow."""
    if logit >= 0.0:
        return 1.0 / (1.0 + math.exp(-logit))
    grown = math.exp(logit)
    return grown / (1.0 + grown)


@inlined
def _uniform(state: np.uint64) -> float:
    """The number a `Chance` draws on reaching this state."""
    mixed = (state ^ (state >> _30)) * _FIRST
    mixed = (mixed ^ (mixed >> _27)) * _SECOND
    return float((mixed ^ (mixed >> _31)) >> _11) * 2.0**-53


@inlined
def _rank(priorities: Numbers, ties: Indexes, ranked: Indexes) -> None:
    """Writes the positions of the best, as many as `ranked` is long, the best first."""
    room = len(ranked)
    for k in range(len(priorities)):
        priority, tie, at = priorities[k], ties[k], min(k, room)
        while at > 0:
            above = ranked[at - 1]
            if priority < priorities[above] or (
                priority == priorities[above] and tie >= ties[above]
            ):
                break
            at -= 1
            if at + 1 < room:
                ranked[at + 1] = above
        if at < room:
            ranked[at] = k


@inlined
def _share(priority: float, scale: float, slope: float, doubt: float, left: int) -> float:
    """By the gap to the best; `doubt` is the variance of that gap, below 0 if it does not count."""
    gap = max(1.0 - max(priority, 0.0) * scale, 0.0)
    if doubt < 0.0:
        return 1.0 / (left + slope * gap)
    if gap == 0.0:
        return 1.0 / left
    return 1.0 / (left * (1.0 + slope * gap * gap / doubt))


@inlined
def _doubt(one: float, other: float, scale: float) -> float:
    """The variance of the gap between two, given how far each may be off."""
    first, second = one * scale, other * scale
    return first * first + second * second


@inlined
def _others(shares: Numbers, best: int, taken: Indexes) -> float:
    """The sum of the shares of all that were left but the best."""
    for position in taken:
        shares[position] = 0.0
    shares[best] = 0.0
    total = 0.0
    for share in shares:
        total += share
    return total


@inlined
def _insert(position: int, count: int, taken: Indexes) -> None:
    """Keeps the first `count` + 1 of `taken` in order."""
    at = count
    while at > 0 and taken[at - 1] > position:
        taken[at] = taken[at - 1]
        at -= 1
    taken[at] = position


@machine_code("void(i8[::1],f8[::1],f8[:,::1],i8,i8[::1],i8[::1],i8[::1],i8[::1],f8,f8[::1])")
def _score(
    columns: Indexes,
    values: Numbers,
    matrix: Numbers,
    known: int,
    shared: Indexes,
    slot_of: Indexes,
    own: Indexes,
    actions: Indexes,
    intercept: float,
    propensities: Numbers,
) -> None:
    few = DENSE * (len(shared) + len(actions)) < known
    logits = np.zeros(0 if few else known)
    if not few:
        for c in range(len(columns)):
            value, weights = values[c], matrix[columns[c]]
            for row in range(known):
                logits[row] += value * weights[row]
    by_group = np.empty(len(shared))
    for slot in range(len(shared)):
        row = shared[slot]
        by_group[slot] = _logit(row, columns, values, matrix) if few else logits[row]
    by_group[0] += intercept
    by_group[1:] += by_group[0]
    for k in range(len(actions)):
        action = actions[k]
        row = own[action]
        logit = _logit(row, columns, values, matrix) if few else logits[row]
        propensities[k] = sigmoid(logit + by_group[slot_of[action]])


@machine_code("void(f8[::1],i8[::1],f8,b1,u8,i8[::1],f8[::1],f8[::1],f8[::1],i8[::1],f8[::1])")
def _fill(
    priorities: Numbers,
    ties: Indexes,
    gamma: float,
    greedy: bool,
    state: np.uint64,
    actions: Indexes,
    propensities: Numbers,
    worth: Numbers,
    exposures: Numbers,
    chosen: Indexes,
    probabilities: Numbers,
) -> None:
    probabilities[:] = 1.0
    is_evident = len(exposures) > 0 and not greedy
    spreads = np.empty(len(priorities) if is_evident else 0)
    for k in range(len(spreads)):
        action = actions[k]
        p = propensities[action]
        spreads[k] = worth[action] * math.sqrt(p * (1.0 - p) / (1.0 + exposures[action]))
    taken, is_open = np.empty(len(chosen), np.intp), np.ones(len(priorities), np.bool_)
    ranked = np.empty(len(chosen), np.intp)
    shares = np.empty(len(priorities))
    _rank(priorities, ties, ranked)
    top = 0
    for slot in range(len(chosen)):
        while not is_open[ranked[top]]:
            top += 1
        best = choice = ranked[top]
        if not greedy:
            merit, left = priorities[best], len(priorities) - slot
            is_clear = merit > LEAST
            scale, slope = (1.0 / merit, gamma) if is_clear else (0.0, 0.0)
            doubt = -1.0
            state = state + _GOLDEN
            scaled = _uniform(state) * left
            choice = int(scaled)
            verdict = scaled - choice
            for earlier in range(slot):
                choice += taken[earlier] <= choice
            if is_evident and is_clear:
                doubt = _doubt(spreads[choice], spreads[best], scale)
            share = _share(priorities[choice], scale, slope, doubt, left)
            if choice == best or verdict >= left * share:
                choice = best
                for k in range(len(priorities)):
                    if is_evident and is_clear:
                        doubt = _doubt(spreads[k], spreads[best], scale)
                    shares[k] = _share(priorities[k], scale, slope, doubt, left)
                share = 1.0 - _others(shares, best, taken[:slot])
            probabilities[slot] = share
        chosen[slot] = choice
        is_open[choice] = False
        _insert(choice, slot, taken)


COMPILED: Final = Loops(_score, _fill)
