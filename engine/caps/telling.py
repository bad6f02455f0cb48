"""What a cap says when it keeps an offer back: what it saw, and when it ends."""

from engine.caps.meter import Meter
from engine.eligibility import show_moment
from engine.model import Micros, Reason, Stage
from engine.rulebook.cap import Period

_SPANS = {
    Period.DAY: "today",
    Period.WEEK: "this week",
    Period.MONTH: "this month",
    Period.TOTAL: "in total",
}


def used_up(meter: Meter, now: Micros, units: int | None) -> Reason:
    """Why a cap has no room for an offer that takes `units` of it; None: that cannot be told."""
    cap, account, limit = meter.cap, meter.account(now), meter.cap.limit_at(now)
    saw = {
        "shown": cap.shown(account.confirmed),
        "reserved": cap.shown(account.reserved + account.missing),
        "limit": cap.shown(limit),
    }
    if units is None and cap.cost:
        text = f"{_named(meter)}: what an offer costs ({cap.cost.text}) cannot be told"
        return Reason(Stage.CAPS_AND_BUDGETS, cap.code, True, text, cap.place, saw)
    text, until = _used_up(meter, now, account.used + (units or 0))
    if until is not None:
        saw["until"] = show_moment(until)
    return Reason(Stage.CAPS_AND_BUDGETS, cap.code, False, text, cap.place, saw)


def _used_up(meter: Meter, now: Micros, wanted: int) -> tuple[str, Micros | None]:
    """Why so many units may not be in use now, and when this ends; None if that cannot be told."""
    cap, account, limit = meter.cap, meter.account(now), meter.cap.limit_at(now)
    in_use = f"{cap.shown(account.used)} of {cap.shown(limit)} {_SPANS[cap.period]}"
    if wanted > limit:
        only = cap.shown(account.reserved + account.missing)
        text = f"{_named(meter)} is used up: {in_use}, {only} of it only reserved"
        end = account.span.end
        return (text if end is None else f"{text}; it begins anew {show_moment(end)}"), end
    if wanted > meter.allowed(now):
        by_now = cap.shown(meter.allowed(now))
        text = f"{_named(meter)} is spread evenly, {by_now} by now: {in_use}"
        due = meter.allowed_from(wanted, now)
        return (text if due is None else f"{text}; the next is due {show_moment(due)}"), due
    return f"{_named(meter)}: {meter.waiting} ({in_use})", None


def worth_more(meter: Meter, worth: float, price: float) -> Reason:
    """Why an offer is not made although the cap has room: others are worth more."""
    cap = meter.cap
    text = (
        f"worth {worth:.4g} here; {_named(meter)} is scarce and kept for customers worth "
        f"more than {price:.4g}"
    )
    saw = {"worth": f"{worth:.4g}", "price": f"{price:.4g}"}
    return Reason(Stage.CAPS_AND_BUDGETS, f"{cap.code}.bid_price", False, text, cap.place, saw)


def _named(meter: Meter) -> str:
    cap = meter.cap
    kind = "cap" if cap.cost is None else "budget"
    return f"the {kind} '{cap.title}'" if cap.title else f"the {kind} of {cap.name}"
