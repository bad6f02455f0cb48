"""The keys every, at and timezone of a trigger: it goes off by the clock, not by interactions."""

from zoneinfo import ZoneInfo

from engine.rulebook.fields import Fields
from engine.rulebook.readers import one_of, time_of_day, zone
from engine.rulebook.trigger import Daily


def read_daily(fields: Fields, book_zone: ZoneInfo | None) -> Daily | None:
    """When the clock sets a trigger off; None where interactions do, for which `on` is then required.

    `book_zone` is the timezone of the book, None if it names none. Call it when all other keys are taken.
    """
    by_clock = (
        "every" in fields
        or fields.misspelt("every")
        or ("at" in fields and not ("on" in fields or fields.misspelt("on")))
    )
    fields.take("every", one_of("rhythm", ("day",)), "")
    at = fields.take("at", time_of_day, 0)
    own_zone = fields.take("timezone", zone, None)
    if not by_clock:
        fields.require("on")
        _refuse(fields, ("at", "timezone"), "needs 'every: day'")
        return None
    fields.require("every")
    fields.require("at")
    _refuse(
        fields, ("on",), "and 'every' do not go together: interactions set it off, or the clock"
    )
    if book_zone is None:
        fields.require("timezone")
    return Daily(at, (own_zone or book_zone or ZoneInfo("UTC")).key)


def _refuse(fields: Fields, keys: tuple[str, ...], why: str) -> None:
    for key in keys:
        if key in fields:
            fields.report.error(fields.key_place(key), f"'{key}' {why}")
