"""Whose Redis it is: one database for each installation, which its first process writes its name into.

Customers, caps and keys lie there without the installation's name. Two of them in one database would share
them all, and each would take the other's customers for its own.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from engine.edges.redis.keys import INSTALLATION
from engine.errors import InvalidInput, Violation


async def claim(ask: Callable[..., Awaitable[Any]], where: str, name: str) -> None:
    """Has the Redis that `ask` asks be this installation's, unless it is another's already.

    What is somebody's already is only read, so also where Redis takes no writes just now.

    Raises:
        InvalidInput: it is another's.
        StorageError: there is no answer, or it is an error.
    """
    found = await ask("GET", INSTALLATION) or await ask("SET", INSTALLATION, name, "NX", "GET")
    if found is not None and found != name.encode():
        other = found.decode(errors="replace")
        wrong = (
            f"{where} holds the customers of the installation {other!r}, this is {name!r}: name one that"
            f" is its own, also another database of it (redis://HOST:PORT/1); if {other!r} is no more and"
            f" this is to go on with what it left there, `redis-cli DEL {INSTALLATION}` first"
        )
        raise InvalidInput([Violation("state", wrong)])
