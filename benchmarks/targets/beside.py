"""Beside: work that goes on while something is measured, in a thread or in a process of its own."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event


def meanwhile(work: Callable[..., None], *told: object) -> AbstractContextManager[None]:
    """Has `work` done in a thread until it is told to stop, by the event that is its last argument."""
    stop = threading.Event()
    return _until_told(threading.Thread(target=work, args=(*told, stop)), stop)


def apart(work: Callable[..., None], *told: object) -> AbstractContextManager[None]:
    """The same by a process of its own, where whoever measures is not to wait for it."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    return _until_told(context.Process(target=work, args=(*told, stop)), stop)


@contextmanager
def _until_told(
    worker: threading.Thread | BaseProcess, stop: threading.Event | Event
) -> Iterator[None]:
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
