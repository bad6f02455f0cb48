"""Pages for probes and Prometheus over HTTP, from a thread of their own: they answer also while the loop stands."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from engine.errors import InvalidInput, Violation
from engine.running.named import name_this_thread
from engine.settings import Address

_TEXT: Final = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """An answer."""

    status: int
    type: str
    body: bytes


def page(path: str, metrics: Collector | None, dying: str, unready: str) -> Page:
    r"""What is answered: `/metrics`, `/live`, `/ready`; a reason not to be is a 503 that says it.

    >>> page("/ready", None, "", "it has not begun").status, page("/live", None, "", "").body
    (503, b'yes\n')
    """
    match path:
        case "/metrics":
            registry = CollectorRegistry()
            if metrics is not None:
                registry.register(metrics)
            return Page(200, CONTENT_TYPE_LATEST, generate_latest(registry))
        case "/live":
            return _judged(dying)
        case "/ready":
            return _judged(unready)
        case _:
            return Page(404, _TEXT, b"there are /metrics, /live and /ready\n")


def _judged(reason: str) -> Page:
    return Page(503 if reason else 200, _TEXT, f"{reason or 'yes'}\n".encode())


@contextmanager
def pages_at(address: Address, answer: Callable[[str], Page]) -> Iterator[Address]:
    """Answers at this address until the end, by the path that is asked for; yields where.

    `answer` is called from other threads.

    Raises:
        InvalidInput: the address cannot be listened on.
    """

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = answer(self.path.partition("?")[0])
            self.send_response(told.status)
            self.send_header("Content-Type", told.type)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            """Says nothing: it is asked every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        daemon_threads = True

    def serve() -> None:
        name_this_thread()
        server.serve_forever()

    try:
        server = Server((address.host, address.port), Asked)
    except (OSError, UnicodeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        wrong = f"{address} cannot be listened on: {reason}"
        raise InvalidInput([Violation("metrics", wrong)]) from None
    thread = threading.Thread(target=serve, name="pages", daemon=True)
    thread.start()
    try:
        yield Address(address.host, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
