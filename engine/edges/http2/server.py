"""The server: listens, and brings its connections to an orderly end."""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence

from engine.edges.grpc.gate import Handler
from engine.edges.http2.call import Call, Declined
from engine.edges.http2.connection import Connection
from engine.edges.http2.heads import Head, Opening, opening
from engine.edges.http2.sending import Limits
from engine.edges.http2.stream import Stream

_BACKLOG = 1_024


class Server:
    """Serves methods to gRPC clients. All of it lives on the running event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._methods: dict[str, Handler] = {}
        self._read = opening(self._methods)
        self._connections: set[Connection] = set()
        self._listening: list[asyncio.Server] = []

    def add(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Adds the methods of a service, by name. To be done before anybody calls."""
        self._methods |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    async def listen(
        self, hosts: Sequence[str], port: int, tls: ssl.SSLContext | None = None
    ) -> int:
        """Listens on all of the hosts' addresses; returns the port, the same for all.

        Port 0 picks a free one; `::` stands for all addresses, those of IPv4 too. Raises OSError.
        """
        loop = asyncio.get_running_loop()
        for host in hosts:
            listening = _listening(host, port)
            self._listening.append(
                await loop.create_server(self.connection, sock=listening, ssl=tls, backlog=_BACKLOG)
            )
            port = listening.getsockname()[1]
        return port

    def connection(self) -> Connection:
        """A connection that has not been made yet: what listens makes it."""
        return Connection(self._stream, self._read, self._limits, self._connections)

    def _stream(self, connection: Connection, number: int, opening: Opening) -> Stream:
        if isinstance(opening, Head):
            return Call(connection, number, opening, self._limits.message)
        return Declined(connection, number, opening)

    async def stop(self, grace: float) -> None:
        """Takes no more calls; those that are open may go on for `grace` seconds."""
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


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
