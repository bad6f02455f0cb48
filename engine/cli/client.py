"""The client side of the commands that talk to a running service."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NoReturn, cast

import grpc
import typer
from google.rpc.error_details_pb2 import BadRequest
from grpc_status.rpc_status import from_call

from engine.settings import Address

DEFAULT_SERVER: Final = "127.0.0.1:50051"
UNREACHABLE: Final = 2
"""The exit code when no service answers."""
PATIENCE: Final = 5.0
"""Seconds a service may take to answer a connection."""
_OPTIONS: Final = (("grpc.max_reconnect_backoff_ms", 5_000),)
"""gRPC's own two minutes are long for whoever waits for a service to come back."""


class Format(StrEnum):
    """How to print."""

    TEXT = "text"
    JSON = "json"


ServerOption = Annotated[
    str,
    typer.Option(
        "--server", metavar="HOST:PORT", envvar="ATTUNE_SERVER",
        help="The service to talk to.",
    ),
]  # fmt: skip
FormatOption = Annotated[
    Format, typer.Option("--format", help="text for people, json for programs.")
]
CertificateOption = Annotated[
    Path | None,
    typer.Option(
        "--tls-ca", exists=True, dir_okay=False,
        help="Speak TLS, trusting the certificates of this PEM file.",
    ),
]  # fmt: skip


@contextmanager
def connected(server: str, tls_ca: Path | None) -> Iterator[grpc.Channel]:
    """A channel to the service; what a call inside fails with ends the program with one clear line."""
    try:
        at = Address.parse(server)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--server") from None
    with _channel(at, tls_ca) as channel:
        _reach(at, channel)
        try:
            yield channel
        except grpc.RpcError as error:
            call = cast("grpc.Call", error)
            if call.code() is grpc.StatusCode.UNIMPLEMENTED:
                fail(f"what answers at {at} is no Attune service, or an older one", 1)
            fail(_told(call), UNREACHABLE if call.code() is grpc.StatusCode.UNAVAILABLE else 1)


def _channel(at: Address, tls_ca: Path | None) -> grpc.Channel:
    if tls_ca is None:
        return grpc.insecure_channel(str(at), _OPTIONS)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(tls_ca)
        return grpc.secure_channel(
            str(at), grpc.ssl_channel_credentials(tls_ca.read_bytes()), _OPTIONS
        )
    except ssl.SSLError:
        wrong = f"{tls_ca} holds no certificates in PEM"
    except OSError as error:
        wrong = f"{tls_ca} cannot be read: {error.strerror}"
    raise typer.BadParameter(wrong, param_hint="--tls-ca")


def _reach(at: Address, channel: grpc.Channel) -> None:
    """Waits until somebody who speaks gRPC answers; ends the program if nobody does."""
    try:
        socket.create_connection((at.host, at.port), timeout=PATIENCE).close()
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        fail(
            f"nothing answers at {at} ({reason}); start the service with"
            " `attune serve`, or name another with --server HOST:PORT",
            UNREACHABLE,
        )
    try:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE)
    except grpc.FutureTimeoutError:
        fail(
            f"what listens at {at} is no Attune service: it does not answer as one within"
            f" {PATIENCE:g} seconds (does it speak TLS? --tls-ca FILE says which to trust)",
            UNREACHABLE,
        )


def fail(message: str, code: int) -> NoReturn:
    """Ends the program with a line on standard error."""
    typer.echo(f"attune: {message}", err=True)
    raise typer.Exit(code)


def _told(call: grpc.Call) -> str:
    """The refusal with every field it names, one a line."""
    status = from_call(call)
    lines = []
    for detail in status.details if status else ():
        bad = BadRequest()
        if detail.Unpack(bad):
            lines = [f"\n  {v.field}: {v.description}" for v in bad.field_violations]
    said = "".join(lines) if len(lines) > 1 else f" {call.details()}"
    return f"the service refused this ({call.code().name}):{said}"
