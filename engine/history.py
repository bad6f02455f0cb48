"""History: what the model may see of a customer's interaction history, declared in this one place.

All of these are features by name, seen where a pattern of a model's `features` asks for them:

- `history.<outcome>_count`, `history.<outcome>_days`: how many offers had the outcome, and how long ago
  the last one was, for each of `OUTCOMES`
- `history.last_outcome`, `history.last_channel`: what was reported last, and where the newest offer was
- `history.channel.<channel>.<outcome>_count`, `_days`, and `history.group.<group>.<outcome>_count`,
  `_days`: the same of one channel's offers, or of one group's, among the newest `LOOKED_BACK`. There
  are many of them, so only a pattern that begins with `history.channel.` or `history.group.` asks.

Nothing is worked out that no pattern asks for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice, takewhile
from typing import Final, TypeAlias

from engine.model import DAY, Customer, Micros

OUTCOMES: Final = ("impression", "click", "accept", "reject", "dismiss")
"""The outcomes whose count and age are features of every customer: `history.<outcome>_count`, `_days`."""

LOOKED_BACK: Final = 100
"""So many of the newest offers are looked at where offers are told apart by channel or group."""

LAST_OUTCOME: Final = "history.last_outcome"
LAST_CHANNEL: Final = "history.last_channel"

_APART: Final = ("history.channel.", "history.group.")

Raw: TypeAlias = int | float | str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a feature comes from: the last outcome or channel, or a count or an age of one outcome.

    `kind` is last_outcome, last_channel, all, channel or group; `of` names the channel or group.
    """

    kind: str
    of: str = ""
    outcome: str = ""
    is_count: bool = False


def sources(channels: Sequence[str], groups: Sequence[str]) -> dict[str, Source]:
    """Every feature there is of the interaction history, by name, for a book of these channels and groups."""
    found = dict(_measured("history.", "all", ""))
    found[LAST_OUTCOME] = Source("last_outcome")
    found[LAST_CHANNEL] = Source("last_channel")
    for channel in channels:
        found |= _measured(f"history.channel.{channel}.", "channel", channel)
    for group in groups:
        found |= _measured(f"history.group.{group}.", "group", group)
    return found


def asks_for(pattern: str, name: str) -> bool:
    """Whether a pattern selects a feature of this name.

    >>> asks_for("history.*", "history.click_count"), asks_for("*", "history.group.save.click_count")
    (True, False)
    >>> asks_for("history.group.*", "history.group.save.click_count")
    True
    """
    begins = next((prefix for prefix in _APART if name.startswith(prefix)), "")
    return pattern.startswith(begins) and fnmatchcase(name, pattern)


def asked_for(known: Mapping[str, Source], patterns: Sequence[str]) -> list[str]:
    """Those of the names in `known` that one of the patterns selects, in their order.

    A book with hundreds of groups has thousands of names: most patterns cannot mean those told apart.
    """
    apart = [pattern for pattern in patterns if pattern.startswith(_APART)]

    def able(source: Source) -> Sequence[str]:
        return apart if source.kind in ("channel", "group") else patterns

    return [
        name
        for name, source in known.items()
        if any(asks_for(pattern, name) for pattern in able(source))
    ]


class Reading:
    """Reads chosen features of the interaction history, in order.

    Args:
        chosen: where each comes from.
        group_of: the group of each action, for those that tell groups apart.
    """

    def __init__(self, chosen: Sequence[Source], group_of: Mapping[str, str]) -> None:
        totals = tuple(takewhile(lambda one: one.kind == "all", chosen))
        self._totals = tuple((one.outcome, one.is_count) for one in totals)
        self._rest = tuple(chosen[len(totals) :])
        self._group_of = group_of
        self._tells_apart = any(one.kind in ("channel", "group") for one in chosen)
        self._nothing: tuple[Raw, ...] = tuple(0 if one.is_count else None for one in chosen)

    def read(self, customer: Customer, now: Micros) -> list[Raw]:
        """Their values at `now`: counts, ages in days, names; None where there was nothing."""
        counts, last = customer.counts, customer.last
        if not (counts or last or customer.touches):
            return [*self._nothing]
        found: list[Raw] = [
            counts.get(outcome, 0) if is_count else _age(last.get(outcome), now)
            for outcome, is_count in self._totals
        ]
        if self._rest:
            apart = self._told_apart(customer) if self._tells_apart else {}
            found += [self._one(source, customer, now, apart) for source in self._rest]
        return found

    def _one(
        self,
        source: Source,
        customer: Customer,
        now: Micros,
        apart: Mapping[tuple[str, str, str], tuple[int, Micros]],
    ) -> Raw:
        last = customer.last
        if source.kind == "last_outcome":
            return max(last, key=lambda outcome: (last[outcome], outcome)) if last else None
        if source.kind == "last_channel":
            return customer.touches[-1].channel if customer.touches else None
        if source.kind == "all":
            count, time = customer.counts.get(source.outcome, 0), last.get(source.outcome)
        else:
            count, time = apart.get((source.kind, source.of, source.outcome), (0, None))
        return count if source.is_count else _age(time, now)

    def _told_apart(self, customer: Customer) -> dict[tuple[str, str, str], tuple[int, Micros]]:
        """How many of the newest offers had each outcome, and when last, by channel and by group."""
        found: dict[tuple[str, str, str], tuple[int, Micros]] = {}
        for touch in islice(reversed(customer.touches), LOOKED_BACK):
            group = self._group_of.get(touch.action_id, "")
            for outcome, (time, _) in touch.outcomes.items():
                for key in (("channel", touch.channel, outcome), ("group", group, outcome)):
                    count, last = found.get(key, (0, time))
                    found[key] = count + 1, max(last, time)
        return found


def _measured(prefix: str, kind: str, of: str) -> Iterator[tuple[str, Source]]:
    for outcome in OUTCOMES:
        yield f"{prefix}{outcome}_count", Source(kind, of, outcome, is_count=True)
        yield f"{prefix}{outcome}_days", Source(kind, of, outcome)


def _age(time: Micros | None, now: Micros) -> float | None:
    return None if time is None else round((now - time) / DAY, 3)
