"""What a hostile or broken client sends is answered by a status that tells nothing of the inside."""

import asyncio
import io
import logging
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_status.rpc_status import from_call

from engine import errors
from engine.edges.grpc.gate import Gate
from engine.edges.grpc.status import _CODES, refusal_of
from engine.errors import AttuneError
from engine.telemetry import Metrics, set_up_logs
from engine.wire.decision_pb2 import DecideRequest
from tests.edges.grpc.conftest import Service
from tests.edges.grpc.memory import SECRET

DECIDE = "/attune.v1.DecisionService/Decide"
METHODS = (
    DECIDE,
    "/attune.v1.EventService/RecordEvents",
    "/attune.v1.CustomerService/PutCustomers",
    "/attune.v1.CustomerService/GetCustomer",
    "/attune.v1.RuleBookService/GetRuleBookStatus",
    "/attune.v1.RuleBookService/CheckRuleBook",
    "/grpc.health.v1.Health/Check",
)
QUESTION = DecideRequest(customer_id="anna", placements=["web.home_hero"])
RAW = QUESTION.SerializeToString()


def raw_call(service: Service, method: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    """A method called with bytes as they are."""
    return service.channel.unary_unary(method)


async def refused(service: Service, method: str, raw: bytes, **how: Any) -> grpc.aio.AioRpcError:
    """The error of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(service, method)(raw, **({"timeout": 10} | how))
    assert SECRET not in str(caught.value)
    return caught.value


def details(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """The field violations the error carries."""
    status = from_call(error)
    assert status is not None
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    bad = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(bad)
    return {violation.field: violation.description for violation in bad.field_violations}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "raw",
    [b"\xff\xff\xff\xff", b"\x0a\x7f", b"\x0a", b"\x0b" * 200, RAW[:-3]],
    ids=["garbage", "short field", "no length", "open groups", "truncated"],
)
async def test_malformed_bytes_are_an_invalid_argument(
    service: Service, method: str, raw: bytes
) -> None:
    error = await refused(service, method, raw)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "malformed" in str(error.details())


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (DECIDE, b"\x12\x02\xff\xfe"),
        (DECIDE, b"\x22\x02\xc3\x28"),
        (DECIDE, b"\x2a\x06\x0a\x02\xff\xfe\x12\x00"),
        ("/attune.v1.CustomerService/GetCustomer", b"\x0a\x01\x80"),
    ],
)
async def test_text_that_is_not_utf8_is_malformed(
    service: Service, method: str, raw: bytes
) -> None:
    assert (await refused(service, method, raw)).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_field_of_the_wrong_wire_type_counts_as_missing(service: Service) -> None:
    error = await refused(service, DECIDE, b"\x10\x05")
    assert "customer_id" in details(error)


async def test_random_damage_never_ends_in_unknown_or_internal(service: Service) -> None:
    chance, codes = random.Random(20261121), Counter[str]()
    call = raw_call(service, DECIDE)
    for _ in range(600):
        raw = bytearray(RAW)
        for _ in range(chance.randint(1, 6)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            await call(bytes(raw), timeout=10)
            codes["OK"] += 1
        except grpc.aio.AioRpcError as error:
            codes[error.code().name] += 1
    assert set(codes) == {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}


async def test_a_fault_is_internal_with_an_id_and_nothing_else(service: Service) -> None:
    error = await refused(
        service,
        DECIDE,
        DecideRequest(customer_id="crash", placements=["web.banner"]).SerializeToString(),
    )
    assert error.code() is grpc.StatusCode.INTERNAL
    assert str(error.details()).startswith("internal error ")
    assert from_call(error) is None


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged, as JSON; logging is as before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logs("json", stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_the_log_tells_the_fault_under_its_id_without_local_variables(
    service: Service, log: io.StringIO
) -> None:
    error = await refused(
        service,
        DECIDE,
        DecideRequest(customer_id="crash", placements=["web.banner"]).SerializeToString(),
    )
    fault = str(error.details()).split()[2].rstrip(";")
    logged = log.getvalue()
    assert fault in logged
    assert SECRET in logged
    assert "'locals'" not in logged
    assert '"locals"' not in logged


async def test_a_log_that_cannot_be_written_does_not_become_the_answer(
    service: Service, log: io.StringIO
) -> None:
    log.close()
    raw = DecideRequest(customer_id="crash", placements=["web.banner"]).SerializeToString()
    assert (await refused(service, DECIDE, raw)).code() is grpc.StatusCode.INTERNAL


async def test_a_cancellation_inside_the_engine_is_a_fault_and_not_a_hang(
    service: Service,
) -> None:
    raw = DecideRequest(customer_id="inner_cancel", placements=["web.banner"]).SerializeToString()
    assert (await refused(service, DECIDE, raw)).code() is grpc.StatusCode.INTERNAL


async def test_overload_says_when_to_come_back(service: Service) -> None:
    raw = DecideRequest(customer_id="overload", placements=["web.banner"]).SerializeToString()
    error = await refused(service, DECIDE, raw)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    retry, status = error_details_pb2.RetryInfo(), from_call(error)
    assert status is not None
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1500


async def test_a_broken_disk_is_unavailable(service: Service) -> None:
    raw = DecideRequest(customer_id="broken_disk", placements=["web.banner"]).SerializeToString()
    assert (await refused(service, DECIDE, raw)).code() is grpc.StatusCode.UNAVAILABLE


async def test_what_is_larger_than_the_limit_is_resource_exhausted(service: Service) -> None:
    error = await refused(service, DECIDE, b"x" * 300_000)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_what_unpacks_to_more_than_the_limit_is_resource_exhausted(
    service: Service,
) -> None:
    error = await refused(service, DECIDE, b"\0" * 5_000_000, compression=grpc.Compression.Gzip)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_just_under_the_limit_is_read(service: Service) -> None:
    raw = RAW + DecideRequest(placements=["x" * 200_000]).SerializeToString()
    assert (await refused(service, DECIDE, raw)).code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("size", [20_000, 90_000])
async def test_metadata_without_measure_end_their_call_and_no_other(
    service: Service, size: int
) -> None:
    slow = DecideRequest(customer_id="slow", placements=["web.banner"]).SerializeToString()
    other = raw_call(service, DECIDE)(slow, timeout=10)
    await service.engine.started.wait()
    error = await refused(service, DECIDE, RAW, metadata=(("x", "y" * size),))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    service.engine.wait.set()
    assert await other


@pytest.mark.parametrize("method", ["/attune.v1.DecisionService/Guess", "/other.Service/Decide"])
async def test_unknown_methods_are_unimplemented(service: Service, method: str) -> None:
    assert (await refused(service, method, RAW)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_thousand_mistakes_still_come_back_as_an_invalid_argument(
    service: Service,
) -> None:
    request = DecideRequest(customer_id="anna", placements=["web.banner"])
    for i in range(990):
        request.context["ü" * 60 + str(i)].int_value = i
    error = await refused(service, DECIDE, request.SerializeToString())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(error.details()).startswith("990 fields are wrong (the first ")
    assert 5 < len(details(error)) < 990


async def test_a_flood_of_attributes_is_one_mistake(service: Service) -> None:
    request = DecideRequest(customer_id="anna", placements=["web.banner"])
    for i in range(5_000):
        request.context[str(i)].int_value = i
    error = await refused(service, DECIDE, request.SerializeToString())
    assert details(error) == {"context": "has 5,000 attributes; at most 1,000 are taken"}


async def test_a_cancelled_call_is_cancelled_in_the_engine(service: Service) -> None:
    raw = DecideRequest(customer_id="slow", placements=["web.banner"]).SerializeToString()
    call = raw_call(service, DECIDE)(raw)
    await service.engine.started.wait()
    call.cancel()
    await asyncio.wait_for(service.engine.cancelled.wait(), 10)
    assert service.engine.at_work == 0


async def test_a_call_past_its_deadline_is_cancelled_in_the_engine(service: Service) -> None:
    raw = DecideRequest(customer_id="slow", placements=["web.banner"]).SerializeToString()
    error = await refused(service, DECIDE, raw, timeout=0.05)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(service.engine.cancelled.wait(), 10)


class Late:
    """The context grpc gives to a call that was taken up after its deadline."""

    ended: grpc.StatusCode | None = None

    def time_remaining(self) -> float:
        return 0.0

    async def abort(self, code: grpc.StatusCode, details: str, trailers: object) -> None:
        self.ended = code
        raise grpc.aio.AbortError


async def test_a_call_whose_deadline_has_passed_is_not_taken_up() -> None:
    def decide(request: DecideRequest, remaining: float | None) -> bytes:
        raise AssertionError("taken up")

    late, metrics = Late(), Metrics()
    with pytest.raises(grpc.aio.AbortError):
        await Gate(metrics).prompt("Decide", DecideRequest, decide).call(RAW, late)  # type: ignore[arg-type]  # of its kind as much as is needed
    assert late.ended is grpc.StatusCode.DEADLINE_EXCEEDED
    assert metrics.errors == {("Decide", "DEADLINE_EXCEEDED"): 1}


def test_every_error_of_the_tree_has_a_status() -> None:
    tree = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, AttuneError) and kind is not AttuneError
    }
    assert tree == set(_CODES)


def test_an_error_that_nobody_listed_is_internal() -> None:
    class Unlisted(AttuneError):
        pass

    assert refusal_of(Unlisted("new")).code is grpc.StatusCode.INTERNAL
