"""Connection: one client's HTTP/2 connection, its streams and their flow (RFC 9113)."""

import asyncio
from collections import deque
from collections.abc import Callable, MutableSet
from struct import Struct
from typing import Final, Protocol, cast

from engine.edges.http2 import frames
from engine.edges.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PRIORITY_SET,
    Broken,
    Code,
    Kind,
    Setting,
)
from engine.edges.http2.heads import MOST, Opening
from engine.edges.http2.hpack import Field, Unpackable, Unpacker
from engine.edges.http2.sending import LARGEST_WINDOW, Limits, Sending
from engine.edges.http2.stream import Stream
from engine.edges.http2.vigil import Vigil

_AT_ONCE: Final = 16
_REPLENISH: Final = 1 << 20
_WINDOW: Final = 1 << 24
_LARGEST_BLOCK: Final = 1 << 17
_RESTLESS: Final = 10_000
_STREAMS_A_FIDGET: Final = 10
_LAST_PING: Final = b"farewell"
_KEEPALIVE: Final = b"are-you?"
_LAST_WAIT: Final = 1.0
_NUMBER: Final = Struct(">I").pack


class Open(Protocol):
    """Makes the stream for a request."""

    def __call__(self, connection: "Connection", number: int, head: Opening, /) -> Stream:
        """The stream of this number."""


