"""Sending: what goes to a client, and no faster than it takes it (RFC 9113, section 5.2)."""

import asyncio
from collections import deque
from struct import Struct
from typing import Final, NamedTuple

from engine.edges.http2 import frames
from engine.edges.http2.frames import END_HEADERS, END_STREAM, Broken, Code, Kind
from engine.edges.http2.stream import Stream
from engine.edges.http2.vigil import Vigil
from engine.native import native

LARGEST_WINDOW: Final = (1 << 31) - 1

_LAST_HEADERS: Final = END_HEADERS | END_STREAM
_FORGOTTEN: Final = 100
_TOLD_TOGETHER: Final = frames.WINDOW // 2
_NUMBER: Final = Struct(">I").pack
_DATA: Final = int(Kind.DATA)


class Limits(NamedTuple):
    """What a connection may ask for. Times are seconds, sizes octets.

    Attributes:
        message: the largest message taken.
        streams: calls that may be open at once; more are refused, to be tried again.
        silence: after how much silence a client is asked whether it is still there.
        patience: how long it then has to say something.
        unfinished: what requests may hold until they are read, those of all connections together.
    """

    message: int
    streams: int = 1_000
    silence: float = 60.0
    patience: float = 20.0
    unfinished: int = 1 << 26


class Sending(asyncio.Protocol):
    """The half of a connection that speaks. What is said within one turn leaves in one piece.

    Attributes:
        stream_window: octets of a reply that the client takes on a stream it says no more about.
        stream_room: octets of a request that a client may send on a stream.
    """

    _transport: asyncio.Transport

    def __init__(self, limits: Limits, vigil: Vigil) -> None:
        self._vigil = vigil
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, Stream] = {}
        self._blocked: dict[int, Stream] = {}
        self._dropped: deque[int] = deque(maxlen=_FORGOTTEN)
        self._out: list[bytes] = []
        self._window = frames.WINDOW
        self._restless = 0
        self._reading = self._paused = self._leaving = self._over = False
        self.stream_window = frames.WINDOW
        self.stream_room = limits.message + frames.WINDOW

    def _tell(self, said: bytes) -> None:
        """Has this leave at the end of the turn, with all else that is said in it."""
        if not (self._reading or self._out):
            self._loop.call_soon(self._flush)
        self._out.append(said)

    @property
    def open_streams(self) -> int:
        """Requests whose replies are not complete."""
        return len(self._streams)

    def hurry(self) -> None:
        """Has what was said leave now: where nobody else's answer can be there by the end of the turn."""
        if not self._reading:
            self._flush()

    def _flush(self) -> None:
        if self._out:
            said = b"".join(self._out)
            self._out.clear()
            self._transport.write(said)
            self._vigil.said()
        if self._over or (self._leaving and not self._streams):
            self._transport.close()

    def reply(self, stream: Stream, opening: bytes, data: bytes, farewell: bytes) -> None:
        """Sends a whole reply: headers, data, and the headers that end it."""
        size = len(data)
        if size > self._window or size > stream.window or size > frames.MOST or self._paused:
            self.open(stream, opening)
            self.send(stream, data)
            self.close(stream, farewell)
            return
        self._window -= size
        if not (self._reading or self._out):
            self._loop.call_soon(self._flush)
        self._out.append(native.reply(stream.number, opening, data, farewell))
        self._finish(stream)

    def open(self, stream: Stream, block: bytes) -> None:
        """Sends the headers that begin a reply."""
        self._tell(frames.frame(Kind.HEADERS, END_HEADERS, stream.number, block))

    def send(self, stream: Stream, data: bytes) -> None:
        """Sends data, or as much of it as the client takes now and the rest later."""
        self._restless = 0
        size = len(data)
        if (
            stream.unsent
            or size > self._window
            or size > stream.window
            or size > frames.MOST
            or self._paused
            or stream.ended
        ):
            stream.unsent += data
            self._pump(stream)
            return
        self._window -= size
        stream.window -= size
        self._tell(frames.header(_DATA, 0, stream.number, size) + data)

    def close(self, stream: Stream, block: bytes) -> None:
        """Ends the reply with these headers, once all data are sent."""
        stream.farewell = block
        self._pump(stream)

    def more(self, stream: Stream, octets: int) -> None:
        """Lets the client send so much more on this stream; many small parts are told together.

        What is not told yet is less than half of what the client may send beyond one whole message, so
        nobody ever waits for it.
        """
        stream.taken += octets
        if stream.taken >= _TOLD_TOGETHER and not (stream.asked or stream.ended):
            stream.room += stream.taken
            self._tell(frames.frame(Kind.WINDOW_UPDATE, 0, stream.number, _NUMBER(stream.taken)))
            stream.taken = 0

    def drop(self, stream: Stream, code: Code) -> None:
        """Ends a stream that should never have begun."""
        stream.ended = True
        self._streams.pop(stream.number, None)
        self.reset(stream.number, code)

    def reset(self, number: int, code: Code) -> None:
        """Tells the client that a stream has ended before its time."""
        self._dropped.append(number)
        self._tell(frames.frame(Kind.RST_STREAM, 0, number, _NUMBER(code)))

    def _pump_blocked(self) -> None:
        """Sends what waits for the connection, in turn, until it is blocked again."""
        blocked = self._blocked
        while blocked and self._window > 0 and not self._paused:
            self._pump(blocked.pop(next(iter(blocked))))

    def _pump(self, stream: Stream) -> None:
        """Sends what may be sent; the rest waits for the connection, or for the stream's own window."""
        if stream.ended:
            return
        unsent = stream.unsent
        while unsent:
            if stream.window <= 0:
                return
            if self._paused or self._window <= 0:
                self._blocked[stream.number] = stream
                return
            room = min(self._window, stream.window, frames.MOST)
            part = bytes(unsent[:room])
            del unsent[:room]
            self._window -= len(part)
            stream.window -= len(part)
            self._tell(frames.frame(Kind.DATA, 0, stream.number, part))
        if stream.farewell is not None:
            self._tell(frames.frame(Kind.HEADERS, _LAST_HEADERS, stream.number, stream.farewell))
            self._finish(stream)
        else:
            stream.sent()

    def _finish(self, stream: Stream) -> None:
        """The reply is complete: what the client has still to say does not matter."""
        self._restless = 0
        stream.ended = True
        self._streams.pop(stream.number, None)
        if not stream.asked:
            self.reset(stream.number, Code.NO_ERROR)

    def _let_go(self, stream: Stream) -> None:
        """Nobody waits for the reply any more."""
        stream.ended = True
        self._streams.pop(stream.number, None)
        self._blocked.pop(stream.number, None)
        stream.lost()

    def _widen(self, by: int) -> None:
        for stream in list(self._streams.values()):
            stream.window += by
            if stream.window > LARGEST_WINDOW:
                raise Broken(Code.FLOW_CONTROL_ERROR, "a window is too large")
            if stream.unsent:
                self._pump(stream)
