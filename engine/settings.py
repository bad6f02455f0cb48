"""Everything that can be set about a running Attune, in one frozen object."""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from engine.errors import InvalidInput, Violation
from engine.rulebook.names import nearest

PREFIX: Final = "ATTUNE_"
END_WITH_PARENT: Final = "ATTUNE_END_WITH_PARENT"
"""Names the process whose end is to end a service as well; for programs that start one of their own."""

MEMBER: Final = "ATTUNE_MEMBER"
"""Names a server among those of its crew, in what it logs."""

_OTHERS: Final = frozenset({"ATTUNE_SERVER", END_WITH_PARENT, MEMBER})
# What Kubernetes tells every container about a service that is called `attune`.
_KUBERNETES: Final = re.compile(r"ATTUNE_(SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_.+)?)")

_MILLISECONDS: Final = re.compile(r"\d+(\.\d+)?")
_LONGEST_BUDGET: Final = 3_600_000
_WHOLE: Final = re.compile(r"[0-9]{1,15}")
_DAY: Final = 86_400.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_BOTH: Final = (
    "a cluster takes both: --stream kafka://HOST:PORT for its log and --state redis://HOST:PORT for "
    "its customers; without either, everything is kept in the data directory"
)


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
            if float(value) > _LONGEST_BUDGET:
                raise ValueError(f"{part!r} must be at most {_LONGEST_BUDGET:,} milliseconds")
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
        share_port: whether others may listen there too (SO_REUSEPORT); each gets a share of the callers.
        workers: how many processes serve there; more than one takes a cluster's log and state.
        transport: what speaks HTTP/2 there: `http2`, the engine's own, or `grpcio`, the library, which
            costs five times as much.
        awake: for how long the event loop stays awake for callers who ask without a pause, at the cost of a
            core meanwhile, where there is more than one; 0 never. Of `http2` alone.
        metrics: where to serve Prometheus metrics; None for nowhere.
        budgets: what a decision may take when its caller sets no deadline.
        reserve: what is kept back of a caller's deadline for the way home, at most a tenth of it.
        receive_limit: the largest message taken.
        stream_limit: questions answered at once on one stream.
        linger: how long calls are still taken after the process was asked to stop and says so to
            health checks; calls that were on their way are thus answered.
        grace: how long calls in flight may then take to end.
        lateness: events older than this are refused; duplicates are recognised as long.
        ahead: events further in the future than this are refused.
        request_ttl: how long a request id brings back the same decision.
        join_by_id: how long the servers of a cluster find a decision by its id, within the action's window;
            what joins by token needs none of it.
        stream: the log of a cluster, `kafka://HOST:PORT`; None for one process on its own. With `state`.
        state: the customers of a cluster, `redis://HOST:PORT`.
        name: the installation in a cluster: what its topics' names begin with.
        partitions: of the log of a cluster, if it is not there yet: the most workers.
        copies: of everything in Kafka, if it is not there yet.
        staleness: how old a copy of a customer may be that a server of a cluster decides by; at 0 each
            decision reads them. What other servers have just offered is seen as late.
        seal_key_file: keys that seal tokens, as in `token.key` of the data directory; None for that one,
            and in a cluster for the one its servers share.
        tls_cert: file with the server's certificate chain in PEM; None serves in plain text.
        tls_key: file with its private key in PEM.
        log_format: `text`, `json`, or `auto` (text on a terminal).
        trace_share: the share of decisions of which the log is told stage by stage.
        trace_slower: and every decision that took longer, ten a second at most; 0 for none.
    """

    rules: Path = Path("rules/telecom")
    data: Path = Path("data")
    watch: bool = True
    last_good: bool = False
    listen: Address = Address("127.0.0.1", 50051)
    share_port: bool = False
    workers: int = 1
    transport: str = "http2"
    awake: float = 0.000_5
    metrics: Address | None = None
    budgets: Budgets = field(default_factory=Budgets)
    reserve: float = 0.002
    receive_limit: int = 256 * 1024
    stream_limit: int = 64
    linger: float = 0.5
    grace: float = 10.0
    lateness: float = 7 * 86400.0
    ahead: float = 300.0
    request_ttl: float = 300.0
    join_by_id: float = 7 * 86400.0
    stream: str | None = None
    state: str | None = None
    name: str = "attune"
    partitions: int = 12
    copies: int = 1
    staleness: float = 0.0
    seal_key_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    log_format: str = "auto"
    trace_share: float = 0.0
    trace_slower: float = 0.5

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
        if not wrong and bool(values.get("stream")) != bool(values.get("state")):
            wrong.append(Violation("stream", _BOTH))
        if wrong:
            raise InvalidInput(wrong)
        return cls(**values)


def unknown_settings(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable that looks like a setting and is none.

    >>> unknown_settings({"ATTUNE_GRACEE": "3", "ATTUNE_PORT_50051_TCP": "kubernetes"})
    ["ATTUNE_GRACEE is no setting. Did you mean 'ATTUNE_GRACE'?"]
    """
    environment = os.environ if environment is None else environment
    known = {PREFIX + name.upper() for name in _READERS} | _OTHERS
    unknown = (
        name
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in known and not _KUBERNETES.fullmatch(name)
    )
    return [f"{name} is no setting.{_hint(name)}" for name in unknown]


