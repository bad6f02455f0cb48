"""The life of the server process: ready, draining, gone."""

import asyncio
import os
import re
import signal
import socket
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from engine.crew.port import held
from engine.edges.grpc.server import serving
from engine.errors import InvalidInput
from engine.settings import Address, Settings
from engine.telemetry import Metrics
from engine.wire.decision_pb2 import DecideRequest
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import Event, EventResult, Interaction, RecordEventsRequest
from engine.wire.event_pb2_grpc import EventServiceStub
from tests.edges.grpc.certificates import self_signed
from tests.edges.grpc.conftest import Service
from tests.edges.grpc.memory import MemoryEngine

pytestmark = pytest.mark.usefixtures("transport")

ROOT = Path(__file__).parents[3]
QUICK = DecideRequest(customer_id="anna", placements=["web.banner"])
SLOW = DecideRequest(customer_id="slow", placements=["web.banner"])


@dataclass(frozen=True)
class Process:
    """A running service process."""

    process: asyncio.subprocess.Process
    address: str


@asynccontextmanager
async def started(**environment: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.edges.grpc.serving"),
        cwd=ROOT,
        env=os.environ | {"ATTUNE_LISTEN": "127.0.0.1:0"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        ready = re.fullmatch(
            r"attune is ready on (127\.0\.0\.1:\d+) \(rule book 3f2a3f2a, 12 actions\)\n", line
        )
        assert ready, line
        yield Process(process, ready[1])
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def end(running: Process) -> int:
    return await asyncio.wait_for(running.process.wait(), 30)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_an_idle_service_in_order(sign: signal.Signals) -> None:
    async with started() as running, grpc.aio.insecure_channel(running.address) as channel:
        assert (await DecisionServiceStub(channel).Decide(QUICK, timeout=10)).decision_id
        running.process.send_signal(sign)
        assert await end(running) == 0


async def test_watchers_are_told_calls_in_flight_get_their_grace_and_no_more() -> None:
    async with (
        started(ATTUNE_GRACE="0.5") as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        watch = HealthStub(channel).Watch(HealthCheckRequest())
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        call = DecisionServiceStub(channel).Decide(SLOW)
        await DecisionServiceStub(channel).Decide(QUICK, timeout=10)
        running.process.send_signal(signal.SIGTERM)
        assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        assert await end(running) == 0


async def test_calls_are_taken_for_a_while_after_the_signal_and_health_says_no() -> None:
    async with (
        started(ATTUNE_LINGER="3") as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        watch = HealthStub(channel).Watch(HealthCheckRequest())
        await watch.read()
        running.process.send_signal(signal.SIGTERM)
        assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING
        checked = await HealthStub(channel).Check(HealthCheckRequest())
        assert checked.status == HealthCheckResponse.NOT_SERVING
        event = Event(event_id="e", customer_id="anna", interaction=Interaction(type="visit"))
        late = [
            EventServiceStub(channel).RecordEvents(RecordEventsRequest(events=[event]))
            for _ in range(12)
        ]
        for call in late:
            assert (await call).results[0].status != EventResult.STATUS_REJECTED
        assert await end(running) == 0


async def test_a_hang_up_has_the_rule_book_loaded_again_and_ends_nothing() -> None:
    async with started() as running, grpc.aio.insecure_channel(running.address) as channel:
        running.process.send_signal(signal.SIGHUP)
        assert running.process.stderr is not None
        assert b"the rule book is loaded again" in await running.process.stderr.readline()
        assert (await DecisionServiceStub(channel).Decide(QUICK, timeout=10)).decision_id


@pytest.mark.parametrize("waiting", ["ATTUNE_GRACE", "ATTUNE_LINGER"])
async def test_a_second_signal_ends_at_once(waiting: str) -> None:
    async with (
        started(**{waiting: "600"}) as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        watch = HealthStub(channel).Watch(HealthCheckRequest())
        await watch.read()
        call = DecisionServiceStub(channel).Decide(SLOW)
        await DecisionServiceStub(channel).Decide(QUICK, timeout=10)
        running.process.send_signal(signal.SIGTERM)
        await watch.read()
        running.process.send_signal(signal.SIGTERM)
        assert await end(running) == -signal.SIGTERM
        call.cancel()


async def test_metrics_are_served_where_asked() -> None:
    async with (
        started(ATTUNE_METRICS="127.0.0.1:0") as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        await DecisionServiceStub(channel).Decide(QUICK, timeout=10)
        assert running.process.stderr is not None
        said = (await asyncio.wait_for(running.process.stderr.readline(), 10)).decode()
        url = re.findall(r'"(http://[^"]+)"', said)[0]
        with await asyncio.to_thread(urllib.request.urlopen, url, timeout=10) as page:
            text = page.read().decode()
        ready = url.replace("/metrics", "/ready")
        with await asyncio.to_thread(urllib.request.urlopen, ready, timeout=10) as page:
            assert page.read() == b"yes\n"
    assert 'attune_decisions_total{channel="web"} 1.0' in text
    assert re.search(r"^attune_turn_seconds \d", text, re.MULTILINE)
    assert "attune_journal_backlog 7.0" in text


async def test_calls_in_flight_are_finished_before_the_end(service: Service) -> None:
    call = asyncio.ensure_future(DecisionServiceStub(service.channel).Decide(SLOW))
    await service.engine.started.wait()
    service.closing.set()
    service.engine.wait.set()
    assert (await call).decision_id


async def test_an_address_in_use_is_said_so(service: Service) -> None:
    with pytest.raises(
        InvalidInput, match=f"{service.address} cannot be listened on: Address already in use"
    ):
        async with serving(
            MemoryEngine(),
            Settings(transport=os.environ["ATTUNE_TRANSPORT"], listen=service.address),
            Metrics(),
            closing=asyncio.Event(),
        ):
            pass


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("listen", ["::", "0.0.0.0", "localhost"])
async def test_the_address_of_all_takes_callers_of_either_kind(listen: str, host: str) -> None:
    settings = Settings(transport=os.environ["ATTUNE_TRANSPORT"], listen=Address(listen, 0))
    async with (
        serving(MemoryEngine(), settings, Metrics(), closing=asyncio.Event()) as address,
        grpc.aio.insecure_channel(f"{host}:{address.port}") as channel,
    ):
        assert (await DecisionServiceStub(channel).Decide(QUICK, timeout=10)).decision_id


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 70 + ".invalid"])
async def test_a_host_nobody_knows_is_said_so(host: str) -> None:
    settings = Settings(transport=os.environ["ATTUNE_TRANSPORT"], listen=Address(host, 0))
    with pytest.raises(InvalidInput, match=f"listen: there is no host '{host}'"):
        async with serving(MemoryEngine(), settings, Metrics(), closing=asyncio.Event()):
            pass


async def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    async with (
        started(ATTUNE_TLS_CERT=str(cert), ATTUNE_TLS_KEY=str(key)) as running,
        grpc.aio.secure_channel(
            running.address, grpc.ssl_channel_credentials(cert.read_bytes())
        ) as channel,
    ):
        assert (await DecisionServiceStub(channel).Decide(QUICK, timeout=10)).decision_id


async def test_a_key_without_its_certificate_is_said_so(tmp_path: Path) -> None:
    settings = Settings(
        transport=os.environ["ATTUNE_TRANSPORT"],
        listen=Address("127.0.0.1", 0),
        tls_key=tmp_path / "key.pem",
    )
    with pytest.raises(InvalidInput, match="must be given together"):
        async with serving(MemoryEngine(), settings, Metrics(), closing=asyncio.Event()):
            pass


async def test_a_certificate_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    settings = Settings(
        listen=Address("127.0.0.1", 0), tls_cert=tmp_path / "no.pem", tls_key=tmp_path / "no.key"
    )
    with pytest.raises(InvalidInput, match="certificate cannot be read"):
        async with serving(MemoryEngine(), settings, Metrics(), closing=asyncio.Event()):
            pass


async def test_a_certificate_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    cert, key = self_signed(tmp_path / "one")
    _, other = self_signed(tmp_path / "other")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    for pair, said in (
        ((garbage, key), "are not a certificate chain and its unencrypted private key"),
        ((cert, garbage), "are not a certificate chain and its unencrypted private key"),
        ((cert, other), f"the key in {other} does not belong to the certificate in {cert}"),
    ):
        settings = Settings(
            transport=os.environ["ATTUNE_TRANSPORT"],
            listen=Address("127.0.0.1", 0),
            tls_cert=pair[0],
            tls_key=pair[1],
        )
        with pytest.raises(InvalidInput) as refused:
            async with serving(MemoryEngine(), settings, Metrics(), closing=asyncio.Event()):
                pass
        assert said in str(refused.value)
        assert "listened on" not in str(refused.value)


def sockets(running: Process) -> int:
    """How many sockets a process has open."""
    links = Path(f"/proc/{running.process.pid}/fd").iterdir()
    return sum(str(link.readlink()).startswith("socket:") for link in links)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_servers_that_share_a_port_share_the_callers() -> None:
    with held(Address("127.0.0.1", 0)) as address:
        shared = {"ATTUNE_LISTEN": str(address), "ATTUNE_SHARE_PORT": "yes"}
        async with started(**shared) as one, started(**shared) as two, AsyncExitStack() as stack:
            assert one.address == two.address == str(address)
            before = sockets(one), sockets(two)
            for number in range(24):
                channel = grpc.aio.insecure_channel(one.address, options=[("number", number)])
                await stack.enter_async_context(channel)
                assert (await DecisionServiceStub(channel).Decide(QUICK, timeout=10)).decision_id
            assert sockets(one) > before[0]
            assert sockets(two) > before[1]
