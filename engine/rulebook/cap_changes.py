"""Two books' caps compared: in what the new ones let through more."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.rulebook.book import RuleBook
from engine.rulebook.cap import Cap

_UNITS = {"day": "a day", "week": "a week", "month": "a month", "total": "in total"}


class CapChange(NamedTuple):
    """A cap that lets more through, the actions it is about, and what it says now or said before."""

    cap: Cap
    actions: tuple[str, ...]
    message: str


def looser_caps(old: RuleBook, new: RuleBook) -> Iterator[CapChange]:
    """Every cap of `old` that is gone from `new`, higher, or holds for less; in the order of `old`."""
    kept = {cap.key: cap for cap in new.caps}
    before = {treatment.treatment_id: treatment.index for treatment in old.treatments}
    for was in old.caps:
        held = [t for t in new.treatments if before.get(t.treatment_id) in was.treatments]
        now = kept.get(was.key)
        if now is None:
            if held:
                said = _gone(was, {t.index for t in held}, old, new)
                yield CapChange(was, _actions(new, [t.action for t in held]), said)
            continue
        free = [t.action for t in held if t.index not in now.treatments]
        if free:
            yield CapChange(now, _actions(new, free), "no longer holds for all it held for")
        for said in _looser(was, now):
            yield CapChange(now, _actions(new, [t.action for t in held]), said)


def _gone(was: Cap, held: set[int], old: RuleBook, new: RuleBook) -> str:
    """What to say of a cap that is gone; one that only has another name begins at nothing."""
    known = {cap.key for cap in old.caps}
    for now in new.caps:
        if now.key not in known and now.wording == was.wording and now.treatments == held:
            return f"is {now.code} now, and begins at nothing: what was used up is not counted"
    return f"is gone; it was {was.shown(was.limit)} {_UNITS[was.period]}"


def _looser(was: Cap, now: Cap) -> Iterator[str]:
    if now.limit > was.limit:
        yield f"is {now.shown(now.limit)} {_UNITS[now.period]}; it was {was.shown(was.limit)}"
    if now.overrides != was.overrides:
        yield "has other limits in levers.csv"
    if was.even and not now.even:
        yield "is no longer spread evenly"
    if now.timezone != was.timezone:
        yield f"begins anew by the clock of {now.timezone}, at zero; it went by {was.timezone}"
    if now.hold < was.hold:
        yield "is given back sooner where nothing is heard of an offer"
    if now.cost and was.cost and now.cost.text != was.cost.text:
        yield f"is charged {now.cost.text} for an offer; it was {was.cost.text}"


def _actions(book: RuleBook, indexes: list[int]) -> tuple[str, ...]:
    return tuple(str(book.actions[index].action_id) for index in dict.fromkeys(indexes))
