"""Examples: what a journal's events teach in the end, one training example for each offer that was seen.

The lessons a model is given depend on the order in which events arrived: an exposure, then a
correction; or the better outcome at once. What they add up to does not. It is told here, from the
events alone: the same examples for any order of the same events, with any of them repeated.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from engine.model import (
    NOT_DELIVERED,
    ActionId,
    CustomerId,
    DecisionId,
    Event,
    Exposure,
    Response,
    Value,
)
from engine.respond import label


class Example(NamedTuple):
    """One offer that was seen, with the reward it earned in the end.

    `features` are the raw values the model saw, in the order of the feature schema `schema`; `reward`
    lies in [0, 1]. Examples sort by the moment of the decision, its id and the action's.
    """

    decided_at: int
    decision_id: DecisionId
    action_id: ActionId
    customer_id: CustomerId
    group: str
    channel: str
    placement: str
    probability: float
    schema: str
    features: Sequence[Value]
    reward: float

    def to_dict(self, names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """The example as JSON, `features` by name where `names` has the names of its schema."""
        listed: Sequence[Value] | dict[str, Value] = list(self.features)
        if self.schema in names:
            listed = dict(zip(names[self.schema], self.features, strict=True))
        return self._asdict() | {"features": listed}


class _Seen:
    """What has come back of one offer so far."""

    __slots__ = ("customer_id", "exposure", "not_delivered", "reward")

    def __init__(self) -> None:
        self.customer_id = CustomerId("")
        self.exposure: Exposure | None = None
        self.reward: float | None = None
        self.not_delivered = False


_KINDS: Final = orjson.OPT_SORT_KEYS


def examples(events: Iterable[Event]) -> list[Example]:
    """The examples in a journal's events, sorted; no order and no repetition of events changes them.

    An offer's reward is the highest one that any of its responses had when it was accepted (an outcome
    that teaches nothing, or one after the response window, has none). An offer of which no response
    had a reward was not seen; one that was not delivered was not either, unless it earned something.
    """
    seen: dict[tuple[DecisionId, ActionId], _Seen] = {}
    for event in events:
        if isinstance(event.body, Response):
            exposure = event.body.exposure
            one = seen.setdefault((exposure.decision_id, exposure.action_id), _Seen())
            _note(one, event.customer_id, event.body)
    return sorted(_taught(seen.values()), key=lambda example: example[:3])


def digest(found: Iterable[Example]) -> str:
    """32 hex digits over the examples: equal exactly if they are, byte for byte."""
    hashed = blake2b(digest_size=16)
    for example in found:
        hashed.update(orjson.dumps(example._asdict(), option=_KINDS))
        hashed.update(b"\n")
    return hashed.hexdigest()


def _note(one: _Seen, customer_id: CustomerId, response: Response) -> None:
    """Takes up a response; one for the record of a household, which teaches nothing, has no features."""
    if response.exposure.features is None:
        return
    one.customer_id, one.exposure = customer_id, response.exposure
    if response.outcome == NOT_DELIVERED:
        one.not_delivered = True
    elif response.reward is not None:
        one.reward = max(response.reward, one.reward or 0.0)


def _taught(seen: Iterable[_Seen]) -> Iterator[Example]:
    for one in seen:
        reward, exposure = label(one.reward, one.not_delivered), one.exposure
        if reward is None or exposure is None or exposure.features is None:
            continue
        yield Example(
            exposure.decided_at,
            exposure.decision_id,
            exposure.action_id,
            one.customer_id,
            exposure.group,
            exposure.channel,
            exposure.placement,
            exposure.probability,
            exposure.schema,
            exposure.features,
            reward,
        )