def _hint(variable: str) -> str:
    near = nearest(variable.removeprefix(PREFIX), _READERS)
    return f" Did you mean '{PREFIX}{near.upper()}'?" if near else ""


def _seconds(least: float, most: float, *, above: bool = False) -> Callable[[str], float]:
    """Reads seconds from `least` (or `above` it) to `most`."""
    lower = "above" if above else "from"
    until = f"{most:,.0f}" if most >= 1 else f"{most:g}"
    wanted = f"a number of seconds {lower} {least:g} to {until}, e.g. {min(0.5, most / 2):g}"

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most or (above and number == least):
            raise ValueError(f"{text!r} must be {wanted}")
        return number

    return read


def _share(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{text!r} must be a share from 0 to 1, e.g. 0.001")
    return number


def _whole(least: int, most: int, unit: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (_WHOLE.fullmatch(text) and least <= int(text) <= most):
            raise ValueError(
                f"{text!r} must be a whole number of {unit} from {least:,} to {most:,}"
            )
        return int(text)

    return read


def _switch(text: str) -> bool:
    said = text.strip().lower()
    if said in {"1", "true", "yes", "on"}:
        return True
    if said in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{text!r} is neither on nor off")


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is none of {', '.join(words)}")
        return text

    return read


def _url(*schemes: str) -> Callable[[str], str]:
    """Takes what begins like a URL of one of these schemes; whoever connects reads the rest."""
    wanted = " or ".join(f"{scheme}://HOST:PORT" for scheme in schemes)

    def read(text: str) -> str:
        scheme, _, rest = text.partition("://")
        if scheme not in schemes or not rest:
            raise ValueError(f"write {wanted}")
        return text

    return read


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} must be at most 63 of a-z, 0-9, - and _, e.g. attune")
    return text


_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "rules": Path,
    "data": Path,
    "watch": _switch,
    "last_good": _switch,
    "listen": Address.parse,
    "share_port": _switch,
    "workers": _whole(1, 256, "servers"),
    "transport": _word("grpcio", "http2"),
    "awake": _seconds(0.0, 0.01),
    "metrics": Address.parse,
    "budgets": Budgets.parse,
    "reserve": _seconds(0.0, 60.0),
    "receive_limit": _whole(4 * 1024, 64 * 1024 * 1024, "bytes"),
    "stream_limit": _whole(1, 100_000, "questions"),
    "linger": _seconds(0.0, 600.0),
    "grace": _seconds(0.0, _DAY),
    "lateness": _seconds(0.0, 3_650 * _DAY, above=True),
    "ahead": _seconds(0.0, 3_650 * _DAY),
    "request_ttl": _seconds(0.0, 30 * _DAY, above=True),
    "join_by_id": _seconds(0.0, 3_650 * _DAY),
    "stream": _url("kafka", "kafka+ssl"),
    "state": _url("redis", "rediss"),
    "name": _name,
    "partitions": _whole(1, 10_000, "partitions"),
    "copies": _whole(1, 15, "copies"),
    "staleness": _seconds(0.0, 60.0),
    "seal_key_file": Path,
    "tls_cert": Path,
    "tls_key": Path,
    "log_format": _word("auto", "text", "json"),
    "trace_share": _share,
    "trace_slower": _seconds(0.0, 60.0),
}
