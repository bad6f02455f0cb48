"""The checker of a history: from requests, answers and what is left in the end, every broken promise.

It knows nothing of how the cluster works. What is promised: an accepted event is in the end there, once;
nothing is there that nobody sent, or that was refused; the profile is the one written last; an offer is
learned as a chain of corrections, each link once; and one client looking at one customer through one
server never sees less than before, unless Redis lost data meanwhile.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from engine.model import ActionId, DecisionId, TrainingExample
from tests.cluster.history import Call, Fault, Look, Picture, Put, Send, Told


class Broken(StrEnum):
    """A promise that was not kept."""

    LOST = "an accepted event is not there"
    TWICE = "an event counts more than once"
    INVENTED = "an event is there that was never sent, or was refused"
    OVERWRITTEN = "the profile is not the one written last"
    UNWRITTEN = "a number was read that nobody had written by then"
    FORESEEN = "an event was read that nobody had sent by then"
    BACKWARDS = "a later look showed less than an earlier one"
    MISLEARNED = "an offer is not learned as a chain of corrections up to its reward"


class Anomaly(NamedTuple):
    """One broken promise: to whom, and about what."""

    broken: Broken
    customer: str
    about: str


Offer = tuple[DecisionId, ActionId]


def check(
    calls: Sequence[Call], faults: Sequence[Fault], final: Mapping[str, Picture]
) -> list[Anomaly]:
    """All promises to callers that were broken; `final` has a picture of each customer in the end."""
    by_customer: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_customer[call.customer].append(call)
    found: list[Anomaly] = []
    for customer in by_customer.keys() | final.keys():
        theirs = by_customer[customer]
        last = final.get(customer, Picture())
        found += _events(customer, theirs, last)
        found += _numbers(customer, theirs, last)
        found += _looks(customer, theirs, faults)
    return sorted(found)


def check_lessons(
    lessons: Iterable[TrainingExample], rewards: Mapping[Offer, float | None]
) -> list[Anomaly]:
    """Offers that were learned otherwise than up to the reward their customer's history ends in."""
    chains: defaultdict[Offer, list[TrainingExample]] = defaultdict(list)
    for lesson in lessons:
        chains[lesson.decision_id, lesson.action_id].append(lesson)
    return [
        Anomaly(Broken.MISLEARNED, "", f"{offer}: {chains[offer]}")
        for offer in sorted(chains.keys() | rewards.keys())
        if not _is_chain(chains[offer], rewards.get(offer))
    ]


def _events(customer: str, calls: Sequence[Call], final: Picture) -> Iterator[Anomaly]:
    told: defaultdict[str, set[Told | Picture]] = defaultdict(set)
    for call in calls:
        if isinstance(call.asked, Send):
            told[call.asked.event].add(call.answer)
    there = Counter(final.events)
    for event, answers in told.items():
        if answers & {Told.ACCEPTED, Told.DUPLICATE} and not there[event]:
            yield Anomaly(Broken.LOST, customer, event)
    for event, times in there.items():
        if times > 1:
            yield Anomaly(Broken.TWICE, customer, event)
        if told[event] <= {Told.REFUSED}:
            yield Anomaly(Broken.INVENTED, customer, event)


def _numbers(customer: str, calls: Sequence[Call], final: Picture) -> Iterator[Anomaly]:
    """The number is the last accepted one, or a greater one whose answer is not known."""
    written = {call.asked.number: call.answer for call in calls if isinstance(call.asked, Put)} | {
        0: Told.UNKNOWN
    }
    least = max((n for n, answer in written.items() if answer == Told.ACCEPTED), default=0)
    if not least <= final.number or written.get(final.number, Told.REFUSED) == Told.REFUSED:
        yield Anomaly(Broken.OVERWRITTEN, customer, f"{final.number}, where {least} was accepted")


def _looks(customer: str, calls: Sequence[Call], faults: Sequence[Fault]) -> Iterator[Anomaly]:
    sent: dict[str, int] = {}
    put: dict[int, int] = {0: 0}
    sessions: defaultdict[tuple[str, str], list[tuple[Call, Picture]]] = defaultdict(list)
    for call in calls:
        match call.asked, call.answer:
            case Send(event), _:
                sent[event] = min(call.begun, sent.get(event, call.begun))
            case Put(number), _:
                put[number] = call.begun
            case Look(), Picture() as picture:
                sessions[call.client, call.server].append((call, picture))
    for looks in sessions.values():
        looks.sort(key=lambda look: look[0].begun)
        for call, picture in looks:
            yield from _early(call, picture, sent, put)
        for (earlier, before), (later, after) in pairwise(looks):
            if _less(after, before) and not _excused(earlier, later, faults):
                about = f"{later.client} at {later.server}: {before} and then {after}"
                yield Anomaly(Broken.BACKWARDS, customer, about)


def _early(
    call: Call, picture: Picture, sent: Mapping[str, int], put: Mapping[int, int]
) -> Iterator[Anomaly]:
    """What was read although it was asked for only after the answer was there."""
    ended = call.begun if call.ended is None else call.ended
    for event in picture.events:
        if sent.get(event, ended + 1) > ended:
            yield Anomaly(Broken.FORESEEN, call.customer, event)
    if put.get(picture.number, ended + 1) > ended:
        yield Anomaly(Broken.UNWRITTEN, call.customer, f"{picture.number}")


def _less(after: Picture, before: Picture) -> bool:
    return after.number < before.number or not set(before.events) <= set(after.events)


def _excused(earlier: Call, later: Call, faults: Sequence[Fault]) -> bool:
    """Whether Redis lost data after the earlier look, or had not recovered it before the later one."""
    ended = later.begun if later.ended is None else later.ended
    return any(
        fault.loses and fault.begun <= ended and earlier.begun <= fault.ended for fault in faults
    )


def _is_chain(lessons: Sequence[TrainingExample], reward: float | None) -> bool:
    """Whether each lesson begins where the one before ended, and the last at the reward."""
    known: float | None = None
    for lesson in lessons:
        if lesson.taught != known:
            return False
        known = None if lesson.taken_back else lesson.reward
    return known == reward
