from collections.abc import Iterator

import grpc
import pytest

from engine.imports.mapping import map_by_name
from engine.imports.plan import Rejection, settle
from engine.imports.sending import Sender
from engine.imports.table import Row
from engine.model import CustomerId
from engine.wire.rulebook_pb2 import GetRuleBookStatusRequest
from engine.wire.rulebook_pb2_grpc import RuleBookServiceStub
from tests.cli.conftest import Live

HEADER = ("customer_id", "customer.age", "telco.plan")


class Sending:
    """Sends rows, and keeps what was refused and for how long it waited."""

    def __init__(self, channel: grpc.Channel, batch: int = 3) -> None:
        status = RuleBookServiceStub(channel).GetRuleBookStatus(GetRuleBookStatusRequest())
        mapping = map_by_name(HEADER, [info.name for info in status.attributes])
        plan = settle(mapping, HEADER, list(status.attributes))
        self.refused: list[Rejection] = []
        self.waited: list[float] = []
        self.sender = Sender(channel, plan, batch, self.refused.append, self.waited.append)

    def send(self, *rows: tuple[str, str, str]) -> tuple[int, int, int]:
        numbered: Iterator[Row] = (Row(line, cells) for line, cells in enumerate(rows, 2))
        for _ in self.sender.send(numbered):
            pass
        tally = self.sender.tally
        return tally.read, tally.imported, tally.rejected


def known(telecom: Live, customer_id: str) -> dict[str, object]:
    customer = telecom.engine.customers.get(CustomerId(customer_id))
    return dict(customer.attributes) if customer else {}


def test_everybody_arrives(telecom: Live, channel: grpc.Channel) -> None:
    rows = [(f"all{i}", str(i), "S") for i in range(10)]
    assert Sending(channel).send(*rows) == (10, 10, 0)
    assert known(telecom, "all7") == {"customer.age": 7, "telco.plan": "S"}


def test_what_the_service_refuses_is_named_and_the_rest_of_the_batch_arrives(
    telecom: Live, channel: grpc.Channel
) -> None:
    sending = Sending(channel, batch=100)
    rows = [("r1", "40", "S"), ("r2", "200", "XS"), ("r3", "x", "S"), ("x" * 200, "4", "S")]
    assert sending.send(*rows, ("r5", "50", "M")) == (5, 2, 3)
    assert {(r.number, r.column, r.value) for r in sending.refused} == {
        (3, "customer.age", "200"),
        (3, "telco.plan", "XS"),
        (4, "customer.age", "x"),
        (5, "customer_id", "x" * 39 + "…"),
    }
    assert any("must be between 0 and 130" in r.message for r in sending.refused)
    assert known(telecom, "r5") == {"customer.age": 50, "telco.plan": "M"}
    assert known(telecom, "r2") == {}


def test_more_mistakes_than_one_answer_can_hold_are_all_found(channel: grpc.Channel) -> None:
    sending = Sending(channel, batch=1000)
    rows = [(f"many{i}", "200" if i % 2 else "20", "S") for i in range(600)]
    assert sending.send(*rows) == (600, 300, 300)
    assert [r.number for r in sending.refused] == list(range(3, 602, 2))


def test_the_last_row_of_an_id_stays(telecom: Live, channel: grpc.Channel) -> None:
    Sending(channel, batch=1).send(("twice", "1", "S"), ("twice", "2", ""), ("twice", "3", "M"))
    assert known(telecom, "twice") == {"customer.age": 3, "telco.plan": "M"}


def test_an_overloaded_service_is_asked_again_when_it_says_and_given_up_at_last(
    channel: grpc.Channel,
) -> None:
    sending = Sending(channel)
    with pytest.raises(grpc.RpcError) as caught:
        sending.send(("overload", "1", "S"))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert sending.waited == [1.5] * 6
    assert sending.sender.tally.imported == 0


def test_a_service_in_trouble_is_asked_again_ever_more_rarely(channel: grpc.Channel) -> None:
    sending = Sending(channel)
    with pytest.raises(grpc.RpcError):
        sending.send(("broken_disk", "1", "S"))
    assert sending.waited == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_customer_too_large_for_a_message_is_refused_alone(channel: grpc.Channel) -> None:
    sending = Sending(channel)
    rows = [("small1", "1", "S"), ("large", "1", "x" * 300_000), ("small2", "1", "S")]
    assert sending.send(*rows) == (3, 2, 1)
    assert sending.refused[0].number == 3
    assert "too large" in sending.refused[0].message
