"""Serves a worker's vital signs over HTTP: `/metrics`, `/live`, `/ready`."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from engine.edges.stream.vitals import Vitals
from engine.running.pages import Page, page, pages_at
from engine.settings import Address


def told(vitals: Vitals | None, path: str) -> Page:
    """The answer to a question. What fails is answered with 503 and the reason.

    A worker that waits for Kafka to begin with has no vital signs yet; it lives.
    """
    if vitals is None:
        return page(path, None, "", "it waits for Kafka")
    return page(path, vitals, vitals.dying(), vitals.unready())


def told_at(
    vitals: Callable[[], Vitals | None], address: Address
) -> AbstractContextManager[Address]:
    """Answers at this address until the end; yields where. It answers also while the event loop stands.

    Raises:
        InvalidInput: the address cannot be listened on.
    """
    return pages_at(address, lambda path: told(vitals(), path))
