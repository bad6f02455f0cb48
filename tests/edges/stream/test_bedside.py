"""A worker's vital signs over HTTP, as a probe asks for them."""

import urllib.request
from urllib.error import HTTPError

import pytest

from engine.edges.stream.bedside import told_at
from engine.edges.stream.vitals import Vitals
from engine.errors import InvalidInput
from engine.settings import Address
from tests.edges.stream.test_vitals import seen, vitals


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_answers_until_the_end_and_follows_what_it_is_told_of(host: str) -> None:
    at_hand: list[Vitals] = []
    with told_at(lambda: at_hand[0] if at_hand else None, Address(host, 0)) as where:
        with pytest.raises(HTTPError, match="503"):
            urllib.request.urlopen(f"http://{where}/ready").close()
        at_hand.append(vitals(seen()))
        with urllib.request.urlopen(f"http://{where}/ready?verbose") as answer:
            assert answer.read() == b"yes\n"
        with urllib.request.urlopen(f"http://{where}/metrics") as answer:
            assert b'attune_worker_lag_records{partition="0",topic="t.events"} 4.0' in answer.read()
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"http://{where}/elsewhere").close()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://{where}/live").close()


def test_an_address_that_is_taken_is_named() -> None:
    with (
        told_at(lambda: None, Address("127.0.0.1", 0)) as where,
        pytest.raises(InvalidInput, match=f"metrics: {where} cannot be listened on"),
        told_at(lambda: None, where),
    ):
        pass
