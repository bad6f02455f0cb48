"""Beforehand: what had been offered before a decision, though it has been made since."""

from engine.contact.pending import Pending, Returned
from engine.model import CustomerId, Micros


class Beforehand(Pending):
    """Another's memory of offers, as it was just before the moment asked about. Remembers nothing itself."""

    def __init__(self, pending: Pending) -> None:
        super().__init__()
        self._pending = pending

    def of(self, subject: CustomerId, now: Micros) -> tuple[Returned, ...]:
        """What counted as shown to a customer or household before `now`."""
        offers = self._pending.of(subject, now)
        if any(offer.decided_at >= now for offer in offers):
            return tuple(offer for offer in offers if offer.decided_at < now)
        return offers

    def uncertain_until(self, subject: CustomerId) -> Micros:
        """Until when it cannot be told what was offered to a customer or household; 0 if it can."""
        return self._pending.uncertain_until(subject)
