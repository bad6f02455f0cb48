"""How policies stand after more offers is how they stand when all is counted anew."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from engine.contact.holding import Holding
from engine.contact.pending import Returned
from engine.contact.standing import Past, standing, standing_after
from engine.model import ActionId, CustomerId, DecisionId, Touch
from engine.rulebook.contact import Contact
from tests.contact.test_no_offer_violates_a_policy import (
    BASE,
    CHANNELS,
    HOUR,
    PLACES,
    START,
    compiled,
    policies,
)

actions = st.integers(0, 5).map("a{}".format)
hours = st.integers(0, 60).map(lambda n: START + n * HOUR)
reported = st.dictionaries(
    st.sampled_from(["impression", "click", "reject", "accept", "not_delivered"]),
    st.tuples(hours, st.just(0.0)),
)
touches = st.lists(
    st.builds(
        Touch,
        st.integers(0, 9).map("d{}".format),
        actions,
        st.sampled_from(CHANNELS),
        st.sampled_from(list(PLACES)),
        hours,
        reported,
    ),
    max_size=8,
)
offers = st.lists(
    st.builds(
        Returned,
        st.integers(5, 30).map("d{}".format),
        hours,
        st.just("anna"),
        st.none(),
        st.sampled_from(CHANNELS),
        st.lists(actions, min_size=1, max_size=3, unique=True).map(tuple),
    ),
    max_size=12,
)


@given(
    policies,
    touches,
    offers,
    st.integers(0, 12),
    st.sampled_from(["UTC", "Europe/Dublin", None]),
)
def test_offers_added_count_as_if_all_were_counted_anew(written, known, made, first, zone):
    holding = Holding(obeyed(written))
    own = ZoneInfo(zone) if zone else None
    made.sort(key=lambda each: each.decided_at)
    now = max((offer.decided_at for offer in made), default=START)
    past = Past(known, tuple(made[:first]))
    before = standing(holding, past, past, min((o.decided_at for o in made), default=now), own)
    after = standing_after(holding, before, tuple(made), made[first:], now)

    whole = past._replace(offers=tuple(made))
    anew = standing(holding, whole, whole, now, own)
    assert open_until(after, now) == open_until(anew, now)
    assert sums(after) == sums(anew)
    assert after.past == anew.past


def test_an_offer_counts_once_for_a_household_and_its_member():
    one, other, home = ActionId("a0"), ActionId("a1"), CustomerId("home")
    whole = Returned(DecisionId("d1"), START, CustomerId("anna"), home, "web", (one, other))
    part, own = whole.without({other}), whole._replace(decision_id=DecisionId("d2"))
    assert Past([], (whole,)).with_member(Past([], (part, own))).offers == (whole, own)
    assert Past([], (part,)).with_member(Past([], (whole,))).offers == (part, whole.without({one}))


def obeyed(written):
    """A book all of whose actions obey all of these policies."""
    contact = Contact(tuple(compiled(f"p{n}", policy) for n, policy in enumerate(written)))
    names = tuple(policy.name for policy in contact.policies)
    actions = tuple(replace(action, contact_policies=names) for action in BASE.actions)
    return replace(BASE, contact=contact, actions=actions)


def open_until(found, now):
    return {treatment: until for treatment, until in found.closed.items() if until > now}


def sums(found):
    return [
        {cell: sorted(times) for cell, times in counts.items() if times}
        for counts in (found.own, found.home)
    ]
