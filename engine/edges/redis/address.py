"""Where a Redis is, read from a URL."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from engine.edges.tls import FILES, Tls, options_of

_PORT: Final = 6_379
_SCHEMES: Final = ("redis", "rediss")


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis server, and how to introduce oneself to it. Prints without the password.

    >>> RedisAddress.parse("redis://attune:secret@10.0.0.7/2")
    RedisAddress(redis://10.0.0.7:6379/2)
    >>> RedisAddress.parse("rediss://cache").tls is None
    False

    Attributes:
        tls: how the connection is encrypted; None for not at all.
    """

    host: str
    port: int = _PORT
    database: int = 0
    user: str = ""
    password: str = ""
    tls: Tls | None = None

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """Reads `redis[s]://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]`; `rediss` takes `?ca=…&cert=…&key=…`.

        Raises:
            ValueError: it is none, or a file it names cannot be read.
        """
        parts = urlsplit(url)
        database = parts.path.strip("/") or "0"
        if parts.scheme not in _SCHEMES or not parts.hostname or not database.isdecimal():
            raise ValueError(
                "this is no URL of a Redis: write redis://HOST:PORT, or rediss:// for TLS"
            )
        encrypted = parts.scheme == "rediss"
        options = options_of(parts.query, FILES if encrypted else ())
        return cls(
            parts.hostname,
            parts.port or _PORT,
            int(database),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            Tls.of(options) if encrypted else None,
        )

    def greeting(self) -> list[tuple[str, ...]]:
        """What is said first on a new connection."""
        said: list[tuple[str, ...]] = []
        if self.password:
            said.append(("AUTH", *((self.user,) if self.user else ()), self.password))
        if self.database:
            said.append(("SELECT", str(self.database)))
        return said

    def __str__(self) -> str:
        return f"redis{'s' if self.tls else ''}://{self.host}:{self.port}/{self.database}"

    def __repr__(self) -> str:
        return f"RedisAddress({self})"
