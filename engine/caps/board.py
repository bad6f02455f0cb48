"""What is open now: for every cap what is left, kept up to date by what changes, not asked anew each time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from engine.caps.accounts import Accounts
from engine.caps.holds import holds
from engine.caps.meter import Meter
from engine.model import SECOND, Micros
from engine.rulebook.cap import Cap

Under: TypeAlias = Mapping[int, tuple[Meter, ...]]
"""By treatment the caps it is under; treatments under none are not there."""

_NEVER: Final = 1 << 62
_EVEN_EVERY: Final = SECOND // 10


class Board:
    """The caps of one book over a ledger.

    Attributes:
        under: by treatment its caps.
        closed: treatments that one of their caps has no room for. Those in `computed` may be, too.
        computed: treatments whose cost depends on the customer.
        watched: treatments under a cap that is, or may become, scarce.
        tight: caps with room for a few offers only.
    """

    def __init__(self, caps: Iterable[Cap], ledger: Accounts) -> None:
        known = tuple(caps)
        longest = holds(known)
        self.meters = tuple(Meter(cap, ledger, longest[cap.key]) for cap in known)
        under: dict[int, list[Meter]] = defaultdict(list)
        for meter in self.meters:
            for treatment in meter.cap.treatments:
                under[treatment].append(meter)
        self.under: Under = {treatment: tuple(meters) for treatment, meters in under.items()}
        self.computed = frozenset(
            t for m in self.meters if m.fixed_units is None for t in m.cap.treatments
        )
        self.closed: set[int] = set()
        self.watched: set[int] = set()
        self.tight: set[Meter] = set()
        self._ledger = ledger
        self._of = {meter.cap.key: meter for meter in self.meters}
        self._in_time = tuple(m for m in self.meters if m.cap.even or m.cap.overrides)
        self._seen = -1
        self._from: Micros = 0
        self._until: Micros = 0
        self._even_again: Micros = 0

    def look(self, now: Micros) -> None:
        """Brings everything up to `now`. Costs nearly nothing while nothing has changed."""
        self._ledger.expire(now)
        changed = self._ledger.changed_since(self._seen)
        self._seen = self._ledger.changes
        if changed is None or not self._from <= now < self._until:
            self._look_at_all(now)
            return
        for cap in set(changed):
            meter = self._of.get(cap)
            if meter is not None:
                self._look_at(meter, now)
        if now >= self._even_again:
            self._even_again = now + _EVEN_EVERY
            for meter in self._in_time:
                self._look_at(meter, now)

    def tend(self, now: Micros, ahead: Micros) -> None:
        """Has drawn what a period that begins before `ahead` needs; stops watching what is not scarce."""
        self.look(now)
        if ahead >= self._until:
            for meter in self.meters:
                meter.free(ahead)
        for meter in [meter for meter in self.meters if meter.watched]:
            meter.rest(now)
            self._note_watched(meter)

    def _look_at_all(self, now: Micros) -> None:
        for meter in self.meters:
            self._look_at(meter, now)
        spans = [meter.account(now).span for meter in self.meters]
        self._from = max((span.start for span in spans), default=0)
        ends = [span.end for span in spans if span.end is not None]
        opens = [self._ledger.opens(cap) for cap in self._of]
        self._until = min([*ends, *(at for at in opens if now < at)], default=_NEVER)
        self._even_again = now + _EVEN_EVERY

    def _look_at(self, meter: Meter, now: Micros) -> None:
        """Brings one cap up to date, and where that opens or closes it, its treatments."""
        was_open, was_watched = meter.is_open, meter.watched
        meter.look_again(now)
        if meter.is_tight:
            self.tight.add(meter)
        else:
            self.tight.discard(meter)
        if was_open != meter.is_open:
            for treatment in meter.cap.treatments:
                if all(other.is_open for other in self.under[treatment]):
                    self.closed.discard(treatment)
                else:
                    self.closed.add(treatment)
        if was_watched != meter.watched:
            self._note_watched(meter)

    def _note_watched(self, meter: Meter) -> None:
        for treatment in meter.cap.treatments:
            if any(other.watched for other in self.under[treatment]):
                self.watched.add(treatment)
            else:
                self.watched.discard(treatment)
