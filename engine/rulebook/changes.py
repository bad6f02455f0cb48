"""Everything that differs between two rule books, in sentences: what asks less first."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from engine.eligibility import show_moment
from engine.model import UNKNOWN, Micros, Value
from engine.rulebook.book import Action, ActionClass, Attribute, Number, RuleBook, Treatment
from engine.rulebook.cel.implication import Direction, direction
from engine.rulebook.loaded import Loaded
from engine.rulebook.loosening import (
    Loosened,
    Loss,
    covers,
    loosened,
    lost_conditions,
    read_by_conditions,
    told,
)
from engine.rulebook.loosening_words import listed, quoted
from engine.rulebook.needs import told as value_told
from engine.rulebook.rewriting import rewritten_files
from engine.rulebook.source_changes import changed_source, told_source
from engine.rulebook.trigger_changes import TriggerChange, looser_triggers

if TYPE_CHECKING:
    from engine.rulebook.cel import Expression

_CONDITIONS: Final = frozenset(
    {Loosened.REMOVED, Loosened.OPTED_OUT, Loosened.MOVED, Loosened.CHANGED}
)
_TOLD_APART: Final = _CONDITIONS | {Loosened.MEANING, Loosened.TRIGGER}


class Effect(StrEnum):
    """What a change does, in the order in which changes are told."""

    LESS = "asks less"
    OTHER = "asks something else"
    MEANING = "changed what it means"
    MORE = "asks more"
    SAME = "asks the same in other words"
    ACTIONS = "actions"
    WORTH = "values and levers"
    TREATMENTS = "treatments and texts"
    ATTRIBUTES = "attributes"
    REST = "everything else"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `name` is a condition's reason code, an action's, treatment's or attribute's name, or the path of
    what is written; `actions` are those concerned, where only some are. The place is that of what is
    written now or, if `gone`, where it was.
    """

    effect: Effect
    name: str
    message: str
    actions: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    column: int = 0
    gone: bool = False

    @property
    def place(self) -> str:
        """`file:line:column`; empty if it is written nowhere."""
        return f"{self.file}:{self.line}:{self.column}" if self.file else ""

    def __str__(self) -> str:
        return f"{self.name} {self.message}"


def changes(old: Loaded, new: Loaded) -> tuple[Change, ...]:
    """Everything that differs, by effect.

    Raises:
        ValueError: a book has mistakes.
    """
    if old.book is None or new.book is None:
        raise ValueError("a book with mistakes cannot be compared")
    found = [
        *_conditions(old, new, old.book, new.book),
        *_freed(old.book, new.book),
        *_triggers(old, new, old.book, new.book),
        *_restrained(old.book, new.book),
        *_comings_and_goings(old.book, new.book),
        *_worth(old.book, new.book),
        *_treatments(old.book, new.book),
        *_attributes(old.book, new.book),
        *_rest(old, new, old.book, new.book),
    ]
    order = list(Effect)
    return tuple(sorted(found, key=lambda change: order.index(change.effect)))


# --- conditions -----------------------------------------------------------------------------------


def _conditions(loaded: Loaded, reloaded: Loaded, old: RuleBook, new: RuleBook) -> Iterator[Change]:
    for loss, actions in lost_conditions(old, new).items():
        condition = told(loss, actions, old, new)
        effect = Effect.LESS
        if loss.now is not None:
            effect = _effect(loaded, reloaded, loss.condition, loss.now)
        gone = loss.now is None
        place = condition.file, condition.line, condition.column
        yield Change(effect, condition.name, condition.message, _distinct(actions), *place, gone)
    for loss, actions in lost_conditions(new, old).items():
        if loss.kind is not Loosened.CHANGED:
            yield _gained(loss, actions, new)


def _effect(old: Loaded, new: Loaded, was: int, now: int) -> Effect:
    """What a condition's new text does, as far as that can be proved."""
    return _compared(old, new, old.expressions[was], new.expressions[now])


