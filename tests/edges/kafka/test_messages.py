from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import SchemaNote
from engine.edges.kafka.messages import (
    Place,
    Taught,
    decode_message,
    decode_taught,
    encode_message,
    encode_taught,
)
from engine.errors import DamagedData, StorageError
from engine.model import ActionId, DecisionId, Event, ProfileUpdate, TrainingExample, UpliftLesson
from tests.happenings import interaction, response, update


@pytest.mark.parametrize("entry", [interaction(), response(value=2.5), update(age=40, plan=None)])
def test_an_entry_comes_back_as_it_went_in(entry) -> None:
    assert decode_message(encode_message(entry)) == entry


@pytest.mark.parametrize("taught", [None, 0.0, 0.2])
def test_a_lesson_comes_back_with_its_place(taught: float | None) -> None:
    example = TrainingExample(
        DecisionId("d1"), ActionId("bundle"), "bundles", "web", "s1", [1.5, "x", None], 1.0, taught
    )
    what = UpliftLesson(
        ActionId("bundle"),
        "left",
        True,
        "s1",
        [None, 2],
        False,
        None if taught is None else bool(taught),
    )
    lesson = Taught(Place(7, 2**40), (example, what, replace(example, taken_back=True)))
    assert decode_taught(encode_taught(lesson)) == lesson


def test_schemas_are_among_the_lessons_and_not_among_the_events() -> None:
    note = SchemaNote("s1", {"digest": "s1", "features": []})
    assert decode_taught(encode_message(note)) == note
    with pytest.raises(DamagedData):
        decode_message(encode_message(note))


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda b: b"\x00[1," + b)))
def test_other_bytes_are_told_apart_and_never_end_the_reader(value: bytes) -> None:
    for decode in (decode_message, decode_taught):
        with pytest.raises(StorageError):
            decode(value)


@given(st.data())
def test_cut_messages_are_told_apart(data: st.DataObject) -> None:
    entries: list[Event | ProfileUpdate] = [interaction(), response(), update(age=4)]
    whole = encode_message(data.draw(st.sampled_from(entries)))
    with pytest.raises(StorageError):
        decode_message(whole[: data.draw(st.integers(0, len(whole) - 1))])
