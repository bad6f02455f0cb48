"""What a trigger's decision offers, on its way to whoever sends it: the message, and where it is left."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from engine.errors import DamagedData
from engine.model import SECOND, CustomerId, Decision, EventId, Micros, PlacementOffers
from engine.triggers.triggers import SetOff


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message: an answered trigger with at least one offer.

    Attributes:
        message_id: the same for the same trigger and interaction, however often it is published.
        decided_at: when it was decided.
        document: what is published, as docs/cluster.md says.
    """

    message_id: EventId
    customer_id: CustomerId
    decided_at: Micros
    document: Mapping[str, Any]

    def encode(self) -> bytes:
        """The document as JSON."""
        return orjson.dumps(self.document)

    @classmethod
    def decode(cls, written: bytes) -> "Outgoing":
        """The message that `encode` wrote.

        Raises:
            DamagedData: these bytes are none.
        """
        try:
            document = orjson.loads(written)
            return cls(
                EventId(document["message_id"]),
                CustomerId(document["customer_id"]),
                _micros(document["decided_at"]),
                document,
            )
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedData(f"this is no message of a trigger: {error}") from error


class Left(NamedTuple):
    """A message that was left, and its position among all: positions grow, and are never used again."""

    position: int
    message: Outgoing


class Outbox(Protocol):
    """Where messages are left for those who send them."""

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Returns once all are safe; one that was left before, by its id, may be there twice.

        Raises:
            StorageError: any of them may be there all the same; leaving them again is safe.
        """


def outgoing(set_off: SetOff, decision: Decision, token: bytes) -> Outgoing | None:
    """The message of a decision; None if nothing was offered: a fallback is nothing to send."""
    placed = [_placed(one) for one in decision.placements if not one.fallback]
    if not placed:
        return None
    document = {
        "message_id": set_off.name,
        "trigger": set_off.trigger.name,
        "event_id": set_off.event.event_id,
        "customer_id": decision.customer_id,
        "decision_id": decision.decision_id,
        "decided_at": _moment(decision.decided_at),
        "channel": decision.channel,
        "placements": placed,
        "rulebook_version": decision.rulebook_version,
        "model_version": decision.model_version,
        "holdout": decision.holdout,
        "token": b64encode(token).decode(),
    }
    return Outgoing(set_off.name, decision.customer_id, decision.decided_at, document)


def _placed(placed: PlacementOffers) -> dict[str, Any]:
    return {
        "placement": placed.placement,
        "offers": [
            {
                "action_id": offer.action_id,
                "treatment_id": offer.treatment_id,
                "issue": offer.issue,
                "group": offer.group,
                "rank": offer.rank,
                "priority": offer.priority,
                "propensity": offer.propensity,
                "value": offer.value,
                "probability": offer.probability,
                "content": dict(offer.content),
                "bundle": offer.bundle,
            }
            for offer in placed.offers
        ],
        "fallback": False,
    }


def _moment(micros: Micros) -> str:
    """A moment as RFC 3339 has it, to the microsecond, in UTC."""
    seconds, rest = divmod(micros, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


def _micros(moment: str) -> Micros:
    found = datetime.fromisoformat(moment)
    return round(found.replace(microsecond=0).timestamp()) * SECOND + found.microsecond