def _compared(old: Loaded, new: Loaded, before: "Expression", after: "Expression") -> Effect:
    shared = sorted({*before.reads}.intersection(after.reads))
    if _declared(old.book, shared) != _declared(new.book, shared):
        return Effect.OTHER
    return _EFFECTS[direction(before.tree, after.tree)]


_EFFECTS: Final[Mapping[Direction, Effect]] = {
    Direction.LESS: Effect.LESS,
    Direction.MORE: Effect.MORE,
    Direction.SAME: Effect.SAME,
    Direction.OTHER: Effect.OTHER,
}


def _declared(book: RuleBook | None, names: Sequence[str]) -> list[tuple[object, ...]]:
    """What decides how attributes are read."""
    if book is None:
        return []
    found = (book.attributes[book.index[name]] for name in names)
    return [(a.name, a.type, a.nullable, a.default, a.max_age, a.source) for a in found]


def _gained(loss: Loss, actions: Sequence[str], new: RuleBook) -> Change:
    """A condition that the new book asks and the old one did not."""
    condition = new.conditions[loss.condition]
    match loss.kind:
        case Loosened.OPTED_OUT:
            said = f"is no longer opted out of by {listed(actions)}: {quoted(condition.text)}"
        case Loosened.MOVED:
            came = " from ".join(loss.detail.split(" to "))
            said = f"is met by {listed(actions)}, moved to group {came}: {quoted(condition.text)}"
        case _:
            said = f"is now asked of {listed(actions)}: {quoted(condition.text)}"
    place = condition.file, condition.line, condition.column
    return Change(Effect.MORE, condition.code, said, _distinct(actions), *place)


def _distinct(actions: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(actions))


# --- triggers -------------------------------------------------------------------------------------


def _triggers(loaded: Loaded, reloaded: Loaded, old: RuleBook, new: RuleBook) -> Iterator[Change]:
    """Triggers that may be set off more often, and those whose condition changed, by its effect."""
    for change in looser_triggers(old, new):
        file, line, column = change.now.place.rsplit(":", 2)
        place = file, int(line), int(column)
        effect = _trigger_effect(change, loaded, reloaded)
        yield Change(effect, change.name, change.message, (), *place)


def _trigger_effect(change: TriggerChange, old: Loaded, new: Loaded) -> Effect:
    was, now = change.was.condition, change.now.condition
    if change.key != "when" or was is None or now is None:
        return Effect.LESS
    return _compared(old, new, old.triggering[was], new.triggering[now])


# --- what else lets through more or less ------------------------------------------------------------


def _freed(old: RuleBook, new: RuleBook) -> Iterator[Change]:
    for one in loosened(old, new):
        if one.kind not in _TOLD_APART:
            gone = one.kind is Loosened.STOP or one.message.startswith("is gone")
            place = one.file, one.line, one.column
            yield Change(Effect.LESS, one.name, one.message, one.actions, *place, gone)


def _restrained(old: RuleBook, new: RuleBook) -> Iterator[Change]:
    """Narrower dates, a class that obeys more, further policies, higher thresholds."""
    before = {action.action_id: action for action in old.actions}
    for now in new.actions:
        was = before.get(now.action_id)
        for said in _stricter(was, now) if was else ():
            yield _of_action(Effect.MORE, now, said)
    for one in loosened(new, old):
        if one.kind is Loosened.THRESHOLD and one.name.endswith("_threshold"):
            scope, _, numbers = one.message.partition(" is ")
            was_least, _, least = numbers.partition("; it was ")
            yield Change(Effect.MORE, one.name, f"{scope} is {least}; it was {was_least}")
    for stop in new.stops:
        if not any(covers(other, stop) for other in old.stops):
            file, line, column = stop.place.rsplit(":", 2)
            place = file, int(line), int(column)
            said = f"is stopped{stop.text}"
            yield Change(Effect.MORE, f"{stop.kind} {stop.name}", said, (), *place)


