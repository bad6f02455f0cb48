"""Mixed load on a watched service: decisions, explained ones, events, profiles, a new book, a scrape."""

import json
import random
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc

from benchmarks import workloads
from engine.stages import STAGES
from engine.wire.customer_pb2 import GetCustomerRequest, PutCustomersRequest
from engine.wire.customer_pb2_grpc import CustomerServiceStub
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.decision_pb2_grpc import DecisionServiceStub
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest, Response
from engine.wire.event_pb2_grpc import EventServiceStub
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub

CUSTOMERS, BATCH = 300, 50
TIMED = {*STAGES, "explain"}


class Watched(NamedTuple):
    """A service that is watched, deciding among so many actions."""

    channel: grpc.Channel
    metrics: str
    rules: Path
    actions: int
    process: "subprocess.Popen[str]"

    def page(self) -> str:
        """What Prometheus reads."""
        with urllib.request.urlopen(self.metrics, timeout=60) as page:
            told: str = page.read().decode()
        return told

    def books(self) -> int:
        """How many rule books have taken over."""
        status = RuleBookServiceStub(self.channel)
        return int(status.GetRuleBookStatus(GetRuleBookStatusRequest()).loads_accepted)


def seen_under_load(mode: str, actions: int, folder: Path) -> dict[str, float]:
    """What was seen of the loop while everything was asked of the service that had been asked once before."""
    report, log = folder / "report.json", folder / "log"
    with _serving(mode, actions, report, log) as service:
        introduce(service)
        ask_everything(service, seed=1)
        service.process.send_signal(signal.SIGUSR1)
        ask_everything(service, seed=2)
        assert _counted(service, "profile") == _counted(service, "encode") > CUSTOMERS
        service.process.send_signal(signal.SIGUSR1)
    told = json.loads(report.read_text())
    assert told["callbacks"] > CUSTOMERS
    seen: dict[str, float] = told["seen"]
    return seen


@contextmanager
def _serving(mode: str, actions: int, report: Path, log: Path) -> Iterator[Watched]:
    folder = report.parent
    rules = workloads.write_book(folder / "book", actions, contact_policies=True)
    command = [sys.executable, "-m", "tests.loop.serving", mode, report, rules, folder / "data"]
    with (
        log.open("w") as into,
        subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=into, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready = next((line for line in process.stdout if "is ready on" in line), "")
            assert ready, log.read_text()
            address = ready.split(" on ")[1].split(" ")[0]
            said = map(json.loads, log.read_text().splitlines())
            url = next(line["url"] for line in said if line["event"] == "metrics")
            with grpc.insecure_channel(address) as channel:
                yield Watched(channel, url, rules, actions, process)
        finally:
            process.terminate()


def introduce(service: Watched) -> None:
    """Everybody's profile."""
    put = CustomerServiceStub(service.channel).PutCustomers
    people = list(workloads.customers(CUSTOMERS))
    for first in range(0, CUSTOMERS, BATCH):
        put(PutCustomersRequest(customers=people[first : first + BATCH]))


def ask_everything(service: Watched, seed: int) -> None:
    """Decides for everybody, explains some, has all that is shown be seen, and reads what there is to read.

    It goes on until a book with other conditions has taken over.
    """
    chance, before = random.Random(seed), service.books()
    decide = DecisionServiceStub(service.channel).Decide
    record = EventServiceStub(service.channel).RecordEvents
    _rewrite(service, 10 + seed)
    number = 0
    while number < CUSTOMERS or service.books() == before:
        customer = f"customer-{number % CUSTOMERS}"
        answer = decide(
            DecideRequest(
                customer_id=customer,
                request_id=f"{seed}:{number}" if number % 3 else "",
                placements=[workloads.PLACEMENT],
                explain=number % 20 == 0,
            ),
            timeout=60,
        )
        assert answer.placements[0].offers
        assert set(answer.trace.timings_us) == (TIMED if number % 20 == 0 else set())
        events = list(_seen(customer, answer, chance))
        if events:
            results = record(RecordEventsRequest(events=events), timeout=60).results
            assert {result.status for result in results} == {EventResult.STATUS_ACCEPTED}
        if number % 50 == 0:
            introduce(service)
            assert "attune_decisions_total" in service.page()
            CustomerServiceStub(service.channel).GetCustomer(
                GetCustomerRequest(customer_id=customer)
            )
        number += 1


def _counted(service: Watched, stage: str) -> float:
    """How many decisions the metrics have counted at a stage."""
    beginning = f'attune_stage_seconds_count{{channel="web",stage="{stage}"}} '
    [line] = [one for one in service.page().splitlines() if one.startswith(beginning)]
    return float(line.removeprefix(beginning))


def _rewrite(service: Watched, seed: int) -> None:
    """Writes other conditions into the files, as marketing would."""
    book = service.rules
    other = workloads.write_book(book.with_name(f"book-{seed}"), service.actions, seed)
    (book / "actions/all.yaml").write_bytes((other / "actions/all.yaml").read_bytes())


def _seen(customer: str, answer: DecideResponse, chance: random.Random) -> Iterator[Event]:
    placed = answer.placements[0]
    for offer in () if placed.fallback else placed.offers:
        outcome = "accept" if chance.random() < 0.1 else "impression"
        yield Event(
            event_id=f"{answer.decision_id}:{offer.action_id}",
            customer_id=customer,
            response=Response(action_id=offer.action_id, token=answer.token, outcome=outcome),
        )
