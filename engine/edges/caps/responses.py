"""Which entries of the log say something of an offer's share."""

from engine.codec import Line
from engine.model import Event, Response


def response_in(entry: Line) -> Response | None:
    """What an entry says of an offer that was made."""
    match entry:
        case Event(body=Response(is_held_out=False) as response):
            return response
    return None
