"""Health: what load balancers ask (`grpc.health.v1`), overall and for each service."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

from google.protobuf.message import Message
from grpc_health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
    HealthListRequest,
    HealthListResponse,
)

from engine.edges.grpc.gate import Gate, Handler
from engine.errors import NotFound

SERVICE: Final = "grpc.health.v1.Health"

_SERVING: Final = HealthCheckResponse(status=HealthCheckResponse.SERVING)
_NOT_SERVING: Final = HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)
_NO_SERVICE: Final = HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)


class Health:
    """SERVING from the first moment until `closing` is set; watchers then hear of it and are let go."""

    def __init__(self, services: Iterable[str], gate: Gate, closing: asyncio.Event) -> None:
        self._services = frozenset({"", *services})
        self._gate = gate
        self._closing = closing

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        return {
            "Check": self._gate.unary("Check", HealthCheckRequest, self._check),
            "List": self._gate.unary("List", HealthListRequest, self._list),
            "Watch": self._gate.answers("Watch", HealthCheckRequest, self._watch),
        }

    async def _check(self, request: HealthCheckRequest) -> HealthCheckResponse:
        if request.service not in self._services:
            raise NotFound(f"there is no service {request.service[:80]!r} here")
        return self._state()

    async def _list(self, _: HealthListRequest) -> HealthListResponse:
        return HealthListResponse(statuses=dict.fromkeys(self._services, self._state()))

    async def _watch(self, request: HealthCheckRequest) -> AsyncIterator[Message]:
        known = request.service in self._services
        yield self._state() if known else _NO_SERVICE
        await self._closing.wait()
        if known:
            yield _NOT_SERVING

    def _state(self) -> HealthCheckResponse:
        return _NOT_SERVING if self._closing.is_set() else _SERVING
