"""A decision service that answers when it is told to, for what a real one does only in trouble."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from engine.wire.decision_pb2 import (
    DecideRequest,
    DecideResponse,
    DecideStreamRequest,
    DecideStreamResponse,
    Offer,
    PlacementOffers,
)

Answer = Callable[[DecideRequest, grpc.ServicerContext], DecideResponse]
WAITING = 60


def answered(request: DecideRequest) -> DecideResponse:
    """A good answer: one offer in each placement."""
    offers = [Offer(action_id="a1", rank=1)]
    placed = [PlacementOffers(placement=name, offers=offers) for name in request.placements]
    return DecideResponse(decision_id="d1", placements=placed)


class Stalled:
    """Answers nobody until `WAITING` wait at the same time, then everybody."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(WAITING)
        self._open = False

    def __call__(self, request: DecideRequest, context: grpc.ServicerContext) -> DecideResponse:
        if not self._open:
            self._barrier.wait(timeout=60)
            self._open = True
        return answered(request)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The address of a service that answers so."""

    def on_stream(
        requests: Iterator[DecideStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[DecideStreamResponse]:
        for asked in requests:
            decided = answer(asked.request, context)
            yield DecideStreamResponse(request_id=asked.request.request_id, response=decided)

    handlers: dict[str, Any] = {
        "Decide": grpc.unary_unary_rpc_method_handler(
            answer, DecideRequest.FromString, DecideResponse.SerializeToString
        ),
        "DecideStream": grpc.stream_stream_rpc_method_handler(
            on_stream, DecideStreamRequest.FromString, DecideStreamResponse.SerializeToString
        ),
    }
    server = grpc.server(ThreadPoolExecutor(WAITING))
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("attune.v1.DecisionService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
