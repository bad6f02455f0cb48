import pytest

from engine.decide import Decider
from engine.learning.evidence import imagined
from engine.limits.guards import guards_of
from engine.limits.reach import UNTRAINED, lot
from engine.model import ActionId, Customer, CustomerId, Decision
from engine.rulebook.book import RuleBook, Untrained
from tests.builders import ADULT, FixedModel, decide, question, trace_of
from tests.rulebook.builders import action, book

PEOPLE = 4_000


def rules(channel: str, **keys: object) -> RuleBook:
    return book(
        actions=[action("a", value=2, **keys), action("b", value=1)],
        policies={
            "outbound_channels": [channel],
            "arbitration": {
                "exploration": {"policy": "greedy", "untrained": {"reach": 0.1, "positives": 50}}
            },
        },
    )


def asked(of: RuleBook, who: int, positives: dict[str, float], **rest: object) -> Decision:
    evidence = imagined({ActionId(name): number for name, number in positives.items()})
    guards = guards_of(of, evidence=lambda: evidence)
    decider = Decider(of, FixedModel(of), lambda: 0.0, guards)
    customer = Customer(CustomerId(f"c{who}"), ADULT)
    question_ = question(customer_id=customer.customer_id, **rest)
    return decide(of, question_, customer, by=decider)


def shown(made: Decision) -> list[str]:
    return [offer.action_id for offer in made.placements[0].offers]


@pytest.mark.parametrize(("positives", "share"), [(0, 0.1), (25, 0.55), (50, 1.0), (900, 1.0)])
def test_an_action_reaches_more_customers_the_more_have_said_yes(
    positives: float, share: float
) -> None:
    web = rules("web")
    seen = {"a": positives, "b": 50.0}
    reached = sum("a" in shown(asked(web, who, seen)) for who in range(400))
    assert abs(reached - 400 * share) <= 4.5 * (400 * share * (1 - share)) ** 0.5


def test_who_is_reached_stays_reached_and_each_action_has_others() -> None:
    lots = {who: lot(CustomerId(f"c{who}"), ActionId("a")) for who in range(PEOPLE)}
    few, many = (
        {who for who, place in lots.items() if place < Untrained().share(n)} for n in (0, 100)
    )
    assert few < many
    others = {w for w in lots if lot(CustomerId(f"c{w}"), ActionId("b")) < Untrained().share(0)}
    assert len(few & others) < len(few) / 3


def test_where_the_customer_comes_to_us_every_action_reaches_everybody() -> None:
    assert all(shown(asked(rules("app"), who, {})) == ["a", "b"] for who in range(50))


@pytest.mark.parametrize("kind", ["mandatory", "transactional"])
def test_what_is_owed_is_said_to_everybody(kind: str) -> None:
    web = rules("web", **{"class": kind})
    assert all("a" in shown(asked(web, who, {})) for who in range(50))


def test_without_evidence_nothing_counts_as_untrained() -> None:
    web = rules("web")
    assert all(shown(decide(web, seed=seed)) == ["a", "b"] for seed in range(20))


def test_it_is_told_how_far_an_untrained_action_reaches() -> None:
    web = rules("web")
    traces = (trace_of(asked(web, who, {"a": 5.0, "b": 50.0}, explain=True)) for who in range(20))
    reasons = {
        reason.code: reason.detail
        for trace in traces
        for candidate in trace.candidates
        for reason in candidate.reasons
    }
    assert reasons == {
        UNTRAINED: "untrained: with 5 positives of 50 it is for 19 % of customers,"
        " and not yet for this one"
    }