def _stricter(was: Action, now: Action) -> Iterator[str]:
    classes = list(ActionClass)
    if classes.index(now.action_class) < classes.index(was.action_class):
        yield f"is {now.action_class} now; it was {was.action_class}"
    (begins, ends), (began, ended) = now.valid, was.valid
    if begins is not None and (began is None or begins > began):
        yield f"is valid only from {show_moment(begins)}; {_before(began, 'it had no beginning')}"
    if ends is not None and (ended is None or ends < ended):
        yield f"is valid only until {show_moment(ends)}; {_before(ended, 'it had no end')}"
    more = [name for name in now.contact_policies if name not in was.contact_policies]
    if more:
        yield f"now obeys contact policy {listed(more)}"


def _before(moment: Micros | None, never: str) -> str:
    return never if moment is None else f"it was {show_moment(moment)}"


def _of_action(effect: Effect, action: Action, said: str) -> Change:
    place = action.file, action.line, action.column
    return Change(effect, action.action_id, said, (action.action_id,), *place)


# --- actions, what they are worth, how they appear --------------------------------------------------


def _comings_and_goings(old: RuleBook, new: RuleBook) -> Iterator[Change]:
    before = {action.action_id: action for action in old.actions}
    after = {action.action_id: action for action in new.actions}
    for name, action in after.items():
        was = before.get(name)
        if was is None:
            yield _of_action(Effect.ACTIONS, action, f"is new, in group {action.group}")
        elif was.group != action.group:
            said = f"moved from group {was.group} to {action.group}"
            yield _of_action(Effect.ACTIONS, action, said)
    for name, action in before.items():
        if name not in after:
            place = action.file, action.line, action.column
            yield Change(Effect.ACTIONS, name, "is gone", (name,), *place, gone=True)


def _worth(old: RuleBook, new: RuleBook) -> Iterator[Change]:
    """Values, and levers as they work on the action, whatever level they stand at."""
    before = {action.action_id: action for action in old.actions}
    moved: dict[tuple[str, str], list[Action]] = defaultdict(list)
    for action in new.actions:
        was = before.get(action.action_id)
        if was is None:
            continue
        if (now_worth := _shown(action.value)) != (was_worth := _shown(was.value)):
            said = f"has the value {now_worth}; it was {was_worth}"
            yield _of_action(Effect.WORTH, action, said)
        if action.lever != was.lever:
            moved[_percent(was.lever), _percent(action.lever)].append(action)
    for (was_percent, now_percent), actions in moved.items():
        names = tuple(action.action_id for action in actions)
        said = f"of {listed(names)} is {now_percent}; it was {was_percent}"
        first = actions[0]
        place = (first.file, first.line, first.column) if len(actions) == 1 else ("", 0, 0)
        yield Change(Effect.WORTH, "lever", said, names, *place)


def _shown(number: Number) -> str:
    return quoted(number.text) if number.constant is None else f"{number.constant:g}"


def _percent(lever: float) -> str:
    """A lever as people write it.

    >>> _percent(1.25), _percent(0.9), _percent(1.0)
    ('+25 %', '-10 %', '0 %')
    """
    percent = round((lever - 1) * 100, 6)
    return f"{percent:+g} %" if percent else "0 %"


def _treatments(old: RuleBook, new: RuleBook) -> Iterator[Change]:
    before = {treatment.treatment_id: treatment for treatment in old.treatments}
    known = {action.action_id for action in old.actions}
    for treatment in new.treatments:
        action = new.actions[treatment.action]
        was = before.pop(treatment.treatment_id, None)
        if was is None and action.action_id in known:
            said = f"of {action.action_id} is new, for {treatment.placement}"
            yield _of_treatment(treatment, action, said)
        for said in _reworded(was, treatment) if was else ():
            yield _of_treatment(treatment, action, said)
    left = {action.action_id for action in new.actions}
    for treatment in before.values():
        action = old.actions[treatment.action]
        if action.action_id in left:
            yield _of_treatment(treatment, action, f"of {action.action_id} is gone", gone=True)


def _reworded(was: Treatment, now: Treatment) -> Iterator[str]:
    if was.placement != now.placement:
        yield f"is shown in {now.placement}; it was in {was.placement}"
    for name in dict.fromkeys((*now.texts, *was.texts)):
        said, before = now.texts.get(name), was.texts.get(name)
        if said == before:
            continue
        if before is None:
            yield f"has a {name} now: {quoted(said or '')}"
        elif said is None:
            yield f"has no {name} any more; it was {quoted(before)}"
        else:
            yield f"says {quoted(said)} as {name}; it was {quoted(before)}"


