import pytest

from engine.demo.arms import Arm
from engine.demo.ledger import Latency, Ledger, Sale

ARMS = [Arm.LEARNED, Arm.LEARNED, Arm.RULES_ONLY, Arm.RANDOM]


def sale(person: int, **rest: object) -> Sale:
    known = {"offered": True, "accepted": False, "money": 0.0, "degraded": False, "latency": 0.001}
    return Sale(person, **(known | rest))  # type: ignore[arg-type]  # names and types are Sale's


def test_accept_rate_is_of_decisions_with_an_offer_and_value_of_all() -> None:
    ledger = Ledger(ARMS)
    ledger.add(sale(0, accepted=True, money=30.0))
    ledger.add(sale(0))
    ledger.add(sale(1, offered=False))
    ledger.add_unanswered(1)
    assert ledger.accept_rate(Arm.LEARNED).estimate == 0.5
    assert ledger.value_per_decision(Arm.LEARNED).estimate == 7.5
    assert (ledger.decided(Arm.LEARNED), ledger.decisions) == (4, 4)


def test_each_arm_has_its_own_people() -> None:
    ledger = Ledger(ARMS)
    ledger.add(sale(2, accepted=True, money=5.0))
    ledger.add(sale(3))
    assert ledger.accept_rate(Arm.RULES_ONLY).estimate == 1.0
    assert ledger.accept_rate(Arm.RANDOM).estimate == 0.0
    assert ledger.decided(Arm.LEARNED) == 0
    assert ledger.recent_accept_rate(Arm.RULES_ONLY) == 1.0
    assert ledger.recent_accept_rate(Arm.LEARNED) == 0.0


def test_what_was_not_answered_counts_as_degraded() -> None:
    ledger = Ledger(ARMS)
    for degraded in (True, False, False):
        ledger.add(sale(0, degraded=degraded))
    ledger.add_unanswered(2)
    assert ledger.degraded_share == 0.5
    assert ledger.unanswered == 1


def test_latency_is_exact_and_in_milliseconds() -> None:
    ledger = Ledger(ARMS)
    for i in range(1, 102):
        ledger.add(sale(0, latency=i / 1000))
    waited = ledger.latency()
    assert (waited.p50, waited.p95, waited.p99) == pytest.approx((51.0, 96.0, 100.0))


def test_an_empty_ledger_has_figures_too() -> None:
    ledger = Ledger(ARMS)
    assert ledger.latency() == Latency(0.0, 0.0, 0.0)
    assert ledger.degraded_share == 0.0
    assert ledger.accept_rate(Arm.LEARNED).estimate == 0.0
