"""Stream: one request and its reply, as far as their connection knows them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.edges.http2.connection import Connection


class Stream:
    """A request and its reply; what is to be done about them is told by what extends this.

    Attributes:
        window: octets of the reply that its caller would still take.
        room: octets of the request that may still come.
        taken: octets of the request that were read, and whose room the client was not given again.
        unsent: octets of the reply that wait for the caller to take them.
        farewell: the headers that end the reply, once it is complete.
        asked: whether the request is complete.
        ended: whether the reply is, or nobody waits for it any more.
    """

    __slots__ = (
        "asked", "connection", "ended", "farewell", "number", "room", "taken", "unsent", "window",
    )  # fmt: skip

    def __init__(self, connection: "Connection", number: int) -> None:
        self.connection = connection
        self.number = number
        self.window = connection.stream_window
        self.room = connection.stream_room
        self.taken = 0
        self.unsent = bytearray()
        self.farewell: bytes | None = None
        self.asked = False
        self.ended = False

    def begin(self) -> None:
        """The request's headers have come."""

    def linger(self) -> None:
        """The request has begun, and not all of it has come with its beginning."""

    def take(self, data: bytes) -> None:
        """A part of the request has come."""

    def complete(self) -> None:
        """The request is complete."""

    def serve(self) -> None:
        """It is this request's turn, which was asked for by `Connection.queue`."""

    def sent(self) -> None:
        """Nothing of the reply waits any more."""

    def lost(self) -> None:
        """The caller has gone, or wants no reply any more."""
