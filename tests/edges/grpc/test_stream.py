"""DecideStream: many questions at once, each answered by itself, whatever becomes of the others."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from google.rpc.code_pb2 import INTERNAL, INVALID_ARGUMENT, NOT_FOUND
from google.rpc.error_details_pb2 import BadRequest

from engine.wire.decision_pb2 import DecideRequest, DecideStreamRequest, DecideStreamResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from tests.edges.grpc.conftest import Service, running
from tests.edges.grpc.memory import SECRET, MemoryEngine

STREAM = "/attune.v1.DecisionService/DecideStream"


def question(
    request_id: str, customer_id: str = "anna", *, explain: bool = False, **more: Any
) -> DecideStreamRequest:
    request = DecideRequest(
        request_id=request_id,
        customer_id=customer_id,
        placements=["web.banner"],
        explain=explain,
    )
    return DecideStreamRequest(request=request, **more)


async def test_answers_are_matched_by_request_id(service: Service) -> None:
    call = DecisionServiceStub(service.channel).DecideStream()
    for i in range(20):
        await call.write(question(f"r{i}"))
    await call.done_writing()
    answers = [answer async for answer in call]
    assert {a.request_id: a.response.request_id for a in answers} == {
        f"r{i}": f"r{i}" for i in range(20)
    }
    assert await call.code() is grpc.StatusCode.OK


async def test_a_question_that_waits_does_not_hold_up_the_others(service: Service) -> None:
    call = DecisionServiceStub(service.channel).DecideStream()
    await call.write(question("waits", "slow"))
    await service.engine.started.wait()
    await call.write(question("quick"))
    first = await answer_of(call)
    service.engine.wait.set()
    second = await answer_of(call)
    assert [first.request_id, second.request_id] == ["quick", "waits"]
    call.cancel()


async def test_each_of_many_questions_gets_its_own_answer_among_slow_ones(
    service: Service,
) -> None:
    call = DecisionServiceStub(service.channel).DecideStream()
    slow = range(0, 2_000, 50)
    for i in range(2_000):
        await call.write(question(f"r{i}", "slow" if i in slow else f"customer-{i}"))
    quick = [await answer_of(call) for _ in range(2_000 - len(slow))]
    service.engine.wait.set()
    late = [await answer_of(call) for _ in slow]
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert {a.request_id for a in late} == {f"r{i}" for i in slow}
    assert len({a.request_id for a in quick} - {a.request_id for a in late}) == len(quick)
    assert all(a.request_id == a.response.request_id for a in quick + late)


async def test_who_repeats_a_question_while_it_is_explained_gets_the_same_explanation(
    service: Service,
) -> None:
    calls = [DecisionServiceStub(service.channel).DecideStream() for _ in range(3)]
    for call in calls:
        for _ in range(2):
            await call.write(question("r1", "slow", explain=True))
    await service.engine.started.wait()
    service.engine.wait.set()
    answers = [(await answer_of(call)).response for call in calls for _ in range(2)]
    assert answers[0].trace.candidates
    assert all(answer == answers[0] for answer in answers)
    for call in calls:
        call.cancel()


async def test_who_takes_no_answers_is_asked_no_more_until_they_do(service: Service) -> None:
    many, narrow = 1_000, [("grpc.http2.bdp_probe", 0), ("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.aio.insecure_channel(str(service.address), options=narrow)
    call = DecisionServiceStub(channel).DecideStream()
    for i in range(many):
        await call.write(question(f"r{i}", explain=True))
    known, others = -1, DecisionServiceStub(channel)
    while known != (known := len(service.engine.questions)):
        for _ in range(20):
            await others.Decide(DecideRequest(customer_id="anna", placements=["web.banner"]))
            service.engine.questions.pop()
    assert known < many
    assert {(await answer_of(call)).request_id for _ in range(many)} == {
        f"r{i}" for i in range(many)
    }
    await channel.close()


async def test_bad_questions_are_answered_and_never_end_the_stream(service: Service) -> None:
    stream: grpc.aio.StreamStreamMultiCallable[bytes, DecideStreamResponse] = (
        service.channel.stream_stream(STREAM, response_deserializer=DecideStreamResponse.FromString)
    )
    call = stream()
    unknown_place = DecideRequest(request_id="r3", customer_id="anna", placements=["web.nowhere"])
    for raw in (
        b"\xff\xff\xff",
        DecideStreamRequest().SerializeToString(),
        question("").SerializeToString(),
        question("r1", budget_ms=-1).SerializeToString(),
        question("r2", "crash").SerializeToString(),
        DecideStreamRequest(request=unknown_place).SerializeToString(),
        question("r4").SerializeToString(),
    ):
        await call.write(raw)
    answers = [await answer_of(call) for _ in range(7)]
    assert [(a.request_id, a.status.code) for a in answers] == [
        ("", INVALID_ARGUMENT),
        ("", INVALID_ARGUMENT),
        ("", INVALID_ARGUMENT),
        ("r1", INVALID_ARGUMENT),
        ("r2", INTERNAL),
        ("r3", NOT_FOUND),
        ("r4", 0),
    ]
    assert fields(answers[1]) == {"request_id", "customer_id", "placements"}
    assert fields(answers[2]) == {"request_id"}
    assert fields(answers[3]) == {"budget_ms"}
    assert SECRET not in str(answers[4])
    assert answers[6].response.token
    call.cancel()


async def answer_of(
    call: "grpc.aio.StreamStreamCall[Any, DecideStreamResponse]",
) -> DecideStreamResponse:
    """The next answer; the stream must not be over."""
    answer = await call.read()
    assert isinstance(answer, DecideStreamResponse)
    return answer


def fields(answer: DecideStreamResponse) -> set[str]:
    bad = BadRequest()
    assert answer.status.details[0].Unpack(bad)
    return {violation.field for violation in bad.field_violations}


async def test_questions_that_wait_fail_by_themselves_too(service: Service) -> None:
    call = DecisionServiceStub(service.channel).DecideStream()
    service.engine.book, book = None, service.engine.book
    await call.write(question("r1"))
    refused = await answer_of(call)
    service.engine.book = book
    await call.write(question("r2", "slow"))
    await service.engine.started.wait()
    service.engine.book = None
    service.engine.wait.set()
    late = await answer_of(call)
    assert refused.status.code == late.status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    call.cancel()


@pytest.mark.usefixtures("transport")
async def test_only_so_many_questions_wait_at_once() -> None:
    async with running(MemoryEngine(), stream_limit=3) as service:
        call = DecisionServiceStub(service.channel).DecideStream()
        for i in range(10):
            await call.write(question(f"r{i}", "slow"))
        await call.done_writing()
        await service.engine.started.wait()
        service.engine.wait.set()
        answers = [answer async for answer in call]
    assert len(answers) == 10
    assert service.engine.most_at_work <= 3


async def test_each_question_has_its_own_budget(service: Service) -> None:
    call = DecisionServiceStub(service.channel).DecideStream(timeout=500)
    before = time.monotonic()
    await call.write(question("r1", budget_ms=30_000))
    await call.read()
    await call.write(question("r2"))
    await call.read()
    after = time.monotonic()
    given, default = service.engine.deadlines
    assert before + 30 - 0.002 <= given <= after + 30 - 0.002
    assert before + 0.1 - 0.002 <= default <= after + 0.1 - 0.002
    call.cancel()


async def test_a_caller_who_leaves_takes_their_questions_along(service: Service) -> None:
    call = DecisionServiceStub(service.channel).DecideStream()
    await call.write(question("r1", "slow"))
    await service.engine.started.wait()
    call.cancel()
    await asyncio.wait_for(service.engine.cancelled.wait(), 10)
    assert service.engine.at_work == 0


async def test_a_caller_who_leaves_in_the_middle_of_an_answer_is_no_fault(
    service: Service,
) -> None:
    for _ in range(5):
        channel = grpc.aio.insecure_channel(
            str(service.address), options=[("grpc.use_local_subchannel_pool", 1)]
        )
        call = DecisionServiceStub(channel).DecideStream()
        for i in range(200):
            await call.write(question(f"r{i}"))
        await channel.close()
    quick = DecideRequest(customer_id="anna", placements=["web.banner"])
    await DecisionServiceStub(service.channel).Decide(quick, timeout=10)
    assert service.metrics.errors == {}


async def test_a_message_over_the_limit_ends_the_stream(service: Service) -> None:
    stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = service.channel.stream_stream(STREAM)
    call = stream()
    await call.write(b"x" * 300_000)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_when_the_service_stops_the_stream_ends_after_what_was_asked(
    service: Service,
) -> None:
    call = DecisionServiceStub(service.channel).DecideStream()
    await call.write(question("r1", "slow"))
    await service.engine.started.wait()
    service.closing.set()
    service.engine.wait.set()
    assert (await answer_of(call)).response.decision_id
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