def _of_treatment(treatment: Treatment, action: Action, said: str, *, gone: bool = False) -> Change:
    place = action.file, action.line, action.column
    name = treatment.treatment_id
    return Change(Effect.TREATMENTS, name, said, (action.action_id,), *place, gone)


# --- attributes, and everything else as it is written -------------------------------------------------


def _attributes(old: RuleBook, new: RuleBook) -> Iterator[Change]:
    before = {attribute.name: attribute for attribute in old.attributes}
    after = {attribute.name: attribute for attribute in new.attributes}
    read = read_by_conditions(new)
    for name, attribute in after.items():
        was = before.get(name)
        if was is None:
            kept = f"; it {told_source(attribute.source)}" if attribute.source else ""
            yield Change(Effect.ATTRIBUTES, name, f"is new: {attribute.type}{kept}")
        else:
            for said in _redeclared(was, attribute):
                yield Change(Effect.ATTRIBUTES, name, said)
            if said := changed_source(was, attribute):
                effect = Effect.MEANING if name in read else Effect.ATTRIBUTES
                yield Change(effect, name, said)
    for name in before:
        if name not in after:
            yield Change(Effect.ATTRIBUTES, name, "is no longer declared", gone=True)


def _redeclared(was: Attribute, now: Attribute) -> Iterator[str]:
    if was.type != now.type:
        yield f"is {now.type} now; it was {was.type}: values of before count as missing"
    if was.values != now.values:
        added = [value for value in now.values if value not in was.values]
        gone = [value for value in was.values if value not in now.values]
        yield _values(added, gone) or "has its values in another order"
    if was.range != now.range:
        yield f"has the range {_span(now.range)}; it was {_span(was.range)}"
    if was.nullable and not now.nullable:
        yield "may no longer be null: where it is missing it is unknown"
    if was.default != now.default:
        yield f"counts as {_default(now)} where it is missing; it counted as {_default(was)}"
    if was.max_age != now.max_age:
        yield f"counts as missing {_age(now.max_age)}; it did {_age(was.max_age)}"
    if was.sensitivity != now.sensitivity:
        yield f"is {now.sensitivity or 'of no'} sensitivity; it was {was.sensitivity or 'of none'}"


def _values(added: Sequence[str], gone: Sequence[str]) -> str:
    parts = [f"may also be {listed(added)}"] if added else []
    parts += [f"may no longer be {listed(gone)}"] if gone else []
    return " and ".join(parts)


def _span(range_: tuple[float, float] | None) -> str:
    return f"{range_[0]:g} to {range_[1]:g}" if range_ else "open"


def _default(attribute: Attribute) -> str:
    value: Value = attribute.default
    if value is None or value is UNKNOWN:
        return "null" if attribute.nullable else "unknown"
    return value_told(attribute, value)


def _age(age: Micros | None) -> str:
    return "never, however old" if age is None else f"when older than {age / 86_400_000_000:g} days"


_TOLD_ABOVE: Final = ("issues", "groups", "all_actions", "arbitration.thresholds")
"""What is written in policies.yaml and told by its effects already, level by level."""


def _rest(loaded: Loaded, reloaded: Loaded, old: RuleBook, new: RuleBook) -> Iterator[Change]:
    """What is written otherwise in policies.yaml and levers.csv, whatever it means."""
    of_triggers = (
        f"triggers.{change.now.name}.{change.key}" for change in looser_triggers(old, new)
    )
    told_above = (*_TOLD_ABOVE, *of_triggers)
    for file, one in rewritten_files(loaded.files, reloaded.files):
        if file != "policies.yaml" or not one.path.startswith(told_above):
            place = file, one.place.line, one.place.column
            effect = Effect.WORTH if file == "levers.csv" else Effect.REST
            yield Change(effect, one.path or file, one.message, (), *place, gone=one.gone)
