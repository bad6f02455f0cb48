"""Duel: champion and challenger, each counted by the customers the lot gave it."""

from collections.abc import Iterable
from typing import Final

from engine.challenger.plan import Part, Plan
from engine.codec import DecisionRecord
from engine.experiments.counting import USUAL, Group, Rewards, trials_in
from engine.model import SECOND, Micros
from engine.trials.assignment import ENDLESS, Term

SETTLED: Final = 5 * SECOND
"""How long after a share was set the service may take to decide by it."""

_ONCE: Final = Term(-ENDLESS, ENDLESS, "")


def duel(
    records: Iterable[DecisionRecord], plan: Plan, rewards: Rewards, since: Micros = 0
) -> tuple[Group, Group]:
    """The champion's group and the challenger's, from when the share was set to when it ended.

    A decision counts for the group its customer's lot says, also where the challenger lacked a
    placement and the champion decided. Customers in a holdout or an experiment of the champion are in
    neither group. Counting begins with the challenger's first decision under the share.

    The plan must have come to a share.
    """
    share, replaced = plan.step(Part.SHARE), plan.step(Part.REPLACED)
    if share is None:
        raise ValueError(f"{plan.name} has never decided for a share")
    begin = max(since, share.since + SETTLED)
    end = ENDLESS if replaced is None else replaced.since
    usual, own = Group(USUAL, 1.0 - share.share), Group(plan.label, share.share)
    begun = False
    for _, decision in records:
        if not begin <= decision.decided_at < end:
            continue
        names = trials_in(decision.holdout)
        begun = begun or plan.label in names
        if begun and plan.label in names:
            own.note(decision, _ONCE, rewards)
        elif begun and not names:
            usual.note(decision, _ONCE, rewards)
    return usual, own
