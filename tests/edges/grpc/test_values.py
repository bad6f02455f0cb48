"""Typed values: what is written is what is read, for every type there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.edges.grpc.values import Unfit, read_any, reader_of, write_value
from engine.model import Value
from engine.rulebook.book import Kind, Type
from engine.wire.value_pb2 import AttributeValue, MapValue
from tests.edges.grpc.books import attribute

FIRST, LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.BOOL: st.booleans(),
    Kind.INT: st.integers(-(2**63), 2**63 - 1),
    Kind.DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    Kind.STRING: st.text(max_size=20),
    Kind.TIMESTAMP: st.integers(FIRST, LAST),
    Kind.DURATION: st.integers(-(10**17), 10**17),
}
SCALARS = [Type(kind) for kind in VALUES]


@st.composite
def typed(draw: st.DrawFn) -> tuple[Type, Value]:
    element = draw(st.sampled_from(SCALARS))
    one = VALUES[element.kind]
    shape = draw(st.sampled_from(["scalar", "list", "map"]))
    if shape == "scalar":
        return element, draw(one)
    if shape == "list":
        return Type(Kind.LIST, Type(Kind.STRING)), tuple(draw(st.lists(st.text(max_size=5))))
    return Type(Kind.MAP, element), draw(st.dictionaries(st.text(max_size=5), one, max_size=4))


@given(typed())
def test_what_is_written_is_read(case: tuple[Type, Value]) -> None:
    type_, value = case
    message = AttributeValue()
    write_value(message, value, type_)
    again = reader_of(attribute(0, "a", type_), None)(message)
    assert again == value
    assert type(again) is type(value)
    assert read_any(message) == value


@given(typed(), st.sampled_from(SCALARS))
def test_a_value_of_another_type_is_never_taken_for_one_of_this(
    case: tuple[Type, Value], wanted: Type
) -> None:
    type_, value = case
    message = AttributeValue()
    write_value(message, value, type_)
    if type_ == wanted or (type_.kind, wanted.kind) == (Kind.INT, Kind.DOUBLE):
        return
    with pytest.raises(Unfit, match=r"must be an? "):
        reader_of(attribute(0, "a", wanted), None)(message)


def test_an_entry_in_which_nothing_is_set_is_no_entry() -> None:
    message = AttributeValue(map_value=MapValue(entries={"june": AttributeValue()}))
    with pytest.raises(Unfit, match="'june' in which nothing is set"):
        reader_of(attribute(0, "a", Type(Kind.MAP, Type(Kind.INT))), None)(message)
