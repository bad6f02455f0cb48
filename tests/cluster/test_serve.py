"""`attune serve --stream --state`: servers in processes of their own, asked over gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.wire import customer_pb2, decision_pb2, event_pb2, value_pb2
from tests.cluster.workers import Cluster, cluster_on
from tests.rulebook.builders import files
from tests.service import Service, serving
from tools.brokers.kafka import Kafka
from tools.brokers.redis import Redis

OUTCOMES = {"outcomes": {"impression": 0, "click": 0.2, "accept": 1}}


@pytest.fixture
async def cluster(kafka: Kafka, redis: Redis) -> AsyncIterator[Cluster]:
    async with cluster_on(kafka, redis) as made:
        yield made


def decide(service: Service, request_id: str = "") -> decision_pb2.DecideResponse:
    request = decision_pb2.DecideRequest(
        request_id=request_id, customer_id="anna", channel="web", placements=["web.hero"]
    )
    return service.decisions.Decide(request, timeout=20)


def respond(service: Service, body: event_pb2.Response) -> event_pb2.RecordEventsResponse:
    event = event_pb2.Event(event_id="r1", customer_id="anna", response=body)
    event.time.GetCurrentTime()
    return service.events.RecordEvents(event_pb2.RecordEventsRequest(events=[event]), timeout=20)


async def test_two_servers_are_one_service(cluster: Cluster, tmp_path: Path) -> None:
    for name, text in files(policies=OUTCOMES).items():
        (tmp_path / "rules" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rules" / name).write_bytes(text)
    options = ["--stream", f"kafka://{cluster.kafka.bootstrap}", "--state", cluster.redis.url]
    options += ["--name", cluster.topics.installation]
    with (
        cluster.worker() as worker,
        serving(tmp_path / "rules", tmp_path / "a", *options) as a,
        serving(tmp_path / "rules", tmp_path / "b", *options) as b,
    ):
        try:
            attributes = {
                "customer.age": value_pb2.AttributeValue(int_value=40),
                "consent.marketing": value_pb2.AttributeValue(bool_value=True),
                "consent.channels": value_pb2.AttributeValue(
                    string_list=value_pb2.StringList(values=["web"])
                ),
            }
            anna = customer_pb2.Customer(customer_id="anna", attributes=attributes)
            put = customer_pb2.PutCustomersRequest(customers=[anna])
            while True:
                a.customers.PutCustomers(put, timeout=20)
                if decide(b).placements[0].fallback is False:
                    break
            made = decide(a, request_id="q1")
            again = decide(b, request_id="q1")
            assert again == made
            offer = made.placements[0].offers[0]
            by_id = event_pb2.Response(
                action_id=offer.action_id, decision_id=made.decision_id, outcome="accept"
            )
            (result,) = respond(b, by_id).results
            assert result.status == event_pb2.EventResult.STATUS_ACCEPTED
            asked = customer_pb2.GetCustomerRequest(customer_id="anna")
            while not a.customers.GetCustomer(asked, timeout=20).history:
                pass
        finally:
            worker.terminate()
