from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import encode_customer
from engine.edges.redis.record import MARK, NO_MARK, decode_record, encode_record
from engine.errors import DamagedData
from engine.model import Customer, CustomerId
from engine.topology import apply
from tests.happenings import exposure, interaction, response

ADA = CustomerId("ada")


def lived(events: int) -> Customer:
    customer = Customer(ADA, {"age": 40, "plan": "premium"}, 5)
    for n in range(events):
        apply(customer, interaction(f"i{n}", at=n))
        apply(customer, response(f"e{n}", at=n, to=exposure(f"d{n}", at=n)))
    return customer


@pytest.mark.parametrize("events", [0, 1, 50, 1_200])
def test_a_record_holds_its_customer(events: int) -> None:
    customer = lived(events)
    held = decode_record(ADA, encode_record(customer))
    assert held.customer == customer
    assert held.customer.revision == customer.revision
    assert held.mark == encode_record(customer)[:MARK] != NO_MARK


def test_a_long_history_is_packed() -> None:
    record = encode_record(lived(200))
    assert record[MARK] == 1
    assert len(record) < 200 * 40


def test_equal_customers_have_the_same_mark_and_others_do_not() -> None:
    assert encode_record(lived(3)) == encode_record(lived(3))
    assert encode_record(lived(3))[:MARK] != encode_record(lived(4))[:MARK]


@given(st.data())
def test_a_byte_flipped_anywhere_is_noticed(data: st.DataObject) -> None:
    record = bytearray(encode_record(lived(data.draw(st.sampled_from([1, 60])))))
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedData, match="record of customer 'ada' in Redis is damaged"):
        decode_record(ADA, bytes(record))


def test_a_record_under_the_wrong_key_is_refused() -> None:
    with pytest.raises(DamagedData, match="another customer's"):
        decode_record(CustomerId("bob"), encode_record(lived(1)))


def packed_otherwise(customer: Customer, **how: bool) -> bytes:
    """The record of a customer by another packer."""
    compress = zstandard.ZstdCompressor(**how).compress  # type: ignore[arg-type]  # its options are typed one by one
    rest = b"\x01" + compress(encode_customer(customer))
    return blake2b(rest, digest_size=MARK).digest() + rest


def test_a_record_that_does_not_say_how_much_it_holds_is_read() -> None:
    record = packed_otherwise(lived(60), write_content_size=False)
    assert decode_record(ADA, record).customer == lived(60)


def test_a_record_that_would_hold_more_than_any_customer_is_refused() -> None:
    rest = b"\x01" + zstandard.ZstdCompressor().compress(bytes(65 << 20))
    with pytest.raises(DamagedData, match="it holds 68,157,440 bytes"):
        decode_record(ADA, blake2b(rest, digest_size=MARK).digest() + rest)


def test_threads_do_not_share_what_packs_and_unpacks() -> None:
    """Two that unpack with one decompressor at the same time crash, or read each other's."""
    records = {n: encode_record(lived(n)) for n in range(60, 90)}
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda n: decode_record(ADA, records[n]).customer, list(records) * 20))
    assert read == [lived(n) for n in records] * 20


def test_no_record_is_a_fresh_customer() -> None:
    assert decode_record(ADA, None) == (NO_MARK, Customer(ADA))
