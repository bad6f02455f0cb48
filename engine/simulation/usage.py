"""Usage: what each cap of a book would have been used up by, period by period."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.caps.meter import Meter
from engine.caps.vault import AccountKey
from engine.eligibility import show_moment
from engine.model import Micros
from engine.rulebook.cap import Cap


@dataclass(slots=True)
class Usage:
    """One cap in one period that begins at `start`; figures as the cap counts, in its units.

    Attributes:
        used_up_at: when it first had no room for another offer; None if it always had.
    """

    cap: Cap
    start: Micros
    used: int
    limit: int
    used_up_at: Micros | None = None

    def to_dict(self) -> dict[str, Any]:
        """The usage as JSON; amounts in offers, or in the cap's currency."""
        return {
            "cap": self.cap.code,
            "period": str(self.cap.period),
            "start": show_moment(self.start),
            "used": self.cap.amount(self.used),
            "limit": self.cap.amount(self.limit),
            "currency": self.cap.currency,
            "used_up_at": None if self.used_up_at is None else show_moment(self.used_up_at),
        }


class Usages:
    """How far every cap was used in every period, noted while decisions are made again."""

    def __init__(self) -> None:
        self._by_account: dict[AccountKey, Usage] = {}

    def note(self, meters: Iterable[Meter], now: Micros) -> None:
        """Takes in how the caps stand now."""
        for meter in meters:
            account, limit = meter.account(now), meter.cap.limit_at(now)
            usage = self._by_account.get(account.key)
            if usage is None:
                usage = Usage(meter.cap, account.span.start, 0, limit)
                self._by_account[account.key] = usage
            usage.used, usage.limit = account.used, limit
            if usage.used_up_at is None and account.used + (meter.fixed_units or 1) > limit:
                usage.used_up_at = now

    @property
    def binding(self) -> tuple[Usage, ...]:
        """Those that were used up, in the order in which that happened."""
        ended = [usage for usage in self._by_account.values() if usage.used_up_at is not None]
        return tuple(sorted(ended, key=lambda usage: (usage.used_up_at or 0, usage.cap.name)))
