"""The tally keeps what went well apart from what did not."""

from hypothesis import given
from hypothesis import strategies as st

from engine.bench.tally import Tally
from engine.wire.decision_pb2 import DecideResponse, Degradation, Offer, PlacementOffers

SEEN = st.lists(st.sampled_from(["full", "degraded", "fallback", "lost", "rejected"]), max_size=40)


def counted(seen: list[str]) -> Tally:
    tally = Tally()
    for number, what in enumerate(seen):
        if what == "rejected":
            tally.failed("RecordEvents", "REJECTED")
            continue
        tally.sent(number * 1e-4)
        if what == "lost":
            tally.failed("Decide", "UNAVAILABLE")
            continue
        placed = PlacementOffers(placement="a", offers=[Offer()], fallback=what == "fallback")
        skipped = [Degradation(step=Degradation.STEP_PROFILE)] if what == "degraded" else []
        tally.answered(DecideResponse(placements=[placed], degraded=skipped), number * 1e-3)
    return tally


@given(seen=SEEN)
def test_every_question_is_counted_once_as_what_it_was(seen):
    tally, lost = counted(seen), seen.count("lost")
    assert tally.asked == len(seen) - seen.count("rejected") == tally.waited.count + lost
    assert tally.unanswered == lost
    assert tally.responses_lost == seen.count("rejected")
    assert (tally.degraded, tally.fallbacks) == (seen.count("degraded"), seen.count("fallback"))
    assert tally.steps["STEP_PROFILE"] == tally.degraded


@given(one=SEEN, other=SEEN)
def test_two_processes_count_as_one_would(one, other):
    together = Tally.from_dict(counted(one).to_dict())
    together.add(counted(other))
    assert together.failures == counted(one + other).failures
    assert together.asked == counted(one).asked + counted(other).asked
    assert together.waited.count == counted(one + other).waited.count
    assert together.placed == counted(one + other).placed
