"""The agents alone, without brokers: they hand on letters and acknowledge nothing before it is done."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.edges.kafka.messages import Place
from engine.edges.kafka.topics import Topics
from engine.edges.stream.app import Agents, worker_app
from engine.edges.stream.letters import Letter


class Pile:
    """Letters taken, and none of them done."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def put(self, letter: Letter) -> None:
        self.letters.append(letter)


@pytest.fixture
def pile() -> Pile:
    return Pile()


@pytest.fixture
async def agents(pile: Pile) -> AsyncIterator[Agents]:
    made = worker_app("127.0.0.1:1", Topics("tried"), pile, pile)
    yield made
    made.app.consumer._thread.thread_loop.close()  # type: ignore[attr-defined]  # its thread never ran


@pytest.mark.parametrize("name", ["events", "lessons"])
async def test_an_agent_hands_on_the_bytes_and_where_they_stand(
    agents: Agents, pile: Pile, name: str
) -> None:
    async with getattr(agents, name).test_context() as agent:
        for value in (b"\x00[1]", b""):
            await agent.put(value, key=b"ada", partition=3)
    told = [(letter.place, letter.key, letter.value) for letter in pile.letters]
    assert told == [(Place(3, 0), b"ada", b"\x00[1]"), (Place(3, 1), b"ada", b"")]


async def test_a_letter_is_acknowledged_when_it_is_done_and_not_before(
    agents: Agents, pile: Pile
) -> None:
    async with agents.events.test_context() as agent:
        event = await agent.put(b"\x00[1]", key=b"ada")
        assert not event.message.acked
        pile.letters[0].done()
        assert event.message.refcount == 0


async def test_workers_of_one_installation_share_its_log(agents: Agents) -> None:
    assert agents.app.conf.id == "tried.workers"
    assert str(agents.app.conf.processing_guarantee.value) == "at_least_once"
    assert agents.events.concurrency == agents.lessons.concurrency == 1


async def test_nothing_is_made_in_the_folder_it_is_started_in(
    agents: Agents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await agents.app.on_first_start()
    assert not await asyncio.to_thread(os.listdir, tmp_path)
