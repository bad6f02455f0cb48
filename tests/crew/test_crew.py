"""A crew of real processes on one port: they share it, are started again, and end together."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.crew.crew import Crew, NotStarted
from engine.crew.members import Member
from engine.crew.port import held
from engine.edges.http2.sending import Limits
from engine.edges.http2.server import Server
from engine.errors import InvalidInput
from engine.settings import Address

SERVER = Path(__file__).with_name("server.py")


@pytest.fixture
def port() -> Iterator[int]:
    with held(Address("127.0.0.1", 0)) as address:
        yield address.port


def member(number: int, port: int, behaviour: str = "sound") -> Member:
    return Member(number, (sys.executable, str(SERVER), str(port), behaviour), dict(os.environ))


@asynccontextmanager
async def at_work(crew: Crew) -> AsyncIterator[None]:
    ready = asyncio.Event()
    running = asyncio.create_task(crew.run(ready.set))
    await asyncio.wait([running, asyncio.create_task(ready.wait())], return_when="FIRST_COMPLETED")
    if running.done():
        await running
    try:
        yield
    finally:
        crew.stop()
        await running


async def answered(port: int, calls: int) -> set[int]:
    """The processes that answered so many calls."""
    found = set()
    for _ in range(calls):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found.add(int(await reader.read()))
        writer.close()
        await writer.wait_closed()
    return found


def running(crew: Crew) -> set[int]:
    return {each.process.pid for each in crew.standings.values() if each.process is not None}


async def until(crew: Crew, others_than: set[int], count: int) -> None:
    """Waits until so many servers are ready, none of them one of those."""
    while (  # noqa: ASYNC110 -- other processes, which set no event here
        sum(each.is_ready for each in crew.standings.values()) < count
        or running(crew) & others_than
    ):
        await asyncio.sleep(0.01)


async def test_callers_are_spread_over_the_servers_and_all_end_together(port: int) -> None:
    crew = Crew([member(n, port) for n in (1, 2, 3)], patience=30)
    async with at_work(crew):
        servers = running(crew)
        assert len(servers) == 3
        assert await answered(port, 200) == servers
    for pid in servers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not running(crew)


async def test_a_killed_server_is_started_again_while_the_others_go_on(port: int) -> None:
    crew = Crew([member(1, port), member(2, port)], patience=30)
    async with at_work(crew):
        before = running(crew)
        killed = crew.standings[2].process
        assert killed is not None
        killed.kill()
        await until(crew, {killed.pid}, 2)
        assert crew.standings[1].restarts == 0
        assert crew.standings[2].restarts == 1
        assert len(running(crew) & before) == 1
        assert await answered(port, 100) == running(crew)


async def test_a_crew_that_cannot_start_ends_and_says_so(port: int) -> None:
    crew = Crew([member(1, port), member(2, port, "broken")], patience=30)
    with pytest.raises(NotStarted, match="server 2 could not be started"):
        await crew.run(lambda: pytest.fail("it is not ready"))
    assert not running(crew)


async def test_one_that_does_not_end_is_killed(port: int) -> None:
    crew = Crew([member(1, port, "stubborn")], patience=0.1)
    async with at_work(crew):
        (pid,) = running(crew)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_crew_is_ready_while_all_of_its_servers_are(port: int) -> None:
    crew = Crew([member(1, port), member(2, port)], patience=20)
    assert crew.unready() == "not ready: server 1, 2"
    async with at_work(crew):
        assert crew.unready() == ""
        crew.stop()
        assert crew.unready() == "the servers have been asked to stop"


async def test_a_crew_asked_to_stop_while_it_starts_ends(port: int) -> None:
    crew = Crew([member(1, port), member(2, port)], patience=30)
    crew.stop()
    await crew.run(lambda: pytest.fail("it is not ready"))
    assert not running(crew)


async def test_a_reload_reaches_every_server(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    crew = Crew([member(1, port), member(2, port)], patience=30)
    said = ""
    async with at_work(crew):
        crew.tell(signal.SIGHUP)
        while said.count("reloaded") < 2:
            await asyncio.sleep(0.01)
            said += capfd.readouterr().err
        assert len(running(crew)) == 2


def test_a_port_that_is_held_can_be_shared_and_not_taken() -> None:
    with held(Address("127.0.0.1", 0)) as address:
        place = (address.host, address.port)
        with socket.create_server(place, reuse_port=True):
            pass
        with pytest.raises(OSError, match="in use"):
            socket.create_server(place)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
async def test_servers_listen_on_a_port_that_is_held_wherever_that_is(host: str) -> None:
    with held(Address(host, 0)) as address:
        servers = [Server(Limits(1_024)) for _ in range(2)]
        try:
            for server in servers:
                assert await server.listen([host], address.port, shared=True) == address.port
        finally:
            for server in servers:
                await server.stop(0)


def test_a_port_of_somebody_else_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(InvalidInput, match=r"listen: .* cannot be listened on"), held(place):
            pass
