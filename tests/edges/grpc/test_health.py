"""Health and reflection: what load balancers and tools ask."""

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.edges.grpc.conftest import Service

SERVICES = [
    "attune.v1.CustomerService",
    "attune.v1.DecisionService",
    "attune.v1.EventService",
    "attune.v1.RuleBookService",
    "grpc.health.v1.Health",
]


@pytest.mark.parametrize("name", ["", *SERVICES])
async def test_serving_until_the_end(service: Service, name: str) -> None:
    check = HealthStub(service.channel).Check
    before = await check(HealthCheckRequest(service=name))
    service.closing.set()
    after = await check(HealthCheckRequest(service=name))
    assert before.status == HealthCheckResponse.SERVING
    assert after.status == HealthCheckResponse.NOT_SERVING


async def test_an_unknown_service_is_not_found(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await HealthStub(service.channel).Check(HealthCheckRequest(service="x"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_all_services_are_listed(service: Service) -> None:
    answer = await HealthStub(service.channel).List(HealthListRequest())
    assert set(answer.statuses) == {"", *SERVICES}


async def test_watchers_hear_of_the_end_and_are_let_go(service: Service) -> None:
    call = HealthStub(service.channel).Watch(HealthCheckRequest())
    first = await call.read()
    service.closing.set()
    last, end = await call.read(), await call.read()
    assert (first.status, last.status) == (
        HealthCheckResponse.SERVING,
        HealthCheckResponse.NOT_SERVING,
    )
    assert end is grpc.aio.EOF


async def test_watching_an_unknown_service_says_so(service: Service) -> None:
    call = HealthStub(service.channel).Watch(HealthCheckRequest(service="x"))
    assert (await call.read()).status == HealthCheckResponse.SERVICE_UNKNOWN
    call.cancel()


async def test_tools_can_ask_what_there_is(service: Service) -> None:
    call = ServerReflectionStub(service.channel).ServerReflectionInfo()
    await call.write(ServerReflectionRequest(list_services=""))
    listed = await call.read()
    await call.write(ServerReflectionRequest(file_containing_symbol="attune.v1.DecisionService"))
    described = await call.read()
    call.cancel()
    names = [s.name for s in listed.list_services_response.service]
    assert names == [*SERVICES, "grpc.reflection.v1alpha.ServerReflection"]
    assert described.file_descriptor_response.file_descriptor_proto


async def test_a_malformed_reflection_request_is_an_invalid_argument(service: Service) -> None:
    stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = service.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    )
    call = stream()
    await call.write(b"\xff")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
