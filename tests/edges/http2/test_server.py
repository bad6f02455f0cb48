"""Where a server listens, and who comes when it is about to end."""

import asyncio
import errno
import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from engine.edges.grpc.gate import Handler
from engine.edges.http2 import frames
from engine.edges.http2.frames import Code, Frame, Kind
from engine.edges.http2.sending import Limits
from engine.edges.http2.server import Server
from tests.edges.grpc.certificates import self_signed
from tests.edges.http2.wire import Client, Transport, call, echo, server

ELSEWHERE = "192.0.2.1"
"""An address for documentation, which no machine has (RFC 5737)."""


def has_ipv6() -> bool:
    """Whether this machine has the loopback address of IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


LOOPBACKS = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_everywhere_is_wherever_this_machine_can_be_reached(host: str) -> None:
    made = server()
    port = await made.listen([host], 0)
    for loopback in LOOPBACKS:
        socket.create_connection((loopback, port), timeout=10).close()
    await made.stop(0.0)


async def test_a_host_is_listened_for_on_all_addresses_there_are() -> None:
    made = server()
    port = await made.listen([ELSEWHERE, *LOOPBACKS], 0)
    for loopback in LOOPBACKS:
        socket.create_connection((loopback, port), timeout=10).close()
    await made.stop(0.0)


async def test_a_host_without_an_address_here_cannot_be_listened_for() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EADDRNOTAVAIL)):
        await server().listen([ELSEWHERE], 0)


async def test_an_address_in_use_is_never_left_out() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(OSError, match=os.strerror(errno.EADDRINUSE)),
    ):
        await server().listen(["127.0.0.1"], other.getsockname()[1])


async def test_who_was_still_about_to_connect_when_the_server_stopped_is_sent_away() -> None:
    made = server(Echo=Handler(echo))
    transport = Transport()
    client = Client(made.connection(), transport)
    await made.stop(60.0)
    client.connection.connection_made(transport)
    client.say(frames.PREFACE, frames.settings(), call(1, "Echo"))
    await client.wait()
    (farewell,) = client.of(Kind.GOAWAY)
    assert frames.number(farewell[3]) == 0
    assert client.farewell() == Code.NO_ERROR
    assert client.trailers(1) is None
    assert transport.closed


async def test_a_handshake_under_way_when_the_server_stops_ends_in_a_farewell(
    tmp_path: Path,
) -> None:
    cert, key = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    tls.set_alpn_protocols(["h2"])
    made = server(Echo=Handler(echo))
    port = await made.listen(["127.0.0.1"], 0, tls)
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(cafile=str(cert))
    trusting.set_alpn_protocols(["h2"])
    client = trusting.wrap_bio(heard, said, server_hostname="127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    writer.write(said.read())
    heard.write(await reader.readexactly(1))
    await made.stop(60.0)
    while True:
        heard.write(await reader.read(65_536))
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
            break
    client.write(frames.PREFACE + frames.settings() + call(1, "Echo"))
    writer.write(said.read())
    found: list[Frame] = []
    while Kind.RST_STREAM not in (kind for kind, *_ in found):
        heard.write(await reader.read(65_536))
        found += frames.split(plain(client))[0]
    (farewell,) = (body for kind, _, _, body in found if kind == Kind.GOAWAY)
    assert frames.number(farewell) == 0
    assert Kind.HEADERS not in (kind for kind, *_ in found)
    writer.close()


def plain(client: ssl.SSLObject) -> bytes:
    """All that has come, whole frames."""
    said = b""
    with suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
        while part := client.read(65_536):
            said += part
    return said


@pytest.mark.parametrize(("awake", "looked"), [(0.0, False), (0.01, True)])
async def test_the_loop_stays_awake_for_who_asks_without_a_pause(
    monkeypatch: pytest.MonkeyPatch, awake: float, looked: bool
) -> None:
    looks: list[None] = []
    monkeypatch.setattr("engine.edges.http2.vigil._give_way", lambda: looks.append(None))
    made = Server(Limits(1_000), awake)
    made.add("floor.Floor", {"Echo": Handler(echo)})
    port = await made.listen(["127.0.0.1"], 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: Any = channel.unary_unary("/floor.Floor/Echo")
        for number in range(100):
            assert await ask(b"%d" % number) == b"%d" % number
    await made.stop(0.0)
    assert bool(looks) is looked
