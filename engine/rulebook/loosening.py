"""Two rule books compared: whatever the new one no longer asks before an action may be shown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from engine.model import UNKNOWN
from engine.rulebook.book import (
    Action,
    ActionClass,
    Attribute,
    Condition,
    Exploration,
    RuleBook,
    Threshold,
)
from engine.rulebook.cap_changes import looser_caps
from engine.rulebook.contact_changes import looser, looser_all
from engine.rulebook.loosening_words import listed, quoted
from engine.rulebook.source_changes import changed_source
from engine.rulebook.stop import Stop
from engine.rulebook.trigger_changes import looser_triggers


class Loosened(IntEnum):
    """How a book came to ask less. Numbers equal `Loosening.Kind` of the wire."""

    REMOVED = 1
    """A condition is gone."""
    OPTED_OUT = 2
    """An action does without a condition it would inherit."""
    MOVED = 3
    """An action went to another group, and left a condition behind."""
    CHANGED = 4
    """A condition says something else; whether more or less, no program can tell in general."""
    ATTRIBUTE = 5
    """A missing or old attribute counts for more than before."""
    ACTION = 6
    """An action's dates, class, contact policies or caps."""
    THRESHOLD = 7
    """A threshold is gone or lower, or exploration is not restrained any more."""
    STOP = 8
    """An emergency stop is gone, or shorter."""
    MEANING = 9
    """An attribute that conditions read is kept from other events; whether that is more or less, nobody can tell."""
    TRIGGER = 10
    """A trigger asks for something else, or may be set off more often."""


@dataclass(frozen=True, slots=True)
class Loosening:
    """One thing the new book no longer asks, or asks differently.

    `name` is the condition's reason code (`suitable_when.no_complaint`), or the attribute's or
    action's name; `actions` are all that are concerned, in the order of the book, none where it
    concerns all alike. The place is that of what is written now, or, of what is gone, where it was.
    """

    kind: Loosened
    name: str
    actions: tuple[str, ...]
    message: str
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{place}{self.name} {self.message}"


def loosened(
    old: RuleBook, new: RuleBook, pause: Callable[[], object] = object
) -> tuple[Loosening, ...]:
    """Everything in which `new` may let through what `old` kept back, conditions first.

    A condition counts as kept where an action still has one with the same text, whatever its name and
    wherever it stands now. One whose text changed is listed, tightened or not. Actions and
    treatments that are new, and those that are gone, are not: nothing was asked of them before, or
    nothing will be shown. `pause` is called between one and the next.
    """
    return (
        *_conditions(old, new, pause),
        *_attributes(old, new),
        *_actions(old, new, pause),
        *_contact(old, new),
        *_caps(old, new),
        *_arbitration(old, new),
        *_stops(old, new),
        *_bundles(old, new),
        *_triggers(old, new),
    )


# --- conditions ---------------------------------------------------------------------------------


class Loss(NamedTuple):
    """One condition an action lost, and how: indexes in the old book, and in the new one if CHANGED."""

    kind: Loosened
    condition: int
    now: int | None
    detail: str = ""


def _conditions(old: RuleBook, new: RuleBook, pause: Callable[[], object]) -> Iterator[Loosening]:
    for loss, actions in lost_conditions(old, new, pause).items():
        pause()
        yield told(loss, actions, old, new)


def lost_conditions(
    old: RuleBook, new: RuleBook, pause: Callable[[], object] = object
) -> Mapping[Loss, Sequence[str]]:
    """What actions and their treatments lost, and the actions that lost it in the same way."""
    losses: dict[Loss, list[str]] = defaultdict(list)
    before = {action.action_id: action for action in old.actions}
    for action in new.actions:
        pause()
        if was := before.get(action.action_id):
            for loss in _lost(was, action, old, new):
                losses[loss].append(action.action_id)
    shown = {treatment.treatment_id: treatment for treatment in old.treatments}
    for treatment in new.treatments:
        pause()
        if had := shown.get(treatment.treatment_id):
            owner = new.actions[treatment.action].action_id
            for loss in _compared(had.conditions, treatment.conditions, old, new):
                losses[loss].append(owner)
    return losses


def _lost(was: Action, action: Action, old: RuleBook, new: RuleBook) -> Iterator[Loss]:
    for loss in _compared(was.conditions, action.conditions, old, new):
        condition = old.conditions[loss.condition]
        if loss.kind is Loosened.CHANGED:
            yield loss
        elif condition.name in action.opt_out:
            yield loss._replace(kind=Loosened.OPTED_OUT)
        elif condition.level in {"issue", "group"} and was.group != action.group:
            yield loss._replace(kind=Loosened.MOVED, detail=f"{was.group} to {action.group}")
        else:
            yield loss


def _compared(
    before: Iterable[int], after: Sequence[int], old: RuleBook, new: RuleBook
) -> Iterator[Loss]:
    """The conditions of `before` whose text is not among those of `after`."""
    texts = {new.conditions[index].text for index in after}
    names = {new.conditions[index].name: index for index in after}
    for index in before:
        condition = old.conditions[index]
        if condition.text in texts:
            continue
        now = names.get(condition.name)
        yield Loss(Loosened.REMOVED if now is None else Loosened.CHANGED, index, now)


