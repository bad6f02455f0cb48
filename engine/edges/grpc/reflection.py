"""Reflection: tells tools such as grpcurl what can be called (`grpc.reflection.v1alpha`)."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Final

import grpc
from grpc_reflection.v1alpha.reflection import aio
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from engine.edges.grpc.gate import Context, Gate, Handler, send

SERVICE: Final = "grpc.reflection.v1alpha.ServerReflection"


class Reflection:
    """grpc's own reflection behind our gate."""

    def __init__(self, services: Iterable[str], gate: Gate) -> None:
        self._servicer = aio.ReflectionServicer([*services, SERVICE])
        self._gate = gate

    def handlers(self) -> Mapping[str, Handler]:
        """The methods by name, for registration."""
        return {
            "ServerReflectionInfo": self._gate.conversation("ServerReflectionInfo", self._converse)
        }

    async def _converse(self, context: Context) -> None:
        async for answer in self._servicer.ServerReflectionInfo(_requests(context), context):
            await send(context, answer.SerializeToString())


async def _requests(context: Context) -> AsyncIterator[ServerReflectionRequest]:
    while (raw := await context.read()) is not grpc.aio.EOF:
        yield ServerReflectionRequest.FromString(raw)
