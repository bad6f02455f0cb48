"""Two books' contact policies compared: in what the new ones withhold less."""

from collections.abc import Iterator

from engine.eligibility import show_length
from engine.rulebook.contact import FOREVER, Contact, ContactPolicy, QuietHours, Quota, Rest


def looser(was: ContactPolicy, now: ContactPolicy) -> Iterator[str]:
    """What a policy no longer asks, or asks otherwise; nothing if it only asks more.

    >>> from dataclasses import replace
    >>> from engine.rulebook.contact import Pause, Scope
    >>> rest = Rest("impression", 3, 7, Pause(14))
    >>> policy = ContactPolicy("p", "", rest, Scope.ALL, "UTC")
    >>> list(looser(policy, replace(policy, rule=replace(rest, at_least=4))))
    ['holds after 4 x impression; it held after 3']
    >>> list(looser(policy, replace(policy, rule=replace(rest, at_least=2))))
    []
    """
    if now.channels and not (was.channels and was.channels <= now.channels):
        yield f"counts and holds only on {', '.join(sorted(now.channels))}"
    if (was.scope, was.attribute) != (now.scope, now.attribute):
        yield f"counts by {now.scope}; it counted by {was.scope}"
    if was.household and not now.household:
        yield "counts the customer alone; it counted the household"
    if was.transactional and not now.transactional:
        yield "lets transactional actions pass on outbound channels"
    if was.timezone != now.timezone:
        yield f"goes by the clock of {now.timezone}; it went by that of {was.timezone}"
    match was.rule, now.rule:
        case Rest() as before, Rest() as after:
            yield from _rest(before, after)
        case Quota() as before, Quota() as after:
            yield from _quota(before, after)
        case QuietHours() as before, QuietHours() as after:
            if not _minutes(before) <= _minutes(after):
                yield "is quiet at other hours"
        case _:
            yield "is a policy of another kind"


def looser_all(was: Contact, now: Contact) -> Iterator[str]:
    """What concerns every policy alike."""
    if now.assume_shown < was.assume_shown:
        length, before = show_length(now.assume_shown), show_length(was.assume_shown)
        yield f"takes an offer to have been shown for {length}; it did for {before}"
    if not now.outbound <= was.outbound:
        more = ", ".join(sorted(now.outbound - was.outbound))
        yield f"lets transactional actions pass on {more}"


def _rest(was: Rest, now: Rest) -> Iterator[str]:
    if was.count != now.count:
        yield f"counts {now.count}; it counted {was.count}"
    if now.at_least > was.at_least:
        yield f"holds after {now.at_least} x {now.count}; it held after {was.at_least}"
    if now.within < was.within:
        yield f"looks back {show_length(now.within)}; it looked back {show_length(was.within)}"
    if now.without and now.without != was.without:
        yield f"begins no rest where {now.without} came among them"
    if now.pause.until and now.pause.until != was.pause.until:
        yield f"ends with {now.pause.until}"
    if now.pause.length < was.pause.length or (now.pause.midnight and not was.pause.midnight):
        yield f"rests {_pause(now)}; it rested {_pause(was)}"


def _pause(rest: Rest) -> str:
    if rest.pause.midnight:
        return "until midnight"
    return "without end" if rest.pause.length >= FOREVER else show_length(rest.pause.length)


def _quota(was: Quota, now: Quota) -> Iterator[str]:
    if was.count != now.count:
        yield f"counts {now.count}; it counted {was.count}"
    for name, before, after in (
        ("a day", was.per_day, now.per_day),
        ("a week", was.per_week, now.per_week),
    ):
        if before is not None and (after is None or after > before):
            yield f"allows {after or 'any number'} {name}; it allowed {before}"


def _minutes(hours: QuietHours) -> frozenset[int]:
    end = hours.end if hours.start < hours.end else hours.end + 24 * 60
    return frozenset(minute % (24 * 60) for minute in range(hours.start, end))
