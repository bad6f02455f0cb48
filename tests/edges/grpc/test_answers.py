"""The answer written as bytes is the message a protobuf library would have built."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.edges.grpc.answers import Answers, encode_on_stream
from engine.model import Decision, Degradation, Offer, PlacementOffers, Step
from engine.wire.decision_pb2 import DecideResponse, DecideStreamResponse

words = st.text(max_size=40)
numbers = st.floats(allow_nan=False)


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    return Offer(
        action_id=draw(words),  # type: ignore[arg-type]  # an id
        treatment_id=draw(words),  # type: ignore[arg-type]  # an id
        issue=draw(words),
        group=draw(words),
        rank=draw(st.integers(0, 16_383)),
        priority=draw(numbers),
        propensity=draw(numbers),
        value=draw(numbers),
        probability=draw(numbers),
        content=draw(st.dictionaries(words, st.text(max_size=300), max_size=4)),
        bundle=draw(words),
    )


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    return decision(
        decision_id=draw(words),
        request_id=draw(words),
        placements=[
            PlacementOffers(draw(words), draw(st.lists(offers(), max_size=12)), draw(st.booleans()))  # type: ignore[arg-type]  # an id
            for _ in range(draw(st.integers(0, 3)))
        ],
        rulebook_version=draw(st.sampled_from(["v1", "v2"])),
        holdout=draw(words),
        degraded=tuple(
            Degradation(step, draw(words)) for step in draw(st.lists(st.sampled_from(Step)))
        ),
    )


def decision(**chosen: Any) -> Decision:
    fields: dict[str, Any] = {
        "decision_id": "d1",
        "customer_id": "anna",
        "request_id": "",
        "channel": "web",
        "decided_at": 0,
        "seed": 0,
        "placements": [],
        "rulebook_version": "v1",
        "model_version": "m1",
        "holdout": "",
        "degraded": (),
        "values": (),
        "features": None,
        "schema": "",
    }
    return Decision(**(fields | chosen))


def built(d: Decision, token: bytes) -> DecideResponse:
    """The same answer, built field by field."""
    response = DecideResponse(
        decision_id=d.decision_id,
        request_id=d.request_id,
        rulebook_version=d.rulebook_version,
        model_version=d.model_version,
        holdout=d.holdout,
        token=token,
    )
    for shown in d.placements:
        placed = response.placements.add(placement=shown.placement, fallback=shown.fallback)
        for offer in shown.offers:
            fields: dict[str, Any] = {name: getattr(offer, name) for name in Offer.__slots__}
            placed.offers.add(**fields)
    for step, reason in d.degraded:
        response.degraded.add(step=step, reason=reason)
    return response


ANSWERS = Answers()  # one for all examples, so that kept fragments are put to the test


@given(decisions(), st.binary(max_size=20_000))
def test_the_bytes_are_the_message(d: Decision, token: bytes) -> None:
    assert DecideResponse.FromString(ANSWERS.encode(d, token)) == built(d, token)
    assert DecideResponse.FromString(ANSWERS.encode(d, token)) == built(d, token)


def offer(**chosen: Any) -> Offer:
    fields: dict[str, Any] = dict.fromkeys(["issue", "group"], "g")
    fields |= {"action_id": "a", "treatment_id": "t", "rank": 1, "content": {"body": "x"}}
    fields |= dict.fromkeys(["priority", "propensity", "value", "probability"], 0.5)
    return Offer(**(fields | chosen))


def test_texts_filled_anew_are_written_anew() -> None:
    answers, bodies = Answers(), []
    for body in ("Anna", "Berta"):
        placed = PlacementOffers("p", [offer(content={"body": body})], fallback=False)  # type: ignore[arg-type]  # an id
        raw = answers.encode(decision(placements=[placed]), b"")
        bodies.append(DecideResponse.FromString(raw).placements[0].offers[0].content["body"])
    assert bodies == ["Anna", "Berta"]


def test_another_rule_book_may_say_another_group_for_the_same_texts() -> None:
    answers, content, groups = Answers(), {"body": "x"}, []
    for version in ("v1", "v2"):
        placed = PlacementOffers("p", [offer(group=version, content=content)], fallback=False)  # type: ignore[arg-type]  # an id
        raw = answers.encode(decision(placements=[placed], rulebook_version=version), b"")
        groups.append(DecideResponse.FromString(raw).placements[0].offers[0].group)
    assert groups == ["v1", "v2"]


def test_the_same_texts_in_a_bundle_and_apart() -> None:
    answers, content, bundles = Answers(), {"body": "x"}, []
    for bundle in ("home", "", "home"):
        placed = PlacementOffers("p", [offer(bundle=bundle, content=content)], fallback=False)  # type: ignore[arg-type]  # an id
        raw = answers.encode(decision(placements=[placed]), b"")
        bundles.append(DecideResponse.FromString(raw).placements[0].offers[0].bundle)
    assert bundles == ["home", "", "home"]


def test_not_a_number_is_written_as_it_is() -> None:
    placed = PlacementOffers("p", [offer(priority=math.nan)], fallback=False)  # type: ignore[arg-type]  # an id
    raw = Answers().encode(decision(placements=[placed]), b"")
    assert math.isnan(DecideResponse.FromString(raw).placements[0].offers[0].priority)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 100_000])
def test_messages_of_any_size_are_wrapped_for_the_stream(size: int) -> None:
    response = DecideResponse(token=b"x" * size)
    raw = encode_on_stream("r1", 2, response.SerializeToString())
    assert DecideStreamResponse.FromString(raw) == DecideStreamResponse(
        request_id="r1", response=response
    )
