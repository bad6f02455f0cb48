"""What other servers of the same installation have answered: for repeats, and for joining by id."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from engine.errors import RequestConflict
from engine.model import CustomerId, Decision, DecisionId, Micros

Claimed: TypeAlias = bytes | RequestConflict | None
"""What came of a claim: the reply another server gave, that the id was used for another question, or None."""


class Elsewhere(Protocol):
    """All calls come from one event loop. Of what cannot be asked nothing is known, and that is no error."""

    def claim(
        self, request_id: str, asked: bytes, patience: float, told: Callable[[Claimed], None]
    ) -> None:
        """Says that a request is being answered here, unless another server was quicker.

        `asked` is the question's fingerprint. `told` what came of it, once, in the turn in which that is
        known; None if this server is to decide. While another is still at it, its reply is waited for,
        `patience` seconds at most. Only a connection that says nothing at all may take longer: who does
        not hear in time decides.
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
