"""The port of a crew: held by the parent, so that no stranger takes it while servers come and go."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import InvalidInput, Violation
from engine.settings import Address


@contextmanager
def held(address: Address) -> Iterator[Address]:
    """Holds a port for servers that share it (SO_REUSEPORT); yields it, port 0 having become a free one.

    The socket is bound and does not listen: the kernel hands connections only to those that do, and
    spreads them by a hash of the caller's address and port.

    Raises:
        InvalidInput: it cannot be listened on, or this system has no such ports.
    """
    with _bound(address) as holding:
        yield Address(address.host, holding.getsockname()[1])


def _bound(address: Address) -> socket.socket:
    if not hasattr(socket, "SO_REUSEPORT"):
        raise _refused("several servers cannot share a port on this system")
    try:
        family, kind, protocol, _, at = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        holding = socket.socket(family, kind, protocol)
        try:
            holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            holding.bind(at)
        except OSError:
            holding.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise _refused(f"{address} cannot be listened on: {reason}") from None
    return holding


def _refused(why: str) -> InvalidInput:
    return InvalidInput([Violation("listen", why)])
