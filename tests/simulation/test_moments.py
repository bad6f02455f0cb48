from engine.model import CustomerId, Event
from engine.simulation.moments import moments
from tests.happenings import decision, interaction, response, update
from tests.test_windows import kept

ADA = CustomerId("ada")


def seen(at: int, entries: list[Event]) -> tuple[int, int]:
    """Interactions and touches known of Ada when a decision is made."""
    [moment] = moments([decision(at=at)], entries)
    ada = moment.people.get(ADA)
    return (len(ada.interactions), len(ada.touches)) if ada else (0, 0)


def test_only_what_had_happened_is_known() -> None:
    happened = [interaction("e1", at=100), response("e2", at=300)]
    assert seen(100, happened) == (0, 0)
    assert seen(101, happened) == (1, 0)
    assert seen(301, happened) == (1, 1)


def test_reports_may_come_in_any_order() -> None:
    happened = [response("e2", at=300), interaction("e1", at=100)]
    assert seen(200, happened) == (1, 0)


def test_later_decisions_know_more() -> None:
    records = [decision("d1", at=10), decision("d2", at=20)]
    entries = [update(at=5, segment="vip"), update(at=15, segment="mass")]
    known = [dict(moment.people[ADA].attributes) for moment in moments(records, entries)]
    assert known == [{"segment": "vip"}, {"segment": "mass"}]


def test_a_window_nobody_asked_for_then_can_be_asked_of_the_log() -> None:
    happened = [
        interaction(f"e{n}", at=at, what="paid", amount=amount)
        for n, (at, amount) in enumerate([(30, 4.0), (10, 1.5), (60, 99.0)])
    ]
    [moment] = moments([decision(at=50)], happened)
    assert kept(moment.people[ADA], 50)["paid"] == 5.5
