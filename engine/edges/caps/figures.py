"""What operations watch of caps, the same whether one server keeps them or several."""

from collections.abc import Callable, Mapping

from engine.caps.guard import CapsGuard
from engine.caps.meter import Meter
from engine.model import Micros
from engine.telemetry import Figures, Gauge


def figures(
    in_force: Callable[[], CapsGuard], clock: Callable[[], Micros]
) -> list[Gauge | Figures]:
    """The figures of the book in force, by `Cap.key`; money in the cap's currency."""

    def read(figure: Callable[[Meter, Micros], float]) -> Callable[[], Mapping[str, float]]:
        def by_cap() -> Mapping[str, float]:
            now = clock()
            return {meter.cap.key: figure(meter, now) for meter in in_force().meters}

        return by_cap

    return [
        Figures("attune_cap_limit", "Limit of each cap now.", "cap", read(_limit)),
        Figures("attune_cap_confirmed", "Shown, of each cap.", "cap", read(_confirmed)),
        Figures(
            "attune_cap_reserved", "Offered and perhaps shown, of each cap.", "cap", read(_reserved)
        ),
        Figures("attune_cap_price", "Running price of one unit.", "cap", read(_price)),
        Gauge(
            "attune_caps_late_total",
            "Offers shown after their share was given back.",
            lambda: float(in_force().ledger.late),
        ),
        Gauge(
            "attune_caps_expired_total",
            "Offers whose share was given back as nothing was heard of them.",
            lambda: float(in_force().ledger.expired),
        ),
    ]


def _limit(meter: Meter, now: Micros) -> float:
    return meter.cap.amount(meter.cap.limit_at(now))


def _confirmed(meter: Meter, now: Micros) -> float:
    return meter.cap.amount(meter.look(now).confirmed)


def _reserved(meter: Meter, now: Micros) -> float:
    account = meter.look(now)
    return meter.cap.amount(account.reserved + account.missing)


def _price(meter: Meter, now: Micros) -> float:
    del now
    return meter.price.value / meter.cap.amount(1)
