"""Three models beside the default one over real gRPC: learned, killed with -9, changed while it runs."""

from pathlib import Path

from engine.edges.state.rebuild import rebuild, recover
from engine.learning.mind import Mind
from engine.wire.customer_pb2 import Customer, PutCustomersRequest
from engine.wire.decision_pb2 import DecideRequest, DecideResponse
from engine.wire.event_pb2 import Event, EventResult, RecordEventsRequest, Response
from engine.wire.value_pb2 import AttributeValue, StringList
from tests.rulebook.builders import POLICIES, action, files
from tests.running.test_reload import until
from tests.service import Service, serving

PEOPLE = [f"customer-{number}" for number in range(20)]
GROUPS = {"tree": "save", "bayes": "bundles", "line": "plans", "plain": "other"}
MODELS = """\
outcomes: {impression: 0, accept: {reward: 1, window: 30d}}
arbitration: {priority: P * V, exploration: {policy: epsilon, epsilon: 1}}
models:
  default: {features: [customer.age]}
  one: {for: {groups: [save]}, estimator: tree.HoeffdingTreeClassifier, answers_after: 5,
        parameters: {grace_period: 10, delta: 0.05}, features: [customer.*, history.*]}
  two: {for: {groups: [bundles]}, estimator: naive_bayes.BernoulliNB, answers_after: 5,
        features: [customer.segment, customer.age]}
  three: {for: {actions: [line]}, estimator: linear_model.LogisticRegression, answers_after: 5,
          parameters: {optimizer: {AdaGrad: {lr: 0.3}}}, features: [customer.segment]}
"""


def write(to: Path, models: str = MODELS) -> Path:
    policies = POLICIES.replace(
        "groups:\n", "groups:\n  plans: {issue: grow}\n  other: {issue: grow}\n"
    )
    made = files(
        policies=policies.replace("slots: 2", "slots: 4") + models,
        actions=[action(name, group=group) for name, group in GROUPS.items()],
    )
    for name, text in made.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(text)
    return to


def put_everybody(service: Service) -> None:
    """Every second customer is a premium one."""
    profiles = []
    for number, person in enumerate(PEOPLE):
        profile = Customer(customer_id=person)
        segment = ("mass", "premium")[number % 2]
        profile.attributes["customer.age"].CopyFrom(AttributeValue(int_value=20 + number))
        profile.attributes["customer.segment"].CopyFrom(AttributeValue(string_value=segment))
        profile.attributes["consent.marketing"].CopyFrom(AttributeValue(bool_value=True))
        web = AttributeValue(string_list=StringList(values=["web"]))
        profile.attributes["consent.channels"].CopyFrom(web)
        profiles.append(profile)
    service.customers.PutCustomers(PutCustomersRequest(customers=profiles))


def live(service: Service, rounds: range) -> None:
    """Premium customers accept nearly everything, others next to nothing; the accept comes later."""
    for number in rounds:
        who = number % len(PEOPLE)
        asked = DecideRequest(customer_id=PEOPLE[who], placements=["web.hero"])
        answer = service.decisions.Decide(asked, timeout=10)
        for outcome in ("impression", "accept") if who % 2 else ("impression",):
            events = [
                Event(
                    event_id=f"{number}/{offer.action_id}/{outcome}",
                    customer_id=PEOPLE[who],
                    response=Response(
                        action_id=offer.action_id, token=answer.token, outcome=outcome
                    ),
                )
                for offer in answer.placements[0].offers
            ]
            results = service.events.RecordEvents(RecordEventsRequest(events=events)).results
            assert {r.status for r in results} == {EventResult.STATUS_ACCEPTED}, results


def asked_about(service: Service) -> dict[tuple[str, str], float]:
    """The propensity of each action for two customers."""
    found: dict[tuple[str, str], float] = {}
    for person in PEOPLE[:2]:
        asked = DecideRequest(customer_id=person, placements=["web.hero"], dry_run=True)
        answer: DecideResponse = service.decisions.Decide(asked, timeout=10)
        assert not answer.degraded
        found |= {(person, o.action_id): o.propensity for o in answer.placements[0].offers}
    assert len(found) == 2 * len(GROUPS)
    return found


def test_models_learn_answer_outlive_a_kill_and_are_exchanged(tmp_path: Path) -> None:
    rules, data = write(tmp_path / "rules"), tmp_path / "data"
    with serving(rules, data) as service:
        put_everybody(service)
        live(service, range(100))
        before = asked_about(service)
        mass, premium = PEOPLE[:2]
        for name in ("tree", "bayes", "line"):
            assert before[premium, name] > 1.5 * before[mass, name], (name, before)
        service.kill()
    with serving(rules, data) as service:
        assert asked_about(service) == before
        version = service.rulebook.active_version
        write(rules, MODELS.replace("tree.HoeffdingTreeClassifier", "forest.ARFClassifier"))
        until(service, lambda status: status.active_version != version)
        after = asked_about(service)
        assert after[premium, "tree"] != before[premium, "tree"]
        assert after[premium, "bayes"] == before[premium, "bayes"]
        live(service, range(100, 140))
        last = asked_about(service)
        assert last[premium, "tree"] > 1.5 * last[mass, "tree"]
    anew, restored = Mind(), Mind()
    rebuild(data, teach=anew.teach, register=anew.register)
    recover(data, teach=restored.teach, register=restored.register, restore=restored.restore)
    assert anew.digest() == restored.digest()
