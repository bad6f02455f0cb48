import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.codec import decode_customer
from engine.edges.journal.database import DataDirectory
from engine.edges.state.embedded import Embedded, Limits
from engine.edges.state.names import JOURNAL
from engine.edges.state.rebuild import digest
from engine.errors import StorageError
from engine.model import DAY, Customer, CustomerId, DecisionId, Event, EventId, EventStatus
from tests.edges.state.tally import Tally, rebuilt, recovered, store_at
from tests.happenings import decision, exposure, interaction, response, update

ACCEPTED, DUPLICATE = EventStatus.ACCEPTED, EventStatus.DUPLICATE
ADA = CustomerId("ada")


def journey(start: int, count: int, customers: int = 7) -> list[Event]:
    """Impressions, clicks and accepts of some customers, and calls in between."""
    events = []
    for n in range(start, start + count):
        who = f"c{n % customers}"
        offer = exposure(f"d{n // 3}", at=n // 3)
        steps = [("impression", 0.0), ("click", 0.2), ("accept", 1.0)]
        outcome, reward = steps[n % 3]
        events += [
            response(f"e{n}", who, outcome=outcome, reward=reward, at=n, to=offer),
            interaction(f"i{n}", who, at=n),
        ]
    return events


async def test_what_is_appended_is_applied_and_taught_in_order(tmp_path: Path) -> None:
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        await store.append([update(age=40), response(outcome="click", reward=0.2)])
        await store.append([response("e2", outcome="accept", reward=1.0)])
        await store.settled()
        customer = store.known(ADA)
        assert customer is not None
        assert customer.attributes == {"age": 40}
        assert customer.counts == {"click": 1, "accept": 1}
        assert tally.sums == {"bundle": 1.0}
        assert store.backlog == 0


async def test_somebody_unknown_is_a_fresh_customer(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        assert store.known(ADA) is None
        assert await store.load(ADA) == Customer(ADA)
        assert store.known(ADA) is await store.load(ADA)


async def test_a_duplicate_changes_nothing_also_after_a_restart(tmp_path: Path) -> None:
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        await store.append([interaction()])
    async with store_at(tmp_path, tally) as store:
        assert await store.append([interaction(), interaction("e2")]) == [DUPLICATE, ACCEPTED]
        await store.settled()
        assert len((await store.load(ADA)).interactions) == 2


@pytest.mark.parametrize("every", [1, 10, 1_000])
@pytest.mark.parametrize("at_hand", [1, 3])
async def test_restarts_lead_to_the_state_of_the_log(
    tmp_path: Path, every: int, at_hand: int
) -> None:
    limits = Limits(customers=3, at_hand=at_hand, checkpoint_entries=every, checkpoint_seconds=None)
    tally = Tally()
    for start in range(0, 60, 20):
        restarted = Tally()
        async with store_at(tmp_path, restarted, limits) as store:
            assert restarted.snapshot() == tally.snapshot() or start == 0
            await store.append(journey(start, 20))
        tally = restarted
    from_log, learned = rebuilt(tmp_path)
    kept, learned_kept = recovered(tmp_path)
    assert kept == from_log
    assert learned == learned_kept == tally.snapshot()
    assert digest(kept.customers.values()) == digest(from_log.customers.values())
    assert len(from_log.customers) == 7


async def test_closing_writes_a_checkpoint_so_that_a_start_has_nothing_to_replay(
    tmp_path: Path,
) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append(journey(0, 5))
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
        (at,) = database.execute("SELECT seq FROM checkpoint").fetchone()
        (last,) = database.execute("SELECT max(seq) FROM entries").fetchone()
    assert at == last == 11


async def test_the_disk_holds_what_the_checkpoint_saw_not_what_came_after(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([update("ada", age=40), update("bob", age=50)])
        await store.settled()
        saving = asyncio.create_task(store.checkpoint())
        await store.append([update("ada", at=2_000, age=41)])
        await store.settled()
        await saving
        with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
            rows = database.execute("SELECT body FROM customers").fetchall()
        ages = {(c := decode_customer(body)).customer_id: c.attributes["age"] for (body,) in rows}
        assert ages == {"ada": 40, "bob": 50}
        assert (await store.load(ADA)).attributes == {"age": 41}


async def test_a_checkpoint_is_due_after_so_many_entries(tmp_path: Path) -> None:
    limits = Limits(checkpoint_entries=10, checkpoint_seconds=None)
    async with store_at(tmp_path, Tally(), limits) as store:
        await store.append(journey(0, 10))
        await store.settled()
        await store.checkpoint()
        with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
            assert database.execute("SELECT seq FROM checkpoint").fetchone() == (21,)


async def test_memory_is_bounded_by_the_customers_without_unsaved_changes(tmp_path: Path) -> None:
    limits = Limits(customers=10, checkpoint_seconds=None)
    async with store_at(tmp_path, Tally(), limits) as store:
        await store.append([update(f"c{n}", age=n) for n in range(100)])
        await store.settled()
        assert all(store.known(CustomerId(f"c{n}")) is not None for n in range(100))
        await store.checkpoint()
        for n in range(100, 140):
            await store.load(CustomerId(f"c{n}"))
        assert sum(store.known(CustomerId(f"c{n}")) is not None for n in range(140)) == 10
        for n in range(100):
            assert (await store.load(CustomerId(f"c{n}"))).attributes == {"age": n}


@pytest.mark.parametrize(("customers", "at_hand"), [(2, 2), (6, 2), (50, 1)])
async def test_loads_race_with_events_and_lose_nothing(
    tmp_path: Path, customers: int, at_hand: int
) -> None:
    limits = Limits(customers, at_hand, checkpoint_entries=25, checkpoint_seconds=None)
    tally = Tally()
    async with store_at(tmp_path, tally, limits) as store:

        async def tell(start: int) -> None:
            for n in range(start, 300, 3):
                assert await store.append([interaction(f"e{n}", f"c{n % 10}", at=n)]) == [ACCEPTED]

        async def look(start: int) -> None:
            for n in range(start, 600):
                customer = await store.load(CustomerId(f"c{n * 7 % 10}"))
                seen = store.known(customer.customer_id)
                assert seen is None or seen is customer or seen.revision >= customer.revision

        await asyncio.gather(tell(0), tell(1), tell(2), *(look(n) for n in range(4)))
        await store.settled()
        from_log, _ = rebuilt(tmp_path)
        for customer_id, customer in from_log.customers.items():
            assert await store.load(customer_id) == customer
            assert len(customer.interactions) == 30


async def test_loads_of_the_same_customer_share_one_object(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        first, second = await asyncio.gather(store.load(ADA), store.load(ADA))
        assert first is second


async def test_a_load_under_way_meets_the_event_that_is_applied(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([update(age=40)])
    async with store_at(tmp_path, Tally()) as store:
        loading = asyncio.create_task(store.load(ADA))
        await store.append([update(at=2_000, age=41)])
        await store.settled()
        assert (await loading) is store.known(ADA)
        assert (await loading).attributes == {"age": 41}


async def test_an_entry_that_cannot_be_taught_does_not_hold_up_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = exposure("d9", features=[object.__name__])
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        unknown = Event(
            interaction().event_id,
            ADA,
            5,
            response(to=odd).body,
        )
        object.__setattr__(odd, "schema", "never noted")
        await store.append([unknown, interaction("e2")])
        await store.settled()
        assert len((await store.load(ADA)).interactions) == 1
    assert "entry 2 of the log is passed over" in caplog.text
    assert recovered(tmp_path) == rebuilt(tmp_path)


async def test_a_schema_is_noted_once_and_registered_before_its_lessons(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await asyncio.gather(*(store.note_schema("s2", {"digest": "s2"}) for _ in range(5)))
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        await store.note_schema("s2", {"digest": "s2"})
        assert tally.schemas == ["s1", "s2"]
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
        assert database.execute("SELECT count(*) FROM entries WHERE kind = 3").fetchone() == (2,)


async def test_decisions_are_recorded_and_found_after_a_restart(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        assert store.record(decision("d1", request_id="r1", at=10))
        assert await store.decision(DecisionId("d1")) is not None
    async with store_at(tmp_path, Tally()) as store:
        record = await store.decision(DecisionId("d1"))
        assert repr(record) == repr(decision("d1", request_id="r1", at=10))
        assert [request.request_id for request in await store.recent_requests(0)] == ["r1"]


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()):
        with pytest.raises(StorageError, match="in use by process"):
            async with store_at(tmp_path, Tally()):
                pass
    async with store_at(tmp_path, Tally()):
        pass


async def test_a_damaged_journal_is_refused_and_the_directory_let_go(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(b"no database" * 1_000)
    for _ in range(2):
        with pytest.raises(StorageError, match="is damaged"):
            async with store_at(tmp_path, Tally()):
                pass


async def test_a_closed_store_takes_and_gives_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        pass
    with pytest.raises(StorageError, match="closed"):
        await store.append([interaction()])
    with pytest.raises(StorageError, match="closed"):
        await store.load(ADA)
    await store.close()


async def test_closing_waits_for_what_is_under_way(tmp_path: Path) -> None:
    tally = Tally()
    async with store_at(tmp_path, tally) as store:
        calls = [asyncio.create_task(store.append([e])) for e in journey(0, 50)]
        await asyncio.sleep(0)
    assert [await call for call in calls] == [[ACCEPTED]] * 100
    assert recovered(tmp_path)[1] == tally.snapshot() == rebuilt(tmp_path)[1]


async def test_old_ids_are_forgotten_at_a_checkpoint(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([interaction("old", at=0)])
    async with store_at(tmp_path, Tally(), now=20 * DAY) as store:
        await store.append([interaction("new", at=20 * DAY)])
        await store.settled()
        await store.checkpoint()
        with closing(sqlite3.connect(tmp_path / JOURNAL)) as database:
            assert database.execute("SELECT event_id FROM event_ids").fetchall() == [("new",)]


async def test_a_start_that_is_broken_off_leaves_the_directory_free(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([interaction()])

    def break_off(_: bytes) -> None:
        raise asyncio.CancelledError

    tally = Tally()
    with pytest.raises(asyncio.CancelledError):
        await Embedded.open(
            tmp_path,
            teach=tally.teach,
            register=tally.register,
            snapshot=tally.snapshot,
            restore=break_off,
            clock=lambda: 0,
        )
    async with store_at(tmp_path, tally):
        pass


def _beside(directory: Path) -> list[Path]:
    """What SQLite keeps beside its files while they are open."""
    return [*directory.glob("*-wal"), *directory.glob("*-shm")]


async def test_closing_leaves_everything_in_the_files_themselves(tmp_path: Path) -> None:
    async with store_at(tmp_path, Tally()) as store:
        await store.append([response("e1")])
        await store.load(CustomerId("somebody"))
        assert await store.knows(EventId("e1"), ADA)
    assert _beside(tmp_path) == []


def test_a_file_is_no_directory_for_data(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("something else")
    with pytest.raises(StorageError, match="data is a file: name a directory"):
        DataDirectory(tmp_path / "data")


def test_a_directory_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="cannot be written"):
        DataDirectory(tmp_path)
