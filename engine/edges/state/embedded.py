"""The embedded edge: journal, customers, decisions and the model's lessons of one process, wired.

What is appended is on disk before the caller is told, and applied on the event loop in the order of
the log, in slices short enough not to be felt. Now and then a checkpoint of the whole state as of one
place in the log is written; a start goes on from the last one and applies the rest of the log again,
by the same step, to the identical state.
"""

import asyncio
import logging
import sqlite3
import time
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine.codec import DecisionRecord, Entry, Line, SchemaNote, owner
from engine.contact.pending import Returned
from engine.edges.journal.database import DataDirectory, Readers, open_reader, storage_errors
from engine.edges.journal.decisions import DecisionLog, PastRequest, Retention
from engine.edges.journal.entries import (
    Journal,
    Numbered,
    knows,
    read_checkpoint,
    read_customers,
    read_entries,
    read_schemas,
)
from engine.edges.journal.run import Run
from engine.edges.state.checkpoint import Picture
from engine.edges.state.customers import Customers
from engine.edges.state.fold import Fold, Onlooker
from engine.edges.state.mending import put_right
from engine.edges.state.names import DECISIONS, JOURNAL
from engine.edges.state.remains import look_over
from engine.edges.state.resident import Resident
from engine.errors import DamagedData, StorageError
from engine.model import (
    DAY,
    Customer,
    CustomerId,
    Decision,
    DecisionId,
    EventId,
    EventStatus,
    Lesson,
    Micros,
)

log = logging.getLogger(__name__)

