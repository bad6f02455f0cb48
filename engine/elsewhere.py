"""What other servers of the same installation have answered: for repeats, and for joining by id."""

import asyncio
from typing import Protocol

from engine.model import CustomerId, Decision, DecisionId, Micros


class Elsewhere(Protocol):
    """All calls come from one event loop. Of what cannot be asked nothing is known, and that is no error."""

    def claim(
        self, request_id: str, asked: bytes, patience: float
    ) -> "asyncio.Future[bytes | None]":
        """Says that a request is being answered here, unless another server was quicker.

        `asked` is the question's fingerprint. The future has the reply another server gave; None if this
        one is to decide. While another is still at it, its reply is waited for; all of it takes `patience`
        seconds at most.

        Raises:
            RequestConflict: by the future: the id was used for another question.
        """

    def answered(self, request_id: str, asked: bytes, reply: bytes) -> None:
        """Has the others know the reply; returns at once."""

    def failed(self, request_id: str) -> None:
        """Lets others answer what was claimed here; returns at once."""

    def decided(self, decision: Decision, token: bytes, keep: Micros) -> None:
        """Has the others find a decision by its id, for so long; returns at once."""

    async def token(self, customer_id: CustomerId, decision_id: DecisionId) -> bytes | None:
        """The token of a customer's decision; None if nobody remembers it.

        Raises:
            StorageError: that cannot be told now.
        """
