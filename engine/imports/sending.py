"""Sending: customers go to the service by the batch, and a bad one never holds up the others."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from grpc_status.rpc_status import from_call

from engine.imports.cells import shown
from engine.imports.plan import BadRow, ImportPlan, Rejection
from engine.imports.table import Row
from engine.wire.customer_pb2 import Customer, PutCustomersRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub

_BYTES: Final = 192 * 1024
_TIMEOUT: Final = 60.0
_PATIENCE: Final = 6
_PAUSE: Final = 0.25
_PASSING: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
_FIELD: Final = re.compile(
    r'customers\[(\d+)\]\.(?:attributes\["(.*)"\]|(customer_id))(.*)', re.DOTALL
)


@dataclass(slots=True)
class Tally:
    """How far an import has come. `read` counts rows; `imported` are on the service's disk."""

    read: int = 0
    imported: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row with the customer it describes."""

    row: Row
    customer: Customer


class Sender:
    """Sends rows in batches of at most `batch` customers; `reject` hears of every mistake.

    While the service writes one batch the next one is made. Batches arrive in the order of the
    file: of two rows with the same id, the later one stays.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        plan: ImportPlan,
        batch: int,
        reject: Callable[[Rejection], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._put = CustomerServiceStub(channel).PutCustomers
        self._plan = plan
        self._batch = batch
        self._reject = reject
        self._pause = pause
        self.tally = Tally()

    def send(self, rows: Iterator[Row]) -> Iterator[Tally]:
        """Sends everything; yields the tally after each batch.

        Raises:
            grpc.RpcError: the service refuses or does not answer for good; what was imported stays.
        """
        under_way: tuple[list[_Entry], Any] | None = None
        for entries in self._batches(rows):
            call = self._put.future(_request(entries), timeout=_TIMEOUT)
            if under_way is not None:
                self._settle(*under_way)
                yield self.tally
            under_way = (entries, call)
        if under_way is not None:
            self._settle(*under_way)
        yield self.tally

    def _batches(self, rows: Iterator[Row]) -> Iterator[list[_Entry]]:
        entries: list[_Entry] = []
        size = 0
        for row in rows:
            self.tally.read += 1
            try:
                entry = _Entry(row, self._plan.customer(row))
            except BadRow as bad:
                self._refuse(bad.rejections)
                continue
            more = entry.customer.ByteSize() + 8
            if entries and (len(entries) == self._batch or size + more > _BYTES):
                yield entries
                entries, size = [], 0
            entries.append(entry)
            size += more
        if entries:
            yield entries

    def _refuse(self, rejections: tuple[Rejection, ...]) -> None:
        self.tally.rejected += 1
        for rejection in rejections:
            self._reject(rejection)

    def _settle(self, entries: list[_Entry], call: Any) -> None:
        """Waits for a batch; sends it again without the rows the service names, until it is in."""
        attempts = 0
        while entries:
            try:
                call.result()
            except grpc.RpcError as refused:
                error = cast("grpc.Call", refused)
                kept = self._without_refused(entries, error)
                attempts = attempts + 1 if len(kept) == len(entries) else 0
                if attempts > _PATIENCE:
                    raise
                if attempts:
                    self._pause(_wait(error, attempts))
                entries = kept
            else:
                self.tally.imported += len(entries)
                return
            if entries:
                call = self._put.future(_request(entries), timeout=_TIMEOUT)

    def _without_refused(self, entries: list[_Entry], error: grpc.Call) -> list[_Entry]:
        """The rows that were not at fault; all of them if the call may simply be repeated."""
        code = error.code()
        if code is grpc.StatusCode.INVALID_ARGUMENT:
            return self._without_named(entries, error)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and len(entries) == 1 and not _retry(error):
            number = entries[0].row.number
            self._refuse((Rejection(number, "", "", f"is too large: {error.details()}"),))
            return []
        if code in _PASSING:
            return entries
        raise cast("grpc.RpcError", error)

    def _without_named(self, entries: list[_Entry], error: grpc.Call) -> list[_Entry]:
        wrong: dict[int, list[Rejection]] = {}
        for violation in _violations(error):
            found = _FIELD.fullmatch(violation.field)
            if found and int(found[1]) < len(entries):
                entry = entries[int(found[1])]
                rejection = self._rejection(entry.row, found[2], violation.description)
                wrong.setdefault(int(found[1]), []).append(rejection)
        if not wrong:
            raise cast("grpc.RpcError", error)
        for rejections in wrong.values():
            self._refuse(tuple(rejections))
        return [entry for i, entry in enumerate(entries) if i not in wrong]

    def _rejection(self, row: Row, attribute: str | None, description: str) -> Rejection:
        plan = self._plan
        if attribute is None:
            column, at = plan.header[plan.id_at], plan.id_at
        else:
            column, place = plan.column_of(attribute)
            if place is None:
                return Rejection(row.number, column, "", description)
            at = place
        return Rejection(row.number, column, shown(row.cells[at]), description)


def _request(entries: list[_Entry]) -> PutCustomersRequest:
    return PutCustomersRequest(customers=[entry.customer for entry in entries])


def _violations(error: grpc.Call) -> list[BadRequest.FieldViolation]:
    status = from_call(error)
    bad = BadRequest()
    for detail in status.details if status else ():
        if detail.Unpack(bad):
            return list(bad.field_violations)
    return []


def _retry(error: grpc.Call) -> float | None:
    """When the service wants to be asked again, in seconds; None if it does not say."""
    status = from_call(error)
    info = RetryInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return None


def _wait(error: grpc.Call, attempts: int) -> float:
    asked = _retry(error)
    return _PAUSE * 2.0**attempts if asked is None else asked
