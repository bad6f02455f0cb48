"""Contact policies over the wire: many clients of one service at once, and a service that is killed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from engine.wire.customer_pb2 import PutCustomersRequest
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest, Response
from tests.rulebook.builders import action, files
from tests.running.test_reload import ask, profile, write
from tests.service import serving

MOST = 3
PEOPLE = [f"customer-{number}" for number in range(6)]
CLIENTS = 8
ROUNDS = 5

BOOK = files(
    policies={
        "outcomes": {"impression": 0, "click": 0.2},
        "contact_policies": {
            "enough": {
                "scope": "all",
                "count": "impression",
                "at_least": MOST,
                "within": "1d",
                "pause": "7d",
            }
        },
        "all_actions": {
            "contact_policies": ["enough"],
            "applicable_when": {"consent": "consent.marketing"},
        },
    },
    actions=[action(name) for name in "abcdef"],
)


def shown(response):
    [placed] = response.placements
    return [] if placed.fallback else [offer.action_id for offer in placed.offers]


def test_clients_who_ask_at_once_get_no_more_than_is_allowed_and_a_kill_changes_nothing(tmp_path):
    write(tmp_path / "rules", BOOK)
    with serving(tmp_path / "rules", tmp_path / "data") as service:
        customers = [profile(person) for person in PEOPLE]
        service.customers.PutCustomers(PutCustomersRequest(customers=customers), timeout=30)

        def client(_):
            return [(who, ask(service, who)) for _ in range(ROUNDS) for who in PEOPLE]

        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = [answer for part in clients.map(client, range(CLIENTS)) for answer in part]
        counts = Counter(who for who, response in answers for _ in shown(response))
        assert counts == dict.fromkeys(PEOPLE, MOST)
        events = [
            seen(who, response, name) for who, response in answers for name in shown(response)
        ]
        told = service.events.RecordEvents(RecordEventsRequest(events=events), timeout=30)
        assert {result.status for result in told.results} == {EventResult.STATUS_ACCEPTED}
        service.kill()
    with serving(tmp_path / "rules", tmp_path / "data") as service:
        assert [shown(ask(service, who)) for who in PEOPLE] == [[]] * len(PEOPLE)


def seen(who, response, action_id):
    """The report that one offer was seen."""
    event = Event(event_id=f"{response.decision_id}/{action_id}", customer_id=who)
    event.time.GetCurrentTime()
    event.response.CopyFrom(
        Response(action_id=action_id, token=response.token, outcome="impression")
    )
    return event
