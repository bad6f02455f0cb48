"""The server: listens, and brings its connections to an orderly end."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Final

from engine.edges.grpc.gate import Handler
from engine.edges.http2.bodies import Bodies
from engine.edges.http2.call import Call, Declined
from engine.edges.http2.connection import Connection
from engine.edges.http2.conversation import Conversation
from engine.edges.http2.exchanging import Exchanging
from engine.edges.http2.heads import Head, Opening, opening
from engine.edges.http2.sending import Limits
from engine.edges.http2.stream import Stream
from engine.edges.http2.vigil import Vigil

_BACKLOG: Final = 1_024
_EVERYWHERE: Final = frozenset({"::", "0.0.0.0"})  # noqa: S104 -- who asks for it gets it
_ABSENT: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class Server:
    """Serves methods to gRPC clients. All of it lives on the running event loop.

    `awake` is for how long that stays awake for callers who ask without a pause, in seconds (`Vigil`).
    """

    def __init__(self, limits: Limits, awake: float = 0.0) -> None:
        self._limits = limits
        self._vigil = Vigil(asyncio.get_running_loop().call_soon, awake)
        self._bodies = Bodies(limits.unfinished)
        self._methods: dict[str, Handler] = {}
        self._read = opening(self._methods)
        self._connections: set[Connection] = set()
        self._stopping = asyncio.Event()
        self._listening: list[asyncio.Server] = []

    def add(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Adds the methods of a service, by name. To be done before anybody calls."""
        self._methods |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    async def listen(
        self,
        hosts: Sequence[str],
        port: int,
        tls: ssl.SSLContext | None = None,
        *,
        shared: bool = False,
    ) -> int:
        """Listens on all of the hosts' addresses; returns the port, the same for all.

        Port 0 picks a free one; `::` and `0.0.0.0` stand for all addresses. Those this machine does
        not have are left out, such as `::1` where there is no IPv6. A `shared` port may be listened on
        by others who share it. Raises OSError, also if none is left.
        """
        loop = asyncio.get_running_loop()
        absent: OSError | None = None
        for host in hosts:
            try:
                listening = _listening(host, port, shared)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
                continue
            self._listening.append(
                await loop.create_server(self.connection, sock=listening, ssl=tls, backlog=_BACKLOG)
            )
            port = listening.getsockname()[1]
        if absent is not None and not self._listening:
            raise absent
        return port

    def connection(self) -> Connection:
        """A connection that has not been made yet: what listens makes it."""
        return Connection(
            self._stream, self._read, self._limits, self._connections, self._stopping, self._vigil
        )

    def _stream(self, connection: Connection, number: int, opening: Opening) -> Stream:
        if not isinstance(opening, Head):
            return Declined(connection, number, opening)
        handler, limit, bodies = opening.handler, self._limits.message, self._bodies
        if handler.exchange is not None:
            return Exchanging(connection, number, opening, limit, bodies, handler.exchange)
        if handler.asks_many:
            return Conversation(connection, number, opening, limit, bodies)
        return Call(connection, number, opening, limit, bodies)

    async def stop(self, grace: float) -> None:
        """Takes no more calls; those that are open may go on for `grace` seconds.

        Who was still about to connect, such as within a TLS handshake, is told so when they are there.
        """
        self._stopping.set()
        for server in self._listening:
            server.close()
        for connection in list(self._connections):
            connection.leave()
        try:
            async with asyncio.timeout(grace):
                await asyncio.gather(*[connection.gone for connection in self._connections])
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()


def _listening(host: str, port: int, shared: bool) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    if host in _EVERYWHERE:
        return _listening_everywhere(port, shared)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=shared)


def _listening_everywhere(port: int, shared: bool) -> socket.socket:
    """One socket for IPv6 and IPv4, or for IPv4 alone where there is no other. Raises OSError."""
    try:
        return socket.create_server(
            ("::", port),
            family=socket.AF_INET6,
            backlog=_BACKLOG,
            reuse_port=shared,
            dualstack_ipv6=True,
        )
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
    except ValueError:  # this Python or this system has no such sockets
        pass
    return socket.create_server(("", port), backlog=_BACKLOG, reuse_port=shared)
