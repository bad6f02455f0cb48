"""`attune offers --follow` beside a service that goes away and comes back."""

import asyncio
import json
import signal
import sys

from engine.triggers.outbox import Left
from tests.edges.grpc.conftest import running
from tests.edges.grpc.memory import MemoryEngine
from tests.messages import message


async def test_it_goes_on_behind_the_last_one_when_the_service_is_back() -> None:
    engine = MemoryEngine(left=[Left(1, message("e1"))])
    async with asyncio.timeout(60):
        async with running(engine) as service:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "engine", "offers", "--follow", "--format", "json"),
                *("--server", str(service.address)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            assert process.stdout is not None
            assert process.stderr is not None
            assert json.loads(await process.stdout.readline())["position"] == 1
        away = "attune: the service is away; going on behind position 1 when it is back\n"
        assert (await process.stderr.readline()).decode() == away
        engine.left.append(Left(2, message("e2")))
        async with running(engine, listen=service.address):
            assert json.loads(await process.stdout.readline())["position"] == 2
            process.send_signal(signal.SIGINT)
            assert await process.communicate() == (b"", b"")
            assert process.returncode == 0
