"""Everything that can be set about a running Attune, in one frozen object."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from engine.errors import InvalidInput, Violation

PREFIX: Final = "ATTUNE_"

_MILLISECONDS: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or connect to. Port 0 lets the system pick a free one.

    >>> Address.parse("[::1]:50051")
    Address(host='::1', port=50051)
    >>> str(Address("localhost", 0))
    'localhost:0'
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Reads `HOST:PORT`; an IPv6 host stands in brackets. Raises ValueError for anything else."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            colon = ""
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f"{text!r} is no HOST:PORT, e.g. 127.0.0.1:50051")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Budgets:
    """Seconds a decision may take when the caller sets no deadline, by channel.

    >>> Budgets.parse("web=80,*=300").of("sms")
    0.3
    """

    by_channel: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({"web": 0.1, "app": 0.1, "ivr": 0.25})
    )
    other: float = 0.25

    def of(self, channel: str) -> float:
        """The channel's budget in seconds."""
        return self.by_channel.get(channel, self.other)

    @classmethod
    def parse(cls, text: str) -> "Budgets":
        """Reads `channel=milliseconds,…`; `*` stands for all other channels. Raises ValueError."""
        seconds = dict(cls().by_channel)
        for part in text.split(","):
            channel, _, value = (word.strip() for word in part.partition("="))
            if not (channel and _MILLISECONDS.fullmatch(value) and float(value) > 0):
                raise ValueError(f"{part!r} is no CHANNEL=MILLISECONDS, e.g. web=100")
            seconds[channel] = float(value) / 1000
        other = seconds.pop("*", cls().other)
        return cls(MappingProxyType(seconds), other)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. Times are seconds, sizes bytes.

    Attributes:
        rules: the rule book's directory.
        data: the data directory; created if it is not there.
        watch: whether the book in force follows its files while the service runs.
        last_good: whether to start with the last good book where the files hold a broken one.
        listen: where to serve gRPC.
        metrics: where to serve Prometheus metrics; None for nowhere.
        budgets: what a decision may take when its caller sets no deadline.
        reserve: what is kept back of a caller's deadline for the way home, at most a tenth of it.
        receive_limit: the largest message taken.
        stream_limit: questions answered at once on one stream.
        grace: how long calls in flight may take to end when the process is asked to stop.
        lateness: events older than this are refused; duplicates are recognised as long.
        ahead: events further in the future than this are refused.
        request_ttl: how long a request id brings back the same decision.
        tls_cert: file with the server's certificate chain in PEM; None serves in plain text.
        tls_key: file with its private key in PEM.
        log_format: `text`, `json`, or `auto` (text on a terminal).
    """

    rules: Path = Path("rules/telecom")
    data: Path = Path("data")
    watch: bool = True
    last_good: bool = False
    listen: Address = Address("127.0.0.1", 50051)
    metrics: Address | None = None
    budgets: Budgets = field(default_factory=Budgets)
    reserve: float = 0.002
    receive_limit: int = 256 * 1024
    stream_limit: int = 64
    grace: float = 10.0
    lateness: float = 7 * 86400.0
    ahead: float = 300.0
    request_ttl: float = 300.0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    log_format: str = "auto"

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None, **chosen: object) -> "Settings":
        """What was chosen, else what the environment says (`ATTUNE_LISTEN`, …), else the defaults.

        A choice that is None is none; a text is read like a variable.

        Raises:
            InvalidInput: names each setting that cannot be read.

        >>> Settings.of({"ATTUNE_GRACE": "3"}, listen=None).grace
        3.0
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        wrong: list[Violation] = []
        for name in (setting.name for setting in fields(cls)):
            said, value = name, chosen.get(name)
            if value is None:
                said = PREFIX + name.upper()
                value = environment.get(said) or None
            try:
                if value is not None:
                    values[name] = _READERS[name](value) if isinstance(value, str) else value
            except ValueError as error:
                wrong.append(Violation(said, str(error)))
        if wrong:
            raise InvalidInput(wrong)
        return cls(**values)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} must be above 0")
    return number


def _switch(text: str) -> bool:
    said = text.strip().lower()
    if said in {"1", "true", "yes", "on"}:
        return True
    if said in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{text!r} is neither on nor off")


def _log_format(text: str) -> str:
    if text not in {"auto", "text", "json"}:
        raise ValueError(f"{text!r} is none of auto, text, json")
    return text


_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "rules": Path,
    "data": Path,
    "watch": _switch,
    "last_good": _switch,
    "listen": Address.parse,
    "metrics": Address.parse,
    "budgets": Budgets.parse,
    "reserve": _positive,
    "receive_limit": int,
    "stream_limit": int,
    "grace": _positive,
    "lateness": _positive,
    "ahead": _positive,
    "request_ttl": _positive,
    "tls_cert": Path,
    "tls_key": Path,
    "log_format": _log_format,
}
