"""A decision service that answers when it is told to, for what a real one does only in trouble."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from engine.wire.decision_pb2 import (
    DecideRequest,
    DecideResponse,
    DecideStreamRequest,
    DecideStreamResponse,
    Offer,
    PlacementOffers,
)
from engine.wire.decision_pb2_grpc import (
    DecisionServiceServicer,
    add_DecisionServiceServicer_to_server,
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

    class Service(DecisionServiceServicer):
        def Decide(self, request: DecideRequest, context: grpc.ServicerContext) -> DecideResponse:
            return answer(request, context)

        def DecideStream(
            self, requests: Iterator[DecideStreamRequest], context: grpc.ServicerContext
        ) -> Iterator[DecideStreamResponse]:
            for asked in requests:
                request_id = asked.request.request_id
                yield DecideStreamResponse(
                    request_id=request_id, response=answer(asked.request, context)
                )

    server = grpc.server(ThreadPoolExecutor(WAITING))
    add_DecisionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
