"""A client's end of a connection, in memory: what it says is bytes, what it hears are frames."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.edges.grpc.gate import Context, Handler
from engine.edges.http2 import frames
from engine.edges.http2.connection import Connection
from engine.edges.http2.frames import END_HEADERS, END_STREAM, Frame, Kind, frame
from engine.edges.http2.hpack import Field, Unpacker, pack
from engine.edges.http2.messages import framed
from engine.edges.http2.sending import Limits
from engine.edges.http2.server import Server

PATH = "/floor.Floor/"


class Transport(asyncio.Transport):
    """Keeps what is written; nobody is at the other end."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False
        self.listens = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.listens = False

    def resume_reading(self) -> None:
        self.listens = True


@dataclass
class Client:
    """One client of one connection."""

    connection: Connection
    transport: Transport
    heard: list[Frame] = field(default_factory=list)

    def say(self, *said: bytes) -> None:
        """Sends bytes in one piece, and hears what comes at once."""
        self.connection.data_received(b"".join(said))
        self.listen()

    def listen(self) -> None:
        """Hears what has been written since."""
        found, rest = frames.split(bytes(self.transport.written))
        assert not rest
        self.transport.written.clear()
        self.heard += found

    async def wait(self) -> None:
        """Gives others some turns, then listens."""
        for _ in range(20):
            await asyncio.sleep(0)
        self.listen()

    def of(self, kind: Kind, number: int | None = None) -> list[Frame]:
        """The frames heard of one kind, on one stream."""
        return [f for f in self.heard if f[0] == kind and number in (None, f[2])]

    def data(self, number: int) -> bytes:
        """What came on a stream."""
        return b"".join(body for *_, body in self.of(Kind.DATA, number))

    def trailers(self, number: int) -> Mapping[bytes, bytes] | None:
        """The headers that ended a stream; None if it has not ended."""
        ends = [f for f in self.of(Kind.HEADERS, number) if f[1] & END_STREAM]
        return dict(Unpacker(list[Field]).unpack(ends[0][3])) if ends else None

    def farewell(self) -> int | None:
        """The code the connection was broken off with; None if it was not."""
        last = self.of(Kind.GOAWAY)
        return int.from_bytes(last[-1][3][4:8], "big") if last else None


def server(limits: Limits | None = None, **methods: Handler) -> Server:
    """A server of these methods."""
    made = Server(limits or Limits(1_000))
    made.add("floor.Floor", methods)
    return made


def connect(made: Server) -> Client:
    """A client that has said nothing yet."""
    connection, transport = made.connection(), Transport()
    connection.connection_made(transport)
    return Client(connection, transport)


async def greeted(made: Server, *settings: tuple[frames.Setting, int]) -> Client:
    """A client whose connection is established."""
    client = connect(made)
    client.say(frames.PREFACE, frames.settings(*settings))
    await client.wait()
    return client


def fields(method: str, *more: Field) -> tuple[Field, ...]:
    """The headers of a call."""
    return (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", (PATH + method).encode()),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *more,
    )


def headers(number: int, method: str, *more: Field, flags: int = END_HEADERS) -> bytes:
    """The frame that begins a call."""
    return frame(Kind.HEADERS, flags, number, pack(*fields(method, *more)))


def call(number: int, method: str, message: bytes = b"", *more: Field) -> bytes:
    """A whole call."""
    return headers(number, method, *more) + frame(Kind.DATA, END_STREAM, number, framed(message))


async def echo(message: bytes, _: Context) -> bytes:
    """Answers with what was asked."""
    return message


async def converse(_: None, context: Context) -> None:
    """Answers each message with itself."""
    while isinstance(message := await context.read(), bytes):
        await context.write(message)