class Connection(Sending):
    """Speaks HTTP/2 with one client: the half that listens, and both together.

    Args:
        open_: makes the streams.
        read: makes a request's head of its fields.
        alive: the connections there are, to be in while this one is.
        stopping: set once no more calls are taken, on connections made later neither.
    """

    def __init__(
        self,
        open_: Open,
        read: Callable[[list[Field]], Opening],
        limits: Limits,
        alive: MutableSet["Connection"],
        stopping: asyncio.Event,
        vigil: Vigil,
    ) -> None:
        super().__init__(limits, vigil)
        self._open = open_
        self._limits = limits
        self._alive = alive
        self._stopping = stopping
        self._unpacker = Unpacker(read)
        self._queue: deque[Stream] = deque()
        self._begun: list[Stream] = []
        self._block: tuple[int, int, bytearray] | None = None
        self._rest = b""
        self._greeted = self._told = self._turn_comes = False
        self._last = self._taken = 0
        self._heard = True
        self._timer: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()

    # --- the transport -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._transport.abort()
            return
        self._alive.add(self)
        self._tell(
            frames.settings(
                (Setting.MAX_CONCURRENT_STREAMS, self._limits.streams),
                (Setting.INITIAL_WINDOW_SIZE, self.stream_room),
                (Setting.MAX_HEADER_LIST_SIZE, MOST),
            )
            + frames.frame(Kind.WINDOW_UPDATE, 0, 0, _NUMBER(_WINDOW - frames.WINDOW))
        )
        self._timer = self._loop.call_later(self._limits.silence, self._ask_whether_there)
        if self._stopping.is_set():
            self._depart()

    def connection_lost(self, _: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._over = True
        self._out.clear()
        self._alive.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for stream in list(self._streams.values()):
            self._let_go(stream)
        if not self.gone.done():
            self.gone.set_result(None)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: who does not take answers is not listened to either."""
        self._paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._paused = False
        self._transport.resume_reading()
        self._pump_blocked()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`: a client that says no more is gone."""
        return False

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._over:
            return
        self._heard = self._reading = True
        self._vigil.heard()
        try:
            data = self._rest + data if self._rest else data
            begins = 0 if self._greeted else self._greet(data)
            if begins is not None:
                taken, self._rest = frames.split(data, begins)
                for kind, flags, number, body in taken:
                    if self._block is not None or not self._told:
                        self._check_order(kind)
                    if kind < _KINDS:
                        _TAKE[kind](self, flags, number, body)
        except Broken as broken:
            self._break_off(broken.code, str(broken))
        if self._begun:
            self._linger()
        if self._queue:
            self._serve()
        self._reading = False
        self._flush()

    def _linger(self) -> None:
        """Most requests are complete by the end of the turn in which they begin; tells those that are not."""
        for stream in self._begun:
            if not (stream.asked or stream.ended):
                stream.linger()
        self._begun.clear()

    def _greet(self, data: bytes) -> int | None:
        """Where frames begin; None if the client has not said enough to know."""
        if not frames.PREFACE.startswith(data[: len(frames.PREFACE)]):
            raise Broken(Code.PROTOCOL_ERROR, "this is not HTTP/2")
        if len(data) < len(frames.PREFACE):
            self._rest = data
            return None
        self._greeted = True
        return len(frames.PREFACE)

    def _break_off(self, code: Code, why: str) -> None:
        """Tells the client what is wrong, and hears nothing more."""
        body = _NUMBER(self._last) + _NUMBER(code) + why.encode()
        self._out.append(frames.frame(Kind.GOAWAY, 0, 0, body))
        self._over = True
        self._queue.clear()
        for stream in list(self._streams.values()):
            self._let_go(stream)

    def _ask_whether_there(self) -> None:
        """Pings a client that has been silent, and lets go of one that then stays so.

        One that has not even said its settings by now is let go of at once.
        """
        self._restless = 0
        if not self._told:
            self._transport.abort()
            return
        if not self._heard:
            self._tell(frames.frame(Kind.PING, 0, 0, _KEEPALIVE))
            self._timer = self._loop.call_later(self._limits.patience, self._give_up)
            return
        self._heard = False
        self._timer = self._loop.call_later(self._limits.silence, self._ask_whether_there)

    def _give_up(self) -> None:
        if self._heard:
            self._ask_whether_there()
        else:
            self._transport.abort()

    # --- the end -----------------------------------------------------------------------------

    def leave(self) -> None:
        """Has the client open no more calls; ends once those that are open have.

        Calls that were on their way come in before the client answers our ping.
        """
        if not self._told:
            self._transport.abort()
            return
        body = _NUMBER(LARGEST_WINDOW) + _NUMBER(Code.NO_ERROR)
        self._tell(
            frames.frame(Kind.GOAWAY, 0, 0, body) + frames.frame(Kind.PING, 0, 0, _LAST_PING)
        )
        self._loop.call_later(_LAST_WAIT, self._depart)

    def _depart(self) -> None:
        """No more calls come."""
        if not (self._leaving or self._over):
            self._leaving = True
            body = _NUMBER(self._last) + _NUMBER(Code.NO_ERROR)
            self._tell(frames.frame(Kind.GOAWAY, 0, 0, body))

    def abort(self) -> None:
        """Ends at once."""
        self._transport.abort()

    # --- what comes --------------------------------------------------------------------------

    def _check_order(self, kind: int) -> None:
        """Whether such a frame may come now, while not every kind may."""
        if self._block is not None and kind != Kind.CONTINUATION:
            raise Broken(Code.PROTOCOL_ERROR, "a header block is interrupted")
        if not self._told and kind != Kind.SETTINGS:
            raise Broken(Code.PROTOCOL_ERROR, "the first frame holds no settings")

    def _data(self, flags: int, number: int, body: bytes) -> None:
        size = len(body)
        self._taken += size
        if self._taken >= _REPLENISH:
            self._replenish()
        data = frames.unpadded(flags, body) if flags & PADDED else body
        stream = self._streams.get(number)
        if stream is None or stream.asked:
            self._stray(stream, number)
            return
        stream.room -= size
        if stream.room < 0:
            raise Broken(Code.FLOW_CONTROL_ERROR, "more was sent than there is room for")
        if flags & END_STREAM:
            stream.asked = True
        if data:
            stream.take(data)
        else:
            self._fidget()
        if len(data) < size:
            self.more(stream, size - len(data))
        if stream.asked and not stream.ended:
            stream.complete()

    def _replenish(self) -> None:
        """Lets the client send as much again; how much one stream may send is a matter of its own."""
        self._out.append(frames.frame(Kind.WINDOW_UPDATE, 0, 0, _NUMBER(self._taken)))
        self._taken = 0

    def _stray(self, stream: Stream | None, number: int) -> None:
        """Data on a stream that is not open for them."""
        if number % 2 == 0 or number > self._last:
            raise Broken(Code.PROTOCOL_ERROR, "data come without a request")
        self._fidget()
        if stream is not None:
            self._let_go(stream)
            self.reset(number, Code.STREAM_CLOSED)
        elif number not in self._dropped:
            self.reset(number, Code.STREAM_CLOSED)

    def _headers(self, flags: int, number: int, body: bytes) -> None:
        if number % 2 == 0:
            raise Broken(Code.PROTOCOL_ERROR, "a request has a number that clients do not use")
        block = frames.unpadded(flags, body) if flags & PADDED else body
        if flags & PRIORITY_SET:
            if len(block) < 5 or frames.number(block) == number:
                raise Broken(Code.PROTOCOL_ERROR, "a priority makes no sense")
            block = block[5:]
        if flags & END_HEADERS:
            self._request(flags, number, block)
        else:
            self._block = number, flags, bytearray(block)

    def _continuation(self, flags: int, number: int, body: bytes) -> None:
        if self._block is None or self._block[0] != number:
            raise Broken(Code.PROTOCOL_ERROR, "what goes on has not begun")
        _, begun_with, block = self._block
        block += body
        self._fidget()
        if len(block) > _LARGEST_BLOCK:
            raise Broken(Code.ENHANCE_YOUR_CALM, "a request's headers are too large")
        if flags & END_HEADERS:
            self._block = None
            self._request(begun_with, number, bytes(block))

    def _request(self, flags: int, number: int, block: bytes) -> None:
        try:
            head = self._unpacker.unpack(block)
        except Unpackable as error:
            raise Broken(Code.COMPRESSION_ERROR, str(error)) from error
        stream = self._streams.get(number)
        if stream is None and number > self._last:
            self._last = number
            if self._leaving or len(self._streams) >= self._limits.streams:
                self.reset(number, Code.REFUSED_STREAM)
                return
            stream = self._streams[number] = self._open(self, number, head)
            stream.begin()
            self._begun.append(stream)
        elif stream is None or stream.asked:
            if number not in self._dropped:
                raise Broken(Code.STREAM_CLOSED, "headers come after the end of their stream")
            return
        elif not flags & END_STREAM:
            raise Broken(Code.PROTOCOL_ERROR, "headers come in the middle of their stream")
        if flags & END_STREAM and not stream.ended:
            stream.asked = True
            stream.complete()

    def _priority(self, _: int, number: int, body: bytes) -> None:
        if number == 0 or (len(body) == 5 and frames.number(body) == number):
            raise Broken(Code.PROTOCOL_ERROR, "a priority makes no sense")
        if len(body) != 5:
            raise Broken(Code.FRAME_SIZE_ERROR, "a priority is of another length")
        self._fidget()

    def _rst_stream(self, _: int, number: int, body: bytes) -> None:
        if len(body) != 4:
            raise Broken(Code.FRAME_SIZE_ERROR, "a reset is of another length")
        if number == 0 or number > self._last:
            raise Broken(Code.PROTOCOL_ERROR, "a reset names no request")
        self._fidget()
        stream = self._streams.get(number)
        if stream is not None:
            self._let_go(stream)

    def _settings(self, flags: int, number: int, body: bytes) -> None:
        if number:
            raise Broken(Code.PROTOCOL_ERROR, "settings are those of a connection")
        if flags & ACK:
            if body:
                raise Broken(Code.FRAME_SIZE_ERROR, "an acknowledgement says something")
            return
        self._told = True
        self._fidget()
        window = dict(frames.settings_of(body)).get(Setting.INITIAL_WINDOW_SIZE)
        if window is not None and window != self.stream_window:
            self._fidget(len(self._streams) // _STREAMS_A_FIDGET)
            grown, self.stream_window = window - self.stream_window, window
            self._widen(grown)
        self._out.append(frames.frame(Kind.SETTINGS, ACK, 0))

    def _push_promise(self, _: int, __: int, ___: bytes) -> None:
        raise Broken(Code.PROTOCOL_ERROR, "clients promise nothing")

    def _ping(self, flags: int, number: int, body: bytes) -> None:
        if number:
            raise Broken(Code.PROTOCOL_ERROR, "a ping is a matter of the connection")
        if len(body) != 8:
            raise Broken(Code.FRAME_SIZE_ERROR, "a ping is of another length")
        if not flags & ACK:
            self._fidget()
            self._out.append(frames.frame(Kind.PING, ACK, 0, body))
        elif body == _LAST_PING:
            self._depart()

    def _goaway(self, _: int, number: int, body: bytes) -> None:
        if number:
            raise Broken(Code.PROTOCOL_ERROR, "a farewell is a matter of the connection")
        if len(body) < 8:
            raise Broken(Code.FRAME_SIZE_ERROR, "a farewell is cut off")

    def _window_update(self, _: int, number: int, body: bytes) -> None:
        if len(body) != 4:
            raise Broken(Code.FRAME_SIZE_ERROR, "a window is of another length")
        more = int.from_bytes(body, "big") & LARGEST_WINDOW
        self._restless += 1
        if self._restless > _RESTLESS:
            self._fidget(0)
        if number == 0:
            self._window += more
            if more == 0:
                raise Broken(Code.PROTOCOL_ERROR, "a window grows by nothing")
            if self._window > LARGEST_WINDOW:
                raise Broken(Code.FLOW_CONTROL_ERROR, "a window is too large")
            if self._blocked:
                self._pump_blocked()
            return
        if number > self._last:
            raise Broken(Code.PROTOCOL_ERROR, "a window belongs to no request")
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.window += more
        if more == 0 or stream.window > LARGEST_WINDOW:
            self._let_go(stream)
            self.reset(number, Code.FLOW_CONTROL_ERROR if more else Code.PROTOCOL_ERROR)
        elif stream.unsent:
            self._pump(stream)

    def _fidget(self, cost: int = 1) -> None:
        """Counts what costs us something and asks nothing of us."""
        self._restless += cost
        if self._restless > _RESTLESS:
            raise Broken(Code.ENHANCE_YOUR_CALM, "much is said and nothing asked")

    # --- turns -------------------------------------------------------------------------------

    def queue(self, stream: Stream) -> None:
        """Has the stream served within this turn, or a later one if many are waiting."""
        self._queue.append(stream)
        if not (self._reading or self._turn_comes):
            self._serve_soon()

    def _serve(self) -> None:
        """Serves some of those who wait; other connections get their turn before the others do."""
        queue, served = self._queue, 0
        while queue and served < _AT_ONCE:
            stream = queue.popleft()
            if not stream.ended:
                served += 1
                stream.serve()
        if queue and not self._turn_comes:
            self._serve_soon()

    def _serve_soon(self) -> None:
        self._turn_comes = True
        self._loop.call_soon(self._serve_more)

    def _serve_more(self) -> None:
        self._reading, self._turn_comes = True, False
        self._serve()
        self._reading = False
        self._flush()


_TAKE: Final = (
    Connection._data,
    Connection._headers,
    Connection._priority,
    Connection._rst_stream,
    Connection._settings,
    Connection._push_promise,
    Connection._ping,
    Connection._goaway,
    Connection._window_update,
    Connection._continuation,
)
"""What takes each kind of frame, by its number."""

_KINDS: Final = len(_TAKE)