_RETRY: Final = 0.2
_REPLAYED_AT_ONCE: Final = 1_000
_REPLAYED_BETWEEN_CHECKPOINTS: Final = 50_000
_FORGOTTEN_AT_ONCE: Final = 1_000
_LAID_TO_REST_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept where.

    Attributes:
        customers: customers kept in memory (those with changes not yet in a checkpoint come on top) …
        at_hand: … of whom so many are ready to be decided for, and the others rest as bytes.
        checkpoint_entries: a checkpoint is due after so many entries …
        checkpoint_seconds: … or after so many seconds, if there was any; None for no such limit.
        remember_ids: how long event ids are recognised as duplicates, by the events' own time.
        decisions: how long decisions are kept.
        slice_seconds: how long applying or encoding keeps the event loop at a time, at most (plus
            one entry or customer).
        patience: seconds callers wait for what they sent to be applied while a customer cannot be
            read from the disk.
    """

    customers: int = 200_000
    at_hand: int = 4_096
    checkpoint_entries: int = 5_000
    checkpoint_seconds: float | None = 10.0
    remember_ids: Micros = 8 * DAY
    decisions: Retention = field(default_factory=Retention)
    slice_seconds: float = 0.000_25
    patience: float = 2.0


class Embedded:
    """Durable state in one data directory, for one process. Made by `open`, ended by `close`.

    All methods are for the event loop it was opened on. `record` and `known` never wait. It is a
    `engine.edges.state.port.State`, and what caps and triggers need besides; `recovered_from` is the
    place of the checkpoint that the start took up.
    """

    def __init__(
        self,
        directory: DataDirectory,
        fold: Fold,
        snapshot: Callable[[], bytes],
        clock: Callable[[], Micros],
        limits: Limits,
    ) -> None:
        self._directory = directory
        self._fold = fold
        self._snapshot = snapshot
        self._clock = clock
        self._limits = limits
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        path = directory.path / JOURNAL
        self._journal = Journal(path, [directory.lock])
        try:
            self.run = Run.over(self._journal.connection, self._journal.last_seq)
            self._decisions = DecisionLog(
                directory.path / DECISIONS, clock, limits.decisions, self.run, self._loop.call_soon
            )
        except StorageError:
            self._journal.close()
            raise
        self._readers = Readers(path, threads=1)
        self._resident = Resident(limits.customers, limits.at_hand, self._loop.call_soon)
        self._customers = Customers(
            path,
            self._loop,
            self._resident,
            lambda: self._applied,
            lambda customer: put_right(self._journal, customer),
        )
        self.known = self.last_known = self._resident.known
        self.load = self._customers.load
        self.ask = self._customers.ask
        self.record: Callable[[DecisionRecord], bool] = self._decisions.record
        self.returned: Callable[[Returned], None] = self._decisions.returned
        self._ready: deque[Numbered] = deque()
        self._scheduled = False
        self._held_up = False
        self._reported = False
        self._patience: asyncio.TimerHandle | None = None
        self._accepted = 0
        self._applied = 0
        self._saved = 0
        self._tried = 0
        self._changed: dict[CustomerId, Customer] = {}
        self._picture: Picture | None = None
        self._saving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: deque[tuple[int, Future[None]]] = deque()
        self._noted: dict[str, Future[list[EventStatus]]] = {}
        self._closing = False
        self._watching: Callable[[Sequence[Numbered]], None] | None = None
        self.recovered_from = 0

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        *,
        teach: Callable[[Lesson], None],
        register: Callable[[Mapping[str, Any]], None],
        snapshot: Callable[[], bytes],
        restore: Callable[[bytes], None],
        clock: Callable[[], Micros],
        limits: Limits | None = None,
        onlooker: Onlooker | None = None,
    ) -> "Embedded":
        """Opens (or creates) a data directory and brings the state to where the log ends.

        `teach` gets every lesson in the order of the log, `register` every feature schema before the
        lessons that use it (again after each start; it must not mind), `snapshot` and `restore` the
        learner's whole state as bytes; `restore` raises for bytes that are none, and then changes
        nothing. `clock` is the time of day, for retention. Where the checkpoint is damaged, all is
        computed and learned again from the log. `onlooker` is shown what is applied, also what is
        applied again by this start.

        Raises:
            StorageError: the directory is in use, damaged, of a newer version, or cannot be read.
        """
        directory = DataDirectory(data_dir)
        try:
            look_over(directory.path)
            store = cls(
                directory,
                Fold(teach, register, str(data_dir / JOURNAL), onlooker),
                snapshot,
                clock,
                limits or Limits(),
            )
        except StorageError:
            directory.close()
            raise
        try:
            await store._recover(restore)
        except BaseException:
            await store._release()
            raise
        store._wind()
        return store

    # --- what callers use ----------------------------------------------------------------------

    async def append(self, entries: Sequence[Entry]) -> list[EventStatus]:
        """Accepts entries, in the order given: of each whether it is new, once all are on disk.

        They are applied soon after (see `settled`). A caller who stops waiting does not undo it.

        Raises:
            StorageError: nothing was accepted, and sending it again is safe.
            Overloaded: the disk is too slow for what comes in.
            TypeError, ValueError: an entry has no place in the log (see `engine.codec`).
        """
        if self._closing:
            raise StorageError("the store is closed")
        told = self._journal.append(entries)
        self._customers.warm(
            [entry.customer_id for entry in entries if not isinstance(entry, SchemaNote)]
        )
        return await told

    async def note_schema(self, digest: str, document: Mapping[str, Any]) -> None:
        """Puts a feature schema into the log, once; returns when it is on disk.

        Raises:
            StorageError: it could not be written.
        """
        told = self._noted.get(digest)
        if told is None:
            told = self._journal.append([SchemaNote(digest, document)])
            self._noted[digest] = told
        try:
            await asyncio.shield(told)
        except StorageError:
            self._noted.pop(digest, None)
            raise

    async def decision(self, decision_id: DecisionId) -> DecisionRecord | None:
        """The record of a decision, also one still on its way to the disk; None if there is none.

        Raises:
            StorageError: the disk cannot be read.
        """
        return await self._decisions.decision(self._loop, decision_id)

    async def recent_requests(self, since: Micros) -> list[PastRequest]:
        """The requests that brought their own id and were decided at or after `since`, newest first."""
        return await self._decisions.recent_requests(self._loop, since)

    async def recent_offers(self, since: Micros) -> list[Returned]:
        """What decisions made at or after `since` offered, the oldest first."""
        return await self._decisions.recent_offers(self._loop, since)

    async def begin_run(self) -> None:
        """Marks the journal as one of this run, once all files beside it are marked (see `Run`).

        Raises:
            StorageError: it could not be written.
        """
        await self._journal.begin_run(self.run)

    async def last_decision(self) -> Decision | None:
        """The decision recorded last; None if there is none.

        Raises:
            StorageError: the disk cannot be read, or what it holds is damaged.
        """
        record = await self._decisions.last(self._loop)
        return None if record is None else record.decision

    async def knows(self, event_id: EventId, customer_id: CustomerId) -> bool:  # noqa: ARG002
        """Whether an event with this id was accepted, of whomever, as far back as ids are remembered.

        Raises:
            StorageError: the disk cannot be read.
        """
        return await self._readers.ask(self._loop, lambda reader: knows(reader, event_id))

    def watch(self, watching: Callable[[Sequence[Numbered]], None]) -> None:
        """Has every group of entries shown once it is on disk, in the order of the log.

        That is before those who appended them are told.
        """
        self._watching = watching

    async def entries_after(self, seq: int) -> list[Numbered]:
        """The next entries of the log, a thousand at most; none at its end.

        Raises:
            StorageError: the disk cannot be read.
        """
        return await self._readers.ask(
            self._loop, lambda reader: list(read_entries(reader, seq, _REPLAYED_AT_ONCE))
        )

    async def customers_after(self, behind: str, at_most: int) -> list[tuple[CustomerId, bytes]]:
        """The next customers of the last checkpoint, in the order of their ids, as they were then.

        Who has changed since is `known`.

        Raises:
            StorageError: the disk cannot be read.
        """
        return await self._readers.ask(
            self._loop, lambda reader: read_customers(reader, behind, at_most)
        )

    @property
    def last_seq(self) -> int:
        """The place of the newest entry that is known to be on disk; 0 if there is none."""
        return self._accepted

    @property
    def applied_seq(self) -> int:
        """The place in the log up to which all is applied."""
        return self._applied

    async def settled(self) -> None:
        """Waits until everything accepted so far is applied.

        Raises:
            StorageError: a customer cannot be read from the disk, and has not been for a while; what
                was accepted is applied once that is possible again.
        """
        if self._applied < self._accepted:
            waiter: Future[None] = self._loop.create_future()
            self._waiters.append((self._accepted, waiter))
            await waiter

    applied = settled

    def hurry(self) -> None:
        """See `engine.edges.state.port.CustomerStore`: the disk is asked in the next turn in any case."""

    @property
    def backlog(self) -> int:
        """Entries accepted and not applied yet."""
        return self._accepted - self._applied

    async def checkpoint(self) -> None:
        """Returns when all that is applied by now is in a checkpoint on disk.

        Raises:
            StorageError: it could not be written; the one before still stands.
        """
        target = self._applied
        while self._saved < target:
            await asyncio.shield(self._saving or self._save_now())
            await asyncio.sleep(0)  # a save that has ended is put away in the next turn of the loop

    async def close(self) -> None:
        """Accepts nothing more, applies what was accepted, writes a last checkpoint, and lets go.

        Nothing is lost where that fails: what was accepted is on disk.
        """
        if self._closing:
            return
        self._closing = True
        try:
            await self._journal.flushed()
            await self.settled()
            if self._saving is not None:
                await asyncio.wait([self._saving])
            await self.checkpoint()
        except StorageError as error:
            log.warning("closed without a last checkpoint: %s", error)
        finally:
            await self._release()

    # --- the start -----------------------------------------------------------------------------

    async def _recover(self, restore: Callable[[bytes], None]) -> None:
        path = self._journal.path
        self._journal.start(self._loop, self._committed)
        with closing(open_reader(path)) as reader, storage_errors(path):
            started = time.perf_counter()
            seq, damage = _restored(reader, restore)
            if damage is not None:
                log.warning("%s: %s; all is learned again from the log", path, damage)
                await self._journal.discard_checkpoint()
            for number, note in read_schemas(reader, self._journal.last_seq):
                if isinstance(note, SchemaNote):
                    self._noted[note.digest] = _told(self._loop)
                self._apply(number, note)
            self._accepted = self._applied = self._saved = self._tried = self.recovered_from = seq
            every = max(self._limits.checkpoint_entries, _REPLAYED_BETWEEN_CHECKPOINTS)
            while await self._replay(reader):
                if self._applied - self._saved >= every:
                    await self.checkpoint()
            self._accepted = self._applied
            if damage is not None:
                took = time.perf_counter() - started
                log.warning("%d entries were learned again in %.1f s", self._applied, took)

    async def _replay(self, reader: sqlite3.Connection) -> bool:
        """Applies the next entries of the log; False if there are none."""
        batch = list(read_entries(reader, self._applied, _REPLAYED_AT_ONCE))
        for number, entry in batch:
            if (customer_id := owner(entry)) is not None:
                self._resident.hold(customer_id)
                if self.known(customer_id) is None:
                    self._customers.take_from(reader, customer_id)
            self._apply(number, entry)
        await asyncio.sleep(0)
        return bool(batch)

    # --- applying ------------------------------------------------------------------------------

    def _committed(self, group: list[Numbered]) -> None:
        """Takes on what has reached the disk."""
        owners = [owner(entry) for _, entry in group]
        wanted = [customer_id for customer_id in owners if customer_id is not None]
        for customer_id in wanted:
            self._resident.hold(customer_id)
        self._customers.warm(wanted)
        self._ready.extend(group)
        self._accepted = group[-1][0]
        if self._watching is not None:
            self._watching(group)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and not self._held_up:
            self._scheduled = True
            self._loop.call_soon(self._advance)

    def _advance(self) -> None:
        """Applies what is ready for as long as a slice lasts, or up to a customer still to be read."""
        self._scheduled = False
        end = time.perf_counter() + self._limits.slice_seconds
        while self._ready:
            number, entry = self._ready[0]
            if (customer_id := owner(entry)) is not None and self._is_missing(customer_id):
                self._hold_up(self._customers.arrival(customer_id))
                break
            self._ready.popleft()
            self._apply(number, entry)
            if time.perf_counter() > end:
                self._schedule()
                break
        while self._waiters and self._waiters[0][0] <= self._applied:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self._applied - self._tried >= self._limits.checkpoint_entries:
            self._save_soon()

    def _is_missing(self, customer_id: CustomerId) -> bool:
        return self.known(customer_id) is None and not self._customers.is_aside(customer_id)

    def _hold_up(self, arrival: "Future[Any]") -> None:
        """Waits for the next entry's customer: lessons are learned in the order of the log."""
        self._held_up = True
        arrival.add_done_callback(self._resume)
        if self._patience is None:
            self._patience = self._loop.call_later(self._limits.patience, self._lose_patience)

    def _resume(self, arrival: "Future[Any]") -> None:
        """Goes on once the customer is there or set aside; after a failure tries again."""
        error = arrival.exception()
        if error is None or isinstance(error, DamagedData):
            self._go_on()
            return
        if not self._reported:
            self._reported = True
            log.error("accepted events wait to be applied: %s", error)
        if self._closing:
            self._disappoint(error)
        else:
            self._loop.call_later(_RETRY, self._go_on)

    def _go_on(self) -> None:
        self._held_up = False
        self._schedule()

    def _lose_patience(self) -> None:
        """Tells those who wait that it takes too long, now and again while that lasts."""
        self._patience = self._loop.call_later(self._limits.patience, self._lose_patience)
        self._disappoint(
            StorageError(
                "accepted and on disk, but not applied yet: a customer cannot be read from "
                f"{self._journal.path}; it is tried again, and sending it again is safe"
            )
        )

    def _disappoint(self, error: BaseException) -> None:
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)

    def _apply(self, number: int, entry: Line) -> None:
        """Applies an entry whose customer is in memory and held, and lets them go.

        What comes for a customer set aside stays in the log and is passed over: what they have taught
        already is not known, and nothing is taught twice. Computed again at a later start, from what
        the log then tells, they have it in their history.
        """
        self._progress()
        customer_id = owner(entry)
        if customer_id is None:
            self._fold.step(number, entry, None)
        elif self._customers.is_aside(customer_id):
            log.error("entry %d of the log is passed over: %r is set aside", number, customer_id)
            self._resident.let_go(customer_id)
        else:
            customer = self._about_to_change(customer_id)
            self._fold.step(number, entry, customer)
            self._resident.let_go(customer_id)
        self._applied = number

    def _progress(self) -> None:
        self._reported = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _about_to_change(self, customer_id: CustomerId) -> Customer:
        customer = self.known(customer_id)
        if customer is None:
            raise AssertionError("a customer is in memory before an entry is applied to them")
        if self._picture is not None:
            self._picture.before_change(customer)
        if customer_id not in self._changed:
            self._changed[customer_id] = customer
            self._resident.hold(customer_id)
        return customer

    # --- checkpoints ---------------------------------------------------------------------------

    def _wind(self) -> None:
        """Starts the clock for checkpoints by time."""
        if self._limits.checkpoint_seconds is not None and not self._closing:
            self._timer = self._loop.call_later(self._limits.checkpoint_seconds, self._due)

    def _due(self) -> None:
        if self._applied > self._saved:
            self._save_soon()
        self._wind()

    def _save_soon(self) -> None:
        if self._saving is None and not self._closing:
            self._save_now().add_done_callback(_report)

    def _save_now(self) -> "asyncio.Task[None]":
        self._saving = self._loop.create_task(self._save())
        self._saving.add_done_callback(self._save_ended)
        return self._saving

    def _save_ended(self, _: "asyncio.Task[None]") -> None:
        self._saving = None

    async def _save(self) -> None:
        """Takes a picture of the state as it is now, and writes it."""
        picture = Picture(self._applied, self._snapshot(), self._changed)
        self._tried = picture.seq
        self._changed = {}
        self._picture = picture
        try:
            encoded = False
            while not encoded:
                encoded = picture.encode_some(
                    _until(time.perf_counter() + self._limits.slice_seconds)
                )
                await asyncio.sleep(0)
            self._picture = None
            await self._journal.save(picture.checkpoint())
        except BaseException:
            self._unsave(picture)
            raise
        else:
            self._saved = picture.seq
            for customer_id in picture.ids:
                self._resident.let_go(customer_id)
        finally:
            self._picture = None
        await self._lay_to_rest(len(picture.ids))
        await self._forget_ids()

    def _unsave(self, picture: Picture) -> None:
        """What did not reach the disk counts as changed again."""
        for customer_id in picture.ids:
            customer = self._resident.known(customer_id)
            if customer_id in self._changed or customer is None:
                self._resident.let_go(customer_id)
            else:
                self._changed[customer_id] = customer

    async def _lay_to_rest(self, let_go: int) -> None:
        """Lays to rest, little by little, whom there is no room for at hand any more."""
        for _ in range(0, let_go, _LAID_TO_REST_AT_ONCE):
            if self._resident.rest_some(_LAID_TO_REST_AT_ONCE):
                return
            await asyncio.sleep(0)

    async def _forget_ids(self) -> None:
        before = self._clock() - self._limits.remember_ids
        most = max(2 * self._limits.checkpoint_entries, _FORGOTTEN_AT_ONCE)
        with suppress(StorageError):
            while most > 0:
                forgotten = await self._journal.forget_ids(before, _FORGOTTEN_AT_ONCE)
                most -= forgotten
                if forgotten < _FORGOTTEN_AT_ONCE:
                    return

    async def _release(self) -> None:
        self._closing = True
        for timer in (self._timer, self._patience):
            if timer is not None:
                timer.cancel()
        # The journal last: SQLite folds the log beside a file into it when its last writer, not reader, leaves.
        for part in (self._decisions, self._readers, self._customers, self._journal):
            await asyncio.to_thread(part.close)
        self._directory.close()


def _restored(
    reader: sqlite3.Connection, restore: Callable[[bytes], None]
) -> tuple[int, Exception | None]:
    """The place of the checkpoint that was taken up; 0, and why, if it is damaged."""
    try:
        seq, model = read_checkpoint(reader)
        if model is not None:
            restore(model)
    except (sqlite3.Error, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes may fail in any way
        return 0, error
    return seq, None


def _until(end: float) -> Callable[[], bool]:
    return lambda: time.perf_counter() > end


def _told(loop: AbstractEventLoop) -> "Future[list[EventStatus]]":
    told: Future[list[EventStatus]] = loop.create_future()
    told.set_result([EventStatus.ACCEPTED])
    return told


def _report(saving: "asyncio.Task[None]") -> None:
    if not saving.cancelled() and (error := saving.exception()) is not None:
        log.warning("no checkpoint was written, the one before stands: %s", error)
