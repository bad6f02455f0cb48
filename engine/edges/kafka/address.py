"""Where a Kafka is, and how to introduce oneself to it, read from a URL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from engine.edges.tls import FILES, Tls, options_of
from engine.rulebook.names import nearest

PLAIN: Final = "PLAIN"
MECHANISMS: Final = (PLAIN, "SCRAM-SHA-256", "SCRAM-SHA-512")
"""How a user and a password may be proven (SASL)."""

_SCHEMES: Final[Mapping[str, bool]] = {"kafka": False, "kafka+ssl": True}
_MECHANISM: Final = "mechanism"
_WANTED: Final = "write kafka://HOST:PORT, or kafka+ssl://USER:PASSWORD@HOST:PORT"


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """The brokers to begin with, and the connection's security. Prints without the password.

    >>> KafkaAddress.parse("kafka+ssl://attune:secret@10.0.0.7:9093,10.0.0.8:9093")
    KafkaAddress(10.0.0.7:9093,10.0.0.8:9093)

    Attributes:
        brokers: `HOST:PORT`, several with commas between.
        user: whom to introduce oneself as (SASL); empty for nobody.
        password: of the user.
        mechanism: one of `MECHANISMS`.
        tls: how connections are encrypted; None for not at all.
    """

    brokers: str
    user: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = PLAIN
    tls: Tls | None = None

    @classmethod
    def parse(cls, url: str) -> "KafkaAddress":
        """Reads `kafka[+ssl]://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…][?mechanism=…&ca=…&cert=…&key=…]`.

        What is special in a user or a password is written in percent: `%40` for `@`.

        Raises:
            ValueError: it is none, or a file it names cannot be read.
        """
        scheme, found, rest = url.partition("://")
        place, _, query = rest.partition("?")
        who, _, brokers = place.rpartition("@")
        brokers = brokers.rstrip("/")
        if not found or scheme not in _SCHEMES or not all(map(_is_broker, brokers.split(","))):
            raise ValueError(f"this is no URL of Kafka: {_WANTED}")
        encrypted = _SCHEMES[scheme]
        options = options_of(query, (_MECHANISM, *FILES) if encrypted else (_MECHANISM,))
        user, colon, password = who.partition(":")
        if bool(user) != bool(colon and password):
            raise ValueError(f"a user takes a password: {_WANTED}")
        if _MECHANISM in options and not user:
            raise ValueError(f"mechanism says how a user is proven, and there is none: {_WANTED}")
        return cls(
            brokers,
            unquote(user),
            unquote(password),
            _proven_by(options.get(_MECHANISM, PLAIN)),
            Tls.of(options) if encrypted else None,
        )

    @property
    def protocol(self) -> str:
        """Kafka's name of the connection's security."""
        encrypted = "PLAINTEXT" if self.tls is None else "SSL"
        return f"SASL_{encrypted}" if self.user else encrypted

    def __str__(self) -> str:
        return self.brokers

    def __repr__(self) -> str:
        return f"KafkaAddress({self})"


Bootstrap: TypeAlias = KafkaAddress | str
"""Where clients begin; a text is brokers that ask for nothing: `HOST:PORT`, several with commas between."""


def client(address: Bootstrap) -> dict[str, Any]:
    """What a client of `aiokafka` takes to connect.

    >>> client("127.0.0.1:9092")
    {'bootstrap_servers': '127.0.0.1:9092'}
    """
    if isinstance(address, str):
        return {"bootstrap_servers": address}
    told: dict[str, Any] = {
        "bootstrap_servers": address.brokers,
        "security_protocol": address.protocol,
    }
    if address.tls is not None:
        told["ssl_context"] = address.tls.context()
    if address.user:
        told |= {
            "sasl_mechanism": address.mechanism,
            "sasl_plain_username": address.user,
            "sasl_plain_password": address.password,
        }
    return told


def _is_broker(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65_536


def _proven_by(mechanism: str) -> str:
    if mechanism not in MECHANISMS:
        near = nearest(mechanism, MECHANISMS)
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"{mechanism!r} is none of {', '.join(MECHANISMS)}.{hint}")
    return mechanism
