"""Two books' triggers compared: in what the new ones may be set off more often."""

from collections.abc import Iterator
from typing import NamedTuple

from engine.eligibility import show_length
from engine.rulebook.book import RuleBook
from engine.rulebook.loosening_words import listed, quoted
from engine.rulebook.trigger import Trigger


class TriggerChange(NamedTuple):
    """A trigger as it was and as it is now, the key that lets it be set off more, and that in words."""

    was: Trigger
    now: Trigger
    key: str
    message: str

    @property
    def name(self) -> str:
        """As it is told: `trigger.third_drop`."""
        return f"trigger.{self.now.name}"


def looser_triggers(old: RuleBook, new: RuleBook) -> Iterator[TriggerChange]:
    """Every trigger of both that may be set off more often now, in the order of `new`.

    One whose condition has another text is listed, tightened or not. Triggers that are new are not:
    they were not asked anything before.
    """
    before = {trigger.name: trigger for trigger in old.triggers}
    for now in new.triggers:
        if was := before.get(now.name):
            for key, said in _looser(was, now):
                yield TriggerChange(was, now, key, said)


def _looser(was: Trigger, now: Trigger) -> Iterator[tuple[str, str]]:
    if was.when and not now.when:
        yield "when", f"asks for nothing any more; it asked for {quoted(was.when)}"
    elif was.when and now.when != was.when:
        yield "when", f"changed from {quoted(was.when)} to {quoted(now.when)}"
    if more := [kind for kind in now.on if kind not in was.on]:
        yield (
            "on",
            f"is set off by {listed(more)}, too" if was.on else f"is set off by {listed(more)}",
        )
    if now.rest < was.rest:
        rests = f"rests {show_length(now.rest)}" if now.rest else "does not rest"
        yield "rest", f"{rests}; it rested {show_length(was.rest)}"
    if now.max_age > was.max_age:
        oldest, before = show_length(now.max_age), show_length(was.max_age)
        yield (
            "max_age",
            f"is set off by what is up to {oldest} old; before, by what was up to {before}",
        )
