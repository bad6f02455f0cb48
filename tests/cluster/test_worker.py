"""Workers in processes of their own on a real Kafka and a real Redis, killed while they work."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from engine.edges.kafka.messages import Place, Record
from engine.edges.stream.group import Group
from engine.edges.stream.letters import Letter, decode_dead_letter, set_aside
from engine.model import SECOND, CustomerId, Event, Micros
from tests.cluster.traffic import traffic
from tests.cluster.workers import Cluster, cluster_on, examples, follows
from tests.happenings import interaction, update
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

PATIENCE = 200
SOAK = pytest.mark.soak, pytest.mark.timeout(1_800)
ADA = CustomerId("ada")


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


@pytest.fixture
async def workers() -> AsyncIterator[list["subprocess.Popen[str]"]]:
    """Those a test starts; ended with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for worker in started:
        with worker:
            worker.kill()


async def test_what_is_in_the_log_reaches_its_customer(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    workers.append(cluster.worker())
    await cluster.send([update("ada", at=SECOND, age=40), interaction("e1", at=2 * SECOND)])
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    ada = await cluster.customers.load(ADA)
    assert ada.attributes == {"age": 40}
    assert [past.event_id for past in ada.interactions] == ["e1"]


async def test_what_nobody_can_read_is_set_aside_and_holds_up_nothing(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    workers.append(cluster.worker())
    poison = [b"", b"\xff\xfe", b'\x00[1,"e",', b'\x02[9,"ada",1,{}]']
    await cluster.publisher.publish([Record(cluster.topics.events, b"ada", p) for p in poison])
    await cluster.send([interaction("e1", at=2 * SECOND)])
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    assert len((await cluster.customers.load(ADA)).interactions) == 1
    dead = [
        decode_dead_letter(value) for _, _, value in await cluster.read(cluster.topics.dead_letters)
    ]
    assert [letter.value for letter in dead] == poison
    assert all(letter.reason and letter.topic == cluster.topics.events for letter in dead)


async def attune(*words: str) -> str:
    """What a command says."""
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine", *words, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await command.communicate()
    assert command.returncode == 0
    return said.decode()


async def test_what_was_set_aside_is_listed_and_brought_back(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    workers.append(cluster.worker())
    await cluster.damage(ADA)
    await cluster.send([interaction(f"e{n}", at=(2 + n) * SECOND) for n in range(3)])
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    where = [
        "--stream",
        f"kafka://{cluster.kafka.bootstrap}",
        "--name",
        cluster.topics.installation,
    ]
    listed = [
        json.loads(line)
        for line in (await attune("dead-letter", "list", *where, "--format", "json")).splitlines()
    ]
    assert [(dead["offset"], dead["key"]) for dead in listed] == [(n, "ada") for n in range(3)]
    assert all("record of customer 'ada' in Redis is damaged" in dead["reason"] for dead in listed)
    assert "damaged" in await attune("dead-letter", "list", *where)
    from_one = await attune("dead-letter", "list", *where, "--from", "1", "--customer", "ada")
    assert len(from_one.splitlines()) == 4
    assert not await attune("dead-letter", "list", *where, "--customer", "bob")
    assert not await attune("dead-letter", "list", *where, "--reason", "burnt")

    await cluster.customers.forget(ADA)
    said = await attune("dead-letter", "replay", "--offset", "0", "--offset", "2", *where)
    assert said == "2 events are back in the log\n"
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    assert [past.event_id for past in (await cluster.customers.load(ADA)).interactions] == [
        "e0",
        "e2",
    ]
    said = await attune("dead-letter", "replay", *where)
    assert said.startswith(
        "1 event is back in the log\nleft out: 2 brought back or discarded before"
    )
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    assert len((await cluster.customers.load(ADA)).interactions) == 3
    assert not await attune("dead-letter", "list", *where)


async def test_what_is_discarded_is_open_no_more_and_poison_is_open_once(cluster: Cluster) -> None:
    topics, stream = cluster.topics, f"kafka://{cluster.kafka.bootstrap}"
    where = ["--stream", stream, "--name", topics.installation]
    poison, lesson = (
        set_aside(Letter(topic, Place(0, 7), b"ada", b"?", print), reason, topics.dead_letters)
        for topic, reason in ((topics.events, "unreadable"), (topics.lessons, "no lesson"))
    )
    stranger = Record(topics.dead_letters, b"", b"nobody's")
    await cluster.publisher.publish([poison, lesson, stranger])
    group = Group(cluster.kafka.bootstrap, topics.workers, topics)
    try:
        assert (await group.look()).dead == 2
        said = await attune("dead-letter", "replay", *where)
        assert said.startswith("1 event is back in the log\nleft out: 1 of the topic of lessons")
        assert await offsets(*where) == [1]
        await cluster.publisher.publish([poison])
        assert (await group.look()).dead == 2
        assert await attune("dead-letter", "discard", "--yes", "--reason", "no lesson", *where) == (
            "1 dead letter discarded\n"
        )
        assert (await group.look()).dead == len(await offsets(*where)) == 1
        assert (
            await attune("dead-letter", "discard", "--yes", *where) == "1 dead letter discarded\n"
        )
        assert (
            await attune("dead-letter", "discard", "--yes", *where) == "0 dead letters discarded\n"
        )
        assert (await group.look()).dead == 0
        listed = await attune("dead-letter", "list", "--all", *where)
        assert [word in listed for word in ("[replayed 20", "[discarded 20")] == [True, True]
        assert await attune("dead-letter", "replay", "--offset", "0", *where) == (
            "1 event is back in the log\n"
        )
    finally:
        await group.close()


async def test_nothing_is_discarded_that_nobody_confirms(cluster: Cluster) -> None:
    topics = cluster.topics
    letter = Letter(topics.events, Place(0, 7), b"ada", b"?", print)
    await cluster.publisher.publish([set_aside(letter, "unreadable", topics.dead_letters)])
    where = ["--stream", f"kafka://{cluster.kafka.bootstrap}", "--name", topics.installation]
    command = [sys.executable, "-m", "engine", "dead-letter", "discard", *where]
    ran = await asyncio.to_thread(
        subprocess.run,
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr == "attune: this discards 1 dead letter: say --yes if that is wanted\n"
    assert await offsets(*where) == [0]


async def offsets(*where: str) -> list[int]:
    """Of the dead letters that are listed."""
    listed = await attune("dead-letter", "list", *where, "--format", "json")
    return [json.loads(line)["offset"] for line in listed.splitlines()]


async def test_a_worker_that_is_asked_to_stop_finishes_and_leaves_no_lag(
    cluster: Cluster, workers: list["subprocess.Popen[str]"]
) -> None:
    worker = cluster.worker()
    workers.append(worker)
    await cluster.send(traffic(300, seed=5, now=now()))
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait) == 0
    assert worker.stdout is not None
    assert "attune worker has ended" in worker.stdout.read()
    assert (await cluster.weights() or pytest.fail("no weights")).next == (await cluster.taught())[
        0
    ].next


@pytest.mark.parametrize(
    ("count", "every"), [(4_000, 4_000), pytest.param(20_000, 4_000, marks=SOAK)]
)
async def test_workers_killed_at_work_lose_nothing_and_count_nothing_twice(
    cluster: Cluster, workers: list["subprocess.Popen[str]"], count: int, every: int
) -> None:
    log = traffic(count, seed=1, now=now(), customers=count // 40)
    workers += [cluster.worker(), cluster.worker()]
    for at in range(0, count, every):
        await asyncio.to_thread(follows, workers[-1])
        await cluster.settled()
        before = await cluster.marked()
        await cluster.send(log[at : at + every])
        while await cluster.marked() == before:
            pass
        workers[-2].kill()
        assert await cluster.lag()
        workers.append(cluster.worker())
    await cluster.settled()

    customers, lessons = await cluster.folded()
    assert not await cluster.differing(customers)
    pupil, learned = await cluster.taught()
    assert examples(learned) == examples(lessons)
    weights = await cluster.weights()
    assert weights is not None
    assert weights == pupil.weights()
    assert not await cluster.read(cluster.topics.dead_letters)
    assert await cluster.lag() == 0


async def test_workers_come_and_go_and_kafka_and_redis_restart_under_load(
    cluster: Cluster, workers: list["subprocess.Popen[str]"], kafka: Kafka, redis: Redis
) -> None:
    log = traffic(2_000, seed=3, now=now())
    workers += [cluster.worker(), cluster.worker()]
    await asyncio.to_thread(follows, workers[0])
    await cluster.send(log[:500])
    workers.append(cluster.worker())
    await cluster.send(log[500:1_000])
    await asyncio.to_thread(kafka.stop, signal.SIGKILL)
    await asyncio.to_thread(kafka.start)
    await cluster.send(log[1_000:1_500])
    workers[0].terminate()
    await asyncio.to_thread(redis.stop, signal.SIGKILL)
    await asyncio.to_thread(redis.start)
    await cluster.send(log[1_500:])
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()

    customers, lessons = await cluster.folded()
    assert not await cluster.differing(customers)
    pupil, learned = await cluster.taught()
    assert examples(learned) == examples(lessons)
    assert await cluster.weights() == pupil.weights()
    assert {event.event_id for event in log if isinstance(event, Event)} <= await cluster.applied(
        log
    )


async def test_a_redis_that_lost_everything_is_filled_again_from_the_log(
    cluster: Cluster, workers: list["subprocess.Popen[str]"], redis: Redis
) -> None:
    workers.append(cluster.worker())
    await cluster.send(traffic(600, seed=2, now=now()))
    async with asyncio.timeout(PATIENCE):
        await cluster.settled()
    before = await cluster.weights()
    redis.stop(signal.SIGKILL)
    redis.forget()
    redis.start()
    customers, lessons = await cluster.folded()
    async with asyncio.timeout(PATIENCE):
        await cluster.reached()
        while await cluster.differing(customers):
            pass
        await cluster.settled()
    _, learned = await cluster.taught()
    assert examples(learned) == examples(lessons)
    after = await cluster.weights()
    assert before is not None
    assert after is not None
    assert after.snapshot == before.snapshot


def now() -> Micros:
    """The time of day: workers forget ids by it."""
    return time.time_ns() // 1_000
