"""Serves a worker's vital signs over HTTP, from a thread of its own: `/metrics`, `/live`, `/ready`."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from engine.edges.stream.vitals import Vitals
from engine.errors import InvalidInput, Violation
from engine.settings import Address

_TEXT: Final = "text/plain; charset=utf-8"


class Told(NamedTuple):
    """An answer."""

    status: int
    type: str
    body: bytes


def told(vitals: Vitals | None, path: str) -> Told:
    """The answer to a question. What fails is answered with 503 and the reason.

    A worker that waits for Kafka to begin with has no vital signs yet; it lives.
    """
    match path:
        case "/metrics":
            registry = CollectorRegistry()
            if vitals is not None:
                registry.register(vitals)
            return Told(200, CONTENT_TYPE_LATEST, generate_latest(registry))
        case "/live":
            return _judged("" if vitals is None else vitals.dying())
        case "/ready":
            return _judged("it waits for Kafka" if vitals is None else vitals.unready())
        case _:
            return Told(404, _TEXT, b"there are /metrics, /live and /ready\n")


def _judged(reason: str) -> Told:
    return Told(503 if reason else 200, _TEXT, f"{reason or 'yes'}\n".encode())


@contextmanager
def told_at(vitals: Callable[[], Vitals | None], address: Address) -> Iterator[Address]:
    """Answers at this address until the end; yields where. It answers also while the event loop stands.

    Raises:
        InvalidInput: the address cannot be listened on.
    """

    class Bedside(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = told(vitals(), self.path.partition("?")[0])
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Says nothing: it is asked every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        daemon_threads = True

    try:
        server = Server((address.host, address.port), Bedside)
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        wrong = f"{address} cannot be listened on: {reason}"
        raise InvalidInput([Violation("metrics", wrong)]) from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Address(address.host, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