def told(loss: Loss, actions: Sequence[str], old: RuleBook, new: RuleBook) -> Loosening:
    """The loss in words, at its place."""
    was = old.conditions[loss.condition]
    place, names = was, listed(actions)
    match loss.kind:
        case Loosened.OPTED_OUT:
            said = f"is opted out of by {names}"
        case Loosened.MOVED:
            said = f"is left behind by {names}, moved from group {loss.detail}"
        case Loosened.CHANGED if loss.now is not None:
            place = new.conditions[loss.now]
            said = f"of {names} changed from {quoted(was.text)} to {quoted(place.text)}"
        case _:
            said = f"is no longer asked of {names}; it was {quoted(was.text)}{_level(was)}"
    return Loosening(
        loss.kind, was.code, tuple(actions), said, place.file, place.line, place.column
    )


def _level(condition: Condition) -> str:
    if condition.level in {"action", "treatment"}:
        return ""
    return f", of {' '.join(filter(None, (condition.level.replace('_', ' '), condition.owner)))}"


# --- what conditions rest on ----------------------------------------------------------------------


def _attributes(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    """Where a missing, null or old value may now make a condition true, or it is kept from other events."""
    read = read_by_conditions(new)
    before = {attribute.name: attribute for attribute in old.attributes}
    for attribute in new.attributes:
        was = before.get(attribute.name)
        if was is None or attribute.name not in read:
            continue
        for said in _looser(was, attribute):
            yield Loosening(Loosened.ATTRIBUTE, attribute.name, (), said)
        if said := changed_source(was, attribute):
            yield Loosening(Loosened.MEANING, attribute.name, (), said)


def read_by_conditions(book: RuleBook) -> frozenset[str]:
    """The attributes that a condition of the book reads, be it an action's or a trigger's."""
    by_actions = (name for condition in book.conditions for name in condition.reads)
    by_triggers = (name for trigger in book.triggers for name in trigger.reads)
    return frozenset((*by_actions, *by_triggers))


def _looser(was: Attribute, now: Attribute) -> Iterator[str]:
    if now.default is not None and now.default is not UNKNOWN and now.default != was.default:
        before = "unknown" if was.default is UNKNOWN else repr(was.default)
        yield f"counts as {now.default!r} where it is missing; it counted as {before}"
    if now.nullable and not was.nullable:
        yield "may be null: where it is missing it is no longer unknown"
    if was.max_age is not None and (now.max_age is None or now.max_age > was.max_age):
        yield "may be older than before (max_age)"


def _actions(old: RuleBook, new: RuleBook, pause: Callable[[], object]) -> Iterator[Loosening]:
    """Wider dates, a class that skips contact policies, policies that no longer hold."""
    before = {action.action_id: action for action in old.actions}
    for now in new.actions:
        pause()
        was = before.get(now.action_id)
        for said in _freer(was, now) if was else ():
            yield Loosening(
                Loosened.ACTION, now.action_id, (now.action_id,), said, now.file, now.line, 1
            )


def _freer(was: Action, now: Action) -> Iterator[str]:
    if _rank(now.action_class) > _rank(was.action_class):
        yield f"is {now.action_class} now; it was {was.action_class}"
    (begins, ends), (began, ended) = now.valid, was.valid
    if began is not None and (begins is None or begins < began):
        yield "is valid from an earlier time"
    if ended is not None and (ends is None or ends > ended):
        yield "is valid until a later time"
    gone = [name for name in was.contact_policies if name not in now.contact_policies]
    if gone:
        yield f"no longer obeys contact policy {listed(gone)}"


def _rank(action_class: ActionClass) -> int:
    return list(ActionClass).index(action_class)


# --- contact policies ----------------------------------------------------------------------------


def _contact(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    """Contact policies that withhold less; one that is gone is told of the actions that obeyed it."""
    before = {policy.name: policy for policy in old.contact.policies}
    for policy in new.contact.policies:
        was = before.get(policy.name)
        obeying = tuple(a.action_id for a in new.actions if policy.name in a.contact_policies)
        file, line, column = policy.place.rsplit(":", 2)
        for said in looser(was, policy) if was else ():
            yield Loosening(
                Loosened.ACTION, policy.code, obeying, said, file, int(line), int(column)
            )
    for said in looser_all(old.contact, new.contact):
        yield Loosening(Loosened.ACTION, "contact_policies", (), said)


# --- caps ----------------------------------------------------------------------------------------


def _caps(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    """Caps and budgets that let more through."""
    for cap, actions, said in looser_caps(old, new):
        file, line, column = cap.place.rsplit(":", 2)
        yield Loosening(Loosened.ACTION, cap.code, actions, said, file, int(line), int(column))


# --- stops ----------------------------------------------------------------------------------------


def _stops(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    """Stops that no stop of the new book covers for as long."""
    for index, stop in enumerate(old.stops):
        if any(covers(other, stop) for other in new.stops):
            continue
        kept = any((other.kind, other.name) == (stop.kind, stop.name) for other in new.stops)
        said = "is stopped for a shorter time" if kept else "is not stopped any more"
        if stop.text:
            said += f"; it was stopped{stop.text.replace(',', '', 1)}"
        names = {old.actions[t.action].action_id for t in old.treatments if index in t.stops}
        concerned = tuple(str(a.action_id) for a in new.actions if a.action_id in names)
        file, line, column = stop.place.rsplit(":", 2)
        yield Loosening(
            Loosened.STOP, f"{stop.kind} {stop.name}", concerned, said, file, int(line), int(column)
        )


def covers(other: Stop, stop: Stop) -> bool:
    """Whether a stop holds whenever another of the same does."""
    (since, until), (was_since, was_until) = other.valid, stop.valid
    return (
        (other.kind, other.name) == (stop.kind, stop.name)
        and (since is None or (was_since is not None and since <= was_since))
        and (until is None or (was_until is not None and until >= was_until))
    )


# --- bundles --------------------------------------------------------------------------------------


def _bundles(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    """Actions that were shown only with others, and now may be shown apart."""
    bound = {new.actions[index].action_id for b in new.bundles if b.is_fixed for index in b.actions}
    for bundle in old.bundles:
        names = [old.actions[index].action_id for index in bundle.actions]
        freed = tuple(str(name) for name in names if name not in bound)
        if bundle.is_fixed and freed:
            said = f"no longer keeps {listed(freed)} together"
            file, line, column = bundle.place.rsplit(":", 2)
            name = f"bundle.{bundle.name}"
            yield Loosening(Loosened.ACTION, name, freed, said, file, int(line), int(column))


# --- triggers -------------------------------------------------------------------------------------


def _triggers(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    """Triggers that may be set off more often."""
    for change in looser_triggers(old, new):
        file, line, column = change.now.place.rsplit(":", 2)
        yield Loosening(
            Loosened.TRIGGER, change.name, (), change.message, file, int(line), int(column)
        )


# --- arbitration ------------------------------------------------------------------------------------


def _arbitration(old: RuleBook, new: RuleBook) -> Iterator[Loosening]:
    before, after = _least(old), _least(new)
    for (name, where), was_least in before.items():
        least = after.get((name, where), 0.0)
        if least < was_least:
            said = f"for {where} is {least:g}; it was {was_least:g}"
            yield Loosening(Loosened.THRESHOLD, name, (), said)
    held = {limit.name: limit for limit in new.arbitration.limits}
    for limit in old.arbitration.limits:
        kept = held.get(limit.name)
        if kept is None or kept.at_most > limit.at_most:
            text = "gone" if kept is None else f"at most {kept.at_most}"
            said = f"is {text}; it was at most {limit.at_most}"
            yield Loosening(Loosened.THRESHOLD, f"limit.{limit.name}", (), said)
    yield from _restraint(old.arbitration.exploration, new.arbitration.exploration)
    was, now_calm = old.arbitration.exploration.none_when, new.arbitration.exploration.none_when
    if was is not None:
        calm = old.conditions[was]
        still = None if now_calm is None else new.conditions[now_calm]
        if still is None or still.text != calm.text:
            text = "gone" if still is None else quoted(still.text)
            place = still or calm
            said = f"(no exploration) is {text}; it was {quoted(calm.text)}"
            yield Loosening(
                Loosened.THRESHOLD, "none_when", (), said, place.file, place.line, place.column
            )


def _restraint(old: Exploration, new: Exploration) -> Iterator[Loosening]:
    """What keeps exploration in bounds, and now does less."""
    most, now_most = old.give_up_per_day, new.give_up_per_day
    if most is not None and (now_most is None or now_most > most):
        text = "gone" if now_most is None else f"{now_most:g}"
        yield Loosening(Loosened.THRESHOLD, "give_up_per_day", (), f"is {text}; it was {most:g}")
    was, now = old.untrained, new.untrained
    if was is not None and (now is None or now.reach > was.reach or now.positives < was.positives):
        text = "gone" if now is None else f"{now.reach:g} until {now.positives:g} positives"
        said = f"is {text}; it was {was.reach:g} until {was.positives:g} positives"
        yield Loosening(Loosened.THRESHOLD, "untrained", (), said)


def _least(book: RuleBook) -> dict[tuple[str, str], float]:
    """What each threshold asks, by its reason code and scope."""
    return {
        (name, _where(threshold)): least
        for threshold in book.arbitration.thresholds
        for name, least in (
            ("propensity_threshold", threshold.propensity),
            ("priority_threshold", threshold.priority),
        )
        if least is not None
    }


def _where(threshold: Threshold) -> str:
    """The scope of a threshold in words."""
    scope = {
        "channel": threshold.channel,
        "issue": threshold.issue,
        "group": threshold.group,
        "action": threshold.action,
    }
    return ", ".join(f"{key} {value}" for key, value in scope.items() if value) or "everything"
