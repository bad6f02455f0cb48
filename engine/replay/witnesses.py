"""Witnesses: what kept something back then, asked once more for its reasons.

A record says what contact policies kept back, and not what they counted. That is in the journal, and in
the decisions before: here the history is made again as it was, so that the policies can give their
reasons. Answer limits depend on the answer alone, holdouts on the customer's id. Of caps only the
outcome is known.
"""

import math
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from engine.circumstances import Circumstances
from engine.codec import DecisionRecord
from engine.contact.guard import ContactGuard
from engine.contact.household import asks_for_households, household_of
from engine.contact.pending import Pending
from engine.deadline import Budget
from engine.edges.journal.database import open_reader, storage_errors
from engine.edges.journal.decisions import offered
from engine.edges.journal.entries import read_entries_naming
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.limits.limits import Limit
from engine.limits.variety import VarietyGuard
from engine.model import (
    UNKNOWN,
    Customer,
    CustomerId,
    Event,
    Micros,
    ProfileUpdate,
    Response,
    Stage,
    Unknown,
)
from engine.rulebook.book import RuleBook
from engine.topology import apply
from engine.trials.part import Assignment

_ALL: Final = 2**62


def witnesses(data: Path, record: DecisionRecord, book: RuleBook) -> Mapping[Stage, Limit]:
    """The limits that can give reasons for what they kept back in this decision, as they stood.

    Reads the whole journal, which may be that of a running service. What was reported later of an
    earlier time counts too: reasons are to be asked only for what is known to have been kept back.

    Raises:
        StorageError: the journal, or the log of decisions, cannot be read.
    """
    question, decision = record
    now = decision.decided_at
    customer = _as_of(data / JOURNAL, question.customer_id, now)
    home = household_of(customer, book) if asks_for_households(book) else None
    household: Customer | Unknown | None = UNKNOWN
    if not isinstance(home, Unknown):
        household = None if home is None else _as_of(data / JOURNAL, home, now)
    given = Circumstances(
        decision.decision_id,
        customer,
        now,
        decision.seed,
        Budget(math.inf, lambda: 0.0),
        decision.degraded,
        household,
    )
    guards = (ContactGuard(book, _pending(data / DECISIONS, given, book)), VarietyGuard(book))
    limits: list[Limit | None] = [guard.limit(question, given, decision.values) for guard in guards]
    limits.append(Assignment(book.trials).part(question.customer_id, now).held)
    return {limit.stage: limit for limit in limits if limit is not None}


def _as_of(path: Path, customer_id: CustomerId, now: Micros) -> Customer:
    """A customer, or household, by what had happened until then."""
    customer = Customer(customer_id)
    with storage_errors(path), closing(open_reader(path)) as reader:
        for _, entry in read_entries_naming(reader, customer_id, _ALL):
            if not isinstance(entry, Event | ProfileUpdate) or entry.customer_id != customer_id:
                continue
            if entry.time <= now and not _answers_later(entry, now):
                apply(customer, entry)
    return customer


def _answers_later(entry: Event | ProfileUpdate, now: Micros) -> bool:
    """Whether it responds to a decision that had not been made before."""
    response = entry.body if isinstance(entry, Event) else None
    return isinstance(response, Response) and response.exposure.decided_at >= now


def _pending(path: Path, given: Circumstances, book: RuleBook) -> Pending:
    """What was offered to this customer and household shortly before, and not yet reported on."""
    pending = Pending()
    pending.assume_shown = book.contact.remembers
    people = [one for one in (given.customer, given.household) if isinstance(one, Customer)]
    ids = {one.customer_id for one in people}
    for returned in offered(path, given.now - pending.assume_shown):
        is_before = returned.decided_at <= given.now and returned.decision_id != given.decision_id
        if is_before and not ids.isdisjoint({returned.customer_id, returned.household}):
            pending.note(returned)
    for person in people:
        for touch in person.touches:
            pending.reported(touch.decision_id, touch.action_id)
    return pending
