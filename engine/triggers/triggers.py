"""Set off: which of the book's triggers an interaction sets off, by what is known before and after it, or a day."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from engine.customer import Knowledge
from engine.model import UNKNOWN, Customer, Event, EventId, Interaction, Micros, Question
from engine.rulebook.book import RuleBook
from engine.rulebook.trigger import Trigger

FIRED: Final = "trigger:"
"""Begins the type of the interaction that notes in a customer's history that a trigger made an offer.

The names of its decision, message and event begin so, too; callers may send no id or type that does.
"""

DAY_ITSELF: Final = Interaction("day")
"""What "happens" where a daily trigger goes off. It is in no log, and says nothing."""

_DEAF: Final[tuple[Trigger, ...]] = ()


class SetOff(NamedTuple):
    """A trigger that was set off: a decision is due.

    `event` is the interaction that did it, or of a daily trigger its day (see `engine.triggers.daily.Round`).
    """

    trigger: Trigger
    event: Event
    question: Question

    @property
    def name(self) -> EventId:
        """What it is recognised by however often it comes: one for each trigger and event."""
        return name_of(self.trigger, self.event)


class Before(NamedTuple):
    """What stood before an interaction was applied: `open` are the triggers it may still set off.

    `now` is when that is judged: not before the interaction's own time, which may be ahead of the clock.
    """

    event: Event
    now: Micros
    is_ahead: bool
    open: tuple[tuple[Trigger, Question], ...]


class Triggers:
    """The triggers of one book, asked `before` an entry of the log is applied and `after` it.

    A trigger is set off if its condition, with the interaction's attributes as the question's context,
    is definitely true after the interaction. If it counts such events, it must not have been true before:
    the third dropped call sets it off and not the fourth. It rests after it has made an offer.
    """

    def __init__(self, book: RuleBook) -> None:
        self.book = book
        self._knowledge = Knowledge(book)
        hearing: defaultdict[str, list[Trigger]] = defaultdict(list)
        for trigger in book.triggers:
            for kind in trigger.on:
                hearing[kind].append(trigger)
        self._declared = frozenset(a.name for a in book.attributes if a.source is None)
        self._hearing: Mapping[str, Sequence[Trigger]] = dict(hearing)

    def before(self, customer: Customer, entry: object, now: Micros) -> Before | None:
        """What stands before `entry` is applied to its customer; None if it can set nothing off.

        An interaction whose clock is ahead is looked at as of its own time: it counts from then on.
        """
        if not isinstance(entry, Event) or not isinstance(entry.body, Interaction):
            return None
        event, body, is_ahead = entry, entry.body, entry.time > now
        now = max(now, event.time)
        asked = [
            (trigger, self._question(trigger, event, body))
            for trigger in self._hearing.get(body.type, _DEAF)
            if now - event.time <= trigger.max_age
        ]
        still_open = tuple(
            (trigger, question)
            for trigger, question in asked
            if not (body.type in trigger.counts and self._holds(trigger, question, customer, now))
        )
        return Before(event, now, is_ahead, still_open) if still_open else None

    def after(self, before: Before, customer: Customer) -> tuple[SetOff, ...]:
        """The triggers set off, now that the interaction is applied; in the order of the book.

        The question of one that is ahead says what has been counted with it, as the clock does not yet.
        """
        return tuple(
            SetOff(
                trigger,
                before.event,
                self._counting(question, customer, before.now) if before.is_ahead else question,
            )
            for trigger, question in before.open
            if self._holds(trigger, question, customer, before.now)
            and not is_resting(trigger, customer, before.now)
        )

    def on_day(
        self, trigger: Trigger, day: Event, customer: Customer, now: Micros
    ) -> SetOff | None:
        """The daily trigger set off for this customer by their day; None if it is not.

        Nor is it again where the customer's history tells that it has made its offer that day.
        """
        question = self._question(trigger, day, DAY_ITSELF)
        if not self._holds(trigger, question, customer, now) or is_resting(trigger, customer, now):
            return None
        set_off = SetOff(trigger, day, question)
        return None if _is_noted(set_off, customer) else set_off

    def _question(self, trigger: Trigger, event: Event, interaction: Interaction) -> Question:
        declared = self._declared
        return Question(
            customer_id=event.customer_id,
            channel=trigger.channel,
            placements=trigger.placements,
            context={n: v for n, v in interaction.attributes.items() if n in declared},
            request_id=name_of(trigger, event),
        )

    def _counting(self, question: Question, customer: Customer, now: Micros) -> Question:
        """The question, with what is kept from events as it will be."""
        values = self._knowledge.values(customer, question, now)
        counted = {
            a.name: values[a.index]
            for a in self.book.attributes
            if a.source is not None and values[a.index] not in (UNKNOWN, None)
        }
        return replace(question, context={**question.context, **counted})

    def _holds(self, trigger: Trigger, question: Question, customer: Customer, now: Micros) -> bool:
        if trigger.condition is None:
            return True
        values = self._knowledge.values(customer, question, now)
        return self.book.triggers_of(values)[trigger.condition] is True


def name_of(trigger: Trigger, event: Event) -> EventId:
    """The name of what this interaction sets off by this trigger.

    It is the request id of the decision, the id of the message, and that of the event that notes it.
    """
    return EventId(f"{FIRED}{trigger.name}:{event.event_id}")


def is_resting(trigger: Trigger, customer: Customer, now: Micros) -> bool:
    """Whether the trigger has made this customer an offer within its rest."""
    if not trigger.rest:
        return False
    noted = f"{FIRED}{trigger.name}"
    for past in reversed(customer.interactions):
        if past.time <= now - trigger.rest:
            return False
        if past.type == noted:
            return True
    return False


def _is_noted(set_off: SetOff, customer: Customer) -> bool:
    name = set_off.name
    return any(past.event_id == name for past in customer.interactions)


def note_of(set_off: SetOff, decided_at: Micros) -> Event:
    """The entry of the log by which the customer's history knows that the trigger made an offer."""
    interaction = Interaction(f"{FIRED}{set_off.trigger.name}", set_off.trigger.channel)
    return Event(set_off.name, set_off.event.customer_id, decided_at, interaction)


def without(customer: Customer, events: Collection[EventId]) -> Customer:
    """The customer as they would be had these interactions not happened; the very one if `events` is empty."""
    if not events:
        return customer
    kept = [past for past in customer.interactions if past.event_id not in events]
    return replace(customer, interactions=kept)
