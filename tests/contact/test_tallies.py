"""What counts as an impression, and where outcomes are counted."""

from engine.contact.pending import Returned
from engine.contact.tallies import Tallies, Tally
from engine.model import ActionId, CustomerId, DecisionId, PlacementId, Touch

FAMILY = {"a": "one", "b": "one", "c": "two"}


def touch(action, *, at=100, decision="d1", channel="web", **outcomes):
    reported = {name: (time, 0.0) for name, time in outcomes.items()}
    return Touch(decision, action, channel, PlacementId("web.hero"), at, reported)


def counted(touches, offers=(), *, outcome="impression", scopes=FAMILY, channels=(), assumed=True):
    """By scope, when the outcome came."""
    tallies = Tallies()
    tallies.cells(Tally("reject", None, frozenset(), assumed=False))
    cells = tallies.cells(Tally(outcome, scopes, frozenset(channels), assumed))
    counts = tallies.count(touches, offers)
    return {scope: sorted(counts[cell]) for scope, cell in cells.items() if cell in counts}


def test_outcomes_are_counted_by_scope_when_they_were_reported():
    touches = [touch("a", impression=1), touch("b", impression=2), touch("c", impression=3)]
    assert counted(touches) == {"one": [1, 2], "two": [3]}
    assert counted(touches, scopes=None) == {"": [1, 2, 3]}


def test_actions_no_book_has_any_more_count_only_where_all_do():
    assert counted([touch("gone", impression=1)]) == {}
    assert counted([touch("gone", impression=1)], scopes=None) == {"": [1]}


def test_other_channels_do_not_count():
    touches = [touch("a", impression=1), touch("a", impression=2, channel="sms")]
    assert counted(touches, channels=["sms"]) == {"one": [2]}


def test_what_was_answered_was_seen_unless_it_was_not_delivered():
    assert counted([touch("a", click=7, accept=9)]) == {"one": [7]}
    assert counted([touch("a", click=7, impression=8)]) == {"one": [8]}
    assert counted([touch("a", not_delivered=7)]) == {}
    assert counted([touch("a", click=7)], assumed=False) == {}


def test_an_offer_just_returned_counts_until_the_history_has_it():
    offer = Returned(DecisionId("d1"), 50, CustomerId("anna"), None, "web", (ActionId("a"),))
    assert counted([], [offer]) == {"one": [50]}
    assert counted([touch("a", impression=60)], [offer]) == {"one": [60]}
    assert counted([touch("a", not_delivered=60)], [offer]) == {}
    assert counted([touch("a", decision="d2", impression=60)], [offer]) == {"one": [50, 60]}
    assert counted([], [offer], outcome="click") == {}
