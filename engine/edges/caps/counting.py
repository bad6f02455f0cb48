"""Caps count what was shown: by the worker that applies a response, in the accounts all servers share."""

import asyncio
from collections.abc import Iterable, Sequence

from engine.caps.periods import Span
from engine.caps.vault import AccountKey
from engine.codec import Entry
from engine.edges.caps.responses import response_in
from engine.edges.redis.caps import Outcome, RedisAccounts
from engine.edges.redis.caps_catalogue import CapsCatalogue
from engine.model import NOT_DELIVERED


class Counting:
    """Counts the responses in stretches of the log, as often as these come; each offer counts once."""

    def __init__(self, accounts: RedisAccounts, catalogue: CapsCatalogue) -> None:
        self._accounts = accounts
        self._catalogue = catalogue

    async def count(self, entries: Iterable[Entry]) -> None:
        """Has every account know what its offers came to; it does when this returns.

        An offer of an action whose caps no server has told is under none.

        Raises:
            StorageError: Redis cannot be reached; all of it is to be told again.
        """
        responses = [found for entry in entries if (found := response_in(entry)) is not None]
        if not responses:
            return
        actions = {response.exposure.action_id for response in responses}
        taken = await self._catalogue.read(actions)
        by_account: dict[tuple[AccountKey, Span], list[Outcome]] = {}
        for response in responses:
            told = response.exposure
            for one in taken[told.action_id]:
                units = one.units.get(told.placement)
                if units is not None:
                    shown = response.outcome != NOT_DELIVERED
                    outcome = Outcome(told.decision_id, told.action_id, shown, units)
                    by_account.setdefault(one.account(told.decided_at), []).append(outcome)
        await self._tell(list(by_account.items()))

    async def _tell(self, counted: Sequence[tuple[tuple[AccountKey, Span], list[Outcome]]]) -> None:
        count = self._accounts.count
        told = await asyncio.gather(
            *[count(key, span, outcomes) for (key, span), outcomes in counted],
            return_exceptions=True,
        )
        for failure in told:
            if failure is not None:
                raise failure
