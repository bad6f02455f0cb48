import pytest

from engine.edges.kafka.reading import Read
from engine.edges.stream.weights import (
    Weights,
    decode_inheritance,
    decode_weights,
    encode_inheritance,
    encode_weights,
    is_inheritance,
    newest,
)
from engine.errors import DamagedData, StorageError

WEIGHTS = Weights(12, {0: 7, 3: 2**40}, ({"digest": "s1"},), b"a snapshot" * 1_000)


async def topic(*values: tuple[bytes, bytes]):
    for offset, (key, value) in enumerate(values):
        yield Read(offset, key, value)


def test_weights_come_back_as_they_went_in() -> None:
    assert decode_weights(encode_weights(WEIGHTS)) == WEIGHTS


@pytest.mark.parametrize("cut", [1, 20, 30, 40])
def test_cut_weights_are_told_apart(cut: int) -> None:
    whole = encode_weights(WEIGHTS)
    with pytest.raises(StorageError):
        decode_weights(whole[:cut])
    with pytest.raises(DamagedData):
        decode_weights(whole[:-cut])


async def test_those_that_know_most_are_taken_also_if_others_were_written_later() -> None:
    late = encode_weights(WEIGHTS._replace(next=11))
    other = encode_weights(WEIGHTS._replace(next=99))
    records = topic((b"m", encode_weights(WEIGHTS)), (b"m", late), (b"other", other), (b"m", b"?"))
    assert await newest(records, b"m") == WEIGHTS


async def test_there_may_be_none() -> None:
    assert await newest(topic(), b"m") is None


def test_a_model_that_was_brought_along_says_whose_it_is() -> None:
    value = encode_inheritance("c0ffee", 7, WEIGHTS)
    assert is_inheritance(value)
    assert decode_inheritance(value) == ("c0ffee", 7, WEIGHTS)
    assert not is_inheritance(encode_weights(WEIGHTS))


def test_a_model_of_which_a_part_is_missing_is_told_apart() -> None:
    value = encode_inheritance("c0ffee", 7, WEIGHTS)
    for cut in (value[:-40], value.replace(b'"c0ffee"', b"?")):
        with pytest.raises(DamagedData):
            decode_inheritance(cut)
