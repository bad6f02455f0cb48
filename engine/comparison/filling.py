"""Filling: where offers depend on each other, the code that serves fills each pattern of a row once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arbitration import Candidates
from engine.bundling import Bundling
from engine.chance import Chance
from engine.comparison.judgement import Numbers
from engine.limits import NO_LIMITS, Limits
from engine.placement import fill
from engine.rulebook.book import Exploration
from engine.variety import Variety, VarietyGuard

Indexes = npt.NDArray[np.intp]


class Contenders(NamedTuple):
    """All that could be shown in a placement: parallel, the first `leading` of them mandatory.

    `merits` are rows × contenders, -inf where one is not admitted.
    """

    actions: Indexes
    treatments: Indexes
    ties: Indexes
    merits: Numbers
    leading: int


def fill_rows(
    contenders: Contenders,
    slots: int,
    before: Sequence[Indexes],
    variety: VarietyGuard | None,
    bundling: Bundling | None,
) -> Indexes:
    """Rows × slots: the actions shown, -1 where a slot stays empty.

    `before` are the treatments (rows × slots, -1 for none) of placements filled for the same request.
    """
    rows = len(contenders.merits)
    earlier = np.hstack([np.zeros((rows, 0), np.intp), *before])
    keys = np.hstack([contenders.merits.view(np.int64), earlier.astype(np.int64)])
    keys = np.ascontiguousarray(keys)
    as_one = keys.view(np.dtype((np.void, keys.dtype.itemsize * max(keys.shape[1], 1))))
    if not keys.shape[1]:
        return np.full((rows, slots), -1, np.intp)
    _, firsts, pattern_of = np.unique(as_one.ravel(), return_index=True, return_inverse=True)
    patterns = np.full((len(firsts), slots), -1, np.intp)
    for number, row in enumerate(firsts):
        limits = _limits(variety, earlier[row])
        chosen = _filled(contenders, contenders.merits[row], slots, limits, bundling)
        patterns[number, : len(chosen)] = chosen
    return patterns[pattern_of.ravel()]


def _limits(variety: VarietyGuard | None, earlier: Indexes) -> Limits:
    if variety is None:
        return NO_LIMITS
    limits = Limits([Variety(variety)])
    limits.chosen(earlier[earlier >= 0].tolist())
    return limits


def _filled(
    contenders: Contenders,
    merits: Numbers,
    slots: int,
    limits: Limits,
    bundling: Bundling | None,
) -> list[int]:
    """The actions shown in a row with these merits."""
    treatments = contenders.treatments.tolist()
    is_open = np.isin(contenders.treatments, limits.open_to(treatments))
    present = np.flatnonzero((merits > -np.inf) & is_open)
    led = [at for at in present.tolist() if at < contenders.leading]
    led.sort(key=lambda at: (-merits[at], contenders.ties[at]))
    rivals = present[present >= contenders.leading]
    candidates = Candidates(
        contenders.treatments[rivals],
        contenders.actions[rivals],
        merits[rivals],
        contenders.ties[rivals],
    )
    chosen = fill(
        candidates,
        [treatments[at] for at in led],
        slots,
        Exploration("greedy"),
        chance=Chance(0),
        greedy=True,
        lessons=0,
        limits=limits,
        bundling=bundling,
    )
    action_of = dict(zip(treatments, contenders.actions.tolist(), strict=True))
    return [action_of[treatment] for treatment, _, _ in chosen]
