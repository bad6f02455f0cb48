import io

import numpy as np
import orjson
import pytest
from rich.console import Console

from engine.demo.arms import Arm
from engine.demo.ledger import Ledger, Sale
from engine.demo.report import as_json, tell, verdict
from engine.demo.screen import LiveScreen, PlainScreen, screen_for, sparkline
from engine.lift import Lift, Ratio


@pytest.fixture
def ledger() -> Ledger:
    """Three arms of 200 customers: 40, 20 and 30 in a hundred say yes."""
    arms = [arm for arm in Arm for _ in range(200)]
    filled, rng = Ledger(arms), np.random.default_rng(1)
    share = {Arm.LEARNED: 0.4, Arm.RULES_ONLY: 0.2, Arm.RANDOM: 0.3}
    for person, arm in enumerate(arms):
        for _ in range(5):
            accepted = bool(rng.random() < share[arm])
            filled.add(Sale(person, True, accepted, 10.0 * accepted, False, 0.002))
    return filled


def test_programs_get_every_figure(ledger: Ledger) -> None:
    told = orjson.loads(orjson.dumps(as_json(ledger, seed=3, seconds=30.0)))
    for measure in ("accept_rate", "value_per_decision"):
        assert set(told[measure]) == {"learned", "rules_only", "random"}
        assert told["lift"][measure]["rules_only"]["clear"] is True
    assert told["accept_rate"]["learned"] == pytest.approx(0.4, abs=0.05)
    assert told["value_per_decision"]["rules_only"] == pytest.approx(2.0, abs=0.5)
    assert set(told["latency_ms"]) == {"p50", "p95", "p99"}
    assert (told["degraded_share"], told["decisions"], told["seed"]) == (0.0, 3000, 3)


def test_the_last_lines_say_who_won_and_by_how_much(ledger: Ledger) -> None:
    out = io.StringIO()
    tell(ledger, [], 30.0, Console(file=out, width=200))
    last = out.getvalue().splitlines()[-4:]
    assert last[0].startswith("Offers accepted: learned ")
    assert "rules alone" in last[0]
    assert all(line.endswith("That is clear.") for line in last)


@pytest.mark.parametrize(
    ("test", "said"),
    [(0.30, "That is clear."), (0.21, "could still be chance"), (0.10, "That is clearly less.")],
)
def test_a_verdict_does_not_claim_more_than_it_knows(test: float, said: str) -> None:
    control = Ratio(0.2, 0.01, 500)
    assert said in verdict(Lift.of(Ratio(test, 0.01, 500), control))


def test_without_anything_to_compare_it_says_so() -> None:
    lift = Lift.of(Ratio(0.2, 0.01, 500), Ratio(0.0, 0.0, 500))
    assert "nothing yet" in verdict(lift)


def test_the_screen_fits_where_it_is_shown(ledger: Ledger) -> None:
    plain, live = io.StringIO(), io.StringIO()
    with screen_for(Console(file=plain, width=200), 10.0) as screen:
        assert isinstance(screen, PlainScreen)
        screen.say("starting")
        for elapsed in (0.0, 2.0, 5.1, 6.0, 10.0):
            screen.show(ledger, elapsed)
    assert len(plain.getvalue().splitlines()) == 3
    console = Console(file=live, width=160, force_terminal=True)
    with screen_for(console, 10.0) as screen:
        assert isinstance(screen, LiveScreen)
        screen.say("starting")
        screen.show(ledger, 5.0)
    assert "Rules alone" in live.getvalue()
    assert "p99" in live.getvalue()


def test_sparklines() -> None:
    assert sparkline([], 1.0) == ""
    assert sparkline([0.0, 0.0], 0.0) == "▁▁"
    assert sparkline([1.0, 2.0], 2.0)[-1] == "█"
